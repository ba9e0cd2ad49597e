"""What may be asked for, and what a result depends on."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vidcolor.cli.params import parse_fps, parse_option, parse_time
from vidcolor.errors import UsageError
from vidcolor.options import ColorizeOptions


@pytest.mark.parametrize(
    "wrong",
    [
        {"vividness": -0.1}, {"vividness": 1.1}, {"vividness": float("nan")}, {"batch": 0},
        {"saturation": -0.1}, {"saturation": 3.1}, {"saturation": float("nan")},
        {"batch": 65}, {"quality": 0}, {"quality": 101}, {"start": Fraction(-1)},
        {"end": Fraction(0)}, {"start": Fraction(2), "end": Fraction(2)}, {"fps": Fraction(0)},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=list(wrong)[-1]):
        ColorizeOptions(**wrong)


@pytest.mark.parametrize(
    "changed",
    [
        {"vividness": 0.1}, {"saturation": 0.5}, {"mark": True}, {"start": Fraction(1)},
        {"gray_from": "red"}, {"purpose": "archive"}, {"encoder": "ffv1"},
        {"encoder_options": (("crf", "1"),)}, {"quality": 50}, {"fps": Fraction(25)},
        {"precision": "bf16"},
    ],
)  # fmt: skip
def test_recipe_names_what_changes_a_result(changed: dict[str, Any]) -> None:
    assert ColorizeOptions(**changed).recipe() != ColorizeOptions().recipe()


@pytest.mark.parametrize(
    "changed",
    [{"device": "cpu"}, {"batch": 1}, {"force": True}, {"confidence": Path("c.png")},
     {"allow_damaged": True}],
)  # fmt: skip
def test_recipe_leaves_out_what_does_not(changed: dict[str, Any]) -> None:
    assert ColorizeOptions(**changed).recipe() == ColorizeOptions().recipe()


def test_options_are_plain_json() -> None:
    options = ColorizeOptions(
        fps=Fraction(24000, 1001), confidence=Path("c.png"), encoder_options=(("crf", "18"),)
    )
    plain = json.loads(json.dumps(options.to_json()))
    assert plain["fps"] == "24000/1001"
    assert plain["confidence"] == "c.png"
    assert plain["encoder_options"] == [["crf", "18"]]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90.5", Fraction(181, 2)), ("1:30.5", Fraction(181, 2)), ("0:01:30.5", Fraction(181, 2)),
        ("0", Fraction(0)), ("2:00:00", Fraction(7200)),
    ],
)  # fmt: skip
def test_times(text: str, seconds: Fraction) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-3", "1:-2", "1:2:3:4", "1/0", "nan", "inf", ":"])
def test_no_times(text: str) -> None:
    with pytest.raises(Exception, match="is no time"):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("24", Fraction(24)), ("18", Fraction(18)), ("23.976", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)), ("59.94", Fraction(60000, 1001)),
        ("24000/1001", Fraction(24000, 1001)), ("16.67", Fraction(1667, 100)),
        ("12.5", Fraction(25, 2)),
    ],
)  # fmt: skip
def test_rates(text: str, rate: Fraction) -> None:
    assert parse_fps(text) == rate


@pytest.mark.parametrize("text", ["0", "-24", "fast", "24/0", "inf", ""])
def test_no_rates(text: str) -> None:
    with pytest.raises(Exception, match="is no frame rate"):
        parse_fps(text)


def test_encoder_options() -> None:
    assert parse_option("crf=18") == ("crf", "18")
    assert parse_option("x265-params=a=1:b=2") == ("x265-params", "a=1:b=2")
    for text in ("crf", "=18", ""):
        with pytest.raises(Exception, match="KEY=VALUE"):
            parse_option(text)
