"""The watermark: position, colors and minimum frame size."""

import numpy as np
import pytest

from vidcolor.color.ycbcr import MATRICES, Coding, ycbcr_to_rgb
from vidcolor.watermark import draw_watermark, get_watermark_fields


@pytest.mark.parametrize("subsampling", [(0, 0), (1, 0), (1, 1)])
@pytest.mark.parametrize("coding", [Coding(8, False), Coding(10, True)])
def test_watermark_changes_only_its_corner(coding: Coding, subsampling: tuple[int, int]) -> None:
    luma = np.full((480, 640), coding.black, coding.dtype)
    across, down = subsampling
    cb, cr = np.zeros((2, 480 >> down, 640 >> across), np.float32)
    marked = draw_watermark(luma, cb, cr, coding, MATRICES["bt709"], subsampling)
    assert (luma == coding.black).all()
    changed = np.argwhere(marked != luma)
    top, left = changed.min(0)
    bottom, right = changed.max(0)
    assert top > 430
    assert right < 100
    inside = np.zeros_like(luma, bool)
    inside[top : bottom + 1, left : right + 1] = True
    assert (marked[~inside] == coding.black).all()
    assert np.count_nonzero(np.hypot(cb, cr)) == inside.sum() >> (across + down)


def test_watermark_fields_have_their_colors() -> None:
    coding, matrix = Coding(8, full_range=True), MATRICES["bt709"]
    luma = np.zeros((240, 320), np.uint8)
    cb, cr = np.zeros((2, 240, 320), np.float32)
    marked = draw_watermark(luma, cb, cr, coding, matrix)
    rgb = ycbcr_to_rgb(coding.luma_to_unit(marked), cb, cr, matrix)
    for rows, columns, color in get_watermark_fields(320, 240):
        assert np.abs(rgb[rows, columns] - color).max() < 0.01


def test_small_frames_have_no_watermark() -> None:
    assert get_watermark_fields(16, 8) == []
