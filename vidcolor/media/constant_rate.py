"""Exact timestamps of films with a constant frame rate, where the source rounds them.

Matroska and FLV round timestamps to 1 ms, and MPEG streams to 1/90000 s. Editing programs treat a
film with the rounded timestamps as one of variable frame rate. Some AVI files have a rounded frame
rate, such as 2997/125 instead of 24000/1001.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.timecode import find_exact_rate, is_common_rate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_MIN_TIMESCALE, _TICKS_PER_UNIT = 10_000, 1000
"""Minimum number of ticks per second of exact timestamps, and factor that is used below it. With
it, the start of the film is exact to 1 ms."""
_MAX_CLOCK_ERROR = Fraction(1, 100_000)
"""Maximum relative error of a clock that counts frames of a rounded frame rate."""
_MIN_TICKS_PER_FRAME = 4
"""Minimum duration of a frame, in ticks, at which a rounding error of one tick is small."""
_MAX_INT64 = 2**63 - 1


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """The timestamps of the frames of a film."""

    time_base: Fraction
    """Unit of the timestamps, in seconds."""
    pts: Sequence[int]
    """Presentation timestamps, rising."""
    end_pts: int
    """Timestamp at which the last frame ends."""


def restore_constant_rate(times: FrameTimes, rate: Fraction | None) -> FrameTimes:
    """Return exact timestamps if the film has a constant frame rate and they are rounded.

    All timestamps must be those of a constant rate, rounded to one tick; frames may be missing.
    Otherwise, or if the timestamps are exact, the same object is returned. `rate` is the frame rate
    of the header, in frames per second.
    """
    if len(times.pts) < 2:
        return times
    elapsed = np.asarray(times.pts, np.int64) - times.pts[0]
    for exact_rate in _list_rates(times, rate):
        ticks = 1 / (exact_rate * times.time_base)
        if ticks.denominator == 1 and not np.any(elapsed % ticks.numerator):
            return times
        numbers = _count_frames(elapsed, ticks)
        if numbers is not None:
            return _make_times(times, exact_rate, ticks, numbers)
    return times


def _list_rates(times: FrameTimes, rate: Fraction | None) -> Iterator[Fraction]:
    """Yield the rates that the film may have. Whole and NTSC rates are the most common ones."""
    header_rate = find_exact_rate(rate) if rate else None
    if header_rate and is_common_rate(header_rate):
        yield header_rate
    measured = (len(times.pts) - 1) / ((times.pts[-1] - times.pts[0]) * times.time_base)
    whole = Fraction(max(1, round(measured)))
    yield from sorted((whole, whole * Fraction(1000, 1001)), key=lambda r: abs(r - measured))
    if header_rate:
        yield header_rate


def _count_frames(elapsed: NDArray[np.int64], ticks: Fraction) -> NDArray[np.int64] | None:
    """Return the number of each frame at a constant rate; None if a timestamp is not on its grid.

    `elapsed` are timestamps from the first frame, and `ticks` is the duration of a frame.
    """
    whole_ticks = Fraction(round(ticks))
    is_clock_rounded = whole_ticks > 0 and abs(ticks / whole_ticks - 1) < _MAX_CLOCK_ERROR
    if is_clock_rounded and not np.any(elapsed % whole_ticks.numerator):
        return elapsed // whole_ticks.numerator
    if ticks < _MIN_TICKS_PER_FRAME:
        return None
    numerator, denominator = ticks.numerator, ticks.denominator
    if int(elapsed[-1]) * 2 * denominator > _MAX_INT64:
        return None
    numbers = (2 * elapsed * denominator + numerator) // (2 * numerator)
    errors = np.abs(elapsed * denominator - numbers * numerator)
    is_exact = errors.max() <= denominator and np.diff(numbers).min() > 0
    return numbers if is_exact else None


def _make_times(
    times: FrameTimes, rate: Fraction, ticks: Fraction, numbers: NDArray[np.int64]
) -> FrameTimes:
    factor = 1 if rate.numerator >= _MIN_TIMESCALE else _TICKS_PER_UNIT
    timescale, step = rate.numerator * factor, rate.denominator * factor
    first = round(times.pts[0] * times.time_base * timescale)
    pts = array("q", (first + numbers * step).tobytes())
    last_frames = max(1, round((times.end_pts - times.pts[-1]) / ticks))
    return FrameTimes(Fraction(1, timescale), pts, pts[-1] + last_frames * step)
