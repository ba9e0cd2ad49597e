"""Chroma upsampling along luma edges with the fast guided filter.

The filter (He & Sun, "Fast Guided Filter", arXiv:1505.00996) assumes that chroma is a linear
function of luma within a small window. It fits the function on the proxy, where that is cheap, and
evaluates it at full resolution, where the edges are sharp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.imaging.resize import resize_linear

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vidcolor.imaging.types import FloatArray


@dataclass(frozen=True, slots=True)
class GuidedUpsampler:
    """Upsamples chroma to the resolution of a luma guide."""

    radius: int = 6
    """Radius r of the window of (2r+1)² proxy pixels."""
    epsilon: float = 4e-4
    """Variance of Y' below which luma counts as texture or grain, not as an edge."""

    def __call__(
        self, chroma: FloatArray, proxy: FloatArray, guide: FloatArray, left_offset: float = 0.0
    ) -> FloatArray:
        """Upsample chroma along luma edges.

        Args:
            chroma: Cb, Cr on the generator's grid: (2, h, w) float32.
            proxy: Y' of the proxy: (H', W') float32 in [0, 1].
            guide: Y' on the chroma grid of the output: (H, W) float32 in [0, 1].
            left_offset: how far the chroma samples lie to the left of the centers of W equal
                columns, in columns: 0.25 for left-sited 4:2:0 and 4:2:2.

        Returns:
            Cb, Cr: (2, H, W) float32.
        """
        import cv2

        fits = self._fit([resize_linear(plane, proxy.shape) for plane in chroma], proxy)
        offset_columns = min(left_offset * proxy.shape[1] / guide.shape[1], 1.0)
        upsampled = np.empty((2, *guide.shape), np.float32)
        offset = np.empty(guide.shape, np.float32)
        size = guide.shape[::-1]
        for plane, fit in zip(upsampled, fits, strict=True):
            # Each plane is written once and changed in place: new arrays of this size are slow.
            for image, target in zip(fit, (plane, offset), strict=True):
                shifted = _shift_left(image, offset_columns) if left_offset else image
                cv2.resize(shifted, size, dst=target, interpolation=cv2.INTER_LINEAR)
            plane *= guide
            plane += offset
        return upsampled

    def _fit(
        self, chroma: Sequence[FloatArray], luma: FloatArray
    ) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Yield slope and offset of each plane as a function of luma, averaged over windows."""
        mean_y, scratch = self._mean(luma), luma * luma
        per_variance = self._mean(scratch)
        np.multiply(mean_y, mean_y, out=scratch)
        per_variance -= scratch
        # Rounding can make the variance negative, so the divisor has a minimum.
        epsilon = np.float32(self.epsilon)
        per_variance += epsilon
        np.maximum(per_variance, epsilon, out=per_variance)
        np.reciprocal(per_variance, out=per_variance)
        for plane in chroma:
            mean_c = self._mean(plane)
            np.multiply(plane, luma, out=scratch)
            slope = self._mean(scratch)
            np.multiply(mean_c, mean_y, out=scratch)
            slope -= scratch
            slope *= per_variance
            np.multiply(slope, mean_y, out=scratch)
            mean_c -= scratch
            yield self._mean(slope), self._mean(mean_c)

    def _mean(self, image: FloatArray) -> FloatArray:
        """Return the mean over a (2r+1)² window, with replicated borders."""
        import cv2

        side = 2 * self.radius + 1
        return np.asarray(cv2.blur(image, (side, side), borderType=cv2.BORDER_REPLICATE))


def _shift_left(image: FloatArray, columns: float) -> FloatArray:
    """Sample an image a fraction of a column to the left, with linear interpolation."""
    import cv2

    shifted = image.copy()
    cv2.addWeighted(image[:, 1:], 1 - columns, image[:, :-1], columns, 0, dst=shifted[:, 1:])
    return shifted
