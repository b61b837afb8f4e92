"""What the semantic cache saves and costs: latencies of one caller on one connection, one worker, and a provider that takes 300 ms.

Prints the tables of the README. Needs what `make build` leaves in dist/.
"""

import contextlib
import itertools
import json
import pathlib
import statistics
import sys
import tempfile
import time

import httpx

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from e2e import chat  # noqa: E402
from e2e.gateway import running  # noqa: E402
from e2e.provider import answer  # noqa: E402

PROVIDER_SECONDS = 0.3
CALLS = 21
"""Of each kind; medians are printed."""
MESSAGES = 10_000
"""Messages that are kept, for the memory that they take."""

ENTRIES = {
    "exact": {"entries": 4 * MESSAGES},
    "semantic": {"max_false_hits": "10%", "max_time_share": "50%", "audit_share": 0, "entries": 2 * MESSAGES},
}
OFF = {"exact": {"entries": 4 * MESSAGES}}

DISHES = (ROOT / "benches" / "dishes.txt").read_text().split()
"""Words that make a message one that was never read."""

QUESTION = "How long should the dough of a DISH rest in the fridge before it goes into the hot oven?"
"""24 tokens, as are the others, within one or two."""
REPHRASED = "For how long should the dough of a DISH rest in the fridge before it goes into the hot oven?"
REPHRASED_AGAIN = "How long should the dough for a DISH rest in the fridge before it goes into the hot oven?"
NEAR_MISS = "How long should the dough of a DISH rest in the fridge before it spoils and smells sour?"
VETOED = "How long should the dough of a DISH rest in the fridge for 12 hours before it is baked?"

_numbers = itertools.count(1)


def slow(exchange):
    """A provider's answer after a while."""
    time.sleep(PROVIDER_SECONDS)
    answer(chat.completion("A day or two."))(exchange)


class Caller:
    """Asks on one connection; each `context` is a system prompt of its own, in which nothing was asked."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.client = gateway.envoy.client()
        gateway.mini.answer = gateway.grand.answer = slow

    def ask(self, context, text):
        """Milliseconds, and what the cache says."""
        messages = [{"role": "system", "content": f"Context {context}."}, {"role": "user", "content": text}]
        body = json.dumps({"model": "auto", "messages": messages})
        began = time.perf_counter()
        response = self.client.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
        took = 1000 * (time.perf_counter() - began)
        assert response.status_code == 200, response.text
        return took, response.headers.get("cache-status", "")

    def median(self, text, after, expected):
        """The median for `text` in contexts in which the texts of `after` have been asked."""
        found = []
        for dish in DISHES[:CALLS]:
            context = next(_numbers)
            # The provider takes its time with these as well, so that the worker has not spent its share on messages before.
            for earlier in after:
                self.ask(context, earlier.replace("DISH", dish))
            took, status = self.ask(context, text.replace("DISH", dish))
            assert expected in status, f"{text}: {status}"
            found.append(took)
        return statistics.median(found)


@contextlib.contextmanager
def gateway(cache):
    """A gateway with one worker under a policy with this cache."""
    with tempfile.TemporaryDirectory() as directory, running(pathlib.Path(directory), {"cache": cache}) as found:
        yield found


def allocated(envoy):
    """Memory that Envoy has handed out, shared data included and what lies in its workers' VMs not, in MB."""
    return int(httpx.get(f"http://{envoy.admin}/memory").json()["allocated"]) / 2**20


def latencies():
    print("| one call | median |\n|---|---:|")
    with gateway(OFF) as without:
        base = Caller(without).median(QUESTION, [], "fwd=miss")
        print(f"| a provider that takes 300 ms, exact cache alone, miss | {base:.1f} ms |")
        print(f"| exact hit | {Caller(without).median(QUESTION, [QUESTION], 'hit'):.1f} ms |")
    with gateway(ENTRIES) as semantic:
        caller = Caller(semantic)
        rows = [
            ("semantic hit, both messages are read", REPHRASED, [QUESTION], "detail=semantic"),
            ("semantic hit, the stored one has been read", REPHRASED_AGAIN, [QUESTION, REPHRASED], "detail=semantic"),
            ("semantic miss, nothing like it", QUESTION, [], "fwd=miss"),
            ("semantic miss, a candidate that is vetoed", VETOED, [QUESTION], "fwd=miss"),
            ("semantic miss, a candidate that is read", NEAR_MISS, [QUESTION], "fwd=miss"),
        ]
        for name, text, after, expected in rows:
            took = caller.median(text, after, expected)
            added = f" ({1000 * (took - base):+.0f} µs to the first row)" if "miss" in name else ""
            print(f"| {name} | {took:.1f} ms{added} |")


def memory():
    taken = {}
    for name, cache in (("exact", OFF), ("semantic", ENTRIES)):
        with gateway(cache) as found:
            caller = Caller(found)
            found.mini.answer = found.grand.answer = answer(chat.completion("A day or two."))
            caller.ask(0, QUESTION)
            before = allocated(found.envoy)
            for number in range(MESSAGES):
                caller.ask(0, f"{QUESTION}, part {number}?")
            taken[name] = allocated(found.envoy) - before
    print(
        f"\n{MESSAGES:,} messages of 130 bytes with answers of 400 bytes take {taken['exact']:.0f} MB in the exact cache,"
    )
    print(
        f"and {taken['semantic'] - taken['exact']:.0f} MB more with the semantic one, beside the index in each worker."
    )


if __name__ == "__main__":
    latencies()
    memory()
