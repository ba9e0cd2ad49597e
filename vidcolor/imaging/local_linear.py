"""Linear models of luma that differ from place to place, and their evaluation at full resolution.

Guided filters describe a plane, such as Cb, by slope · Y' + offset with coefficients on a coarse
grid. The coefficients are smooth, so they are interpolated; detail comes from the luma (He & Sun,
"Fast Guided Filter", arXiv:1505.00996).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.imaging.buffers import allocate

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray


@dataclass(frozen=True, slots=True)
class LocalLinearModel:
    """Planes as functions of luma: slope · Y' + offset."""

    slopes: FloatArray
    """Slope of each of n planes: (n, h, w) float32."""
    offsets: FloatArray
    """Offset of each plane: (n, h, w) float32."""

    def scale(self, gain: float) -> LocalLinearModel:
        """Return the model of the planes times a gain."""
        return LocalLinearModel(self.slopes * np.float32(gain), self.offsets * np.float32(gain))

    def resize(self, shape: tuple[int, int], left_offset: float = 0.0) -> LocalLinearModel:
        """Interpolate the coefficients to (height, width).

        `left_offset` is how far the samples of the result lie to the left of the centers of its
        columns, in columns: 0.25 for left-sited 4:2:0 and 4:2:2 chroma.
        """
        columns = min(left_offset * self.slopes.shape[2] / shape[1], 1.0)
        return LocalLinearModel(
            _resize(self.slopes, shape, columns), _resize(self.offsets, shape, columns)
        )

    def evaluate(self, luma: FloatArray) -> FloatArray:
        """Evaluate the model for luma of its size, in place.

        Args:
            luma: Y', (h, w) float32 in [0, 1].

        Returns:
            The planes, (n, h, w) float32: `offsets`, which this method changes.
        """
        import cv2

        for slope, offset in zip(self.slopes, self.offsets, strict=True):
            cv2.accumulateProduct(slope, luma, offset)
        return self.offsets

    def select_rows(self, rows: slice) -> LocalLinearModel:
        """Return a view of some rows."""
        return LocalLinearModel(self.slopes[:, rows], self.offsets[:, rows])


def _resize(planes: FloatArray, shape: tuple[int, int], left_columns: float) -> FloatArray:
    """Interpolate planes, sampled a fraction of a column of the source to the left."""
    import cv2

    resized = allocate((len(planes), *shape))
    for plane, target in zip(planes, resized, strict=True):
        shifted = _shift_left(plane, left_columns) if left_columns else plane
        cv2.resize(shifted, shape[::-1], dst=target, interpolation=cv2.INTER_LINEAR)
    return resized


def _shift_left(plane: FloatArray, columns: float) -> FloatArray:
    """Sample a plane at most one column to the left, with quadratic interpolation."""
    import cv2

    # Linear interpolation would blur the plane.
    half = columns / 2
    taps = np.array([[half + half * columns, 1 - columns * columns, half * columns - half]])
    return np.asarray(cv2.filter2D(plane, -1, taps, borderType=cv2.BORDER_REPLICATE))
