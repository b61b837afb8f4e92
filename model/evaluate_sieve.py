"""How well embeddings find what asks the same.

AUC: over the published `dev` pairs, the chance that a pair that asks the same is nearer than one that does not. Candidate recall:
the index holds the distinct `a` texts of `dev`, the query is the `b` of each true pair; the share of queries whose own `a` is
among the nearest k.
"""

import numpy as np

DEPTHS = (1, 3, 5, 10)


def auc(scores, labels):
    """Area under the ROC curve; ties count half."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    _, inverse, counts = np.unique(scores[order], return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks[order] = (ends - (counts - 1) / 2)[inverse]
    positive = labels.sum()
    negative = len(labels) - positive
    return (ranks[labels == 1].sum() - positive * (positive + 1) / 2) / (positive * negative)


def recall_at_false_hits(scores, labels, share):
    """The share of true pairs over the score that so many false ones reach."""
    boundary = np.quantile(scores[labels == 0], 1 - share)
    return (scores[labels == 1] > boundary).mean()


def measure(embed, pairs):
    """The figures by name; `embed` makes unit vectors [texts, width] of a list of texts."""
    labels = np.array([pair["same"] for pair in pairs], np.int64)
    left, right = embed([pair["a"] for pair in pairs]), embed([pair["b"] for pair in pairs])
    scores = (left * right).sum(axis=1)
    figures = {"auc": auc(scores, labels)}
    for share in (0.01, 0.05):
        figures[f"recall at {share:.0%} false hits"] = recall_at_false_hits(scores, labels, share)
    index = {}
    for row, pair in enumerate(pairs):
        index.setdefault(pair["a"], row)
    texts = list(index)
    place = {text: at for at, text in enumerate(texts)}
    vectors = left[[index[text] for text in texts]]
    true = np.flatnonzero(labels)
    nearness = right[true] @ vectors.T
    own = nearness[np.arange(len(true)), [place[pairs[row]["a"]] for row in true]]
    ranks = (nearness > own[:, None]).sum(axis=1)
    for depth in DEPTHS:
        figures[f"recall@{depth}"] = (ranks < depth).mean()
    return figures
