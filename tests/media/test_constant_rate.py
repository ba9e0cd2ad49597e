"""Rounded timestamps of a constant frame rate become exact; others stay."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from vidcolor.media.constant_rate import FrameTimes, restore_constant_rate

MS = Fraction(1, 1000)
NTSC = Fraction(24000, 1001)


def round_times(
    rate: Fraction, time_base: Fraction, numbers: range | list[int], start_s: Fraction = Fraction(0)
) -> FrameTimes:
    """Return the times of frames of a constant rate, rounded to a time base."""
    pts = [round((start_s + n / rate) / time_base) for n in numbers]
    return FrameTimes(time_base, pts, round((start_s + (numbers[-1] + 1) / rate) / time_base))


def get_steps(times: FrameTimes) -> set[Fraction]:
    return {Fraction(int(step)) * times.time_base for step in np.diff([*times.pts, times.end_pts])}


@pytest.mark.parametrize("time_base", [MS, Fraction(1, 90000), Fraction(1, 600)])
@pytest.mark.parametrize(
    "rate",
    [
        *map(Fraction, (12, 15, 16, 18, 24, 25, 30, 60)),
        *(Fraction(n * 1000, 1001) for n in (24, 30, 60)), Fraction(50, 3),
    ],
)  # fmt: skip
def test_rounded_timestamps_become_exact(rate: Fraction, time_base: Fraction) -> None:
    times = round_times(rate, time_base, range(1000), Fraction(7, 20))
    exact = restore_constant_rate(times, rate)
    assert get_steps(exact) == {1 / rate}
    assert abs(exact.pts[0] * exact.time_base - Fraction(7, 20)) <= time_base


def test_rate_of_the_header_may_be_rounded_or_missing() -> None:
    times = round_times(NTSC, MS, range(500))
    for rate in (None, Fraction(2997, 125), Fraction(983, 41)):
        assert get_steps(restore_constant_rate(times, rate)) == {1 / NTSC}


def test_clock_of_a_rounded_rate_becomes_exact() -> None:
    """FFmpeg makes such AVI files with ``-r 23.976``."""
    times = FrameTimes(Fraction(125, 2997), range(200_000), 200_000)
    assert get_steps(restore_constant_rate(times, Fraction(2997, 125))) == {1 / NTSC}


def test_missing_frames_leave_gaps() -> None:
    times = restore_constant_rate(round_times(Fraction(18), MS, [0, 1, 2, 7, 8]), Fraction(18))
    assert get_steps(times) == {Fraction(1, 18), Fraction(5, 18)}


@pytest.mark.parametrize(
    "times",
    [
        FrameTimes(Fraction(1, 18432), range(0, 10240, 1024), 10240),  # exact
        FrameTimes(MS, [0, 40, 85, 120, 161, 203], 240),  # variable
        FrameTimes(MS, [0, 33, 67, 117, 150, 183], 200),  # repeated fields
        FrameTimes(MS, [0], 40),
    ],
)
def test_other_timestamps_stay(times: FrameTimes) -> None:
    assert restore_constant_rate(times, Fraction(18)) is times
