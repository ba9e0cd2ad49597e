"""Appearance features of a frame, and the change between two frames.

Thumbnails are small enough to suppress grain. They are standardized, because flicker changes gain
and offset. Correlation means zero-mean normalized cross-correlation, -1 to 1. Its maximum over
small shifts is used, because pans and gate weave shift the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.imaging.resize import resize_area

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vidcolor.imaging.types import FloatArray

DETECTION_SIZE = 128
"""Maximum long side of the luma copies for shot detection, in pixels. Small copies are fast, and
reduce grain and weave."""
MIN_DETECTION_SIDE = 8
"""Minimum side of these copies, in pixels."""
THUMBNAIL_SIZE = (32, 24)
"""Long and short side of a thumbnail, in pixels."""
MAX_SHIFT = 3
"""Maximum shift between two thumbnails, in thumbnail pixels: about a tenth of the frame."""
HISTOGRAM_BLOCKS = 3
"""Number of rows, and of columns, of the blocks into which a thumbnail is divided. Each block has
its own histogram."""
HISTOGRAM_BINS = 8
"""Number of bins of a histogram. They cover two standard deviations on either side of the mean;
values beyond belong to the outer bins."""
THUMBNAIL_SIGMA = 1.2
"""Standard deviation of the Gaussian that suppresses grain and aliasing before a frame from
`resize_frame` is halved, in pixels of that frame."""
EDGE_SIGMA = 1.0
"""Standard deviation of the Gaussian that suppresses grain before edges are computed, in pixels of
a frame from `resize_frame`."""
MIN_CONTRAST = 0.02
"""Minimum standard deviation of Y' in [0, 1]. A frame with less is blank, such as black film or a
white flash, and has no features, unless it is known to be faint."""
MIN_FAINT_CONTRAST = 0.006
"""Minimum standard deviation of a faint frame, such as a title card of low contrast. Grain has at
most 0.002."""
MIN_FAINT_CORRELATION = 0.8
"""Minimum correlation of a faint frame with its neighbor. Dust on black film differs in every
frame."""


@dataclass(frozen=True, slots=True)
class FrameFeatures:
    """Appearance features of one frame."""

    thumbnail: FloatArray
    """Standardized Y', mean 0 and standard deviation 1: (24, 32) float32, or (32, 24) for a tall
    frame."""
    histograms: FloatArray
    """Histogram of each block of the thumbnail: (9, 8) float32; each row sums to 1."""


def get_detection_shape(height: int, width: int) -> tuple[int, int]:
    """Return height and width of the copies of frames for `ShotDetector`."""
    scale = min(1.0, DETECTION_SIZE / max(width, height))
    rows, columns = (max(MIN_DETECTION_SIDE, round(side * scale)) for side in (height, width))
    return rows, columns


def resize_frame(proxy: FloatArray) -> FloatArray:
    """Resize Y', (h, w) float32 in [0, 1], to (48, 64), or to (64, 48) if it is tall."""
    columns, rows = THUMBNAIL_SIZE if proxy.shape[1] >= proxy.shape[0] else THUMBNAIL_SIZE[::-1]
    return resize_area(proxy, (2 * rows, 2 * columns))


def make_thumbnail(frame: FloatArray) -> FloatArray:
    """Return the thumbnail of a frame from `resize_frame`: half its size, float32."""
    import cv2

    smooth = np.asarray(cv2.GaussianBlur(frame, (0, 0), THUMBNAIL_SIGMA), np.float32)
    return resize_area(smooth, (frame.shape[0] // 2, frame.shape[1] // 2))


def extract_features(
    thumbnail: FloatArray, min_contrast: float = MIN_CONTRAST
) -> FrameFeatures | None:
    """Return the features of a thumbnail from `make_thumbnail`, or None if it is blank."""
    contrast = float(thumbnail.std())
    if contrast < min_contrast:
        return None
    standardized = ((thumbnail - thumbnail.mean()) / contrast).astype(np.float32)
    return FrameFeatures(standardized, _compute_histograms(standardized))


def is_faint(thumbnail: FloatArray, neighbors: Iterable[FloatArray]) -> bool:
    """Return whether a thumbnail with less than `MIN_CONTRAST` shows the same as a neighbor."""
    if not MIN_FAINT_CONTRAST <= thumbnail.std() < MIN_CONTRAST:
        return False
    return any(
        other.std() >= MIN_FAINT_CONTRAST
        and np.corrcoef(thumbnail.ravel(), other.ravel())[0, 1] >= MIN_FAINT_CORRELATION
        for other in neighbors
    )


def measure_change(a: FrameFeatures, b: FrameFeatures) -> float:
    """Return the change between two frames of one size.

    It is the mean of a structural difference (1 minus the correlation of the thumbnails) and of the
    total variation distance between the histograms.

    Returns:
        0 for identical frames, usually 0.4 to 1 for frames of different shots.
    """
    structure = 1 - max_correlation(a.thumbnail, b.thumbnail)
    histograms = float(np.abs(a.histograms - b.histograms).sum(axis=1).mean()) / 2
    return (structure + histograms) / 2


def max_correlation(a: FloatArray, b: FloatArray) -> float:
    """Return the maximum correlation, -1 to 1, of two thumbnails or edge maps of one size.

    It is taken over shifts up to `MAX_SHIFT`, and is symmetric.
    """
    return max(_match_center(a, b), _match_center(b, a))


def _match_center(template: FloatArray, image: FloatArray) -> float:
    """Return the maximum correlation of the template's center with any part of the image."""
    import cv2

    center = np.ascontiguousarray(template[MAX_SHIFT:-MAX_SHIFT, MAX_SHIFT:-MAX_SHIFT])
    return float(cv2.matchTemplate(image, center, cv2.TM_CCOEFF_NORMED).max())


def compute_edges(frame: FloatArray) -> FloatArray:
    """Return the edge map of a frame from `resize_frame`, which lighting hardly affects.

    It is the gradient magnitude at half the size, float32 with mean 0 and standard deviation 1.
    """
    import cv2

    smooth = cv2.GaussianBlur(frame, (0, 0), EDGE_SIGMA)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    edges = resize_area(np.hypot(across, down), (frame.shape[0] // 2, frame.shape[1] // 2))
    return np.asarray((edges - edges.mean()) / max(float(edges.std()), 1e-6), np.float32)


def _compute_histograms(thumbnail: FloatArray) -> FloatArray:
    """Return a histogram of each block of a standardized thumbnail."""
    # Each pixel is divided between the two nearest bins in inverse proportion to their distance, so
    # that grain changes the histograms only slightly.
    position = np.clip((thumbnail + 2) * (HISTOGRAM_BINS / 4) - 0.5, 0, HISTOGRAM_BINS - 1)
    weights = np.maximum(1 - np.abs(position[..., None] - np.arange(HISTOGRAM_BINS)), 0)
    down, across = (_make_block_means(side) for side in thumbnail.shape)
    bands = (down @ weights.reshape(len(weights), -1)).reshape(-1, *weights.shape[1:])
    return np.asarray((across @ bands).reshape(-1, HISTOGRAM_BINS), np.float32)


@lru_cache(maxsize=2)
def _make_block_means(side: int) -> FloatArray:
    """Return the matrix that averages the rows of each block: (HISTOGRAM_BLOCKS, side)."""
    blocks = np.array_split(np.eye(side, dtype=np.float32), HISTOGRAM_BLOCKS)
    return np.stack([block.mean(axis=0) for block in blocks])
