"""In what shape pictures are judged: as stored, or as the literature does, small and square."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.ycbcr import MATRICES, luma_of_rgb
from vidcolor.media.preview import scale

if TYPE_CHECKING:
    from vidcolor.color.ycbcr import Plane
    from vidcolor.media.preview import Rgb

MATRIX = MATRICES["bt709"]
"""Whose luma the gray picture is."""


def in_shape(rgb: Rgb, size: int | None) -> Rgb:
    """The largest centerd square, averaged over areas down to `size`.

    Args:
        rgb: (H, W, 3) uint8.
        size: side in pixels; None leaves the picture as it is.
    """
    if size is None:
        return rgb
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(rgb[top : top + side, left : left + side])
    return scale(square, (size, size))


def gray_of(rgb: Rgb) -> Plane:
    """The picture's own BT.709 luma as an 8-bit gray file would hold it: (H, W) uint8."""
    return luma_of_rgb(rgb, MATRIX, 8, 8)


def as_rgb(gray: Plane) -> Rgb:
    """(H, W) uint8 as a picture without color, (H, W, 3)."""
    return np.repeat(gray.astype(np.uint8)[..., None], 3, axis=-1)
