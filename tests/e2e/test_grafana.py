"""The dashboard and the rules in envoy/grafana, by a real Prometheus that scrapes a running Envoy."""

import contextlib
import json
import pathlib
import shutil
import subprocess

import httpx
import pytest
import yaml

from e2e import chat
from e2e.gateway import running
from e2e.ports import free_ports
from e2e.provider import answer, failure, stream
from e2e.waiting import until

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "envoy" / "grafana"
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
PANELS = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]

POLICY = {
    "telemetry": {"gen_ai": ["v0.1.0", "v1.41.0"], "team": "tenant"},
    "identity": {"headers": {"tenant": "x-tenant"}},
    "rules": [{"name": "seen", "when": "chat.turns > 0", "then": "allow"}],
    "budgets": [{"name": "day", "usd": 0.001, "window": "day", "stages": {"warn": "1%"}}],
    "cache": {"exact": {"ttl": "1h"}, "semantic": {"max_false_hits": "2%"}},
}


@contextlib.contextmanager
def prometheus(directory, target):
    """Prometheus with the rules of the folder, scraping `target` every second; its address."""
    config = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(FOLDER / "rules.yaml")]
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [target]
    (directory / "prometheus.yaml").write_text(yaml.safe_dump(config))
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    command = ["prometheus", f"--config.file={directory / 'prometheus.yaml'}", f"--web.listen-address={address}"]
    with open(directory / "prometheus.log", "wb") as log:
        process = subprocess.Popen([*command, f"--storage.tsdb.path={directory / 'tsdb'}"], stdout=log, stderr=log)
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(15)


def query(url, expression):
    """The series that an instant query returns."""
    answered = httpx.get(f"{url}/api/v1/query", params={"query": expression}).json()
    assert answered["status"] == "success", (expression, answered)
    return answered["data"]["result"]


def has_number(found):
    """Whether a result has a series with a number."""
    return any(series["value"][1] not in ("NaN", "+Inf", "-Inf") for series in found)


def chosen(expression):
    """A panel's query as Grafana sends it with everything chosen."""
    for variable, value in (("$job", ".*"), ("$instance", ".*"), ("$__rate_interval", "30s"), ("$__range", "1m")):
        expression = expression.replace(variable, value)
    return expression


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    """A Prometheus that has seen calls of every kind."""
    with (
        running(tmp_path_factory.mktemp("gateway"), POLICY) as gateway,
        prometheus(tmp_path_factory.mktemp("prometheus"), gateway.envoy.admin) as url,
    ):

        def is_up():
            with contextlib.suppress(httpx.TransportError):
                is_ready = httpx.get(f"{url}/-/ready").status_code == 200
                return is_ready and query(url, 'up{job="llm-arbiter"} == 1')

        until(is_up, "Prometheus to scrape Envoy", 30)

        def traffic():
            gateway.mini.answer = answer(chat.completion())
            for _ in range(2):
                gateway.ask("what everybody asks", headers={"x-tenant": "red"})
            gateway.ask(headers={"x-tenant": "blue"})
            gateway.ask(model="grand")
            gateway.mini.answer = stream(*chat.streamed("x"))
            gateway.ask(stream=True)
            gateway.mini.answer = failure(503)
            gateway.ask()

        # A rate needs samples that grow.
        def have_data():
            traffic()
            return all(has_number(query(url, chosen(expression))) for _, expression in PANELS)

        with contextlib.suppress(TimeoutError):
            until(have_data, "data", 40)
        yield url


@pytest.mark.parametrize(("title", "expression"), PANELS, ids=[f"{title}-{i}" for i, (title, _) in enumerate(PANELS)])
def test_every_panel_has_data(scraped, title, expression):
    found = query(scraped, chosen(expression))
    assert has_number(found), (title, found)


def test_every_recording_rule_has_data_and_no_rule_fails(scraped):
    groups = httpx.get(f"{scraped}/api/v1/rules").json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == sum(
        len(group["rules"]) for group in yaml.safe_load((FOLDER / "rules.yaml").read_text())["groups"]
    )
    assert not [rule["name"] for rule in rules if rule.get("lastError")]
    recorded = [rule["name"] for rule in rules if rule["type"] == "recording"]
    assert not [name for name in recorded if not query(scraped, name) and "cache_read" not in name]


def test_a_budget_at_its_stage_alerts(scraped):
    until(lambda: query(scraped, 'ALERTS{alertname="ArbiterBudgetNearlySpent",budget="day"}'), "the alert", 20)


def test_alerts_come_when_they_should():
    tested = subprocess.run(
        ["promtool", "test", "rules", str(FOLDER / "rules-test.yaml")], capture_output=True, text=True
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_prometheus_takes_the_configuration():
    assert shutil.which("promtool"), "install Debian's package prometheus"
    checked = subprocess.run(
        ["promtool", "check", "config", str(FOLDER / "prometheus.yaml")], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
