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


def test_folders_are_compared_by_name_and_the_rest_is_listed(
    vidcolor: Vidcolor, films: tuple[Path, Path]
) -> None:
    for name in ("a/x.png", "a/sub/y.jpg", "a/alone.png", "b/x.color.png", "b/sub/y.png",
                 "b/other.png", "c/x.png", "c/sub/y.png"):  # fmt: skip
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 24), (9, 99, 9)).save(name)
    for film, name in zip(films, ("a/reel.mp4", "b/reel.color.mp4"), strict=True):
        film.rename(name)
    run = vidcolor("compare", "a", "b", "-o", "out", "--count", 3)
    assert run.code == 0
    assert run.out[-1] == "3 done, 0 failed, 2 unpaired"
    assert run.err == [
        "warning: --count has no effect: it applies to contact sheets only",
        "warning: a: 1 without a counterpart: alone.png",
        "warning: b: 1 without a counterpart: other.png",
    ]
    names = sorted(p.relative_to("out").as_posix() for p in Path("out").rglob("*.*"))
    assert names == ["reel.mp4", "sub/y.png", "x.png"]
    run = vidcolor("compare", "a", "b", "c", "-o", "three", "--json")
    summary = json.loads(run.out[-1])
    assert summary == {"event": "summary", "done": 2, "failed": 0, "unpaired": 4}
    again = vidcolor("compare", "a", "b", "-o", "out", "--suffix", ".webp")
    assert again.code == 0 and Path("out/reel.webp").exists()
    assert vidcolor("compare", "a", "b", "-o", "out").code == 1


def test_warnings_about_files_in_folders_name_the_result(vidcolor: Vidcolor) -> None:
    for name, size in (("a/x.png", (32, 24)), ("b/x.png", (24, 32)), ("out.v1/other", (8, 8))):
        Path(name).parent.mkdir()
        Image.new("RGB", size).save(name, "PNG")
    run = vidcolor("compare", "a", "b", "-o", "out.v1")
    assert run.code == 0, run.err
    assert run.err[0].startswith("warning: out.v1/x.png: A and B have different aspect ratios")


def test_files_and_folders_are_not_mixed(vidcolor: Vidcolor, films: tuple[Path, Path]) -> None:
    Path("a").mkdir()
    run = vidcolor("compare", "a", films[1], "-o", "out")
    assert (run.code, run.err) == (2, ["vidcolor: b.mp4: is no folder; compare only files or only "
                                       "folders"])  # fmt: skip
    assert (
        "--suffix applies to folders"
        in vidcolor("compare", *films, "-o", "o.mp4", "--suffix", ".png").err[0]
    )
    Path("b").mkdir()
    for out, *options, message in (
        ("out", "--suffix", ".gif", "--suffix: unknown output format"),
        ("out", "b", "--layout", "wipe", "--layout wipe shows two sources"),
        ("b/out", "b/out: is in a folder of the sources"),
    ):
        run = vidcolor("compare", "a", "b", "-o", out, *options)
        assert run.code == 2 and message in run.err[0]
        assert not Path(out).exists()
    assert (
        "no film and no photo has a counterpart"
        in vidcolor("compare", "a", "b", "-o", "out").err[0]
    )


def test_time_of_photos_has_no_effect(vidcolor: Vidcolor) -> None:
    Image.new("RGB", (32, 24), (9, 99, 9)).save("x.png")
    run = vidcolor("compare", "x.png", "x.png", "x.png", "-o", "o.png", "--start", 1)
    assert run.code == 0
    assert run.err == [
        "warning: --start has no effect: it applies to films and contact sheets only"
    ]
