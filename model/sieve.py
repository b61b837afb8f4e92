"""The sieve: one vector per token, summed and scaled to length 1, trained to be as near and far as the teacher's embeddings.

Every step draws texts, whose similarities with each other must match the teacher's, and labelled pairs, which a logistic loss
tells apart and which must be nearer to each other than to the rest of the batch. Adam (Kingma and Ba, 2015) moves only the rows
of tokens that the batch contains.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

WIDTH = 128
"""Dimensions of an embedding."""

SILENT = (*".,!?;:", "please", "thanks", "thank", "kindly", "hello", "hi", "hey", "cheers", "regards")
"""Tokens that the sieve skips: they change how something is asked, not what."""


@dataclass(frozen=True)
class Recipe:
    """How training goes. Weights are of the parts of the loss."""

    steps: int = 1000
    batch: int = 256
    rate: float = 3e-3
    similarity: float = 20.0
    direction: float = 1.0
    pair: float = 0.5
    contrast: float = 0.3
    steepness: float = 15.0
    boundary: float = 0.75
    temperature: float = 20.0
    seed: int = 1


class Adam:
    """Adam over the rows of a table, lazily: a row that a step does not touch keeps its moments."""

    def __init__(self, shape):
        self.mean = np.zeros(shape, np.float32)
        self.square = np.zeros(shape, np.float32)
        self.step = 0

    def update(self, table, rows, gradient, rate):
        self.step += 1
        self.mean[rows] += 0.1 * (gradient - self.mean[rows])
        self.square[rows] += 0.001 * (gradient * gradient - self.square[rows])
        mean = self.mean[rows] / (1 - 0.9**self.step)
        square = self.square[rows] / (1 - 0.999**self.step)
        table[rows] -= rate * mean / (np.sqrt(square) + 1e-8)


def content(ids, silent):
    """The tokens of a text that the sieve sees; all of them if it would see none."""
    return [token for token in ids if token not in silent] or ids


def bags(token_ids, vocabulary):
    """How often each text [texts, vocabulary] has each token; special tokens must not be among the ids."""
    ends = np.cumsum([0] + [len(ids) for ids in token_ids])
    columns = np.concatenate([np.asarray(ids, np.int64) for ids in token_ids]) if ends[-1] else np.zeros(0, np.int64)
    bag = csr_matrix((np.ones(len(columns), np.float32), columns, ends), shape=(len(token_ids), vocabulary))
    bag.sum_duplicates()
    return bag


def unit(vectors):
    """The vectors at length 1, and their lengths."""
    lengths = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True)) + 1e-9
    return vectors / lengths, lengths


def embed(table, bag):
    """Embeddings [texts, WIDTH] of bags of tokens."""
    return unit(bag @ table)[0]


def initial_table(token_table):
    """The teacher's vectors per token, in the WIDTH directions in which they differ most."""
    centred = token_table - token_table.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T.astype(np.float64) @ centred)
    table = centred @ vectors[:, ::-1][:, :WIDTH].astype(np.float32)
    return np.ascontiguousarray(table)


def through_unit(gradient, units, lengths):
    """The gradient before scaling to length 1, given that after it."""
    return (gradient - units * (gradient * units).sum(axis=1, keepdims=True)) / lengths


def distil(units, teacher, linear, recipe):
    """Gradients of the distillation losses for the student's units and for the map into the teacher's space."""
    size = len(units)
    difference = units @ units.T - teacher @ teacher.T
    gradient = recipe.similarity * 4 / (size * size) * (difference @ units)
    mapped, lengths = unit(units @ linear)
    toward = through_unit(-recipe.direction / size * teacher, mapped, lengths)
    return gradient + toward @ linear.T, units.T @ toward


