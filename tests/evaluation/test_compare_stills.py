"""Contact sheets, pictures in one, lettering, and the command."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from tests.helpers.tiny_films import grays, make_film, reds
from vidcolor.errors import UsageError
from vidcolor.evaluation.compare import CompareOptions, compare
from vidcolor.evaluation.contact_sheet import plan_grid
from vidcolor.imaging import text

UNNAMED = ("", "")


@pytest.fixture
def films(tmp_path):
    a = make_film(tmp_path / "a.mp4", grays(12))
    return a, make_film(tmp_path / "b.mp4", reds(12))


@pytest.fixture
def pictures(tmp_path):
    Image.new("L", (400, 300), 90).save(tmp_path / "a.png")
    Image.new("RGB", (200, 150), (200, 60, 50)).save(tmp_path / "b.jpg", quality=95)
    return tmp_path / "a.png", tmp_path / "b.jpg"


def test_a_sheet_shows_a_above_b_at_even_moments(films, tmp_path):
    done = compare(*films, tmp_path / "sheet.png", CompareOptions(count=6))
    sheet = np.asarray(Image.open(tmp_path / "sheet.png")).astype(int)
    assert done.num_pairs == 6 and done.size == (1600, sheet.shape[0])
    grid = plan_grid("stack", (64, 48), 6, 1600)
    width, height = grid.cell.panel
    for n in range(6):
        x, y = grid.place(n)
        number = 2 * n + 1  # the middle of the n-th sixth of 12 frames
        above = sheet[y + height // 2, x + width // 2]
        below = sheet[y + height + grid.cell.gap + height // 2, x + width // 2]
        assert np.abs(above - 40 - 8 * number).max() <= 2
        assert np.abs(below - (100 + 8 * number, 60, 50)).max() <= 3
        caption = sheet[y + grid.cell.size[1] : y + grid.row_height, x : x + 200]
        assert caption.max() > 100


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_sheets_in_other_formats_and_layouts(films, tmp_path, suffix):
    out = tmp_path / f"sheet.{suffix}"
    compare(*films, out, CompareOptions(count=2, layout="wipe", width=500))
    with Image.open(out) as image:
        assert image.size[0] == 500 and image.format == {"jpg": "JPEG", "webp": "WEBP"}[suffix]


@pytest.mark.parametrize("count", [1, 2, 5, 6, 12, 60])
@pytest.mark.parametrize("shape", [(16, 9), (4, 3), (9, 16)])
def test_grids_hold_everything(count, shape):
    for layout in ("side", "stack", "wipe"):
        grid = plan_grid(layout, shape, count, 1600)
        assert grid.columns * grid.rows >= count
        x, y = grid.place(count - 1)
        assert x + grid.cell.size[0] <= grid.width and y + grid.row_height <= grid.height


@pytest.mark.parametrize(
    ("layout", "size"), [("side", (804, 300)), ("stack", (400, 604)), ("wipe", (400, 300))]
)
def test_pictures_in_one(pictures, tmp_path, layout, size):
    options = CompareOptions(layout=layout, names=UNNAMED)
    done = compare(*pictures, tmp_path / "both.png", options)
    seen = np.asarray(Image.open(tmp_path / "both.png")).astype(int)
    assert done.size == size == (seen.shape[1], seen.shape[0])
    assert np.abs(seen[20, 20] - 90).max() <= 1
    assert np.abs(seen[-20, -20] - (200, 60, 50)).max() <= 4


def test_clock():
    assert text.clock(Fraction(1999_9996, 10_000_000)) == "0:02.000"
    assert text.clock(3723.5) == "1:02:03.500"


def test_names_that_do_not_fit_keep_both_ends():
    long = "a_very_long_name_of_a_film_that_nobody_reads.mp4"
    short = text.fit(long, 20, 200)
    assert short.startswith("a_very") and short.endswith(".mp4") and "…" in short
    assert text.text_width(short, 20) <= 200
    assert text.fit("line\nbreak", 20, 900) == "line break"


def test_equal_names_are_told_apart_by_their_folders(tmp_path):
    a, b = tmp_path / "in" / "x.mp4", tmp_path / "out" / "x.mp4"
    assert CompareOptions().names_for(a, b) == ("in/x.mp4", "out/x.mp4")
    assert CompareOptions().names_for(a, tmp_path / "y.mp4") == ("x.mp4", "y.mp4")


def test_letters_that_the_packaged_font_lacks(monkeypatch):
    monkeypatch.setattr(text, "_system", lambda size: None)
    assert text.font_for("Müller Жук.mp4", 20)[1] == "Muller ???.mp4"
    assert text.font_for("plain.mp4", 20)[1] == "plain.mp4"


def test_a_sheet_too_large_for_its_format_is_refused(films, tmp_path):
    tall = make_film(tmp_path / "tall.mp4", grays(2), size=(16, 160))
    with pytest.raises(UsageError, match="--width"):
        compare(tall, tall, tmp_path / "s.webp", CompareOptions(count=1, width=16000))
    assert not (tmp_path / "s.webp").exists()


def test_the_command_says_what_it_wrote(films, tmp_path):
    from vidcolor.cli.compare import compare as command

    app = typer.Typer()
    app.command()(command)
    out = tmp_path / "both.mp4"
    said = CliRunner().invoke(
        app,
        [*map(str, films), "-o", str(out), "--layout", "wipe", "--names", "Before", "After",
         "--end", "0:00.25"],
    )  # fmt: skip
    assert said.exit_code == 0, said.output
    assert f"{out}: 6 frames" in said.output.replace("\n", "")
    again = CliRunner().invoke(app, [*map(str, films), "-o", str(out)])
    assert isinstance(again.exception, UsageError)
    help_text = CliRunner().invoke(app, ["--help"]).output
    assert "vidcolor compare reel.mov" in help_text
