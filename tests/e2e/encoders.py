"""A small encoder of one's own, as ONNX: the format is few enough bytes to write by hand (onnx.proto3)."""

import struct

FLOAT = 1
"""`TensorProto.DataType`."""


def varint(number):
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    return bytes([*written, number])


def field(number, value):
    """A field of a message: a whole number, or text or a message in bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def node(operator, inputs, output, **attributes):
    written = b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, operator)
    for name, value in attributes.items():
        number = 8 if isinstance(value, list) else 3
        values = value if isinstance(value, list) else [value]
        written += field(5, field(1, name) + b"".join(field(number, each) for each in values))
    return field(1, written)


def weight(name, rows):
    numbers = [number for row in rows for number in row]
    dims = field(1, len(rows)) + field(1, len(rows[0]))
    return field(5, dims + field(2, FLOAT) + field(8, name) + field(9, struct.pack(f"<{len(numbers)}f", *numbers)))


def projected_sum(table, projection):
    """Rows of `table` by `input_ids`, added up, times `projection`."""
    graph = (
        node("Gather", ["table", "input_ids"], "rows")
        + node("ReduceSum", ["rows"], "sum", axes=[1], keepdims=0)
        + node("MatMul", ["sum", "projection"], "embedding")
        + weight("table", table)
        + weight("projection", projection)
    )
    return field(7, graph)
