"""Makes the model files from the packages of requirements.txt and the data; on one kind of processor the same
input gives the same bytes.

Stages: the teacher's embeddings of all training texts; the sieve's table, trained from them; the student; their files; the scorer's
weights, by `arbiter fit`; the verifier's. The first three leave checkpoints under .local/model/ and are not run again on the same
input; the others take a minute.
"""

import argparse
import dataclasses
import hashlib
import json
import pathlib
import shutil
import subprocess

import numpy as np
import onnxruntime
from safetensors.numpy import load_file
from tqdm import tqdm

import data
import evaluate_sieve
import export
import sieve
import student
import teacher
import verifier

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHECKPOINTS = ROOT / ".local" / "model"
SHIPPED = ROOT / "model"
EMBEDDED_AT_ONCE = 8192
"""Texts between two checkpoints of the teacher's embeddings."""
TRAINED_AT_ONCE = 500
"""Steps between two checkpoints of the sieve's training."""
TAUGHT_AT_ONCE = 100
"""The same for the student's."""


def fingerprint(*parts):
    """A short name for what a stage is given."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def save(path, **arrays):
    """Writes a checkpoint whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished.npz")
    np.savez(unfinished, **arrays)
    unfinished.replace(path)


class Texts:
    """Texts as tokens, with the teacher's tokenizer."""

    def __init__(self):
        self.tokenizer = teacher.tokenizer()
        self.vocabulary = self.tokenizer.get_vocab_size()
        self.silent = {self.tokenizer.token_to_id(token) for token in sieve.SILENT}

    def ids(self, texts, special):
        return [each.ids for each in self.tokenizer.encode_batch(texts, add_special_tokens=special)]

    def bags(self, texts):
        """What the sieve sees of the texts."""
        return sieve.bags([sieve.content(ids, self.silent) for ids in self.ids(texts, special=False)], self.vocabulary)


def training_texts(folder):
    """Every distinct text of a `train` split, sorted."""
    pairs = data.pairs(folder, "train") + data.judged(folder, "train") + data.product(folder, "train")
    prompts = {row["prompt"] for row in data.routing(folder, "train")}
    return sorted({pair[side] for pair in pairs for side in ("a", "b")} | prompts)


def embed_texts(tokens, texts):
    """The teacher's embeddings [texts, 384]; goes on where an earlier run was stopped."""
    parts = []
    for start in tqdm(range(0, len(texts), EMBEDDED_AT_ONCE), desc="teacher", unit_scale=EMBEDDED_AT_ONCE):
        part = texts[start : start + EMBEDDED_AT_ONCE]
        path = CHECKPOINTS / f"teacher-{fingerprint(part)}.npz"
        if not path.exists():
            save(path, embeddings=teacher.embed(tokens.ids(part, special=True)))
        parts.append(np.load(path)["embeddings"])
    return np.concatenate(parts)


def train_table(tokens, texts, pairs, recipe):
    """The table of token vectors; goes on where an earlier run was stopped."""
    name = fingerprint(dataclasses.asdict(recipe), texts, pairs)
    weights = load_file(teacher.package() / "model.safetensors")["embeddings.word_embeddings.weight"]
    training = sieve.Training(
        sieve.initial_table(weights.astype(np.float32)),
        tokens.bags(texts),
        embed_texts(tokens, texts),
        [tokens.bags([pair[side] for pair in pairs]) for side in ("a", "b")],
        np.array([pair["same"] for pair in pairs], np.float32),
        recipe,
    )
    path = CHECKPOINTS / f"sieve-{name}.npz"
    if path.exists():
        training.restore(np.load(path))
    with tqdm(total=recipe.steps, initial=training.step, desc="sieve") as progress:
        while training.step < recipe.steps:
            before = training.step
            training.run(min(TRAINED_AT_ONCE, recipe.steps - before))
            save(path, **training.state())
            progress.update(training.step - before)
    return training.table


def train_student(tokens, texts, recipe):
    """The student; goes on where an earlier run was stopped."""
    name = fingerprint(dataclasses.asdict(recipe), texts)
    weights = load_file(teacher.package() / "model.safetensors")
    weights = {name: weight.astype(np.float32) for name, weight in weights.items()}
    training = student.Training(weights, tokens.ids(texts, special=True), recipe)
    path = CHECKPOINTS / f"student-{name}.npz"
    if path.exists():
        training.restore(np.load(path))
    with tqdm(total=recipe.steps, initial=training.step, desc="student") as progress:
        while training.step < recipe.steps:
            steps = min(TAUGHT_AT_ONCE, recipe.steps - training.step)
            progress.set_postfix(loss=round(training.run(steps), 4))
            save(path, **training.state())
            progress.update(steps)
    return training.model


SAMPLES = (
    "How do I boil an egg?",
    "hello, could you please tell me how to boil an egg? Thanks!",
    "Prove that the square root of 2 is irrational.",
    "Schreibe eine höfliche Absage auf eine Einladung.",
    "请把这句话翻译成英文",
    'fn main() { println!("{}", 1 + 1); }',
    "Hi!",
    "Summarise the minutes: " + "the board met and agreed on the budget. " * 30,
)
"""Texts whose embeddings are kept, so that another engine can be held against this one."""


