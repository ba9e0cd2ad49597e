"""Shots cut into stretches between key frames, with the tracks that join every frame to both.

Key frames are as far apart as one of them still shows most of what the next one does; where
neither of the two shows enough of a frame between, that frame becomes a key frame too. Frames that
fall out of the picture's motion (a flash, a damaged frame, black film) are stepped over.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from vidcolor.motion.flow import estimate_flow, zero_flow
from vidcolor.motion.flow_chain import (
    FlowChain,
    forward_backward_check,
    identity_chain,
    one_earlier,
    one_later,
    one_on,
    photometric_check,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

    from numpy.typing import NDArray

    from vidcolor.motion.flow import FlowEstimator, FlowInput, FlowPair

    Array = NDArray[np.float32]

T = TypeVar("T")

SPACING = 16
"""Frames between two key frames at most, while the picture shows anything."""
LONGEST = 3 * SPACING
"""The same for black film, of which no key frame tells anything."""
LEAST_SHOWN = 0.5
"""Share of a frame that the last key frame shows, below which the frame becomes one itself."""
UNSEEN = 0.3
"""Trust below which a place counts as not shown."""
MOST_UNSEEN = 0.04
"""Share of a frame that neither key frame shows, from which on the frame becomes one itself; more
in shorter stretches, for what is there so briefly is hardly seen, and asked about frame by frame it
would flicker."""
WEAK, STRONG = 0.35, 0.6
"""Mean trust of a step below which a frame is thought to have fallen out, and that of the step over
it above which it surely has."""
MOST_FALLEN = 3
"""Frames in a row that are stepped over."""


@dataclass(slots=True)
class FlowFrame(Generic[T]):
    """A frame on its way through the tracks."""

    item: T
    """Whatever rides along."""
    look: FlowInput
    step: FlowPair | None
    """From the frame before it; None for a shot's first."""
    has_fallen_out: bool = False
    """Whether it shows something that neither the frame before nor the one after does."""


@dataclass(frozen=True, slots=True)
class KeyframeInterval(Generic[T]):
    """The frames after one key frame up to and with the next; or a shot's first frame alone."""

    frames: list[FlowFrame[T]]
    """The last of them is a key frame."""
    before: list[FlowChain]
    """Of each frame: its places in the key frame before; of a shot's first frame none."""
    after: list[FlowChain]
    """Of each frame: its places in the key frame that ends the stretch."""
    back: FlowChain | None
    """Of the key frame before: its places in the key frame that ends the stretch."""

    @property
    def key(self) -> FlowFrame[T]:
        """The key frame that ends it."""
        return self.frames[-1]


def split_intervals(
    sights: Iterator[FlowFrame[T]], estimator: FlowEstimator, wanted: Set[int] = frozenset()
) -> Iterator[KeyframeInterval[T]]:
    """Cut one shot into stretches.

    Args:
        sights: its frames, in order.
        estimator: measures the steps over frames that have fallen out.
        wanted: numbers, counted from the shot's first frame, that must be key frames.
    """
    frames = _stepping_over(sights, estimator)
    key = next(frames, None)
    if key is None:
        return
    yield KeyframeInterval([key], [], [identity_chain(key.look.luma.shape)], None)
    between: list[FlowFrame[T]] = []
    track = identity_chain(key.look.luma.shape)
    for number, sight in enumerate(frames, start=1):
        between.append(sight)
        assert sight.step is not None  # only a shot's first frame has none
        track = one_later(track, sight.step)
        shown = (
            track.trust
            if sight.has_fallen_out
            else photometric_check(track, sight.look.pattern, key.look.pattern)
        )
        is_far = len(between) >= SPACING or float(shown.mean()) < LEAST_SHOWN
        is_due = is_far and not sight.has_fallen_out
        if is_due or number in wanted or len(between) >= LONGEST:
            yield from _joined(key, between)
            key, between = sight, []
            track = identity_chain(sight.look.luma.shape)
    if between:
        yield from _joined(key, between)


