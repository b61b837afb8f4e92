"""The sieve and the student as ONNX graphs."""

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

OPSET = 12
"""The last one in which the sum's axes are an attribute; all that the graph needs."""


def sieve(table):
    """The bytes of the sieve's graph for a table of int8 values [vocabulary, width]: `input_ids` int64 [1, tokens] -> `embedding`
    float32 [1, width], the sum of rows of the table. Who runs it scales it to length 1, which takes out the number of tokens and the scale
    of the table; sums of small whole numbers are exact in any order of addition.
    """
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"], axis=0),
        helper.make_node("Cast", ["rows"], ["vectors"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["vectors"], ["embedding"], axes=[1], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "sieve",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, table.shape[1]])],
        [numpy_helper.from_array(table, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=7)
    checker.check_model(model)
    return model.SerializeToString(deterministic=True)


STUDENT_OPSET = 23
"""The first one with attention as one operator."""


def quantised(matrix):
    """A matrix [to, from] as int8, and what a step of each row is."""
    steps = np.abs(matrix).max(axis=1) / 127
    return np.clip(np.rint(matrix / steps[:, None]), -127, 127).astype(np.int8), steps.astype(np.float32)


class Student:
    """Nodes and weights of the student's graph under construction; methods that add nodes return the name of their output."""

    def __init__(self):
        self.nodes = []
        self.weights = []

    def constant(self, name, value):
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind, inputs, name, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def linear(self, x, name, matrix, bias=None):
        """`x` times a matrix [from, to] that is stored in 8 bits, by rows of what it leads to."""
        numbers, steps = quantised(np.asarray(matrix).T)
        stored = [self.constant(f"{name}.weight", numbers), self.constant(f"{name}.steps", steps)]
        rows = self.node("DequantizeLinear", stored, f"{name}.rows", axis=0)
        columns = self.node("Transpose", [rows], f"{name}.columns", perm=[1, 0])
        product = self.node("MatMul", [x, columns], f"{name}.product")
        if bias is None:
            return product
        return self.node("Add", [product, self.constant(f"{name}.bias", np.asarray(bias))], f"{name}.sum")

    def norm(self, x, name, scale, shift):
        weights = [self.constant(f"{name}.scale", np.asarray(scale)), self.constant(f"{name}.shift", np.asarray(shift))]
        return self.node("LayerNormalization", [x, *weights], name, axis=-1, epsilon=1e-12)

    def layer(self, x, name, w, heads):
        """A layer of BERT over `x` [1, tokens, width]."""
        parts = [self.linear(x, f"{name}.{kind}", w[kind], w[f"{kind}_bias"]) for kind in ("query", "key", "value")]
        mixed = self.node("Attention", parts, f"{name}.attention", q_num_heads=heads, kv_num_heads=heads)
        mixed = self.linear(mixed, f"{name}.mixed", w["mixed"], w["mixed_bias"])
        x = self.node("Add", [x, mixed], f"{name}.with_mixed")
        x = self.norm(x, f"{name}.attended", w["attended_scale"], w["attended_shift"])
        inner = self.node("Gelu", [self.linear(x, f"{name}.inner", w["inner"], w["inner_bias"])], f"{name}.gelu")
        outer = self.linear(inner, f"{name}.outer", w["outer"], w["outer_bias"])
        x = self.node("Add", [x, outer], f"{name}.with_outer")
        return self.norm(x, f"{name}.left", w["left_scale"], w["left_shift"])


def student(model, heads):
    """The bytes of the student's graph: `input_ids` and `position_ids`, int64 [1, tokens] -> `last_hidden_state`, float32 [1, tokens,
    width]. Matrices and the table of tokens are stored in 8 bits, each row of a matrix and each column of the table with its own step.
    """
    graph = Student()
    columns, steps = quantised(np.asarray(model["table"]).T)
    table = graph.constant("table", columns.T)
    rows = graph.node("Gather", [table, "input_ids"], "rows", axis=0)
    rows = graph.node("Cast", [rows], "numbers", to=TensorProto.FLOAT)
    tokens = graph.node("Mul", [rows, graph.constant("table.steps", steps)], "tokens")
    lifted = graph.linear(tokens, "lift", model["lift"])
    places = graph.constant("places", np.asarray(model["places"]))
    places = graph.node("Gather", [places, "position_ids"], "place", axis=0)
    x = graph.norm(graph.node("Add", [lifted, places], "embedded"), "embeddings", model["scale"], model["shift"])
    for number, weights in enumerate(model["layers"]):
        x = graph.layer(x, f"layer.{number}", weights, heads)
    graph.nodes[-1].output[0] = "last_hidden_state"
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, [1, "tokens"]) for n in ("input_ids", "position_ids")]
    width = model["lift"].shape[1]
    outputs = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [1, "tokens", width])]
    body = helper.make_graph(graph.nodes, "student", inputs, outputs, graph.weights)
    made = helper.make_model(body, opset_imports=[helper.make_opsetid("", STUDENT_OPSET)], ir_version=11)
    checker.check_model(made)
    return made.SerializeToString(deterministic=True)
