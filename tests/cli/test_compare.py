"""`vidcolor compare`: contact sheets, side-by-side films, photos, and existing outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.helpers.tiny_films import gray_ramp, make_film, red_ramp
from vidcolor.media.probe import probe

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.cli_runs import Run

    Vidcolor = Callable[..., Run]


@pytest.fixture
def films(vidcolor: Vidcolor) -> tuple[Path, Path]:
    """A gray film and the same film in red, 12 frames of 64x48."""
    return make_film(Path("a.mp4"), gray_ramp(12)), make_film(Path("b.mp4"), red_ramp(12))


def test_contact_sheet_has_the_requested_pairs_and_width(
    vidcolor: Vidcolor, films: tuple[Path, Path]
) -> None:
    run = vidcolor("compare", *films, "-o", "sheet.png", "--count", 2, "--width", 400)
    assert (run.code, run.err) == (0, [])
    (line,) = run.out
    assert line.startswith("sheet.png: 2 frame pairs, 400x")
    with Image.open("sheet.png") as sheet:
        assert sheet.size[0] == 400
        assert line.endswith("x".join(map(str, sheet.size)))


def test_side_by_side_film_has_both_widths_and_all_frames(
    vidcolor: Vidcolor, films: tuple[Path, Path]
) -> None:
    run = vidcolor("compare", *films, "-o", "side.mp4", "--names", "", "", "--json")
    assert run.code == 0
    event = json.loads(run.out[-1])
    assert (event["event"], event["kind"], event["pairs"]) == ("done", "film", 12)
    video = probe(Path("side.mp4")).video
    assert [video.width, video.height] == event["size"]
    assert video.width >= 2 * 64, "A and B are beside each other"
    assert video.height == 48
    assert video.num_frames == 12


def test_start_and_end_are_times_in_the_first_film(
    vidcolor: Vidcolor, films: tuple[Path, Path]
) -> None:
    run = vidcolor("compare", *films, "-o", "cut.mp4", "--start", "0.25", "--end", "0.375")
    assert run.code == 0
    assert probe(Path("cut.mp4")).video.num_frames == 3


def test_two_photos_become_one_image(vidcolor: Vidcolor) -> None:
    Image.new("L", (60, 40), 90).save("p.png")
    Image.new("RGB", (60, 40), (200, 60, 50)).save("p.color.png")
    run = vidcolor("compare", "p.png", "p.color.png", "-o", "both.png", "--layout", "stack")
    assert run.code == 0
    assert run.out[0].startswith("both.png: 1 photo pair, ")
    with Image.open("both.png") as image:
        assert image.size[1] >= 80


@pytest.mark.parametrize("name", ["out.png", "out.mp4"])
def test_existing_output_is_replaced_only_with_force(
    vidcolor: Vidcolor, films: tuple[Path, Path], name: str
) -> None:
    Path(name).write_bytes(b"keep")
    run = vidcolor("compare", *films, "-o", name)
    assert run.code == 2
    assert run.err[0].startswith(f"vidcolor: {name}: ")
    assert "--force" in run.err[0]
    assert Path(name).read_bytes() == b"keep"
    assert vidcolor("compare", *films, "-o", name, "--force").code == 0
    assert Path(name).read_bytes() != b"keep"


def test_source_is_not_overwritten_even_with_force(
    vidcolor: Vidcolor, films: tuple[Path, Path]
) -> None:
    before = films[0].read_bytes()
    assert vidcolor("compare", *films, "-o", films[0], "--force").code == 2
    assert films[0].read_bytes() == before
