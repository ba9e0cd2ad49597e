"""A generator that predicts one color for every pixel, without weights."""

from __future__ import annotations

import torch

from vidcolor.colorizer import Colorizer
from vidcolor.generators.base import Hints, Prediction, check_inputs

STRIDE = 4


class FlatGenerator:
    """Predicts the same a*b* and confidence everywhere, on a grid of stride 4."""

    name = "flat"
    digest = "0" * 64
    accepts_hints = False
    has_confidence = True
    has_vividness = True
    device = "cpu"

    def __init__(
        self, ab: tuple[float, float] = (12.0, 18.0), confidence: float = 0.5, native_size: int = 32
    ) -> None:
        self.ab, self.confidence, self.native_size = ab, confidence, native_size

    def __call__(
        self, luma: torch.Tensor, hints: Hints | None = None, vividness: float | None = None
    ) -> Prediction:
        check_inputs(luma, hints)
        count, height, width = len(luma), *luma.shape[-2:]
        grid = max(1, height // STRIDE), max(1, width // STRIDE)
        ab = torch.tensor(self.ab).reshape(1, 2, 1, 1).expand(count, 2, *grid).contiguous()
        return Prediction(ab, torch.full((count, 1, *grid), self.confidence))


def flat_colorizer(
    ab: tuple[float, float] = (12.0, 18.0), confidence: float = 0.5, native_size: int = 32
) -> Colorizer:
    """Return a colorizer that runs a `FlatGenerator`."""
    return Colorizer(FlatGenerator(ab, confidence, native_size))
