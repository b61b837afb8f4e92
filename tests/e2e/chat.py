"""Chat calls and completions as bytes: what callers ask and what providers answer."""

import itertools
import json
import time

_numbers = itertools.count(1)

USAGE = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
"""What completions report unless a test says otherwise."""

EASY = "Say hello"
MEDIUM = "Please debug this"
HARD = "Please analyze and refactor the architecture"


def unique(text=EASY):
    """`text` in words that no other test of this run uses: what one test has cached answers no other."""
    return f"{text} #{next(_numbers)}"


def request(text=EASY, model="auto", **members):
    """The body of a chat call with one user message."""
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **members}).encode()


def completion(text="Hello there", finish_reason="stop", usage=USAGE, **message):
    """A `chat.completion`."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "served-model",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "logprobs": None,
                "finish_reason": finish_reason,
            }
        ],
        **({"usage": usage} if usage else {}),
    }


def is_given_anew(response, first):
    """Whether an answer is one that was stored, with an id and a time of its own."""
    again, stored = response.json(), first.json()
    is_fresh = again["id"] != stored["id"] and abs(again.get("created", time.time()) - time.time()) < 60
    renewed = {"id": 0, "created": 0}
    return is_fresh and {**again, **renewed} == {**stored, **renewed}


def event(document):
    """One server-sent event."""
    return b"data: " + json.dumps(document).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def chunk(delta=None, finish_reason=None, **members):
    """A `chat.completion.chunk` event."""
    choices = [{"index": 0, "delta": delta or {}, "logprobs": None, "finish_reason": finish_reason}]
    return event(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1700000000,
            "model": "served-model",
            "choices": choices,
            **members,
        }
    )


def usage_chunk(usage=USAGE, **members):
    """The last chunk of a stream whose caller set `stream_options.include_usage`."""
    return chunk(choices=[], usage=usage, **members)


def streamed(*texts, finish_reason="stop", usage=USAGE):
    """The events of a whole streamed completion, in order."""
    first = chunk({"role": "assistant", "content": ""})
    last = [usage_chunk(usage)] if usage else []
    return [first, *(chunk({"content": text}) for text in texts), chunk({}, finish_reason), *last, DONE]


def events(body):
    """The data of every event in `body`, parsed; `[DONE]` as it is."""
    data = [line[6:] for line in body.decode().split("\n") if line.startswith("data: ")]
    return [item if item == "[DONE]" else json.loads(item) for item in data]


def text_of(body):
    """What the model said in a streamed completion."""
    chunks = [item for item in events(body) if item != "[DONE]"]
    return "".join(choice["delta"].get("content") or "" for item in chunks for choice in item["choices"])
