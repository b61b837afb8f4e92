"""How an answer ends is told apart: all said, cut off, failed before it began, or left by its caller."""

import concurrent.futures
import gzip
import json

import pytest

from e2e import chat, dialects, envoy
from e2e.gateway import with_trailers
from e2e.policies import CACHE_OFF
from e2e.provider import Gate, answer, failure, hang, stream
from e2e.waiting import until

POLICY = CACHE_OFF
JSON = {"content-type": "application/json"}

needs_late_retries = pytest.mark.skipif(
    envoy.version() < (1, 37), reason="retrying after a body would crash this Envoy"
)

TEXT = chat.chunk({"role": "assistant", "content": "one "})
STOP = chat.chunk({}, "stop")
ERROR = chat.event({"error": {"message": "overloaded", "type": "server_error", "param": None, "code": None}})


def outcome_of(gateway, model):
    """What the access log says of the call that named this model."""

    def found():
        calls = [call["arbiter"] for call in gateway.envoy.calls(0)]
        return next((call["outcome"] for call in calls if call.get("requested_model") == model), None)

    return until(found, f"the call of {model}")


ENDINGS = {
    "all": ([TEXT, STOP, chat.usage_chunk(), chat.DONE], "routed", False),
    "no-done": ([TEXT, STOP, chat.usage_chunk()], "routed", False),
    "no-usage": ([TEXT, STOP, chat.DONE], "routed", False),
    "no-finish-reason": ([TEXT, chat.DONE], "cut", True),
    "only-text": ([TEXT], "cut", True),
    "only-a-comment": ([b": hello\n\n"], "cut", True),
    "half-an-event": ([TEXT, b'data: {"id": "c'], "cut", True),
    "an-error": ([TEXT, ERROR], "cut", True),
}


@pytest.mark.parametrize(("pieces", "outcome", "tells"), ENDINGS.values(), ids=ENDINGS)
def test_a_stream_that_the_provider_ends_too_early_ends_in_an_error(gateway, pieces, outcome, tells):
    gateway.grand.answer = stream(*pieces)
    model = chat.unique("model")
    response = gateway.ask(chat.unique(chat.HARD), stream=True, model=model)

    assert response.status_code == 200
    # What says that nothing will follow does not stand before what says that something is missing.
    said = b"".join(piece for piece in pieces if not (tells and piece == chat.DONE))
    assert response.content.startswith(said.replace(chat.usage_chunk(), b""))
    lines = response.content.decode().split("\n")
    found = [line for line in lines if line.startswith("data: ") and '"error"' in line]
    assert len(found) == (1 if tells else 0)
    assert outcome_of(gateway, model) == outcome


def test_an_anthropic_caller_is_told_in_its_own_words(dialect_gateway):
    start = dialects.streamed("anthropic", "hello")[:2]
    dialect_gateway.providers["anthropic"].answer = stream(*start)
    body = dialects.question("anthropic", "anthropic", stream=True)
    response = dialect_gateway.ask("anthropic", body)

    last = response.content.decode().rstrip().split("\n\n")[-1].split("\n")
    assert last[0] == "event: error"
    assert json.loads(last[1].removeprefix("data: "))["error"]["type"] == "api_error"


def test_a_connection_that_breaks_is_a_cut_answer(gateway):
    gateway.grand.answer = stream(TEXT, complete=False)
    model = chat.unique("model")
    with pytest.raises(Exception, match="peer closed"):
        gateway.ask(chat.unique(chat.HARD), stream=True, model=model)

    assert outcome_of(gateway, model) == "cut"


def test_a_stream_that_trailers_end_too_early_is_cut_although_nothing_can_be_added(start_gateway):
    gateway = start_gateway(CACHE_OFF, tweak=with_trailers)
    gateway.grand.answer = stream(TEXT, trailers=b"x: a\r\n")
    response = gateway.ask(chat.HARD, stream=True)

    assert response.content == TEXT
    (line,) = gateway.envoy.calls(1)
    assert line["arbiter"]["outcome"] == "cut"


@needs_late_retries
def test_a_stream_that_trailers_end_before_its_first_event_fails_over(start_gateway):
    gateway = start_gateway(CACHE_OFF, tweak=with_trailers)
    gateway.mini.answer = stream(b": hello\n\n", trailers=b"x: a\r\n")
    gateway.spare.answer = stream(*chat.streamed("from spare"))

    assert chat.text_of(gateway.ask(stream=True).content) == "from spare"


def test_a_caller_that_leaves_has_abandoned_its_answer(gateway):
    gate = Gate()
    gateway.grand.answer = stream(TEXT, gate, STOP)
    model = chat.unique("model")
    body = chat.request(chat.unique(chat.HARD), stream=True, model=model)
    with (
        gateway.envoy.client() as client,
        client.stream("POST", "/v1/chat/completions", content=body, headers=JSON) as response,
    ):
        next(response.iter_raw())
    gate.open()

    assert outcome_of(gateway, model) == "abandoned"


