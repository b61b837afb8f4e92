"""A question that was answered is answered at once in other words, and nothing else is."""

import itertools
import json

import pytest

from e2e import chat, dialects
from e2e.dialects import question
from e2e.gateway import running
from e2e.provider import answer, stream
from e2e.waiting import until

SEMANTIC = {"max_false_hits": "10%", "audit_share": 0}
POLICY = {"cache": {"semantic": SEMANTIC}}

EGG = "How do I boil an egg?"
EGG_AGAIN = "Hello, how can I boil an egg, please?"
STAIN = "How do I remove a red wine stain from a carpet?"

_numbers = itertools.count(1)


def context():
    """A system prompt that no other test has: what is asked after it is compared with nothing else."""
    return f"You are assistant number {next(_numbers)}."


def ask(gateway, system, text, headers=None, **members):
    """A chat call with a system prompt."""
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    response = gateway.envoy.chat(json.dumps({"model": "auto", "messages": messages, **members}).encode(), headers)
    assert response.status_code == 200, response.text
    return response


def is_semantic_hit(response):
    return "; hit" in response.headers["cache-status"] and "detail=semantic" in response.headers["cache-status"]


def test_a_question_in_other_words_is_answered_at_once(gateway):
    system = context()
    hits = gateway.envoy.count("semantic", result="hit")
    first = ask(gateway, system, EGG)
    second = ask(gateway, system, EGG_AGAIN)

    assert is_semantic_hit(second)
    assert 0 < float(second.headers["cache-status"].split("score=")[1]) <= 1
    assert chat.is_given_anew(second, first)
    assert int(second.headers["age"]) in range(3)
    assert len(gateway.mini.received) == 1
    gateway.envoy.wait_count("semantic", hits + 1, result="hit")
    stored, line = (call["arbiter"] for call in gateway.envoy.calls(2)[-2:])
    assert (stored["semantic"], stored["cache_key"]) == ("no_candidate", line["cache_key"])
    assert (line["outcome"], line["cache"]) == ("hit", "semantic_hit")
    assert 0 < line["likeness"] <= 1
    assert line["saved_nanousd"] > 0


@pytest.mark.parametrize(
    ("answered", "asked", "veto"),
    [
        ("How do I boil 2 eggs?", "How do I boil 12 eggs?", "number"),
        ("Translate from German into English: Haus", "Translate from English into German: Haus", "direction"),
        ("Which foods contain gluten?", "Which foods do not contain gluten?", "negation"),
        ("When did Marie Curie die?", "When did Linus Pauling die?", "name"),
    ],
)
def test_what_only_looks_alike_goes_to_a_provider(gateway, answered, asked, veto):
    system = context()
    vetoed = gateway.envoy.count("semantic", result="vetoed", reason=veto)
    ask(gateway, system, answered)

    assert not is_semantic_hit(ask(gateway, system, asked))
    assert len(gateway.mini.received) + len(gateway.grand.received) == 2
    gateway.envoy.wait_count("semantic", vetoed + 1, result="vetoed", reason=veto)


def test_what_is_personal_is_not_even_looked_for(gateway):
    system = context()
    before = gateway.envoy.count("semantic", result="unfit", reason="personal")
    ask(gateway, system, "Where is my order?")

    assert not is_semantic_hit(ask(gateway, system, "Where's my order now?"))
    gateway.envoy.wait_count("semantic", before + 2, result="unfit", reason="personal")


@pytest.mark.parametrize(
    "members",
    [
        {"temperature": 0.5},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"response_format": {"type": "json_object"}},
        {"max_tokens": 7},
        {"model": "mini"},
    ],
)
def test_only_equal_requests_are_compared(gateway, members):
    system = context()
    ask(gateway, system, EGG)

    assert not is_semantic_hit(ask(gateway, system, EGG_AGAIN, **members))
    assert is_semantic_hit(ask(gateway, system, EGG_AGAIN + "!"))


