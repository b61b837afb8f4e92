"""What the semantic cache refuses before any model looks: `arbiter compare` on the pairs written for it."""

import json
import pathlib
import subprocess

from e2e.envoy import ARBITER

FOLDER = pathlib.Path(__file__).parent / "data" / "semantic"


def messages(row):
    """Both messages of a pair, with their document."""
    one, other = row["a"], row["b"]
    if "document" in row:
        document = (FOLDER / f"{row['document']}.txt").read_text()
        one = f"{one}\n\n{document}"
        other = f"{other}\n\n{document.replace(*row['change']) if 'change' in row else document}"
    return one, other


def compare(pairs):
    """What the command says of each pair."""
    named = ("id", "answered", "asked")
    lines = [json.dumps(dict(zip(named, (number, *pair), strict=True))) for number, pair in enumerate(pairs)]
    command = [ARBITER, "compare", "--inputs"]
    run = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_traps_are_refused_and_rephrasings_are_not():
    rows = [json.loads(line) for line in (FOLDER / "pairs.jsonl").read_text().splitlines()]
    verdicts = compare([messages(row) for row in rows])
    refused = {True: [], False: []}
    for row, verdict in zip(rows, verdicts, strict=True):
        refused[row["serves"]].append(verdict["veto"] is not None)
    traps, rephrasings = refused[False], refused[True]
    assert sum(traps) >= 0.9 * len(traps)
    assert sum(rephrasings) <= 0.1 * len(rephrasings)


def test_what_is_asked_about_one_document_is_compared_without_it():
    document = (FOLDER / "reef.txt").read_text()
    changed = document.replace("71 per cent", "17 per cent")
    answered = f"Summarize this article.\n\n{document}"
    same, other = compare(
        [(answered, f"Please sum this article up:\n\n{document}"), (answered, f"Summarize this article.\n\n{changed}")]
    )
    assert (same["veto"], same["answered"], same["asked"]) == (
        None,
        "Summarize this article.",
        "Please sum this article up:",
    )
    assert other == {"id": 1, "veto": "document"}


def test_a_rephrasing_scores_higher_than_another_question():
    asked = "How do I remove a red wine stain from a carpet?"
    rephrased, related = compare(
        [
            (asked, "What is the way to get a red wine stain out of a carpet?"),
            (asked, "How do I lay a carpet in a wine cellar?"),
        ]
    )
    assert 0 < related["score"] < rephrased["score"] < 1


def test_a_cache_that_allows_much_answers_most_rephrasings_and_no_trap(tmp_path):
    rows = [json.loads(line) for line in (FOLDER / "pairs.jsonl").read_text().splitlines()]
    policy = tmp_path / "policy.yaml"
    example = (FOLDER.parents[2] / "envoy" / "policy-semantic.yaml").read_text()
    policy.write_text(example.replace("max_false_hits: 1%", "max_false_hits: 10%\n    audit_share: 0"))
    sides = [messages(row) for row in rows]
    texts = [one for one, _ in sides] + [other for _, other in sides]
    bodies = [{"model": "auto", "messages": [{"role": "user", "content": text}]} for text in texts]
    calls = "\n".join(json.dumps({"id": number, "time": 1, "body": body}) for number, body in enumerate(bodies))
    command = [ARBITER, "simulate", "--policy", policy]
    run = subprocess.run(command, input=calls, capture_output=True, text=True, check=True)
    results = [json.loads(line) for line in run.stdout.splitlines()]
    hits = {True: [], False: []}
    for place, row in enumerate(rows):
        result = results[len(rows) + place]
        is_hit = result["outcome"] == "semantic_hit"
        hits[row["serves"]].append(is_hit and (texts[result["hit_id"]] == texts[place] or not row["serves"]))
    traps, rephrasings = hits[False], hits[True]
    assert sum(traps) <= 1
    assert sum(rephrasings) >= 0.75 * len(rephrasings)
