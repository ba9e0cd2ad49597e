"""Timecode words of DPX and OpenEXR."""

from __future__ import annotations

from fractions import Fraction

import pytest

from vidcolor.media.stills.smpte import UNDEFINED, decode_timecode, describe_loss, encode_timecode

NTSC, NTSC_60 = Fraction(30000, 1001), Fraction(60000, 1001)


@pytest.mark.parametrize(
    ("timecode", "rate", "word"),
    [
        ("01:02:03:04", Fraction(24), 0x01020304),
        ("23:59:59:24", Fraction(25), 0x23595924),
        ("01:02:03;04", NTSC, 0x01020344),
        ("01:02:03:59", NTSC_60, 0x01020359),
        ("10:00:00:47", Fraction(50), 0x10000047),
    ],
)
def test_timecode_has_decimal_digits_and_the_drop_frame_flag(
    timecode: str, rate: Fraction, word: int
) -> None:
    assert encode_timecode(timecode, rate) == word
    assert decode_timecode(word, rate) == timecode
    assert describe_loss(timecode, rate) == []


@pytest.mark.parametrize(
    ("timecode", "rate", "word", "loss"),
    [
        ("01:02:03;59", NTSC_60, 0x01020359, "that the timecode is drop-frame"),
        ("01:02:03:119", Fraction(120), UNDEFINED, "its frames have three digits"),
    ],
)
def test_what_a_word_cannot_store_is_described(
    timecode: str, rate: Fraction, word: int, loss: str
) -> None:
    assert encode_timecode(timecode, rate) == word
    (text,) = describe_loss(timecode, rate)
    assert loss in text


def test_undefined_and_invalid_words_are_no_timecode() -> None:
    assert decode_timecode(UNDEFINED, None) is None
    assert decode_timecode(0x0A000000, Fraction(24)) is None
    assert decode_timecode(0x81020384, Fraction(24)) == "01:02:03:04"  # with other flags
