"""What a provider receives of a request in another dialect; `docs/conformance.md` is this table.

A cell says what becomes of a feature: `said` in the provider's words, `dropped` and listed in x-arbiter-dropped, or
`skipped`: such a request does not go to this provider.
"""

import dataclasses
import os
import pathlib

import pytest

from e2e.dialects import CALLERS, DIALECTS, FORMATS, question

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "conformance.md"

IMAGE = "iVBORw0KGgo="
TOOL = {"name": "weather", "description": "Tells the weather", "parameters": {"type": "object", "properties": {}}}
OPENAI_TOOLS = [{"type": "function", "function": TOOL}]
RESPONSES_TOOLS = [{"type": "function", **TOOL}]
ANTHROPIC_TOOLS = [{"name": TOOL["name"], "description": TOOL["description"], "input_schema": TOOL["parameters"]}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
ASK = {"role": "user", "content": "Say hello"}


@dataclasses.dataclass(frozen=True)
class Feature:
    """`openai`, `anthropic` and `responses` are members of a request; `None`: the caller's dialect has no word for it.

    The other fields say what a provider of a format receives: JSON pointer -> value, or "dropped", or "skipped".
    """

    name: str
    openai: dict | None
    anthropic: dict | None
    to_openai: dict | str
    to_anthropic: dict | str
    to_gemini: dict | str
    dropped_as: str = ""
    responses: dict | None = None

    def expected(self, dialect):
        return {"openai": self.to_openai, "anthropic": self.to_anthropic, "gemini": self.to_gemini}[FORMATS[dialect]]


def turns_openai(*messages):
    return {"messages": list(messages)}


def items(*items):
    return {"input": list(items)}


CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}
USE = {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Bern"}}
FUNCTION_CALL = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Bern"}'}
SIGNED = {
    "functionCall": {"name": "weather", "args": {"city": "Bern"}},
    "thoughtSignature": "skip_thought_signature_validator",
}
PICTURE = {"type": "base64", "media_type": "image/png", "data": IMAGE}
LINK = "https://example.test/cat.png"
BARE_LINK = "https://example.test/picture?of=cat"

FEATURES = [
    Feature(
        "text",
        {},
        {},
        {"/messages/0": ASK},
        {"/messages/0/role": "user", "/messages/0/content/0/text": "Say hello"},
        {"/contents/0": {"role": "user", "parts": [{"text": "Say hello"}]}},
        responses={},
    ),
    Feature(
        "system prompt",
        turns_openai({"role": "system", "content": "be brief"}, ASK),
        {"system": "be brief"},
        {"/messages/0": {"role": "system", "content": "be brief"}, "/messages/1": ASK},
        {"/system/0/text": "be brief", "/messages/0/role": "user"},
        {"/systemInstruction/parts/0/text": "be brief", "/contents/0/role": "user"},
        responses={"instructions": "be brief"},
    ),
    Feature(
        "several turns",
        turns_openai({"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}, ASK),
        turns_openai({"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}, ASK),
        {"/messages/1": {"role": "assistant", "content": "ho"}, "/messages/2": ASK},
        {"/messages/1/role": "assistant", "/messages/1/content/0/text": "ho"},
        {"/contents/1": {"role": "model", "parts": [{"text": "ho"}]}},
        responses=items({"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}, ASK),
    ),
    Feature(
        "image by its bytes",
        turns_openai(
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}}],
            }
        ),
        turns_openai({"role": "user", "content": [{"type": "image", "source": PICTURE}]}),
        {"/messages/0/content/0/image_url/url": f"data:image/png;base64,{IMAGE}"},
        {"/messages/0/content/0/source": PICTURE},
        {"/contents/0/parts/0/inlineData": {"mimeType": "image/png", "data": IMAGE}},
        responses=items(
            {"role": "user", "content": [{"type": "input_image", "image_url": f"data:image/png;base64,{IMAGE}"}]}
        ),
    ),
    Feature(
        "image by its address",
        turns_openai({"role": "user", "content": [{"type": "image_url", "image_url": {"url": LINK}}]}),
        turns_openai({"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": LINK}}]}),
        {"/messages/0/content/0/image_url/url": LINK},
        {"/messages/0/content/0/source": {"type": "url", "url": LINK}},
        {"/contents/0/parts/0/fileData": {"mimeType": "image/png", "fileUri": LINK}},
        responses=items({"role": "user", "content": [{"type": "input_image", "image_url": LINK}]}),
    ),
    Feature(
        "image by an address that does not end in its type",
        turns_openai({"role": "user", "content": [{"type": "image_url", "image_url": {"url": BARE_LINK}}]}),
        turns_openai({"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": BARE_LINK}}]}),
        {"/messages/0/content/0/image_url/url": BARE_LINK},
        {"/messages/0/content/0/source": {"type": "url", "url": BARE_LINK}},
        "skipped",
        responses=items({"role": "user", "content": [{"type": "input_image", "image_url": BARE_LINK}]}),
    ),
    Feature(
        "tools",
        {"tools": OPENAI_TOOLS},
        {"tools": ANTHROPIC_TOOLS},
        {"/tools": OPENAI_TOOLS},
        {"/tools": ANTHROPIC_TOOLS},
        {
            "/tools/0/functionDeclarations/0": {
                "name": "weather",
                "description": "Tells the weather",
                "parametersJsonSchema": TOOL["parameters"],
            }
        },
        responses={"tools": RESPONSES_TOOLS},
    ),
    Feature(
        "a tool must be called",
        {"tools": OPENAI_TOOLS, "tool_choice": "required"},
        {"tools": ANTHROPIC_TOOLS, "tool_choice": {"type": "any"}},
        {"/tool_choice": "required"},
        {"/tool_choice": {"type": "any"}},
        {"/toolConfig/functionCallingConfig": {"mode": "ANY"}},
        responses={"tools": RESPONSES_TOOLS, "tool_choice": "required"},
    ),
    Feature(
        "this tool must be called",
        {"tools": OPENAI_TOOLS, "tool_choice": {"type": "function", "function": {"name": "weather"}}},
        {"tools": ANTHROPIC_TOOLS, "tool_choice": {"type": "tool", "name": "weather"}},
        {"/tool_choice": {"type": "function", "function": {"name": "weather"}}},
        {"/tool_choice": {"type": "tool", "name": "weather"}},
        {"/toolConfig/functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}},
        responses={"tools": RESPONSES_TOOLS, "tool_choice": {"type": "function", "name": "weather"}},
    ),
    Feature(
        "no tool may be called",
        {"tools": OPENAI_TOOLS, "tool_choice": "none"},
        {"tools": ANTHROPIC_TOOLS, "tool_choice": {"type": "none"}},
        {"/tool_choice": "none"},
        {"/tool_choice": {"type": "none"}},
        {"/toolConfig/functionCallingConfig": {"mode": "NONE"}},
        responses={"tools": RESPONSES_TOOLS, "tool_choice": "none"},
    ),
    Feature(
        "one tool at a time",
        {"tools": OPENAI_TOOLS, "parallel_tool_calls": False},
        {"tools": ANTHROPIC_TOOLS, "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        {"/parallel_tool_calls": False},
        {"/tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        {"/tools/0/functionDeclarations/0/name": "weather"},
        responses={"tools": RESPONSES_TOOLS, "parallel_tool_calls": False},
    ),
    Feature(
        "tool call and result",
        turns_openai(
            ASK,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        ),
        turns_openai(
            ASK,
            {"role": "assistant", "content": [USE]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "sunny"}]},
        ),
        {
            "/messages/1/tool_calls/0/function/name": "weather",
            "/messages/1/tool_calls/0/function/arguments": '{"city":"Bern"}',
            "/messages/2": {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        },
        {
            "/messages/1/content/0": USE,
            "/messages/2/content/0": {
                "type": "tool_result",
                "tool_use_id": "call_1",
                "content": [{"type": "text", "text": "sunny"}],
            },
        },
        {
            "/contents/1/parts/0": SIGNED,
            "/contents/2/parts/0/functionResponse": {"name": "weather", "response": {"result": "sunny"}},
        },
        responses=items(ASK, FUNCTION_CALL, {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}),
    ),
    Feature(
        "failed tool",
        None,
        turns_openai(
            ASK,
            {"role": "assistant", "content": [USE]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_1", "is_error": True, "content": "no such city"},
                    {"type": "text", "text": "try again"},
                ],
            },
        ),
        {"/messages/2/content": "Error: no such city", "/messages/3": {"role": "user", "content": "try again"}},
        {},
        {"/contents/2/parts/0/functionResponse/response": {"error": "no such city"}},
    ),
    Feature(
        "several calls and results",
        turns_openai(
            ASK,
            {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "call_2"}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
            {"role": "tool", "tool_call_id": "call_2", "content": "rain"},
        ),
        turns_openai(
            ASK,
            {"role": "assistant", "content": [USE, {**USE, "id": "call_2"}]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_1", "content": "sunny"},
                    {"type": "tool_result", "tool_use_id": "call_2", "content": "rain"},
                ],
            },
        ),
        {"/messages/1/tool_calls/1/id": "call_2", "/messages/3/content": "rain"},
        {"/messages/1/content/1/id": "call_2", "/messages/2/content/1/tool_use_id": "call_2"},
        {
            "/contents/1/parts/1/functionCall/name": "weather",
            "/contents/2/parts/1/functionResponse/response/result": "rain",
        },
        responses=items(
            ASK,
            FUNCTION_CALL,
            {**FUNCTION_CALL, "call_id": "call_2"},
            {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
            {"type": "function_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "rain"}]},
        ),
    ),
    Feature(
        "JSON schema",
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
            }
        },
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        {
            "/response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
            }
        },
        {"/output_config/format": {"type": "json_schema", "schema": SCHEMA}},
        {"/generationConfig/responseJsonSchema": SCHEMA, "/generationConfig/responseMimeType": "application/json"},
        responses={"text": {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}}},
    ),
    Feature(
        "any JSON object",
        {"response_format": {"type": "json_object"}},
        None,
        {"/response_format": {"type": "json_object"}},
        {"/tool_choice/name": "json_answer", "/tools/0/input_schema": {"type": "object"}},
        {"/generationConfig/responseMimeType": "application/json"},
        responses={"text": {"format": {"type": "json_object"}}},
    ),
    Feature(
        "stop texts",
        {"stop": ["END"]},
        {"stop_sequences": ["END"]},
        {"/stop": ["END"]},
        {"/stop_sequences": ["END"]},
        {"/generationConfig/stopSequences": ["END"]},
    ),
    Feature(
        "temperature and top_p",
        {"temperature": 0.5, "top_p": 0.9},
        {"temperature": 0.5, "top_p": 0.9},
        {"/temperature": 0.5, "/top_p": 0.9},
        {"/temperature": 0.5, "/top_p": 0.9},
        {"/generationConfig/temperature": 0.5, "/generationConfig/topP": 0.9},
        responses={"temperature": 0.5, "top_p": 0.9},
    ),
    Feature(
        "temperature over 1",
        {"temperature": 1.5},
        None,
        {"/temperature": 1.5},
        "dropped",
        {"/generationConfig/temperature": 1.5},
        dropped_as="temperature",
        responses={"temperature": 1.5},
    ),
    Feature(
        "top_k",
        None,
        {"top_k": 5},
        "dropped",
        {},
        {"/generationConfig/topK": 5},
        dropped_as="top_k",
    ),
    Feature(
        "longest answer",
        {"max_completion_tokens": 77},
        {"max_tokens": 77},
        {"/max_completion_tokens": 77},
        {"/max_tokens": 77},
        {"/generationConfig/maxOutputTokens": 77},
        responses={"max_output_tokens": 77},
    ),
    Feature(
        "longest answer not named",
        {},
        None,
        {},
        {"/max_tokens": 4096},
        {},
        responses={},
    ),
    Feature("seed", {"seed": 7}, None, {}, "dropped", {"/generationConfig/seed": 7}, dropped_as="seed"),
    Feature(
        "penalties",
        {"presence_penalty": 0.5, "frequency_penalty": -0.5},
        None,
        {},
        "dropped",
        {"/generationConfig/presencePenalty": 0.5, "/generationConfig/frequencyPenalty": -0.5},
        dropped_as="presence_penalty, frequency_penalty",
    ),
    Feature(
        "reasoning",
        {"reasoning_effort": "medium", "max_completion_tokens": 20000},
        {"thinking": {"type": "enabled", "budget_tokens": 5000}, "max_tokens": 20000},
        {"/reasoning_effort": "medium"},
        {"/thinking": {"type": "enabled", "budget_tokens": 4096}},
        {"/generationConfig/thinkingConfig/thinkingBudget": (4096, 5000)},
        responses={"reasoning": {"effort": "medium", "summary": "auto"}, "max_output_tokens": 20000},
    ),
    Feature(
        "user",
        {"user": "u-1"},
        {"metadata": {"user_id": "u-1"}},
        {"/user": "u-1"},
        {"/metadata": {"user_id": "u-1"}},
        "dropped",
        dropped_as="user",
        responses={"user": "u-1"},
    ),
    Feature(
        "prompt-cache marks",
        turns_openai(
            {"role": "system", "content": [{"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}]},
            ASK,
        ),
        {"system": [{"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}]},
        "dropped",
        {"/system/0/cache_control": {"type": "ephemeral"}},
        "dropped",
        dropped_as="cache_control",
    ),
    Feature(
        "instructions amid the conversation",
        None,
        turns_openai(ASK, {"role": "system", "content": [{"type": "text", "text": "Be brief from now on."}]}),
        {"/messages/1": {"role": "system", "content": "Be brief from now on."}},
        {"/messages/1": {"role": "system", "content": [{"type": "text", "text": "Be brief from now on."}]}},
        {"/contents/0/parts/1": {"text": "Be brief from now on."}},
        responses=items(ASK, {"role": "developer", "content": "Be brief from now on."}),
    ),
    Feature(
        "settings of Anthropic's service",
        None,
        {"cache_control": {"type": "ephemeral"}, "diagnostics": {}, "speed": "fast", "thread": {"type": "create"}},
        "dropped",
        {},
        "dropped",
        dropped_as="cache_control, diagnostics, speed, thread",
    ),
    Feature(
        "the rest of a conversation that Anthropic holds",
        None,
        {"thread": {"type": "continue", "previous_message_id": "msg_1"}},
        "skipped",
        {},
        "skipped",
    ),
    Feature(
        "a billing line in the instructions",
        None,
        {
            "system": [
                {"type": "text", "text": "x-anthropic-billing-header: cch=1;"},
                {"type": "text", "text": "Be brief."},
            ]
        },
        {"/messages/0": {"role": "system", "content": "Be brief."}},
        {},
        {"/systemInstruction/parts": [{"text": "Be brief."}]},
    ),
    Feature(
        "earlier thoughts",
        None,
        turns_openai(
            ASK,
            {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "ho"}],
            },
            ASK,
        ),
        "dropped",
        "dropped",
        "dropped",
        dropped_as="thinking",
        responses=items(
            ASK,
            {"type": "reasoning", "summary": [], "encrypted_content": "x"},
            {"role": "assistant", "content": "ho"},
            ASK,
        ),
    ),
    Feature(
        "bookkeeping",
        {"store": True, "metadata": {"a": "b"}},
        None,
        {},
        "dropped",
        "dropped",
        dropped_as="store, metadata",
    ),
    Feature(
        "bookkeeping of responses",
        None,
        None,
        "dropped",
        "dropped",
        "dropped",
        dropped_as="metadata, prompt_cache_key",
        responses={"metadata": {"a": "b"}, "prompt_cache_key": "k", "store": False},
    ),
    Feature(
        "a tool that takes a text",
        None,
        None,
        {"/tools/0/function/parameters/required": ["input"]},
        {"/tools/0/input_schema/required": ["input"]},
        {"/tools/0/functionDeclarations/0/parametersJsonSchema/required": ["input"]},
        responses={"tools": [{"type": "custom", "name": "patch"}]},
    ),
    Feature(
        "a search by the provider beside tools of one's own",
        None,
        None,
        "dropped",
        "dropped",
        "dropped",
        dropped_as="tools.web_search",
        responses={"tools": [*RESPONSES_TOOLS, {"type": "web_search"}]},
    ),
    Feature(
        "members of messages that nobody knows",
        turns_openai({**ASK, "mood": "good"}),
        turns_openai({**ASK, "mood": "good"}),
        "dropped",
        "dropped",
        "dropped",
        dropped_as="messages[].mood",
    ),
    Feature(
        "something else in an image's place",
        turns_openai(
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "data:application/pdf;base64,JVBERi0="}}],
            }
        ),
        None,
        "skipped",
        "skipped",
        "skipped",
        responses=items(
            {"role": "user", "content": [{"type": "input_image", "image_url": "data:application/pdf;base64,JVBERi0="}]}
        ),
    ),
    Feature(
        "what a provider holds",
        None,
        None,
        "skipped",
        "skipped",
        "skipped",
        responses={"previous_response_id": "resp_1"},
    ),
    Feature("logit_bias", {"logit_bias": {"1": 5}}, None, {}, "skipped", "skipped"),
    Feature(
        "log probabilities",
        {"logprobs": True},
        None,
        "skipped",
        "skipped",
        "skipped",
        responses={"include": ["message.output_text.logprobs"]},
    ),
    Feature("several choices", {"n": 2}, None, {}, "skipped", "skipped"),
    Feature(
        "tools of the provider's own",
        {"tools": [{"type": "custom", "custom": {"name": "x"}}]},
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        "skipped",
        "skipped",
        "skipped",
        responses={"tools": [{"type": "web_search"}]},
    ),
    Feature(
        "members that nobody knows",
        {"brand_new": 1},
        {"brand_new": 1},
        "skipped",
        "skipped",
        "skipped",
        responses={"brand_new": 1},
    ),
]

