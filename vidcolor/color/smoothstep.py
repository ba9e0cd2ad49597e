"""A smooth threshold, for weights that must not jump."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def smoothstep(
    value: NDArray[np.float32] | np.float32, low: float, high: float
) -> NDArray[np.float32]:
    """The cubic ramp of shading languages: 0 up to `low`, 1 from `high` on, smooth between.

    Args:
        value: of any shape.
        low: where it begins to rise.
        high: above `low`.

    Returns:
        float32 in [0, 1], of the same shape.
    """
    t = np.clip((np.asarray(value, np.float32) - low) / (high - low), 0, 1)
    ramp: NDArray[np.float32] = t * t * (3 - 2 * t)
    return ramp
