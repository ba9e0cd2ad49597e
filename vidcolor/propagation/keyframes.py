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

from vidcolor.motion.flow import measure, standing_still
from vidcolor.motion.flow_chain import (
    Track,
    came_back,
    checked,
    one_earlier,
    one_later,
    one_on,
    track_to_itself,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

    from numpy.typing import NDArray

    from vidcolor.motion.flow import FlowEstimator, Look, Step

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
class Sight(Generic[T]):
    """A frame on its way through the tracks."""

    item: T
    """Whatever rides along."""
    look: Look
    step: Step | None
    """From the frame before it; None for a shot's first."""
    has_fallen_out: bool = False
    """Whether it shows something that neither the frame before nor the one after does."""


@dataclass(frozen=True, slots=True)
class Stretch(Generic[T]):
    """The frames after one key frame up to and with the next; or a shot's first frame alone."""

    frames: list[Sight[T]]
    """The last of them is a key frame."""
    before: list[Track]
    """Of each frame: its places in the key frame before; of a shot's first frame none."""
    after: list[Track]
    """Of each frame: its places in the key frame that ends the stretch."""
    back: Track | None
    """Of the key frame before: its places in the key frame that ends the stretch."""

    @property
    def key(self) -> Sight[T]:
        """The key frame that ends it."""
        return self.frames[-1]


def stretches(
    sights: Iterator[Sight[T]], estimator: FlowEstimator, wanted: Set[int] = frozenset()
) -> Iterator[Stretch[T]]:
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
    yield Stretch([key], [], [track_to_itself(key.look.luma.shape)], None)
    between: list[Sight[T]] = []
    track = track_to_itself(key.look.luma.shape)
    for number, sight in enumerate(frames, start=1):
        between.append(sight)
        assert sight.step is not None  # only a shot's first frame has none
        track = one_later(track, sight.step)
        shown = (
            track.trust
            if sight.has_fallen_out
            else checked(track, sight.look.pattern, key.look.pattern)
        )
        is_far = len(between) >= SPACING or float(shown.mean()) < LEAST_SHOWN
        is_due = is_far and not sight.has_fallen_out
        if is_due or number in wanted or len(between) >= LONGEST:
            yield from _joined(key, between)
            key, between = sight, []
            track = track_to_itself(sight.look.luma.shape)
    if between:
        yield from _joined(key, between)


def _joined(key: Sight[T], frames: list[Sight[T]]) -> Iterator[Stretch[T]]:
    """A stretch with its tracks; two or more where key frames at its ends show too little."""
    itself, end = track_to_itself(key.look.luma.shape), frames[-1]
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
    before = [came_back(t, r) for t, r in zip(before[1:], from_start[1:], strict=True)]
    after = [came_back(t, r) for t, r in zip(after, from_end, strict=True)]
    after.reverse()
    before = [_believed(t, s, key) for t, s in zip(before, frames, strict=True)]
    back = _believed(after[0], key, end)
    after = [_believed(t, s, end) for t, s in zip(after[1:], frames, strict=True)]
    split = _least_seen(frames, before, after)
    if split is None:
        yield Stretch(frames, before, after, back)
    else:
        yield from _joined(key, frames[: split + 1])
        yield from _joined(frames[split], frames[split + 1 :])


def _believed(track: Track, here: Sight[T], there: Sight[T]) -> Track:
    if here.has_fallen_out or there.has_fallen_out:
        return track
    return Track(track.places, checked(track, here.look.pattern, there.look.pattern))


def _least_seen(frames: list[Sight[T]], before: list[Track], after: list[Track]) -> int | None:
    """The frame of which the key frames show least, if that is too little; not the last."""
    unseen = [
        0.0 if s.has_fallen_out else float((np.maximum(b.trust, a.trust) < UNSEEN).mean())
        for s, b, a in zip(frames[:-1], before[:-1], after[:-1], strict=True)
    ]
    most = max(unseen, default=0.0)
    return unseen.index(most) if most * len(frames) > MOST_UNSEEN * SPACING else None


def _stepping_over(sights: Iterator[Sight[T]], estimator: FlowEstimator) -> Iterator[Sight[T]]:
    """Mark frames that have fallen out, and lead the steps past them."""
    ahead: deque[Sight[T]] = deque()
    good: Sight[T] | None = None
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
                sight.step = standing_still(sight.look.luma.shape)
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
                ahead[0].step = measure(good.look, ahead[0].look, estimator)
            continue
        number, step = over
        for _ in range(number):
            yield _fallen(ahead.popleft())
        good = ahead.popleft()
        good.step = step
        yield good


def _fallen(sight: Sight[T]) -> Sight[T]:
    sight.has_fallen_out = True
    sight.step = standing_still(sight.look.luma.shape)
    return sight


def _step_over(
    good: Sight[T], ahead: deque[Sight[T]], estimator: FlowEstimator
) -> tuple[int, Step] | None:
    """How many more frames have fallen out, and the step over them all; None if none leads on."""
    for number, sight in enumerate(ahead):
        if sight.look.is_blank:
            continue
        step = measure(good.look, sight.look, estimator)
        if _mean_trust(step) > STRONG:
            return number, step
    return None


def _mean_trust(step: Step | None) -> float:
    return 0.0 if step is None else float(step.back_trust.mean())