MISTRAL = {
    "tool call and result": {
        "/messages/1/tool_calls/0/id": "Hk59LCTYP",
        "/messages/1/tool_calls/0/function/name": "weather",
        "/messages/2": {"role": "tool", "tool_call_id": "Hk59LCTYP", "content": "sunny"},
    },
    "several calls and results": {
        "/messages/1/tool_calls/1/id": "DwOLmIZ8C",
        "/messages/2/tool_call_id": "Hk59LCTYP",
        "/messages/3/tool_call_id": "DwOLmIZ8C",
    },
    "instructions amid the conversation": {"/messages/1": {"role": "user", "content": "Be brief from now on."}},
    "logit_bias": "skipped",
    "log probabilities": "skipped",
    "user": "dropped",
    "bookkeeping": "dropped",
    "longest answer": {"/max_tokens": 77},
    "seed": {"/random_seed": 7},
}
"""Where Mistral differs from OpenAI, for either caller."""

MISTRAL_DROPPED = {"user": "user", "bookkeeping": "store"}


def is_native(caller, dialect):
    """Whether nothing but the model's name changes."""
    return FORMATS[dialect] == caller and dialect != "mistral"


def outcome(feature, caller, dialect):
    """What a cell of the table says."""
    if getattr(feature, caller) is None:
        return "-"
    if is_native(caller, dialect):
        return "unchanged"
    if dialect == "mistral" and feature.name in MISTRAL:
        expected = MISTRAL[feature.name]
    elif caller == "openai" and dialect == "mistral":
        return "unchanged"
    else:
        expected = feature.expected(dialect)
    return expected if isinstance(expected, str) else "said"


