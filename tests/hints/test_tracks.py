"""The color of references must follow objects; overlays must be interpolated along flow."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.frames import make_flow_frames, make_texture
from vidcolor.disk_array import DiskArray
from vidcolor.hints.tracks import (
    HintTrack,
    KeyframeLinks,
    blend_directions,
    carry_references,
    interpolate_overlays,
    overlay_masks,
)
from vidcolor.imaging.overlay import ColorOverlay
from vidcolor.motion.flow import DisFlow, pixel_grid
from vidcolor.motion.flow_chain import FlowChain, identity_chain
from vidcolor.propagation.keyframes import split_intervals

SHAPE = (8, 8)


def make_mask(color: float, alpha: float = 1.0) -> ColorOverlay:
    """Return a uniform mask whose a* and b* are both `color`."""
    ab = np.full((2, *SHAPE), color, np.float32)
    return ColorOverlay(ab, np.full(SHAPE, alpha, np.float32))


def move_right(pixels: float, confidence: float = 1.0) -> FlowChain:
    """Return the chain to a frame in which everything lies further to the right."""
    coords = pixel_grid(SHAPE) + np.array([pixels, 0], np.float32)
    return FlowChain(coords, np.full(SHAPE, confidence, np.float32))


def make_links(*gaps: int) -> KeyframeLinks:
    """Return key frames from frame 20 on, with these numbers of frames between them."""
    links = KeyframeLinks([], *(DiskArray(io.BytesIO()) for _ in range(3)))
    luma = np.tile(np.linspace(0, 1, SHAPE[1], dtype=np.float32), (SHAPE[0], 1))
    links.append(20, luma, luma, None)
    for gap in gaps:
        for n in range(gap):
            links.append_between(move_right(-1 - n), move_right(gap - n))
        chains = identity_chain(SHAPE), identity_chain(SHAPE)
        links.append(links.frames[-1] + gap + 1, luma, luma, chains)
    return links


@given(st.integers(0, 100), st.integers(1, 100))
def test_two_hinted_frames_blend_linearly_over_time(position: int, length: int) -> None:
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


def test_references_are_carried_in_both_directions_and_blend_between() -> None:
    links = make_links(2, 2, 2)
    hinted = [HintTrack(1, 23, make_mask(10)), HintTrack(3, 29, make_mask(40))]
    get = carry_references(links, hinted, DiskArray(io.BytesIO()))
    for number, color in enumerate((10, 10, 25, 40)):
        overlay = get(number)
        assert np.allclose(overlay.ab, color, atol=0.1), number
        assert np.allclose(overlay.alpha, 1, atol=0.01), number


def test_frames_between_key_frames_have_their_own_flow() -> None:
    links = make_links(0, 3, 1)
    assert links.frames == [20, 21, 25, 27]
    found = [list(links.interpolated(number)) for number in range(4)]
    assert [[(index, share) for index, share, *_ in frames] for frames in found] == [
        [],
        [],
        [(22, 0.25), (23, 0.5), (24, 0.75)],
        [(26, 0.5)],
    ]
    for frames, offsets in ((found[2], [(-1, 3), (-2, 2), (-3, 1)]), (found[3], [(-1, 1)])):
        for (_, _, *chains), expected in zip(frames, offsets, strict=True):
            shifts = [float((c.coords - pixel_grid(SHAPE))[..., 0].mean()) for c in chains]
            assert tuple(shifts) == expected


def test_an_interpolated_overlay_moves_with_the_flow() -> None:
    previous, current = make_mask(10), make_mask(50)
    for mask, column in ((previous, 2), (current, 6)):
        mask.alpha[:] = 0
        mask.alpha[:, column] = 1
        mask.ab[:, mask.alpha == 0] = 99  # undefined
    chains = [move_right(-2), move_right(2)]
    ab, alpha = interpolate_overlays(previous, current, 0.5, chains)
    assert alpha[4] == pytest.approx([0, 0, 0, 0, 1, 0, 0, 0], abs=1e-3)
    assert ab[:, 4, 4] == pytest.approx([30, 30], abs=0.1)
    chains = [move_right(-2), move_right(2, confidence=0)]
    ab, alpha = interpolate_overlays(previous, current, 0.5, chains)
    assert ab[:, 4, 4] == pytest.approx([10, 10], abs=0.1), "only the certain neighbor counts"


@pytest.mark.parametrize(("confidences", "expected"), [((0.9, 0.1), 0), ((0.9, 0.5), 0.69)])
def test_a_frame_that_continues_one_key_frame_has_the_overlay_of_that_one(
    confidences: tuple[float, float], expected: float
) -> None:
    """In the first case the object appears between the frame and the next key frame."""
    chains = [move_right(0, confidence) for confidence in confidences]
    alpha = interpolate_overlays(make_mask(10, alpha=0), make_mask(10), 0.8, chains).alpha
    assert alpha == pytest.approx(np.full(SHAPE, expected), abs=0.01)


def test_overlays_have_a_finer_grid_than_the_flow() -> None:
    fine = ColorOverlay(np.full((2, 16, 16), 20, np.float32), np.zeros((16, 16), np.float32))
    fine.alpha[:, 4] = 1
    _, alpha = interpolate_overlays(fine, fine, 0.5, [move_right(-2), move_right(-2)])
    assert alpha[8].argmax() == 8
    assert alpha[8].sum() == pytest.approx(1, abs=0.01)


@pytest.mark.slow
def test_a_mask_moves_with_its_object_and_leaves_no_trail() -> None:
    background, textured = 0.5 * make_texture(2)[:96, :128], 0.5 + 0.5 * make_texture(3)[:32, :32]
    frames = []
    for n in range(65):
        frames.append(background.copy())
        frames[-1][32:64, 4 + n : 36 + n] = textured
    alpha = np.zeros((96, 128), np.float32)
    alpha[32:64, 4:36] = 1
    mask = ColorOverlay(np.full((2, 96, 128), 30, np.float32), alpha)
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
