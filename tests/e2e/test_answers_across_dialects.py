"""What a caller's own SDK makes of the answers of providers of every dialect."""

import json

import anthropic
import httpx
import openai
import pytest

from e2e import dialects
from e2e.dialects import CALLERS, DIALECTS, FORMATS, calling, error, question, streamed, streaming, whole
from e2e.provider import Gate, answer, stream

PAIRS = [pytest.param(caller, dialect, id=f"{caller} from {dialect}") for caller in CALLERS for dialect in DIALECTS]


class OpenAiCaller:
    """The official `openai` package, pointed at the gateway."""

    def __init__(self, gateway):
        http = httpx.Client(trust_env=False)
        self.client = openai.OpenAI(
            api_key="sk-caller", base_url=f"{gateway.envoy.url}/v1", max_retries=0, http_client=http
        )

    @staticmethod
    def summary(completion):
        usage = completion.usage
        details = usage and usage.prompt_tokens_details
        cached = details.cached_tokens if details else 0
        counts = usage and (usage.prompt_tokens, cached, usage.completion_tokens)
        return completion.choices[0].message.content, completion.choices[0].finish_reason, counts

    def said(self, model, **members):
        completion = self.client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Say hello"}], **members
        )
        return self.summary(completion)

    def streamed(self, model):
        with self.client.chat.completions.stream(
            model=model, messages=[{"role": "user", "content": "Say hello"}], stream_options={"include_usage": True}
        ) as events:
            completion = events.get_final_completion()
        return self.summary(completion)

    def calls(self, model, streaming=False):
        tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
        asked = {"model": model, "messages": [{"role": "user", "content": "Weather?"}], "tools": tools}
        if streaming:
            with self.client.chat.completions.stream(**asked) as events:
                completion = events.get_final_completion()
        else:
            completion = self.client.chat.completions.create(**asked)
        message = completion.choices[0].message
        assert completion.choices[0].finish_reason == "tool_calls"
        return [(call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls]

    def failure(self, model):
        with pytest.raises(openai.APIStatusError) as caught:
            self.said(model)
        return caught.value, caught.value.body["message"], caught.value.body["type"]


class AnthropicCaller:
    """The official `anthropic` package, pointed at the gateway."""

    def __init__(self, gateway):
        http = anthropic.DefaultHttpxClient(trust_env=False)
        self.client = anthropic.Anthropic(
            api_key="sk-caller", base_url=gateway.envoy.url, max_retries=0, http_client=http
        )

    @staticmethod
    def summary(message):
        usage = message.usage
        assert message.role == "assistant"
        counts = (
            usage.input_tokens + (usage.cache_read_input_tokens or 0),
            usage.cache_read_input_tokens or 0,
            usage.output_tokens,
        )
        reasons = {"end_turn": "stop", "max_tokens": "length", "refusal": "content_filter", "stop_sequence": "stop"}
        text = "".join(block.text for block in message.content if block.type == "text")
        return text, reasons.get(message.stop_reason, message.stop_reason), counts

    def said(self, model, **members):
        return self.summary(
            self.client.messages.create(
                model=model, max_tokens=100, messages=[{"role": "user", "content": "Say hello"}], **members
            )
        )

    def streamed(self, model):
        with self.client.messages.stream(
            model=model, max_tokens=100, messages=[{"role": "user", "content": "Say hello"}]
        ) as events:
            return self.summary(events.get_final_message())

    def calls(self, model, streaming=False):
        asked = {
            "model": model,
            "max_tokens": 100,
            "messages": [{"role": "user", "content": "Weather?"}],
            "tools": [{"name": "weather", "input_schema": {"type": "object"}}],
        }
        if streaming:
            with self.client.messages.stream(**asked) as events:
                message = events.get_final_message()
        else:
            message = self.client.messages.create(**asked)
        assert message.stop_reason == "tool_use"
        return [(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"]

    def failure(self, model):
        with pytest.raises(anthropic.APIStatusError) as caught:
            self.said(model)
        return caught.value, caught.value.body["error"]["message"], caught.value.body["error"]["type"]


class ResponsesCaller:
    """The official `openai` package, by its newer interface."""

    def __init__(self, gateway):
        self.client = OpenAiCaller(gateway).client

    @staticmethod
    def summary(response):
        usage = response.usage
        counts = usage and (usage.input_tokens, usage.input_tokens_details.cached_tokens, usage.output_tokens)
        reasons = {None: "stop", "max_output_tokens": "length", "content_filter": "content_filter"}
        return response.output_text, reasons[getattr(response.incomplete_details, "reason", None)], counts

    def said(self, model, **members):
        return self.summary(self.client.responses.create(model=model, input="Say hello", **members))

    def streamed(self, model):
        with self.client.responses.stream(model=model, input="Say hello") as events:
            return self.summary(events.get_final_response())

    def calls(self, model, streaming=False):
        tools = [{"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}]
        asked = {"model": model, "input": "Weather?", "tools": tools}
        if streaming:
            with self.client.responses.stream(**asked) as events:
                response = events.get_final_response()
        else:
            response = self.client.responses.create(**asked)
        assert response.status == "completed"
        return [(item.call_id, item.name, json.loads(item.arguments)) for item in response.output]

    def failure(self, model):
        with pytest.raises(openai.APIStatusError) as caught:
            self.said(model)
        return caught.value, caught.value.body["message"], caught.value.body["type"]


SDKS = {"openai": OpenAiCaller, "anthropic": AnthropicCaller, "responses": ResponsesCaller}


@pytest.fixture
def sdk(dialect_gateway):
    return lambda caller: SDKS[caller](dialect_gateway)


COUNTS = (1000, 200, 50)


@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
def test_a_whole_answer(dialect_gateway, sdk, caller, dialect):
    dialect_gateway.providers[dialect].answer = whole(dialect, 'h\u00e9 "quoted"\n')

    assert sdk(caller).said(dialect) == ('h\u00e9 "quoted"\n', "stop", COUNTS)


@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
def test_a_streamed_answer(dialect_gateway, sdk, caller, dialect):
    dialect_gateway.providers[dialect].answer = streaming(dialect, "h\u00e9", " \U0001f600", "\nthere")

    assert sdk(caller).streamed(dialect) == ("h\u00e9 \U0001f600\nthere", "stop", COUNTS)


@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
@pytest.mark.parametrize("size", [1, 7])
def test_a_stream_may_be_split_anywhere(dialect_gateway, sdk, caller, dialect, size):
    whole_stream = b"".join(streamed(dialect, "h\u00e9", " \U0001f600"))
    pieces = [whole_stream[i : i + size] for i in range(0, len(whole_stream), size)]
    dialect_gateway.providers[dialect].answer = stream(*pieces)

    assert sdk(caller).streamed(dialect) == ("h\u00e9 \U0001f600", "stop", COUNTS)


@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
def test_a_piece_of_a_stream_does_not_wait_for_the_next(dialect_gateway, caller, dialect):
    events = streamed(dialect, "first", "second")
    said = next(i for i, event in enumerate(events) if b"first" in event) + 1
    gate = Gate()
    dialect_gateway.providers[dialect].answer = stream(*events[:said], gate, *events[said:])
    body = question(caller, dialect, stream=True)
    with dialect_gateway.envoy.client() as client:
        with client.stream("POST", dialects.PATHS[caller], json=body) as response:
            received = b""
            chunks = response.iter_raw()
            while b"first" not in received:
                received += next(chunks)
            assert b"second" not in received
            gate.open()
            received += b"".join(chunks)
    assert b"second" in received


CALLS = [("call_a", "weather", {"city": "Z\u00fcrich"}), ("call_b", "weather", {"city": "Bern", "days": 3})]


@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
def test_calls_of_tools(dialect_gateway, sdk, caller, dialect):
    dialect_gateway.providers[dialect].answer = calling(dialect, *CALLS)

    assert sdk(caller).calls(dialect) == CALLS


def streamed_calls(dialect):
    """The events of an answer that calls two tools."""
    match FORMATS[dialect]:
        case "openai":
            deltas = []
            for index, (identifier, name, arguments) in enumerate(CALLS):
                text = json.dumps(arguments)
                first = {"index": index, "id": identifier, "type": "function"}
                deltas.append({"tool_calls": [{**first, "function": {"name": name, "arguments": ""}}]})
                for part in (text[:5], text[5:]):
                    deltas.append({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
            chunks = [dialects.chat.chunk(delta) for delta in deltas]
            return [*chunks, dialects.chat.chunk({}, "tool_calls"), dialects.chat.DONE]
        case "anthropic":
            start = dialects.anthropic_message([], None)
            events = [{"type": "message_start", "message": start}]
            for index, (identifier, name, arguments) in enumerate(CALLS):
                text = json.dumps(arguments)
                block = {"type": "tool_use", "id": identifier, "name": name, "input": {}}
                events.append({"type": "content_block_start", "index": index, "content_block": block})
                for part in ("", text[:5], text[5:]):
                    delta = {"type": "input_json_delta", "partial_json": part}
                    events.append({"type": "content_block_delta", "index": index, "delta": delta})
                events.append({"type": "content_block_stop", "index": index})
            delta = {"stop_reason": "tool_use", "stop_sequence": None}
            events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 50}})
            events.append({"type": "message_stop"})
            return [dialects.named(event) for event in events]
        case "gemini":
            pieces = [
                dialects.gemini_response([{"functionCall": {"id": identifier, "name": name, "args": arguments}}], None)
                for identifier, name, arguments in CALLS
            ]
            pieces[-1]["candidates"][0]["finishReason"] = "STOP"
            return [dialects.chat.event(piece) for piece in pieces]


@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
def test_calls_of_tools_in_a_stream(dialect_gateway, sdk, caller, dialect):
    dialect_gateway.providers[dialect].answer = stream(*streamed_calls(dialect))

    assert sdk(caller).calls(dialect, streaming=True) == CALLS


def ended(dialect, reason):
    """An answer that ended for this reason, in the provider's words."""
    words = {
        "openai": {"length": "length", "content_filter": "content_filter"},
        "anthropic": {"length": "max_tokens", "content_filter": "refusal"},
        "gemini": {"length": "MAX_TOKENS", "content_filter": "SAFETY"},
    }[FORMATS[dialect]]
    match FORMATS[dialect]:
        case "openai":
            return answer(dialects.openai_completion({"content": "so far"}, words[reason]))
        case "anthropic":
            return answer(dialects.anthropic_message([{"type": "text", "text": "so far"}], words[reason]))
        case "gemini":
            return answer(dialects.gemini_response([{"text": "so far"}], words[reason]))


@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_why_an_answer_ended(dialect_gateway, sdk, caller, dialect, reason):
    dialect_gateway.providers[dialect].answer = ended(dialect, reason)

    assert sdk(caller).said(dialect) == ("so far", reason, COUNTS)


KINDS = {
    400: ("invalid_request_error", "invalid_request_error"),
    401: ("authentication_error", "authentication_error"),
    403: ("permission_error", "permission_error"),
    404: ("not_found_error", "not_found_error"),
    422: ("invalid_request_error", "invalid_request_error"),
    429: ("rate_limit_error", "rate_limit_error"),
    500: ("server_error", "api_error"),
}


@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
@pytest.mark.parametrize("status", KINDS)
def test_an_error(dialect_gateway, sdk, caller, dialect, status):
    dialect_gateway.providers[dialect].answer = error(dialect, status, "this is why")
    caught, message, kind = sdk(caller).failure(dialect)

    assert (caught.status_code, message) == (status, "this is why")
    native = FORMATS[dialect] == caller
    assert kind == ("some_error" if native else KINDS[status][caller == "anthropic"])
    assert caught.response.headers["retry-after"] == "7"
    assert caught.response.headers["x-ratelimit-remaining-requests"] == "0"
    assert len(dialect_gateway.providers[dialect].received) == 1


@pytest.mark.parametrize(("caller", "status"), [("openai", 503), ("anthropic", 529), ("responses", 503)])
@pytest.mark.parametrize(("dialect", "given"), [("openai", 503), ("anthropic", 529), ("gemini", 503)])
def test_a_provider_that_has_too_much_to_do(dialect_gateway, sdk, caller, status, dialect, given):
    dialect_gateway.providers[dialect].answer = error(dialect, given, "busy")

    assert sdk(caller).failure(dialect)[0].status_code == status


@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
def test_an_error_that_is_no_json(dialect_gateway, sdk, caller, dialect):
    dialect_gateway.providers[dialect].answer = answer(b"<html>Bad Gateway</html>", 502, "text/html")
    caught, message, _ = sdk(caller).failure(dialect)

    assert (caught.status_code, message) == (502, "the provider answered with status 502")


BROKEN_OFF = [pair for pair in PAIRS if FORMATS[pair.values[1]] != pair.values[0]]


@pytest.mark.parametrize(("caller", "dialect"), BROKEN_OFF)
def test_a_stream_that_ends_too_early_ends_in_an_error(dialect_gateway, sdk, caller, dialect):
    events = streamed(dialect, "first", "second")
    dialect_gateway.providers[dialect].answer = stream(*events[: len(events) // 2])

    with pytest.raises((openai.APIError, anthropic.APIError), match="ended before the answer was complete"):
        sdk(caller).streamed(dialect)


@pytest.mark.parametrize("caller", CALLERS)
def test_a_refused_prompt_of_gemini(dialect_gateway, sdk, caller):
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 1000}}
    dialect_gateway.providers["gemini"].answer = answer(blocked)
    text, reason, _ = sdk(caller).said("gemini")

    assert (text or "", reason) == ("", "content_filter")


@pytest.mark.parametrize("caller", CALLERS)
def test_thoughts_and_cache_writes_are_paid_for(tmp_path, caller):
    reply = dialects.gemini_response([{"text": "hm", "thought": True}, {"text": "hello"}])
    reply["usageMetadata"]["thoughtsTokenCount"] = 30
    message = dialects.anthropic_message([{"type": "text", "text": "hello"}])
    message["usage"]["cache_creation_input_tokens"] = 400
    with dialects.running(tmp_path, ("gemini", "anthropic")) as gateway:
        gateway.providers["gemini"].answer = answer(reply)
        gateway.providers["anthropic"].answer = answer(message)
        for model in ("gemini", "anthropic"):
            assert gateway.ask(caller, question(caller, model)).status_code == 200
        thought, written = (line["arbiter"] for line in gateway.envoy.calls(2))

    # USD per million tokens: input 1, cached 0.5, written to the cache 2, output 10.
    assert thought["gen_ai.usage.output_tokens"] == 80
    assert thought["cost_nanousd"] == 800_000 + 100_000 + 800_000
    assert (written["gen_ai.usage.input_tokens"], written["gen_ai.usage.cache_write.input_tokens"]) == (1400, 400)
    assert written["cost_nanousd"] == 800_000 + 100_000 + 800_000 + 500_000


def test_structured_output_is_parsed_by_the_callers_sdk(dialect_gateway, sdk):
    import pydantic

    class City(pydantic.BaseModel):
        name: str
        people: int

    for dialect in DIALECTS:
        dialect_gateway.providers[dialect].answer = whole(dialect, '{"name": "Bern", "people": 134000}')
        completion = sdk("openai").client.chat.completions.parse(
            model=dialect, messages=[{"role": "user", "content": "A city?"}], response_format=City
        )
        assert completion.choices[0].message.parsed == City(name="Bern", people=134000)
        response = sdk("responses").client.responses.parse(model=dialect, input="A city?", text_format=City)
        assert response.output_parsed == City(name="Bern", people=134000)


def test_googles_sdk_understands_what_gemini_is_sent(dialect_gateway):
    from google.genai import types

    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    body = question(
        "openai",
        "gemini",
        tools=tools,
        tool_choice="auto",
        temperature=0.5,
        seed=3,
        stop=["END"],
        reasoning_effort="low",
        response_format={"type": "json_object"},
        messages=[
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "what is this?"}, image]},
            {
                "role": "assistant",
                "content": "let me see",
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": '{"sun": true}'},
        ],
    )
    assert dialect_gateway.ask("openai", body).status_code == 200
    sent = dialect_gateway.providers["gemini"].only.json

    contents = [types.Content.model_validate(content) for content in sent["contents"]]
    assert [content.role for content in contents] == ["user", "model", "user"]
    assert contents[0].parts[1].inline_data.mime_type == "image/png"
    assert contents[2].parts[0].function_response.response == {"sun": True}
    assert types.Tool.model_validate(sent["tools"][0]).function_declarations[0].name == "weather"
    types.ToolConfig.model_validate(sent["toolConfig"])
    types.Content.model_validate(sent["systemInstruction"])
    config = types.GenerationConfig.model_validate(sent["generationConfig"])
    assert (config.seed, config.stop_sequences, config.thinking_config.thinking_budget) == (3, ["END"], 1024)
