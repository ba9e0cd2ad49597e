"""Color propagation through one shot, from predictions of its key frames.

The generator predicts each key frame separately, and its predictions vary. The color of a key frame
is the confidence-weighted mean of all predictions so far and of the next `LOOKAHEAD` predictions,
warped along flow chains (fixed-lag smoothing; see Moore, "Discrete-time fixed-lag smoothing
algorithms", Automatica 9, 1973). The color that earlier key frames give to a thing has a high
weight, so that it stays while the view changes, unless the prediction differs too much (a
redescending weight; see Black & Rangarajan, "On the unification of line processes, outlier
rejection, and robust statistics", IJCV 19, 1996). Most of the detail finer than
`estimate.DETAIL_SIGMA` comes from the key frame's own prediction, because the mean of slightly
misaligned predictions is blurred. Parts that the last key frame does not show get the color that
they had in a remembered key frame, if they are found there. The others are predicted again, with
the propagated color of the rest as hints. The color of a frame between two key frames is
interpolated from both.

No state crosses a shot boundary, and at most `LOOKAHEAD` + 1 keyframe intervals and the remembered
key frames are in memory.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np

from vidcolor.imaging.guided_filter import GuidedUpsampler
from vidcolor.imaging.resize import resize_linear
from vidcolor.imaging.smoothstep import smoothstep
from vidcolor.motion.flow import FlowInput, sample
from vidcolor.propagation.estimate import (
    Estimate,
    average,
    fill_holes,
    measure_agreement,
    measure_coverage,
    restore_detail,
    warp,
)
from vidcolor.propagation.memory import KeyframeMemory, input_from_arrays, input_to_arrays

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from vidcolor.generators.predictor import HintArrays
    from vidcolor.imaging.types import FloatArray
    from vidcolor.motion.flow import FlowEstimator
    from vidcolor.propagation.flow_frames import FlowFrame
    from vidcolor.propagation.keyframes import KeyframeInterval

T = TypeVar("T")

LOOKAHEAD = 2
"""Number of later key frames whose predictions contribute to a key frame's color."""
MAX_WEIGHT = 3.0
"""Maximum weight of the propagated color, counted in predictions of confidence 1. With this limit
the color adapts slowly when the lighting of the scene changes."""
PROPAGATED_GAIN = 6.0
"""Factor of the weight of the propagated color, relative to the predictions of the key frame and of
the next ones. With 1 the color of a thing would follow its predictions, which change with the view.
"""
RECALLED_GAIN = 4.0
"""Factor of the weight of a recalled color, relative to that of the propagated color. What returns
should have the color that it had, which was shown longer than any color of a fast motion."""
FULL_DURATION = 8
"""Number of frames since the last key frame from which a prediction has its full weight. In a fast
motion key frames are close together, and each would count as much as one of a calm shot."""
MIN_DURATION_WEIGHT = 0.3
"""Minimum weight of a prediction soon after the last key frame. With less, hardly anything of a
fast motion would be covered, and most key frames would be predicted twice."""
SMOOTHING_FRAMES = 6.0
"""Time constant, in frames, of the exponential smoothing between key frames. It hides the
differences between predictions where key frames are close together."""
FULL_CONTRAST = 0.08
"""Standard deviation of Y' in [0, 1] from which a prediction has its full weight. The weight of a
frame with less, such as a frame of a fade, is proportional to its contrast."""
MIN_WEIGHT = 1e-4
"""Minimum weight of a color. It defines the weighted mean where no color has any confidence."""
NEW_COVERAGE_LIMITS = (0.3, 0.7)
"""Values of 1 - coverage up to which the first prediction is kept, and from which the prediction
with hints replaces it. Between them, both are blended."""
MIN_NEW_SHARE = 0.06
"""Minimum fraction of new pixels, and also of other pixels, for a key frame to be predicted again.
With fewer new pixels the color would change little; with fewer others there would be hardly any
hints."""
HINT_DENSITY = 0.5
"""Density of the hints from propagated color. The embedded generator is trained with 0.1 to 0.6."""
UPSAMPLING_RADIUS = 3
"""Radius of the guided filter that upsamples predictions, in pixels of the flow grid. Fine detail
of predictions is mostly noise, which differs from one key frame to the next. `ChromaUpsampler`
keeps it, and drift and warp error double; with radius 6 they are smallest, but films are paler."""
DETAIL_SHARE = 0.7
"""Share of the key frame's own prediction in the detail where the gain applies. Detail is blurred
with 0, and the color of small things changes with every prediction with 1."""