LONGEST_SAMPLE = 12
"""Tokens of a sample whose states are kept."""


def expected(tokens):
    """The embeddings of the samples, by onnxruntime, to six places."""
    session = onnxruntime.InferenceSession(SHIPPED / "sieve" / "sieve.onnx", providers=["CPUExecutionProvider"])
    rows = []
    for text, ids in zip(SAMPLES, tokens.ids(SAMPLES, special=False), strict=True):
        seen = np.array([sieve.content(ids, tokens.silent)], np.int64)
        embedding = sieve.unit(session.run(None, {"input_ids": seen})[0])[0][0]
        rows.append({"text": text, "embedding": [round(float(x), 6) for x in embedding]})
    return rows


def ship(tokens, table):
    """Writes the files of the sieve."""
    (SHIPPED / "sieve").mkdir(parents=True, exist_ok=True)
    (SHIPPED / "sieve" / "sieve.onnx").write_bytes(export.sieve(sieve.quantised(table)))
    shutil.copyfile(teacher.package() / "vocab.txt", SHIPPED / "sieve" / "vocab.txt")
    (SHIPPED / "sieve" / "expected.json").write_text(json.dumps(expected(tokens), indent=0) + "\n")


def states(tokens):
    """The states of the shortest samples by onnxruntime, without those that the sieve skips, to three places."""
    options = onnxruntime.SessionOptions()
    # Optimised, it would round what is multiplied to eight bits.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    path = SHIPPED / "student" / "student.onnx"
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    rows = []
    for text, ids in zip(SAMPLES, tokens.ids(SAMPLES, special=True), strict=True):
        if len(ids) <= LONGEST_SAMPLE:
            inputs = {"input_ids": np.array([ids]), "position_ids": np.arange(len(ids))[None]}
            made = session.run(None, inputs)[0][0]
            seen = [at for at in range(1, len(ids) - 1) if ids[at] not in tokens.silent] or range(1, len(ids) - 1)
            rows.append({"text": text, "states": [[round(float(x), 3) for x in made[at]] for at in seen]})
    return rows


def ship_student(tokens, model):
    """Writes the files of the student."""
    (SHIPPED / "student").mkdir(parents=True, exist_ok=True)
    (SHIPPED / "student" / "student.onnx").write_bytes(export.student(model, student.HEADS))
    (SHIPPED / "student" / "expected.json").write_text(json.dumps(states(tokens)) + "\n")


def fit_scorer(folder):
    """Fits the scorer's weights to the graded prompts, with the command that teams fit theirs with. A subject is judged by
    weights that have not seen it."""
    labels = CHECKPOINTS / "labels.jsonl"
    with open(labels, "w") as lines:
        for row in data.routing(folder, "train"):
            grades = {name: row[name] for name in ("prompt", "strong", "weak")}
            group = {"group": row["domain"]} if row["source"] == "mmlu" else {}
            lines.write(json.dumps({**grades, **group}) + "\n")
    build = ["cargo", "build", "--quiet", "--release", "--bin", "arbiter"]
    subprocess.run(build, cwd=ROOT, check=True)
    policy = ["--policy", ROOT / "envoy" / "policy.yaml"]
    command = [ROOT / "target" / "release" / "arbiter", "fit", *policy, "--labels", labels]
    subprocess.run([*command, "--output", ROOT / "model" / "scorer.json"], check=True)


def fit_verifier(folder):
    """Fits the verifier's weights to the pairs that were judged and to the product-like ones."""
    build = ["cargo", "build", "--quiet", "--release", "--bin", "arbiter"]
    subprocess.run(build, cwd=ROOT, check=True)
    head = json.loads((SHIPPED / "scorer.json").read_text())["encoder"]
    parts = [data.judged(folder, "train"), data.product(folder, "train"), data.written()]
    parts = [verifier.Pairs(ROOT / "target" / "release" / "arbiter", rows) for rows in parts]
    (SHIPPED / "verifier.json").write_text(json.dumps(verifier.head(head, *parts)) + "\n")


def record():
    """Writes down what the bytes of the files are."""
    sieve_files = ("sieve/expected.json", "sieve/sieve.onnx", "sieve/vocab.txt")
    names = ("scorer.json", "verifier.json", *sieve_files, "student/expected.json", "student/student.onnx")
    sums = [f"{hashlib.sha256((SHIPPED / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (SHIPPED / "SHA256SUMS").write_text("".join(sums))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, help="folder that holds paraphrase/ and routing/")
    folder = parser.parse_args().data
    tokens = Texts()
    texts = training_texts(folder)
    table = train_table(tokens, texts, data.pairs(folder, "train"), sieve.Recipe())
    ship(tokens, table)
    ship_student(tokens, train_student(tokens, texts, student.Recipe()))
    shipped = sieve.quantised(table).astype(np.float32)
    figures = evaluate_sieve.measure(lambda texts: sieve.embed(shipped, tokens.bags(texts)), data.pairs(folder, "dev"))
    for name, value in figures.items():
        print(f"{name}: {value:.3f}")
    fit_scorer(folder)
    fit_verifier(folder)
    record()


if __name__ == "__main__":
    main()