CELLS = [
    pytest.param(feature, caller, dialect, id=f"{feature.name}: {caller} to {dialect}")
    for feature in FEATURES
    for caller in CALLERS
    for dialect in DIALECTS
    if getattr(feature, caller) is not None
]


def at(document, pointer):
    for part in pointer.split("/")[1:]:
        document = document[int(part) if isinstance(document, list) else part]
    return document


@pytest.mark.parametrize(("feature", "caller", "dialect"), CELLS)
def test_a_provider_receives_what_the_caller_meant(dialect_gateway, feature, caller, dialect):
    body = question(caller, dialect, **getattr(feature, caller))
    response = dialect_gateway.ask(caller, body)
    provider = dialect_gateway.providers[dialect]
    verdict = outcome(feature, caller, dialect)

    if verdict == "skipped":
        assert response.status_code == 400
        assert dialect in response.json()["error"]["message"]
        assert provider.received == []
        return
    assert response.status_code == 200, response.text
    received = provider.only.json
    dropped = response.headers.get("x-arbiter-dropped")
    if verdict == "unchanged":
        renamed = {**body, "model": f"{dialect}-large"}
        if dialect == "mistral" and "max_completion_tokens" in renamed:
            renamed["max_tokens"] = renamed.pop("max_completion_tokens")
        assert (received, dropped) == (renamed, None)
    elif verdict == "dropped":
        expected = MISTRAL_DROPPED.get(feature.name) if dialect == "mistral" else None
        assert dropped == (expected or feature.dropped_as)
    else:
        assert dropped is None
        expected = MISTRAL.get(feature.name) if dialect == "mistral" else None
        for pointer, value in (expected or feature.expected(dialect)).items():
            found = at(received, pointer)
            assert found in value if isinstance(value, tuple) else found == value, pointer