def contrast(left, right, same, recipe):
    """Gradients of the pair loss and of the contrast within the batch for the units of both sides."""
    size = len(left)
    cosine = (left * right).sum(axis=1)
    chance = 1 / (1 + np.exp(-recipe.steepness * (cosine - recipe.boundary)))
    slope = (recipe.pair * recipe.steepness / size * (chance - same))[:, None]
    d_left, d_right = slope * right, slope * left
    true = np.flatnonzero(same)
    logits = recipe.temperature * (left[true] @ right.T)
    logits -= logits.max(axis=1, keepdims=True)
    shares = np.exp(logits)
    shares /= shares.sum(axis=1, keepdims=True)
    shares[np.arange(len(true)), true] -= 1
    shares *= recipe.contrast * recipe.temperature / max(len(true), 1)
    d_left[true] += shares @ right
    d_right += shares.T @ left[true]
    return d_left, d_right


class Training:
    """Training under way; `table` [vocabulary, WIDTH] is what it is about.

    `texts`: bags of the texts that `teacher` [texts, width] has embedded; `pairs`: bags of the left and the right sides;
    `same`: 1 where both sides ask the same.
    """

    def __init__(self, table, texts, teacher, pairs, same, recipe):
        self.table, self.texts, self.teacher, self.pairs, self.same = table, texts, teacher, pairs, same
        self.recipe = recipe
        self.step = 0
        first = np.random.default_rng(recipe.seed)
        self.linear = first.normal(0, 0.05, (WIDTH, teacher.shape[1])).astype(np.float32)
        self.tokens, self.mapping = Adam(table.shape), Adam(self.linear.shape)

    def state(self):
        """What a checkpoint must hold, by name."""
        moments = {"tokens": self.tokens, "mapping": self.mapping}
        state = {f"{name}_{part}": getattr(each, part) for name, each in moments.items() for part in ("mean", "square")}
        return {"table": self.table, "linear": self.linear, "step": np.int64(self.step), **state}

    def restore(self, state):
        """Goes back to a checkpoint."""
        self.table, self.linear, self.step = state["table"], state["linear"], int(state["step"])
        for name, each in (("tokens", self.tokens), ("mapping", self.mapping)):
            each.mean, each.square, each.step = state[f"{name}_mean"], state[f"{name}_square"], self.step

    def run(self, steps):
        """Goes so many steps on. What a step draws depends on its number alone."""
        for _ in range(steps):
            self.step += 1
            self.one_step(np.random.default_rng([self.recipe.seed, self.step]))

    def one_step(self, chance):
        recipe = self.recipe
        drawn = chance.integers(0, self.texts.shape[0], recipe.batch)
        couples = chance.integers(0, self.pairs[0].shape[0], recipe.batch)
        parts = [self.texts[drawn], self.pairs[0][couples], self.pairs[1][couples]]
        rows = np.unique(np.concatenate([part.indices for part in parts]))
        place = np.zeros(self.table.shape[0], np.int64)
        place[rows] = np.arange(len(rows))
        shapes = [(part.shape[0], len(rows)) for part in parts]
        parts = [
            csr_matrix((p.data, place[p.indices], p.indptr), shape) for p, shape in zip(parts, shapes, strict=True)
        ]
        chosen = self.table[rows]
        scaled = [unit(part @ chosen) for part in parts]
        d_text, d_linear = distil(scaled[0][0], self.teacher[drawn], self.linear, recipe)
        d_left, d_right = contrast(scaled[1][0], scaled[2][0], self.same[couples], recipe)
        gradient = np.zeros_like(chosen)
        for part, (units, lengths), d in zip(parts, scaled, (d_text, d_left, d_right), strict=True):
            gradient += part.T @ through_unit(d, units, lengths)
        rate = recipe.rate * min(1.0, 2 * (1 - (self.step - 1) / recipe.steps))
        self.tokens.update(self.table, rows, gradient, rate)
        self.mapping.update(self.linear, np.arange(WIDTH), d_linear, rate)


def quantised(table):
    """The table as int8 [vocabulary, WIDTH], all of it by one scale, which scaling to length 1 takes out again.

    One value in ten thousand is cut off, so that the others have finer steps.
    """
    step = np.quantile(np.abs(table), 0.9999) / 127
    return np.clip(np.rint(table / step), -127, 127).astype(np.int8)
