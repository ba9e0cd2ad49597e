"""Tests of the search for a part of a frame in other frames."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.helpers.frames import make_texture, read_reel_frames
from vidcolor.imaging.types import FloatArray, Mask
from vidcolor.motion.flow import DisFlow, FlowInput, make_flow_input, pixel_grid
from vidcolor.motion.flow_chain import FlowChain
from vidcolor.propagation.correspondence import find_translation, match_frame

SCENE = make_texture(4, 140, 260)


def crop(x: int, y: int, scene: FloatArray = SCENE) -> FloatArray:
    return np.ascontiguousarray(scene[y : y + 96, x : x + 128])


def select_columns(start: int, stop: int) -> Mask:
    part = np.zeros((96, 128), np.bool_)
    part[:, start:stop] = True
    return part


def match(source: FloatArray, part: Mask, target: FloatArray) -> FlowChain | None:
    frames = make_flow_input(source), make_flow_input(target)
    found = find_translation(frames[0], part, frames[1:])
    return (
        None if found is None else match_frame(frames[0], part, frames[1], found.offset, DisFlow())
    )


@pytest.mark.parametrize("gain", [1.0, 0.6])
@pytest.mark.parametrize("offset", [(0, 0), (70, 12), (90, 0)])
def test_a_part_is_found_at_any_translation_and_exposure(
    offset: tuple[int, int], gain: float
) -> None:
    x, y = offset
    part = select_columns(0, 30)
    chain = match(crop(x, y), part, gain * crop(0, 0) + 0.05)
    assert chain is not None
    error = np.hypot(*(chain.coords - pixel_grid(part.shape) - offset).transpose(2, 0, 1))
    rows = np.arange(96)[:, None].repeat(128, 1)[part]
    inside = rows + y < 94
    assert float((chain.confidence[part] > 0.5)[inside].mean()) > 0.8
    is_confident = chain.confidence > 0.5
    assert float(error[is_confident & part].max()) < 1.5
    # Outside of the part, the flow is less exact at the edge of the target.
    assert float(is_confident[: 90 - y, 30 : 124 - x].mean()) > 0.8
    assert float(error[is_confident].max()) < 3


def test_parts_of_other_scenes_are_not_found() -> None:
    for source, target in itertools.permutations(read_reel_frames(), 2):
        for part in (select_columns(0, 30), select_columns(64, 128)):
            assert match(source, part, target) is None


def test_the_most_similar_target_is_found_and_the_first_of_equal_ones() -> None:
    part = select_columns(0, 40)
    targets = [crop(100, 40, make_texture(9, 140, 260)), crop(10, 0), crop(40, 0), crop(40, 0)]
    inputs: list[FlowInput] = [make_flow_input(target) for target in targets]
    found = find_translation(make_flow_input(crop(44, 0)), part, inputs)
    assert found is not None
    assert found.target == 2
    assert np.allclose(found.offset, (4, 0), atol=2)


@pytest.mark.parametrize("is_same", [True, False])
def test_a_plain_wall_follows_the_things_beside_it_if_its_brightness_is_the_same(
    is_same: bool,
) -> None:
    scene = SCENE.copy()
    scene[50:] = 0.45
    there = scene.copy()
    if not is_same:
        there[50:] = 0.9
    part = select_columns(0, 60)
    chain = match(crop(60, 0, scene), part, crop(30, 0, there))
    assert chain is not None
    wall = chain.confidence[70:, 5:55]
    assert float(wall.min()) > 0.9 if is_same else float(wall.max()) < 0.1
    if is_same:
        assert np.allclose((chain.coords - pixel_grid(part.shape))[70:, 5:55], (30, 0), atol=1)
