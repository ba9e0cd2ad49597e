"""Pictures colored with what a person knows of them: the generator is told, then held to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.hints.color_transfer import BasePrediction
from vidcolor.uncertainty import to_grid

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vidcolor.colorizer import ProxyPrediction
    from vidcolor.generators.predictor import HintArrays
    from vidcolor.hints.hint_set import HintSet

    Array = NDArray[np.float32]


class HintedPrediction(NamedTuple):
    """A picture's color before and after a person's word, in the orientation of stored pixels."""

    guess: ProxyPrediction
    """What the generator says by itself."""
    color: ProxyPrediction
    """What became of it; confidence is raised where something is known."""
    share: Array
    """How far it is known: (h, w) float32 in [0, 1]."""


def predict_with_hints(
    predict: Callable[[HintArrays | None], ProxyPrediction],
    known: HintSet,
    accepts_hints: bool,
    quarter_turns: int = 0,
) -> HintedPrediction:
    """Color a picture of which something is known.

    Args:
        predict: what the generator says of it, with or without hints.
        known: what is known.
        accepts_hints: whether the generator has a use for hints; without, they are spread by luma
            alone.
        quarter_turns: counter-clockwise, by which the picture is turned for the generator.
    """
    guess = told = predict(None)
    if accepts_hints:
        told = predict(known.for_generator(base_prediction(guess), quarter_turns))
    ab, share = known.settle(told.ab, told.proxy, accepts_hints)
    confidence = np.maximum(told.confidence, share)
    return HintedPrediction(guess, replace(told, ab=ab, confidence=confidence), share)


def base_prediction(color: ProxyPrediction) -> BasePrediction:
    """What the generator said, as hints take it."""
    return BasePrediction(to_grid(color.proxy, color.confidence.shape), color.ab, color.confidence)
