"""Hints and references in whole jobs: folders, films, recipes, the command line's words."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from vidcolor import Colorizer
from vidcolor.batch.discover import discover
from vidcolor.batch.runner import run_tasks
from vidcolor.cli.params import parse_reference
from vidcolor.errors import InputError, UsageError
from vidcolor.media.stills import read_still
from vidcolor.options import ColorizeOptions, Hint

if TYPE_CHECKING:
    from vidcolor.batch.runner import TaskResult


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("album").mkdir()
    for name in ("a", "b"):
        cv2.imwrite(f"album/{name}.png", np.full((40, 60), 120, np.uint8))


def rows(*rows: dict[str, Any]) -> ColorizeOptions:
    Path("hints.json").write_text(json.dumps(rows))
    return ColorizeOptions(hints=Path("hints.json"))


def color(options: ColorizeOptions, colorizer: Colorizer) -> dict[str, TaskResult]:
    items = discover([Path("album")], None, Path("out"), options)
    return {o.item.source.name: o for o in run_tasks(items, options, colorizer)}


def test_each_picture_has_its_own_hints(flat: Colorizer) -> None:
    color(ColorizeOptions(), flat)
    plain = Path("out/b.png").read_bytes()
    Path("out/a.png").unlink()
    first = color(rows({"x": 5, "y": 5, "color": "teal", "file": "a.png"}), flat)
    assert first["b.png"].skipped, "its recipe is the same as without hints"
    assert first["a.png"].error is None
    assert Path("out/b.png").read_bytes() == plain
    assert Path("out/a.png").read_bytes() != plain
    assert np.array_equal(read_still(Path("out/a.png")).luma, read_still(Path("out/b.png")).luma)
    moved = rows({"x": 6, "y": 5, "color": "teal", "file": "a.png"})
    assert "exists already" in str(color(moved, flat)["a.png"].error), "another recipe"


def test_a_hint_without_a_picture_stops_all_before_the_work() -> None:
    with pytest.raises(UsageError, match="does not say which of 2 pictures"):
        discover([Path("album")], None, None, rows({"x": 5, "y": 5, "color": "teal"}))
    with pytest.raises(UsageError, match=r"no picture c\.png"):
        discover(
            [Path("album")], None, None, rows({"x": 5, "y": 5, "color": "teal", "file": "c.png"})
        )
    with pytest.raises(InputError, match=r"none\.png: no such file"):
        discover([Path("album")], None, None, ColorizeOptions(reference=Path("none.png")))


def test_rows_find_their_film_among_other_things() -> None:
    Path("reel.mp4").touch()
    both = [Path("album/a.png"), Path("reel.mp4")]
    beside = rows({"x": 5, "y": 5, "color": "teal", "file": "reel.mp4", "time": 3})
    assert len(discover(both, None, Path("out"), beside)) == 2


def test_recipe_is_of_contents_and_not_of_names() -> None:
    def recipe(**options: Any) -> dict[str, Any]:
        return ColorizeOptions(**options).recipe()

    hint = {"x": 5, "y": 5, "color": "teal"}
    assert recipe(hints=()) == recipe()
    assert recipe(hints=(Hint(**hint),)) != recipe()
    assert recipe(hints=(Hint(**hint),)) == recipe(hints=(Hint(**hint, name="n", file="a.png"),))
    assert recipe(hints=(Hint(**hint),)) != recipe(hints=(Hint(**{**hint, "color": "red"}),))
    Path("r.png").write_bytes(b"1")
    before = recipe(reference=Path("r.png"))
    Path("same.png").write_bytes(b"1")
    assert recipe(reference=Path("same.png")) == before
    Path("r.png").write_bytes(b"2")
    assert recipe(reference=Path("r.png")) != before
    json.dumps(ColorizeOptions(hints=(Hint(**hint, time=Fraction(1, 3)),)).to_json())


def test_reference_as_typed() -> None:
    Path("odd@1.png").touch()
    assert parse_reference("frame.png") == (Path("frame.png"), None)
    assert parse_reference("frame.png@00:01:23.5") == (Path("frame.png"), Fraction(167, 2))
    assert parse_reference("odd@1.png") == (Path("odd@1.png"), None), "a file is a file"
    with pytest.raises(Exception, match="after @ stands no time"):
        parse_reference("frame@soon.png")
