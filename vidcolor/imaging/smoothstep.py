"""The smoothstep function of GLSL: a smooth threshold for weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray


def smoothstep(value: FloatArray | np.float32, low: float, high: float) -> FloatArray:
    """Interpolate smoothly from 0 up to `low` to 1 from `high`: float32 of the same shape."""
    t = np.asarray((np.asarray(value, np.float32) - np.float32(low)) / np.float32(high - low))
    np.clip(t, 0, 1, out=t)
    ramp = t * np.float32(-2)
    ramp += 3
    ramp *= t
    ramp *= t
    return np.asarray(ramp, np.float32)
