"""The student: the teacher with fewer layers and a narrower table of tokens, trained so that its token states point where the teacher's do.

BERT as in teacher.py, with four of the six layers whole, `TABLE_WIDTH` numbers per token that one matrix lifts to the width of
the layers, and `PLACES` positions. It starts from the teacher's own weights. The loss of a step is one minus the cosine between the last
states of both, as a mean over tokens, and the same for the mean over each text.
"""

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

LAYERS = (0, 2, 4, 5)
"""The teacher's layers that the student starts from."""
HEADS = 12
TABLE_WIDTH = 128
PLACES = 64
"""Tokens of a text that it reads, the two special ones included."""
LENGTHS = (8, 12, 16, 24, 32, 48, PLACES)
"""Texts of a batch are padded to one of these."""


@dataclass(frozen=True)
class Recipe:
    """How training goes."""

    steps: int = 2400
    tokens: int = 2048
    """Of a batch, padding included."""
    rate: float = 5e-4
    warm_up: int = 50
    """Steps until the rate is reached, from which it falls to 0 in a straight line."""
    seed: int = 1


def layer(weights, index):
    """The weights of one of the teacher's layers, matrices as [from, to]."""
    name = f"encoder.layer.{index}"
    of = {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "mixed": "attention.output.dense",
        "inner": "intermediate.dense",
        "outer": "output.dense",
    }
    out = {}
    for ours, theirs in of.items():
        out[ours] = weights[f"{name}.{theirs}.weight"].T
        out[f"{ours}_bias"] = weights[f"{name}.{theirs}.bias"]
    for ours, theirs in {"attended": "attention.output.LayerNorm", "left": "output.LayerNorm"}.items():
        out[f"{ours}_scale"] = weights[f"{name}.{theirs}.weight"]
        out[f"{ours}_shift"] = weights[f"{name}.{theirs}.bias"]
    return out


def ends(weights):
    """What stands before the teacher's layers, but for its table of tokens."""
    places = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    return {
        "places": places,
        "scale": weights["embeddings.LayerNorm.weight"],
        "shift": weights["embeddings.LayerNorm.bias"],
    }


def initial(weights):
    """The student before training, from the teacher's weights."""
    table = weights["embeddings.word_embeddings.weight"].astype(np.float64)
    _, vectors = np.linalg.eigh(table.T @ table)
    lift = vectors[:, ::-1][:, :TABLE_WIDTH]
    start = ends(weights)
    start["places"] = start["places"][:PLACES]
    student = {
        "table": table @ lift,
        "lift": lift.T,
        **start,
        "layers": [layer(weights, index) for index in LAYERS],
    }
    return jax.tree.map(lambda each: jnp.asarray(each, jnp.float32), student)


def whole(weights):
    """The teacher in the student's form."""
    table = {"table": weights["embeddings.word_embeddings.weight"], **ends(weights)}
    teacher = {**table, "layers": [layer(weights, index) for index in range(6)]}
    return jax.tree.map(lambda each: jnp.asarray(each, jnp.float32), teacher)


def norm(x, scale, shift):
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-12) * scale + shift


