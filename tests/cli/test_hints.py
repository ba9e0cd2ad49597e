"""The options --hints and --reference must give the right results, messages and exit codes."""

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
    """A gray photo in the current directory."""
    cv2.imwrite("p.png", np.full((40, 60), 120, np.uint8))
    return Path("p.png")


@pytest.fixture
def reference() -> Path:
    """A color image of another scene, in the current directory."""
    pixels = np.random.default_rng(0).integers(0, 255, (4, 6, 3), np.uint8)
    cv2.imwrite("r.png", pixels.repeat(10, 0).repeat(10, 1))
    return Path("r.png")


def write_hints(*rows: dict[str, Any]) -> Path:
    """Write a hint file in the current directory."""
    Path("h.json").write_text(json.dumps(rows))
    return Path("h.json")


def test_hints_color_their_discs_and_gamut_warnings_are_printed(
    vidcolor: Vidcolor, photo: Path
) -> None:
    out_of_gamut = {"x": "80%", "y": "50%", "color": "#ff0000"}
    hints = write_hints(TEAL, out_of_gamut)
    run = vidcolor("colorize", photo, "--hints", hints, "--report", "r.json")
    assert run.code == 0
    (line,) = run.err
    assert line.startswith("warning: p.png: h.json: hint 2: #ff0000 is out of gamut at this luma")
    blue, green, red = cv2.imread("p.color.png")[10, 20].astype(int)
    assert blue > red + 20
    assert green > red + 20
    assert '"color": "teal"' in Path("r.json").read_text(), "the report contains the hints"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"x": 60, "y": 0, "color": "teal"}, "h.json: hint 1: x=60, y=0 is outside the image"),
        ({**TEAL, "color": "?"}, "h.json: hint 1: '?' is not a color"),
        ({**TEAL, "time": 3}, "h.json: hint 1: time and frame apply to films only"),
        ({**TEAL, "file": "q.png"}, "h.json: hint 1: file q.png is not among the photos"),
    ],
)
def test_invalid_hints_exit_with_code_2(
    row: dict[str, Any], message: str, vidcolor: Vidcolor, photo: Path
) -> None:
    run = vidcolor("colorize", photo, "--hints", write_hints(row))
    assert run.code == 2
    assert message in "".join(run.err)
    assert not Path("p.color.png").exists()


def test_input_files_are_never_overwritten(
    vidcolor: Vidcolor, photo: Path, reference: Path
) -> None:
    hints = write_hints(TEAL)
    before = hints.read_bytes(), reference.read_bytes()
    for options in (
        ("--hints", hints, "--report", hints),
        ("--reference", reference, "-o", reference),
        ("--reference", reference, "--confidence", reference),
        ("--reference", photo, "--reference", reference, "-o", reference),
    ):
        run = vidcolor("colorize", photo, "-f", *options)
        assert run.code == 2
        assert any(str(path) in "".join(run.err) for path in (hints, reference))
    assert (hints.read_bytes(), reference.read_bytes()) == before


def test_references_that_cannot_be_used_are_reported(
    vidcolor: Vidcolor, photo: Path, reference: Path
) -> None:
    assert vidcolor("colorize", photo, "--reference", "none.png").code == 1
    run = vidcolor("colorize", photo, "--reference", photo)
    assert run.code == 1
    assert "p.png: has no color" in "".join(run.err)
    run = vidcolor("colorize", photo, "--reference", f"{photo}@1:20")
    assert run.code == 2
    assert "@TIME applies to films only" in "".join(run.err)
    run = vidcolor("colorize", photo, "--reference", photo, "--reference", reference)
    assert run.code == 2
    assert "p.png: a photo takes one reference, but 2 are given" in "".join(run.err)


def test_a_reference_of_another_scene_gives_only_its_palette(
    vidcolor: Vidcolor, photo: Path, reference: Path
) -> None:
    run = vidcolor("colorize", photo, "--reference", reference)
    assert run.code == 0
    assert "only its palette is used" in "".join(run.err)
