"""The smoothstep function of GLSL: a smooth threshold for weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray


def smoothstep(value: FloatArray | np.float32, low: float, high: float) -> FloatArray:
    """Interpolate smoothly from 0 up to `low` to 1 from `high`: float32 of the same shape."""
    t = np.clip((np.asarray(value, np.float32) - low) / (high - low), 0, 1)
    ramp: FloatArray = t * t * (3 - 2 * t)
    return ramp
