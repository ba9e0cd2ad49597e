"""Chroma upsampling from the coarse grid of a prediction along luma edges.

Each cell of the grid holds the mean chroma of the pixels in it, so luma is averaged over the same
cells. A cell at the edge between two colors then has the same mixing ratio in chroma and in luma,
and both colors lie exactly on the line that a guided filter fits (He, Sun & Tang, "Guided Image
Filtering", IEEE TPAMI 35, 2013). Evaluated with the luma of each pixel, the line gives the two
colors with a sharp edge and without a halo. In the mean of overlapping windows, those with an edge
have the most weight, and those that one line does not describe, as with three colors, the least.

Interpolation between the cells blurs both coefficients. What the means of the cells then lack is
sharpened by the inverse of this blur and added to the offset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.imaging.local_linear import LocalLinearModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray

_NOISE = np.float32(1e-5)
"""Variance of Cb and Cr that counts as well described by a line."""
_BLUR = np.array([0, 1 / 8, 6 / 8, 1 / 8, 0], np.float32)
"""Weights of a cell and its neighbors in the mean of the cell after bilinear interpolation to a
much finer grid, on one axis."""
_SHARPENING = np.array([1 / 64, -12 / 64, 86 / 64, -12 / 64, 1 / 64], np.float32)
"""The inverse of `_BLUR`, approximately: three steps of back-projection (Irani & Peleg, "Improving
Resolution by Image Registration", CVGIP 53, 1991), which give 3 - 3 b + b² for a blur b."""
_UNIFORM = np.float32(1e-4)
"""Variance of Y' of a window without edges, whose line has less weight than one with an edge."""
_TINY = np.float32(1e-7)
"""Variance of Y' that is added to a divisor, which is 0 in a uniform window."""


@dataclass(frozen=True, slots=True)
class ChromaUpsampler:
    """Upsamples the two planes of chroma to the resolution of a luma guide."""

    epsilon: float = 1e-3
    """Variance of Y' below which luma counts as texture or grain, not as an edge."""

    def __call__(self, chroma: FloatArray, luma: FloatArray, guide: FloatArray) -> FloatArray:
        """Upsample chroma along luma edges.

        Args:
            chroma: mean Cb, Cr of the cells of a coarse grid: (2, h, w) float32.
            luma: mean Y' of the same cells: (h, w) float32 in [0, 1].
            guide: Y' on the grid of the output: (H, W) float32 in [0, 1].

        Returns:
            (2, H, W) float32.
        """
        height, width = guide.shape
        return self.fit(chroma, luma).resize((height, width)).evaluate(guide)

    def fit(self, chroma: FloatArray, luma: FloatArray) -> LocalLinearModel:
        """Fit chroma as a function of luma, on the coarse grid; the arguments are those above."""
        slopes, offsets = self._fit_windows(chroma, luma)
        for target, slope, offset in zip(chroma, slopes, offsets, strict=True):
            missing = target - _filter(slope, _BLUR) * luma - _filter(offset, _BLUR)
            offset += _filter(missing, _SHARPENING)
        return LocalLinearModel(np.stack(slopes), np.stack(offsets))

    def _fit_windows(
        self, chroma: FloatArray, luma: FloatArray
    ) -> tuple[list[FloatArray], list[FloatArray]]:
        """Fit a line in each window of 3x3 cells; return weighted means of slopes and offsets."""
        cb, cr = chroma
        products = [cb * luma, cr * luma, luma * luma, cb * cb + cr * cr]
        mean_cb, mean_cr, mean_y, *means = _window_means(cb, cr, luma, *products)
        covariance_cb = means[0] - mean_cb * mean_y
        covariance_cr = means[1] - mean_cr * mean_y
        # Rounding can make a variance negative.
        variance: FloatArray = np.maximum(means[2] - mean_y * mean_y, 0)
        # This is the residual of a line without regularization, which would leave one at edges.
        explained = covariance_cb * covariance_cb + covariance_cr * covariance_cr
        residual = means[3] - mean_cb * mean_cb - mean_cr * mean_cr
        residual -= explained / (variance + _TINY)
        weight: FloatArray = variance + _UNIFORM
        weight /= np.maximum(residual, 0) + _NOISE
        variance += np.float32(self.epsilon)
        slope_cb, slope_cr = covariance_cb / variance, covariance_cr / variance
        offset_cb, offset_cr = mean_cb - slope_cb * mean_y, mean_cr - slope_cr * mean_y
        lines = [weight * line for line in (slope_cb, slope_cr, offset_cb, offset_cr)]
        total, *sums = _window_means(weight, *lines)
        for plane in sums:
            plane /= total
        return sums[:2], sums[2:]


def _window_means(*planes: NDArray[Any]) -> list[FloatArray]:
    """Return the means of planes over windows of 3x3 pixels, with replicated borders."""
    import cv2

    return [np.asarray(cv2.blur(p, (3, 3), borderType=cv2.BORDER_REPLICATE)) for p in planes]


def _filter(plane: FloatArray, kernel: FloatArray) -> FloatArray:
    """Filter the rows and the columns of a plane, with replicated borders."""
    import cv2

    filtered = cv2.sepFilter2D(plane, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(filtered)
