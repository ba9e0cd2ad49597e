"""One palette a shot: the generator's opinions of key frames, joined along motion and filled in.

What a place looks like in several key frames is guessed several times; its color is the mean of
those guesses, of all key frames so far and of a few to come (fixed-lag smoothing), which wander
less than any one of them. What is finer than `FINE` is taken from the key frame's own guess: means
of what lies a little beside each other have no sharp edges, and detail does not wander. What no key
frame so far has shown is guessed with the rest as hints.
Frames between two key frames take the color of both along their tracks. Nothing is remembered
across shots, and of a shot no more than `LAG` stretches are held.

A person's colors are laid over key frames last, and not remembered: they have a way of their own
through the shot (see `pins`), and would be told to the generator of other things as well.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np

from vidcolor.color.smoothstep import smoothstep
from vidcolor.imaging.guided_filter import GuidedUpsampler
from vidcolor.motion.flow import sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from vidcolor.hints.tracks import HintMask
    from vidcolor.motion.flow_chain import FlowChain
    from vidcolor.propagation.keyframes import FlowFrame, KeyframeInterval

    Array = NDArray[np.float32]

T = TypeVar("T")

LAG = 2
"""Key frames that are looked ahead."""
MEMORY = 8.0
"""Opinions that what is remembered of a place counts for at most: color may follow a lamp that is
switched on, slowly."""
PACE = 6.0
"""Frames in which color goes two thirds of the way to what is known now: where key frames are
close, each guess differs from the one before, and all would be seen."""
FULL_CONTRAST = 0.08
"""Deviation of Y' from which on an opinion counts fully; less of a picture that is fading in."""
LEAST = 1e-4
"""Weight of what nobody vouches for, where there is nothing else."""
NEW = 0.06
"""Share of a key frame that has not been seen before, from which on it is asked about again."""
DENSITY = 0.5
"""Of the hints that remembered color gives; the generator has learned to weigh 0.1 to 0.6."""
FINE = 3.0
"""Deviation, in pixels of the flow's grid, of the Gaussian that takes detail away."""
FILL = 4.0
"""Reach, in pixels of the flow's grid, from which small holes are filled."""


class KeyframePrediction(NamedTuple):
    """What a generator says of one frame, upright, on its own grid."""

    ab: Array
    """a*, b*: (2, h, w) float32."""
    confidence: Array
    """(h, w) float32 in [0, 1]."""


class PropagatedHints(NamedTuple):
    """What a generator is told of a frame before it is asked, upright, on the flow's grid."""

    ab: Array
    """a*, b*: (2, h, w) float32; anything where density is 0."""
    density: Array
    """(h, w) float32 in [0, 1]."""


class _State(NamedTuple):
    """Color with the number of opinions behind it, on the flow's grid."""

    color: Array
    """a*, b*, confidence: (h, w, 3) float32."""
    weight: Array
    """(h, w) float32."""


class _Past(NamedTuple):
    """A key frame that is settled."""

    state: _State
    """For those to come."""
    color: Array
    """a*, b*, confidence: (h, w, 3) float32."""
    shown: Array
    """The same with what is pinned."""


@dataclass(slots=True)
class _Key(Generic[T]):
    stretch: KeyframeInterval[T]
    own: _State


class Propagator(Generic[T]):
    """Colors one shot after another."""

    def __init__(
        self,
        ask: Callable[[T, PropagatedHints | None], KeyframePrediction],
        pinned: Callable[[T], HintMask | None] = lambda _: None,
        takes_hints: bool = True,
    ) -> None:
        """Prepare.

        Args:
            ask: what the generator says of what rides along with a frame, with or without hints;
                the same whenever it is asked the same.
            pinned: what a person's word makes of a key frame, None if nothing.
            takes_hints: whether hints make a difference to what the generator says; if not, it is
                not asked about new parts of a frame in the light of what is remembered.
        """
        self._ask, self._pinned, self._takes_hints = ask, pinned, takes_hints
        self._raise = GuidedUpsampler(radius=6)

    def color(self, stretches: Iterator[KeyframeInterval[T]]) -> Iterator[tuple[T, Array]]:
        """Color one shot.

        Args:
            stretches: all of it, in order.

        Yields:
            What rides along with each frame, and its a*, b*, confidence: (h, w, 3) float32 on the
            grid of its flow.
        """
        waiting: deque[_Key[T]] = deque()
        past: _Past | None = None
        for stretch in stretches:
            waiting.append(_Key(stretch, self._opinion(stretch.key, None)))
            if len(waiting) > LAG:
                here = self._settle(past, waiting)
                yield from _filled(waiting.popleft().stretch, past, here.shown)
                past = here
        while waiting:
            here = self._settle(past, waiting)
            yield from _filled(waiting.popleft().stretch, past, here.shown)
            past = here

    def _opinion(self, key: FlowFrame[T], hints: PropagatedHints | None) -> _State:
        ab, confidence = self._ask(key.item, hints)
        luma = key.look.luma
        color = np.empty((*luma.shape, 3), np.float32)
        color[..., 0], color[..., 1] = self._raise(ab, luma, luma)
        color[..., 2] = _scaled(confidence, luma.shape)
        return _State(color, np.maximum(_contrast(key) * color[..., 2], LEAST))

    def _settle(self, past: _Past | None, waiting: deque[_Key[T]]) -> _Past:
        """What is known at the first key frame, and its color."""
        key = waiting[0]
        so_far = key.own
        if past is not None:
            carried = _carried(past.state, key.stretch.before[-1])
            remembered = _State(carried.color, np.minimum(carried.weight, MEMORY))
            so_far = _joined(self._asked_again(key, carried), remembered)
        future: _State | None = None
        for later in reversed(list(waiting)[1:]):
            future = later.own if future is None else _joined(later.own, future)
            assert later.stretch.back is not None
            future = _carried(future, later.stretch.back)
        color = (so_far if future is None else _joined(so_far, future)).color
        color = _detailed(color, key.own.color, _contrast(key.stretch.key))
        if past is not None:
            color = _eased(color, past.color, key.stretch)
        pinned = self._pinned(key.stretch.key.item)
        return _Past(so_far, color, color if pinned is None else _held(color, pinned))

    def _asked_again(self, key: _Key[T], past: _State) -> _State:
        """The opinion of a key frame, of its new parts in the light of what is remembered."""
        known = past.weight / (past.weight + np.float32(0.25))
        new = known < 0.5
        if not self._takes_hints or not NEW < float(new.mean()) < 1 - NEW:
            return key.own
        ab = np.ascontiguousarray(past.color[..., :2].transpose(2, 0, 1))
        density = (DENSITY * known * ~new).astype(np.float32)
        again = self._opinion(key.stretch.key, PropagatedHints(ab, density))
        share = smoothstep(1 - known, 0.3, 0.7)[..., None]
        color = key.own.color + share * (again.color - key.own.color)
        return _State(color, key.own.weight)


