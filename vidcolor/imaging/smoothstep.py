"""The smoothstep function: a smooth threshold for weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray


def smoothstep(value: FloatArray | np.float32, low: float, high: float) -> FloatArray:
    """Interpolate smoothly between 0 and 1, like GLSL's ``smoothstep``.

    Args:
        value: any shape.
        low: value up to which the result is 0.
        high: value from which the result is 1; greater than `low`.

    Returns:
        float32 in [0, 1], same shape.
    """
    t = np.clip((np.asarray(value, np.float32) - low) / (high - low), 0, 1)
    ramp: FloatArray = t * t * (3 - 2 * t)
    return ramp
