"""The mask that a reference gives to one frame of a film: its color, and where it applies."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.hints.color_transfer import (
    MIN_REFERENCE_COVERAGE,
    register_reference,
    transfer_color,
)
from vidcolor.hints.hint_set import HintSet
from vidcolor.hints.predict import HintPredictor, make_base_prediction
from vidcolor.hints.registration import downscale
from vidcolor.imaging.geometry import Geometry, rotate_size
from vidcolor.imaging.guided_filter import GuidedUpsampler
from vidcolor.imaging.overlay import ColorOverlay
from vidcolor.imaging.smoothstep import smoothstep

if TYPE_CHECKING:
    from vidcolor.colorizer import Colorizer, ProxyPrediction
    from vidcolor.generators.predictor import HintArrays
    from vidcolor.hints.color_transfer import BasePrediction, ReferenceImage
    from vidcolor.imaging.types import FloatArray
    from vidcolor.media.decode import Frame
    from vidcolor.media.probe import VideoInfo
    from vidcolor.propagation.flow_frames import AnalysisFrame

REFERENCE_CHANGE_LIMITS = (1.0, 4.0)
"""Change of color by a reference, in a*b* units. Pixels with a change up to the first limit are not
part of the mask, and pixels from the second limit are fully part of it."""


class ReferenceMasks:
    """Makes the masks of frames of one film."""

    def __init__(self, video: VideoInfo, colorizer: Colorizer) -> None:
        """Prepare for the frames of a video."""
        self._video, self._colorizer = video, colorizer
        self._geometry, self._upsample = video.geometry, GuidedUpsampler(radius=4)

    def match(self, reference: ReferenceImage, frame: Frame) -> float:
        """Return how well a reference matches a frame: the mean weight of registered color, 0-1.

        It is 0 if the reference does not match.
        """
        match = register_reference(reference, self._get_displayed_luma(frame))
        coverage = float(match.weight.mean())
        return coverage if coverage >= MIN_REFERENCE_COVERAGE else 0.0

    def make(
        self, reference: ReferenceImage, item: AnalysisFrame, vividness: float | None
    ) -> tuple[ColorOverlay, float]:
        """Predict a frame with a reference.

        Args:
            reference: the color image.
            item: the frame.
            vividness: vividness of its shot; None for that of the colorizer.

        Returns:
            The upright mask on the flow grid, and the coverage of the reference, 0-1; see
            `transfer_color`.
        """
        predict = partial(self._predict, vividness)

        def predict_base(luma: FloatArray) -> BasePrediction:
            proxy = self._colorizer.make_upright_proxy(luma)
            return make_base_prediction(predict(proxy, None))

        displayed = self._get_displayed_luma(item.frame)
        transferred, coverage = transfer_color(reference, displayed, predict_base)
        predictor = HintPredictor(item.proxy, partial(predict, item.proxy), self._colorizer)
        size = rotate_size((self._video.height, self._video.width), self._geometry.quarter_turns)
        prediction = predictor.predict(HintSet(size, (), transferred))
        luma = item.flow_input.luma
        base_ab = self._upsample(prediction.base.ab, luma, luma)
        ab = self._upsample(prediction.hinted.ab, luma, luma)
        # The upsampler takes two planes.
        alpha = self._upsample(np.stack([prediction.alpha, prediction.alpha]), luma, luma)[0]
        change = np.linalg.norm(ab - base_ab, axis=0)
        mask = np.maximum(smoothstep(change, *REFERENCE_CHANGE_LIMITS), alpha)
        return ColorOverlay(ab, np.clip(mask, 0, 1)), coverage

    def _get_displayed_luma(self, frame: Frame) -> FloatArray:
        """Return the downscaled Y' of a frame as displayed: (h, w) float32 in [0, 1]."""
        unit = self._video.coding.luma_to_unit(downscale(frame.luma))
        return np.ascontiguousarray(self._geometry.to_upright(unit))

    def _predict(
        self, vividness: float | None, proxy: FloatArray, hints: HintArrays | None
    ) -> ProxyPrediction:
        """Predict from an upright proxy, (h, w) float32 in [0, 1]."""
        upright = Geometry(width=proxy.shape[1], height=proxy.shape[0])
        if not self._colorizer.has_vividness:  # the shot has its own model, which has one
            vividness = None
        return self._colorizer.predict([proxy], upright, vividness, hints)[0]
