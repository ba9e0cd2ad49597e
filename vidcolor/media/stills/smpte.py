"""Timecode in the headers of film scans: 32-bit words of DPX and OpenEXR (SMPTE ST 268-1, ST 12-1).

The bytes of a word are binary-coded decimal digits of hours, minutes, seconds and frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

UNDEFINED = 0xFFFFFFFF
"""The word of a header without timecode."""
_MAX_DIGITS = 8
_DROP_FRAME, _DIGITS = 0x40, 0x3F7F7F3F
"""The drop-frame flag, in the byte of the frames, and the bits of the digits in all bytes."""
_MAX_FLAGGED_RATE = 30
"""Maximum frame rate with flags. Above it, the number of the frame needs the bit of the flag."""


def decode_timecode(word: int, rate: Fraction | None) -> str | None:
    """Return the timecode of a word, at a frame rate; None if it is undefined or invalid."""
    is_flagged = rate is None or rate <= _MAX_FLAGGED_RATE
    digits = f"{word & _DIGITS if is_flagged else word:08x}"
    if word == UNDEFINED or not digits.isdecimal():
        return None
    separator = ";" if is_flagged and word & _DROP_FRAME else ":"
    return f"{digits[:2]}:{digits[2:4]}:{digits[4:6]}{separator}{digits[6:]}"


def encode_timecode(timecode: str, rate: Fraction | None) -> int:
    """Return the word of a timecode such as ``01:00:00;00``; see `describe_loss`."""
    digits = "".join(filter(str.isdecimal, timecode))
    if len(digits) > _MAX_DIGITS:
        return UNDEFINED
    is_flagged = ";" in timecode and rate is not None and rate <= _MAX_FLAGGED_RATE
    return int(digits, 16) | (_DROP_FRAME if is_flagged else 0)


def describe_loss(timecode: str | None, rate: Fraction | None) -> list[str]:
    """Return warnings about what the word of a timecode cannot store at a frame rate."""
    if timecode is None:
        return []
    if encode_timecode(timecode, rate) == UNDEFINED:
        return ["the images do not store timecode, because its frames have three digits"]
    if ";" in timecode and not (rate and rate <= _MAX_FLAGGED_RATE):
        return ["the images do not store that the timecode is drop-frame, at this frame rate"]
    return []
