"""Generation of small ONNX files with the input and output formats of published exports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike

Shape = tuple[int | str, ...]
"""Shape of a tensor; a string is the name of a dynamic dimension."""
IMAGE: Shape = ("n", 3, "h", "w")
"""Shape of images with three channels and any size."""


def save_model(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    input_shape: Shape,
    output_shape: Shape,
    constants: dict[str, ArrayLike] | None = None,
    dtype: Any = TensorProto.FLOAT,
) -> Path:
    """Write a model with the input ``x`` and the output ``y``, and return its path.

    Args:
        path: file to write.
        nodes: nodes of the graph.
        input_shape: shape of ``x``.
        output_shape: shape of ``y``.
        constants: constants by name; integers become int64 tensors, others have `dtype`.
        dtype: ONNX type of input, output and constants.
    """
    initializers = []
    for name, value in (constants or {}).items():
        array = np.asarray(value)
        array_dtype = TensorProto.INT64 if array.dtype.kind == "i" else dtype
        initializers.append(helper.make_tensor(name, array_dtype, array.shape, array.ravel()))
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("x", dtype, input_shape)],
        [helper.make_tensor_value_info("y", dtype, output_shape)],
        initializers,
    )
    opset = helper.make_opsetid("", 18)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=10)
    onnx.save(model, str(path))
    return path


def save_gain_model(
    path: Path, gain: tuple[float, float, float], shape: Shape = IMAGE, **options: Any
) -> Path:
    """Write a model with the format of DeOldify's exports: R'G'B' times a gain per channel."""
    node = helper.make_node("Mul", ["x", "gain"], ["y"])
    constants = {"gain": np.reshape(gain, (1, 3, 1, 1)).astype(float)}
    return save_model(path, [node], shape, shape, constants, **options)


def save_color_model(path: Path, ab: tuple[float, float], **options: Any) -> Path:
    """Write a model with the format of DDColor's exports: one a*, b* times the gray in [0, 1]."""
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["gray"], keepdims=1),
        helper.make_node("Mul", ["gray", "color"], ["y"]),
    ]
    constants = {"color": np.reshape(ab, (1, 2, 1, 1)).astype(float), "axes": np.array([1])}
    return save_model(path, nodes, IMAGE, ("n", 2, "h", "w"), constants, **options)


def save_tinting_model(
    path: Path,
    before: Sequence[tuple[str, ArrayLike]] = (),
    after: Sequence[tuple[str, ArrayLike]] = (),
    *,
    channels: tuple[int, int] = (3, 3),
    size: tuple[int | str, int | str] = ("h", "w"),
    batch: int | str = "n",
    nhwc: bool = False,
    dtypes: tuple[Any, Any] = (TensorProto.FLOAT, TensorProto.FLOAT),
    limit: float = 3.0,
    end: str | None = None,
) -> Path:
    """Write a model with one convolution, which adds an orange tint or returns a*, b*.

    Args:
        path: file to write.
        before: operators and constants before the convolution, e.g. ``("Div", 255)``.
        after: operators and constants after it.
        channels: number of channels of the input and of the output.
        size: height and width.
        batch: batch size.
        nhwc: whether the channels are last.
        dtypes: ONNX types of the input and of the output.
        limit: limit of the output of the convolution, as in a sigmoid.
        end: last operator, e.g. ``Tanh``.
    """
    num_inputs, num_outputs = channels
    weight = np.full((num_outputs, num_inputs, 1, 1), 1 / num_inputs)
    if channels == (3, 3):
        weight = np.eye(3).reshape(3, 3, 1, 1)
    bias = [0.15, 0.0, -0.2] if num_outputs == 3 else [0.1 * n for n in range(num_outputs)]
    tensors = {"weight": weight, "bias": bias, "low": -limit, "high": limit}
    steps: list[tuple[str, list[str], dict[str, Any]]] = [("Cast", [], {"to": TensorProto.FLOAT})]
    if nhwc:
        steps.append(("Transpose", [], {"perm": [0, 3, 1, 2]}))
    for number, step in enumerate((*before, None, *after)):
        if step is None:
            steps += [("Conv", ["weight", "bias"], {}), ("Clip", ["low", "high"], {})]
            continue
        operator, value = step
        array = np.asarray(value, float)
        tensors[f"c{number}"] = array.reshape(1, -1, 1, 1) if array.ndim else array
        steps.append((operator, [f"c{number}"], {}))
    if end:
        steps.append((end, [], {}))
    if nhwc:
        steps.append(("Transpose", [], {"perm": [0, 2, 3, 1]}))
    steps.append(("Cast", [], {"to": dtypes[1]}))
    names = ["x", *(f"t{n}" for n in range(1, len(steps))), "y"]
    nodes = [
        helper.make_node(operator, [names[n], *constants], [names[n + 1]], **attributes)
        for n, (operator, constants, attributes) in enumerate(steps)
    ]
    initializers = [
        numpy_helper.from_array(np.asarray(value, np.float32), name)
        for name, value in tensors.items()
    ]
    shapes = [(batch, *size, c) if nhwc else (batch, c, *size) for c in channels]
    values = [
        helper.make_tensor_value_info(name, dtype, shape)
        for name, dtype, shape in zip("xy", dtypes, shapes, strict=True)
    ]
    graph = helper.make_graph(nodes, "model", values[:1], values[1:], initializers)
    opset = helper.make_opsetid("", 18)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), str(path))
    return path
