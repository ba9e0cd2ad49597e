"""Appearance features of a frame, and the change between two frames.

Thumbnails are small enough to suppress grain. Standardizing them removes gain and offset, which
flicker changes. Correlation is maximized over small shifts, which allows for pans and gate weave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.imaging.resize import resize_area

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray

THUMBNAIL_SIZE = (32, 24)
"""Long and short side of a thumbnail, in pixels."""
MAX_SHIFT = 3
"""Maximum shift between two thumbnails, in pixels: about a tenth of the frame."""
HISTOGRAM_BLOCKS = 3
"""Number of rows and of columns of the blocks with one histogram each."""
HISTOGRAM_BINS = 8
"""Number of bins of a histogram, over two standard deviations on either side of the mean."""
MIN_CONTRAST = 0.02
"""Minimum standard deviation of Y' in [0, 1]. A frame with less is blank, such as a flash."""


@dataclass(frozen=True, slots=True)
class FrameFeatures:
    """Appearance features of one frame."""

    thumbnail: FloatArray
    """(24, 32) float32, or (32, 24) for a tall frame; mean 0 and standard deviation 1."""
    histograms: FloatArray
    """(9, 8) float32; each row sums to 1."""


def resize_frame(proxy: FloatArray) -> FloatArray:
    """Resize a frame to twice the size of a thumbnail.

    Args:
        proxy: Y' of the frame, (h, w) float32.

    Returns:
        (48, 64) float32, or (64, 48) for a tall frame.
    """
    columns, rows = THUMBNAIL_SIZE if proxy.shape[1] >= proxy.shape[0] else THUMBNAIL_SIZE[::-1]
    return resize_area(proxy, (2 * rows, 2 * columns))


def make_thumbnail(frame: FloatArray) -> FloatArray:
    """Return the thumbnail of a frame from `resize_frame`, at half its size."""
    import cv2

    smooth = np.asarray(cv2.GaussianBlur(frame, (0, 0), 1.2), np.float32)
    return resize_area(smooth, (frame.shape[0] // 2, frame.shape[1] // 2))


def extract_features(thumbnail: FloatArray) -> FrameFeatures | None:
    """Return the features of a thumbnail, or None if it is blank."""
    contrast = float(thumbnail.std())
    if contrast < MIN_CONTRAST:
        return None
    standardized = ((thumbnail - thumbnail.mean()) / contrast).astype(np.float32)
    return FrameFeatures(standardized, _compute_histograms(standardized))


def measure_change(a: FrameFeatures, b: FrameFeatures) -> float:
    """Return the change between two frames, from their structure and their histograms.

    Returns:
        0 for identical frames, about 1 for unrelated frames.
    """
    structure = 1 - max_correlation(a.thumbnail, b.thumbnail)
    histograms = float(np.abs(a.histograms - b.histograms).sum(axis=1).mean()) / 2
    return (structure + histograms) / 2


def max_correlation(a: FloatArray, b: FloatArray) -> float:
    """Return the maximum correlation of two thumbnails over shifts up to `MAX_SHIFT`, -1 to 1."""
    return max(_match_center(a, b), _match_center(b, a))


def _match_center(template: FloatArray, image: FloatArray) -> float:
    """Return the maximum correlation of the center of one thumbnail with the other."""
    import cv2

    center = np.ascontiguousarray(template[MAX_SHIFT:-MAX_SHIFT, MAX_SHIFT:-MAX_SHIFT])
    return float(cv2.matchTemplate(image, center, cv2.TM_CCOEFF_NORMED).max())


def compute_edges(frame: FloatArray) -> FloatArray:
    """Return the standardized edge map of a frame, which lighting hardly affects.

    Args:
        frame: frame from `resize_frame`, (h, w) float32.

    Returns:
        Gradient magnitude at the size of a thumbnail, (h / 2, w / 2) float32.
    """
    import cv2

    smooth = cv2.GaussianBlur(frame, (0, 0), 1.0)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    edges = resize_area(np.hypot(across, down), (frame.shape[0] // 2, frame.shape[1] // 2))
    return np.asarray((edges - edges.mean()) / max(float(edges.std()), 1e-6), np.float32)


def _compute_histograms(thumbnail: FloatArray) -> FloatArray:
    """Return a histogram for each block; each pixel is shared between the two nearest bins."""
    position = np.clip((thumbnail + 2) * (HISTOGRAM_BINS / 4) - 0.5, 0, HISTOGRAM_BINS - 1)
    weights = np.maximum(1 - np.abs(position[..., None] - np.arange(HISTOGRAM_BINS)), 0)
    blocks = [
        block.mean(axis=(0, 1))
        for band in np.array_split(weights, HISTOGRAM_BLOCKS, axis=0)
        for block in np.array_split(band, HISTOGRAM_BLOCKS, axis=1)
    ]
    return np.asarray(blocks, np.float32)
