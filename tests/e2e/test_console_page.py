"""The console's page in a real browser: what it shows is what the metrics say."""

import csv
import io
import pathlib

import httpx
import pytest

from e2e import chat
from e2e.browser import browser
from e2e.gateway import running
from e2e.provider import answer, failure
from e2e.waiting import until

TOKEN = "s3cret"
POLICY = {
    "console": {"token": "CONSOLE_TOKEN", "reading": "open"},
    "identity": {"headers": {"tenant": "x-tenant"}},
    "rules": [{"name": "no-spare", "when": 'chat.model == "spare"', "then": {"deny": "not that one"}}],
    "budgets": [{"name": "day", "per": "tenant", "usd": 10, "window": "day", "stages": {"warn": "80%"}}],
}


def usd(amount):
    """An amount as the page shows it."""
    digits = 2 if abs(amount) >= 100 or amount == 0 else 4 if abs(amount) >= 0.01 else 7
    whole, fraction = f"{abs(amount):,.{digits}f}".split(".")
    return f"{'-' if amount < 0 else ''}${whole}.{fraction.rstrip('0').ljust(2, '0')}"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A gateway that has answered calls of three teams in every way, and what Prometheus would scrape of it."""
    directory = tmp_path_factory.mktemp("gateway")
    with running(directory, POLICY, environment={"CONSOLE_TOKEN": TOKEN}, concurrency=2) as gateway:
        for tenant in ("red", "blue", "green"):
            for _ in range(2):
                gateway.ask(f"what {tenant} asks again", headers={"x-tenant": tenant})
        gateway.ask(model="spare", headers={"x-tenant": "red"})
        gateway.ask(text=" ".join(["word"] * 400), headers={"x-tenant": "<b>bold</b>"})
        gateway.mini.answer = failure(503)
        gateway.ask(headers={"x-tenant": "blue"})
        gateway.spare.answer = failure(503)
        gateway.ask(headers={"x-tenant": "blue"})
        gateway.mini.answer = gateway.spare.answer = answer(chat.completion())
        wanted = gateway.envoy.count("requests")
        until(lambda: gateway.envoy.count("requests") == 10, "all calls to be counted")
        assert wanted <= 10
        console = f"http://{gateway.envoy.listener('console')}"
        seen = lambda: sum(httpx.get(f"{console}/api/overview").json()["today"]["requests"].values())  # noqa: E731
        until(lambda: seen() == 10, lambda: f"the history to have all calls, not {seen()}")
        yield gateway.envoy, console


@pytest.fixture(scope="module")
def chromium():
    with browser() as chromium:
        yield chromium


@pytest.fixture
def page(served, chromium):
    """The page once it shows figures; whatever it complains about, or asks for elsewhere, fails the test."""
    page = chromium.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: request.url.startswith((served[1], "blob:", "data:")) or complaints.append(request.url),
    )
    page.goto(served[1] + "/")
    page.wait_for_selector("body[data-at]")
    yield page
    page.close()
    # A wrong token is answered with 401, which browsers complain about.
    assert [complaint for complaint in complaints if "401" not in complaint] == []


def rows(page, table):
    """The rows of a table, by the titles of its columns."""
    titles = page.locator(f"#{table} th").all_inner_texts()
    lines = page.locator(f"#{table} tbody tr").all()
    return [dict(zip(titles, line.locator("td").all_inner_texts(), strict=False)) for line in lines]


def test_the_figures_are_those_of_the_metrics(served, page):
    envoy, _ = served
    dollars = lambda name, **labels: envoy.count(name, **labels) / 1e9  # noqa: E731
    tile = lambda name: page.inner_text(f"#tile-{name}")  # noqa: E731
    cost, baseline = dollars("cost_nanousd"), dollars("baseline_nanousd")

    assert cost > 0
    assert (tile("spent"), tile("baseline"), tile("saved")) == (usd(cost), usd(baseline), usd(baseline - cost))
    assert tile("requests") == str(envoy.count("requests"))
    hits, misses = envoy.count("cache", result="hit"), envoy.count("cache", result="miss")
    assert hits == 3
    assert tile("hits") == f"{100 * hits / (hits + misses):.1f} %"
    assert tile("failovers") == str(envoy.count("failovers"))
    assert tile("failed") == str(envoy.count("requests", outcome="failed")) == "1"
    for cause in ("routing", "exact"):
        assert page.inner_text(f"#causes-{cause}") == usd(dollars("saved_nanousd", cause=cause))
    assert page.inner_text("#caches-exact-hits") == "3"


def test_the_tables_are_those_of_the_metrics(served, page):
    envoy, console = served
    dollars = lambda name, **labels: usd(envoy.count(name, **labels) / 1e9)  # noqa: E731

    models = {row["model"]: row for row in rows(page, "models")}
    for name in ("mini", "grand"):
        assert models[name]["cost"] == dollars("cost_nanousd", model=name)
        assert models[name]["output"] == f"{envoy.count('tokens', kind='output', model=name):,}"
    tiers = {row["tier"]: row for row in rows(page, "tiers")}
    assert tiers["small"]["baseline"] == dollars("baseline_nanousd", tier="small")
    teams = {row["team"]: row for row in rows(page, "teams")}
    assert set(teams) == {"red", "blue", "green", "_b_bold_/b_"}
    assert teams["blue"]["cost"] == dollars("team_cost_nanousd", team="blue")
    assert teams["blue"]["requests"] == str(envoy.count("team_requests", team="blue")) == "4"
    providers = {row["provider"]: row for row in rows(page, "providers")}
    assert providers["cheap"]["failed"] == f"503: {envoy.count('attempts', provider='cheap', result='503')}"
    assert rows(page, "rules") == [{"rule": "no-spare", "applied": "0", "denied": "1", "shadow": "0"}]
    budgets = {row["holder"]: row for row in rows(page, "budgets")}
    accounts = httpx.get(f"{console}/api/budgets").json()["budgets"][0]["accounts"]
    left = {account["holder"]: account["limit"] - account["spent"] for account in accounts}
    assert budgets["blue"]["remaining"] == usd(left["blue"])
    latency = {row[""]: row for row in rows(page, "latency")}
    assert latency["hit, ms"]["calls"] == "3"
    assert float(latency["in the filter, µs"]["p50"]) > 0


def test_the_last_decisions_have_their_reasons(page):
    decisions = rows(page, "decisions")
    assert len(decisions) == 10
    (refused,) = [row for row in decisions if row["outcome"] == "refused"]
    assert (refused["team"], refused["why"], refused["asked for"]) == ("red", "rule, no-spare", "spare")
    # What a caller sends is text, whatever it looks like.
    assert [row["team"] for row in decisions if row["complexity"] == "high"] == ["<b>bold</b>"]


def test_every_period_has_its_figures(served, page):
    for span, label in (("hour", "Hour"), ("month", "Month"), ("today", "Today")):
        before = page.get_attribute("body", "data-at")
        page.click(f"button[data-range={span}]")
        until(lambda before=before: page.get_attribute("body", "data-at") != before, "the page to refresh")
        assert page.inner_text("#ranges [aria-pressed=true]") == label
        assert page.inner_text("#tile-requests") == "10"
        assert page.locator("#plot-money rect.cost").count() == 1
        bar = page.locator("#plot-requests rect.hits title").text_content()
        assert bar.endswith("hits 3")


def test_tables_are_sorted_and_saved(page):
    page.click("#teams th:has-text('requests')")
    counts = [int(row["requests"]) for row in rows(page, "teams")]
    assert counts == sorted(counts, reverse=True)
    page.click("#teams th:has-text('requests')")
    assert [int(row["requests"]) for row in rows(page, "teams")] == sorted(counts)
    with page.expect_download() as download:
        page.click("#teams .csv")
    saved = list(csv.DictReader(io.StringIO(pathlib.Path(download.value.path()).read_text())))
    assert download.value.suggested_filename == "arbiter-teams.csv"
    assert {row["team"]: int(row["requests"]) for row in saved}["blue"] == 4


def test_it_works_behind_a_prefix_and_on_a_phone_in_the_dark(served, chromium):
    context = chromium.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")
    page = context.new_page()
    page.goto(served[1] + "/tools/arbiter/")
    page.wait_for_selector("body[data-at]")
    assert page.inner_text("#tile-requests") == "10"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 20, 27)"
    context.close()


def test_actions_ask_for_the_token(served, page):
    answers = iter(["wrong", TOKEN])
    page.on("dialog", lambda dialog: dialog.accept(next(answers)))
    page.select_option("#scope", "tenant")
    page.fill("#named", "red")
    page.click("#invalidate button")
    done = lambda said: said in page.inner_text("#done")  # noqa: E731
    until(lambda: done("another token"), "the refusal")
    page.click("#invalidate button")
    until(lambda: done("invalidated_until"), "the action")


def test_where_reading_asks_for_the_token_the_page_does(start_gateway, chromium):
    policy = {**POLICY, "console": {"token": "CONSOLE_TOKEN"}}
    gateway = start_gateway(policy, environment={"CONSOLE_TOKEN": TOKEN})
    page = chromium.new_page()
    page.goto(f"http://{gateway.envoy.listener('console')}/")
    page.wait_for_selector("#ask:not([hidden])")
    page.fill("#token", TOKEN)
    page.click("#ask button")
    page.wait_for_selector("body[data-at]")
    assert page.inner_text("#mode") == "enforced"
    page.close()
