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
    assign_references,
    find_hinted_frames,
    merge_hinted_frames,
    sample_frames,
    shot_ranges,
)
from vidcolor.options import Hint, Reference
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
        HintedFrame(3, reference=0),
        HintedFrame(7, (), 1),
        HintedFrame(7, (blue,)),
    ]
    assert merge_hinted_frames(frames) == (
        HintedFrame(3, (), 0),
        HintedFrame(7, (red, blue), 1),
    )


def test_references_with_a_time_belong_to_their_frames(timeline: Timeline) -> None:
    references = [
        Reference(path="a.png", time=2),
        Reference(path="b.png"),
        Reference(path="c.png", time=Fraction(1, 25)),
    ]
    hint = Hint(x=1, y=1, color="red", frame=50)
    assert find_hinted_frames([hint], references, timeline) == (
        HintedFrame(1, (), 2),
        HintedFrame(50, (hint,), 0),
    )
    references += [Reference(path="d.png", time=Fraction(201, 100))]
    message = r"d\.png@2\.01: frame 50 already has the reference a\.png@2; remove one"
    with pytest.raises(UsageError, match=message):
        find_hinted_frames([], references, timeline)


SHOTS = (range(0, 100), range(100, 120), range(120, 160))


@pytest.mark.parametrize(
    ("timed", "matches", "expected"),
    [
        pytest.param({}, {0: (0.2, 0.5, 0)}, {50: 0, 110: 0}, id="every shot that matches"),
        pytest.param({}, {0: (0.2, 0, 0.3), 1: (0.9, 0, 0.1)}, {50: 1, 140: 0}, id="best match"),
        pytest.param({}, {3: (0.2, 0, 0), 5: (0.2, 0, 0)}, {50: 3}, id="first of equal matches"),
        pytest.param({}, {0: (0, 0, 0)}, {25: 0, 75: 0, 110: 0, 140: 0}, id="palette everywhere"),
        pytest.param(
            {3: 0}, {1: (0, 0.4, 0), 2: (0, 0, 0)}, {110: 1, 140: 2}, id="palette elsewhere"
        ),
        pytest.param(
            {}, {0: (0.5, 0, 0), 1: (0, 0, 0), 2: (0, 0, 0)}, {50: 0, 110: 1, 140: 1},
            id="one palette",
        ),
        pytest.param({7: 0}, {1: (0.9, 0, 0)}, {}, id="a time is stronger than a match"),
        pytest.param({7: 0, 110: 1, 159: 2}, {3: (0, 0, 0)}, {}, id="no shot is left"),
        pytest.param({7: 0}, {}, {}, id="only references with a time"),
    ],
)  # fmt: skip
def test_references_without_a_time_are_assigned_to_shots(
    timed: dict[int, int], matches: dict[int, tuple[float, ...]], expected: dict[int, int]
) -> None:
    hints = (HintedFrame(130, (Hint(x=1, y=1, color="red"),)),)  # do not occupy their shot
    hinted = merge_hinted_frames([*hints, *(HintedFrame(f, (), r) for f, r in timed.items())])
    assigned = assign_references(SHOTS, hinted, matches)
    assert {entry.frame: entry.reference for entry in assigned} == expected
