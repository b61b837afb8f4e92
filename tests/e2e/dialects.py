"""Every dialect's words for a question and an answer, and a gateway with one provider per dialect."""

import contextlib
import dataclasses
import json

from e2e import chat
from e2e.envoy import Envoy
from e2e.policies import CACHE_OFF
from e2e.provider import Provider, answer, stream

CALLERS = ("openai", "anthropic", "responses")
DIALECTS = ("openai", "azure", "mistral", "anthropic", "gemini")
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "responses": "/v1/responses"}
FORMATS = {"openai": "openai", "azure": "openai", "mistral": "openai", "anthropic": "anthropic", "gemini": "gemini"}

KEYS = {f"{dialect.upper()}_KEY": f"sk-of-{dialect}" for dialect in DIALECTS}
"""Environment variables with the providers' keys."""


PRICES = {"input": 1, "cached_input": 0.5, "cache_write": 2, "output": 10}


def policy(ports, prices=PRICES, **members):
    """A policy with one provider and one model per dialect of `ports`; a model has the name of its dialect."""
    models = {
        dialect: {
            "provider": dialect,
            "upstream_name": f"{dialect}-large",
            "reasoning": True,
            "prices": prices,
        }
        for dialect in ports
    }
    providers = {
        dialect: {
            "host": "127.0.0.1",
            "port": port,
            "tls": False,
            "dialect": dialect,
            "credential": f"{dialect.upper()}_KEY",
        }
        for dialect, port in ports.items()
    }
    return {
        "models": models,
        "providers": providers,
        "tiers": [{"name": "all", "handles": "high", "models": list(ports)}],
        "baseline": next(iter(ports)),
        "requested_model": "honor",
        **CACHE_OFF,
        **members,
    }


@dataclasses.dataclass
class DialectGateway:
    """Envoy in front of one scripted provider per dialect."""

    envoy: Envoy
    providers: dict

    def forget(self):
        for dialect, provider in self.providers.items():
            provider.forget()
            provider.answer = whole(dialect, "hello")

    def ask(self, caller, body, headers=None):
        """A call in the caller's dialect."""
        headers = {"content-type": "application/json", **(headers or {})}
        with self.envoy.client() as client:
            return client.post(PATHS[caller], content=json.dumps(body), headers=headers)


@contextlib.contextmanager
def running(directory, dialects=DIALECTS, **members):
    """A gateway for as long as the block runs; `members` come on top of its policy."""
    with contextlib.ExitStack() as stack:
        providers = {dialect: stack.enter_context(Provider(whole(dialect, "hello"))) for dialect in dialects}
        document = policy({dialect: provider.port for dialect, provider in providers.items()}, **members)
        envoy = stack.enter_context(Envoy.start(document, directory, environment=KEYS))
        yield DialectGateway(envoy, providers)


def question(caller, model, text="Say hello", /, **members):
    """A request with one user message."""
    if caller == "responses":
        return {"model": model, "input": text, **members}
    body = {"model": model, "messages": [{"role": "user", "content": text}], **members}
    return {"max_tokens": 100, **body} if caller == "anthropic" else body


USAGE = {"input": 1000, "cached": 200, "output": 50}


def anthropic_message(blocks, reason="end_turn", sequence=None):
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "anthropic-large",
        "content": blocks,
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": {"input_tokens": 800, "cache_read_input_tokens": 200, "output_tokens": 50},
    }


def gemini_response(parts, reason="STOP"):
    return {
        "responseId": "resp1",
        "modelVersion": "gemini-large",
        "candidates": [{"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": reason}],
        "usageMetadata": {"promptTokenCount": 1000, "cachedContentTokenCount": 200, "candidatesTokenCount": 50},
    }


def openai_completion(message, reason="stop"):
    usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 50,
        "total_tokens": 1050,
        "prompt_tokens_details": {"cached_tokens": 200},
    }
    completion = chat.completion(None, reason, usage)
    completion["choices"][0]["message"] = {"role": "assistant", "content": None, **message}
    return completion


def whole(dialect, text):
    """A whole answer with this text, by a provider of this dialect."""
    match FORMATS[dialect]:
        case "openai":
            return answer(openai_completion({"content": text}))
        case "anthropic":
            return answer(anthropic_message([{"type": "text", "text": text}]))
        case "gemini":
            return answer(gemini_response([{"text": text}]))


def calling(dialect, *calls):
    """A whole answer that calls tools: (id, name, arguments)."""
    match FORMATS[dialect]:
        case "openai":
            calls = [
                {"id": i, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
                for i, name, arguments in calls
            ]
            return answer(openai_completion({"tool_calls": calls}, "tool_calls"))
        case "anthropic":
            blocks = [{"type": "tool_use", "id": i, "name": name, "input": arguments} for i, name, arguments in calls]
            return answer(anthropic_message(blocks, "tool_use"))
        case "gemini":
            parts = [{"functionCall": {"id": i, "name": name, "args": arguments}} for i, name, arguments in calls]
            return answer(gemini_response(parts))


def named(event):
    """An event as Anthropic sends it."""
    return b"event: %s\n" % event["type"].encode() + chat.event(event)


def streamed(dialect, *texts):
    """The events of a streamed answer, in order."""
    match FORMATS[dialect]:
        case "openai":
            usage = openai_completion({})["usage"]
            return chat.streamed(*texts, usage=usage)
        case "anthropic":
            start = anthropic_message([], None)
            start["usage"]["output_tokens"] = 1
            deltas = [
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
                for text in texts
            ]
            events = [
                {"type": "message_start", "message": start},
                {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
                {"type": "ping"},
                *deltas,
                {"type": "content_block_stop", "index": 0},
                {
                    "type": "message_delta",
                    "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                    "usage": {"output_tokens": 50},
                },
                {"type": "message_stop"},
            ]
            return [named(event) for event in events]
        case "gemini":
            pieces = [gemini_response([{"text": text}], None) for text in texts]
            for piece in pieces[:-1]:
                del piece["usageMetadata"]
            pieces[-1]["candidates"][0]["finishReason"] = "STOP"
            return [chat.event(piece) for piece in pieces]


def streaming(dialect, *texts):
    """A streamed answer, an event a chunk."""
    return stream(*streamed(dialect, *texts))


def error(dialect, status, message):
    """An error as a provider of this dialect shapes it."""
    match FORMATS[dialect]:
        case "openai":
            body = {"error": {"message": message, "type": "some_error", "param": None, "code": None}}
        case "anthropic":
            body = {"type": "error", "error": {"type": "some_error", "message": message}}
        case "gemini":
            body = {"error": {"code": status, "message": message, "status": "SOMETHING"}}
    return answer(body, status, headers=[("retry-after", "7"), ("x-ratelimit-remaining-requests", "0")])
