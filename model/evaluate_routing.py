"""How well each scorer tells which questions need the strong model, by RouteLLM's protocol.

The data: JSON lines {prompt, source, split, strong, weak}, the graded answers of a strong and a weak model; only rows of split
`test` are read. Questions are sorted by score, the hardest share goes to the strong model, in eleven steps of 10 %, and quality is
the mean grade. CPT(x) is the share of strong calls at which x of the gap between weak and strong is closed (linear between steps);
APGR is the area under quality over share, from 0 (weak) to 1 (strong). Random is 50 / 80 / 0.5.
"""

import argparse
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
ARBITER = ROOT / "dist" / "arbiter"
EXAMPLE = ROOT / "envoy" / "examples" / "workload.yaml"
EVERYDAY = ROOT / "tests" / "data" / "everyday_prompts.txt"
MEDIUM = {"heuristic": 0.3, "learned": 0.5}
"""Where medium begins by default."""
STEPS = 10
BENCHMARKS = {"mt_bench": "MT-Bench", "mmlu": "MMLU", "gsm8k": "GSM8K"}
PUBLISHED = {"mt_bench": 0.802, "mmlu": 0.603, "gsm8k": 0.622}
"""RouteLLM's best APGR per benchmark, by its authors."""


def policy(scorer):
    """A policy of which only the scorer matters here."""
    price = {"input": 1, "output": 1}
    return {
        "providers": {"any": {"host": "localhost"}},
        "models": {"weak": {"provider": "any", "prices": price}, "strong": {"provider": "any", "prices": price}},
        "tiers": [
            {"name": "weak", "handles": "low", "models": ["weak"]},
            {"name": "strong", "handles": "high", "models": ["strong"]},
        ],
        "baseline": "strong",
        "classify": {"scorer": scorer},
    }


