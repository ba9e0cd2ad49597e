"""The sRGB transfer function (IEC 61966-2-1:1999), for NumPy arrays and for torch tensors.

The tensor versions compute in float32 and are differentiable everywhere. The array versions
(``_array``) keep the dtype of their argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray
    from torch import Tensor

    Float = TypeVar("Float", bound=np.floating[Any])

DECODING_THRESHOLD, ENCODING_THRESHOLD = 0.04045, 0.0031308
"""Encoded value, and linear light, up to which encoded = SLOPE * linear."""
SLOPE = 12.92
SCALE, GAMMA, OFFSET = 1.055, 2.4, 0.055
"""Above the threshold, encoded = SCALE * linear ** (1 / GAMMA) - OFFSET."""


def srgb_to_linear_array(encoded: NDArray[Float]) -> NDArray[Float]:
    """Decode sRGB values in [0, 1], any shape, to linear light of the same shape and dtype."""
    linear: NDArray[Float] = np.where(
        encoded <= DECODING_THRESHOLD, encoded / SLOPE, ((encoded + OFFSET) / SCALE) ** GAMMA
    )
    return linear


def linear_to_srgb_array(linear: NDArray[Float]) -> NDArray[Float]:
    """Encode linear light, 0 or greater, any shape, as sRGB of the same shape and dtype.

    Values above 1 are not clipped.
    """
    # The power is evaluated everywhere. Without the floor NumPy would warn at zero.
    power = SCALE * np.maximum(linear, 1e-9) ** (1 / GAMMA) - OFFSET
    encoded: NDArray[Float] = np.where(linear <= ENCODING_THRESHOLD, SLOPE * linear, power)
    return encoded


def srgb_to_linear(encoded: Tensor) -> Tensor:
    """Decode sRGB values in [0, 1], any shape and float type, to float32 linear light."""
    import torch

    encoded = encoded.float()
    power = ((encoded + OFFSET) / SCALE).clamp(min=0) ** GAMMA
    return torch.where(encoded <= DECODING_THRESHOLD, encoded / SLOPE, power)


def linear_to_srgb(linear: Tensor) -> Tensor:
    """Encode linear light of any shape and float type as float32 sRGB; not clipped."""
    import torch

    linear = linear.float()
    # Without the clamp, the power and its gradient are NaN below zero, and the gradient of
    # torch.where would be NaN even where the linear branch is taken.
    power = SCALE * linear.clamp(min=1e-8) ** (1 / GAMMA) - OFFSET
    return torch.where(linear <= ENCODING_THRESHOLD, SLOPE * linear, power)