BESIDE_OTHERS = [
    "## Beside other gateways",
    "",
    "Held against 271 cases of the translations of Envoy AI Gateway, Vercel's AI SDK and LiteLLM (November 2026), 208 come out the same.",
    "The others differ for a reason:",
    "",
    "| what | here | there |",
    "|---|---|---|",
    "| `reasoning_effort` to a Claude model whose name says no version | a budget for thinking, which all of them took; the policy's `thinking: adaptive` says otherwise | `output_config.effort`, which older ones refuse |",
    "| a PDF in an image's place | refused, with its place | sent as a document |",
    "| instructions amid a conversation | a system message where it stood | words of the user, with a preface |",
    "| `cache_control` beside the messages, to OpenAI | left out and listed | sent, and ignored |",
    "| thoughts of another vendor's model | left out and listed: nobody takes them back unsigned | passed on |",
    "| several texts of a message, system message or tool result | joined by a line end, or an empty line | joined by nothing |",
    "| an empty message | left out | a text is made up |",
    "| a tool that failed | said to have failed | said like any other |",
    "| images that a tool has given back | sent after the results, by the user; refused where the caller's own dialect has no such thing | lost, or sent where no API takes them |",
    "| a stream with an event that cannot be read, or without an end | ends in an error | goes on, or ends as if complete |",
    "| files, several choices, log probabilities, legacy functions | not sent across dialects; other models of the tier take the call | lost, or sent in part |",
    "| an image by an address that does not end in its type, or by any to a Gemini before 2.5 | not sent: Gemini wants to be told the type | fetched by the gateway, or sent |",
    "| reasoning after calls of tools that were made without, to Claude | left out and listed: Anthropic refuses it | sent |",
]


