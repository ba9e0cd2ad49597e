"""Prediction with hints: the generator is given the hints, and they are blended into its result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.errors import UsageError
from vidcolor.hints.color_transfer import (
    MIN_REFERENCE_COVERAGE,
    BasePrediction,
    TransferredColor,
    palette_only_warning,
    read_reference,
    transfer_color,
)
from vidcolor.hints.discs import place_hints
from vidcolor.hints.hint_set import HintSet
from vidcolor.hints.io import load_hints
from vidcolor.hints.registration import downscale
from vidcolor.imaging.geometry import to_displayed, to_stored
from vidcolor.imaging.resize import resize_area

if TYPE_CHECKING:
    from collections.abc import Callable

    from vidcolor.colorizer import ProxyPrediction
    from vidcolor.generators.predictor import HintArrays
    from vidcolor.imaging.types import FloatArray
    from vidcolor.media.stills.types import Still
    from vidcolor.options import ColorizeOptions


class HintedPrediction(NamedTuple):
    """A prediction before and after hints, in the orientation of the stored pixels."""

    base: ProxyPrediction
    """Prediction without hints."""
    hinted: ProxyPrediction
    """Prediction with hints. The confidence is raised where hints apply."""
    alpha: FloatArray
    """Weight of the hints: (h, w) float32 in [0, 1]."""


def predict_with_hints(
    predict: Callable[[HintArrays | None], ProxyPrediction],
    hints: HintSet,
    accepts_hints: bool,
    quarter_turns: int = 0,
) -> HintedPrediction:
    """Predict the color of an image with hints.

    Args:
        predict: predicts the color of the image; None means without hints.
        accepts_hints: whether the generator accepts hints. Otherwise they are spread by luma alone.
        quarter_turns: counterclockwise rotation of the image for the generator.
    """
    base = prediction = predict(None)
    if accepts_hints:
        arrays = hints.make_hint_arrays(make_base_prediction(base), quarter_turns)
        prediction = predict(arrays)
    ab, alpha = hints.blend(prediction.ab, prediction.proxy, accepts_hints)
    confidence = np.maximum(prediction.confidence, alpha)
    return HintedPrediction(base, replace(prediction, ab=ab, confidence=confidence), alpha)


def make_base_prediction(prediction: ProxyPrediction) -> BasePrediction:
    """Downscale the proxy of a prediction without hints to the grid of the prediction."""
    luma = resize_area(prediction.proxy, prediction.confidence.shape)
    return BasePrediction(luma, prediction.ab, prediction.confidence)


def load_photo_hints(
    still: Still, options: ColorizeOptions, predict: Callable[[FloatArray], BasePrediction]
) -> tuple[HintSet, tuple[str, ...]]:
    """Load the hints and the reference of a photo.

    All hints of the options belong to this photo. `predict` predicts color without hints from Y' of
    an upright image, (h, w) float32 in [0, 1]. The second value is warnings.

    Raises:
        InputError: the hint file or the reference cannot be read.
        UsageError: a hint or the reference has a time or frame, or a hint lies outside the photo.
    """
    discs = place_hints(load_hints(options), still.luma.shape, still.orientation)
    if options.reference is None:
        return HintSet(still.luma.shape, discs), ()
    if options.reference_time is not None:
        raise UsageError(
            f"{options.reference}: @TIME applies to films only; leave it out for {still.path}"
        )
    # Color is transferred in the displayed orientation.
    luma = to_displayed(still.coding.luma_to_unit(downscale(still.luma)), still.orientation)
    color, coverage = transfer_color(read_reference(options.reference), luma, predict)
    ab = to_stored(color.ab.transpose(1, 2, 0), still.orientation).transpose(2, 0, 1)
    transferred = TransferredColor(ab, to_stored(color.weight, still.orientation))
    is_registered = coverage >= MIN_REFERENCE_COVERAGE
    warnings = () if is_registered else (palette_only_warning(options.reference),)
    return HintSet(still.luma.shape, discs, transferred), warnings