@needs_late_retries
@pytest.mark.parametrize(
    "first", [[ERROR], [b": wait\n\n", ERROR], [ERROR[:9], ERROR[9:]], [b"data: nonsense\n\n"], []]
)
def test_a_stream_that_begins_with_an_error_fails_over(gateway, first):
    gateway.mini.answer = stream(*first)
    gateway.spare.answer = stream(*chat.streamed("from spare"))
    response = gateway.ask(stream=True)

    assert response.status_code == 200
    assert chat.text_of(response.content) == "from spare"
    assert "failed=" in response.headers["x-arbiter-decision"]


@needs_late_retries
@pytest.mark.parametrize(
    ("caller", "dialect"),
    [("openai", "anthropic"), ("openai", "gemini"), ("anthropic", "openai"), ("anthropic", "anthropic")],
)
def test_so_does_one_of_another_dialect(tmp_path, caller, dialect):
    other = "openai" if dialect != "openai" else "gemini"
    error = {
        "anthropic": b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n',
        "gemini": b'data: {"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}\n\n',
        "openai": ERROR,
    }[dialect]
    with dialects.running(tmp_path, (dialect, other)) as gateway:
        gateway.providers[dialect].answer = stream(error)
        gateway.providers[other].answer = stream(*dialects.streamed(other, "hello"))
        response = gateway.ask(caller, dialects.question(caller, "auto", stream=True))

        assert response.status_code == 200
        assert len(gateway.providers[other].received) == 1
        assert b"error" not in response.content


@needs_late_retries
def test_a_stream_that_breaks_before_its_first_event_fails_over(gateway):
    gateway.mini.answer = stream(b": hello\n\n", complete=False)
    gateway.spare.answer = stream(*chat.streamed("from spare"))

    assert chat.text_of(gateway.ask(stream=True).content) == "from spare"


@needs_late_retries
def test_a_provider_that_says_that_it_is_alive_is_waited_for(start_gateway):
    gateway = start_gateway({**CACHE_OFF, "failover": {"per_try_idle_timeout": "1s"}})
    gate = Gate()

    def late(exchange):
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        exchange.send(head)
        # Comments until long after a silent provider would have been given up.
        while not gate.is_open():
            exchange.send(b"3\r\n:\n\n\r\n")
            exchange.closed.wait(0.05)
        for piece in chat.streamed("at last"):
            exchange.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        exchange.send(b"0\r\n\r\n")

    gateway.mini.then(late, hang)
    gateway.spare.answer = stream(*chat.streamed("from spare"))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(gateway.ask, stream=True)
        gateway.mini.wait_for(1)
        assert chat.text_of(gateway.ask(stream=True).content) == "from spare"
        gate.open()

        assert chat.text_of(waiting.result().content) == "at last"


@pytest.mark.parametrize("status", [400, 404, 503])
def test_an_error_without_a_body_is_given_one(gateway, status):
    gateway.grand.answer = answer(b"", status, headers=[("retry-after", "7")])
    response = gateway.ask(chat.unique(chat.HARD))

    assert (response.status_code, response.headers["retry-after"]) == (status, "7")
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}


def test_who_leaves_when_all_was_said_has_been_answered(start_gateway):
    gateway = start_gateway()
    gate = Gate()
    text = chat.unique(chat.HARD)
    gateway.grand.answer = stream(*chat.streamed("all"), gate)
    body = chat.request(text, stream=True)
    with (
        gateway.envoy.client() as client,
        client.stream("POST", "/v1/chat/completions", content=body, headers=JSON) as response,
    ):
        received = b""
        for piece in response.iter_raw():
            received += piece
            if chat.DONE in received:
                break
    (line,) = gateway.envoy.calls(1)
    gate.open()

    assert (line["arbiter"]["outcome"], line["arbiter"]["gen_ai.usage.output_tokens"]) == ("routed", 200)
    assert "; hit" in gateway.ask(text).headers["cache-status"]


