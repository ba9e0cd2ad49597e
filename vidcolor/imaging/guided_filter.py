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
        fits = self._fit([resize_linear(plane, proxy.shape) for plane in chroma], proxy)
        offset_columns = np.float32(min(left_offset * proxy.shape[1] / guide.shape[1], 1.0))
        upsampled = np.empty((2, *guide.shape), np.float32)
        for plane, fit in zip(upsampled, fits, strict=True):
            slope, offset = fit
            if left_offset:
                slope = _shift_left(slope, offset_columns)
                offset = _shift_left(offset, offset_columns)
            np.multiply(resize_linear(slope, guide.shape), guide, out=plane)
            plane += resize_linear(offset, guide.shape)
        return upsampled

    def _fit(
        self, chroma: Sequence[FloatArray], luma: FloatArray
    ) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Yield slope and offset of each plane as a function of luma, averaged over windows."""
        mean_y = self._mean(luma)
        variance = self._mean(luma * luma) - mean_y * mean_y
        epsilon = np.float32(self.epsilon)
        # Rounding can make the variance negative, so the divisor has a minimum.
        per_variance: FloatArray = np.reciprocal(np.maximum(variance + epsilon, epsilon))
        for plane in chroma:
            mean_c = self._mean(plane)
            slope = (self._mean(plane * luma) - mean_c * mean_y) * per_variance
            mean_c -= slope * mean_y
            yield self._mean(slope), self._mean(mean_c)

    def _mean(self, image: FloatArray) -> FloatArray:
        """Return the mean over a (2r+1)² window, with replicated borders."""
        import cv2

        side = 2 * self.radius + 1
        return np.asarray(cv2.blur(image, (side, side), borderType=cv2.BORDER_REPLICATE))


def _shift_left(image: FloatArray, columns: np.float32) -> FloatArray:
    """Sample an image a fraction of a column to the left, with linear interpolation."""
    shifted = image.copy()
    shifted[:, 1:] += columns * (image[:, :-1] - image[:, 1:])
    return shifted
