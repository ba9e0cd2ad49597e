"""Upsampling of masks and color along luma edges with the fast guided filter.

The filter (He & Sun, "Fast Guided Filter", arXiv:1505.00996) assumes that a plane is a linear
function of luma within a small window. It fits the function on the proxy, where that is cheap, and
evaluates it at full resolution, where the edges are sharp. Edges of the plane move to edges of luma
within the window. That suits masks, whose edges are inexact; `chroma_upsampling` keeps the mean
color of each cell instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.imaging.local_linear import LocalLinearModel
from vidcolor.imaging.resize import resize_linear

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray


@dataclass(frozen=True, slots=True)
class GuidedUpsampler:
    """Upsamples planes to the resolution of a luma guide."""

    radius: int = 6
    """Radius r of the window of (2r+1)² proxy pixels."""
    epsilon: float = 4e-4
    """Variance of Y' below which luma counts as texture or grain, not as an edge."""

    def __call__(
        self, planes: FloatArray, proxy: FloatArray, guide: FloatArray, left_offset: float = 0.0
    ) -> FloatArray:
        """Upsample planes along luma edges.

        Args:
            planes: n planes on any grid: (n, h, w) float32.
            proxy: Y' of the proxy: (H', W') float32 in [0, 1].
            guide: Y' on the grid of the output: (H, W) float32 in [0, 1].
            left_offset: see `LocalLinearModel.resize`.

        Returns:
            (n, H, W) float32.
        """
        height, width = guide.shape
        return self.fit(planes, proxy).resize((height, width), left_offset).evaluate(guide)

    def fit(self, planes: FloatArray, proxy: FloatArray) -> LocalLinearModel:
        """Fit the planes as functions of luma, on the grid of the proxy."""
        slopes = np.empty((len(planes), *proxy.shape), np.float32)
        offsets = np.empty_like(slopes)
        mean_y, scratch = self._mean(proxy), proxy * proxy
        per_variance = self._mean(scratch)
        np.multiply(mean_y, mean_y, out=scratch)
        per_variance -= scratch
        # Rounding can make the variance negative, so the divisor has a minimum.
        epsilon = np.float32(self.epsilon)
        per_variance += epsilon
        np.maximum(per_variance, epsilon, out=per_variance)
        np.reciprocal(per_variance, out=per_variance)
        for n, plane in enumerate(planes):
            resized = resize_linear(plane, proxy.shape)
            mean = self._mean(resized)
            np.multiply(resized, proxy, out=scratch)
            slope = self._mean(scratch)
            np.multiply(mean, mean_y, out=scratch)
            slope -= scratch
            slope *= per_variance
            np.multiply(slope, mean_y, out=scratch)
            mean -= scratch
            slopes[n], offsets[n] = self._mean(slope), self._mean(mean)
        return LocalLinearModel(slopes, offsets)

    def _mean(self, image: FloatArray) -> FloatArray:
        """Return the mean over a (2r+1)² window, with replicated borders."""
        import cv2

        side = 2 * self.radius + 1
        return np.asarray(cv2.blur(image, (side, side), borderType=cv2.BORDER_REPLICATE))
