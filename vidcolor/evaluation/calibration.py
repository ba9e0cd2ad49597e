"""Calibration of a generator's confidence: how often cells of a given confidence are correct.

A cell of the generator's grid is correct if its a*, b* lies within `CONFIDENCE_RADIUS` of the mean
a*, b* of the same cell in the ground truth. Reliability diagram and expected calibration error are
defined by Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.bins import CONFIDENCE_RADIUS
from vidcolor.color.lab import rgb_to_lab
from vidcolor.evaluation.report import Calibration, CalibrationBin
from vidcolor.imaging.resize import resize_area

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.colorizer import ProxyPrediction
    from vidcolor.imaging.types import FloatArray, Rgb

NUM_BINS = 15
"""Number of confidence bins of equal width."""


def compute_mean_ab(rgb: Rgb, shape: tuple[int, ...]) -> FloatArray:
    """Return the mean a*, b* of every cell of a grid of `shape` (h, w) over an sRGB image.

    (H, W, 3) uint8 becomes (2, h, w) float32.
    """
    import torch

    # The mean is taken in a*b*, because cells are compared in that space.
    unit = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None].float() / 255
    ab = np.ascontiguousarray(rgb_to_lab(unit)[1][0].numpy().transpose(1, 2, 0))
    return resize_area(ab, shape).transpose(2, 0, 1)


class ReliabilityDiagram:
    """Accumulates the accuracy of cells in bins of their confidence."""

    def __init__(self) -> None:
        self._sums = np.zeros((3, NUM_BINS))
        """Number of cells, sum of their confidence, and number of correct cells in each bin."""

    def add(self, prediction: ProxyPrediction, ground_truth: Rgb) -> None:
        """Add the cells of the prediction for one image, (H, W, 3) uint8."""
        error = prediction.ab - compute_mean_ab(ground_truth, prediction.ab.shape[1:])
        is_correct = np.hypot(error[0], error[1]) <= CONFIDENCE_RADIUS
        self.add_cells(prediction.confidence.ravel(), is_correct.ravel())

    def add_cells(self, confidence: FloatArray, is_correct: NDArray[np.bool_]) -> None:
        """Add cells: their confidence, (n,) float32 in [0, 1], and whether they are correct."""
        index = np.minimum((confidence * NUM_BINS).astype(int), NUM_BINS - 1)
        for row, weights in enumerate((None, confidence, is_correct)):
            self._sums[row] += np.bincount(index, weights, NUM_BINS)

    def summarize(self) -> Calibration:
        """Return the diagram and the calibration error of all cells."""
        num_cells, confidence, num_correct = self._sums
        total = max(1.0, num_cells.sum())
        return Calibration(
            ece=float(np.abs(num_correct - confidence).sum() / total),
            radius_ab=CONFIDENCE_RADIUS,
            num_cells=int(num_cells.sum()),
            accuracy=float(num_correct.sum() / total),
            bins=[
                CalibrationBin(
                    upper_bound=(k + 1) / NUM_BINS,
                    fraction=float(n / total),
                    confidence=float(confidence[k] / n) if n else None,
                    accuracy=float(num_correct[k] / n) if n else None,
                )
                for k, n in enumerate(num_cells)
            ],
        )
