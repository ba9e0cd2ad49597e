"""Parsing and formatting of times."""

from __future__ import annotations

from fractions import Fraction

import pytest

from vidcolor.timecode import (
    format_duration,
    format_duration_in_words,
    format_minutes,
    format_time,
    format_timecode,
    parse_frame_rate,
    parse_time,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90.5", Fraction(181, 2)),
        ("1:30.5", Fraction(181, 2)),
        ("0:01:30.5", Fraction(181, 2)),
        ("0", Fraction(0)),
        ("2:00:00", Fraction(7200)),
        ("1/3", Fraction(1, 3)),
    ],
)
def test_times_are_parsed_exactly(text: str, seconds: Fraction) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "abc", "-3", "1:-2", "1:2:3:4", "1/0", "nan", "inf", ":"])
def test_invalid_times_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time; write"):
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
def test_invalid_frame_rate_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="is not a frame rate; write"):
        parse_frame_rate(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (Fraction(5, 4), "0:01.250"),
        (59.9996, "1:00.000"),
        (Fraction(7447, 2), "1:02:03.500"),
        (0, "0:00.000"),
    ],
)
def test_times_are_formatted_to_milliseconds(seconds: Fraction | float, text: str) -> None:
    assert format_time(seconds) == text


def test_format_minutes_does_not_use_hours() -> None:
    assert format_minutes(Fraction(4503, 1) + Fraction(1, 4)) == "75:03.25"


@pytest.mark.parametrize(
    ("frame", "rate", "text"),
    [
        (0, Fraction(24), "00:00:00:00"),
        (86399, Fraction(24), "00:59:59:23"),
        (30, Fraction(30000, 1001), "00:00:01:00"),
        (108000, Fraction(30), "01:00:00:00"),
    ],
)
def test_frame_numbers_are_formatted_as_timecode(frame: int, rate: Fraction, text: str) -> None:
    assert format_timecode(frame, rate) == text


@pytest.mark.parametrize(
    ("seconds", "short", "words"),
    [
        (0.04, "0.0 s", "0.0 s"),
        (9.97, "10.0 s", "10 s"),
        (42.4, "42 s", "42 s"),
        (187, "3:07 min", "3 min 7 s"),
        (7384, "2:03:04 h", "2 h 3 min"),
    ],
)
def test_durations_are_formatted_with_units(seconds: float, short: str, words: str) -> None:
    assert format_duration(seconds) == short
    assert format_duration_in_words(seconds) == words
