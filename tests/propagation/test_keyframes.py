"""Tests of key frame selection and of the flow chains of keyframe intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.frames import make_flow_frames, make_pan, make_texture
from vidcolor.imaging.types import FloatArray
from vidcolor.motion.flow import DisFlow, make_flow_input, zero_flow
from vidcolor.propagation.flow_frames import FlowFrame
from vidcolor.propagation.keyframes import (
    MAX_INTERVAL,
    MAX_SMALL_INTERVAL,
    OUTLIER_FACTOR,
    KeyframeInterval,
    choose_max_interval,
    split_intervals,
)

Intervals = list[KeyframeInterval[int]]

LONGEST = OUTLIER_FACTOR * MAX_INTERVAL
"""Maximum number of frames of an interval."""


def split(frames: Sequence[FloatArray], required: Set[int] = frozenset()) -> Intervals:
    return list(split_intervals(make_flow_frames(frames), DisFlow(), required))


def keyframes(intervals: Intervals) -> list[int]:
    return [interval.keyframe.item for interval in intervals]


def test_static_shot_has_key_frames_at_the_maximum_interval() -> None:
    intervals = split([make_texture(1)[:96, :128]] * 40)
    assert keyframes(intervals) == [0, MAX_INTERVAL, 2 * MAX_INTERVAL, 39]
    for interval in intervals[1:]:
        assert len(interval.to_previous) == len(interval.to_keyframe) == len(interval.frames)
        chains = (*interval.to_previous, *interval.to_keyframe)
        assert min(float(chain.confidence.min()) for chain in chains) > 0.9


@pytest.mark.slow
def test_fast_pan_has_more_key_frames() -> None:
    slow, fast = (len(split(make_pan(make_texture(1, 160, 900), 33, speed))) for speed in (1, 12))
    assert fast >= 2 * slow


def test_required_frames_are_key_frames() -> None:
    found = keyframes(split([make_texture(1)[:96, :128]] * 30, frozenset({5, 21})))
    assert {5, 21} <= set(found)


def test_outliers_are_not_key_frames_and_chains_bridge_them() -> None:
    frames = make_pan(make_texture(1), 20, 2)
    frames[6:8] = [np.full((96, 128), 1.0, np.float32)] * 2
    intervals = split(frames)
    assert not any(interval.keyframe.is_outlier for interval in intervals)
    (interval,) = (i for i in intervals if i.frames[0].item <= 10 <= i.keyframe.item)
    chain = interval.to_previous[10 - interval.frames[0].item]
    assert float(chain.confidence[20:-20, 20:-40].mean()) > 0.9


def test_small_frames_have_fewer_key_frames() -> None:
    assert choose_max_interval(1280, 720) == choose_max_interval(720, 576) == MAX_SMALL_INTERVAL
    assert choose_max_interval(1920, 1080) == choose_max_interval(1080, 1920) == MAX_INTERVAL
    frames = make_flow_frames([make_texture(1)[:96, :128]] * 30)
    intervals = split_intervals(frames, DisFlow(), max_interval=MAX_SMALL_INTERVAL)
    assert keyframes(list(intervals)) == [0, MAX_SMALL_INTERVAL, 29]


def test_black_film_has_key_frames_at_the_maximum_outlier_interval() -> None:
    frames = [np.zeros((32, 48), np.float32)] * (2 * LONGEST + 1)
    assert keyframes(split(frames)) == [0, LONGEST, 2 * LONGEST]


@pytest.mark.slow
@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 20)), min_size=1, max_size=5),
    st.sets(st.integers(0, 60)),
)
def test_intervals_hold_every_frame_once_in_order(
    runs: list[tuple[int, int]], required: set[int]
) -> None:
    """The shot has content that changes without a cut, black frames and required key frames."""
    scenes = [np.zeros((24, 32), np.float32), *(make_texture(n)[:24, :32] for n in range(3))]
    inputs = [make_flow_input(scene) for scene in scenes]
    order = [scene for scene, count in runs for _ in range(count)]

    def make_frames() -> Iterator[FlowFrame[int]]:
        for number, scene in enumerate(order):
            flow = zero_flow((24, 32)) if number else None
            if flow is not None and order[number - 1] != scene:
                flow.backward_confidence[:] = 0
            yield FlowFrame(number, inputs[scene], flow)

    intervals = list(split_intervals(make_frames(), DisFlow(), required))
    frames = [[frame.item for frame in interval.frames] for interval in intervals]
    assert [number for run in frames for number in run] == list(range(len(order)))
    assert all(len(run) <= LONGEST for run in frames)
    for interval in intervals[1:]:
        assert len(interval.frames) == len(interval.to_previous) == len(interval.to_keyframe)
        assert interval.previous_to_keyframe is not None
