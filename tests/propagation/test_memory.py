"""Tests of the memory of key frames."""

from __future__ import annotations

import itertools

import numpy as np

from tests.helpers.frames import make_texture
from vidcolor.motion.flow import DisFlow, make_flow_input
from vidcolor.propagation.memory import MAX_KEYFRAMES, KeyframeMemory

LUMA = make_texture(1)[:48, :64]
COLOR, WEIGHT = np.zeros((48, 64, 3), np.float32), np.ones((48, 64), np.float32)


def remember(*new_shares: float) -> KeyframeMemory:
    memory, flow_input = KeyframeMemory(), make_flow_input(LUMA)
    for share in new_shares:
        memory = memory.remember(flow_input, COLOR, WEIGHT, share)
    return memory


def test_only_key_frames_with_new_content_are_remembered() -> None:
    assert len(remember(1.0, *[0.001] * 100).keyframes) == 1
    assert len(remember(1.0, *[0.1] * 4).keyframes) == 3


def test_number_of_remembered_key_frames_is_bounded_and_they_are_spread() -> None:
    memory = remember(1.0, *[0.3] * 200)
    novelties = [keyframe.novelty for keyframe in memory.keyframes]
    assert len(novelties) == MAX_KEYFRAMES
    assert novelties[0] == 1
    assert novelties[-1] == memory.novelty
    assert max(b - a for a, b in itertools.pairwise(novelties)) < 0.5 * memory.novelty


def test_an_empty_memory_and_small_new_parts_recall_nothing() -> None:
    flow_input, is_new = make_flow_input(LUMA), np.zeros(LUMA.shape, np.bool_)
    is_new[:, :32] = True
    assert KeyframeMemory().recall(flow_input, is_new, DisFlow()) is None
    memory = remember(1.0)
    assert memory.recall(flow_input, is_new, DisFlow()) is not None
    assert memory.recall(flow_input, np.zeros_like(is_new), DisFlow()) is None


def test_a_memory_is_restored_from_its_arrays() -> None:
    memory = remember(1.0, 0.1, 0.3)
    restored = KeyframeMemory.from_arrays(memory.to_arrays())
    assert restored.novelty == memory.novelty
    for keyframe, expected in zip(restored.keyframes, memory.keyframes, strict=True):
        assert keyframe.novelty == expected.novelty
        for name in ("luma", "normalized", "codes"):
            values = (getattr(k.flow_input, name) for k in (keyframe, expected))
            np.testing.assert_array_equal(*values)
    assert KeyframeMemory.from_arrays(KeyframeMemory().to_arrays()) == KeyframeMemory()
