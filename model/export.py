"""The sieve as an ONNX graph.

`input_ids` int64 [1, tokens] -> `embedding` float32 [1, width]: the sum of rows of an int8 table. Who runs it scales it to length 1,
which takes out the number of tokens and the scale of the table; sums of small whole numbers are exact in any order of addition.
"""

from onnx import TensorProto, checker, helper, numpy_helper

OPSET = 12
"""The last one in which the sum's axes are an attribute; all that the graph needs."""


def sieve(table):
    """The bytes of the graph for a table of int8 values [vocabulary, width]."""
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
