"""The data that training reads, by folder; see CARD.md for what it is and where it comes from."""

import gzip
import itertools
import json
import pathlib
import re


def rows(path, split):
    """The rows of one split of a file of JSON lines."""
    with gzip.open(path, "rt") as lines:
        return [row for row in map(json.loads, lines) if row["split"] == split]


def pairs(data, split):
    """Pairs of questions {a, b, same} with the published labels."""
    return rows(data / "paraphrase" / "pairs.jsonl.gz", split)


def judged(data, split):
    """Pairs {a, b, same, weight?} judged anew by whether one answer serves both."""
    return rows(data / "paraphrase" / "judged.jsonl.gz", split)


def product(data, split):
    """Written pairs {a, b, same, category}, as people send them to products."""
    return rows(data / "paraphrase" / "app.jsonl.gz", split)


def routing(data, split):
    """Prompts with the graded answers of a strong and a weak model {prompt, source, domain, strong, weak}."""
    return rows(data / "routing" / "routing.jsonl.gz", split)


def written():
    """Pairs {a, b, same, group} of the messages written for training: within a group, those that one answer serves and those that it does not."""
    text = (pathlib.Path(__file__).parent / "written" / "groups.txt").read_text()
    pairs = []
    for number, group in enumerate(re.split(r"\n\s*\n", text)):
        lines = [line for line in group.splitlines() if line and not line.startswith("#")]
        serves = [line.removeprefix("= ") for line in lines if not line.startswith("! ")]
        others = [line.removeprefix("! ") for line in lines if line.startswith("! ")]
        pairs += [{"a": a, "b": b, "same": True, "group": number} for a, b in itertools.combinations(serves, 2)]
        pairs += [{"a": a, "b": b, "same": False, "group": number} for a in serves for b in others]
    return pairs
