"""Color distribution consistency, flow validity and flicker."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidcolor.evaluation.temporal_metrics import (
    BidirectionalFlow,
    HistogramComparer,
    compute_cdc,
    compute_flicker,
    compute_warp_error,
    is_consistent,
    jensen_shannon_divergence,
)


def cdc(frames: list[np.ndarray]) -> float:
    comparer = HistogramComparer()
    return compute_cdc(np.array([comparer.add(frame, False) for frame in frames]))


def static_flow(shape: tuple[int, int], valid: bool = True) -> BidirectionalFlow:
    flow, mask = np.zeros((*shape, 2), np.float32), np.full(shape, valid)
    return BidirectionalFlow(flow, mask, flow, mask)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 8))
def test_cdc_is_0_for_a_frozen_film_and_independent_of_direction(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    frames = [rng.random((8, 9, 3)).astype(np.float32) for _ in range(count)]
    assert cdc([frames[0]] * count) == pytest.approx(0, abs=1e-9)
    assert cdc(frames) >= 0
    assert cdc(frames) == pytest.approx(cdc(frames[::-1]))


def test_cdc_of_one_frame_is_undefined() -> None:
    assert math.isnan(cdc([np.zeros((2, 2, 3), np.float32)]))


def test_divergence_of_disjoint_distributions_is_ln_2() -> None:
    p, q = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert jensen_shannon_divergence(p, q) == pytest.approx(math.log(2))
    assert jensen_shannon_divergence(p, p) == 0


def test_flows_are_consistent_if_they_cancel() -> None:
    flow = np.array([[10.0, 0.0], [10.0, 0.0]], np.float32)
    reverse = np.array([[-10.0, 0.5], [-6.0, 0.0]], np.float32)
    assert is_consistent(flow, reverse).tolist() == [True, False]


def test_flicker_is_the_rms_deviation_of_independent_errors() -> None:
    rng = np.random.default_rng(0)
    frames = [rng.normal(0, 3, (200, 200, 2)).astype(np.float32) for _ in range(3)]
    flow = static_flow((200, 200))
    # Two channels of standard deviation 3 have an RMS length of 3 sqrt(2).
    assert compute_flicker(*frames, flow, flow) == pytest.approx(3 * math.sqrt(2), rel=0.02)


def test_linear_change_has_a_warp_error_and_no_flicker() -> None:
    frames = [np.full((4, 4, 2), 2.0 * n, np.float32) for n in range(3)]
    flow = static_flow((4, 4))
    assert compute_flicker(*frames, flow, flow) == 0
    assert compute_warp_error(frames[0], frames[1], flow) == 4


def test_metrics_without_valid_pixels_are_undefined() -> None:
    frame, flow = np.zeros((4, 4, 2), np.float32), static_flow((4, 4), valid=False)
    assert math.isnan(compute_warp_error(frame, frame, flow))
    assert math.isnan(compute_flicker(frame, frame, frame, flow, flow))
