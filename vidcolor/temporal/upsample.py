"""Chroma from the generator's grid to the film's, along luma edges.

The fast guided filter (He & Sun, "Fast Guided Filter", arXiv:1505.00996): within a small window
chroma is taken as a linear function of luma; the function is fitted on the proxy, where that is
cheap, and evaluated on the full picture, where the edges are sharp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class GuidedUpsampler:
    """Raises chroma to the resolution of a luma guide."""

    radius: int = 6
    """Half the window, in proxy pixels."""
    epsilon: float = 4e-4
    """Variance of Y' below which luma is texture or grain and no edge."""

    def __call__(self, chroma: Array, proxy: Array, guide: Array, left: float = 0.0) -> Array:
        """Upsample along edges.

        Args:
            chroma: Cb, Cr on the generator's grid: (2, h, w) float32.
            proxy: Y' of the analysed picture: (H', W') float32 in [0, 1].
            guide: Y' on the output's chroma grid: (H, W) float32 in [0, 1].
            left: how far the samples of that grid lie left of the middles of W equal columns, in
                columns: 0.25 of left-sited 4:2:0 and 4:2:2.

        Returns:
            Cb, Cr: (H, W, 2) float32.
        """
        height, width = proxy.shape
        coarse = _resize(chroma.transpose(1, 2, 0), (height, width))
        slope, offset = self._fit(coarse, proxy)
        if left:
            by = np.float32(min(left * width / guide.shape[1], 1.0))
            slope, offset = _taken_from_the_left(slope, by), _taken_from_the_left(offset, by)
        raised = _resize(slope, guide.shape)
        raised *= guide[..., None]
        raised += _resize(offset, guide.shape)
        return raised

    def _fit(self, chroma: Array, luma: Array) -> tuple[Array, Array]:
        """Slope and offset of chroma over luma in every window, averaged: (H', W', 2) each."""
        mean_y = self._mean(luma)[..., None]
        mean_c = self._mean(chroma)
        variance = self._mean(luma * luma)[..., None] - mean_y * mean_y + self.epsilon
        covariance = self._mean(chroma * luma[..., None]) - mean_c * mean_y
        slope: Array = np.divide(covariance, np.maximum(variance, self.epsilon), dtype=np.float32)
        return self._mean(slope), self._mean(mean_c - slope * mean_y)

    def _mean(self, image: Array) -> Array:
        """The mean over a (2r+1)² window, with the border repeated."""
        import cv2

        side = 2 * self.radius + 1
        mean = cv2.blur(image, (side, side), borderType=cv2.BORDER_REPLICATE)
        return np.asarray(mean, np.float32).reshape(image.shape)


def _taken_from_the_left(image: Array, by: np.float32) -> Array:
    """Each column moved towards the one on its left: bilinear, for parts of a column."""
    moved = image.copy()
    moved[:, 1:] += by * (image[:, :-1] - image[:, 1:])
    return moved


def _resize(image: Array, shape: tuple[int, ...]) -> Array:
    """Bilinear, (h, w, 2) -> (H, W, 2)."""
    import cv2

    size = (shape[1], shape[0])
    resized = cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32).reshape(shape[0], shape[1], 2)
