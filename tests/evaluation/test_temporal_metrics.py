"""Color distribution consistency, flow validity, flicker and drift."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidcolor.evaluation.temporal_metrics import (
    DRIFT_FRAMES,
    BidirectionalFlow,
    DriftMeter,
    compare_histograms,
    compute_cdc,
    compute_drift_percentile,
    compute_flicker,
    compute_histograms,
    compute_warp_error,
    is_consistent,
    jensen_shannon_divergence,
)

SHAPE = (40, 48)


def cdc(frames: list[np.ndarray]) -> float:
    histograms = [compute_histograms(frame) for frame in frames]
    return compute_cdc([compare_histograms(h, histograms[:n]) for n, h in enumerate(histograms)])


def static_flow(shape: tuple[int, int], valid: bool = True) -> BidirectionalFlow:
    flow, mask = np.zeros((*shape, 2), np.float32), np.full(shape, valid)
    return BidirectionalFlow(flow, mask, flow, mask)


@settings(max_examples=20)
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


def uniform_flow(x: float, reverse_x: float | None = None) -> BidirectionalFlow:
    """Return a horizontal flow; its reverse is the opposite unless another is given."""
    forward, backward = (np.zeros((*SHAPE, 2), np.float32) for _ in range(2))
    forward[..., 0] = x
    backward[..., 0] = -x if reverse_x is None else reverse_x
    mask = np.ones(SHAPE, bool)
    return BidirectionalFlow(forward, mask, backward, mask)


def make_lab(lightness: float) -> np.ndarray:
    return np.full((*SHAPE, 3), (lightness, 0, 0), np.float32)


def test_patches_move_along_the_flow_until_they_reach_the_border() -> None:
    meter = DriftMeter({"a": make_lab(50)})
    start = {tuple(position) for position in meter.positions}
    meter.advance(uniform_flow(8.0))
    assert 0 < len(meter.positions) < len(start)
    assert {(x - 8, y) for x, y in meter.positions} < start


def test_patches_with_inconsistent_flow_are_dropped() -> None:
    meter = DriftMeter({"a": make_lab(50)})
    meter.advance(uniform_flow(4.0, reverse_x=4.0))
    assert len(meter.positions) == 0
    assert meter.measure({"a": make_lab(50)})["a"].shape == (0,)


def test_drift_is_the_length_of_the_change_of_color() -> None:
    meter = DriftMeter({"constant": make_lab(50), "changing": make_lab(50)})
    for _ in range(DRIFT_FRAMES):
        assert not meter.is_complete
        meter.advance(uniform_flow(0.5))
    assert meter.is_complete
    changed = make_lab(55) + np.float32([0, 3, -4])
    drift = meter.measure({"constant": make_lab(55), "changing": changed})
    assert len(drift["constant"]) == len(drift["changing"]) == len(meter.positions) > 0
    assert drift["constant"] == pytest.approx(0)
    assert drift["changing"] == pytest.approx(5)


def test_patches_whose_lightness_changes_do_not_count_as_drift() -> None:
    meter = DriftMeter({"a": make_lab(50)})
    lab = make_lab(50)
    lab[:, 24:] = (61, 20, 0)
    meter.advance(uniform_flow(0.0))
    drift = meter.measure({"a": lab})["a"]
    assert 0 < len(drift) < len(meter.positions)
    assert drift[: len(drift) // 2] == pytest.approx(0)


def test_patches_that_the_flow_does_not_lead_back_to_their_origin_are_dropped() -> None:
    """Each step passes the forward-backward check, and the errors add up."""
    meter = DriftMeter({"a": make_lab(50)})
    for _ in range(4):
        meter.advance(uniform_flow(2.0, reverse_x=-1.4))
    assert len(meter.positions) > 0
    assert len(meter.measure({"a": make_lab(50)})["a"]) == 0


def test_drift_percentile_pools_the_patches_of_all_measurements() -> None:
    changes = [np.arange(50.0), math.nan, np.zeros(0), np.arange(50.0, 101)]
    assert compute_drift_percentile(changes, 95) == pytest.approx(95)
    assert math.isnan(compute_drift_percentile([math.nan], 50))