EMPTY = {
    "json": answer(b""),
    "json-without-length": lambda exchange: exchange.send(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "events": answer(b"", content_type="text/event-stream"),
}


@pytest.mark.parametrize("script", EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
def test_an_answer_without_a_body_is_an_error_in_the_callers_dialect(gateway, script, streaming):
    gateway.grand.answer = script
    model = chat.unique("model")
    response = gateway.ask(chat.unique(chat.HARD), stream=streaming, model=model)

    assert response.status_code == 502
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert outcome_of(gateway, model) == "failed"


@pytest.mark.parametrize("script", EMPTY.values(), ids=EMPTY)
def test_so_the_next_model_is_asked(gateway, script):
    gateway.mini.answer = script
    response = gateway.ask()

    if envoy.version() >= (1, 37) or script is not EMPTY["json-without-length"]:
        assert response.json()["choices"][0]["message"]["content"] == "spare says hello"
    else:
        assert response.status_code == 502


def test_a_whole_answer_may_take_longer_than_a_stream_may_be_silent(start_gateway):
    gateway = start_gateway({**CACHE_OFF, "failover": {"per_try_idle_timeout": "500ms", "timeout": "10s"}})
    gate = Gate()

    def late(exchange):
        gate.pass_through(exchange.closed)
        answer(chat.completion("at last"))(exchange)

    gateway.mini.then(late, hang)
    gateway.spare.answer = stream(*chat.streamed("from spare"))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        whole = pool.submit(gateway.ask)
        gateway.mini.wait_for(1)
        # Since then, a stream has been silent for too long.
        assert chat.text_of(gateway.ask(stream=True).content) == "from spare"
        gate.open()

        assert whole.result().json()["choices"][0]["message"]["content"] == "at last"


@needs_late_retries
def test_a_whole_answer_has_a_bound_of_its_own(start_gateway):
    failover = {"per_try_idle_timeout": "10s", "whole_answer_timeout": "300ms", "timeout": "20s"}
    gateway = start_gateway({**CACHE_OFF, "failover": failover})
    gateway.mini.answer = hang
    response = gateway.ask()

    assert response.json()["choices"][0]["message"]["content"] == "spare says hello"
    assert 'failed="mini:timeout"' in response.headers["x-arbiter-decision"]


@pytest.mark.parametrize("status", [500, 504, 520, 524])
def test_what_a_caller_can_provoke_ejects_nobody(start_gateway, status):
    gateway = start_gateway(CACHE_OFF, ejects=True)
    gateway.mini.answer = failure(status)
    for _ in range(12):
        assert gateway.ask().status_code == 200

    assert len(gateway.mini.received) == 12


def test_neither_do_answers_that_cannot_be_read(start_gateway):
    gateway = start_gateway(CACHE_OFF, ejects=True)
    gateway.grand.answer = answer(b"{")
    for _ in range(12):
        assert gateway.ask(chat.unique(chat.HARD)).status_code == 502

    assert len(gateway.grand.received) == 12


def test_a_gateway_timeout_is_said_to_be_one(gateway):
    gateway.grand.answer = failure(504)

    assert gateway.ask(chat.unique(chat.HARD)).status_code == 504


SMALL = {"admit": {"max_body_bytes": 4096}}
LONG = "x" * 1_500_000


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
def test_a_long_answer_comes_however_small_requests_must_be(tmp_path, dialect, streaming):
    with dialects.running(tmp_path, (dialect,), **SMALL) as gateway:
        texts = [LONG[:100_000]] * 15
        script = dialects.streaming(dialect, *texts) if streaming else dialects.whole(dialect, LONG)
        gateway.providers[dialect].answer = script
        response = gateway.ask("openai", dialects.question("openai", "auto", stream=streaming))

        assert response.status_code == 200
        said = chat.text_of(response.content) if streaming else response.json()["choices"][0]["message"]["content"]
        assert said == LONG


@pytest.mark.parametrize(("dialect", "comes"), [("openai", True), ("anthropic", False)])
def test_an_event_that_is_too_long_to_be_read_is_never_left_out_silently(tmp_path, dialect, comes):
    with dialects.running(tmp_path, (dialect,), cache={"exact": {}}) as gateway:
        gateway.providers[dialect].answer = dialects.streaming(dialect, "before ", LONG, " after")
        question = dialects.question("openai", "auto", stream=True)
        response = gateway.ask("openai", question)

        assert (LONG in response.text) == comes
        assert (b'"error"' in response.content) != comes
        assert "hit" not in gateway.ask("openai", question).headers["cache-status"]


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
def test_a_compressed_answer_of_another_dialect_is_an_error_and_says_nothing_of_compression(tmp_path, streaming):
    with dialects.running(tmp_path, ("anthropic",)) as gateway:
        kind = "text/event-stream" if streaming else "application/json"
        data = gzip.compress(b"".join(dialects.streamed("anthropic", "hello")))
        gateway.providers["anthropic"].answer = answer(data, content_type=kind, headers=[("content-encoding", "gzip")])
        response = gateway.ask("openai", dialects.question("openai", "auto", stream=streaming))

        assert response.status_code == 502
        assert "content-encoding" not in response.headers
        assert response.json()["error"]["message"] == "anthropic gave an answer that cannot be read"


def test_a_compressed_error_that_is_replaced_says_nothing_of_compression(gateway):
    headers = [("content-encoding", "gzip")]
    gateway.grand.answer = answer(gzip.compress(b'{"error": {"message": "x"}}'), 400, headers=headers)
    response = gateway.ask(chat.unique(chat.HARD))

    assert response.status_code == 400
    assert "content-encoding" not in response.headers
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
