"""The palette mark: a visible sign in the corner that a picture's color is machine-made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.color.ycbcr import Coding, Matrix, Plane

_SWATCHES = ((0.78, 0.22, 0.18), (0.90, 0.68, 0.20), (0.25, 0.58, 0.30), (0.20, 0.38, 0.70))
"""R'G'B' of the four fields."""
_SHARE_OF_HEIGHT = 1 / 28
_ALIGNMENT = 4  # fields begin and end on whole chroma samples in every subsampling


def watermark_fields(
    width: int, height: int
) -> list[tuple[slice, slice, tuple[float, float, float]]]:
    """Rows, columns and R'G'B' of every field; empty where a picture is too small for it."""
    side = max(_ALIGNMENT, round(height * _SHARE_OF_HEIGHT) // _ALIGNMENT * _ALIGNMENT)
    total = side * len(_SWATCHES)
    if total + 2 * side > width or 3 * side > height:
        return []
    bottom = (height - side) // _ALIGNMENT * _ALIGNMENT
    rows = slice(bottom - side, bottom)
    return [
        (rows, slice(side + n * side, 2 * side + n * side), swatch)
        for n, swatch in enumerate(_SWATCHES)
    ]


def draw_watermark(
    luma: Plane,
    cb: NDArray[np.float32],
    cr: NDArray[np.float32],
    coding: Coding,
    matrix: Matrix,
    subsampling: tuple[int, int] = (0, 0),
) -> Plane:
    """Draw the mark; chroma in place, luma on a copy.

    Args:
        luma: (H, W) code values.
        cb: Cb in [-0.5, 0.5], of the chroma plane's size.
        cr: Cr, likewise.
        coding: what the luma codes mean.
        matrix: the output's matrix.
        subsampling: log2 of luma samples for a chroma sample, across and down.

    Returns:
        The luma with the mark; everywhere else it is what it was.
    """
    marked = luma.copy()
    across, down = subsampling
    for rows, columns, (red, green, blue) in watermark_fields(luma.shape[1], luma.shape[0]):
        y = matrix.kr * red + matrix.kg * green + matrix.kb * blue
        marked[rows, columns] = coding.unit_to_luma(np.full((1, 1), y, np.float32))
        place = (
            slice(rows.start >> down, rows.stop >> down),
            slice(columns.start >> across, columns.stop >> across),
        )
        cb[place] = (blue - y) / (2 * (1 - matrix.kb))
        cr[place] = (red - y) / (2 * (1 - matrix.kr))
    return marked