class KeyframePrediction(NamedTuple):
    """The generator's prediction for one upright frame, on the generator's grid."""

    ab: FloatArray
    """a*, b*: (2, h, w) float32, about ±110."""
    confidence: FloatArray
    """(h, w) float32 in [0, 1]."""


class PropagationState(NamedTuple):
    """The final color of a key frame, on the flow grid, from which propagation can continue."""

    estimate: Estimate
    """Mean of the predictions so far, which is propagated to later key frames."""
    color: FloatArray
    """a*, b*, confidence: (h, w, 3) float32."""
    reference: FlowInput | None
    """`FlowFrame.bridged_from` of the key frame."""
    memory: KeyframeMemory
    """Earlier key frames of the shot, which may include this one."""

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the state as arrays, which restore it without a change of any bit."""
        arrays = {"mean": self.estimate.color, "weight": self.estimate.weight, "color": self.color}
        if self.reference is not None:
            arrays |= _add_prefix("reference_", input_to_arrays(self.reference))
        return arrays | _add_prefix("memory_", self.memory.to_arrays())

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> PropagationState:
        """Restore a state from `to_arrays`."""
        inputs = _select_prefix("reference_", arrays)
        reference = input_from_arrays(inputs) if inputs else None
        memory = KeyframeMemory.from_arrays(_select_prefix("memory_", arrays))
        estimate = Estimate(arrays["mean"], arrays["weight"])
        return cls(estimate, arrays["color"], reference, memory)


def _add_prefix(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {prefix + name: array for name, array in arrays.items()}


def _select_prefix(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the arrays whose names start with a prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


class PropagatedFrame(NamedTuple, Generic[T]):
    """A frame with its color."""

    item: T
    """`FlowFrame.item` of the frame."""
    color: FloatArray
    """a*, b*, confidence on the flow grid: (h, w, 3) float32."""
    state: PropagationState | None = None
    """State from which propagation can continue at this frame; None for most frames."""


class _PendingKeyframe(NamedTuple, Generic[T]):
    """A key frame that waits for the predictions of later key frames."""

    interval: KeyframeInterval[T]
    """Interval that ends with the key frame."""
    predict: Callable[[HintArrays | None], KeyframePrediction]
    """Predicts the key frame; see `Propagator`."""
    prediction: Estimate
    """Prediction without hints."""


class Propagator(Generic[T]):
    """Propagates color through one shot after another."""

    def __init__(
        self,
        prepare: Callable[[T], Callable[[HintArrays | None], KeyframePrediction]],
        accepts_hints: bool,
        estimator: FlowEstimator,
    ) -> None:
        """Create a propagator.

        Args:
            prepare: returns a function that predicts a frame, given by its `FlowFrame.item`, with
                propagated color as hints or without hints. The result is deterministic.
            accepts_hints: whether hints change the prediction; otherwise no key frame is predicted
                again.
            estimator: estimates the flow to remembered key frames.
        """
        self._prepare, self._accepts_hints = prepare, accepts_hints
        self._estimator = estimator
        self._upsample = GuidedUpsampler(UPSAMPLING_RADIUS)

    def propagate(
        self, intervals: Iterator[KeyframeInterval[T]], state: PropagationState | None = None
    ) -> Iterator[PropagatedFrame[T]]:
        """Colorize one shot, given by all its keyframe intervals; yield its frames in order.

        With a `state`, the intervals start at the key frame of the state.
        """
        pending: deque[_PendingKeyframe[T]] = deque()
        previous: PropagationState | None = None
        if state is not None and (first := next(intervals, None)) is not None:
            previous = state
            yield PropagatedFrame(first.keyframe.item, state.color, state)
        for interval in itertools.chain(intervals, itertools.repeat(None)):
            if interval is not None:
                predict = self._prepare(interval.keyframe.item)
                prediction = self._upsample_prediction(interval, predict(None))
                pending.append(_PendingKeyframe(interval, predict, prediction))
                if len(pending) <= LOOKAHEAD:
                    continue
            elif not pending:
                return
            current = self._finish_first(previous, pending)
            yield from _interpolate(pending.popleft().interval, previous, current)
            previous = current

    def _upsample_prediction(
        self, interval: KeyframeInterval[T], prediction: KeyframePrediction
    ) -> Estimate:
        """Upsample the prediction of a key frame to the flow grid."""
        ab, confidence = prediction
        luma = interval.keyframe.flow_input.luma
        color = np.empty((*luma.shape, 3), np.float32)
        color[..., 0], color[..., 1] = self._upsample(ab, luma, luma)
        color[..., 2] = resize_linear(confidence, luma.shape)
        factor = _contrast_weight(interval.keyframe) * _duration_weight(interval)
        weight = np.maximum(factor * color[..., 2], MIN_WEIGHT)
        return Estimate(color, weight)

    def _finish_first(
        self, previous: PropagationState | None, pending: deque[_PendingKeyframe[T]]
    ) -> PropagationState:
        """Return the final color of the first pending key frame."""
        first = pending[0]
        own, future = first.prediction, _collect_future(pending)
        mean, weight = own, own.weight
        new_share, agreement = np.ones_like(weight), np.zeros_like(weight)
        keyframe = first.interval.keyframe
        if previous is not None:
            warped = warp(previous.estimate, first.interval.to_previous[-1])
            warped = self._recall(keyframe, warped, previous.memory)
            propagated_weight = np.minimum(warped.weight, MAX_WEIGHT)
            agreement = measure_agreement(warped.color, own.color)
            gain = 1 + np.float32(PROPAGATED_GAIN - 1) * agreement
            propagated = Estimate(warped.color, gain * propagated_weight)
            mean = average(self._repredict(first, warped), propagated)
            weight, new_share = own.weight + propagated_weight, 1 - measure_coverage(warped)
        color = kept = mean.color
        if future is not None:
            color = average(mean, future).color
            # New parts keep the color that they are shown with, which includes the lookahead.
            share = new_share * measure_agreement(future.color, own.color)
            kept = average(mean, Estimate(future.color, share * future.weight)).color
        detail_share = 1 - np.float32(1 - DETAIL_SHARE) * agreement
        contrast = _contrast_weight(keyframe)
        color = restore_detail(color, own.color, np.float32(contrast) * detail_share)
        if previous is not None:
            color = _smooth(color, previous.color, first.interval)
        memory = KeyframeMemory() if previous is None else previous.memory
        if not keyframe.is_outlier:
            novelty = float((new_share > 0.5).mean())
            memory = memory.remember(keyframe.flow_input, kept, weight, novelty)
        return PropagationState(Estimate(kept, weight), color, keyframe.bridged_from, memory)

    def _recall(self, keyframe: FlowFrame[T], warped: Estimate, memory: KeyframeMemory) -> Estimate:
        """Give a key frame with new parts the color of a remembered key frame that shows them.

        Other pixels get it too where it has a higher weight than the propagated color, which may
        come from the frames of a fast motion; see `RECALLED_GAIN`.
        """
        if keyframe.is_outlier:
            return warped
        is_new = measure_coverage(warped) < 0.5
        found = memory.recall(keyframe.flow_input, is_new, self._estimator)
        if found is None:
            return warped
        remembered, chain = found
        recalled = warp(Estimate(remembered.color, remembered.weight), chain)
        is_better = np.float32(RECALLED_GAIN) * recalled.weight > warped.weight
        color = np.where(is_better[..., None], recalled.color, warped.color)
        return Estimate(color, np.maximum(recalled.weight, warped.weight))

    def _repredict(self, pending: _PendingKeyframe[T], warped: Estimate) -> Estimate:
        """Predict the new parts of a key frame again, with the propagated color as hints."""
        # The rest keeps the first prediction, because a prediction with hints follows the hints,
        # and the propagated color would count twice in the mean.
        from vidcolor.generators.predictor import HintArrays

        coverage = measure_coverage(warped)
        is_new = coverage < 0.5
        new_share = float(is_new.mean())
        if not self._accepts_hints or not MIN_NEW_SHARE < new_share < 1 - MIN_NEW_SHARE:
            return pending.prediction
        ab = np.ascontiguousarray(warped.color[..., :2].transpose(2, 0, 1))
        density = (HINT_DENSITY * coverage * ~is_new).astype(np.float32)
        hints = HintArrays(ab[None], density[None])
        hinted = self._upsample_prediction(pending.interval, pending.predict(hints))
        share = smoothstep(1 - coverage, *NEW_COVERAGE_LIMITS)[..., None]
        color = pending.prediction.color + share * (hinted.color - pending.prediction.color)
        return Estimate(color, pending.prediction.weight)


def _contrast_weight(frame: FlowFrame[T]) -> float:
    """Return the weight of a frame's prediction, 0 to 1: 1 at full contrast, 0 for an outlier."""
    if frame.is_outlier:
        return 0.0
    return min(float(frame.flow_input.luma.std()) / FULL_CONTRAST, 1.0)


