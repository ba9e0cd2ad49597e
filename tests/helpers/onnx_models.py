"""Generation of small ONNX files with the input and output formats of published exports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper

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
