"""Timecode in the headers of film scans: 32-bit words of DPX and OpenEXR (SMPTE ST 268-1, ST 12-1).

The bytes of a word are binary-coded decimal digits of hours, minutes, seconds and frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

DROP_FRAME_LOSS = "the images do not store that the timecode is drop-frame, at this frame rate"
"""Warning about a word that `loses_drop_frame`."""
UNDEFINED = 0xFFFFFFFF
"""The word of a header without timecode."""
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
    """Return the word of a timecode such as ``01:00:00;00``; see `loses_drop_frame`."""
    word = int(timecode.replace(";", ":").replace(":", ""), 16)
    is_drop_frame = ";" in timecode and not loses_drop_frame(timecode, rate)
    return word | _DROP_FRAME if is_drop_frame else word


def loses_drop_frame(timecode: str, rate: Fraction | None) -> bool:
    """Return whether a word cannot store at a frame rate that a timecode is drop-frame."""
    return ";" in timecode and rate is not None and rate > _MAX_FLAGGED_RATE
