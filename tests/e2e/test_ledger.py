"""Every call is billed to the nano-dollar, in counters and in one line of the access log."""

import httpx
import pytest

from e2e import chat
from e2e import gateway as gateways
from e2e.provider import Gate, answer, failure, stream

# By hand, in nano-dollars: 1,000 tokens in and 200 out, at the prices per million tokens of `policies`.
MINI_COST = 1000 * 150 + 200 * 600
SPARE_COST = 1000 * 300 + 200 * 1200
GRAND_COST = 1000 * 2500 + 200 * 10000

CACHED_USAGE = {**chat.USAGE, "prompt_tokens_details": {"cached_tokens": 400}}
MINI_COST_CACHED = 600 * 150 + 400 * 75 + 200 * 600
GRAND_COST_CACHED = 600 * 2500 + 400 * 1250 + 200 * 10000

JSON = {"content-type": "application/json"}


@pytest.fixture
def books(start_gateway):
    """A gateway whose access log and counters are those of one test."""
    return start_gateway()


def money(line):
    return {name: line["arbiter"][name] for name in ("cost_nanousd", "baseline_nanousd", "saved_nanousd")}


def bill(cost, baseline):
    return {"cost_nanousd": cost, "baseline_nanousd": baseline, "saved_nanousd": baseline - cost}


def tokens(line):
    return {name: line["arbiter"].get(name) for name in ("input_tokens", "cached_input_tokens", "output_tokens")}


@pytest.mark.parametrize(
    ("script", "members"),
    [
        (answer(chat.completion()), {}),
        (stream(*chat.streamed("x")), {"stream": True}),
        (stream(*chat.streamed("x")), {"stream": True, "stream_options": {"include_usage": True}}),
    ],
    ids=["json", "stream", "stream-with-usage"],
)
def test_a_call_is_billed_by_its_usage(books, script, members):
    books.mini.answer = script
    books.ask(**members)
    (line,) = books.envoy.calls(1)

    assert money(line) == bill(MINI_COST, GRAND_COST)
    assert tokens(line) == {"input_tokens": 1000, "cached_input_tokens": 0, "output_tokens": 200}
    said = line["arbiter"]
    assert (said["outcome"], said["tier"], said["model"]) == ("routed", "small", "mini")
    assert (said["requested_model"], said["complexity"]) == ("auto", "low")
    assert line["status"] == 200
    books.envoy.wait_count("requests", 1, outcome="routed", tier="small")
    books.envoy.wait_count("cost_nanousd", MINI_COST, model="mini")
    books.envoy.wait_count("saved_nanousd", GRAND_COST - MINI_COST)
    books.envoy.wait_count("baseline_nanousd", GRAND_COST)
    books.envoy.wait_count("tokens", 1000, model="mini", kind="input")
    books.envoy.wait_count("tokens", 200, model="mini", kind="output")


def test_tokens_that_the_provider_had_cached_cost_less(books):
    books.mini.answer = answer(chat.completion(usage=CACHED_USAGE))
    books.ask()
    (line,) = books.envoy.calls(1)

    assert money(line) == bill(MINI_COST_CACHED, GRAND_COST_CACHED)
    assert tokens(line)["cached_input_tokens"] == 400


def test_the_baseline_model_saves_nothing(books):
    books.ask(chat.HARD)
    (line,) = books.envoy.calls(1)

    assert money(line) == bill(GRAND_COST, GRAND_COST)
    assert line["arbiter"]["tier"] == "large"


def test_a_call_dearer_than_the_baseline_is_overspent(start_gateway):
    books = start_gateway({"baseline": "mini"})
    books.ask(chat.HARD)
    (line,) = books.envoy.calls(1)

    assert money(line) == bill(GRAND_COST, MINI_COST)
    books.envoy.wait_count("overspent_nanousd", GRAND_COST - MINI_COST, tier="large")
    assert books.envoy.count("saved_nanousd") == 0


def test_a_hit_costs_nothing_and_saves_the_baseline(books):
    body = chat.request()
    books.envoy.chat(body)
    books.envoy.chat(body)
    _, line = books.envoy.calls(2)

    assert money(line) == bill(0, GRAND_COST)
    assert line["arbiter"]["outcome"] == "hit"
    books.envoy.wait_count("requests", 1, outcome="hit")
    books.envoy.wait_count("cache", 1, result="hit")
    books.envoy.wait_count("cache", 1, result="miss")
    books.envoy.wait_count("cache", 1, result="stored")
    books.envoy.wait_count("cost_nanousd", MINI_COST)
    books.envoy.wait_count("saved_nanousd", GRAND_COST - MINI_COST + GRAND_COST)


def test_a_failed_over_call_is_billed_at_the_model_that_answered(books):
    books.mini.answer = failure(503)
    books.ask()
    (line,) = books.envoy.calls(1)

    assert money(line) == bill(SPARE_COST, GRAND_COST)
    assert (line["arbiter"]["model"], line["arbiter"]["attempts"]) == ("spare", 2)
    books.envoy.wait_count("failovers", 1, model="spare")
    books.envoy.wait_count("cost_nanousd", SPARE_COST, model="spare")
    assert books.envoy.count("cost_nanousd", model="mini") == 0


def test_a_failed_call_costs_nothing(books):
    books.grand.answer = failure(500)
    assert books.ask(chat.HARD).status_code == 500
    (line,) = books.envoy.calls(1)

    assert (line["status"], line["arbiter"]["outcome"]) == (500, "failed")
    books.envoy.wait_count("requests", 1, outcome="failed")
    assert line["arbiter"].get("cost_nanousd") in (None, 0)
    assert books.envoy.count("cost_nanousd") == 0


def test_an_answer_without_usage_is_counted_as_unknown(books):
    books.mini.answer = answer(chat.completion(usage=None))
    books.ask()
    (line,) = books.envoy.calls(1)

    assert line["arbiter"].get("cost_nanousd") is None
    books.envoy.wait_count("usage_unknown", 1, reason="not_reported")


def test_what_passed_and_what_was_refused_is_in_the_log(books):
    with books.envoy.client() as client:
        client.get("/v1/models")
    books.envoy.chat(b'{"model":"a","model":"b","messages":[]}')
    passed, refused = books.envoy.calls(2)

    assert (passed["arbiter"]["outcome"], passed["arbiter"]["reason"]) == ("passed", "method")
    assert refused["arbiter"]["outcome"] == "refused"
    assert refused["status"] == 400
    books.envoy.wait_count("requests", 1, outcome="refused")


def test_one_line_per_call_and_no_more(books):
    for _ in range(5):
        books.ask()

    assert len(books.envoy.calls(5)) == 5


def test_a_caller_that_leaves_is_still_in_the_books(tmp_path):
    gate = Gate()
    with gateways.running(tmp_path / "g") as books:
        books.mini.answer = stream(chat.chunk({"content": "half"}), gate)
        with (
            books.envoy.client() as client,
            client.stream("POST", "/v1/chat/completions", content=chat.request(stream=True), headers=JSON) as response,
        ):
            next(response.iter_raw())
        (line,) = books.envoy.calls(1)
        gate.open()

    assert line["arbiter"]["tier"] == "small"
    assert line["arbiter"].get("cost_nanousd") is None


def test_counters_have_labels_in_prometheus(books):
    books.ask()
    books.envoy.wait_count("requests", 1, outcome="routed")
    text = httpx.get(f"http://{books.envoy.admin}/stats/prometheus?usedonly").text
    (line,) = [line for line in text.split("\n") if "arbiter_requests{" in line]

    assert 'outcome="routed"' in line
    assert 'tier="small"' in line
    assert line.endswith("} 1")