def _contrast(key: FlowFrame[T]) -> float:
    """How much a frame shows: 1 of a clear picture, 0 of one that has fallen out."""
    return 0.0 if key.has_fallen_out else min(float(key.look.luma.std()) / FULL_CONTRAST, 1.0)


def _detailed(color: Array, own: Array, share: float) -> Array:
    """Color with the detail of a key frame's own opinion."""
    import cv2

    detailed = color.copy()
    missing = own[..., :2] - color[..., :2]
    coarse = np.asarray(cv2.GaussianBlur(missing, (0, 0), FINE), np.float32)
    detailed[..., :2] += np.float32(share) * (missing - coarse)
    return detailed


def _held(color: Array, pinned: HintMask) -> Array:
    """Color with what is pinned in it."""
    told = np.dstack([*pinned.ab, np.maximum(color[..., 2], pinned.influence)])
    return (color + pinned.influence[..., None] * (told - color)).astype(np.float32)


def _carried(state: _State, track: FlowChain) -> _State:
    return _State(
        sample(state.color, track.places), sample(state.weight, track.places) * track.trust
    )


def _joined(one: _State, other: _State) -> _State:
    """The mean of two, by the opinions behind them."""
    weight = one.weight + other.weight
    share = (other.weight / np.maximum(weight, 1e-9))[..., None]
    return _State(one.color + share * (other.color - one.color), weight)


def _eased(color: Array, before: Array, stretch: KeyframeInterval[T]) -> Array:
    """Color that has changed no faster than by `PACE` since the key frame before."""
    track = stretch.before[-1]
    share = track.trust[..., None] * np.float32(math.exp(-len(stretch.frames) / PACE))
    eased: Array = color + share * (sample(before, track.places) - color)
    return eased


def _filled(
    stretch: KeyframeInterval[T], past: _Past | None, after: Array
) -> Iterator[tuple[T, Array]]:
    """The frames of a stretch between two key frames' colors."""
    count = len(stretch.frames)
    if past is None:
        yield stretch.key.item, after
        return
    before = past.shown
    for n, sight in enumerate(stretch.frames[:-1]):
        share = np.float32((n + 1) / count)
        early, late = stretch.before[n], stretch.after[n]
        weight_early, weight_late = (1 - share) * early.trust + LEAST, share * late.trust + LEAST
        part = (weight_late / (weight_early + weight_late))[..., None]
        color = sample(before, early.places)
        color += part * (sample(after, late.places) - color)
        yield sight.item, _mended(color, np.maximum(early.trust, late.trust))
    yield stretch.key.item, after


def _mended(color: Array, trust: Array) -> Array:
    """Small holes filled from around."""
    import cv2

    sure = smoothstep(trust, 0.1, 0.4)
    if float(sure.min()) > 0.99:
        return color
    weight = np.asarray(cv2.GaussianBlur(sure, (0, 0), FILL), np.float32)[..., None]
    around = np.asarray(cv2.GaussianBlur(color * sure[..., None], (0, 0), FILL), np.float32)
    filling = (around + 1e-3 * color) / (weight + 1e-3)
    mended: Array = filling + sure[..., None] * (color - filling)
    return mended


def _scaled(image: Array, shape: tuple[int, ...]) -> Array:
    import cv2

    size = (shape[1], shape[0])
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.float32)
