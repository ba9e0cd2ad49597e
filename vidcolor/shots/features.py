"""What a frame looks like at a glance, and how different two of them are.

Thumbnails are so small that grain does not reach them. Gain and offset, which flicker changes, are
taken out by standardizing; pans and weave by looking for the shift that fits best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.shots.dissolves import likeness

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

SIZE = (32, 24)
"""Long and short side of a thumbnail."""
BLOCKS = 3
"""Rows and columns of the blocks whose histograms are compared."""
LEVELS = 8
"""Bins of a block's histogram, over two standard deviations to either side of the mean."""
MIN_CONTRAST = 0.02
"""Standard deviation of Y' below which a frame shows nothing: a flash, black film."""


@dataclass(frozen=True, slots=True)
class FrameFeatures:
    """What is remembered of a frame."""

    thumbnail: Array
    """(24, 32) float32, or (32, 24) of a tall picture, of mean 0 and standard deviation 1."""
    histograms: Array
    """(9, 8) float32, each row of sum 1."""


def doubled(proxy: Array) -> Array:
    """A frame at twice the size of a thumbnail.

    Args:
        proxy: its Y', (h, w) float32.
    """
    import cv2

    columns, rows = SIZE if proxy.shape[1] >= proxy.shape[0] else SIZE[::-1]
    size = (2 * columns, 2 * rows)
    return np.asarray(cv2.resize(proxy, size, interpolation=cv2.INTER_AREA), np.float32)


def halved(double: Array) -> Array:
    """The thumbnail of what `doubled` made."""
    import cv2

    smooth = cv2.GaussianBlur(double, (0, 0), 1.2)
    size = (double.shape[1] // 2, double.shape[0] // 2)
    return np.asarray(cv2.resize(smooth, size, interpolation=cv2.INTER_AREA), np.float32)


def extract_features(small: Array) -> FrameFeatures | None:
    """What to remember of a thumbnail; None if it shows nothing."""
    contrast = float(small.std())
    if contrast < MIN_CONTRAST:
        return None
    thumbnail = ((small - small.mean()) / contrast).astype(np.float32)
    return FrameFeatures(thumbnail, _histograms(thumbnail))


def change(a: FrameFeatures, b: FrameFeatures) -> float:
    """How different two frames are: the mean of what structure and histograms say.

    Returns:
        0 for the same picture, about 1 for another.
    """
    structure = 1 - likeness(a.thumbnail, b.thumbnail)
    histograms = float(np.abs(a.histograms - b.histograms).sum(axis=1).mean()) / 2
    return (structure + histograms) / 2


def edges_of(double: Array) -> Array:
    """Where a picture has edges, standardized, at a thumbnail's size: hardly any light reaches it.

    Args:
        double: from `doubled`.
    """
    import cv2

    smooth = cv2.GaussianBlur(double, (0, 0), 1.0)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    size = (double.shape[1] // 2, double.shape[0] // 2)
    edges = cv2.resize(np.hypot(across, down), size, interpolation=cv2.INTER_AREA)
    return np.asarray((edges - edges.mean()) / max(float(edges.std()), 1e-6), np.float32)


def _histograms(thumbnail: Array) -> Array:
    """Shares of the levels in each block; a pixel counts for the two levels around it."""
    place = np.clip((thumbnail + 2) * (LEVELS / 4) - 0.5, 0, LEVELS - 1)
    weights = np.maximum(1 - np.abs(place[..., None] - np.arange(LEVELS)), 0)
    blocks = [
        block.mean(axis=(0, 1))
        for band in np.array_split(weights, BLOCKS, axis=0)
        for block in np.array_split(band, BLOCKS, axis=1)
    ]
    return np.asarray(blocks, np.float32)
