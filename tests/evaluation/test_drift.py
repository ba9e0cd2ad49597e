"""Patch tracking and color drift."""

from __future__ import annotations

import numpy as np
import pytest

from vidcolor.evaluation.drift import DriftMeter, PatchTracker
from vidcolor.evaluation.temporal_metrics import BidirectionalFlow

SHAPE = (40, 48)


def uniform_flow(x: float, reverse_x: float | None = None) -> BidirectionalFlow:
    """Return a horizontal flow; its reverse is the opposite unless another is given."""
    forward, backward = (np.zeros((*SHAPE, 2), np.float32) for _ in range(2))
    forward[..., 0] = x
    backward[..., 0] = -x if reverse_x is None else reverse_x
    mask = np.ones(SHAPE, bool)
    return BidirectionalFlow(forward, mask, backward, mask)


def test_patches_move_along_the_flow_until_they_reach_the_border() -> None:
    tracker = PatchTracker(SHAPE)
    start = tracker.positions
    tracker.advance(uniform_flow(8.0))
    assert 0 < len(tracker.indices) < len(start)
    assert np.allclose(tracker.positions, start[tracker.indices] + (8, 0))


def test_patches_with_inconsistent_flow_are_dropped() -> None:
    tracker = PatchTracker(SHAPE)
    tracker.advance(uniform_flow(4.0, reverse_x=4.0))
    assert len(tracker.indices) == 0


def test_drift_is_the_color_difference_between_first_and_last_frame() -> None:
    lab = np.full((*SHAPE, 3), (50, 0, 0), np.float32)
    lighter = lab + np.float32([10, 0, 0])
    meter = DriftMeter(3, {"constant": lab, "changing": lab})
    meter.advance(uniform_flow(2.0))
    measurement = meter.measure({"constant": lab, "changing": lighter})
    assert measurement is not None
    assert measurement.first == 3
    assert measurement.drift["constant"] == 0
    assert measurement.drift["changing"] == pytest.approx(9.5, abs=0.6)  # CIEDE2000


def test_drift_without_tracked_patches_is_undefined() -> None:
    lab = np.zeros((*SHAPE, 3), np.float32)
    meter = DriftMeter(0, {"a": lab})
    meter.advance(uniform_flow(100.0))
    assert meter.measure({"a": lab}) is None
