"""Parse and format times, durations and timecodes.

Times are exact fractions of a second, like the timestamps of a film. Functions that only format a
time for display also accept floats.
"""

from __future__ import annotations

from fractions import Fraction


def parse_time(text: str) -> Fraction:
    """Parse ``90.5``, ``1:30.5`` or ``0:01:30.5`` into seconds.

    Raises:
        ValueError: the text is not such a time; the message states what to write.
    """
    try:
        numbers = [Fraction(part) for part in text.split(":")]
    except (ValueError, ZeroDivisionError):
        numbers = []
    if not 1 <= len(numbers) <= 3 or any(n < 0 for n in numbers):
        raise ValueError(f"{text!r} is not a time; write 90.5 (seconds) or 0:01:30.5")
    seconds = Fraction(0)
    for number in numbers:
        seconds = seconds * 60 + number
    return seconds


def parse_frame_rate(text: str) -> Fraction:
    """Parse ``24``, ``23.976`` or ``24000/1001``; decimal NTSC rates become exact.

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
    is_ntsc = abs(float(rate - ntsc)) < 0.005 and rate.denominator != 1
    return ntsc if is_ntsc else rate


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


def format_timecode(frame: int, rate: Fraction) -> str:
    """Format a frame number as the non-drop-frame timecode ``HH:MM:SS:FF`` (SMPTE ST 12-1).

    Args:
        frame: number of frames since 00:00:00:00.
        rate: frame rate; the timecode counts the nearest whole number of frames per second.
    """
    fps = max(1, round(rate))
    seconds, frames = divmod(frame, fps)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frames:02d}"


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
