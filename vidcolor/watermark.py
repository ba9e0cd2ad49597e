"""A watermark: a small palette icon, which shows that the colors were predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.ycbcr import planes_to_ycbcr

if TYPE_CHECKING:
    from vidcolor.color.ycbcr import Coding, Matrix
    from vidcolor.imaging.types import FloatArray, Plane

_FIELD_COLORS = ((0.78, 0.22, 0.18), (0.90, 0.68, 0.20), (0.25, 0.58, 0.30), (0.20, 0.38, 0.70))
"""R'G'B' of the four fields, from left to right."""
_RELATIVE_SIZE = 1 / 28
"""Side of a field as a fraction of the height of the frame."""
_ALIGNMENT = 4
"""Unit of the position and size of a field, in pixels. It makes fields consist of whole chroma
samples at every supported subsampling."""


def get_watermark_fields(
    width: int, height: int
) -> list[tuple[slice, slice, tuple[float, float, float]]]:
    """Return rows, columns and R'G'B' of every field; empty if the frame is too small."""
    side = max(_ALIGNMENT, round(height * _RELATIVE_SIZE) // _ALIGNMENT * _ALIGNMENT)
    total = side * len(_FIELD_COLORS)
    if total + 2 * side > width or 3 * side > height:  # margins of one field on each side
        return []
    bottom = (height - side) // _ALIGNMENT * _ALIGNMENT
    rows = slice(bottom - side, bottom)
    return [
        (rows, slice(side + n * side, 2 * side + n * side), color)
        for n, color in enumerate(_FIELD_COLORS)
    ]


def draw_watermark(
    luma: Plane,
    cb: FloatArray,
    cr: FloatArray,
    coding: Coding,
    matrix: Matrix,
    subsampling: tuple[int, int] = (0, 0),
) -> Plane:
    """Draw the icon into a copy of the luma plane, and into the chroma planes in place.

    Args:
        luma: (H, W) code values.
        cb: Cb in [-0.5, 0.5], of the size of a chroma plane.
        cr: Cr, same size.
        coding: bit depth and range of `luma`.
        matrix: matrix coefficients of the output.
        subsampling: log2 of luma samples per chroma sample, horizontal and vertical.
    """
    marked = luma.copy()
    across, down = subsampling
    for rows, columns, (red, green, blue) in get_watermark_fields(luma.shape[1], luma.shape[0]):
        y, field_cb, field_cr = planes_to_ycbcr(red, green, blue, matrix)
        marked[rows, columns] = coding.unit_to_luma(np.full((1, 1), y, np.float32))
        field = (
            slice(rows.start >> down, rows.stop >> down),
            slice(columns.start >> across, columns.stop >> across),
        )
        cb[field] = field_cb
        cr[field] = field_cr
    return marked
