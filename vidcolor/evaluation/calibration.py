"""Whether confidence means what it says: how often color is right where it claims to be.

A cell of the generator's grid counts as right if its a*, b* lies within `CONFIDENCE_RADIUS` of the
mean a*, b* of the same place in the original.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.color.bins import CONFIDENCE_RADIUS
from vidcolor.color.lab import rgb_to_lab

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.colorizer import ProxyPrediction
    from vidcolor.media.preview import Rgb

    Floats = NDArray[np.float32]

NUM_BINS = 15
"""Of equal width, as in Guo et al., "On Calibration of Modern Neural Networks", 2017."""


def true_ab(rgb: Rgb, shape: tuple[int, ...]) -> Floats:
    """The mean a*, b* of every cell of a grid laid over a picture.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
        shape: rows and columns of the grid.

    Returns:
        (2, h, w) float32.
    """
    import cv2
    import torch

    unit = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None].float() / 255
    ab = np.ascontiguousarray(rgb_to_lab(unit)[1][0].numpy().transpose(1, 2, 0))
    cells = cv2.resize(ab, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(cells, np.float32).transpose(2, 0, 1)


class Reliability:
    """Counts cells by confidence; grows with nothing."""

    def __init__(self) -> None:
        self._cells = np.zeros(NUM_BINS)
        self._confidence = np.zeros(NUM_BINS)
        self._right = np.zeros(NUM_BINS)

    def add(self, color: ProxyPrediction, truth: Rgb) -> None:
        """Count one picture's cells.

        Args:
            color: what the generator said of it.
            truth: the original, (H, W, 3) uint8.
        """
        error = color.ab - true_ab(truth, color.ab.shape[1:])
        right = np.hypot(error[0], error[1]) <= CONFIDENCE_RADIUS
        self.count(color.confidence.ravel(), right.ravel())

    def count(self, confidence: Floats, right: NDArray[np.bool_]) -> None:
        """Count cells.

        Args:
            confidence: (n,) in [0, 1].
            right: (n,).
        """
        index = np.minimum((confidence * NUM_BINS).astype(int), NUM_BINS - 1)
        self._cells += np.bincount(index, minlength=NUM_BINS)
        self._confidence += np.bincount(index, confidence, NUM_BINS)
        self._right += np.bincount(index, right, NUM_BINS)

    @property
    def shares(self) -> list[float]:
        """Of all cells, those in each bin."""
        return [float(n) for n in self._cells / max(1.0, self._cells.sum())]

    @property
    def claimed(self) -> list[float | None]:
        """Mean confidence in each bin; None where there is no cell."""
        return _means(self._confidence, self._cells)

    @property
    def found(self) -> list[float | None]:
        """Share of right cells in each bin; None where there is no cell."""
        return _means(self._right, self._cells)

    @property
    def ece(self) -> float:
        """Expected calibration error: mean |share of right cells - confidence| over all cells."""
        gap = np.abs(self._right - self._confidence).sum()
        return float(gap / max(1.0, self._cells.sum()))

    def to_json(self) -> dict[str, Any]:
        """Everything that the diagram shows."""
        bins = zip(self.shares, self.claimed, self.found, strict=True)
        return {
            "ece": self.ece,
            "radius_ab": CONFIDENCE_RADIUS,
            "cells": int(self._cells.sum()),
            "share_right": float(self._right.sum() / max(1.0, self._cells.sum())),
            "bins": [
                {"up_to": (n + 1) / NUM_BINS, "share": s, "claimed": c, "found": f}
                for n, (s, c, f) in enumerate(bins)
            ],
        }


def _means(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> list[float | None]:
    return [float(s / n) if n else None for s, n in zip(sums, counts, strict=True)]
