"""How often the semantic cache would answer rephrasings, and near misses wrongly, by `arbiter compare` and `arbiter simulate`.

Pairs that nothing was fitted to: the `dev` splits of DATA/paraphrase/judged.jsonl.gz, whose weights undo how they were drawn, and
of app.jsonl.gz; and both halves of tests/data/semantic/pairs.jsonl. Recall at x % false hits: the share of true pairs that reach
the least score which at most x % of the others reach. A pair that is refused before it is scored reaches none.

Then a whole cache: all first messages of the pairs are asked, then all second ones, and then strangers, the `test` prompts of
DATA/routing/routing.jsonl.gz; a hit is right if the second message of a true pair gets the answer to its first.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import data

ROOT = pathlib.Path(__file__).resolve().parent.parent
ARBITER = ROOT / "dist" / "arbiter"
WRITTEN = ROOT / "tests" / "data" / "semantic"
FALSE_HITS = (0.005, 0.01, 0.02, 0.05)
SERVED = (0.005, 0.02, 0.1)
"""Shares of false hits that a policy may allow, for the whole cache."""
STRANGERS = 5
"""One of so many prompts is asked."""


def compare(rows):
    """The score of each pair {a, b}; -1 where a veto stands."""
    lines = [json.dumps({"id": i, "answered": row["a"], "asked": row["b"]}) for i, row in enumerate(rows)]
    run = subprocess.run([ARBITER, "compare"], input="\n".join(lines), capture_output=True, text=True, check=True)
    return [verdict.get("score", -1.0) for verdict in map(json.loads, run.stdout.splitlines())]


def policy(false_hits):
    """The example policy, with another share of false hits."""
    text = (ROOT / "envoy" / "policy-semantic.yaml").read_text()
    changed, count = re.subn(r"max_false_hits: \S+", f"audit_share: 0\n    max_false_hits: {100 * false_hits:g}%", text)
    assert count == 1, "the example policy has one max_false_hits"
    return changed


def simulate(false_hits, messages):
    """What becomes of messages, asked one after the other."""
    calls = (
        {
            "id": number,
            "time": 1 + number / 1000,
            "body": {"model": "auto", "messages": [{"role": "user", "content": text}]},
        }
        for number, text in enumerate(messages)
    )
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(policy(false_hits))
        file.flush()
        command = [ARBITER, "simulate", "--policy", file.name]
        lines = "\n".join(map(json.dumps, calls))
        run = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def served(false_hits, rows, strangers):
    """Of a cache that has answered the first messages: shares of rephrasings that get the right answer, of rephrasings that get
    another one, of near misses that get the wrong answer, and of strangers that get any."""
    firsts = list(dict.fromkeys(row["a"] for row in rows))
    place = {text: number for number, text in enumerate(firsts)}
    results = simulate(false_hits, [*firsts, *(row["b"] for row in rows), *strangers])
    asked = results[len(firsts) : len(firsts) + len(rows)]
    right = other = wrong = true = false = 0.0
    for row, result in zip(rows, asked, strict=True):
        weight = row.get("weight") or 1.0
        is_hit = result["outcome"] == "semantic_hit"
        is_own = is_hit and result["hit_id"] == place[row["a"]]
        true += weight * bool(row["same"])
        false += weight * (not row["same"])
        right += weight * (is_own and bool(row["same"]))
        other += weight * (is_hit and not is_own and bool(row["same"]))
        wrong += weight * (is_hit and not row["same"])
    hits = sum(result["outcome"] == "semantic_hit" for result in results[len(firsts) + len(rows) :])
    return right / true, other / true, wrong / false, hits / len(strangers)


def written(half):
    """The pairs written for the cache, with their documents."""
    for line in (WRITTEN / "pairs.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["half"] != half:
            continue
        one, other = row["a"], row["b"]
        if "document" in row:
            document = (WRITTEN / f"{row['document']}.txt").read_text()
            one = f"{one}\n\n{document}"
            other = f"{other}\n\n{document.replace(*row['change']) if 'change' in row else document}"
        yield {"a": one, "b": other, "same": row["serves"]}


class Scored:
    """Pairs with their scores and weights, by falling score."""

    def __init__(self, rows, scores):
        self.pairs = sorted(
            ((score, bool(row["same"]), row.get("weight") or 1.0) for score, row in zip(scores, rows, strict=True)),
            key=lambda pair: -pair[0],
        )
        self.true = sum(weight for _, same, weight in self.pairs if same)
        self.false = sum(weight for _, same, weight in self.pairs if not same)

    def curve(self):
        """(score, share of false pairs, share of true pairs) that reach each score, falling."""
        wrong = right = 0.0
        for place, (score, same, weight) in enumerate(self.pairs):
            right += weight * same
            wrong += weight * (not same)
            if score >= 0 and (place + 1 == len(self.pairs) or self.pairs[place + 1][0] < score):
                yield score, wrong / self.false, right / self.true

    def recall(self, false_hits):
        return max((right for _, wrong, right in self.curve() if wrong <= false_hits), default=0.0)

    def auc(self):
        """The chance that a true pair has the higher score; ties count half."""
        total = right = 0.0
        place = 0
        while place < len(self.pairs):
            end = place
            while end < len(self.pairs) and self.pairs[end][0] == self.pairs[place][0]:
                end += 1
            true = sum(weight for _, same, weight in self.pairs[place:end] if same)
            false = sum(weight for _, same, weight in self.pairs[place:end] if not same)
            total += false * (right + true / 2)
            right += true
            place = end
        return total / (self.true * self.false)

    def reached(self, score, same):
        """The share of true or of false pairs that reach a score."""
        all_of_it = self.true if same else self.false
        return (
            sum(weight for reached, is_same, weight in self.pairs if is_same == same and reached >= score) / all_of_it
        )


def sets(folder):
    """Pairs that nothing was fitted to, by name."""
    return {
        "judged pairs, dev": data.judged(folder, "dev"),
        "product-like pairs, dev": data.product(folder, "dev"),
        "written for the cache, tuned on": list(written("tune")),
        "written for the cache, final": list(written("final")),
    }


def table(pairs, score, asked, scale):
    """Prints how well `score`, of a list of rows, tells pairs apart, and what comes of asking for `asked`, which is on `scale`."""
    print(f"| pairs | AUC | recall at 0.5 / 1 / 2 / 5 % false hits | hits, wrong hits at {scale} |")
    print("|---|---|---|---|")
    for name, rows in pairs.items():
        scored = Scored(rows, score(rows))
        recall = " / ".join(f"{scored.recall(share):.3f}" for share in FALSE_HITS)
        hits = f"{scored.reached(asked, True):.3f}, {scored.reached(asked, False):.4f}"
        print(f"| {name} | {scored.auc():.3f} | {recall} | {hits} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, help="folder that holds paraphrase/ and routing/")
    folder = parser.parse_args().data
    calibration = json.loads((ROOT / "model" / "verifier.json").read_text())["calibration"]
    asked = next(step for step in calibration if step["false_hits"] == FALSE_HITS[0])["score"]
    pairs = sets(folder)
    table(pairs, compare, asked, "the score for 0.5 %")
    strangers = [row["prompt"] for row in data.routing(folder, "test")][::STRANGERS]
    print(
        f"\n| a cache of them, {len(strangers)} strangers | max_false_hits | right hits | another's answer | wrong hits | strangers hit |"
    )
    print("|---|---|---|---|---|---|")
    for name, rows in pairs.items():
        for share in SERVED:
            cells = " | ".join(f"{100 * each:.1f} %" for each in served(share, rows, strangers))
            print(f"| {name} | {100 * share:g} % | {cells} |")


if __name__ == "__main__":
    sys.exit(main())
