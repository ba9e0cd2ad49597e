"""Contact sheets of two films, and two photos in one image."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.helpers.tiny_films import gray_ramp, make_film
from vidcolor.errors import UsageError
from vidcolor.evaluation.compare import compare
from vidcolor.evaluation.options import CompareOptions
from vidcolor.evaluation.sheets import plan_contact_sheet


@pytest.fixture
def photos(tmp_path):
    """A gray PNG of 400x300 and a red JPEG of 200x150."""
    Image.new("L", (400, 300), 90).save(tmp_path / "a.png")
    Image.new("RGB", (200, 150), (200, 60, 50)).save(tmp_path / "b.jpg", quality=95)
    return tmp_path / "a.png", tmp_path / "b.jpg"


def test_sheet_shows_a_above_b_at_evenly_spaced_times(films, tmp_path):
    comparison = compare(*films, tmp_path / "sheet.png", CompareOptions(count=6, width=800))
    sheet = np.asarray(Image.open(tmp_path / "sheet.png")).astype(int)
    assert comparison.num_pairs == 6
    assert comparison.size == (800, sheet.shape[0])
    grid, canvas = plan_contact_sheet("stack", (64, 48), 6, 800)
    width, height = canvas.panel_size
    for n in range(6):
        x, y = grid.find_position(*divmod(n, grid.columns))
        number = 2 * n + 1  # the center of the n-th sixth of 12 frames
        above = sheet[y + height // 2, x + width // 2]
        below = sheet[y + height + canvas.gap + height // 2, x + width // 2]
        assert np.abs(above - 40 - 8 * number).max() <= 2
        assert np.abs(below - (100 + 8 * number, 60, 50)).max() <= 3
        caption = sheet[y + grid.cell[1] : y + grid.row_height, x : x + 200]
        assert caption.max() > 100


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_sheet_has_the_format_of_its_extension(films, tmp_path, suffix):
    out = tmp_path / f"sheet.{suffix}"
    compare(*films, out, CompareOptions(count=2, layout="wipe", width=500))
    with Image.open(out) as image:
        assert image.size[0] == 500
        assert image.format == {"jpg": "JPEG", "webp": "WEBP"}[suffix]


@pytest.mark.parametrize("count", [1, 2, 5, 6, 12, 60])
@pytest.mark.parametrize("frame_size", [(16, 9), (4, 3), (9, 16)])
def test_grid_has_room_for_all_cells(count, frame_size):
    for layout in ("side", "stack", "wipe"):
        grid, _ = plan_contact_sheet(layout, frame_size, count, 1600)
        assert grid.columns * grid.rows >= count
        x, y = grid.find_position(*divmod(count - 1, grid.columns))
        assert x + grid.cell[0] <= grid.width
        assert y + grid.row_height <= grid.size[1]


@pytest.mark.parametrize(
    ("layout", "size"), [("side", (804, 300)), ("stack", (400, 604)), ("wipe", (400, 300))]
)
def test_two_photos_become_one_image(photos, tmp_path, layout, size):
    options = CompareOptions(layout=layout, names=("", ""))
    comparison = compare(*photos, tmp_path / "both.png", options)
    image = np.asarray(Image.open(tmp_path / "both.png")).astype(int)
    assert comparison.kind == "photo"
    assert comparison.size == size == (image.shape[1], image.shape[0])
    assert np.abs(image[20, 20] - 90).max() <= 1
    assert np.abs(image[-20, -20] - (200, 60, 50)).max() <= 4


def test_sheet_larger_than_its_format_allows_is_an_error(tmp_path):
    tall = make_film(tmp_path / "tall.mp4", gray_ramp(1), size=(16, 160))
    with pytest.raises(UsageError, match="--width"):
        compare(tall, tall, tmp_path / "s.webp", CompareOptions(count=1, width=16000))
    assert not (tmp_path / "s.webp").exists()
