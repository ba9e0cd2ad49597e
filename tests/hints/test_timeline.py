"""Hints must be assigned to existing frames of one shot each."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcolor.errors import UsageError
from vidcolor.hints.timeline import (
    HintedFrame,
    Timeline,
    merge_hinted_frames,
    sample_frames,
    shot_ranges,
)
from vidcolor.options import Hint
from vidcolor.shots.detector import Shot


@pytest.fixture
def timeline() -> Timeline:
    """120 frames at 25 fps in two shots, with a dissolve from frame 95 to 104."""
    times = [Fraction(n, 25) for n in range(120)]
    shots = [Shot(0, 95), Shot(95, 120, "dissolve", 10)]
    return Timeline(Path("film.mkv"), times, shots, Fraction(0))


def test_a_time_selects_the_frame_that_is_shown(timeline: Timeline) -> None:
    assert timeline.find_frame("h", Fraction(0), None) == 0
    assert timeline.find_frame("h", Fraction(2), None) == 50
    assert timeline.find_frame("h", Fraction(201, 100), None) == 50
    assert timeline.find_frame("h", None, None) == 0


@pytest.mark.parametrize(
    ("time", "frame", "message"),
    [
        (Fraction(9), None, r"h: time 9 s is outside .* film\.mkv \(0 to 4\.800 s\)"),
        (None, 120, "h: frame 120 does not exist; .* has 120 frames"),
        (None, 99, "h: frame 99 is in a dissolve .* use frame 94 or 105"),
    ],
)
def test_frames_that_do_not_exist_or_are_in_a_dissolve_are_refused(
    time: Fraction | None, frame: int | None, message: str, timeline: Timeline
) -> None:
    with pytest.raises(UsageError, match=message):
        timeline.find_frame("h", time, frame)


@given(st.lists(st.tuples(st.integers(2, 60), st.integers(0, 30)), min_size=1, max_size=8))
def test_shot_ranges_partition_the_film_and_samples_lie_inside(lengths) -> None:
    shots, first = [], 0
    for length, mixed in lengths:
        mixed = min(mixed, length) if first else 0
        shots.append(Shot(first, first + length, "dissolve" if mixed else "cut", mixed))
        first += length
    ranges = shot_ranges(shots, first)
    assert ranges[0].start == 0
    assert ranges[-1].stop == first
    assert all(a.stop == b.start for a, b in itertools.pairwise(ranges))
    for frames in ranges:
        samples = list(sample_frames(frames, interval=20))
        assert samples == sorted(set(samples))
        assert all(n in frames for n in samples) or not frames


def test_hints_of_the_same_frame_are_merged() -> None:
    red, blue = Hint(x=1, y=1, color="red"), Hint(x=2, y=2, color="blue")
    frames = [
        HintedFrame(7, (red,)),
        HintedFrame(3, has_reference=True),
        HintedFrame(7, (blue,)),
        HintedFrame(7, (), True),
    ]
    assert merge_hinted_frames(frames) == (
        HintedFrame(3, (), True),
        HintedFrame(7, (red, blue), True),
    )
