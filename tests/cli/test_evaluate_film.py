"""`vidcolor evaluate film` as typed, and that `vidcolor evaluate PATH` is still there."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.helpers.cli_runs import Run

Vidcolor = Callable[..., Run]


def write_film(
    path: str, red: float = 0.0, count: int = 12, size: tuple[int, int] = (64, 48)
) -> Path:
    """Two shots of slow pans in color, with some red added."""
    places = [
        cv2.resize(
            np.random.default_rng(n).integers(40, 200, (6, 14, 3)).astype(np.float32), (140, 48)
        )
        for n in (1, 2)
    ]
    with av.open(path, "w") as film:
        stream = film.add_stream("ffv1", rate=12)
        stream.width, stream.height, stream.pix_fmt = *size, "bgr0"
        for n in range(count):
            rgb = places[n >= count // 2][:, n : n + 64] + np.float32([red, 0, 0])
            codes = cv2.resize(np.uint8(np.clip(rgb, 0, 255)), size)
            frame = av.VideoFrame.from_ndarray(codes, "rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = n, Fraction(1, 12)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    return Path(path)


@pytest.fixture
def films(vidcolor: Vidcolor) -> tuple[Path, Path]:
    return write_film("ours.mkv", red=15), write_film("true.mkv")


def test_a_table_and_every_file(vidcolor: Vidcolor, films: tuple[Path, Path]) -> None:
    run = vidcolor("evaluate", "film", *films, "--against", films[1], "-o", "f.json",
                   "--plot", "p.png", "--slices", "s.png")  # fmt: skip
    assert run.code == 0
    heads = run.out[0].split()
    assert {"PSNR", "CDC", "flicker", "drift"} <= set(heads)
    assert [line.split()[0] for line in run.out[1:4]] == ["original", "colored", "against"]
    said = json.loads(Path("f.json").read_text())
    assert len(said["shots"]) == 2
    for picture in ("p.png", "s.png"):
        assert cv2.imread(picture) is not None
        assert f"{picture}: written" in run.out
    slices = cv2.imread("s.png")
    assert slices.shape[0] >= 12, "a line for every frame"


def test_shots_of_a_person_count(vidcolor: Vidcolor, films: tuple[Path, Path]) -> None:
    Path("s.csv").write_text(
        "first_frame,last_frame,begins,mixed\n0,3,start,0\n4,7,cut,0\n8,11,cut,0\n"
    )
    run = vidcolor("evaluate", "film", *films, "--shots", "s.csv", "--json")
    assert run.code == 0
    (done,) = [event for event in map(json.loads, run.out) if event["event"] == "done"]
    assert len(done["shots"]) == 3


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("no.mkv", "true.mkv"), 1, "no.mkv: no such file"),
        (("ours.mkv", "true.mkv", "-o", "f.txt"), 2, "f.txt: the figures are written as .json"),
        (("ours.mkv", "true.mkv", "--plot", "p.gif"), 2, "p.gif"),
        (("ours.mkv", "true.mkv", "-o", "there.json"), 2, "there.json"),
        (("ours.mkv", "true.mkv", "--plot", "ours.mkv", "-f"), 2, "ours.mkv"),
        (("ours.mkv", "true.mkv", "--shots", "no.csv"), 1, "no.csv"),
    ],
)
def test_errors_are_one_line(
    words: tuple[str, ...], code: int, said: str, vidcolor: Vidcolor, films: tuple[Path, Path]
) -> None:
    Path("there.json").write_text("kept")
    run = vidcolor("evaluate", "film", *words)
    assert run.code == code
    (line,) = [line for line in run.err if line.startswith("vidcolor:")]
    assert said in line
    assert Path("there.json").read_text() == "kept"


def test_pictures_need_no_name(vidcolor: Vidcolor) -> None:
    assert vidcolor("evaluate", "no-such-folder").code in (1, 2)
    assert vidcolor("evaluate", "--help").code == 0
    assert vidcolor("evaluate", "film", "--help").code == 0
    assert vidcolor("evaluate").code == 2
