"""The verifier's head: two logistic regressions over what `arbiter compare --inputs` says of two messages, and what the scores mean.

The first knows the words alone and takes microseconds; what it finds hopeless is not looked at again. The second knows all. Only pairs that no veto forbids are fitted: those alone are ever scored. Scores for the calibration are those of weights that have
not seen the pair (ten folds).
"""

import json
import subprocess

import numpy as np

WORDS = 26
"""Inputs that the words give; they come first."""
LEFT_OUT = 0.005
"""Of the pairs that one answer serves, how many the first look may leave out."""
FOLDS = 10
STRENGTH = 3.0
"""Of the pull of the weights, of inputs scaled to deviation 1, towards 0."""
STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1)
"""Shares of near misses for which the calibration says what score to ask for."""


def compare(arbiter, rows):
    """What `arbiter compare --inputs` says of pairs {a, b}: its lines, in order."""
    lines = [json.dumps({"id": i, "answered": row["a"], "asked": row["b"]}) for i, row in enumerate(rows)]
    run = subprocess.run(
        [arbiter, "compare", "--inputs"], input="\n".join(lines), capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in run.stdout.splitlines()]


def logistic(inputs, same, weights, strength=STRENGTH, rounds=25):
    """Weights [inputs + 1], the bias first, by Newton's method, with a pull towards 0 on all but the bias."""
    x = np.hstack([np.ones((len(inputs), 1)), inputs])
    w = np.zeros(x.shape[1])
    pull = np.diag([0.0] + [strength] * inputs.shape[1])
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-x @ w))
        gradient = x.T @ (weights * (p - same)) + pull @ w
        curvature = (x * (weights * p * (1 - p))[:, None]).T @ x + pull
        w -= np.linalg.solve(curvature, gradient)
    return w


def fit(inputs, same, weights):
    """Bias and weights for unscaled inputs."""
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0) + 1e-9
    w = logistic((inputs - mean) / deviation, same, weights)
    return w[0] - (w[1:] * mean / deviation).sum(), w[1:] / deviation


def score(inputs, bias, weights):
    return 1 / (1 + np.exp(-(bias + inputs @ weights)))


def unseen(inputs, same, weights, groups, seed=1):
    """The score of each pair by weights that have seen no pair of its group."""
    numbers, place = np.unique(groups, return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(len(numbers)) % FOLDS)[place]
    scores = np.empty(len(inputs))
    for each in range(FOLDS):
        held = fold == each
        scores[held] = score(inputs[held], *fit(inputs[~held], same[~held], weights[~held]))
    return scores


def recall_at(scores, same, weights, false_hits):
    """The share of true pairs that reach the least score which at most so many of the others reach, and that score. A vetoed
    pair has no chance: its score must be below 0."""
    order = np.argsort(-scores, kind="stable")
    scores, same, weights = scores[order], same[order], weights[order]
    wrong = np.cumsum(weights * ~same) / (weights * ~same).sum()
    right = np.cumsum(weights * same) / (weights * same).sum()
    # A score that several pairs share is reached by all of them.
    last = np.append(scores[1:] != scores[:-1], True)
    allowed = np.flatnonzero((wrong <= false_hits) & (scores >= 0) & last)
    return (right[allowed[-1]], scores[allowed[-1]]) if len(allowed) else (0.0, 1.0)


class Pairs:
    """Pairs with what the command says of them."""

    def __init__(self, arbiter, rows):
        verdicts = compare(arbiter, rows)
        self.open = np.array([verdict["veto"] is None for verdict in verdicts])
        self.inputs = np.array([verdict["inputs"] for verdict in verdicts if verdict["veto"] is None])
        self.same = np.array([bool(row["same"]) for row in rows])
        self.weights = np.array([float(row.get("weight") or 1.0) for row in rows])
        self.groups = np.array([row.get("group", place) for place, row in enumerate(rows)])[self.open]

    def scores(self, of_open):
        """The scores of all pairs, -1 where a veto stands, from those of the others."""
        scores = np.full(len(self.open), -1.0)
        scores[self.open] = of_open
        return scores


def balanced(*parts):
    """Weights that make each part count as much as the first one, up to fourfold."""
    first = len(parts[0])
    return np.concatenate([np.full(len(part), min(4.0, first / max(len(part), 1))) for part in parts])


def logistic_head(inputs, same, weights):
    """A regression as the engine reads it."""
    bias, fitted = fit(inputs, same, weights)
    return {"bias": round(float(bias), 8), "weights": [round(float(weight), 8) for weight in fitted]}


def head(encoder, *parts):
    """The head fitted to parts of pairs, as the engine reads it; false hits and recall are means over the parts."""
    inputs = np.vstack([part.inputs for part in parts])
    same = np.concatenate([part.same[part.open] for part in parts])
    weights = balanced(*[part.inputs for part in parts])
    groups = np.concatenate([part.groups + place * 1_000_000 for place, part in enumerate(parts)])
    first = unseen(inputs[:, :WORDS], same, weights, groups)
    least = float(np.quantile(first[same], LEFT_OUT))
    scores = np.where(first < least, np.minimum(first, least), unseen(inputs, same, weights, groups))
    scores = np.split(scores, np.cumsum([len(part.inputs) for part in parts])[:-1])
    scores = [part.scores(each) for part, each in zip(parts, scores, strict=True)]
    each = [part.weights / len(part.weights) for part in parts]
    pooled = [np.concatenate(x) for x in (scores, [part.same for part in parts], each)]
    calibration = []
    for false_hits in STEPS:
        recall, score = recall_at(*pooled, false_hits)
        calibration.append(
            {"false_hits": false_hits, "score": round(float(score), 6), "recall": round(float(recall), 4)}
        )
    return {
        "format": 2,
        "encoder": encoder,
        "words": logistic_head(inputs[:, :WORDS], same, weights),
        "least": round(least, 6),
        "all": logistic_head(inputs, same, weights),
        "calibration": calibration,
    }
