"""Parse and format times, durations and timecodes.

Times are exact fractions of a second, like the timestamps of a film. Functions that only format a
time for display also accept floats.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from fractions import Fraction

_TIMECODE = re.compile(r"(\d\d?)[:;.,](\d\d)[:;.,](\d\d)([:;.,])(\d{1,3})")
"""Hours, minutes, seconds, separator and frames. Every separator but a colon means drop-frame.
FFmpeg writes frames with one digit if there are at most 10 per second, as of a time lapse."""
_HOURS = 24
"""A timecode repeats after this many hours."""
_MAX_DECIMAL_ERROR = Fraction(1, 200)
"""Maximum error of a frame rate with two decimals, in frames per second."""
_MAX_RATE_ERROR = Fraction(1, 100_000)
"""Maximum relative error of a rounded frame rate. Whole and NTSC rates differ by 1/1000."""


def format_frames(count: int) -> str:
    """Return a number of frames, such as ``1 frame`` or ``24 frames``."""
    return f"{count} frame{'' if count == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Timecode:
    """A timecode of SMPTE ST 12-1: the number of a frame, and how it is formatted.

    Drop-frame timecode skips the first numbers of every minute, except each tenth, so that it
    follows the clock at 30000/1001 and 60000/1001 frames per second. No frame is skipped.
    """

    frame: int
    """Number of frames since 00:00:00:00."""
    fps: int
    """Numbers of frames per second: the frame rate, rounded."""
    drop_frame: bool = False

    @classmethod
    def parse(cls, text: str, rate: Fraction) -> Timecode:
        """Parse ``01:00:00:00``, or drop-frame ``01:00:00;00``, of a film of a frame rate.

        Raises:
            ValueError: the text is not a timecode, or does not exist at this rate.
        """
        match, fps = _TIMECODE.fullmatch(text.strip()), count_timecode_frames(rate)
        if match is None:
            raise ValueError(f"{text!r} is not a timecode; write 01:00:00:00")
        hours, minutes, seconds, frames = map(int, match.group(1, 2, 3, 5))
        if hours >= _HOURS or minutes >= 60 or seconds >= 60 or frames >= fps:
            raise ValueError(f"the timecode {text} does not exist at {fps} frames per second")
        code = cls(0, fps, match[4] != ":")
        if code.drop_frame and fps % 30:
            raise ValueError(f"drop-frame timecode does not exist at {fps} frames per second")
        total_minutes = 60 * hours + minutes
        dropped = code._dropped_per_minute * (total_minutes - total_minutes // 10)
        return replace(code, frame=(60 * total_minutes + seconds) * fps + frames - dropped)

    @property
    def _dropped_per_minute(self) -> int:
        return self.fps // 15 if self.drop_frame else 0

    @property
    def _frames_per_day(self) -> int:
        return _HOURS * 6 * (600 * self.fps - 9 * self._dropped_per_minute)

    def __add__(self, frames: int) -> Timecode:
        """Return the timecode of the frame `frames` later."""
        return replace(self, frame=(self.frame + frames) % self._frames_per_day)

    def count_from(self, other: Timecode) -> int:
        """Return the number of frames since another timecode: at least -12 h and less than 12 h."""
        half = self._frames_per_day // 2
        return (self.frame - other.frame + half) % self._frames_per_day - half

    def __str__(self) -> str:
        """Return ``HH:MM:SS:FF``, or ``HH:MM:SS;FF`` if drop-frame."""
        number, dropped = self.frame, self._dropped_per_minute
        if dropped:
            tens, rest = divmod(number, 600 * self.fps - 9 * dropped)
            # The first minute of ten has all numbers.
            minutes = max(0, rest - dropped) // (60 * self.fps - dropped)
            number += dropped * (9 * tens + minutes)
        seconds, frames = divmod(number, self.fps)
        hours, minutes = divmod(seconds // 60, 60)
        separator = ";" if self.drop_frame else ":"
        return f"{hours:02d}:{minutes:02d}:{seconds % 60:02d}{separator}{frames:02d}"


def count_timecode_frames(rate: Fraction) -> int:
    """Return the numbers of frames per second of timecode at a frame rate, as FFmpeg rounds it."""
    return max(1, math.floor(rate + Fraction(1, 2)))


def find_exact_rate(rate: Fraction) -> Fraction:
    """Return the whole or NTSC frame rate that a rounded frame rate stands for, or itself.

    Containers round frame rates: 59.94 is 19001/317 in Matroska, and 2997/50 in some AVI files.
    """
    whole = Fraction(round(rate))
    ntsc = Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)
    for exact in (whole, ntsc):
        if exact and abs(rate / exact - 1) < _MAX_RATE_ERROR:
            return exact
    return rate


def parse_time(text: str) -> Fraction:
    """Parse ``90.5``, ``1:30.5`` or ``0:01:30.5`` into seconds.

    Raises:
        ValueError: the text is not such a time; the message states what to write.
    """
    try:
        numbers = [Fraction(part) for part in text.split(":")]
    except (ValueError, ZeroDivisionError):
        numbers = []
    is_in_range = all(n >= 0 for n in numbers) and all(n < 60 for n in numbers[1:])
    if not 1 <= len(numbers) <= 3 or not is_in_range:
        raise ValueError(f"{text!r} is not a time; write 90.5 (seconds) or 0:01:30.5")
    seconds = Fraction(0)
    for number in numbers:
        seconds = seconds * 60 + number
    return seconds


def parse_frame_rate(text: str) -> Fraction:
    """Parse ``24``, ``23.976`` or ``24000/1001``; rounded NTSC rates and thirds become exact.

    Raises:
        ValueError: the text is not a frame rate; the message states what to write.
    """
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise ValueError(f"{text!r} is not a frame rate; write 24, 23.976 or 24000/1001")
    ntsc = Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)
    if rate.denominator != 1 and abs(rate - ntsc) < _MAX_DECIMAL_ERROR:
        return ntsc
    third = Fraction(round(rate * 3), 3)  # Small-gauge films ran at 16 2/3.
    is_third = third.denominator == 3 and len(text.partition(".")[2]) > 1
    return third if is_third and abs(rate - third) < _MAX_DECIMAL_ERROR else rate


def is_common_rate(rate: Fraction) -> bool:
    """Return whether a frame rate is a whole or an NTSC rate."""
    return rate > 0 and (rate.denominator == 1 or (rate * 1001 / 1000).denominator == 1)


def format_time(time_s: Fraction | float) -> str:
    """Format a time as ``0:01.250``, or from one hour as ``1:02:03.500``."""
    milliseconds = round(time_s * 1000)
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{seconds:02d}.{milliseconds:03d}"
    return f"{minutes}:{seconds:02d}.{milliseconds:03d}"


def format_minutes(time_s: Fraction | float) -> str:
    """Format a time as ``75:03.25``: minutes and hundredths, for narrow labels."""
    minutes, seconds = divmod(float(time_s), 60)
    return f"{int(minutes)}:{seconds:05.2f}"


def format_duration(seconds: float) -> str:
    """Format a duration as ``4.2 s``, ``42 s``, ``3:07 min`` or ``2:03:04 h``."""
    total = round(seconds)
    if total < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{total} s"
    minutes, rest = divmod(total, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d} h"


def format_duration_in_words(seconds: float) -> str:
    """Format a duration as ``4.2 s``, ``42 s``, ``3 min 7 s`` or ``2 h 3 min``."""
    if seconds < 60:
        # From 9.95 s, one decimal would give "10.0 s".
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
