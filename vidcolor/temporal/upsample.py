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

    def __call__(self, chroma: Array, proxy: Array, guide: Array) -> Array:
        """Upsample along edges.

        Args:
            chroma: Cb, Cr on the generator's grid: (2, h, w) float32.
            proxy: Y' of the analysed picture: (H', W') float32 in [0, 1].
            guide: Y' on the output's chroma grid: (H, W) float32 in [0, 1].

        Returns:
            Cb, Cr: (H, W, 2) float32.
        """
        import cv2

        height, width = proxy.shape
        coarse = cv2.resize(
            np.ascontiguousarray(chroma.transpose(1, 2, 0)),
            (width, height),
            interpolation=cv2.INTER_LINEAR,
        )
        slope, offset = self._fit(coarse.reshape(height, width, 2), proxy)
        size = (guide.shape[1], guide.shape[0])
        raised: Array = cv2.resize(slope, size, interpolation=cv2.INTER_LINEAR)
        raised = raised.reshape(*guide.shape, 2)
        raised *= guide[..., None]
        raised += cv2.resize(offset, size, interpolation=cv2.INTER_LINEAR).reshape(raised.shape)
        return raised

    def _fit(self, chroma: Array, luma: Array) -> tuple[Array, Array]:
        """Slope and offset of chroma over luma in every window, averaged: (H', W', 2) each."""
        mean_y = self._mean(luma)[..., None]
        mean_c = self._mean(chroma)
        variance = self._mean(luma * luma)[..., None] - mean_y * mean_y
        covariance = self._mean(chroma * luma[..., None]) - mean_c * mean_y
        slope = covariance / (np.maximum(variance, 0) + np.float32(self.epsilon))
        return self._mean(slope), self._mean(mean_c - slope * mean_y)

    def _mean(self, image: Array) -> Array:
        """The mean over a (2r+1)² window, with reflected borders."""
        import cv2

        side = 2 * self.radius + 1
        mean: Array = cv2.blur(image, (side, side), borderType=cv2.BORDER_REPLICATE)
        return mean.reshape(image.shape)
