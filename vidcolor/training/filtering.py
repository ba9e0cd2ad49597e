"""Which pictures are fit to learn color from, and which show the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vidcolor.color.ycbcr import MATRICES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Rgb = NDArray[np.uint8]

Reason = Literal[
    "damaged or unreadable",
    "too small",
    "blank or nearly black",
    "gray",
    "toned in one hue",
    "near-duplicate",
    "also in the validation set",
]
"""Why a picture is left out."""

MIN_SHORT_SIDE = 96
"""Pixels below which a picture is a thumbnail or an icon."""
MIN_CONTRAST = 6 / 255
"""Standard deviation of Y' below which a picture shows nothing."""
MIN_HIGHLIGHT = 32 / 255
"""A picture 99 % of which is darker shows nothing whose color could be learned."""
GRAY_CHROMA = 0.012
"""Chroma that 95 % of a gray picture stays below: 3 of 255 codes."""
ONE_TONE_SHARE = 0.22
"""How far, in shares of its chroma, 95 % of a toned picture strays from its tone at most."""
ONE_TONE = (0.01, 0.03)
"""The limits of that, in chroma: rounding always strays a little, and no toner by more."""
BAR_LEVEL = 20
"""Codes that black bars stay below, compression's noise included."""
MAX_DISTANCE = 3
"""Bits of 64 by which the hashes of near-duplicates may differ."""

_LOOK = 64
_HASH_SIDE = 8
_BLOCKS = MAX_DISTANCE + 1


def without_bars(rgb: Rgb) -> Rgb:
    """The picture without the black bars of a letterbox, pillarbox or scan; a view.

    Args:
        rgb: (H, W, 3) uint8.

    Returns:
        (H', W', 3); the picture itself if less than half of either side would be left.
    """
    bright = rgb.max(axis=2) > BAR_LEVEL
    rows = np.flatnonzero(bright.mean(axis=1) > 0.01)
    columns = np.flatnonzero(bright.mean(axis=0) > 0.01)
    height, width = bright.shape
    if not len(rows) or not len(columns):
        return rgb
    top, bottom = _inside(rows, height)
    left, right = _inside(columns, width)
    if 2 * (bottom - top) < height or 2 * (right - left) < width:
        return rgb
    return rgb[top:bottom, left:right]


def _inside(lit: NDArray[np.intp], length: int) -> tuple[int, int]:
    """First and last + 1 lit line; a little further in where there is a bar, whose edge is soft."""
    soft = max(1, length // 200)
    first, last = int(lit[0]), int(lit[-1]) + 1
    return first + soft * (first > 0), last - soft * (last < length)


def find_fault(rgb: Rgb) -> Reason | None:
    """Why nothing can be learned from a picture by itself; None if it is fit.

    Args:
        rgb: (H, W, 3) uint8, sRGB.
    """
    import cv2

    if min(rgb.shape[:2]) < MIN_SHORT_SIDE:
        return "too small"
    small = cv2.resize(rgb, (_LOOK, _LOOK), interpolation=cv2.INTER_AREA).reshape(-1, 3) / 255
    matrix = MATRICES["bt709"]
    luma = small @ np.array([matrix.kr, matrix.kg, matrix.kb])
    if luma.std() < MIN_CONTRAST or np.percentile(luma, 99) < MIN_HIGHLIGHT:
        return "blank or nearly black"
    cb = (small[:, 2] - luma) / (2 * (1 - matrix.kb))
    cr = (small[:, 0] - luma) / (2 * (1 - matrix.kr))
    return _find_lack_of_color(luma, np.stack([cb, cr], axis=-1))


def _find_lack_of_color(luma: NDArray[Any], chroma: NDArray[Any]) -> Reason | None:
    """Gray, or chroma that follows luma as a toner's does; finer than `classify_tint`.

    That one takes fog, white cars and cats for toned, which does no harm where it decides a
    default. Here they are what teaches that much of the world is rather neutral. So how far chroma
    strays from the tone's curve (its median over 64 pixels of like luma) is held against how much
    chroma there is. Of 8,000 photographs this drops a few fogs and sunsets; of sepia copies, JPEG
    at 60, four in five and more.
    """
    strength = np.percentile(np.hypot(*chroma.T), 95)
    if strength < GRAY_CHROMA:
        return "gray"
    alike = np.array_split(chroma[np.argsort(luma, kind="stable")], _LOOK)
    off = np.concatenate([part - np.median(part, axis=0) for part in alike])
    allowed = np.clip(ONE_TONE_SHARE * strength, *ONE_TONE)
    return "toned in one hue" if np.percentile(np.hypot(*off.T), 95) < allowed else None


def perceptual_hash(rgb: Rgb) -> int:
    """64 bits that rescaling and recompressing hardly change.

    The signs of the 8x8 lowest DCT coefficients of a 32x32 gray copy about their median (Zauner,
    "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010).

    Args:
        rgb: (H, W, 3) uint8.
    """
    import cv2

    gray = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low: NDArray[Any] = cv2.dct(small)[:_HASH_SIDE, :_HASH_SIDE].ravel()
    bits = low > np.median(low)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


class DuplicateIndex:
    """Hashes of the pictures so far; finds those within `MAX_DISTANCE` bits of a new one.

    Of four blocks of 16 bits, two hashes that differ in three bits have one in common: so only
    the hashes that share a block are compared.
    """

    def __init__(self) -> None:
        self._by_block: dict[tuple[int, int], list[int]] = {}

    def has_like(self, value: int) -> bool:
        """Whether a picture like the one of this hash was added."""
        return any(
            (value ^ other).bit_count() <= MAX_DISTANCE
            for key in self._blocks(value)
            for other in self._by_block.get(key, ())
        )

    def add(self, value: int) -> None:
        """Remember a picture."""
        for key in self._blocks(value):
            self._by_block.setdefault(key, []).append(value)

    def _blocks(self, value: int) -> Iterator[tuple[int, int]]:
        bits = 64 // _BLOCKS
        for block in range(_BLOCKS):
            yield block, (value >> (bits * block)) & ((1 << bits) - 1)