def scored(prompts, path):
    """What `arbiter score` says of each prompt under the policy in this file."""
    lines = "".join(json.dumps({"id": i, "prompt": prompt}) + "\n" for i, prompt in enumerate(prompts))
    run = subprocess.run([ARBITER, "score", path], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def scores(prompts, scorer):
    """The complexity of each prompt."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "policy.json"
        path.write_text(json.dumps(policy(scorer)))
        return [line["complexity"] for line in scored(prompts, path)]


def quality_by_share(rows, hardness):
    """Mean grade when the hardest 0, 10, ... 100 % go to the strong model. Equal scores share what they get."""
    order = sorted(range(len(rows)), key=lambda i: -hardness[i])
    gains = [rows[i]["strong"] - rows[i]["weak"] for i in order]
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and hardness[order[end]] == hardness[order[start]]:
            end += 1
        gains[start:end] = [sum(gains[start:end]) / (end - start)] * (end - start)
        start = end
    weak = sum(row["weak"] for row in rows)
    return [(weak + sum(gains[: round(len(rows) * step / STEPS)])) / len(rows) for step in range(STEPS + 1)]


def cpt(quality, recovered):
    """Share of strong calls, in per cent, at which so much of the gap is closed."""
    weak, strong = quality[0], quality[-1]
    wanted = weak + recovered * (strong - weak)
    for step, (before, after) in enumerate(zip(quality, quality[1:], strict=False)):
        if after >= wanted:
            within = (wanted - before) / (after - before) if after > before else 0.0
            return (step + max(within, 0.0)) * 100 / STEPS
    return 100.0


def apgr(quality):
    """Area under quality over share, from 0 (always weak) to 1 (always strong)."""
    weak, strong = quality[0], quality[-1]
    area = sum((before + after) / 2 for before, after in zip(quality, quality[1:], strict=False)) / STEPS
    return (area - weak) / (strong - weak)


def table(rows):
    """The table as Markdown."""
    lines = ["| scorer | " + " | ".join(BENCHMARKS.values()) + " |", "|---|" + "---|" * len(BENCHMARKS)]
    for scorer in ("learned", "heuristic", "wordcount"):
        cells = []
        for source in BENCHMARKS:
            chosen = [row for row in rows if row["source"] == source]
            quality = quality_by_share(chosen, scores([row["prompt"] for row in chosen], scorer))
            cells.append(f"{cpt(quality, 0.5):.1f} / {cpt(quality, 0.8):.1f} / {apgr(quality):.3f}")
        lines.append(f"| {scorer} | " + " | ".join(cells) + " |")
    lines.append("| random, by definition | " + " | ".join(["50.0 / 80.0 / 0.500"] * len(BENCHMARKS)) + " |")
    published = [f"- / - / {PUBLISHED[source]:.3f}" for source in BENCHMARKS]
    lines.append("| RouteLLM, best published | " + " | ".join(published) + " |")
    return "\n".join(lines)


def kept(rows):
    """What the example's policy keeps of the strong model's mean grade, and with how many strong calls."""
    lines = ["| | strong calls | of the strong model's mean grade | the weak model alone |", "|---|---:|---:|---:|"]
    for source, name in BENCHMARKS.items():
        chosen = [row for row in rows if row["source"] == source]
        tiers = [line["tier"] for line in scored([row["prompt"] for row in chosen], EXAMPLE)]
        grades = [row["strong" if tier == "large" else "weak"] for row, tier in zip(chosen, tiers, strict=True)]
        strong, weak = (sum(row[model] for row in chosen) for model in ("strong", "weak"))
        shares = tiers.count("large") / len(tiers), sum(grades) / strong, weak / strong
        lines.append(f"| {name} | " + " | ".join(f"{100 * share:.1f} %" for share in shares) + " |")
    return "\n".join(lines)


def everyday():
    """How the scorers tell everyday prompts that are easy from those that are hard, and what the learned one misses."""
    lines = [line for line in EVERYDAY.read_text().splitlines() if line and not line.startswith("#")]
    kinds, languages, texts = zip(*(line.split(" ", 2) for line in lines), strict=True)
    document = "The committee met in spring and heard the reports of all departments. " * 700
    prompts = [text.replace("\\n", "\n").replace("{paste}", document) for text in texts]
    report = []
    for scorer, medium in MEDIUM.items():
        found = scores(prompts, scorer)
        easy, hard = (
            [s for s, kind in zip(found, kinds, strict=True) if kind == wanted] for wanted in ("easy", "hard")
        )
        order = sum((h > e) + 0.5 * (h == e) for h in hard for e in easy) / (len(hard) * len(easy))
        right = f"{sum(e < medium for e in easy)} of {len(easy)} easy ones low, {sum(h >= medium for h in hard)} of {len(hard)} hard ones over it"
        report.append(f"- {scorer}: {right}; a hard one scores higher than an easy one in {order:.0%} of pairs")
    missed = [
        f"  - {kind}, {language}, {score:.2f}: {text[:90]}"
        for score, kind, language, text in sorted(zip(found, kinds, languages, texts, strict=True))
        if (kind == "hard") != (score >= medium)
    ]
    return "\n".join([*report, f"- missed by {scorer}:", *missed])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, help="folder that holds routing/routing.jsonl.gz")
    path = parser.parse_args().data / "routing" / "routing.jsonl.gz"
    if not path.exists():
        sys.exit(f"eval: {path} is not there; say where the data is: make eval DATA=FOLDER")
    with gzip.open(path, "rt") as lines:
        rows = [row for row in map(json.loads, lines) if row["split"] == "test"]
    print("Share of strong calls for 50 % and 80 % of the quality gap, and APGR, on held-out rows:\n")
    print(table(rows))
    print("\nenvoy/examples/workload.yaml on the same rows:\n")
    print(kept(rows))
    print("\nEveryday prompts of tests/data/everyday_prompts.txt:\n")
    print(everyday())


if __name__ == "__main__":
    main()
