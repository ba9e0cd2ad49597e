"""Key frame selection: splits a shot into keyframe intervals with flow chains to both ends.

The next key frame is placed where the last one no longer covers most of the frame. A frame that is
not covered by either end of its interval becomes a key frame too. Outliers are bridged and never
become key frames, except where the maximum interval or the caller requires it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from vidcolor.motion.flow_chain import (
    FlowChain,
    append_flow,
    forward_backward_check,
    identity_chain,
    photometric_check,
    prepend_flow,
)
from vidcolor.propagation.flow_frames import bridge_outliers

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

    from vidcolor.motion.flow import FlowEstimator
    from vidcolor.propagation.flow_frames import FlowFrame

T = TypeVar("T")

MAX_INTERVAL = 16
"""Maximum distance between two key frames, in frames, where frames are not outliers."""
MAX_OUTLIER_INTERVAL = 3 * MAX_INTERVAL
"""Maximum distance between two key frames, in frames, including outliers such as black film."""
MIN_COVERAGE = 0.5
"""Minimum mean confidence of the chain to the last key frame. A frame with less becomes a key
frame."""
MIN_CONFIDENCE = 0.3
"""Minimum chain confidence of a covered pixel."""
MAX_UNCOVERED = 0.04
"""Maximum share of pixels that neither key frame of a `MAX_INTERVAL` covers. A frame with more
becomes a key frame. Shorter intervals allow proportionally more: content that appears so briefly is
hardly visible, and a separate prediction for each frame would flicker."""


@dataclass(frozen=True, slots=True)
class KeyframeInterval(Generic[T]):
    """The frames after one key frame up to and including the next key frame.

    The first interval of a shot holds its first frame only, which is a key frame.
    """

    frames: list[FlowFrame[T]]
    """Frames in order; the last one is the key frame."""
    to_previous: list[FlowChain]
    """Chain from each frame to the previous key frame; empty for the first interval of a shot."""
    to_keyframe: list[FlowChain]
    """Chain from each frame to the key frame of this interval."""
    previous_to_keyframe: FlowChain | None
    """Chain from the previous key frame to the key frame of this interval; None for the first."""

    @property
    def keyframe(self) -> FlowFrame[T]:
        """The key frame at the end of the interval."""
        return self.frames[-1]


def split_intervals(
    frames: Iterator[FlowFrame[T]], estimator: FlowEstimator, required: Set[int] = frozenset()
) -> Iterator[KeyframeInterval[T]]:
    """Split one shot into keyframe intervals.

    Args:
        frames: frames of the shot, in order.
        estimator: flow estimator for the flow past outliers.
        required: frames that must be key frames, counted from the first frame of the shot.
    """
    frames = bridge_outliers(frames, estimator)
    keyframe = next(frames, None)
    if keyframe is None:
        return
    chain = identity_chain(keyframe.flow_input.luma.shape)
    yield KeyframeInterval([keyframe], [], [chain], None)
    pending: list[FlowFrame[T]] = []
    for number, frame in enumerate(frames, start=1):
        pending.append(frame)
        assert frame.flow is not None  # only the first frame of a shot has none
        chain = prepend_flow(frame.flow.backward, frame.flow.backward_confidence, chain)
        covered = chain
        if not frame.is_outlier:
            covered = photometric_check(
                chain, frame.flow_input.normalized, keyframe.flow_input.normalized
            )
        is_far = len(pending) >= MAX_INTERVAL or float(covered.confidence.mean()) < MIN_COVERAGE
        is_due = is_far and not frame.is_outlier
        if is_due or number in required or len(pending) >= MAX_OUTLIER_INTERVAL:
            yield from _build_intervals(keyframe, pending)
            keyframe, pending = frame, []
            chain = identity_chain(frame.flow_input.luma.shape)
    if pending:
        yield from _build_intervals(keyframe, pending)


def _build_intervals(
    previous: FlowFrame[T], frames: list[FlowFrame[T]]
) -> Iterator[KeyframeInterval[T]]:
    """Yield one interval, or several where its key frames cover a frame too little.

    Args:
        previous: key frame before the interval.
        frames: frames after it; the last one is a key frame.
    """
    keyframe = frames[-1]
    to_previous, to_keyframe = _chain_to_ends(previous, frames)
    to_previous = [_check_luma(c, f, previous) for c, f in zip(to_previous, frames, strict=True)]
    previous_to_keyframe = _check_luma(to_keyframe[0], previous, keyframe)
    to_keyframe = [
        _check_luma(c, f, keyframe) for c, f in zip(to_keyframe[1:], frames, strict=True)
    ]
    split = _find_uncovered(frames, to_previous, to_keyframe)
    if split is None:
        yield KeyframeInterval(frames, to_previous, to_keyframe, previous_to_keyframe)
    else:
        yield from _build_intervals(previous, frames[: split + 1])
        yield from _build_intervals(frames[split], frames[split + 1 :])


def _chain_to_ends(
    previous: FlowFrame[T], frames: list[FlowFrame[T]]
) -> tuple[list[FlowChain], list[FlowChain]]:
    """Return the chains to both key frames, after the forward-backward check.

    Returns:
        Chains from each of `frames` to `previous`, and chains from `previous` and each of `frames`
        to the last frame.
    """
    identity = identity_chain(previous.flow_input.luma.shape)
    to_previous, from_previous = [identity], [identity]
    to_keyframe, from_keyframe = [identity], [identity]
    for frame in frames:
        assert frame.flow is not None
        flow = frame.flow
        to_previous.append(prepend_flow(flow.backward, flow.backward_confidence, to_previous[-1]))
        from_previous.append(append_flow(from_previous[-1], flow.forward, flow.forward_confidence))
    for frame in reversed(frames):
        assert frame.flow is not None
        flow = frame.flow
        to_keyframe.append(prepend_flow(flow.forward, flow.forward_confidence, to_keyframe[-1]))
        from_keyframe.append(
            append_flow(from_keyframe[-1], flow.backward, flow.backward_confidence)
        )
    checked_to_previous = [
        forward_backward_check(chain, reverse)
        for chain, reverse in zip(to_previous[1:], from_previous[1:], strict=True)
    ]
    checked_to_keyframe = [
        forward_backward_check(chain, reverse)
        for chain, reverse in zip(to_keyframe, from_keyframe, strict=True)
    ]
    return checked_to_previous, checked_to_keyframe[::-1]


def _check_luma(chain: FlowChain, source: FlowFrame[T], target: FlowFrame[T]) -> FlowChain:
    """Apply the photometric check, except to outliers, whose luma is not comparable."""
    if source.is_outlier or target.is_outlier:
        return chain
    return photometric_check(chain, source.flow_input.normalized, target.flow_input.normalized)


def _find_uncovered(
    frames: list[FlowFrame[T]], to_previous: list[FlowChain], to_keyframe: list[FlowChain]
) -> int | None:
    """Return the position of the least covered frame if it must become a key frame."""
    uncovered = [
        0.0
        if frame.is_outlier
        else float((np.maximum(a.confidence, b.confidence) < MIN_CONFIDENCE).mean())
        for frame, a, b in zip(frames[:-1], to_previous[:-1], to_keyframe[:-1], strict=True)
    ]
    largest = max(uncovered, default=0.0)
    if largest * len(frames) <= MAX_UNCOVERED * MAX_INTERVAL:
        return None
    return uncovered.index(largest)
