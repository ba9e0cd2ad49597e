"""Key frame selection: splits a shot into keyframe intervals with flow chains to both ends.

A key frame covers a pixel of another frame if the flow chain between them is confident there. The
next key frame is placed where the last key frame no longer covers most of the frame. A frame that
neither end of its interval covers well becomes a key frame too. Outliers are bridged; they become
key frames only where the maximum interval or the caller requires it.
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

    from vidcolor.motion.flow import FlowEstimator, FlowInput
    from vidcolor.propagation.flow_frames import FlowFrame

T = TypeVar("T")

MAX_INTERVAL = 16
"""Default of the distance from the last key frame, in frames, at which a regular frame becomes a
key frame."""
MAX_SMALL_INTERVAL = 24
"""The same for small frames. Color is as steady as with `MAX_INTERVAL`, and a third of the
predictions are saved, but half as many frames more are in memory."""
SMALL_FRAME_PIXELS = 1280 * 720
"""Number of pixels up to which a frame is small."""
OUTLIER_FACTOR = 3
"""Multiple of the maximum interval at which even an outlier, such as black film, becomes a key
frame. This bounds memory."""
MIN_COVERAGE = 0.5
"""Minimum mean confidence, 0 to 1, of the chain to the last key frame. A regular frame with less
becomes a key frame."""
MIN_CONFIDENCE = 0.3
"""Minimum chain confidence, 0 to 1, of a covered pixel."""
MAX_UNCOVERED = 0.04
"""Maximum fraction of a frame's pixels that neither end of an interval of maximum length covers. A
frame with more becomes a key frame. Shorter intervals allow proportionally more: content that
appears so briefly is hardly visible, and a separate prediction for each frame would flicker."""


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
    """Chain from the previous key frame to the key frame of this interval; None for the first
    interval of a shot."""
    can_restart: bool = True
    """Whether `split_intervals` yields the same later intervals if it starts at the key frame."""

    @property
    def keyframe(self) -> FlowFrame[T]:
        """The key frame at the end of the interval."""
        return self.frames[-1]


def choose_max_interval(width: int, height: int) -> int:
    """Return the maximum distance between key frames for a frame size in pixels."""
    return MAX_SMALL_INTERVAL if width * height <= SMALL_FRAME_PIXELS else MAX_INTERVAL


def split_intervals(
    frames: Iterator[FlowFrame[T]],
    estimator: FlowEstimator,
    required: Set[int] = frozenset(),
    reference: FlowInput | None = None,
    max_interval: int = MAX_INTERVAL,
) -> Iterator[KeyframeInterval[T]]:
    """Split one shot, given by its frames, into keyframe intervals that hold every frame once.

    Args:
        frames: frames of the shot from its first frame or from a key frame.
        estimator: estimates the flow past outliers.
        required: indices of the items of `frames` that must be key frames.
        reference: `FlowFrame.bridged_from` of a key frame at which the frames start.
        max_interval: distance from the last key frame at which a regular frame becomes a key frame.
    """
    frames = bridge_outliers(frames, estimator, reference)
    keyframe = next(frames, None)
    if keyframe is None:
        return
    chain = identity_chain(keyframe.flow_input.luma.shape)
    yield KeyframeInterval([keyframe], [], [chain], None)
    pending: list[FlowFrame[T]] = []
    to_previous: list[FlowChain] = []
    for number, frame in enumerate(frames, start=1):
        pending.append(frame)
        assert frame.flow is not None  # only the first frame of a shot has none
        chain = prepend_flow(frame.flow.backward, frame.flow.backward_confidence, chain)
        to_previous.append(chain)
        covered = chain
        if not frame.is_outlier:  # the luma of an outlier is not comparable
            covered = photometric_check(
                chain, frame.flow_input.normalized, keyframe.flow_input.normalized
            )
        is_far = len(pending) >= max_interval or float(covered.confidence.mean()) < MIN_COVERAGE
        is_due = is_far and not frame.is_outlier
        if is_due or number in required or len(pending) >= OUTLIER_FACTOR * max_interval:
            yield from _build_intervals(keyframe, pending, to_previous, max_interval)
            keyframe, pending, to_previous = frame, [], []
            chain = identity_chain(frame.flow_input.luma.shape)
    if pending:
        yield from _build_intervals(keyframe, pending, to_previous, max_interval)


def _build_intervals(
    previous: FlowFrame[T],
    frames: list[FlowFrame[T]],
    to_previous: list[FlowChain],
    max_interval: int,
    can_restart: bool = True,
) -> Iterator[KeyframeInterval[T]]:
    """Yield one interval, or several if its key frames do not cover every frame well.

    `to_previous` has the chain, before any check, from each frame to `previous`.
    """
    keyframe = frames[-1]
    identity = identity_chain(previous.flow_input.luma.shape)
    from_previous, to_keyframe, from_keyframe = [identity], [identity], [identity]
    for flow in (frame.flow for frame in frames):
        assert flow is not None
        from_previous.append(append_flow(from_previous[-1], flow.forward, flow.forward_confidence))
    for flow in (frame.flow for frame in reversed(frames)):
        assert flow is not None
        to_keyframe.append(prepend_flow(flow.forward, flow.forward_confidence, to_keyframe[-1]))
        from_keyframe.append(
            append_flow(from_keyframe[-1], flow.backward, flow.backward_confidence)
        )
    checked = _check(to_previous, from_previous[1:], frames, previous)
    from_here, *to_keyframe = _check(
        to_keyframe[::-1], from_keyframe[::-1], [previous, *frames], keyframe
    )
    split = _find_uncovered(frames, checked, to_keyframe, max_interval)
    if split is None:
        yield KeyframeInterval(frames, checked, to_keyframe, from_here, can_restart)
        return
    first, second = frames[: split + 1], frames[split + 1 :]
    # The split depends on the last key frame too, so nothing can restart at this one.
    to_first = to_previous[: split + 1]
    yield from _build_intervals(previous, first, to_first, max_interval, can_restart=False)
    to_second = _chain_to_first(second)
    yield from _build_intervals(first[-1], second, to_second, max_interval, can_restart)


def _chain_to_first(frames: list[FlowFrame[T]]) -> list[FlowChain]:
    """Return the chain from each frame to the frame before the first one."""
    chain, chains = identity_chain(frames[0].flow_input.luma.shape), []
    for flow in (frame.flow for frame in frames):
        assert flow is not None
        chain = prepend_flow(flow.backward, flow.backward_confidence, chain)
        chains.append(chain)
    return chains


def _check(
    chains: list[FlowChain],
    reverses: list[FlowChain],
    sources: list[FlowFrame[T]],
    target: FlowFrame[T],
) -> list[FlowChain]:
    """Lower the confidence of chains to a key frame where they are wrong."""
    checked = []
    for chain, reverse, source in zip(chains, reverses, sources, strict=True):
        chain = forward_backward_check(chain, reverse)
        if not source.is_outlier and not target.is_outlier:  # else the luma is not comparable
            normalized = source.flow_input.normalized, target.flow_input.normalized
            chain = photometric_check(chain, *normalized)
        checked.append(chain)
    return checked


def _find_uncovered(
    frames: list[FlowFrame[T]],
    to_previous: list[FlowChain],
    to_keyframe: list[FlowChain],
    max_interval: int,
) -> int | None:
    """Return the position of the least covered frame if it must become a key frame, else None."""
    uncovered = [
        0.0
        if frame.is_outlier
        else float((np.maximum(a.confidence, b.confidence) < MIN_CONFIDENCE).mean())
        for frame, a, b in zip(frames[:-1], to_previous[:-1], to_keyframe[:-1], strict=True)
    ]
    largest = max(uncovered, default=0.0)
    if largest * len(frames) <= MAX_UNCOVERED * max_interval:
        return None
    return uncovered.index(largest)
