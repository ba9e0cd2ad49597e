"""`vidcolor evaluate film`: tables, output files and errors."""

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


def write_film(path: str, red: float = 0.0, count: int = 12, height: int = 48) -> Path:
    """Write two shots of slow pans in color, 64 pixels wide, with an amount of red added."""
    landscapes = [
        cv2.resize(
            np.random.default_rng(n).integers(40, 200, (6, 14, 3)).astype(np.float32), (140, height)
        )
        for n in (1, 2)
    ]
    with av.open(path, "w") as film:
        stream = film.add_stream("ffv1", rate=12)
        stream.width, stream.height, stream.pix_fmt = 64, height, "bgr0"
        for n in range(count):
            rgb = landscapes[n >= count // 2][:, n : n + 64] + np.float32([red, 0, 0])
            codes = np.uint8(np.clip(rgb, 0, 255))
            frame = av.VideoFrame.from_ndarray(codes, "rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = n, Fraction(1, 12)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    return Path(path)


@pytest.fixture
def films(vidcolor: Vidcolor) -> tuple[Path, Path]:
    """A film with too much red, and its ground truth."""
    return write_film("ours.mkv", red=15), write_film("true.mkv")


@pytest.mark.slow
def test_all_outputs_are_written(vidcolor: Vidcolor, films: tuple[Path, Path]) -> None:
    run = vidcolor("evaluate", "film", *films, "--against", films[1], "-o", "f.json",
                   "--plot", "p.png", "--slices", "s.png")  # fmt: skip
    assert run.code == 0
    assert {"PSNR", "CDC", "flicker", "drift"} <= set(run.out[0].split())
    assert [line.split()[0] for line in run.out[1:4]] == ["ground_truth", "colored", "against"]
    document = json.loads(Path("f.json").read_text())
    assert len(document["shots"]) == 2
    assert document["metrics"]["against"]["delta_e_2000"] < 0.1
    assert document["metrics"]["colored"]["delta_e_2000"] > 1
    for image in ("p.png", "s.png"):
        assert cv2.imread(image) is not None
        assert f"{image}: written" in run.out
    assert cv2.imread("s.png").shape[0] >= 3 * 300  # three slices


def test_shot_list_replaces_shot_detection(vidcolor: Vidcolor, films: tuple[Path, Path]) -> None:
    Path("s.csv").write_text(
        "first_frame,last_frame,transition,mixed_frames\n0,3,start,0\n4,7,cut,0\n8,11,cut,0\n"
    )
    run = vidcolor("evaluate", "film", *films, "--shots", "s.csv", "--json")
    assert run.code == 0
    (done,) = [event for event in map(json.loads, run.out) if event["event"] == "done"]
    assert len(done["shots"]) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("no.mkv", "true.mkv"), 1, "no.mkv: no such file"),
        (("ours.mkv", "true.mkv", "-o", "f.txt"), 2, "f.txt: metrics are written as JSON"),
        (("ours.mkv", "true.mkv", "--plot", "p.gif"), 2, "p.gif"),
        (("ours.mkv", "true.mkv", "-o", "existing.json"), 2, "existing.json"),
        (("ours.mkv", "true.mkv", "--plot", "ours.mkv", "-f"), 2, "ours.mkv"),
        (("ours.mkv", "true.mkv", "--shots", "no.csv"), 1, "no.csv"),
        (("flat.mkv", "flat.mkv"), 1, "flat.mkv: is smaller than 12×12 pixels"),
    ],
)
def test_errors_are_one_line(
    arguments: tuple[str, ...],
    code: int,
    message: str,
    vidcolor: Vidcolor,
    films: tuple[Path, Path],
) -> None:
    Path("existing.json").write_text("kept")
    write_film("flat.mkv", height=8)
    run = vidcolor("evaluate", "film", *arguments)
    assert run.code == code
    (line,) = [line for line in run.err if line.startswith("vidcolor:")]
    assert message in line
    assert Path("existing.json").read_text() == "kept"


@pytest.mark.slow
def test_evaluate_accepts_paths_or_the_subcommand_film(vidcolor: Vidcolor) -> None:
    assert vidcolor("evaluate", "no-such-folder").code in (1, 2)
    assert vidcolor("evaluate", "--help").code == 0
    assert vidcolor("evaluate", "film", "--help").code == 0
    assert vidcolor("evaluate").code == 2
