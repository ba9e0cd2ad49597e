"""Cropping of training images, and rejection of unsuitable images and of near-duplicates."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vidcolor.color.ycbcr import MATRICES, rgb_to_ycbcr
from vidcolor.imaging.resize import resize_area

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.imaging.types import Rgb


RejectionReason = Literal[
    "damaged or unreadable",
    "too small",
    "blank or nearly black",
    "gray",
    "toned in one hue",
    "near-duplicate",
    "also in the validation set",
]
"""Reason for the rejection of an image, as it is shown to the user."""

SHORT_SIDE = 256
"""Maximum short side of training images, in pixels."""
MIN_SHORT_SIDE = 96
"""Minimum short side in pixels; smaller images are thumbnails or icons."""
MIN_CONTRAST = 6 / 255
"""Minimum standard deviation of Y'."""
MIN_HIGHLIGHT = 32 / 255
"""Minimum of the 99th percentile of Y'; darker images have no visible color."""
GRAY_CHROMA = 0.012
"""Maximum 95th percentile of the chroma of a gray image: 3 of 255 code values."""
TONED_DISTANCE_SHARE = 0.22
"""Maximum 95th percentile of the distance from the tone curve of a toned image, relative to its
chroma."""
TONED_DISTANCE_LIMITS = (0.01, 0.03)
"""Minimum and maximum of this threshold, in Cb and Cr in [-0.5, 0.5]. Rounding alone causes the
minimum; toning never causes more than the maximum."""
BAR_LEVEL = 20
"""Maximum code value of black bars, including compression noise."""
MAX_HASH_DISTANCE = 3
"""Maximum Hamming distance between the 64-bit hashes of near-duplicates."""

_SAMPLE_SIDE = 64
"""Side of the reduced copy on which color is measured, in pixels."""
_HASH_SIDE = 8
"""Side of the square of DCT coefficients in a hash."""


def reduce_image(rgb: Rgb) -> Rgb:
    """Crop black bars and downscale to `SHORT_SIDE`. Smaller images keep their size."""
    rgb = crop_black_bars(rgb)
    height, width = rgb.shape[:2]
    scale = SHORT_SIDE / min(height, width)
    if scale >= 1:
        return np.ascontiguousarray(rgb)
    shape = (max(SHORT_SIDE, round(height * scale)), max(SHORT_SIDE, round(width * scale)))
    return resize_area(rgb, shape)


def crop_black_bars(rgb: Rgb) -> Rgb:
    """Return a view of an image without the black bars of a letterbox, pillarbox or scan.

    The image is unchanged if less than half of a side would remain.
    """
    bright = rgb.max(axis=2) > BAR_LEVEL
    # A few bright pixels, such as dust or a logo, do not make a line part of the content.
    rows = np.flatnonzero(bright.mean(axis=1) > 0.01)
    columns = np.flatnonzero(bright.mean(axis=0) > 0.01)
    height, width = bright.shape
    if not len(rows) or not len(columns):
        return rgb
    top, bottom = _trim_edges(rows, height)
    left, right = _trim_edges(columns, width)
    # A dark image with a small bright part has no bars.
    if 2 * (bottom - top) < height or 2 * (right - left) < width:
        return rgb
    return rgb[top:bottom, left:right]


def _trim_edges(bright_lines: NDArray[np.intp], length: int) -> tuple[int, int]:
    """Return the range of the content, end exclusive, without the soft edges of bars."""
    margin = max(1, length // 200)
    first, end = int(bright_lines[0]), int(bright_lines[-1]) + 1
    return first + margin * (first > 0), end - margin * (end < length)


def find_rejection_reason(rgb: Rgb) -> RejectionReason | None:
    """Return the reason to reject an sRGB image, or None if it is suitable."""
    if min(rgb.shape[:2]) < MIN_SHORT_SIDE:
        return "too small"
    small = resize_area(rgb, (_SAMPLE_SIDE, _SAMPLE_SIDE)).reshape(-1, 3) / 255
    luma, cb, cr = rgb_to_ycbcr(small, MATRICES["bt709"])
    if luma.std() < MIN_CONTRAST or np.percentile(luma, 99) < MIN_HIGHLIGHT:
        return "blank or nearly black"
    return _find_lack_of_color(luma, np.stack([cb, cr], axis=-1))


def _find_lack_of_color(luma: NDArray[Any], chroma: NDArray[Any]) -> RejectionReason | None:
    """Detect gray images and images whose chroma is a function of luma, as toning produces it."""
    # `classify_tint` reports many images of fog, white cars and cats as tinted. Training needs such
    # images, because much of the world is nearly neutral. This test compares the distance of the
    # chroma from the tone curve (the median over 64 pixels of similar luma) with the amount of
    # chroma. Of 8,000 photographs it rejects a few images of fog and sunsets. Of sepia copies at
    # JPEG quality 60 it rejects at least four out of five.
    strength = np.percentile(np.hypot(*chroma.T), 95)
    if strength < GRAY_CHROMA:
        return "gray"
    groups = np.array_split(chroma[np.argsort(luma, kind="stable")], _SAMPLE_SIDE)
    distance = np.concatenate([part - np.median(part, axis=0) for part in groups])
    limit = np.clip(TONED_DISTANCE_SHARE * strength, *TONED_DISTANCE_LIMITS)
    return "toned in one hue" if np.percentile(np.hypot(*distance.T), 95) < limit else None


def perceptual_hash(rgb: Rgb) -> int:
    """Return a 64-bit hash that is robust to rescaling and recompression.

    Its bits are the signs of the 8x8 lowest DCT coefficients of a 32x32 gray copy relative to their
    median (Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010).
    """
    import cv2

    gray = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    small = resize_area(np.asarray(gray), (32, 32)).astype(np.float32)
    low: NDArray[Any] = cv2.dct(small)[:_HASH_SIDE, :_HASH_SIDE].ravel()
    bits = low > np.median(low)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


class DuplicateIndex:
    """An index of image hashes that finds hashes within `MAX_HASH_DISTANCE` bits.

    Two hashes that differ in three bits have at least one of four 16-bit blocks in common, so only
    hashes that share a block are compared.
    """

    def __init__(self) -> None:
        self._by_block: defaultdict[tuple[int, int], list[int]] = defaultdict(list)

    def contains_similar(self, value: int) -> bool:
        """Return whether the index contains a near-duplicate of a hash."""
        return any(
            (value ^ other).bit_count() <= MAX_HASH_DISTANCE
            for key in self._blocks(value)
            for other in self._by_block.get(key, ())
        )

    def add(self, value: int) -> None:
        """Add a hash to the index."""
        for key in self._blocks(value):
            self._by_block[key].append(value)

    def _blocks(self, value: int) -> list[tuple[int, int]]:
        return [(n, value >> 16 * n & 0xFFFF) for n in range(4)]
