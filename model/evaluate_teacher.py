"""What a head over the teacher's embedding routes like, beside the same head over the sieve's, and what the cosine of the teacher's
embeddings is worth as the verifier of the semantic cache.

The head is that of `arbiter fit`: ridge regression of `1 - weak` over standardised inputs, its strength by ten-fold
cross-validation with a whole subject in one fold; without the heuristic's share, which both would have alike. Fitted to `train`,
judged on `test` by the protocol of evaluate_routing.py.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np

import data
import evaluate_semantic
from evaluate_routing import ARBITER, BENCHMARKS, apgr, cpt, policy, quality_by_share
from make import Texts, embed_texts

COUNTED = 21
FOLDS = 10
USUAL_COSINE = 0.92
"""What is usually asked for."""
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


def inputs(prompts):
    """What the learned scorer weighs [prompts, counts and embedding]; zeros where there is nothing to go by."""
    lines = "".join(json.dumps({"id": i, "prompt": prompt}) + "\n" for i, prompt in enumerate(prompts))
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "policy.json"
        path.write_text(json.dumps(policy("learned")))
        command = [ARBITER, "score", "--inputs", path]
        printed = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout
    rows = [json.loads(line)["inputs"] for line in printed.splitlines()]
    width = next(len(row) for row in rows if row)
    return np.array([row or [0.0] * width for row in rows])


def solve(inputs, needs, strength):
    """The weights for inputs that are on one scale, and the bias."""
    mean = inputs.mean(axis=0)
    centred = inputs - mean
    products = centred.T @ centred / len(inputs) + strength * np.eye(inputs.shape[1])
    weights = np.linalg.solve(products, centred.T @ (needs - needs.mean()) / len(inputs))
    return weights, needs.mean() - mean @ weights


def folds(groups):
    """Groups in order of appearance, dealt out in turn."""
    dealt = {}
    return np.array([dealt.setdefault(group, len(dealt) % FOLDS) for group in groups])


def fit(inputs, rows):
    """The weights and the bias of the strength that judges unseen groups best."""
    needs = np.array([1.0 - row["weak"] for row in rows])
    own = folds([row["domain"] if row["source"] == "mmlu" else row["prompt"] for row in rows])

    def error(strength):
        total = 0.0
        for fold in range(FOLDS):
            seen, unseen = own != fold, own == fold
            weights, bias = solve(inputs[seen], needs[seen], strength)
            total += ((needs[unseen] - inputs[unseen] @ weights - bias) ** 2).sum()
        return total

    return solve(inputs, needs, min(STRENGTHS, key=error))


def line(name, train, test, train_rows, test_rows):
    """A row of the table."""
    mean, deviation = train.mean(axis=0), np.sqrt(np.maximum(train.var(axis=0), 1e-6))
    weights, bias = fit((train - mean) / deviation, train_rows)
    needs = (test - mean) / deviation @ weights + bias
    cells = []
    for source in BENCHMARKS:
        chosen = [at for at, row in enumerate(test_rows) if row["source"] == source]
        quality = quality_by_share([test_rows[at] for at in chosen], needs[chosen])
        cells.append(f"{cpt(quality, 0.5):.1f} / {cpt(quality, 0.8):.1f} / {apgr(quality):.3f}")
    return f"| {name} | " + " | ".join(cells) + " |"


def cosines(rows):
    """The cosine of the teacher's embeddings of the two messages of each row."""
    texts = sorted({row[side] for row in rows for side in ("a", "b")})
    place = {text: number for number, text in enumerate(texts)}
    embeddings = embed_texts(Texts(), texts)
    return [float(embeddings[place[row["a"]]] @ embeddings[place[row["b"]]]) for row in rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, help="folder that holds paraphrase/ and routing/")
    folder = parser.parse_args().data
    split = [data.routing(folder, name) for name in ("train", "test")]
    prompts = sorted({row["prompt"] for rows in split for row in rows})
    teacher = dict(zip(prompts, embed_texts(Texts(), prompts), strict=True))
    ours = [inputs([row["prompt"] for row in rows]) for rows in split]
    theirs = [np.array([teacher[row["prompt"]] for row in rows]) for rows in split]
    counts = [each[:, :COUNTED] for each in ours]
    print("| head over | " + " | ".join(BENCHMARKS.values()) + " |\n|---|" + "---|" * len(BENCHMARKS))
    for name, (train, test) in {
        "counts": counts,
        "the sieve's embedding": [each[:, COUNTED:] for each in ours],
        "the teacher's embedding": theirs,
        "counts and the sieve's embedding": ours,
        "counts and the teacher's embedding": [np.hstack(pair) for pair in zip(counts, theirs, strict=True)],
    }.items():
        print(line(name, train, test, *split))
    print("\nThe teacher's cosine as the verifier, without vetoes:\n")
    evaluate_semantic.table(evaluate_semantic.sets(folder), cosines, USUAL_COSINE, f"a cosine of {USUAL_COSINE}")


if __name__ == "__main__":
    main()
