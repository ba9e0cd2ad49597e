"""Steady color, shot by shot: frames are joined by flow, key frames colored, the rest filled in.

A shot's color depends on its own frames alone. In a dissolve each frame is colored with the one
of the two shots that it shows more of, and the color of both passes over evenly.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.colorizer import Geometry, ProxyPrediction
from vidcolor.concurrency import closed_after
from vidcolor.generators.predictor import HintArrays
from vidcolor.motion.flow import DisFlow
from vidcolor.propagation.analysis_frame import boundary, with_flow
from vidcolor.propagation.keyframes import split_intervals
from vidcolor.propagation.propagate import KeyframePrediction, PropagatedHints, Propagator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from vidcolor.colorizer import Colorizer
    from vidcolor.hints.tracking import HintTracks
    from vidcolor.hints.tracks import HintMask
    from vidcolor.media.decode import Frame
    from vidcolor.propagation.analysis_frame import AnalysisFrame
    from vidcolor.shots.detector import Shot

    Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PredictedFrame:
    """A frame and its color."""

    frame: Frame
    color: ProxyPrediction


class ShotColorizer:
    """Colors a film shot by shot, with one generator."""

    def __init__(
        self,
        colorizer: Colorizer,
        shots: Sequence[Shot],
        geometry: Geometry,
        vividness: float | None = None,
        pins: HintTracks | None = None,
    ) -> None:
        """Prepare.

        Args:
            colorizer: its `predict` is called from the thread that asks for frames.
            shots: one after another; the first begins with the first frame, and the last takes
                whatever follows.
            geometry: of the film's frames.
            vividness: see `Colorizer.predict`.
            pins: a person's colors in key frames; None if there are none.
        """
        self._colorizer, self._geometry, self._vividness = colorizer, geometry, vividness
        self._shots, self._pins = shots, pins
        self._estimator = DisFlow()

    def color(self, frames: Iterator[AnalysisFrame]) -> Iterator[PredictedFrame]:
        """Color every frame, in order; some 50 of them are under way at a time."""
        with closed_after(frames):
            yield from _dissolved(self._by_shots(frames), self._shots)

    def _by_shots(self, frames: Iterator[AnalysisFrame]) -> Iterator[PredictedFrame]:
        begins = [boundary(shot) for shot in self._shots]
        sights = with_flow(frames, self._shots, self._estimator)
        wanted = frozenset() if self._pins is None else self._pins.wanted
        with closed_after(sights):
            propagator = Propagator(self._ask, self._pinned, self._colorizer.accepts_hints)
            for begin, end in zip(begins, [*begins[1:], None], strict=True):
                shot = itertools.islice(sights, None if end is None else end - begin)
                runs = split_intervals(shot, self._estimator, {n - begin for n in wanted})
                for item, color in propagator.color(runs):
                    yield PredictedFrame(item.frame, self._as_stored(item, color))

    def _pinned(self, item: AnalysisFrame) -> HintMask | None:
        return None if self._pins is None else self._pins.at(item.frame.index)

    def _ask(self, item: AnalysisFrame, known: PropagatedHints | None) -> KeyframePrediction:
        """What the generator says of a frame, upright."""
        upright = Geometry(width=item.proxy.shape[1], height=item.proxy.shape[0])
        hints = None if known is None else HintArrays(known.ab[None], known.density[None])
        color = self._colorizer.predict([item.proxy], upright, self._vividness, hints)[0]
        return KeyframePrediction(color.ab, color.confidence)

    def _as_stored(self, item: AnalysisFrame, color: Array) -> ProxyPrediction:
        """(h, w, 3) upright a*, b*, confidence -> as the film's pixels are stored."""
        planes = np.ascontiguousarray(self._geometry.to_stored(color.transpose(2, 0, 1)))
        proxy = np.ascontiguousarray(self._geometry.to_stored(item.proxy))
        return ProxyPrediction(planes[:2], planes[2], proxy)


def _dissolved(frames: Iterator[PredictedFrame], shots: Iterable[Shot]) -> Iterator[PredictedFrame]:
    """Lead color over from shot to shot where the picture dissolves.

    Frames before the wall wait for the color at the wall; those after it get some of the last
    color before it.
    """
    dissolves = deque(shot for shot in shots if shot.mixed)
    waiting: list[PredictedFrame] = []
    last: ProxyPrediction | None = None
    for item in frames:
        number = item.frame.index
        if not dissolves or number < dissolves[0].first:
            last = item.color
            yield item
            continue
        shot = dissolves[0]
        if number < boundary(shot):
            waiting.append(item)
            continue
        for early in waiting:
            share = _share(early.frame.index, shot)
            yield replace(early, color=_blended(early.color, item.color, share))
        last = waiting[-1].color if waiting else last
        waiting.clear()
        if last is None:
            yield item
        else:
            share = _share(number, shot)
            yield replace(item, color=_blended(item.color, last, 1 - share))
        if number == shot.first + shot.mixed - 1:
            dissolves.popleft()
            last = item.color
    yield from waiting


def _share(number: int, shot: Shot) -> float:
    """Of the shot that comes, in one of the frames that it dissolves in with."""
    return (number - shot.first + 1) / (shot.mixed + 1)


def _blended(color: ProxyPrediction, other: ProxyPrediction, share: float) -> ProxyPrediction:
    return replace(
        color,
        ab=color.ab + np.float32(share) * (other.ab - color.ab),
        confidence=color.confidence + np.float32(share) * (other.confidence - color.confidence),
    )
