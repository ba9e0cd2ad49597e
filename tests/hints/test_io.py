"""Hints as people write them: what is understood, and what is said of the rest."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vidcolor.errors import InputError, UsageError
from vidcolor.hints.io import check_hint_files, hints_for_file, read_hints, rgb_of_name
from vidcolor.options import Hint


def written(tmp_path: Path, said: Any, name: str = "hints.json") -> Path:
    path = tmp_path / name
    path.write_text(said if isinstance(said, str) else json.dumps(said))
    return path


def test_rows_of_every_kind(tmp_path: Path) -> None:
    rows = [
        {"x": 812, "y": 430, "color": "#3b5f8a", "radius": 12},
        {"x": "50%", "y": "12.5%", "color": "skyblue", "radius": "2%"},
        {"x": 0.25, "y": 0.8, "color": "neutral", "file": "1931/mill.jpg"},
        {"x": 1, "y": 1, "color": "teal", "time": "1:30.5"},
    ]
    first, second, third, fourth = read_hints(written(tmp_path, rows))
    assert (first.x, first.y, first.radius, first.in_fractions) == (812, 430, 12, False)
    assert (second.x, second.y, second.radius, second.in_fractions) == (0.5, 0.125, 0.02, True)
    assert (third.in_fractions, third.file) == (True, "1931/mill.jpg")
    assert (fourth.in_fractions, fourth.time) == (False, Fraction(181, 2)), "(1, 1) is a pixel"
    assert first.name.endswith("hints.json: hint 1")
    assert read_hints(written(tmp_path, {"version": 1, "hints": rows}))[0].x == 812


def test_csv(tmp_path: Path) -> None:
    text = "x, y, color, radius\n812, 430, #3b5f8a,\n0.5, 0.5, neutral, 0.1\n"
    first, second = read_hints(written(tmp_path, text, "h.csv"))
    assert (first.x, first.radius, first.in_fractions) == (812, None, False)
    assert (second.color, second.radius, second.in_fractions) == ("neutral", 0.1, True)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"x": 1, "y": 2}, "has no color"),
        ({"x": 1, "y": 2, "color": "?"}, "'?' is no color; write #3b5f8a"),
        ({"x": 1, "y": 2, "color": "#12"}, "is no color"),
        ({"x": 1, "y": 2, "color": "teal", "size": 3}, "'size' is unknown; a hint has x, y"),
        ({"x": "left", "y": 2, "color": "teal"}, "x must be a number"),
        ({"x": "5%", "y": 2, "color": "teal"}, "per cent and other numbers are mixed"),
        ({"x": 1, "y": 2, "color": "teal", "radius": 0}, "radius must be greater than 0"),
        ({"x": 1, "y": 2, "color": "teal", "time": 1, "frame": 2}, "a time and a frame"),
        ({"x": 1, "y": 2, "color": "teal", "time": "soon"}, "'soon' is no time"),
        ({"x": 1, "y": 2, "color": "rgb(999,0,0)"}, "is no color"),
        ({"x": 1, "y": 2, "color": "teal", "colour": "red"}, "both color and color"),
        ({"x": 10**400, "y": 2, "color": "teal"}, "x must be a number"),
        ([1, 2], "is no row"),
    ],
)
def test_what_makes_no_sense_is_named(row: Any, said: str, tmp_path: Path) -> None:
    good = {"x": 1, "y": 2, "color": "teal"}
    with pytest.raises(UsageError) as error:
        read_hints(written(tmp_path, [good, row]))
    assert "hints.json: hint 2" in str(error.value)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_no_hints(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read"):
        read_hints(tmp_path / "none.json")
    with pytest.raises(InputError, match="is no JSON"):
        read_hints(written(tmp_path, "[{"))
    table = tmp_path / "hints.csv"
    table.write_text("x,y,color\n1,2," + 200_000 * "a")
    with pytest.raises(InputError, match="is no CSV"):
        read_hints(table)
    with pytest.raises(UsageError, match="holds no hints"):
        read_hints(written(tmp_path, []))


def test_every_hint_has_its_picture() -> None:
    album = [Path("a/mill.jpg"), Path("b/mill.jpg"), Path("b/port.jpg")]
    port = Hint(x=1, y=1, color="teal", file="port.jpg")
    mill = Hint(x=1, y=1, color="teal", file="a/mill.jpg")
    check_hint_files([port, mill], album)
    assert hints_for_file([port, mill], album[0]) == (mill,)
    assert hints_for_file([port, mill], album[1]) == ()
    plain = Hint(x=1, y=1, color="teal")
    check_hint_files([plain], album[:1])
    for hint, said in (
        (plain, "does not say which of 3 pictures"),
        (Hint(x=1, y=1, color="teal", file="mill.jpg"), "both called mill.jpg"),
        (Hint(x=1, y=1, color="teal", file="ill.jpg"), "no picture ill.jpg"),
    ):
        with pytest.raises(UsageError, match=said):
            check_hint_files([hint], album)


def test_colors() -> None:
    assert rgb_of_name("#3b5f8a") == (0x3B, 0x5F, 0x8A)
    assert rgb_of_name("#0f0") == (0, 255, 0)
    assert rgb_of_name(" SteelBlue ") == (70, 130, 180)
    assert len(set(rgb_of_name("neutral") or ())) == 1
    assert rgb_of_name("blueish") is None
