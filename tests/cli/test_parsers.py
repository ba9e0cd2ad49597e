"""Parsers of option values."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import typer

from vidcolor.cli.parsers import (
    parse_counts,
    parse_encoder_option,
    parse_frame_rate,
    parse_reference,
    parse_time,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90.5", Fraction(181, 2)), ("1:30.5", Fraction(181, 2)), ("0:01:30.5", Fraction(181, 2)),
        ("0", Fraction(0)), ("2:00:00", Fraction(7200)),
    ],
)  # fmt: skip
def test_time_is_parsed_exactly(text: str, seconds: Fraction) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-3", "1:-2", "1:2:3:4", "1/0", "nan", "inf", ":"])
def test_invalid_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a time"):
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
def test_frame_rate_is_parsed_and_ntsc_rates_are_exact(text: str, rate: Fraction) -> None:
    assert parse_frame_rate(text) == rate


@pytest.mark.parametrize("text", ["0", "-24", "fast", "24/0", "inf", ""])
def test_invalid_frame_rate_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a frame rate"):
        parse_frame_rate(text)


def test_encoder_option_is_split_at_the_first_equals_sign() -> None:
    assert parse_encoder_option("crf=18") == ("crf", "18")
    assert parse_encoder_option("x265-params=a=1:b=2") == ("x265-params", "a=1:b=2")
    for text in ("crf", "=18", ""):
        with pytest.raises(typer.BadParameter, match="KEY=VALUE"):
            parse_encoder_option(text)


def test_counts_are_whole_numbers() -> None:
    assert parse_counts("1,5,10") == (1, 5, 10)
    with pytest.raises(typer.BadParameter, match="not a list of whole numbers"):
        parse_counts("1,many")


def test_reference_may_have_a_time(tmp_path: Path) -> None:
    assert parse_reference("a.png") == (Path("a.png"), None)
    assert parse_reference("a.png@1:02.5") == (Path("a.png"), Fraction(125, 2))
    existing = tmp_path / "a@b.png"
    existing.touch()
    assert parse_reference(str(existing)) == (existing, None)
    with pytest.raises(typer.BadParameter, match="not a time"):
        parse_reference("a@b.png")