def page():
    """The table as Markdown."""
    columns = [(caller, dialect) for caller in CALLERS for dialect in DIALECTS]
    lines = [
        "# Conformance",
        "",
        "What becomes of a feature of a request, by the caller's dialect and the provider's. Each cell is a test of",
        "`tests/e2e/test_requests_across_dialects.py`, through a real Envoy; `UPDATE=1` there writes this page.",
        "",
        "- `unchanged`: every byte but the model's name (with Mistral: but the names of members) stays as it came.",
        "- `said`: in the provider's own words.",
        "- `dropped`: harmless, left out and listed in `x-arbiter-dropped`.",
        "- `skipped`: such a request never goes to this provider; other models of the tier take it.",
        "- `-`: the caller's dialect has no word for it.",
        "",
        "| feature | " + " | ".join(f"{caller} → {dialect}" for caller, dialect in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for feature in FEATURES:
        cells = [outcome(feature, caller, dialect) for caller, dialect in columns]
        lines.append(f"| {feature.name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Of answers, each of these is a test for every pair of `tests/e2e/test_answers_across_dialects.py`, with the caller's official",
        "SDK: whole and streamed text, streams split anywhere, pieces that do not wait for the next, calls of tools whole and",
        "streamed, why an answer ended, refusals, usage (cached, written to the cache, reasoning), errors by status, errors that are no",
        "JSON, streams that end too early. `test_standins_across_dialects.py` tries every pair on strict stand-ins.",
        "",
        *BESIDE_OTHERS,
    ]
    return "\n".join(lines) + "\n"


def test_the_page_is_current():
    if os.environ.get("UPDATE"):
        PAGE.write_text(page())
    assert PAGE.read_text() == page(), "UPDATE=1 make e2e writes it anew"