def test_tenants_and_system_prompts_share_nothing(gateway):
    system = context()
    ask(gateway, system, EGG, {"x-tenant": "a"})

    assert not is_semantic_hit(ask(gateway, system, EGG_AGAIN, {"x-tenant": "b"}))
    assert not is_semantic_hit(ask(gateway, context(), EGG_AGAIN, {"x-tenant": "a"}))
    assert is_semantic_hit(ask(gateway, system, EGG_AGAIN, {"x-tenant": "a"}))


def test_earlier_turns_must_be_the_same(gateway):
    def ask_after(turn, text):
        messages = [{"role": "user", "content": turn}, {"role": "assistant", "content": "Yes."}]
        body = {"model": "auto", "messages": [*messages, {"role": "user", "content": text}]}
        return gateway.envoy.chat(json.dumps(body).encode())

    turn = f"Are you cook {next(_numbers)}?"
    ask_after(turn, EGG)
    assert not is_semantic_hit(ask_after(f"Are you cook {next(_numbers)}?", EGG_AGAIN))
    assert is_semantic_hit(ask_after(turn, EGG_AGAIN))


def test_one_document_is_read_once_for_requests_in_other_words(gateway):
    system = context()
    report = (
        "The reef lost a third of its corals within two summers. " * 3
        + "Divers counted 71 species in May, the council says."
    )
    ask(gateway, system, f"Summarize this article.\n\n{report}")

    assert not is_semantic_hit(ask(gateway, system, f"Summarize this article.\n\n{report.replace('71', '17')}"))
    assert is_semantic_hit(ask(gateway, system, f"Please summarize the article below.\n\n{report}"))


def test_a_stream_is_replayed_as_a_whole_answer_and_the_other_way_round(gateway):
    system = context()
    events = [chat.chunk({"role": "assistant", "content": "six"}), chat.chunk({"content": " minutes"})]
    usage = chat.event(
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": chat.USAGE}
    )
    gateway.mini.then(stream(*events, chat.chunk(finish_reason="stop"), usage, chat.DONE))
    ask(gateway, system, EGG, stream=True)

    whole = ask(gateway, system, EGG_AGAIN)
    assert is_semantic_hit(whole)
    assert whole.json()["choices"][0]["message"]["content"] == "six minutes"
    assert whole.json()["usage"] == chat.USAGE
    streamed = ask(gateway, system, EGG_AGAIN + "!", stream=True)
    assert is_semantic_hit(streamed)
    assert streamed.headers["content-type"] == "text/event-stream"
    assert "six minutes" in streamed.text


def test_a_caller_may_be_stricter_and_not_laxer(gateway):
    system = context()
    ask(gateway, system, EGG)

    for strict in ("0", "0%", "none of them"):
        assert not is_semantic_hit(ask(gateway, system, EGG_AGAIN + strict, {"x-arbiter-max-false-hits": strict}))
    no_cache = ask(gateway, system, "Please tell me how I boil an egg.", {"cache-control": "no-cache"})
    assert not is_semantic_hit(no_cache)
    assert is_semantic_hit(ask(gateway, system, EGG_AGAIN, {"x-arbiter-max-false-hits": "100%"}))


def test_a_caller_that_asks_no_provider_gets_what_serves(gateway):
    system = context()
    ask(gateway, system, EGG)

    assert is_semantic_hit(ask(gateway, system, EGG_AGAIN, {"cache-control": "only-if-cached"}))
    messages = [{"role": "system", "content": system}, {"role": "user", "content": STAIN}]
    body = json.dumps({"model": "auto", "messages": messages}).encode()
    assert gateway.envoy.chat(body, {"cache-control": "only-if-cached"}).status_code == 504


def test_what_is_entered_by_one_worker_serves_on_the_other(tmp_path):
    with running(tmp_path, POLICY, concurrency=2) as gateway:
        system = context()
        ask(gateway, system, EGG)
        # Each call has a connection of its own, and Envoy gives those to either worker.
        for number in range(16):
            assert is_semantic_hit(ask(gateway, system, "Hello, " * number + EGG_AGAIN)), number
        assert len(gateway.mini.received) == 1


