"""Reads the normalization at the start, and the limit at the end, of the graph of an ONNX file.

The file is read without the onnx library, which would copy all weights: up to 1 GB. The field
numbers are those of ``onnx.proto`` in https://github.com/onnx/onnx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vidcolor.generators.store.protobuf import as_message, iterate_fields, read_varints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from vidcolor.generators.store.protobuf import Value

    Array = NDArray[np.float64]

MAX_CONSTANT_BYTES = 1024
"""Maximum size of a constant of a normalization. Larger tensors are weights."""

_GRAPH = 7
"""Field of ``ModelProto``."""
_NODE, _INITIALIZER = 1, 5
"""Fields of ``GraphProto``."""
_INPUT, _OUTPUT, _OPERATOR, _ATTRIBUTE = 1, 2, 4, 5
"""Fields of ``NodeProto``."""
_TENSOR_ATTRIBUTE = 5
"""Field of ``AttributeProto``."""
_TYPE, _FLOATS, _INT32S, _INT64S, _NAME, _RAW, _DOUBLES = 2, 4, 5, 7, 8, 9, 10
"""Fields of ``TensorProto``."""
_DTYPES = {1: "<f4", 2: "<u1", 6: "<i4", 7: "<i8", 10: "<f2", 11: "<f8"}
"""NumPy types by ``TensorProto.DataType``."""
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
}
_RESHAPES = ("Cast", "Identity", "Transpose", "Unsqueeze", "Squeeze", "Reshape", "Expand")
"""Operators that do not change the values."""
_SELECTIONS = ("Gather", "Slice", "Split", "Pad", "Clip", "Resize", "Concat")
"""Operators that do not change the range of the values, such as a swap of channels."""
_EPSILON = 1e-5
"""Default of the operator ``BatchNormalization``."""
_SHAPE = "Shape"
"""Operator that returns the size of a tensor."""
_LIMITS = ("Tanh", "Sigmoid")
"""Operators that limit the values."""


class Normalization(NamedTuple):
    """The factor and the offset of the input values, before the first layer."""

    factor: float = 1.0
    """Mean over the channels."""
    offset: float = 0.0
    """Mean over the channels."""


class GraphEnds(NamedTuple):
    """What the start and the end of a graph show about its input and output."""

    normalization: Normalization = Normalization()
    """Arithmetic with constants that is applied to the input; the identity if there is none."""
    has_unit_output: bool = False
    """Whether a tanh or a sigmoid limits the output to [-1, 1] or [0, 1]."""


class _Node(NamedTuple):
    operator: str
    inputs: list[str]
    output: str


def read_graph_ends(data: bytes, input_name: str, output_name: str) -> GraphEnds:
    """Read the start and the end of a graph; default values if it cannot be read."""
    constants: dict[str, Array] = {}
    consumers: dict[str, list[_Node]] = {}
    producers: dict[str, _Node] = {}
    try:
        for node in list(_read_nodes(memoryview(data), constants)):  # the list, for all constants
            if node.operator in _RESHAPES and node.inputs[:1] and node.inputs[0] in constants:
                constants[node.output] = constants[node.inputs[0]]
            producers[node.output] = node
            for name in node.inputs:
                consumers.setdefault(name, []).append(node)
        normalization = _find_normalization(input_name, constants, consumers)
    except (ValueError, OverflowError):  # not a message, or constants that do not fit
        return GraphEnds()
    while (last := producers.pop(output_name, None)) and _keeps_range(last):
        output_name = last.inputs[0] if last.inputs else ""
    return GraphEnds(normalization, last is not None and last.operator in _LIMITS)


def _find_normalization(
    name: str, constants: dict[str, Array], consumers: dict[str, list[_Node]]
) -> Normalization:
    """Follow the arithmetic with constants from the input to the first layer."""
    pending, seen = [(name, np.ones(1), np.zeros(1))], {name}
    combined = None
    for current, factor, offset in pending:  # the list grows
        for node in consumers.get(current, ()):
            if node.operator == _SHAPE or node.output in seen:
                continue
            if _combines(node, seen, constants):  # a skip connection, or not a constant
                combined = factor, offset
                continue
            following = _apply(node, current, factor, offset, constants)
            if following is None:  # a layer
                return _average(factor, offset)
            # SIGGRAPH17 makes its empty hints from the input times 0.
            if following[0].any():
                seen.add(node.output)
                pending.append((node.output, *following))
    return Normalization() if combined is None else _average(*combined)


def _average(factor: Array, offset: Array) -> Normalization:
    return Normalization(float(factor.mean()), float(offset.mean()))


def _keeps_range(node: _Node) -> bool:
    return node.operator in (*_RESHAPES, *_SELECTIONS)


def _combines(node: _Node, seen: set[str], constants: dict[str, Array]) -> bool:
    """Return whether a node combines the input with values that are computed otherwise."""
    if node.operator != "Concat" and node.operator not in _ARITHMETIC:
        return False
    return any(name not in seen and name not in constants for name in node.inputs)


def _apply(
    node: _Node, name: str, factor: Array, offset: Array, constants: dict[str, Array]
) -> tuple[Array, Array] | None:
    """Return factor and offset after a node; None if it is a layer."""
    if _keeps_range(node):
        return factor, offset
    if node.operator == "BatchNormalization" and constants.keys() >= set(node.inputs[1:]):
        scale, shift, mean, variance = (constants[other].ravel() for other in node.inputs[1:])
        gain = scale / np.sqrt(np.abs(variance) + _EPSILON)
        return factor * gain, (offset - mean) * gain + shift
    others = [other for other in node.inputs if other != name]
    if node.operator not in _ARITHMETIC or len(others) != 1 or others[0] not in constants:
        return None
    if node.inputs[0] != name and node.operator in ("Sub", "Div"):
        return None
    function, constant = _ARITHMETIC[node.operator], constants[others[0]].ravel()
    with np.errstate(all="ignore"):
        if node.operator in ("Mul", "Div"):
            factor = function(factor, constant)
        return factor, function(offset, constant)


def _read_nodes(model: memoryview, constants: dict[str, Array]) -> Iterator[_Node]:
    """Yield the nodes of a graph, and add its small constants to `constants`."""
    for number, graph in iterate_fields(model):
        if number != _GRAPH:
            continue
        for field, value in iterate_fields(as_message(graph)):
            if field == _INITIALIZER:
                _add_constant(as_message(value), None, constants)
            elif field == _NODE:
                yield _read_node(as_message(value), constants)


def _read_node(message: memoryview, constants: dict[str, Array]) -> _Node:
    inputs, outputs, operator = [], [""], ""
    tensors: list[memoryview] = []
    for number, value in iterate_fields(message):
        if number == _INPUT:
            inputs.append(_as_text(value))
        elif number == _OUTPUT:
            outputs.append(_as_text(value))
        elif number == _OPERATOR:
            operator = _as_text(value)
        elif number == _ATTRIBUTE:
            fields = iterate_fields(as_message(value))
            tensors += [as_message(v) for n, v in fields if n == _TENSOR_ATTRIBUTE]
    output = outputs[1] if len(outputs) > 1 else ""
    if operator == "Constant" and tensors:
        _add_constant(tensors[0], output, constants)
    return _Node(operator, inputs, output)


def _add_constant(tensor: memoryview, name: str | None, constants: dict[str, Array]) -> None:
    """Add a tensor, unless it is large or has another data type."""
    if len(tensor) > MAX_CONSTANT_BYTES:
        return
    dtype, values = None, None
    integers: list[int] = []
    for number, value in iterate_fields(tensor):
        if number == _NAME and name is None:
            name = _as_text(value)
        elif number == _TYPE and isinstance(value, int):
            dtype = _DTYPES.get(value)
        elif number == _RAW and dtype is not None:
            values = np.frombuffer(as_message(value), dtype)
        elif number in (_FLOATS, _DOUBLES):
            values = np.frombuffer(as_message(value), "<f4" if number == _FLOATS else "<f8")
        elif number in (_INT32S, _INT64S):
            integers += read_varints(value)
    if integers:
        values = np.array(integers, np.uint64).astype(np.int64)
        if dtype == _DTYPES[10]:  # the bits of float16 are stored as integers
            values = values.astype(np.uint16).view(np.float16)
    if name and values is not None and values.size:
        with np.errstate(all="ignore"):
            constants[name] = values.astype(np.float64)


def _as_text(value: Value) -> str:
    return bytes(as_message(value)).decode("utf-8", "replace")
