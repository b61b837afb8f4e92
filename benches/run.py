"""What the filter costs and what it saves: one Envoy worker under wrk, with and without it, in interleaved rounds.

Prints the table of the README. Needs `wrk` and `nginx`, and what `make build` leaves in dist/.
"""

import argparse
import contextlib
import copy
import pathlib
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from e2e import policies  # noqa: E402
from e2e.envoy import Envoy, render, version  # noqa: E402
from nginx import ANSWER, EVENTS, Nginx, stream  # noqa: E402

SCRIPT = ROOT / "benches" / "chat.lua"


def without_filter(bootstrap):
    """The same bootstrap with the filter taken out: every call goes to one plain cluster."""
    plain = copy.deepcopy(bootstrap)
    clusters = plain["static_resources"]["clusters"]
    cluster = next(each for each in clusters if each["name"] == "arbiter-model-mini")
    options = cluster.get("typed_extension_protocol_options", {})
    for protocol in options.values():
        protocol.pop("http_filters", None)
    plain["static_resources"]["clusters"] = [cluster]
    for listener in plain["static_resources"]["listeners"]:
        for chain in listener["filter_chains"]:
            for network_filter in chain["filters"]:
                manager = network_filter["typed_config"]
                manager["http_filters"] = [each for each in manager["http_filters"] if "wasm" not in str(each).lower()]
                route = {"match": {"prefix": "/"}, "route": {"cluster": cluster["name"]}}
                manager["route_config"]["virtual_hosts"] = [{"name": "plain", "domains": ["*"], "routes": [route]}]
    return plain


class Row:
    """One line of the table: an Envoy, what it is asked, and what was measured."""

    def __init__(self, name, envoy, prompts="distinct", kilobytes=2, form="whole", baseline=None):
        self.name = name
        self.envoy = envoy
        self.prompts = prompts
        self.asked = [str(kilobytes), form]
        self.baseline = baseline or self
        self.rates = []
        self.latencies = {"50%": [], "99%": []}

    def command(self, seconds, run):
        options = ["-t1", "-c16", f"-d{seconds}s", "--latency", "-s", str(SCRIPT), self.envoy.url]
        return ["wrk", *options, "--", self.prompts, run, *self.asked]

    def measure(self, seconds, run):
        """One run of wrk. Repeated prompts are the same in every run: they stay in the cache."""
        command = self.command(seconds, run if self.prompts == "distinct" else "same")
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in text or "Socket errors" in text:
            raise SystemExit(f"{self.name}: not every answer was a 200\n{text}")
        self.rates.append(float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]))
        for share, found in self.latencies.items():
            value, unit = re.search(rf"{share}\s+([\d.]+)(us|ms|s)", text).groups()
            found.append(float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit])

    def line(self):
        rate, baseline = statistics.median(self.rates), statistics.median(self.baseline.rates)
        p50, p99 = (statistics.median(found) for found in self.latencies.values())
        added = 1e6 / rate - 1e6 / baseline
        return f"| {self.name} | {rate:,.0f} | {rate / baseline:.2f} | {added:.0f} µs | {p50:.2f} ms | {p99:.2f} ms |"


def start_rows(stack, directory):
    """Starts an Envoy for each row, so that no row disturbs what another has cached."""
    port = stack.enter_context(Nginx(directory / "nginx")).port
    streaming = stack.enter_context(Nginx(directory / "streaming", stream(), "text/event-stream")).port

    def start(name, document, change=lambda bootstrap: bootstrap):
        place = directory / name
        place.mkdir()
        return stack.enter_context(Envoy(change(render(document, place)), place))

    def document(port, scorer="heuristic", **members):
        return policies.document(mini=port, grand=port, spare=port, classify={"scorer": scorer}, **members)

    def failing_over(**spare):
        """A tier of two models for what is asked here; `spare` changes the provider of the second."""
        tiers = [{"name": "only", "handles": "high", "models": ["mini", "spare"]}]
        policy = document(port, tiers=tiers)
        policy["providers"]["second"] = policies.provider(port, **spare)
        return policy

    plain = Row("Envoy without the filter", start("plain", document(port), without_filter))
    miss = start("miss", document(port))
    long = Row("32 KB: without the filter", plain.envoy, kilobytes=32)
    streamed = Row(
        f"{EVENTS} events streamed: without the filter",
        start("plain-stream", document(streaming), without_filter),
        form="stream",
    )
    return [
        plain,
        Row("with it, miss", miss, baseline=plain),
        Row("with it, miss, learned scorer", start("learned", document(port, "learned")), baseline=plain),
        Row("with it, hit", start("hit", document(port)), "repeated", baseline=plain),
        Row("with it, cache off", start("uncached", document(port, **policies.CACHE_OFF)), baseline=plain),
        Row("with it, miss, another model to fail over to", start("two", failing_over()), baseline=plain),
        Row(
            "with it, miss, that model of another dialect",
            start("foreign", failing_over(dialect="anthropic")),
            baseline=plain,
        ),
        long,
        Row("32 KB: with it, miss", miss, kilobytes=32, baseline=long),
        streamed,
        Row(
            f"{EVENTS} events streamed: with it, miss",
            start("stream", document(streaming)),
            form="stream",
            baseline=streamed,
        ),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each row (default %(default)s)")
    parser.add_argument("--seconds", type=int, default=4, help="length of a run (default %(default)s)")
    arguments = parser.parse_args()
    for tool in ("wrk", "nginx"):
        if not shutil.which(tool):
            raise SystemExit(f"{tool} is missing: apt-get install {tool}")

    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        directory = pathlib.Path(directory)
        rows = start_rows(stack, directory)
        for row in rows:
            row.measure(1, "warm-up")
            row.rates.clear()
            for found in row.latencies.values():
                found.clear()
        for number in range(arguments.rounds):
            for row in rows:
                row.measure(arguments.seconds, f"round-{number}")
        command = shlex.join(
            [*rows[1].command(arguments.seconds, "round-0")[:-6], "URL", "--", "distinct", "RUN", "2", "whole"]
        )

    print("| | requests/s | ratio | added | p50 | p99 |\n|---|---:|---:|---:|---:|---:|")
    for row in rows:
        print(row.line())
    engine = ".".join(map(str, version()))
    print(
        f"\nMedians of {arguments.rounds} interleaved rounds on Envoy {engine}, one worker; answers of {len(ANSWER)} bytes."
    )
    print(f"Each run: `{command.replace(str(ROOT) + '/', '')}`")


if __name__ == "__main__":
    main()