def test_an_answer_serves_others_for_its_time_only(tmp_path):
    policy = {"cache": {"exact": {"ttl": "1h"}, "semantic": {**SEMANTIC, "ttl": "3s"}}}
    with running(tmp_path, policy) as gateway:
        system = context()
        ask(gateway, system, EGG)
        assert is_semantic_hit(ask(gateway, system, EGG_AGAIN))
        until(lambda: "fwd=miss" in ask(gateway, system, EGG_AGAIN).headers["cache-status"], "it expires")
        # To the very same request it has not.
        assert "; hit" in ask(gateway, system, EGG).headers["cache-status"]


def test_a_worker_that_has_spent_its_share_of_time_asks_the_provider(tmp_path):
    policy = {"cache": {"semantic": {**SEMANTIC, "max_time_share": "0.1%"}}}
    with running(tmp_path, policy) as gateway:

        def is_busy():
            # Messages that were never read take longest.
            system, dish = context(), f"dish{next(_numbers)}".translate(str.maketrans("0123456789", "abcdefghij"))
            ask(gateway, system, f"How long should the dough of a {dish} rest before it goes into a hot oven?")
            ask(gateway, system, f"For how long should the dough of a {dish} rest before it goes into a hot oven?")
            return gateway.envoy.count("semantic", result="busy") > 0

        until(is_busy, "the worker has no time left")
        assert gateway.envoy.count("semantic", result="hit") > 0


def test_a_share_of_hits_is_asked_again_and_too_many_that_differ_end_the_hits(tmp_path):
    policy = {"cache": {"semantic": {**SEMANTIC, "audit_share": "100%", "max_time_share": "50%"}}}
    with running(tmp_path, policy) as gateway:
        system = context()
        says = itertools.cycle(["Cook it for eight minutes.", "Blot the stain with a clean cloth and rinse it."])

        def is_refused():
            dish = f"dish{next(_numbers)}".translate(str.maketrans("0123456789", "abcdefghij"))
            for text in (f"How do I cook a {dish}?", f"Hello, how do I cook a {dish}, please?"):
                gateway.mini.answer = answer(chat.completion(next(says)))
                assert not is_semantic_hit(ask(gateway, system, text))
            return gateway.envoy.count("semantic", result="unlikely") > 0

        until(is_refused, "no more hits", patience=60)
        tightened = gateway.envoy.count("semantic", result="tightened")
        assert gateway.envoy.count("semantic", result="disagreed") >= 3 * tightened > 0


def test_anthropics_callers_are_answered_in_their_dialect(tmp_path):
    with dialects.running(tmp_path, ("anthropic",), cache={"semantic": SEMANTIC}) as gateway:
        first, second = (gateway.ask("anthropic", question("anthropic", "auto", text)) for text in (EGG, EGG_AGAIN))
        assert is_semantic_hit(second)
        assert chat.is_given_anew(second, first)
        assert second.json()["type"] == "message"


def test_in_shadow_hits_are_counted_and_not_served(tmp_path):
    with running(tmp_path, {"cache": {"semantic": {**SEMANTIC, "shadow": True}}}) as gateway:
        system = context()
        ask(gateway, system, EGG)
        second = ask(gateway, system, EGG_AGAIN)

        assert "; fwd=miss" in second.headers["cache-status"]
        assert len(gateway.mini.received) == 2
        gateway.envoy.wait_count("semantic", 1, result="shadow_hit")


def test_without_it_in_the_policy_nothing_is_compared(tmp_path):
    with running(tmp_path) as gateway:
        gateway.mini.then(answer(chat.completion("one")), answer(chat.completion("two")))
        system = context()
        ask(gateway, system, EGG)

        assert not is_semantic_hit(ask(gateway, system, EGG_AGAIN))
        assert gateway.envoy.count("semantic") == 0
