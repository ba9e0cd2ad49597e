"""Parsing and formatting of times."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcolor.timecode import (
    Timecode,
    count_timecode_frames,
    find_exact_rate,
    format_duration,
    format_duration_in_words,
    format_minutes,
    format_time,
    parse_frame_rate,
    parse_time,
)

NTSC, NTSC_60 = Fraction(30000, 1001), Fraction(60000, 1001)


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


@pytest.mark.parametrize(
    "text",
    ["", "abc", "-3", "1:-2", "1:2:3:4", "1/0", "nan", "inf", ":", "1:99", "1:60:00"],
)
def test_invalid_times_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time; write"):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("24", Fraction(24)), ("18", Fraction(18)), ("23.976", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)), ("59.94", Fraction(60000, 1001)),
        ("24000/1001", Fraction(24000, 1001)), ("16.67", Fraction(50, 3)),
        ("50/3", Fraction(50, 3)), ("12.5", Fraction(25, 2)), ("25.003", Fraction(25003, 1000)),
        ("2997/125", Fraction(24000, 1001)),
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
        (30, NTSC, "00:00:01:00"),
        (108000, Fraction(30), "01:00:00:00"),
        (17, Fraction(50, 3), "00:00:01:00"),
        (37, Fraction(25, 2), "00:00:02:11"),
        (1799, NTSC, "00:00:59;29"),
        (1800, NTSC, "00:01:00;02"),
        (17982, NTSC, "00:10:00;00"),
        (107892, NTSC, "01:00:00;00"),
        (3600, NTSC_60, "00:01:00;04"),
        (24 * 107892 - 1, NTSC, "23:59:59;29"),
    ],
)
def test_timecode_counts_frames(frame: int, rate: Fraction, text: str) -> None:
    code = Timecode.parse(text, rate)
    assert (code.frame, code.drop_frame, str(code)) == (frame, ";" in text, text)


@given(
    rate=st.sampled_from([Fraction(n) for n in (16, 18, 24, 25, 50)] + [NTSC, NTSC_60]),
    frame=st.integers(0, 24 * 86400),
    frames=st.integers(-5000, 5000),
)
def test_timecode_moves_by_frames_and_is_parsed_again(
    rate: Fraction, frame: int, frames: int
) -> None:
    zero = Timecode(0, count_timecode_frames(rate), drop_frame=rate.denominator == 1001)
    code = zero + frame
    assert Timecode.parse(str(code), rate) == code
    assert (code + frames).count_from(code) == frames


@pytest.mark.parametrize(("text", "fps"), [("01:00:00:9", 10), ("01:00:00:099", 120)])
def test_timecode_of_ffmpeg_has_one_to_three_digits_of_frames(text: str, fps: int) -> None:
    assert Timecode.parse(text, Fraction(fps)).frame == 3600 * fps + int(text[9:])


def test_timecode_repeats_after_24_hours() -> None:
    assert str(Timecode.parse("23:59:59:23", Fraction(24)) + 1) == "00:00:00:00"
    assert str(Timecode.parse("00:00:00;00", NTSC) + -1) == "23:59:59;29"


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("01:00:00", Fraction(25)), ("noon", Fraction(25)), ("", Fraction(25)),
        ("01:00:00:25", Fraction(25)), ("24:00:00:00", Fraction(25)), ("01:60:00:00", Fraction(25)),
        ("01:00:00;00", Fraction(25)), ("01:00:00;00", Fraction(24000, 1001)),
    ],
)  # fmt: skip
def test_invalid_timecode_is_rejected(text: str, rate: Fraction) -> None:
    with pytest.raises(ValueError, match=r"is not a timecode|does not exist at"):
        Timecode.parse(text, rate)


@pytest.mark.parametrize(
    ("rate", "exact"),
    [
        (Fraction(19001, 317), NTSC_60), (Fraction(2997, 100), NTSC),
        (Fraction(2997, 125), Fraction(24000, 1001)), (Fraction(50, 3), Fraction(50, 3)),
        (Fraction(18), Fraction(18)), (Fraction(239, 10), Fraction(239, 10)),
    ],
)  # fmt: skip
def test_rounded_rate_becomes_exact(rate: Fraction, exact: Fraction) -> None:
    assert find_exact_rate(rate) == exact


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