def attend(x, mask, w):
    """Multi-head self-attention over `x` [texts, tokens, width] and what is added to it."""

    def heads(kind):
        y = x @ w[kind] + w[f"{kind}_bias"]
        return y.reshape(*y.shape[:2], HEADS, -1)

    products = jnp.einsum("bqhd,bkhd->bhqk", heads("query"), heads("key"))
    shares = jax.nn.softmax(products * (x.shape[-1] // HEADS) ** -0.5 + mask, axis=-1)
    mixed = jnp.einsum("bhqk,bkhd->bqhd", shares, heads("value")).reshape(x.shape)
    return norm(x + mixed @ w["mixed"] + w["mixed_bias"], w["attended_scale"], w["attended_shift"])


def states(model, ids, present):
    """The last states [texts, tokens, width] of a student or of a teacher in its form; `present` is 0 at padding."""
    x = model["table"][ids]
    if "lift" in model:
        x = x @ model["lift"]
    x = norm(x + model["places"][: ids.shape[1]], model["scale"], model["shift"])
    mask = (1.0 - present)[:, None, None, :] * -1e9
    for w in model["layers"]:
        x = attend(x, mask, w)
        inner = jax.nn.gelu(x @ w["inner"] + w["inner_bias"], approximate=False)
        x = norm(x + inner @ w["outer"] + w["outer_bias"], w["left_scale"], w["left_shift"])
    return x


def cosine(x, y):
    lengths = jnp.sqrt((x * x).sum(-1) * (y * y).sum(-1) + 1e-12)
    return (x * y).sum(-1) / lengths


def loss(model, target, ids, present):
    """How far the student's states point from `target`, the teacher's."""
    own = states(model, ids, present)
    tokens = ((1 - cosine(own, target)) * present).sum() / present.sum()
    mean = [(x * present[..., None]).sum(1) for x in (own, target)]
    return tokens + (1 - cosine(*mean)).mean()


@functools.partial(jax.jit, donate_argnums=(0, 1, 2))
def advance(model, mean, square, target, ids, present, step, rate):
    """One step of Adam (Kingma and Ba, 2015)."""
    value, gradient = jax.value_and_grad(loss)(model, target, ids, present)
    mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
    square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, square, gradient)

    def moved(w, m, s):
        return w - rate * (m / (1 - 0.9**step)) / (jnp.sqrt(s / (1 - 0.999**step)) + 1e-8)

    return jax.tree.map(moved, model, mean, square), mean, square, value


class Texts:
    """Texts as token ids with the special ones, by the length that they are padded to."""

    def __init__(self, token_ids):
        cut = [ids if len(ids) <= PLACES else ids[: PLACES - 1] + ids[-1:] for ids in token_ids]
        self.rows = []
        for shorter, length in zip((0, *LENGTHS), LENGTHS, strict=False):
            chosen = [ids for ids in cut if shorter < len(ids) <= length]
            rows = np.zeros((len(chosen), length), np.int32)
            for row, ids in zip(rows, chosen, strict=True):
                row[: len(ids)] = ids
            self.rows.append(rows)
        shares = np.array([rows.size for rows in self.rows], np.float64)
        self.shares = shares / shares.sum()

    def draw(self, recipe, step):
        """The batch of a step, which depends on its number alone: ids and where they are no padding."""
        chance = np.random.default_rng([recipe.seed, step])
        rows = self.rows[chance.choice(len(self.rows), p=self.shares)]
        ids = rows[chance.integers(0, len(rows), recipe.tokens // rows.shape[1])]
        # Id 0 is that of padding.
        return ids, (ids != 0).astype(np.float32)


class Training:
    """Training under way; `model` is what it is about."""

    def __init__(self, weights, token_ids, recipe):
        self.teacher = whole(weights)
        self.taught = jax.jit(states)
        self.texts = Texts(token_ids)
        self.recipe = recipe
        self.step = 0
        self.model = initial(weights)
        self.mean = jax.tree.map(jnp.zeros_like, self.model)
        self.square = jax.tree.map(jnp.zeros_like, self.model)

    def state(self):
        """What a checkpoint must hold, by name."""
        leaves = {}
        for name in ("model", "mean", "square"):
            for place, each in enumerate(jax.tree.leaves(getattr(self, name))):
                leaves[f"{name}_{place}"] = np.asarray(each)
        return {"step": np.int64(self.step), **leaves}

    def restore(self, state):
        """Goes back to a checkpoint."""
        self.step = int(state["step"])
        tree = jax.tree.structure(self.model)
        for name in ("model", "mean", "square"):
            leaves = [jnp.asarray(state[f"{name}_{place}"]) for place in range(tree.num_leaves)]
            setattr(self, name, jax.tree.unflatten(tree, leaves))

    def run(self, steps):
        """Goes so many steps on; the mean loss."""
        total = 0.0
        for _ in range(steps):
            self.step += 1
            ids, present = self.texts.draw(self.recipe, self.step)
            rate = self.recipe.rate * min(self.step / self.recipe.warm_up, 1 - (self.step - 1) / self.recipe.steps)
            target = self.taught(self.teacher, ids, present)
            self.model, self.mean, self.square, value = advance(
                self.model, self.mean, self.square, target, ids, present, float(self.step), rate
            )
            total += float(value)
        return total / steps
