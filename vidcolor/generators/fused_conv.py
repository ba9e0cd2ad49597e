"""Convolutions with a fused activation, for inference on CPUs.

`torch.nn` computes an activation in a pass of its own, and converts the weights of a convolution to
the layout of oneDNN in every call. The operators that torch's compiler emits fuse the activation
and accept converted weights. They take three quarters of the time. The results are equal up to
rounding; on many CPUs their bits are the same.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

_ACTIVATIONS: dict[str, tuple[str, list[float]]] = {
    "none": ("none", []),
    "relu": ("relu", []),
    "relu6": ("hardtanh", [0.0, 6.0]),
}
"""Name of the operation in oneDNN, and its arguments."""


def can_fuse(x: Tensor) -> bool:
    """Return whether `convolve` can process an input, which excludes training and exports."""
    return (
        x.device.type == "cpu"
        and torch.is_inference_mode_enabled()
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
        and (x.dtype != torch.bfloat16 or _supports_bf16())
        and not torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        and not torch.compiler.is_compiling()
    )


@cache
def _supports_bf16() -> bool:
    """Return whether oneDNN has bfloat16 operators for this CPU; `torch.nn` emulates them."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def convolve(
    conv: nn.Conv2d, x: Tensor, padding: int, activation: Literal["none", "relu", "relu6"]
) -> Tensor:
    """Apply a convolution without dilation and an activation.

    `x` is (N, C, H, W), for which `can_fuse` is true. `padding` replaces that of the convolution.
    """
    pads, strides, dilation = [padding, padding], list(conv.stride), [1, 1]
    # The layout depends on the size of the input. The frames of a film have one size.
    key = (x.shape, padding, conv.weight.data_ptr())
    packed_key, weight = conv.__dict__.get("_packed_weight", (None, None))
    if packed_key != key:
        weight = torch.ops.mkldnn._reorder_convolution_weight(
            conv.weight, pads, strides, dilation, conv.groups, list(x.shape)
        )
        conv.__dict__["_packed_weight"] = key, weight
    name, scalars = _ACTIVATIONS[activation]
    result: Any = torch.ops.mkldnn._convolution_pointwise(
        x, weight, conv.bias, pads, strides, dilation, conv.groups, name, scalars, ""
    )
    return result  # type: ignore[no-any-return]
