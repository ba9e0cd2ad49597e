"""`vidcolor shots`: found, listed, drawn; what is listed can be given back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from vidcolor.media.stills.dpx_exr import dpx_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.cli_runs import Run

    Vidcolor = Callable[..., Run]

REEL = Path(__file__).parents[2] / "samples" / "reel.mkv"


def test_film(vidcolor: Vidcolor) -> None:
    run = vidcolor("shots", REEL, "--end", 6, "-o", "shots.csv", "--sheet", "shots.png")
    assert (run.code, run.err) == (0, [])
    firsts = [int(line.split()[3]) for line in run.out[:3]]
    assert firsts == [0, 60, 120]
    assert run.out[3].startswith(f"{REEL}: 3 shots in 150 frames")
    lines = Path("shots.csv").read_text().splitlines()
    assert lines[2] == "2,60,119,2.4,4.8,cut,0"
    with Image.open("shots.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.width > 300
        assert len(np.unique(np.asarray(sheet))) > 50


def test_a_corrected_list_is_taken(vidcolor: Vidcolor) -> None:
    assert vidcolor("shots", REEL, "--end", 6, "-o", "shots.csv", "-q").code == 0
    lines = Path("shots.csv").read_text().splitlines()
    Path("shots.csv").write_text("\n".join(lines[:2] + lines[3:]))  # 2 is no shot of its own
    done = vidcolor("colorize", REEL, "--end", 6, "--shots", "shots.csv", "-o", "out.mkv")
    assert done.code == 0, done
    Path("shots.csv").write_text("\n".join([*lines[:3], "3,50,,,,cut,0"]))
    bad = vidcolor("colorize", REEL, "--end", 6, "--shots", "shots.csv", "-o", "out2.mkv")
    assert bad.code == 2
    assert "shot 3 begins at frame 50, not after shot 2" in bad.err[-1]


def test_json_lines(vidcolor: Vidcolor) -> None:
    run = vidcolor("shots", REEL, "--end", 6, "-o", "s.json", "--json")
    said = [json.loads(line) for line in run.out]
    shots = [line for line in said if line["event"] == "shot"]
    assert [shot["first_frame"] for shot in shots] == [0, 60, 120]
    assert said[-1] == said[-1] | {"event": "done", "shots": 3, "frames": 150}
    assert [row["begins"] for row in json.loads(Path("s.json").read_text())["shots"]] == [
        "start",
        "cut",
        "cut",
    ]


def test_quiet(vidcolor: Vidcolor) -> None:
    run = vidcolor("shots", REEL, "--end", 3, "-q")
    assert (run.code, run.out, run.err) == (0, [], [])


def test_numbered_pictures(vidcolor: Vidcolor) -> None:
    Path("scan").mkdir()
    looks = np.random.default_rng(0).integers(0, 1024, (2, 6, 8, 1))
    for n in range(24):
        pixels = looks[n // 12].repeat(16, 0).repeat(16, 1).repeat(3, 2).astype(np.uint16)
        Path(f"scan/f_{n:03d}.dpx").write_bytes(dpx_bytes(pixels, None, 10))
    run = vidcolor("shots", "scan/f_%03d.dpx", "--fps", 12, "-o", "s.csv", "--sheet", "s.jpg")
    assert run.code == 0, run
    assert Path("s.csv").read_text().splitlines()[2] == "2,12,23,1.0,2.0,cut,0"
    assert Path("s.jpg").stat().st_size > 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nowhere.mkv"], 1, "nowhere.mkv"),
        (["text.mkv"], 1, "text.mkv"),
        ([REEL, "-o", "shots.txt"], 2, ".csv, .json, .edl"),
        ([REEL, "--sheet", "shots.gif"], 2, ".png"),
        ([REEL, "-o", "mine.csv"], 2, "--force"),
        ([REEL, "-o", "reel.csv", "--force"], 2, "is the source itself"),
        ([REEL, "--start", 99], 1, "no frame could be read"),
    ],
)
def test_what_cannot_be_done(vidcolor: Vidcolor, words: list[object], code: int, said: str) -> None:
    Path("text.mkv").write_text("text")
    Path("mine.csv").write_text("mine")
    Path("reel.csv").symlink_to(REEL)
    before = sorted(Path().iterdir())
    run = vidcolor("shots", *words)
    assert run.code == code
    assert run.out == []
    assert said in run.err[-1]
    assert Path("mine.csv").read_text() == "mine"
    assert sorted(Path().iterdir()) == before


def test_help_teaches(vidcolor: Vidcolor) -> None:
    said = " ".join(vidcolor("shots", "--help").out)
    for word in ("--sheet", "dissolve", "delete a row", "vidcolor colorize reel.mov --shots"):
        assert word in said
