"""`vidcolor shots`: lists the shots of a film and writes the list and the sheet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.helpers.films import REEL, write_gray
from tests.helpers.synthetic_shots import make_static_shot
from vidcolor.media.stills.dpx import encode_dpx_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.cli_runs import Run

    Vidcolor = Callable[..., Run]


def write_two_shots(path: Path) -> Path:
    """Write a film with 12 frames of one shot and 12 frames of another."""
    frames = [*make_static_shot(1, 12), *make_static_shot(2, 12)]
    return write_gray(path, [np.uint8(16 + 219 * frame) for frame in frames])


@pytest.mark.slow
def test_shots_are_printed_and_list_and_sheet_are_written(vidcolor: Vidcolor) -> None:
    run = vidcolor("shots", REEL, "--end", 6, "-o", "shots.csv", "--sheet", "shots.png")
    assert (run.code, run.err) == (0, [])
    assert [int(line.split()[3]) for line in run.out[:3]] == [0, 60, 120]
    assert run.out[3] == f"{REEL}: 3 shots in 150 frames, 6.0 s"
    assert Path("shots.csv").read_text().splitlines()[2] == "2,60,119,2.4,4.8,cut,0,picture"
    with Image.open("shots.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.width > 300
        assert len(np.unique(np.asarray(sheet))) > 50


@pytest.mark.slow
def test_edited_list_is_used_by_colorize(vidcolor: Vidcolor) -> None:
    film = write_two_shots(Path("film.mkv"))
    assert vidcolor("shots", film, "-o", "shots.csv", "-q").code == 0
    lines = Path("shots.csv").read_text().splitlines()
    Path("shots.csv").write_text("\n".join([*lines[:2], "2,6,,,,cut,0"]))
    done = vidcolor("colorize", film, "--shots", "shots.csv", "-o", "out.mkv")
    assert done.code == 0, done
    Path("shots.csv").write_text("\n".join([*lines, "3,5,,,,cut,0"]))
    failed = vidcolor("colorize", film, "--shots", "shots.csv", "-o", "out2.mkv")
    assert failed.code == 2
    assert "shot 3 starts at frame 5, not after the start of shot 2" in failed.err[-1]


def test_json_output_has_one_event_per_shot(vidcolor: Vidcolor) -> None:
    film = write_two_shots(Path("film.mkv"))
    run = vidcolor("shots", film, "-o", "shots.json", "--json")
    events = [json.loads(line) for line in run.out]
    shots = [event for event in events if event["event"] == "shot"]
    assert [(shot["first_frame"], shot["transition"]) for shot in shots] == [
        (0, "start"),
        (12, "cut"),
    ]
    assert {"event": "written", "target": "shots.json"} in events
    assert events[-1] == {"event": "done", "source": str(film), "shots": 2, "frames": 24}
    rows = json.loads(Path("shots.json").read_text())["shots"]
    assert rows == [{k: v for k, v in shot.items() if k != "event"} for shot in shots]


def test_quiet_prints_nothing(vidcolor: Vidcolor) -> None:
    run = vidcolor("shots", write_two_shots(Path("film.mkv")), "-q")
    assert (run.code, run.out, run.err) == (0, [], [])


def test_end_after_the_end_of_the_film_is_a_warning(vidcolor: Vidcolor) -> None:
    film = write_two_shots(Path("film.mkv"))
    (warning,) = vidcolor("shots", film, "-q", "--end", 30).err
    assert f"{film}: --end 0:30.000 is later than the end of the film at 0:0" in warning


def test_shots_of_numbered_frames_are_written(vidcolor: Vidcolor) -> None:
    Path("scan").mkdir()
    patterns = np.random.default_rng(0).integers(0, 1024, (2, 6, 8, 1))
    for n in range(24):
        pixels = patterns[n // 12].repeat(16, 0).repeat(16, 1).repeat(3, 2).astype(np.uint16)
        Path(f"scan/f_{n:03d}.dpx").write_bytes(encode_dpx_file(pixels, None, 10))
    run = vidcolor("shots", "scan/f_%03d.dpx", "--fps", 12, "-o", "s.csv", "--sheet", "s.jpg")
    assert run.code == 0, run
    assert Path("s.csv").read_text().splitlines()[2] == "2,12,23,1.0,2.0,cut,0,picture"
    assert Path("s.jpg").stat().st_size > 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing.mkv"], 1, "missing.mkv"),
        (["text.mkv"], 1, "text.mkv"),
        (["film.mkv", "-o", "shots.txt"], 2, ".csv, .json, .edl"),
        (["film.mkv", "--sheet", "shots.gif"], 2, ".png"),
        (["film.mkv", "-o", "edited.csv"], 2, "--force"),
        (["film.mkv", "-o", "link.csv", "--force"], 2, "link.csv: is the source itself"),
        (["film.mkv", "--start", 99], 1, "no frame could be read"),
    ],
)
def test_error_leaves_all_files_unchanged(
    vidcolor: Vidcolor, arguments: list[object], code: int, message: str
) -> None:
    write_two_shots(Path("film.mkv"))
    Path("text.mkv").write_text("text")
    Path("edited.csv").write_text("edited")
    Path("link.csv").symlink_to("film.mkv")
    before = sorted(Path().iterdir())
    run = vidcolor("shots", *arguments)
    assert run.code == code
    assert run.out == []
    assert message in run.err[-1]
    assert Path("edited.csv").read_text() == "edited"
    assert sorted(Path().iterdir()) == before


def test_help_explains_how_to_edit_the_list(vidcolor: Vidcolor) -> None:
    text = " ".join(vidcolor("shots", "--help").out)
    for words in ("--sheet", "dissolve", "delete a row", "vidcolor colorize reel.mov --shots"):
        assert words in text
