"""A person's colors through a shot."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.pictures import landscape, sighted
from vidcolor.hints.tracks import HintKeyframe, HintMask, HintTrack, both_sides, one_side
from vidcolor.motion.flow import DisFlow
from vidcolor.propagation.keyframes import split_intervals

SHAPE = (8, 8)


def pin(color: float, influence: float = 1.0) -> HintMask:
    ab = np.full((2, *SHAPE), color, np.float32)
    return HintMask(ab, np.full(SHAPE, influence, np.float32))


@settings(deadline=None)
@given(st.integers(0, 100), st.integers(1, 100))
def test_two_hints_blend_evenly_over_time(at, length) -> None:
    at = min(at, length)
    before = one_side([(at, pin(10))], SHAPE)
    after = one_side([(length - at, pin(50))], SHAPE)
    blended = both_sides(before, after)
    assert np.allclose(blended.ab, 10 + 40 * at / length, atol=0.05)
    assert np.allclose(blended.influence, 1)


def test_the_nearer_of_two_on_one_side_counts_where_it_shows_the_thing() -> None:
    left = pin(50)
    left.influence[:, 4:] = 0
    side = one_side([(30, pin(10)), (5, left)], SHAPE)
    assert np.allclose(side.ab[:, :, :4], 50)
    assert np.allclose(side.ab[:, :, 4:], 10)
    assert np.allclose(side.away[:, :4], 5)
    assert np.allclose(side.away[:, 4:], 30)
    assert np.allclose(side.influence, 1)


def test_one_side_alone() -> None:
    nothing = one_side([], SHAPE)
    told = both_sides(one_side([(7, pin(20, 0.6))], SHAPE), nothing)
    assert np.allclose(told.ab, 20)
    assert np.allclose(told.influence, 0.6)
    assert both_sides(nothing, nothing).influence.max() == 0


def test_a_thing_that_moves_takes_its_color_along_and_leaves_none_behind() -> None:
    ground, thing = 0.5 * landscape(2)[:96, :128], 0.5 + 0.5 * landscape(3)[:32, :32]
    frames = []
    for n in range(65):
        frames.append(ground.copy())
        frames[-1][32:64, 4 + n : 36 + n] = thing
    influence = np.zeros((96, 128), np.float32)
    influence[32:64, 4:36] = 1
    told = HintMask(np.full((2, 96, 128), 30, np.float32), influence)
    chain = None
    for stretch in split_intervals(sighted(frames), DisFlow()):
        if chain is None:
            chain = HintTrack(HintKeyframe(0, 0, told))
            continue
        chain.step(stretch.before[-1], stretch.key.look.luma)
    assert chain is not None
    left = 4 + 64
    assert float(chain.pinned.influence[36:60, left + 4 : left + 28].mean()) > 0.9
    assert np.allclose(chain.pinned.ab[:, 36:60, left + 4 : left + 28], 30, atol=0.5)
    around = chain.pinned.influence.copy()
    around[26:70, left - 6 : left + 38] = 0
    assert float(around.mean()) < 0.01
