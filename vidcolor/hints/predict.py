"""Prediction with hints: objects get the colors of their hints.

The rest of the image is predicted without hints, or with them if there are many (see
`HintSet.context_weight`).
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

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
from vidcolor.hints.discs import fill_disc, place_hints
from vidcolor.hints.hint_set import HintSet
from vidcolor.hints.io import load_hints
from vidcolor.hints.objects import (
    CLICK_LIMITS,
    HintedObject,
    find_alphas,
    group_discs,
    make_points,
    paint_objects,
    segment_clicks,
)
from vidcolor.hints.registration import downscale
from vidcolor.imaging.geometry import to_displayed, to_stored
from vidcolor.imaging.resize import resize_area, resize_linear

if TYPE_CHECKING:
    from collections.abc import Callable

    from vidcolor.colorizer import ProxyPrediction
    from vidcolor.generators.predictor import HintArrays
    from vidcolor.imaging.overlay import ColorOverlay
    from vidcolor.imaging.types import FloatArray
    from vidcolor.media.stills.types import Still
    from vidcolor.options import ColorizeOptions
    from vidcolor.segmentation.model import EmbeddedImage, SegmentationModel


class HintedColorizer(Protocol):
    """What a `HintPredictor` needs of a `Colorizer`."""

    @property
    def accepts_hints(self) -> bool:
        """Whether the generator uses hints."""
        ...

    @property
    def segmentation(self) -> SegmentationModel:
        """The model that finds the objects which hints lie on."""
        ...


class HintedPrediction(NamedTuple):
    """A prediction before and after hints, in the orientation of the stored pixels."""

    base: ProxyPrediction
    """Prediction without hints."""
    hinted: ProxyPrediction
    """Prediction with hints. The confidence is raised where hints apply."""
    alpha: FloatArray
    """Weight of the reference: (h, w) float32 in [0, 1]."""


class HintPredictor:
    """Predicts the color of one image with any number of sets of hints.

    What does not depend on hints is computed once: the prediction without hints, and the embedding
    from which objects are segmented. Only one thread at a time may use it.
    """

    def __init__(
        self,
        proxy: FloatArray,
        predict: Callable[[HintArrays | None], ProxyPrediction],
        colorizer: HintedColorizer,
        quarter_turns: int = 0,
    ) -> None:
        """Prepare to predict; nothing is computed yet.

        Args:
            proxy: Y' of the upright image at the size of the generator: (H', W') float32 in [0, 1].
            predict: predicts the color of the image, in the orientation of the stored pixels; None
                means without hints.
            colorizer: provides the segmentation model, and accepts hints or not.
            quarter_turns: counterclockwise rotation from the stored pixels to the upright image.
        """
        self._proxy, self._predict = proxy, predict
        self._colorizer, self._quarter_turns = colorizer, quarter_turns

    @cached_property
    def base(self) -> ProxyPrediction:
        """The prediction without hints."""
        return self._predict(None)

    @cached_property
    def _embedding(self) -> EmbeddedImage:
        return self._colorizer.segmentation.embed(self._proxy)

    def predict(self, hints: HintSet) -> HintedPrediction:
        """Predict the color of the image with hints."""
        base = prediction = self.base
        is_hinted = False
        if self._colorizer.accepts_hints:
            arrays = hints.make_hint_arrays(make_base_prediction(base), self._quarter_turns)
            if is_hinted := arrays is not None:
                prediction = self._predict(arrays)
        ab, alpha = hints.blend_context(base.ab, prediction.ab, is_hinted)
        confidence = np.maximum(prediction.confidence, alpha)
        hinted = replace(prediction, ab=ab, confidence=confidence)
        if hints.discs:
            overlay = self._color_objects(hints, hinted)
            confidence = np.maximum(confidence, resize_area(overlay.alpha, confidence.shape))
            hinted = replace(hinted, overlay=overlay, confidence=confidence)
        return HintedPrediction(base, hinted, alpha)

    def find_objects(self, hints: HintSet) -> tuple[list[HintedObject], FloatArray]:
        """Find where hints act, before anything is colorized.

        Args:
            hints: the hints of the image; at least one disc.

        Returns:
            The K objects that the hints mean, and their soft masks in the orientation of the stored
            pixels, (K, H', W') float32 in [0, 1]: 1 where the color fully applies. Masks of several
            objects may overlap.
        """
        objects = group_discs(hints.discs)
        points = make_points(objects, hints.size, self._quarter_turns)
        upright = segment_clicks(self._colorizer.segmentation, self._embedding, points)
        masks = np.ascontiguousarray(np.rot90(upright, -self._quarter_turns, axes=(-2, -1)))
        masks = find_alphas(objects, masks, CLICK_LIMITS)
        for item, mask in zip(objects, masks, strict=True):
            for disc in item.discs:  # a disc is always part of its object
                fill_disc(disc, mask, hints.size)
        return objects, masks

    def _color_objects(self, hints: HintSet, prediction: ProxyPrediction) -> ColorOverlay:
        """Return the color of the objects that hints lie on, on the grid of the proxy."""
        objects, masks = self.find_objects(hints)
        shape = prediction.proxy.shape
        base_ab = np.stack([resize_linear(plane, shape) for plane in prediction.ab])
        return paint_objects(objects, masks, base_ab)


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
        UsageError: a hint or the reference has a time or frame, there are several references, or a
            hint lies outside the photo.
    """
    discs = place_hints(load_hints(options), still.luma.shape, still.orientation)
    if not options.references:
        return HintSet(still.luma.shape, discs), ()
    reference, *others = options.references
    if others:
        raise UsageError(
            f"{still.path}: a photo takes one reference, but {1 + len(others)} are given; give "
            "--reference once"
        )
    if reference.is_placed:
        raise UsageError(
            f"{reference.path}: @TIME applies to films only; leave it out for {still.path}"
        )
    # Color is transferred in the displayed orientation.
    luma = to_displayed(still.coding.luma_to_unit(downscale(still.luma)), still.orientation)
    color, coverage = transfer_color(read_reference(reference.path), luma, predict)
    ab = to_stored(color.ab.transpose(1, 2, 0), still.orientation).transpose(2, 0, 1)
    transferred = TransferredColor(ab, to_stored(color.weight, still.orientation))
    is_registered = coverage >= MIN_REFERENCE_COVERAGE
    warnings = () if is_registered else (palette_only_warning(reference.name),)
    return HintSet(still.luma.shape, discs, transferred), warnings