def _joined(key: FlowFrame[T], frames: list[FlowFrame[T]]) -> Iterator[KeyframeInterval[T]]:
    """A stretch with its tracks; two or more where key frames at its ends show too little."""
    itself, end = identity_chain(key.look.luma.shape), frames[-1]
    before, from_start = [itself], [itself]
    after, from_end = [itself], [itself]
    for sight in frames:
        assert sight.step is not None
        before.append(one_later(before[-1], sight.step))
        from_start.append(one_on(from_start[-1], sight.step.ahead, sight.step.ahead_trust))
    for sight in reversed(frames):
        assert sight.step is not None
        after.append(one_earlier(after[-1], sight.step))
        from_end.append(one_on(from_end[-1], sight.step.back, sight.step.back_trust))
    before = [forward_backward_check(t, r) for t, r in zip(before[1:], from_start[1:], strict=True)]
    after = [forward_backward_check(t, r) for t, r in zip(after, from_end, strict=True)]
    after.reverse()
    before = [_believed(t, s, key) for t, s in zip(before, frames, strict=True)]
    back = _believed(after[0], key, end)
    after = [_believed(t, s, end) for t, s in zip(after[1:], frames, strict=True)]
    split = _least_seen(frames, before, after)
    if split is None:
        yield KeyframeInterval(frames, before, after, back)
    else:
        yield from _joined(key, frames[: split + 1])
        yield from _joined(frames[split], frames[split + 1 :])


def _believed(track: FlowChain, here: FlowFrame[T], there: FlowFrame[T]) -> FlowChain:
    if here.has_fallen_out or there.has_fallen_out:
        return track
    return FlowChain(track.places, photometric_check(track, here.look.pattern, there.look.pattern))


def _least_seen(
    frames: list[FlowFrame[T]], before: list[FlowChain], after: list[FlowChain]
) -> int | None:
    """The frame of which the key frames show least, if that is too little; not the last."""
    unseen = [
        0.0 if s.has_fallen_out else float((np.maximum(b.trust, a.trust) < UNSEEN).mean())
        for s, b, a in zip(frames[:-1], before[:-1], after[:-1], strict=True)
    ]
    most = max(unseen, default=0.0)
    return unseen.index(most) if most * len(frames) > MOST_UNSEEN * SPACING else None


def _stepping_over(
    sights: Iterator[FlowFrame[T]], estimator: FlowEstimator
) -> Iterator[FlowFrame[T]]:
    """Mark frames that have fallen out, and lead the steps past them."""
    ahead: deque[FlowFrame[T]] = deque()
    good: FlowFrame[T] | None = None
    while True:
        if not ahead and (coming := next(sights, None)) is not None:
            ahead.append(coming)
        if not ahead:
            return
        sight = ahead.popleft()
        if good is None:
            good = None if sight.look.is_blank else sight
            sight.has_fallen_out |= sight.look.is_blank
            if sight.step is not None:  # black film before the shot's first picture
                sight.step = zero_flow(sight.look.luma.shape)
            yield sight
            continue
        if not sight.look.is_blank and _mean_trust(sight.step) >= WEAK:
            good = sight
            yield sight
            continue
        while len(ahead) < MOST_FALLEN and (coming := next(sights, None)) is not None:
            ahead.append(coming)
        over = _step_over(good, ahead, estimator)
        if over is None and not sight.look.is_blank:
            good = sight
            yield sight
            continue
        yield _fallen(sight)
        if over is None:  # a longer blank: what comes after it is joined to what was before
            if ahead and not ahead[0].look.is_blank:
                ahead[0].step = estimate_flow(good.look, ahead[0].look, estimator)
            continue
        number, step = over
        for _ in range(number):
            yield _fallen(ahead.popleft())
        good = ahead.popleft()
        good.step = step
        yield good


def _fallen(sight: FlowFrame[T]) -> FlowFrame[T]:
    sight.has_fallen_out = True
    sight.step = zero_flow(sight.look.luma.shape)
    return sight


def _step_over(
    good: FlowFrame[T], ahead: deque[FlowFrame[T]], estimator: FlowEstimator
) -> tuple[int, FlowPair] | None:
    """How many more frames have fallen out, and the step over them all; None if none leads on."""
    for number, sight in enumerate(ahead):
        if sight.look.is_blank:
            continue
        step = estimate_flow(good.look, sight.look, estimator)
        if _mean_trust(step) > STRONG:
            return number, step
    return None


def _mean_trust(step: FlowPair | None) -> float:
    return 0.0 if step is None else float(step.back_trust.mean())
