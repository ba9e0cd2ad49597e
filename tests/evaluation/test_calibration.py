"""Reliability diagrams and expected calibration error."""

from __future__ import annotations

import numpy as np
import pytest

from vidcolor.evaluation.calibration import ReliabilityDiagram, compute_mean_ab


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(20000).astype(np.float32)
    calibrated, overconfident = ReliabilityDiagram(), ReliabilityDiagram()
    calibrated.add_cells(confidence, rng.random(20000) < confidence)
    overconfident.add_cells(confidence, rng.random(20000) < confidence / 2)
    assert calibrated.summarize().ece < 0.03
    assert overconfident.summarize().ece == pytest.approx(0.25, abs=0.02)
    assert sum(b.fraction for b in calibrated.summarize().bins) == pytest.approx(1)
    assert overconfident.summarize().accuracy == pytest.approx(0.25, abs=0.02)


def test_empty_bins_have_no_accuracy() -> None:
    diagram = ReliabilityDiagram()
    diagram.add_cells(np.full(4, 0.5, np.float32), np.array([True, True, False, True]))
    bins = diagram.summarize().bins
    assert [b.accuracy for b in bins if b.accuracy is not None] == [0.75]
    assert [b.confidence for b in bins if b.confidence is not None] == [0.5]


def test_mean_ab_is_the_mean_over_each_cell() -> None:
    rgb = np.full((8, 8, 3), 128, np.uint8)
    rgb[:, 4:] = (200, 40, 40)
    ab = compute_mean_ab(rgb, (1, 2))
    assert ab.shape == (2, 1, 2)
    assert np.abs(ab[:, 0, 0]).max() < 0.1
    assert ab[0, 0, 1] > 40
