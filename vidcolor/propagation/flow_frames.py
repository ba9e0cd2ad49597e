"""Analysis frames with optical flow, and flow that bridges outlier frames.

An outlier is a frame that matches neither the previous frame nor the next one, such as a flash, a
damaged frame or black film. Its flow is meaningless, so the flow past it is estimated directly from
the last frame before it to the first frame after it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from vidcolor.concurrency import map_in_threads
from vidcolor.motion.flow import estimate_flow, make_flow_input, zero_flow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vidcolor.imaging.types import FloatArray
    from vidcolor.media.decode import Frame
    from vidcolor.motion.flow import FlowEstimator, FlowInput, FlowPair
    from vidcolor.shots.detector import ShotFinder

T = TypeVar("T")

FLOW_WORKERS = 2
"""Number of threads that estimate flow. With one, flow estimation would be slower than a fast video
encoder, and would limit the speed of the pipeline."""
OUTLIER_CONFIDENCE = 0.35
"""Minimum mean confidence, 0 to 1, of the backward flow of a regular frame. A frame with less
may be an outlier."""
BRIDGE_CONFIDENCE = 0.6
"""Mean confidence, 0 to 1, of the backward flow past a frame that may be an outlier. Above it, the
frame is an outlier; otherwise the motion of the shot is hard to track."""
MAX_OUTLIERS = 3
"""Maximum number of consecutive outliers with content. The frames of a longer run are
regular. Runs of blank frames may have any length."""


@dataclass(frozen=True, slots=True)
class AnalysisFrame:
    """A decoded frame with its small upright copies for prediction and flow."""

    frame: Frame
    proxy: FloatArray
    """Generator input: Y', (h, w) float32 in [0, 1]."""
    flow_input: FlowInput
    """Input of the flow estimator, on the flow grid."""


@dataclass(slots=True)
class FlowFrame(Generic[T]):
    """A frame with the optical flow to the frame before it."""

    item: T
    """Caller's object for the frame, passed through unchanged."""
    flow_input: FlowInput
    """Input of the flow estimator, on the flow grid."""
    flow: FlowPair | None
    """Flow between the previous frame (earlier) and this one (later); None for the first frame of a
    shot."""
    is_outlier: bool = False
    """Whether the frame matches neither the previous frame nor the next one, or shows two shots."""
    bridged_from: FlowInput | None = None
    """Input of the last regular frame before an outlier that is bridged; None for other frames."""


def make_analysis_frame(frame: Frame, proxy: FloatArray) -> AnalysisFrame:
    """Return the analysis frame of a decoded frame and its proxy, (h, w) float32 in [0, 1]."""
    return AnalysisFrame(frame, proxy, make_flow_input(proxy))


def attach_flow(
    frames: Iterable[AnalysisFrame], find_shot: ShotFinder, estimator: FlowEstimator
) -> Iterator[FlowFrame[AnalysisFrame]]:
    """Yield each frame with the flow between the previous frame of its shot and itself.

    Frames of a dissolve are marked as outliers, because a flow field cannot describe the motion of
    two superimposed shots. `find_shot` is called once for each frame, in the thread that iterates
    over the result, and `estimator` from `FLOW_WORKERS` threads.
    """

    def estimate(pair: _FramePair) -> FlowFrame[AnalysisFrame]:
        previous, current, is_mixed = pair
        flow = None
        if previous is not None:
            flow = estimate_flow(previous.flow_input, current.flow_input, estimator)
        return FlowFrame(current, current.flow_input, flow, is_mixed)

    pairs = _pair_with_previous(frames, find_shot)
    return map_in_threads(estimate, pairs, FLOW_WORKERS, FLOW_WORKERS + 1)


class _FramePair(NamedTuple):
    """A frame, and the frame before it in the same shot, if there is one."""

    previous: AnalysisFrame | None
    current: AnalysisFrame
    is_mixed: bool
    """Whether the current frame also shows the previous shot."""


def _pair_with_previous(
    frames: Iterable[AnalysisFrame], find_shot: ShotFinder
) -> Iterator[_FramePair]:
    previous = None
    for frame in frames:
        index, shot = frame.frame.index, find_shot(frame.frame.index)
        if index == shot.boundary:
            previous = None
        yield _FramePair(previous, frame, index in shot.mixed_range)
        previous = frame


def bridge_outliers(
    frames: Iterator[FlowFrame[T]], estimator: FlowEstimator, reference: FlowInput | None = None
) -> Iterator[FlowFrame[T]]:
    """Mark the outliers of one shot, and estimate the flow past them.

    Outliers get zero flow. The first regular frame after them gets the flow from the last regular
    frame before them. Frames are modified in place and yielded at most `MAX_OUTLIERS` late.

    `reference` is the input of the last regular frame before `frames`, if they start inside a shot
    with an outlier; otherwise None.
    """
    pending: deque[FlowFrame[T]] = deque()
    while True:
        _read_ahead(frames, pending, 1)
        if not pending:
            return
        frame = pending.popleft()
        is_blank = frame.flow_input.is_blank
        if reference is None:  # only blank frames so far: there is nothing to track yet
            reference = None if is_blank else frame.flow_input
            frame.is_outlier |= is_blank
            if frame.flow is not None:  # the shot starts with blank frames
                frame.flow = zero_flow(frame.flow_input.luma.shape)
            yield frame
            continue
        if not is_blank and _mean_confidence(frame.flow) >= OUTLIER_CONFIDENCE:
            reference = frame.flow_input
            yield frame
            continue
        _read_ahead(frames, pending, MAX_OUTLIERS)
        bridge = _find_bridge(reference, pending, estimator)
        if bridge is None and not is_blank:  # not an outlier: the motion is hard to track
            reference = frame.flow_input
            yield frame
            continue
        yield _mark_outlier(frame, reference)
        if bridge is None:  # the run of blank frames is longer than the frames read ahead
            if pending and not pending[0].flow_input.is_blank:
                pending[0].flow = estimate_flow(reference, pending[0].flow_input, estimator)
            continue
        count, flow = bridge
        for _ in range(count):
            yield _mark_outlier(pending.popleft(), reference)
        frame = pending.popleft()
        frame.flow, reference = flow, frame.flow_input
        yield frame


def _read_ahead(frames: Iterator[FlowFrame[T]], pending: deque[FlowFrame[T]], count: int) -> None:
    """Read frames until `count` are pending or none is left."""
    while len(pending) < count and (frame := next(frames, None)) is not None:
        pending.append(frame)


def _find_bridge(
    reference: FlowInput, pending: Iterable[FlowFrame[T]], estimator: FlowEstimator
) -> tuple[int, FlowPair] | None:
    """Find the first pending frame that matches a reference frame."""
    for count, frame in enumerate(pending):
        if frame.flow_input.is_blank:
            continue
        flow = estimate_flow(reference, frame.flow_input, estimator)
        if _mean_confidence(flow) > BRIDGE_CONFIDENCE:
            return count, flow
    return None


def _mark_outlier(frame: FlowFrame[T], reference: FlowInput) -> FlowFrame[T]:
    """Mark a frame as an outlier, with zero flow: chains pass through it without a change."""
    frame.is_outlier, frame.bridged_from = True, reference
    frame.flow = zero_flow(frame.flow_input.luma.shape)
    return frame


def _mean_confidence(flow: FlowPair | None) -> float:
    """Return the mean confidence of the backward flow; 0 without flow."""
    return 0.0 if flow is None else float(flow.backward_confidence.mean())
