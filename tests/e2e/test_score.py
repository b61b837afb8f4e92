"""`arbiter score` says natively what the filter says inside Envoy."""

import json
import random
import subprocess

import pytest

from e2e import chat, encoders, policies
from e2e.envoy import ARBITER, ROOT, plugin_configurations
from e2e.policies import CACHE_OFF
from e2e.waiting import until

PROMPTS = [
    "hi",
    "What is the capital of France?",
    chat.HARD,
    "Analyze this architecture step by step, debug the deadlock, refactor it and prove that it is correct.",
    "Solve: 3x + 7 = 22, then explain every step and check the result. " * 5,
    "```python\ndef f(x):\n    return x / 0\n```\nTraceback (most recent call last): ZeroDivisionError. Why?",
    "Wie sp\u00e4t ist es?",
    "\u4f60\u597d\uff0c\u4eca\u5929\u5929\u6c14\u600e\u4e48\u6837\uff1f",
    "",
    "x" * 5000,
]


def score(directory, members, prompts):
    """What `arbiter score` says of the prompts."""
    policy = directory / "policy.json"
    policy.write_text(json.dumps(policies.document(1, 2, 3, **members)))
    lines = "".join(json.dumps({"id": i, "prompt": prompt}) + "\n" for i, prompt in enumerate(prompts))
    printed = subprocess.run([ARBITER, "score", policy], input=lines, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in printed.splitlines()]


def thousand_prompts():
    """Prompts of every length, of words, numbers, code and other scripts, the same every time."""
    chance = random.Random(5)
    words = (ROOT / "model" / "sieve" / "vocab.txt").read_text().split("\n")[1000:-1]
    words += [
        "3.14",
        "1,000",
        "x=1;",
        "```",
        "\u00fcber",
        "\u6771\u4eac",
        "\u043c\u0438\u0440",
        "\U0001f600",
        "please",
        "?",
        "\n",
    ]
    lengths = [round(2 ** chance.uniform(0, 10)) for _ in range(1000)]
    return [" ".join(chance.choices(words, k=length)) for length in lengths]


def test_a_thousand_learned_scores_agree_bit_for_bit(start_gateway, tmp_path):
    members = {"classify": {"scorer": "learned", "max_strong_share": "30%"}, **CACHE_OFF}
    gateway = start_gateway(members)
    prompts = thousand_prompts()
    said = score(tmp_path, members, prompts)
    for prompt in prompts:
        gateway.ask(prompt)
    logged = [line["arbiter"] for line in gateway.envoy.calls(len(prompts))]
    assert [(line["complexity"], line["tier"]) for line in said] == [(line["score"], line["tier"]) for line in logged]
    assert len({line["score"] for line in logged}) > 500


def test_weights_that_do_not_fit_leave_the_heuristic_and_are_reported(start_gateway):
    def narrow(bootstrap):
        for configuration in plugin_configurations(bootstrap):
            plugin = json.loads(configuration["value"])
            weights = json.loads((ROOT / "model" / "scorer.json").read_text())
            plugin["policy"]["classify"] = {"scorer": "learned", "weights": {**weights, "weights": [0.1] * 30}}
            configuration["value"] = json.dumps(plugin)

    gateway = start_gateway(CACHE_OFF, tweak=narrow)
    assert gateway.ask(chat.HARD).status_code == 200
    (line,) = gateway.envoy.calls(1)
    assert 0 < line["arbiter"]["score"] < 1
    assert "there are 30, and the encoder and the counts make 149" in gateway.envoy.log.read_text()
    until(lambda: gateway.envoy.count("scorer_unavailable"), "the counter")


def test_an_encoder_and_weights_of_ones_own_come_with_the_policy(start_gateway, tmp_path):
    chance = random.Random(6)
    words = "prove theorem algebra ring field name pretty flower garden tree of the for my and".split()
    rows, columns, width = len(words) + 1, 6, 5
    table, projection = (
        [[chance.gauss(0, 1) for _ in range(across)] for _ in range(down)]
        for down, across in [(rows, columns), (columns, width)]
    )
    (tmp_path / "vocab.txt").write_text("\n".join(["[UNK]", *words]))
    (tmp_path / "encoder.onnx").write_bytes(encoders.projected_sum(table, projection))
    prompts = [" ".join(chance.choices(words, k=8)) for _ in range(60)]
    labels = "".join(json.dumps({"prompt": each, "good_enough": "prove" not in each}) + "\n" for each in prompts)
    files = {"vocabulary": str(tmp_path / "vocab.txt"), "graph": str(tmp_path / "encoder.onnx")}
    classify = {"scorer": "learned", "encoder": files}
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(policies.document(1, 2, 3, classify=classify)))
    command = [ARBITER, "fit", "--policy", policy, "--labels", "-", "--output", tmp_path / "scorer.json"]
    subprocess.run(command, input=labels, text=True, check=True, capture_output=True)
    foreign = subprocess.run([ARBITER, "check", policy], capture_output=True, text=True)
    assert "they were fitted with another encoder" in foreign.stderr

    members = {"classify": {**classify, "weights": str(tmp_path / "scorer.json")}, **CACHE_OFF}
    gateway = start_gateway(members)
    said = score(tmp_path, members, prompts)
    for prompt in prompts:
        gateway.ask(prompt)
    logged = [line["arbiter"] for line in gateway.envoy.calls(len(prompts))]
    # Sums of floats depend on the processor's instructions in their last digits.
    assert [line["complexity"] for line in said] == pytest.approx([line["score"] for line in logged], abs=1e-6)
    assert len({line["score"] for line in logged}) > 20


@pytest.mark.parametrize("scorer", ["heuristic", "wordcount", "learned"])
def test_the_command_and_the_filter_agree(start_gateway, tmp_path, scorer):
    members = {"classify": {"scorer": scorer}, **CACHE_OFF}
    gateway = start_gateway(members)
    said = score(tmp_path, members, PROMPTS)

    headers = [gateway.ask(prompt).headers["x-arbiter-decision"] for prompt in PROMPTS]
    logged = [line["arbiter"] for line in gateway.envoy.calls(len(PROMPTS))]
    assert [line["id"] for line in said] == list(range(len(PROMPTS)))
    assert [line["complexity"] for line in said] == [line["score"] for line in logged]
    assert [line["tier"] for line in said] == [line["tier"] for line in logged]
    for line, header in zip(said, headers, strict=True):
        signals = header.partition('signals="')[2].partition('"')[0].split()
        assert line["reasons"] == signals
