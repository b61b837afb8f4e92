"""Stand-ins of the demo's two providers that call a tool when they are offered one that a test wants to see called."""

import json
import re

from e2e import chat, dialects
from e2e.provider import stream

ANSWER = "Hello there"


class Standin:
    """A provider's script: `calls` are tools that are called once for each of the user's messages, by name, with arguments."""

    def __init__(self, dialect):
        self.dialect = dialect
        self.calls = {}
        self.says = ANSWER

    def __call__(self, exchange):
        body = exchange.received.json
        wanted = [(name, self.calls[name]) for name in self._offered(body) if name in self.calls]
        call = wanted[0] if wanted and not self._has_result(body) else None
        if body.get("stream"):
            events = (
                self._streamed_call(*call)
                if call
                else dialects.streamed(self.dialect, *re.findall(r"\s*\S+", self.says))
            )
            stream(*events)(exchange)
        else:
            whole = dialects.calling(self.dialect, ("call_1", *call)) if call else self._whole()
            whole(exchange)

    def _offered(self, body):
        for tool in body.get("tools") or []:
            yield tool["function"]["name"] if self.dialect == "openai" else tool["name"]

    def _has_result(self, body):
        last = body["messages"][-1]
        if self.dialect == "openai":
            return last["role"] == "tool"
        return any(block["type"] == "tool_result" for block in last["content"] if isinstance(block, dict))

    def _whole(self):
        return dialects.whole(self.dialect, self.says)

    def _streamed_call(self, name, arguments):
        text = json.dumps(arguments)
        if self.dialect == "openai":
            first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
            deltas = [{"tool_calls": [first]}, {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}]
            return [
                *(chat.chunk(delta) for delta in deltas),
                chat.chunk({}, "tool_calls"),
                chat.usage_chunk(),
                chat.DONE,
            ]
        block = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": text}
        end = {"stop_reason": "tool_use", "stop_sequence": None}
        events = [
            {"type": "message_start", "message": dialects.anthropic_message([], None)},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": end, "usage": {"output_tokens": 50}},
            {"type": "message_stop"},
        ]
        return [dialects.named(event) for event in events]
