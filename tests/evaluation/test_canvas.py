"""Layouts of two images on a canvas, and image formats."""

from __future__ import annotations

import pytest

from vidcolor.errors import UsageError
from vidcolor.evaluation.canvas import (
    compute_natural_width,
    compute_wipe_position,
    fit_canvas,
    get_image_format,
)


@pytest.mark.parametrize("layout", ["side", "stack", "wipe"])
def test_panels_are_the_largest_that_fit_the_width(layout):
    for side in range(160, 2000, 34):
        natural = compute_natural_width(layout, (side, side), 9999)
        assert fit_canvas(layout, (side, side), natural).panel_size == (side, side)
        for width in range(natural, natural + 5):
            size = fit_canvas(layout, (side, side), width).size
            assert width - 4 <= size[0] <= width
            assert size[0] % 2 == size[1] % 2 == 0


def test_natural_width_is_at_most_the_maximum_width():
    assert compute_natural_width("side", (4000, 3000), 3840) == 3840


def test_wipe_starts_at_the_center_moves_right_and_returns():
    assert compute_wipe_position(0, 8.0) == 0.5
    assert compute_wipe_position(2.0, 8.0) > 0.8
    assert compute_wipe_position(6.0, 8.0) < 0.2
    # Films shorter than 4 s do not return within their duration.
    assert compute_wipe_position(1.0, 1.0) == compute_wipe_position(1.0, 4.0)


def test_unknown_image_format_is_an_error(tmp_path):
    assert get_image_format(tmp_path / "a.JPG") == "JPEG"
    with pytest.raises(UsageError, match=r"unknown image format; use one of \.png"):
        get_image_format(tmp_path / "a.gif")
