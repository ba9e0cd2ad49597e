"""Temporally stable colorization, shot by shot.

The color of a shot depends on its own frames alone. In a dissolve, each frame is colorized as part
of the shot that it shows more of, and the colors of both shots are cross-faded.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vidcolor.colorizer import ProxyPrediction
from vidcolor.concurrency import close_on_exit
from vidcolor.imaging.geometry import Geometry
from vidcolor.imaging.overlay import ColorOverlay, mix_overlays
from vidcolor.imaging.resize import resize_linear
from vidcolor.motion.flow import DisFlow
from vidcolor.propagation.flow_frames import attach_flow
from vidcolor.propagation.keyframes import choose_max_interval, split_intervals
from vidcolor.propagation.propagate import KeyframePrediction, Propagator
from vidcolor.shots.detector import make_shot_finder
from vidcolor.titles.paint import paint_uniform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vidcolor.colorizer import Colorizer
    from vidcolor.generators.predictor import HintArrays
    from vidcolor.imaging.types import FloatArray
    from vidcolor.media.decode import Frame
    from vidcolor.propagation.flow_frames import AnalysisFrame, FlowFrame
    from vidcolor.propagation.propagate import PropagationState
    from vidcolor.shots.detector import Shot, ShotFinder
    from vidcolor.shots.shot_options import ModelFinder, ValueFinder
    from vidcolor.titles.shots import TitleFinder


@dataclass(frozen=True, slots=True)
class PredictedFrame:
    """A decoded frame with its color."""

    frame: Frame
    prediction: ProxyPrediction
    """Color on the flow grid, in the orientation of the stored pixels."""
    state: PropagationState | None = None
    """State from which colorization can continue at this frame; None for most frames."""


class OverlaySource(Protocol):
    """The colors that a person gives to the frames of a film."""

    def get(self, frame_index: int) -> ColorOverlay | None:
        """Return the overlay of an upright frame, or None if it has none."""
        ...


class ShotColorizer:
    """Colorizes a film shot by shot."""

    def __init__(
        self,
        colorizer: Colorizer,
        shots: Sequence[Shot] | ShotFinder,
        geometry: Geometry,
        vividness: float | ValueFinder | None = None,
        overlays: OverlaySource | None = None,
        find_title: TitleFinder | None = None,
        find_model: ModelFinder | None = None,
    ) -> None:
        """Create a colorizer, whose generator runs in the thread that iterates over `colorize`.

        `shots` are all shots, or a function that finds the shot of a frame that has been read. The
        first shot starts at the first frame; the last one takes all remaining frames. The frames of
        titles get the color of their title. `vividness` is a value for all frames, or a function
        that returns that of the frame with an index. It does not apply to models that do not
        support it. `find_model` returns the model of the shot of a frame.
        """
        self._find_shot = shots if callable(shots) else make_shot_finder(shots)
        self._geometry, self._overlays = geometry, overlays
        self._colorizer = colorizer
        self._find_vividness = vividness if callable(vividness) else lambda _: vividness
        self._find_title = find_title
        self._find_model: ModelFinder = find_model or (lambda _: None)
        self._estimator = DisFlow()

    def colorize(
        self,
        frames: Iterator[AnalysisFrame],
        state: PropagationState | None = None,
    ) -> Iterator[PredictedFrame]:
        """Yield all frames of the film with their color, in order.

        With a `state`, `frames` starts at its frame. The colors are those of a run from the first
        frame.

        They are 50 to 75 frames behind `frames`, and further behind in long runs of outliers.
        `frames` is closed at the end, also if the caller stops early.
        """
        with close_on_exit(frames):
            yield from _cross_fade_dissolves(self._colorize_shots(frames, state), self._find_shot)

    def _colorize_shots(
        self, frames: Iterator[AnalysisFrame], state: PropagationState | None
    ) -> Iterator[PredictedFrame]:
        flow_frames = attach_flow(frames, self._find_shot, self._estimator)
        with close_on_exit(flow_frames):
            for first, shot in itertools.groupby(flow_frames, _ShotStart()):
                accepts_hints = self._select_colorizer(first).accepts_hints
                propagator = Propagator(self._prepare, accepts_hints, self._estimator)
                intervals = split_intervals(
                    shot,
                    self._estimator,
                    reference=None if state is None else state.reference,
                    max_interval=choose_max_interval(self._geometry.width, self._geometry.height),
                )
                for item, color, current in propagator.propagate(intervals, state):
                    index = item.frame.index
                    # The color of a mixed frame depends on two shots.
                    is_mixed = index in self._find_shot(index).mixed_range
                    prediction = self._to_prediction(item, color)
                    yield PredictedFrame(item.frame, prediction, None if is_mixed else current)
                state = None

    def _prepare(self, item: AnalysisFrame) -> Callable[[HintArrays | None], KeyframePrediction]:
        colorizer = self._select_colorizer(item.frame.index)
        vividness = None
        if colorizer.has_vividness:
            vividness = self._find_vividness(item.frame.index)
        if vividness is None:
            vividness = colorizer.vividness
        prepared = colorizer.prepare_proxy(item.proxy)

        def predict(hints: HintArrays | None) -> KeyframePrediction:
            prediction = prepared.predict(hints, vividness)
            return KeyframePrediction(prediction.ab[0], prediction.confidence[0])

        return predict

    def _select_colorizer(self, index: int) -> Colorizer:
        """Return the colorizer of the shot of a frame."""
        return self._colorizer.models.get(self._find_model(index))

    def _to_prediction(self, item: AnalysisFrame, color: FloatArray) -> ProxyPrediction:
        """Return the prediction in the orientation of the stored pixels."""
        to_stored = self._geometry.to_stored
        planes = np.ascontiguousarray(to_stored(color.transpose(2, 0, 1)))
        proxy = np.ascontiguousarray(to_stored(item.proxy))
        prediction = ProxyPrediction(planes[:2], planes[2], proxy)
        title = None if self._find_title is None else self._find_title(item.frame.index)
        if title is not None:
            prediction = paint_uniform(prediction, title.ab, title.confidence)
        given = None if self._overlays is None else self._overlays.get(item.frame.index)
        if given is None:
            return prediction
        overlay = ColorOverlay(*(np.ascontiguousarray(to_stored(plane)) for plane in given))
        alpha = resize_linear(overlay.alpha, planes[2].shape)
        confidence = np.maximum(prediction.confidence, alpha)
        return replace(prediction, confidence=confidence, overlay=overlay)


class _ShotStart:
    """Returns the index of the first frame of each frame's shot, for all frames in order.

    The first frame of a shot has no flow.
    """

    def __init__(self) -> None:
        self._first = 0

    def __call__(self, frame: FlowFrame[AnalysisFrame]) -> int:
        if frame.flow is None:
            self._first = frame.item.frame.index
        return self._first


def _cross_fade_dissolves(
    frames: Iterator[PredictedFrame], find_shot: ShotFinder
) -> Iterator[PredictedFrame]:
    """Cross-fade the colors of two shots over each dissolve."""
    # Frames before the shot boundary wait for the color of the boundary frame. Frames from the
    # boundary on are mixed with the last color of the outgoing shot.
    waiting: list[PredictedFrame] = []
    last: ProxyPrediction | None = None
    for item in frames:
        index, shot = item.frame.index, find_shot(item.frame.index)
        if index not in shot.mixed_range:
            last = item.prediction
            yield item
            continue
        if index < shot.boundary:
            waiting.append(item)
            continue
        for early in waiting:  # frames of the dissolve before the boundary
            share = _incoming_share(early.frame.index, shot)
            yield replace(early, prediction=_mix(early.prediction, item.prediction, share))
        last = waiting[-1].prediction if waiting else last
        waiting.clear()
        if last is None:
            yield item
        else:
            share = _incoming_share(index, shot)
            yield replace(item, prediction=_mix(item.prediction, last, 1 - share))
        if index == shot.mixed_range[-1]:
            last = item.prediction
    yield from waiting


def _incoming_share(index: int, shot: Shot) -> float:
    """Return the mixing ratio, 0 to 1, of the incoming shot in a frame of its dissolve."""
    return (index - shot.first + 1) / (shot.mixed_frames + 1)


def _mix(a: ProxyPrediction, b: ProxyPrediction, share: float) -> ProxyPrediction:
    """Mix the color of `b` into `a`."""
    return replace(
        a,
        ab=a.ab + np.float32(share) * (b.ab - a.ab),
        confidence=a.confidence + np.float32(share) * (b.confidence - a.confidence),
        overlay=mix_overlays(a.overlay, b.overlay, share),
    )
