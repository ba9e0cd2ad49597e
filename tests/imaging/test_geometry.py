"""Displayed size and orientation of frames and photos."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from vidcolor.imaging.geometry import (
    Geometry,
    get_display_matrix,
    get_quarter_turns,
    rotate_size,
    swaps_axes,
    to_displayed,
    to_stored,
)

IMAGE = np.arange(6, dtype=np.uint8).reshape(2, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_to_displayed_matches_pillow(orientation: int) -> None:
    exif, file = Image.Exif(), io.BytesIO()
    exif[274] = orientation
    Image.fromarray(IMAGE).save(file, "png", exif=exif.tobytes())
    with Image.open(file) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(to_displayed(IMAGE, orientation), expected)
    assert (expected.shape != IMAGE.shape) == swaps_axes(orientation)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_display_matrix_moves_pixels_as_the_orientation_does(orientation: int) -> None:
    matrix = get_display_matrix(orientation) or (1 << 16, 0, 0, 0, 1 << 16)
    a, b, c, d = (matrix[n] >> 16 for n in (0, 1, 3, 4))
    y, x = np.indices(IMAGE.shape)
    columns, rows = a * x + c * y, b * x + d * y
    expected = to_displayed(IMAGE, orientation)
    assert np.array_equal(expected[rows - rows.min(), columns - columns.min()], IMAGE)


@pytest.mark.parametrize("orientation", range(9))
def test_to_stored_inverts_to_displayed(orientation: int) -> None:
    assert np.array_equal(to_stored(to_displayed(IMAGE, orientation), orientation), IMAGE)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_quarter_turns_equal_the_orientation_up_to_mirroring(orientation: int) -> None:
    turned = np.rot90(IMAGE, get_quarter_turns(orientation))
    displayed = to_displayed(IMAGE, orientation)
    assert any(np.array_equal(displayed, image) for image in (turned, turned[:, ::-1]))


@pytest.mark.parametrize("turns", range(4))
def test_to_stored_inverts_to_upright(turns: int) -> None:
    geometry = Geometry(3, 2, quarter_turns=turns)
    assert np.array_equal(geometry.to_stored(geometry.to_upright(IMAGE)), IMAGE)
    width, height = rotate_size((3, 2), turns)
    assert geometry.to_upright(IMAGE).shape == (height, width)
    assert geometry.display_aspect == pytest.approx(width / height)


def test_odd_turns_swap_width_and_height() -> None:
    assert rotate_size((4, 3), 1) == rotate_size((4, 3), 3) == (3, 4)
    assert rotate_size((4, 3), 2) == (4, 3)
