"""What Prometheus scrapes is what docs/metrics.md says, and bounded."""

import pathlib
import re

import httpx
import pytest

from e2e import chat
from e2e.gateway import running
from e2e.provider import answer, failure, stream
from e2e.waiting import until

REFERENCE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "metrics.md"

POLICY = {
    "telemetry": {"gen_ai": ["v0.1.0", "v1.41.0"], "team": "team", "teams": 2},
    "identity": {"headers": {"tenant": "x-tenant", "team": "x-team"}},
    "rules": [
        {"name": "flex", "when": 'chat.model == "grand"', "then": {"service_tier": "flex"}},
        {"name": "no-spare", "when": 'chat.model == "spare"', "then": {"deny": "not that one"}},
    ],
    "budgets": [{"name": "day", "requests": 1000, "window": "day", "stages": {"warn": "0%"}}],
}

ROW = re.compile(r"^\| `([^`]+)` \| (counter|histogram) \| [^|]* \| ([^|]*) \|", re.M)
SERIES = re.compile(r"^((?:arbiter|gen_ai)_\w+?)(_bucket|_sum|_count)?(?:\{(.*)\})? (\S+)$", re.M)
LABEL = re.compile(r'(\w+)="([^"]*)"')


def documented():
    """Kind and labels of every metric, by its name in Prometheus."""
    rows = ROW.findall(REFERENCE.read_text())
    plain = {
        name.replace(".", "_"): (kind, {label.strip().replace(".", "_") for label in labels.split(",")})
        for name, kind, labels in rows
    }
    return {name: (kind, labels - {""}) for name, (kind, labels) in plain.items()}


def scrape(gateway):
    """Every series of ours: its name, its suffix, its labels, its value."""
    text = httpx.get(f"http://{gateway.envoy.admin}/stats/prometheus?usedonly").text
    return [
        (name, suffix, dict(LABEL.findall(labels)), float(value))
        for name, suffix, labels, value in SERIES.findall(text)
    ]


def wait(gateway, condition):
    """Waits until the scrape says so: counters are reported twice a second, and Envoy adds histograms up every five."""
    until(condition, lambda: scrape(gateway))


def value(gateway, name, suffix="", **labels):
    """The sum of the series with these labels."""
    fits = [found for found in scrape(gateway) if found[0] == name and found[1] == suffix]
    return sum(number for _, _, found, number in fits if labels.items() <= found.items())


@pytest.fixture(scope="module")
def module_gateway(tmp_path_factory):
    with running(tmp_path_factory.mktemp("gateway"), POLICY) as gateway:
        yield gateway


def test_every_series_is_in_the_reference_with_its_labels(gateway):
    gateway.mini.answer = stream(*chat.streamed("x"))
    gateway.ask(stream=True, headers={"x-team": "red"})
    gateway.mini.answer = answer(chat.completion())
    for _ in range(2):
        gateway.ask("the same again")
    gateway.ask(model="grand")
    gateway.ask(model="spare")
    gateway.mini.answer = failure(503)
    gateway.ask()
    wait(
        gateway,
        lambda: value(gateway, "arbiter_duration_milliseconds", "_count") == value(gateway, "arbiter_requests") == 6,
    )
    known, series = documented(), scrape(gateway)

    # Buckets, and on earlier Envoys the cluster whose filter was loaded first.
    extra = {"le", "arbiter_scope", "envoy_cluster_name"}
    assert {name for name, *_ in series} <= set(known)
    for name, suffix, labels, _ in series:
        kind, expected = known[name]
        assert set(labels) - extra <= expected, name
        assert bool(suffix) == (kind == "histogram"), name
    for name in (
        "arbiter_saved_nanousd",
        "arbiter_duration_milliseconds",
        "gen_ai_client_inference_usage_input_tokens",
        "gen_ai_client_token_usage",
    ):
        assert name in {found for found, *_ in series}, name


def test_opentelemetrys_names_say_what_was_asked(start_gateway):
    gateway = start_gateway({"telemetry": {"gen_ai": ["v0.1.0", "v1.41.0"]}})
    gateway.ask()
    labels = {
        "gen_ai_operation_name": "chat",
        "gen_ai_provider_name": "cheap",
        "gen_ai_request_model": "mini-2024-07-18",
    }
    wait(gateway, lambda: value(gateway, "gen_ai_client_inference_duration_milliseconds", "_count", **labels) == 1)

    assert value(gateway, "gen_ai_client_inference_usage_input_tokens", **labels) == 1000
    assert value(gateway, "gen_ai_client_inference_usage_output_tokens", **labels) == 200
    said = value(gateway, "gen_ai_client_token_usage", "_sum", gen_ai_token_type="output", **labels)
    assert said == pytest.approx(200, rel=0.05)
    assert value(gateway, "gen_ai_client_operation_duration_milliseconds", "_count", **labels) == 1
    # 1,000 tokens lie between the ends of these buckets; Envoy may count them past the one at 1,024, which cuts one of its own in two.
    bucket = lambda end: value(gateway, "gen_ai_client_token_usage", "_bucket", gen_ai_token_type="input", le=end)  # noqa: E731
    assert (bucket("256"), bucket("4096")) == (0, 1)


def test_only_what_is_asked_for_is_reported(start_gateway):
    gateway = start_gateway({"telemetry": {"gen_ai": []}})
    gateway.ask()
    wait(gateway, lambda: value(gateway, "arbiter_filter_time_microseconds", "_count") == 1)
    assert value(gateway, "arbiter_duration_milliseconds", "_count", outcome="routed") == 1
    assert not [name for name, *_ in scrape(gateway) if name.startswith("gen_ai")]


def test_teams_beyond_the_bound_are_counted_together(start_gateway):
    gateway = start_gateway(POLICY)
    for team in ("red", "blue", "green", "yellow", "red"):
        gateway.ask(headers={"x-team": team})
    wait(gateway, lambda: value(gateway, "arbiter_team_requests") == 5)
    teams = {team: value(gateway, "arbiter_team_requests", team=team) for team in ("red", "blue", "other", "green")}
    assert teams == {"red": 2, "blue": 1, "other": 2, "green": 0}
    assert value(gateway, "arbiter_team_cost_nanousd", team="red") == 2 * value(
        gateway, "arbiter_team_cost_nanousd", team="blue"
    )


def test_what_was_saved_is_said_by_cause(start_gateway):
    gateway = start_gateway(POLICY)
    for _ in range(2):
        gateway.ask("what has saved it")
    wait(gateway, lambda: value(gateway, "arbiter_saved_nanousd", cause="exact") > 0)
    assert value(gateway, "arbiter_saved_nanousd", cause="routing") > 0
    saved = value(gateway, "arbiter_saved_nanousd")
    assert saved == value(gateway, "arbiter_baseline_nanousd") - value(gateway, "arbiter_cost_nanousd")
