"""How long Envoy takes to start with the filter, and what memory each worker of it needs.

Prints the table of the README. Needs what `make build` leaves in dist/.
"""

import pathlib
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from e2e import policies  # noqa: E402
from e2e.envoy import Envoy, render, version  # noqa: E402
from run import without_filter  # noqa: E402

ROUNDS = 3
WORKERS = 4
"""Enough for the memory of one to stand out."""
UNUSED = 1
"""A port where nothing is called: no call leaves the filter."""


def resident(envoy):
    """Memory of the process in MB."""
    status = pathlib.Path(f"/proc/{envoy.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def started(members, change, workers):
    """Seconds until Envoy serves under a policy with these members, and its memory then."""
    document = policies.document(UNUSED, UNUSED, UNUSED, **members)
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        bootstrap = change(render(document, directory))
        began = time.monotonic()
        with Envoy(bootstrap, directory, workers) as envoy:
            return time.monotonic() - began, resident(envoy)


def main():
    print("| | ready after | memory | each further worker |\n|---|---:|---:|---:|")
    heuristic = {"classify": {"scorer": "heuristic"}}
    for name, members, change in [
        ("Envoy without the filter", heuristic, without_filter),
        ("with it", heuristic, lambda bootstrap: bootstrap),
        ("with it, learned scorer", {"classify": {"scorer": "learned"}}, lambda bootstrap: bootstrap),
        ("with it, semantic cache", {**heuristic, "cache": {"exact": {}, "semantic": {}}}, lambda bootstrap: bootstrap),
    ]:
        alone = [started(members, change, 1) for _ in range(ROUNDS)]
        many = [started(members, change, WORKERS) for _ in range(ROUNDS)]
        seconds = statistics.median(second for second, _ in alone)
        memory, together = (statistics.median(memory for _, memory in runs) for runs in (alone, many))
        print(f"| {name} | {seconds:.1f} s | {memory:.0f} MB | {(together - memory) / (WORKERS - 1):.1f} MB |")
    engine = ".".join(map(str, version()))
    print(f"\nMedians of {ROUNDS} starts of Envoy {engine} with one worker; further ones: a start with {WORKERS}.")


if __name__ == "__main__":
    main()
