"""Calibration of a generator's confidence: how often cells of a given confidence are correct.

A cell of the generator's grid is correct if its a*, b* lies within `CONFIDENCE_RADIUS` of the mean
a*, b* of the same cell in the ground truth. Reliability diagram and expected calibration error are
defined by Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.color.bins import CONFIDENCE_RADIUS
from vidcolor.color.lab import rgb_to_lab
from vidcolor.imaging.resize import resize_area

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.colorizer import ProxyPrediction
    from vidcolor.imaging.types import FloatArray, Rgb

NUM_BINS = 15
"""Number of confidence bins of equal width."""


def compute_mean_ab(rgb: Rgb, shape: tuple[int, ...]) -> FloatArray:
    """Return the mean a*, b* of every cell of a grid over an image.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
        shape: rows h and columns w of the grid.

    Returns:
        (2, h, w) float32.
    """
    import torch

    # The mean is taken in a*b*, because cells are compared in that space.
    unit = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None].float() / 255
    ab = np.ascontiguousarray(rgb_to_lab(unit)[1][0].numpy().transpose(1, 2, 0))
    return resize_area(ab, shape).transpose(2, 0, 1)


class ReliabilityDiagram:
    """A reliability diagram: the accuracy of cells over their confidence, in bins of confidence."""

    def __init__(self) -> None:
        self._num_cells = np.zeros(NUM_BINS)
        self._confidence = np.zeros(NUM_BINS)
        self._num_correct = np.zeros(NUM_BINS)

    def add(self, prediction: ProxyPrediction, ground_truth: Rgb) -> None:
        """Add the cells of one image.

        Args:
            prediction: the prediction for the image.
            ground_truth: the image in its true colors, (H, W, 3) uint8.
        """
        error = prediction.ab - compute_mean_ab(ground_truth, prediction.ab.shape[1:])
        is_correct = np.hypot(error[0], error[1]) <= CONFIDENCE_RADIUS
        self.add_cells(prediction.confidence.ravel(), is_correct.ravel())

    def add_cells(self, confidence: FloatArray, is_correct: NDArray[np.bool_]) -> None:
        """Add cells.

        Args:
            confidence: (n,) float32 in [0, 1].
            is_correct: (n,) bool.
        """
        index = np.minimum((confidence * NUM_BINS).astype(int), NUM_BINS - 1)
        self._num_cells += np.bincount(index, minlength=NUM_BINS)
        self._confidence += np.bincount(index, confidence, NUM_BINS)
        self._num_correct += np.bincount(index, is_correct, NUM_BINS)

    @property
    def fractions(self) -> list[float]:
        """Fraction of all cells in each bin."""
        return [float(n) for n in self._num_cells / max(1.0, self._num_cells.sum())]

    @property
    def confidences(self) -> list[float | None]:
        """Mean confidence in each bin; None for an empty bin."""
        return _divide(self._confidence, self._num_cells)

    @property
    def accuracies(self) -> list[float | None]:
        """Fraction of correct cells in each bin; None for an empty bin."""
        return _divide(self._num_correct, self._num_cells)

    @property
    def ece(self) -> float:
        """Expected calibration error: the mean |accuracy - confidence| over cells, in [0, 1]."""
        gap = np.abs(self._num_correct - self._confidence).sum()
        return float(gap / max(1.0, self._num_cells.sum()))

    def to_json(self) -> dict[str, Any]:
        """Return the diagram as JSON values."""
        bins = zip(self.fractions, self.confidences, self.accuracies, strict=True)
        return {
            "ece": self.ece,
            "radius_ab": CONFIDENCE_RADIUS,
            "num_cells": int(self._num_cells.sum()),
            "accuracy": float(self._num_correct.sum() / max(1.0, self._num_cells.sum())),
            "bins": [
                {
                    "upper_bound": (n + 1) / NUM_BINS,
                    "fraction": fraction,
                    "confidence": confidence,
                    "accuracy": accuracy,
                }
                for n, (fraction, confidence, accuracy) in enumerate(bins)
            ],
        }


def _divide(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> list[float | None]:
    """Return sums divided by counts; None where the count is 0."""
    return [float(s / n) if n else None for s, n in zip(sums, counts, strict=True)]
