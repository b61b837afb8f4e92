"""Every call is billed to the nano-dollar, in counters and in one line of the access log."""

import httpx
import pytest

from e2e import chat, dialects, envoy
from e2e.policies import PASSES
from e2e.provider import Gate, answer, failure, stream
from e2e.waiting import until

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
    return {
        name: line["arbiter"].get(name)
        for name in ("gen_ai.usage.input_tokens", "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.output_tokens")
    }


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
    assert tokens(line) == {
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.output_tokens": 200,
    }
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
    assert tokens(line)["gen_ai.usage.cache_read.input_tokens"] == 400


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


def test_what_passed_and_what_was_refused_is_in_the_log(start_gateway):
    books = start_gateway(PASSES)
    with books.envoy.client() as client:
        client.get("/v1/files")
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


def test_counters_have_labels_in_prometheus(books):
    books.ask()
    books.envoy.wait_count("requests", 1, outcome="routed")
    text = httpx.get(f"http://{books.envoy.admin}/stats/prometheus?usedonly").text
    (line,) = [line for line in text.split("\n") if "arbiter_requests{" in line]

    assert 'outcome="routed"' in line
    assert 'tier="small"' in line
    assert line.endswith("} 1")


def estimate(model, prompt, said):
    """In nano-dollars; a token for four bytes, rounded up."""
    price = {"mini": (150, 600), "grand": (2500, 10000)}[model]
    return -(-prompt // 4) * price[0] + -(-said // 4) * price[1]


def test_an_answer_that_its_caller_leaves_is_billed_for_what_was_said(books):
    gate = Gate()
    books.mini.answer = stream(chat.chunk({"content": "x" * 400}), gate)
    body = chat.request(chat.unique(), stream=True)
    with (
        books.envoy.client() as client,
        client.stream("POST", "/v1/chat/completions", content=body, headers=JSON) as response,
    ):
        next(response.iter_raw())
    gate.open()
    (line,) = books.envoy.calls(1)

    assert (line["arbiter"]["outcome"], line["arbiter"]["estimated"]) == ("abandoned", True)
    assert money(line) == bill(estimate("mini", len(body), 400), estimate("grand", len(body), 400))
    books.envoy.wait_count("estimated", 1, outcome="abandoned")


@pytest.mark.parametrize(
    "delta", [{"reasoning_content": "x" * 400}, {"tool_calls": [{"index": 0, "function": {"arguments": "x" * 399}}]}]
)
def test_so_are_thoughts_and_arguments_of_an_answer_that_breaks_off(books, delta):
    books.mini.answer = stream(chat.chunk(delta))
    books.ask(stream=True)
    (line,) = books.envoy.calls(1)

    assert (line["arbiter"]["outcome"], line["arbiter"]["estimated"]) == ("cut", True)
    assert 100 <= line["arbiter"]["gen_ai.usage.output_tokens"] <= 102


def test_anthropic_says_at_the_beginning_what_the_prompt_was(tmp_path):
    with dialects.running(tmp_path, ("anthropic",)) as gateway:
        begun = dialects.streamed("anthropic", "x" * 400)[:4]
        gateway.providers["anthropic"].answer = stream(*begun)
        gateway.ask("anthropic", dialects.question("anthropic", "auto", stream=True))
        (line,) = gateway.envoy.calls(1)

        assert tokens(line) == {
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.cache_read.input_tokens": 200,
            "gen_ai.usage.output_tokens": 100,
        }
        assert line["arbiter"]["estimated"] is True


def test_an_attempt_that_is_given_up_after_it_had_begun_is_billed(books):
    garbage = b'{"choices": [' + b"x" * 387
    books.mini.answer = answer(garbage)
    text = chat.unique()
    books.ask(text)
    (line,) = books.envoy.calls(1)
    given_up = estimate("mini", len(chat.request(text)), len(garbage))

    if envoy.version() >= (1, 37):
        assert line["arbiter"]["model"] == "spare"
        assert money(line) == bill(given_up + SPARE_COST, GRAND_COST)
    else:
        assert money(line) == bill(given_up, 0)
    assert line["arbiter"]["estimated"] is True


def test_so_is_one_whose_connection_breaks(books):
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n"
    gate = Gate()

    def broken(exchange):
        exchange.send(head + b"x" * 400)
        gate.pass_through(exchange.closed)
        exchange.hang_up()

    books.mini.answer = broken
    text = chat.unique()
    gate.open()
    books.ask(text)
    (line,) = books.envoy.calls(1)

    assert line["arbiter"]["failed"] == [{"model": "mini", "reason": "reset"}]
    assert money(line) == bill(estimate("mini", len(chat.request(text)), 400) + SPARE_COST, GRAND_COST)


PRICES = {
    "input": 2.5,
    "cached_input": 0.25,
    "cache_write": 3.125,
    "cache_write_1h": 5,
    "output": 15,
    "long_context": {"above": 2000, "input": 5, "output": 22.5},
    "flex": 0.5,
    "priority": 1.75,
}
COSTS = {
    "short": ({"prompt_tokens": 2000, "completion_tokens": 10}, None, 2000 * 2500 + 10 * 15000),
    "long": ({"prompt_tokens": 2001, "completion_tokens": 10}, None, 2001 * 5000 + 10 * 22500),
    "long-cached": (
        {"prompt_tokens": 3000, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 1000}},
        None,
        2000 * 5000 + 1000 * 500,
    ),
    "flex": ({"prompt_tokens": 1000, "completion_tokens": 10}, "flex", (1000 * 2500 + 10 * 15000) // 2),
    "priority": ({"prompt_tokens": 1000, "completion_tokens": 0}, "priority", 1750 * 2500),
    "default": ({"prompt_tokens": 1000, "completion_tokens": 0}, "default", 1000 * 2500),
}


@pytest.fixture(scope="module")
def priced(tmp_path_factory):
    with dialects.running(tmp_path_factory.mktemp("priced"), ("openai", "anthropic"), prices=PRICES) as gateway:
        yield gateway


def cost_of(gateway, caller, model, streaming):
    name = chat.unique(model)
    before = gateway.envoy.count("cost_nanousd", model=model)
    gateway.ask(caller, dialects.question(caller, model, name, stream=streaming))
    return until(lambda: gateway.envoy.count("cost_nanousd", model=model) - before, "a cost")


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("caller", dialects.CALLERS)
@pytest.mark.parametrize(("usage", "tier", "cost"), COSTS.values(), ids=COSTS)
def test_long_prompts_and_service_tiers_have_prices_of_their_own(priced, caller, streaming, usage, tier, cost):
    served = {"service_tier": tier} if tier else {}
    priced.providers["openai"].answer = (
        stream(chat.chunk({"content": "x"}), chat.chunk({}, "stop"), chat.usage_chunk(usage, **served), chat.DONE)
        if streaming
        else answer(chat.completion(usage=usage) | served)
    )

    assert cost_of(priced, caller, "openai", streaming) == cost


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("caller", dialects.CALLERS)
def test_a_write_for_an_hour_costs_more_than_one_for_minutes(priced, caller, streaming):
    usage = {
        "input_tokens": 100,
        "cache_creation_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
        "cache_read_input_tokens": 0,
        "output_tokens": 0,
        "service_tier": "batch",
    }
    message = {**dialects.anthropic_message([{"type": "text", "text": "x"}]), "usage": usage}
    events = dialects.streamed("anthropic", "x")
    start = dialects.named({"type": "message_start", "message": {**message, "content": []}})
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 0}}
    script = stream(start, *events[1:-2], dialects.named(end), events[-1]) if streaming else answer(message)
    priced.providers["anthropic"].answer = script

    assert cost_of(priced, caller, "anthropic", streaming) == (100 * 2500 + 200 * 3125 + 100 * 5000) // 2
