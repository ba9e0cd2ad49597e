"""In a batch, each photo must get its own hints, and they must be part of its recipe."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vidcolor import Colorizer
from vidcolor.batch.discover import discover
from vidcolor.batch.runner import TaskResult, run_tasks
from vidcolor.errors import InputError, UsageError
from vidcolor.media.stills.registry import read_still
from vidcolor.options import ColorizeOptions, Hint


@pytest.fixture(autouse=True)
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with two gray photos, in the current directory."""
    monkeypatch.chdir(tmp_path)
    Path("album").mkdir()
    for name in ("a", "b"):
        cv2.imwrite(f"album/{name}.png", np.full((40, 60), 120, np.uint8))


def write_hints(*rows: dict[str, Any]) -> ColorizeOptions:
    """Write a hint file, and return options that name it."""
    Path("hints.json").write_text(json.dumps(rows))
    return ColorizeOptions(hints=Path("hints.json"))


def colorize_album(options: ColorizeOptions, colorizer: Colorizer) -> dict[str, TaskResult]:
    """Colorize the album into `out`, and return the results by file name."""
    tasks = discover([Path("album")], None, Path("out"), options)
    return {result.task.source.name: result for result in run_tasks(tasks, options, colorizer)}


def test_each_photo_gets_only_its_own_hints(flat: Colorizer) -> None:
    colorize_album(ColorizeOptions(), flat)
    without_hints = Path("out/b.png").read_bytes()
    Path("out/a.png").unlink()
    hint = {"x": 5, "y": 5, "color": "teal", "file": "a.png"}
    results = colorize_album(write_hints(hint), flat)
    assert results["b.png"].skipped, "the recipe is the same as without hints"
    assert results["a.png"].error is None
    assert Path("out/b.png").read_bytes() == without_hints
    assert Path("out/a.png").read_bytes() != without_hints
    luma = [read_still(Path(f"out/{name}.png")).luma for name in "ab"]
    assert np.array_equal(*luma)
    moved = write_hints({**hint, "x": 6})
    error = str(colorize_album(moved, flat)["a.png"].error)
    assert "already exists" in error, "a moved hint changes the recipe"


def test_a_hint_without_a_photo_is_refused_before_colorization() -> None:
    hint = {"x": 5, "y": 5, "color": "teal"}
    with pytest.raises(UsageError, match="no file is given for 2 photos"):
        discover([Path("album")], None, None, write_hints(hint))
    with pytest.raises(UsageError, match=r"file c\.png is not among the photos"):
        discover([Path("album")], None, None, write_hints({**hint, "file": "c.png"}))
    Path("r.png").touch()
    with pytest.raises(InputError, match=r"none\.png: no such file"):
        discover([Path("album")], None, None, ColorizeOptions(references=["r.png", "none.png"]))


def test_hints_for_a_film_are_accepted_in_a_mixed_batch() -> None:
    Path("reel.mp4").touch()
    sources = [Path("album/a.png"), Path("reel.mp4")]
    options = write_hints({"x": 5, "y": 5, "color": "teal", "file": "reel.mp4", "time": 3})
    assert len(discover(sources, None, Path("out"), options)) == 2


def test_the_recipe_depends_on_contents_and_not_on_names() -> None:
    def recipe(**options: Any) -> dict[str, Any]:
        return ColorizeOptions(**options).fingerprint_values()

    hint = {"x": 5, "y": 5, "color": "teal"}
    assert recipe(hints=()) == recipe()
    assert recipe(hints=(Hint(**hint),)) != recipe()
    assert recipe(hints=(Hint(**hint),)) == recipe(hints=(Hint(**hint, name="n", file="a.png"),))
    assert recipe(hints=(Hint(**hint),)) != recipe(hints=(Hint(**{**hint, "color": "red"}),))
    Path("r.png").write_bytes(b"1")
    before = recipe(references=["r.png"])
    Path("same.png").write_bytes(b"1")
    assert recipe(references=["same.png"]) == before
    Path("r.png").write_bytes(b"2")
    assert recipe(references=["r.png"]) != before
    json.dumps(ColorizeOptions(hints=(Hint(**hint, time=Fraction(1, 3)),)).to_json())
