"""Shots cut into stretches: every frame once, key frames where they are due."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.pictures import landscape, panned, sighted, stills
from vidcolor.motion.flow import DisFlow, flow_input, zero_flow
from vidcolor.propagation.keyframes import LONGEST, MOST_FALLEN, SPACING, FlowFrame, split_intervals


def cut(frames, wanted=frozenset()):
    return list(split_intervals(sighted(frames), DisFlow(), wanted))


def numbers(found):
    return [[s.item for s in stretch.frames] for stretch in found]


def keys(found):
    return [stretch.key.item for stretch in found]


def test_a_shot_that_stands() -> None:
    found = cut([landscape(1)[:96, :128]] * 40)
    assert keys(found) == [0, SPACING, 2 * SPACING, 39]
    for stretch in found[1:]:
        assert len(stretch.before) == len(stretch.after) == len(stretch.frames)
        assert min(float(t.trust.min()) for t in (*stretch.before, *stretch.after)) > 0.9


def test_fast_pans_have_more_key_frames() -> None:
    slow, fast = (len(cut(panned(landscape(1, 160, 900), 33, speed))) for speed in (1, 12))
    assert fast >= 2 * slow


def test_frames_that_are_wanted_are_key_frames() -> None:
    assert {5, 21} <= set(keys(cut([landscape(1)[:96, :128]] * 30, frozenset({5, 21}))))


def test_flashes_and_damaged_frames_are_stepped_over() -> None:
    for length in range(1, MOST_FALLEN + 1):
        for odd in (np.full((96, 128), 1.0, np.float32), 1 - stills()[3]):
            film = panned(landscape(1), 20, 2)
            film[6 : 6 + length] = [odd] * length
            found = cut(film)
            fallen = [s.item for stretch in found for s in stretch.frames if s.has_fallen_out]
            assert fallen == list(range(6, 6 + length))
            assert not any(stretch.key.has_fallen_out for stretch in found)
            (stretch,) = (s for s in found if s.frames[0].item <= 10 <= s.key.item)
            track = stretch.before[10 - stretch.frames[0].item]
            assert float(track.trust[20:-20, 20:-40].mean()) > 0.9, (length, odd.mean())


def test_black_film_needs_hardly_any_key_frames() -> None:
    found = cut([np.zeros((32, 48), np.float32)] * (2 * LONGEST + 1))
    assert len(found) == 3


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 20)), min_size=1, max_size=5),
    st.sets(st.integers(0, 60)),
)
def test_every_frame_once_in_order(runs, wanted) -> None:
    """Whatever is seen: pictures that change without a cut, black, frames that are asked for."""
    pictures = [np.zeros((24, 32), np.float32), *(landscape(n)[:24, :32] for n in range(3))]
    looks = [flow_input(p) for p in pictures]
    order = [kind for kind, count in runs for _ in range(count)]

    def sights():
        for number, kind in enumerate(order):
            same = number > 0 and order[number - 1] == kind
            step = zero_flow((24, 32)) if number else None
            if step is not None and not same:
                step.back_trust[:] = 0
            yield FlowFrame(number, looks[kind], step)

    found = list(split_intervals(sights(), DisFlow(), wanted))
    assert [n for run in numbers(found) for n in run] == list(range(len(order)))
    assert all(len(run) <= LONGEST for run in numbers(found))
    assert all(
        len(s.frames) == len(s.before) == len(s.after) and s.back is not None for s in found[1:]
    )
