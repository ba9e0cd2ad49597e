"""`vidcolor evaluate hints`: tables, output files and errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.helpers.albums import save
from tests.helpers.cli_runs import Run

Vidcolor = Callable[..., Run]

GRAY, RED = (120, 120, 120), (186, 102, 92)
"""Two colors of about the same luma."""
NUM_FRAMES, HEIGHT, WIDTH = 6, 64, 96


def get_mask(frame: int) -> np.ndarray:
    """Return the mask of a square that moves to the right; it is absent from frame 5 on."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    if frame < 5:
        mask[16:48, 8 + 4 * frame : 40 + 4 * frame] = True
    return mask


def write_film(path: str, colored: list[np.ndarray], width: int = WIDTH) -> Path:
    """Write a gray film with red where the arrays are true."""
    with av.open(path, "w") as film:
        stream = film.add_stream("ffv1", rate=12)
        stream.width, stream.height, stream.pix_fmt = width, HEIGHT, "bgr0"
        for n, selected in enumerate(colored):
            rgb = np.where(selected[:, :width, None], np.uint8(RED), np.uint8(GRAY))
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = n, Fraction(1, 12)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    return Path(path)


@pytest.fixture
def files(vidcolor: Vidcolor) -> tuple[object, ...]:
    """A film without hints, a film whose color stays where it was, and the masks."""
    still = np.zeros((NUM_FRAMES, HEIGHT, WIDTH), bool)
    write_film("base.mkv", [*still])
    write_film("hinted.mkv", [get_mask(0)] * NUM_FRAMES)
    for n in range(NUM_FRAMES):
        save(Path(f"masks/{n}.png"), np.uint8(255 * get_mask(n)))
    return "base.mkv", "hinted.mkv", "--masks", "masks", "--color", "#ba665c"


def test_color_that_does_not_follow_its_object_is_measured(
    vidcolor: Vidcolor, files: tuple[object, ...]
) -> None:
    run = vidcolor("evaluate", "hints", *files, "--ranges", "0,3-4", "-o", "m.json")
    assert run.code == 0
    assert run.out[0].split()[:3] == ["6", "frames", "coverage"]
    names = [line.split("  ")[0] for line in run.out[1:4]]
    assert names == ["frame 0", "frames 3-4", "frames 0-5"]
    assert run.out[-1] == "m.json: written"
    report = json.loads(Path("m.json").read_text())
    first, late, whole = (span["metrics"] for span in report["ranges"])
    assert first["coverage"] > 0.95
    assert first["iou"] == 1
    assert first["spill"] == pytest.approx(0, abs=0.01)
    # In frames 3 and 4 the object has moved by 12 and 16 of its 32 pixels.
    assert late["coverage"] == pytest.approx((20 / 32 + 16 / 32) / 2, abs=0.02)
    assert late["iou"] == pytest.approx((20 / 44 + 16 / 48) / 2, abs=0.02)
    assert late["spill"] == pytest.approx((11 / 32 + 15 / 32) / 2, abs=0.02)
    assert first["coverage"] > whole["coverage"] > late["coverage"]
    assert report["ranges"][2]["num_measured"] == 5
    assert report["frames"][5]["metrics"]["coverage"] is None
    assert len(report["frames"]) == report["num_frames"] == NUM_FRAMES


@pytest.mark.slow
def test_plot_and_event_are_written(vidcolor: Vidcolor, files: tuple[object, ...]) -> None:
    run = vidcolor("evaluate", "hints", *files, "--plot", "p.png", "--json")
    assert run.code == 0
    assert cv2.imread("p.png").shape[0] > 300
    (done,) = [event for event in map(json.loads, run.out) if event["event"] == "done"]
    assert [span["first_frame"] for span in done["ranges"]] == [0, 0]
    assert "frames" not in done
    assert done["warnings"] == ["frames 24-47: the film ends with frame 5"]


def test_more_masks_than_frames_are_a_warning(
    vidcolor: Vidcolor, files: tuple[object, ...]
) -> None:
    masks = np.stack([get_mask(n) for n in range(NUM_FRAMES + 2)])
    np.savez("masks.npz", bits=np.packbits(masks, axis=-1), shape=masks.shape)
    options = (*files[:3], "masks.npz", *files[4:], "--ranges", "0")
    run = vidcolor("evaluate", "hints", *options)
    assert run.code == 0
    assert "masks.npz: has 8 masks for 6 frames; the first 6 are used" in run.err[-1]


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({1: "no.mkv"}, 1, "no.mkv: no such file"),
        ({1: "short.mkv"}, 2, "short.mkv: has 4 frames and base.mkv has more"),
        ({0: "short.mkv"}, 2, "short.mkv: has 4 frames and hinted.mkv has more"),
        ({1: "narrow.mkv"}, 2, "narrow.mkv: is 80×64 and base.mkv 96×64"),
        ({3: "no"}, 1, "no: no such file"),
        ({3: "few.npz"}, 2, "few.npz: has 2 masks and base.mkv has more frames"),
        ({3: "black.npz"}, 1, "black.npz: no mask has an object"),
        ({3: "square.npz"}, 2, "square.npz: mask 0: is 64×64, and base.mkv 96×64"),
        ({3: "base.mkv"}, 1, "base.mkv: cannot read masks"),
        ({5: "redish"}, 2, "--color: 'redish' is not a color"),
        ({6: "--ranges", 7: "5-2"}, 2, "'5-2' is not a range of frames"),
        ({6: "-o", 7: "m.txt"}, 2, "m.txt: metrics are written as JSON"),
        ({6: "--plot", 7: "p.gif"}, 2, "p.gif"),
        ({6: "--plot", 7: "masks/0.png", 8: "-f"}, 2, "masks/0.png: is one of the masks"),
    ],
)
def test_errors_are_one_line(
    change: dict[int, str],
    code: int,
    message: str,
    vidcolor: Vidcolor,
    files: tuple[object, ...],
) -> None:
    empty = np.zeros((NUM_FRAMES, HEIGHT, WIDTH), bool)
    write_film("short.mkv", [*empty[:4]])
    write_film("narrow.mkv", [*empty], width=80)
    np.savez("few.npz", masks=empty[:2])
    np.savez("black.npz", masks=empty)
    np.savez("square.npz", masks=empty[:, :, :HEIGHT])
    arguments = {**dict(enumerate(files)), **change}
    run = vidcolor("evaluate", "hints", *arguments.values())
    assert run.code == code
    (line,) = [line for line in run.err if line.startswith("vidcolor:")]
    assert message in line
