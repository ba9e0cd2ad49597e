"""Steady colour, shot by shot: frames are joined by flow, key frames coloured, the rest filled in.

A shot's colour depends on its own frames alone. In a dissolve each frame is coloured with the one
of the two shots that it shows more of, and the colour of both passes over evenly.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.colorizer import Colour, Geometry
from vidcolor.film.pipeline import closed_after
from vidcolor.film.sights import sights_of, wall_of
from vidcolor.generators.predictor import HintArrays
from vidcolor.temporal.flow import DisFlow
from vidcolor.temporal.propagate import Opinion, Propagator, Remembered
from vidcolor.temporal.stretches import stretches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from vidcolor.colorizer import Colorizer
    from vidcolor.film.follow import Pins
    from vidcolor.film.sights import Analysed
    from vidcolor.media.read import Frame
    from vidcolor.temporal.pins import Pinned
    from vidcolor.temporal.shots import Shot

    Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Predicted:
    """A frame and its colour."""

    frame: Frame
    colour: Colour


class ShotColorist:
    """Colours a film shot by shot, with one generator."""

    def __init__(
        self,
        colorizer: Colorizer,
        shots: Sequence[Shot],
        geometry: Geometry,
        vividness: float | None = None,
        pins: Pins | None = None,
    ) -> None:
        """Prepare.

        Args:
            colorizer: its `predict` is called from the thread that asks for frames.
            shots: one after another; the first begins with the first frame, and the last takes
                whatever follows.
            geometry: of the film's frames.
            vividness: see `Colorizer.predict`.
            pins: a person's colours in key frames; None if there are none.
        """
        self._colorizer, self._geometry, self._vividness = colorizer, geometry, vividness
        self._shots, self._pins = shots, pins
        self._estimator = DisFlow()

    def colour(self, frames: Iterator[Analysed]) -> Iterator[Predicted]:
        """Colour every frame, in order; some 50 of them are under way at a time."""
        with closed_after(frames):
            yield from _dissolved(self._by_shots(frames), self._shots)

    def _by_shots(self, frames: Iterator[Analysed]) -> Iterator[Predicted]:
        begins = [wall_of(shot) for shot in self._shots]
        sights = sights_of(frames, self._shots, self._estimator)
        wanted = frozenset() if self._pins is None else self._pins.wanted
        with closed_after(sights):
            propagator = Propagator(self._ask, self._pinned, self._colorizer.accepts_hints)
            for begin, end in zip(begins, [*begins[1:], None], strict=True):
                shot = itertools.islice(sights, None if end is None else end - begin)
                runs = stretches(shot, self._estimator, {n - begin for n in wanted})
                for item, colour in propagator.colour(runs):
                    yield Predicted(item.frame, self._as_stored(item, colour))

    def _pinned(self, item: Analysed) -> Pinned | None:
        return None if self._pins is None else self._pins.at(item.frame.index)

    def _ask(self, item: Analysed, known: Remembered | None) -> Opinion:
        """What the generator says of a frame, upright."""
        upright = Geometry(width=item.proxy.shape[1], height=item.proxy.shape[0])
        hints = None if known is None else HintArrays(known.ab[None], known.density[None])
        colour = self._colorizer.predict([item.proxy], upright, self._vividness, hints)[0]
        return Opinion(colour.ab, colour.confidence)

    def _as_stored(self, item: Analysed, colour: Array) -> Colour:
        """(h, w, 3) upright a*, b*, confidence -> as the film's pixels are stored."""
        planes = np.ascontiguousarray(self._geometry.to_stored(colour.transpose(2, 0, 1)))
        proxy = np.ascontiguousarray(self._geometry.to_stored(item.proxy))
        return Colour(planes[:2], planes[2], proxy)


def _dissolved(frames: Iterator[Predicted], shots: Iterable[Shot]) -> Iterator[Predicted]:
    """Lead colour over from shot to shot where the picture dissolves.

    Frames before the wall wait for the colour at the wall; those after it get some of the last
    colour before it.
    """
    dissolves = deque(shot for shot in shots if shot.mixed)
    waiting: list[Predicted] = []
    last: Colour | None = None
    for item in frames:
        number = item.frame.index
        if not dissolves or number < dissolves[0].first:
            last = item.colour
            yield item
            continue
        shot = dissolves[0]
        if number < wall_of(shot):
            waiting.append(item)
            continue
        for early in waiting:
            share = _share(early.frame.index, shot)
            yield replace(early, colour=_blended(early.colour, item.colour, share))
        last = waiting[-1].colour if waiting else last
        waiting.clear()
        if last is None:
            yield item
        else:
            share = _share(number, shot)
            yield replace(item, colour=_blended(item.colour, last, 1 - share))
        if number == shot.first + shot.mixed - 1:
            dissolves.popleft()
            last = item.colour
    yield from waiting


def _share(number: int, shot: Shot) -> float:
    """Of the shot that comes, in one of the frames that it dissolves in with."""
    return (number - shot.first + 1) / (shot.mixed + 1)


def _blended(colour: Colour, other: Colour, share: float) -> Colour:
    return replace(
        colour,
        ab=colour.ab + np.float32(share) * (other.ab - colour.ab),
        confidence=colour.confidence + np.float32(share) * (other.confidence - colour.confidence),
    )