def _duration_weight(interval: KeyframeInterval[T]) -> float:
    """Return the weight of a prediction by the time since the last key frame, 0 to 1."""
    if interval.previous_to_keyframe is None:
        return 1.0
    return min(max(len(interval.frames) / FULL_DURATION, MIN_DURATION_WEIGHT), 1.0)


def _collect_future(pending: deque[_PendingKeyframe[T]]) -> Estimate | None:
    """Return the mean prediction of the later key frames, warped to the first pending one."""
    future: Estimate | None = None
    for later in reversed(list(pending)[1:]):
        future = later.prediction if future is None else average(later.prediction, future)
        assert later.interval.previous_to_keyframe is not None  # only the first interval has none
        future = warp(future, later.interval.previous_to_keyframe)
    return future


def _smooth(color: FloatArray, previous: FloatArray, interval: KeyframeInterval[T]) -> FloatArray:
    """Smooth a key frame's color over time, with the time constant `SMOOTHING_FRAMES`."""
    chain = interval.to_previous[-1]
    decay = np.float32(math.exp(-len(interval.frames) / SMOOTHING_FRAMES))
    share = chain.confidence[..., None] * decay
    smoothed: FloatArray = color + share * (sample(previous, chain.coords) - color)
    return smoothed


def _interpolate(
    interval: KeyframeInterval[T], previous: PropagationState | None, current: PropagationState
) -> Iterator[PropagatedFrame[T]]:
    """Yield the frames of an interval with colors interpolated between its key frames."""
    state = current if interval.can_restart else None
    keyframe = PropagatedFrame(interval.keyframe.item, current.color, state)
    if previous is None:
        yield keyframe
        return
    count = len(interval.frames)
    for n, frame in enumerate(interval.frames[:-1]):
        share = np.float32((n + 1) / count)
        to_previous, to_keyframe = interval.to_previous[n], interval.to_keyframe[n]
        weight_previous = (1 - share) * to_previous.confidence + MIN_WEIGHT
        weight_keyframe = share * to_keyframe.confidence + MIN_WEIGHT
        blend = (weight_keyframe / (weight_previous + weight_keyframe))[..., None]
        color = sample(previous.color, to_previous.coords)
        color += blend * (sample(current.color, to_keyframe.coords) - color)
        confidence = np.maximum(to_previous.confidence, to_keyframe.confidence)
        yield PropagatedFrame(frame.item, fill_holes(color, confidence))
    yield keyframe
