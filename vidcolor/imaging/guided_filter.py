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
    from collections.abc import Iterator, Sequence

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
            proxy: Y' of the analyzed picture: (H', W') float32 in [0, 1].
            guide: Y' on the output's chroma grid: (H, W) float32 in [0, 1].
            left: how far the samples of that grid lie left of the middles of W equal columns, in
                columns: 0.25 of left-sited 4:2:0 and 4:2:2.

        Returns:
            Cb, Cr: (2, H, W) float32.
        """
        fits = self._fit([_resize(plane, proxy.shape) for plane in chroma], proxy)
        by = np.float32(min(left * proxy.shape[1] / guide.shape[1], 1.0))
        raised = np.empty((2, *guide.shape), np.float32)
        for plane, fit in zip(raised, fits, strict=True):
            slope, offset = (_taken_from_the_left(line, by) for line in fit) if left else fit
            np.multiply(_resize(slope, guide.shape), guide, out=plane)
            plane += _resize(offset, guide.shape)
        return raised

    def _fit(self, chroma: Sequence[Array], luma: Array) -> Iterator[tuple[Array, Array]]:
        """Of each plane slope and offset over luma in every window, averaged."""
        mean_y = self._mean(luma)
        scatter = self._mean(luma * luma) - mean_y * mean_y
        epsilon = np.float32(self.epsilon)
        per_variance: Array = np.reciprocal(np.maximum(scatter + epsilon, epsilon))
        for plane in chroma:
            mean_c = self._mean(plane)
            slope = (self._mean(plane * luma) - mean_c * mean_y) * per_variance
            mean_c -= slope * mean_y
            yield self._mean(slope), self._mean(mean_c)

    def _mean(self, image: Array) -> Array:
        """The mean over a (2r+1)² window, with the border repeated."""
        import cv2

        side = 2 * self.radius + 1
        return np.asarray(cv2.blur(image, (side, side), borderType=cv2.BORDER_REPLICATE))


def _taken_from_the_left(image: Array, by: np.float32) -> Array:
    """Each column moved toward the one on its left: bilinear, for parts of a column."""
    moved = image.copy()
    moved[:, 1:] += by * (image[:, :-1] - image[:, 1:])
    return moved


def _resize(image: Array, shape: tuple[int, ...]) -> Array:
    """Bilinear."""
    import cv2

    size = (shape[1], shape[0])
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.float32)
