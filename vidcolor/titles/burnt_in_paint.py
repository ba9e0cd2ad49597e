"""Removal of chroma from burnt-in text. The picture between letters without a box keeps its color.

What a frame shows is decided by its own luma, so that frames are independent of each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.imaging.resize import resize_area
from vidcolor.titles.text_rows import PixelBox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.color.ycbcr import Coding
    from vidcolor.imaging.geometry import Geometry
    from vidcolor.imaging.types import FloatArray, Plane
    from vidcolor.titles.burnt_in import BurntInText

BOX_TOLERANCE = 0.1
"""Maximum difference in Y' of the edge of a box from the box that was recognized."""
MIN_BOX_SHARE = 0.8
"""Minimum share of the edge that has this luma. A frame with less does not show the box."""
MARGIN = 0.1
"""Width of the surroundings of text that are examined, relative to its height."""
STROKE_WIDTH = 0.35
"""Width from which a light spot is no stroke, relative to the height of the text."""
EDGE_WIDTH = 0.05
"""Width of the soft edge of a stroke, relative to the height of the text."""
CONTRAST = (0.06, 0.14)
"""Contrast of a spot in Y' from which it is part of a stroke, and from which it has no chroma."""
LUMA_DIFFERENCE = (-0.4, -0.2)
"""The same for the difference in Y' from the text."""


def remove_text_chroma(
    planes: tuple[FloatArray, FloatArray],
    luma: Plane,
    texts: Sequence[BurntInText],
    coding: Coding,
    geometry: Geometry,
    subsampling: tuple[int, int],
) -> None:
    """Remove the chroma of burnt-in text from the chroma planes of a frame, in place.

    Args:
        planes: Cb and Cr, float32 in [-0.5, 0.5], of the size of the chroma planes (rounded up).
        luma: (H, W) code values.
        texts: the text of the film. Frames that do not show it keep their chroma.
        coding: bit depth and range of `luma`.
        geometry: rotation of the frame.
        subsampling: log2 of luma samples per chroma sample, horizontal and vertical.
    """
    for text in texts:
        box = _place(text, geometry.quarter_turns, luma.shape)
        height = _measure_height(box, geometry.quarter_turns)
        if text.box_luma is None:
            margin = round(MARGIN * height) + 1
            box = _extend_to_cells(box.extend(margin, luma.shape), luma.shape, subsampling)
        else:
            box = _shrink_to_cells(box, subsampling)
        if box.area <= 0:
            continue
        unit = coding.luma_to_unit(luma[box.slices])
        gain = _keep_other(unit, text, height)
        if gain is None:
            continue
        across, down = subsampling
        cells = PixelBox(
            box.left >> across, box.top >> down, box.right >> across, box.bottom >> down
        )
        gain = resize_area(gain, planes[0][cells.slices].shape)
        for plane in planes:
            plane[cells.slices] *= gain


def _place(text: BurntInText, quarter_turns: int, shape: tuple[int, ...]) -> PixelBox:
    """Return the pixels of text in the orientation of the stored frame."""
    left, top, right, bottom = text.left, text.top, text.right, text.bottom
    for _ in range(quarter_turns % 4):
        left, top, right, bottom = 1 - bottom, left, 1 - top, right
    rows, columns = shape
    return PixelBox(
        round(left * columns), round(top * rows), round(right * columns), round(bottom * rows)
    )


def _measure_height(box: PixelBox, quarter_turns: int) -> int:
    return box.right - box.left if quarter_turns % 2 else box.bottom - box.top


def _extend_to_cells(
    box: PixelBox, shape: tuple[int, ...], subsampling: tuple[int, int]
) -> PixelBox:
    """Return the smallest box of complete cells of chroma that covers a box."""
    across, down = subsampling
    return PixelBox(
        box.left >> across << across,
        box.top >> down << down,
        min(-(-box.right >> across), shape[1] >> across) << across,
        min(-(-box.bottom >> down), shape[0] >> down) << down,
    )


def _shrink_to_cells(box: PixelBox, subsampling: tuple[int, int]) -> PixelBox:
    """Return the largest box of complete cells of chroma in a box."""
    across, down = subsampling
    return PixelBox(
        -(-box.left >> across) << across,
        -(-box.top >> down) << down,
        box.right >> across << across,
        box.bottom >> down << down,
    )


def _keep_other(unit: FloatArray, text: BurntInText, height: int) -> FloatArray | None:
    """Return the gain of chroma, 0 to 1, in the pixels of text, Y' (h, w); None if it is 1."""
    if text.box_luma is None:
        return 1 - _find_strokes(unit, text.text_luma, height)
    edge = np.concatenate([unit[0], unit[-1], unit[:, 0], unit[:, -1]])
    is_box = np.abs(edge - np.float32(text.box_luma)) < BOX_TOLERANCE
    return np.zeros_like(unit) if is_box.mean() >= MIN_BOX_SHARE else None


def _find_strokes(unit: FloatArray, text_luma: float, height: int) -> FloatArray:
    """Return the share, 0 to 1, of light strokes of letters in each pixel of Y', (h, w)."""
    import cv2

    size = round(STROKE_WIDTH * height) | 1
    codes = np.rint(unit * 255).astype(np.uint8)  # much faster than float
    kernel = np.ones((size, size), np.uint8)
    spots = np.asarray(cv2.morphologyEx(codes, cv2.MORPH_TOPHAT, kernel))
    contrast = spots.astype(np.float32) / np.float32(255)
    strokes = _ramp(contrast, CONTRAST) * _ramp(unit - np.float32(text_luma), LUMA_DIFFERENCE)
    margin = 2 * max(1, round(EDGE_WIDTH * height)) + 1
    return np.asarray(cv2.dilate(strokes, np.ones((margin, margin), np.uint8)), np.float32)


def _ramp(values: FloatArray, limits: tuple[float, float]) -> FloatArray:
    """Return 0 at the first limit and below, 1 at the second and above, linear between them."""
    low, high = limits
    share: FloatArray = (values - np.float32(low)) / np.float32(high - low)
    return np.clip(share, 0, 1, out=share)
