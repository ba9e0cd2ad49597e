"""Hint masks must follow their objects and blend over time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.frames import make_flow_frames, make_texture
from vidcolor.hints.tracks import (
    HintTrack,
    HintTrackIndex,
    blend_directions,
    overlay_masks,
)
from vidcolor.motion.flow import DisFlow
from vidcolor.propagation.keyframes import split_intervals
from vidcolor.propagation.propagate import HintMask
from vidcolor.schema import dump_json, load_json

SHAPE = (8, 8)


def make_mask(color: float, alpha: float = 1.0) -> HintMask:
    """Return a uniform mask whose a* and b* are both `color`."""
    ab = np.full((2, *SHAPE), color, np.float32)
    return HintMask(ab, np.full(SHAPE, alpha, np.float32))


@settings(deadline=None)
@given(st.integers(0, 100), st.integers(1, 100))
def test_two_hinted_frames_blend_linearly_over_time(position, length) -> None:
    position = min(position, length)
    earlier = overlay_masks([(position, make_mask(10))], SHAPE)
    later = overlay_masks([(length - position, make_mask(50))], SHAPE)
    blended = blend_directions(earlier, later)
    assert np.allclose(blended.ab, 10 + 40 * position / length, atol=0.05)
    assert np.allclose(blended.alpha, 1)


def test_the_nearer_of_two_masks_applies_where_it_covers() -> None:
    left_half = make_mask(50)
    left_half.alpha[:, 4:] = 0
    hints = overlay_masks([(30, make_mask(10)), (5, left_half)], SHAPE)
    assert np.allclose(hints.ab[:, :, :4], 50)
    assert np.allclose(hints.ab[:, :, 4:], 10)
    assert np.allclose(hints.distance[:, :4], 5)
    assert np.allclose(hints.distance[:, 4:], 30)
    assert np.allclose(hints.alpha, 1)


def test_hints_on_one_side_apply_unchanged() -> None:
    none = overlay_masks([], SHAPE)
    mask = blend_directions(overlay_masks([(7, make_mask(20, 0.6))], SHAPE), none)
    assert np.allclose(mask.ab, 20)
    assert np.allclose(mask.alpha, 0.6)
    assert blend_directions(none, none).alpha.max() == 0


@pytest.mark.slow
def test_a_mask_moves_with_its_object_and_leaves_no_trail() -> None:
    background, textured = 0.5 * make_texture(2)[:96, :128], 0.5 + 0.5 * make_texture(3)[:32, :32]
    frames = []
    for n in range(65):
        frames.append(background.copy())
        frames[-1][32:64, 4 + n : 36 + n] = textured
    alpha = np.zeros((96, 128), np.float32)
    alpha[32:64, 4:36] = 1
    mask = HintMask(np.full((2, 96, 128), 30, np.float32), alpha)
    track = None
    for interval in split_intervals(make_flow_frames(frames), DisFlow()):
        if track is None:
            track = HintTrack(0, 0, mask)
            continue
        track.advance(interval.to_previous[-1], interval.keyframe.flow_input.luma)
    assert track is not None
    left = 4 + 64
    assert float(track.mask.alpha[36:60, left + 4 : left + 28].mean()) > 0.9
    assert np.allclose(track.mask.ab[:, 36:60, left + 4 : left + 28], 30, atol=0.5)
    around = track.mask.alpha.copy()
    around[26:70, left - 6 : left + 38] = 0
    assert float(around.mean()) < 0.01


def test_an_index_survives_conversion_to_json() -> None:
    index = HintTrackIndex((4, 9, 16), 2, frozenset({0, 50}), {0: 0, 50: 1})
    assert load_json(HintTrackIndex, dump_json(index)) == index
