"""`--hints` and `--reference` as typed: what is said, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.cli_runs import Run

    Vidcolor = Callable[..., Run]

TEAL = {"x": 20, "y": 10, "color": "teal"}


@pytest.fixture
def photo() -> Path:
    cv2.imwrite("p.png", np.full((40, 60), 120, np.uint8))
    return Path("p.png")


def hints(*rows: dict[str, Any]) -> Path:
    Path("h.json").write_text(json.dumps(rows))
    return Path("h.json")


def test_hints_color_and_their_clamping_is_told(vidcolor: Vidcolor, photo: Path) -> None:
    red = {"x": "80%", "y": "50%", "color": "#ff0000"}
    run = vidcolor("colorize", photo, "--hints", hints(TEAL, red), "--report", "r.json")
    assert run.code == 0
    (said,) = run.err
    assert said.startswith(
        "warning: p.png: h.json: hint 2: #ff0000 is not possible under this luma"
    )
    blue, green, red_there = cv2.imread("p.color.png")[10, 20].astype(int)
    assert blue > red_there + 20
    assert green > red_there + 20
    assert '"color": "teal"' in Path("r.json").read_text(), "the rows are in the report"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"x": 60, "y": 0, "color": "teal"}, "h.json: hint 1: x=60, y=0 lies outside the picture"),
        ({**TEAL, "color": "?"}, "h.json: hint 1: '?' is no color"),
        ({**TEAL, "time": 3}, "h.json: hint 1: names a moment of a film, and this is a picture"),
        ({**TEAL, "file": "q.png"}, "h.json: hint 1: there is no picture q.png to color"),
    ],
)
def test_what_is_wrong_is_named(
    row: dict[str, Any], said: str, vidcolor: Vidcolor, photo: Path
) -> None:
    run = vidcolor("colorize", photo, "--hints", hints(row))
    assert run.code == 2
    assert said in "".join(run.err)
    assert not Path("p.color.png").exists()


def test_what_is_read_is_not_overwritten(vidcolor: Vidcolor, photo: Path) -> None:
    rows, reference = hints(TEAL), Path("r.png")
    pixels = np.random.default_rng(0).integers(0, 255, (4, 6, 3), np.uint8)
    cv2.imwrite("r.png", pixels.repeat(10, 0).repeat(10, 1))
    before = rows.read_bytes(), reference.read_bytes()
    for words in (
        ("--hints", rows, "--report", rows),
        ("--reference", reference, "-o", reference),
        ("--reference", reference, "--confidence", reference),
    ):
        run = vidcolor("colorize", photo, "-f", *words)
        assert run.code == 2
        assert "is read by the same command" in "".join(run.err)
    assert (rows.read_bytes(), reference.read_bytes()) == before


def test_references(vidcolor: Vidcolor, photo: Path) -> None:
    assert vidcolor("colorize", photo, "--reference", "none.png").code == 1
    run = vidcolor("colorize", photo, "--reference", photo)
    assert run.code == 1
    assert "p.png: has no color to lend" in "".join(run.err)
    run = vidcolor("colorize", photo, "--reference", f"{photo}@1:20")
    assert run.code == 2
    assert "@ names a moment of a film" in "".join(run.err)
    pixels = np.random.default_rng(0).integers(0, 255, (4, 6, 3), np.uint8)
    cv2.imwrite("r.png", pixels.repeat(10, 0).repeat(10, 1))
    run = vidcolor("colorize", photo, "--reference", "r.png")
    assert run.code == 0
    assert "only its palette is taken over" in "".join(run.err)
