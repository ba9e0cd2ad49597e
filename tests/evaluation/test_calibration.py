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
    assert calibrated.ece < 0.03
    assert overconfident.ece == pytest.approx(0.25, abs=0.02)
    assert sum(calibrated.fractions) == pytest.approx(1)
    assert overconfident.to_json()["accuracy"] == pytest.approx(0.25, abs=0.02)


def test_empty_bins_have_no_accuracy() -> None:
    diagram = ReliabilityDiagram()
    diagram.add_cells(np.full(4, 0.5, np.float32), np.array([True, True, False, True]))
    assert [a for a in diagram.accuracies if a is not None] == [0.75]
    assert [c for c in diagram.confidences if c is not None] == [0.5]


def test_mean_ab_is_the_mean_over_each_cell() -> None:
    rgb = np.full((8, 8, 3), 128, np.uint8)
    rgb[:, 4:] = (200, 40, 40)
    ab = compute_mean_ab(rgb, (1, 2))
    assert ab.shape == (2, 1, 2)
    assert np.abs(ab[:, 0, 0]).max() < 0.1
    assert ab[0, 0, 1] > 40
