"""Valid rows of hint files must be read, and every fault must be reported with file and row."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vidcolor.errors import InputError, UsageError
from vidcolor.hints.io import COLOR_ALIAS, check_hint_files, parse_color, read_hints, select_hints
from vidcolor.options import Hint


def write_hints(tmp_path: Path, content: Any, name: str = "hints.json") -> Path:
    """Write a hint file: a string unchanged, and other content as JSON."""
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_the_british_spelling_of_color_is_accepted(tmp_path: Path) -> None:
    assert COLOR_ALIAS == "colour"  # codespell:ignore colour
    (hint,) = read_hints(write_hints(tmp_path, [{"x": 1, "y": 2, COLOR_ALIAS: "teal"}]))
    assert hint.color == "teal"


def test_json_rows_of_every_kind_are_read(tmp_path: Path) -> None:
    rows = [
        {"x": 812, "y": 430, "color": "#3b5f8a", "radius": 12},
        {"x": "50%", "y": "12.5%", COLOR_ALIAS: "skyblue", "radius": "2%"},
        {"x": 0.25, "y": 0.8, "color": "neutral", "file": "1931/mill.jpg"},
        {"x": 1, "y": 1, "color": "teal", "time": "1:30.5"},
    ]
    first, second, third, fourth = read_hints(write_hints(tmp_path, rows))
    assert (first.x, first.y, first.radius, first.in_fractions) == (812, 430, 12, False)
    assert (second.x, second.y, second.radius, second.in_fractions) == (0.5, 0.125, 0.02, True)
    assert second.color == "skyblue"
    assert (third.in_fractions, third.file) == (True, "1931/mill.jpg")
    assert (fourth.in_fractions, fourth.time) == (False, Fraction(181, 2)), "(1, 1) is a pixel"
    assert first.name.endswith("hints.json: hint 1")
    assert read_hints(write_hints(tmp_path, {"version": 1, "hints": rows}))[0].x == 812


def test_csv_rows_are_read(tmp_path: Path) -> None:
    text = "x, y, color, radius\n812, 430, #3b5f8a,\n0.5, 0.5, neutral, 0.1\n"
    first, second = read_hints(write_hints(tmp_path, text, "h.csv"))
    assert (first.x, first.radius, first.in_fractions) == (812, None, False)
    assert (second.color, second.radius, second.in_fractions) == ("neutral", 0.1, True)
    text = "X;Y; Color ;Time\n12,5%;50%;Teal;1:30,5\n"
    (hint,) = read_hints(write_hints(tmp_path, text, "h.csv"))
    assert (hint.x, hint.y, hint.time) == (0.125, 0.5, Fraction(181, 2))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"x": 1, "y": 2}, "color is missing"),
        ({"x": 1, "y": 2, "color": "?"}, "'?' is not a color; write #3b5f8a"),
        ({"x": 1, "y": 2, "color": "#12"}, "is not a color"),
        ({"x": 1, "y": 2, "color": "teal", "size": 3}, "unknown key 'size'; use one of x, y"),
        ({"x": 1, "y": 2, "colr": "teal"}, "unknown key 'colr'; did you mean 'color'?"),
        ({"x": True, "y": 2, "color": "teal"}, "x must be a number"),
        ({"x": 1, "y": 2, "color": "teal", "unit": "px"}, "unit must be one of pixel, fraction"),
        ({"x": "left", "y": 2, "color": "teal"}, "x must be a number"),
        ({"x": "5%", "y": 2, "color": "teal"}, "percentages and other numbers are mixed"),
        ({"x": 1, "y": 2, "color": "teal", "radius": 0}, "radius must be greater than 0"),
        ({"x": 1, "y": 2, "color": "teal", "time": 1, "frame": 2}, "a time and a frame"),
        ({"x": 1, "y": 2, "color": "teal", "frame": 2.5}, "frame must be an integer"),
        ({"x": 1, "y": 2, "color": "teal", "time": "soon"}, "'soon' is not a time"),
        ({"x": 1, "y": 2, "color": "rgb(999,0,0)"}, "is not a color"),
        ({"x": 1, "y": 2, "color": "teal", COLOR_ALIAS: "red"}, "both color and"),
        ({"x": 10**400, "y": 2, "color": "teal"}, "x must be a number"),
        ([1, 2], "not an object"),
    ],
)
def test_invalid_rows_are_reported_with_file_and_row(
    row: Any, message: str, tmp_path: Path
) -> None:
    valid = {"x": 1, "y": 2, "color": "teal"}
    with pytest.raises(UsageError) as error:
        read_hints(write_hints(tmp_path, [valid, row]))
    assert "hints.json: hint 2" in str(error.value)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_not_hint_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json"):
        read_hints(tmp_path / "none.json")
    with pytest.raises(InputError, match="not valid JSON"):
        read_hints(write_hints(tmp_path, "[{"))
    with pytest.raises(InputError, match="not valid CSV"):
        read_hints(write_hints(tmp_path, "x,y,color\n1,2," + 200_000 * "a", "hints.csv"))
    with pytest.raises(UsageError, match="contains no hints"):
        read_hints(write_hints(tmp_path, []))
    with pytest.raises(UsageError, match="version 2 is not supported"):
        read_hints(write_hints(tmp_path, {"version": 2, "hints": []}))


def test_every_hint_must_belong_to_exactly_one_photo() -> None:
    album = [Path("a/mill.jpg"), Path("b/mill.jpg"), Path("b/port.jpg")]
    port = Hint(x=1, y=1, color="teal", file="port.jpg")
    mill = Hint(x=1, y=1, color="teal", file="a/mill.jpg")
    check_hint_files([port, mill], album)
    assert select_hints([port, mill], album[0]) == (mill,)
    assert select_hints([port, mill], album[1]) == ()
    without_file = Hint(x=1, y=1, color="teal")
    check_hint_files([without_file], album[:1])
    for hint, message in (
        (without_file, "no file is given for 3 photos"),
        (Hint(x=1, y=1, color="teal", file="mill.jpg"), "matches a/mill.jpg and b/mill.jpg"),
        (Hint(x=1, y=1, color="teal", file="ill.jpg"), "ill.jpg is not among the photos"),
    ):
        with pytest.raises(UsageError, match=message):
            check_hint_files([hint], album)


def test_colors_are_parsed_to_srgb_codes() -> None:
    assert parse_color("#3b5f8a") == (0x3B, 0x5F, 0x8A)
    assert parse_color("#0f0") == (0, 255, 0)
    assert parse_color(" SteelBlue ") == (70, 130, 180)
    assert len(set(parse_color("neutral") or ())) == 1
    assert parse_color("blueish") is None
