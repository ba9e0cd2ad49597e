"""Hints must reach a generator that accepts them, and apply to the result of any generator."""

from __future__ import annotations

import numpy as np

from vidcolor.colorizer import ProxyPrediction
from vidcolor.generators.predictor import HintArrays
from vidcolor.hints.discs import place_hints
from vidcolor.hints.hint_set import HintSet
from vidcolor.hints.predict import predict_with_hints
from vidcolor.options import Hint

SIZE = (24, 32)
GRID = (12, 16)
CENTER = (6, 8)
"""The cell of the prediction grid in the center of the hint."""


class RecordingGenerator:
    """Predicts one color, and records the hints of each call."""

    def __init__(self) -> None:
        self.calls: list[HintArrays | None] = []

    def predict(self, hints: HintArrays | None) -> ProxyPrediction:
        self.calls.append(hints)
        ab = np.full((2, *GRID), 7, np.float32)
        confidence = np.full(GRID, 0.25, np.float32)
        return ProxyPrediction(ab, confidence, np.full(SIZE, 0.5, np.float32))


def make_hints() -> HintSet:
    hint = Hint(x=16, y=12, radius=4, color="teal")
    return HintSet(SIZE, place_hints([hint], SIZE))


def test_a_generator_that_accepts_hints_predicts_without_and_with_them() -> None:
    generator, hints = RecordingGenerator(), make_hints()
    predict_with_hints(generator.predict, hints, accepts_hints=True)
    without, arrays = generator.calls
    assert without is None
    assert arrays is not None
    assert arrays.density[0][CENTER] == 1
    assert np.allclose(arrays.ab[0][:, *CENTER], hints.discs[0].ab)


def test_a_generator_that_ignores_hints_predicts_once_and_its_result_is_changed() -> None:
    generator, hints = RecordingGenerator(), make_hints()
    base, hinted, alpha = predict_with_hints(generator.predict, hints, accepts_hints=False)
    assert generator.calls == [None]
    assert (base.ab == 7).all()
    assert np.allclose(hinted.ab[:, *CENTER], hints.discs[0].ab, atol=0.5)
    assert alpha[CENTER] > 0.95
    assert hinted.confidence[CENTER] == alpha[CENTER]
    assert (hinted.confidence >= base.confidence).all()
