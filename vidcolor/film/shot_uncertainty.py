"""Which shots of a film are doubtful, and where in them: gathered while the film is colored.

Of the running shot one mean and one frame are kept, of finished shots a few numbers.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.film.plan import film_geometry, stream_origin
from vidcolor.uncertainty import UncertainRegion, find_regions, review_priority, to_grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.colorizer import ProxyPrediction
    from vidcolor.film.plan import FilmPlan

    Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ShotUncertainty:
    """A shot, and where in it a person's word would help most.

    Times are seconds since the source's first frame; frames are counted from 0 at the first one
    that was colored, so with ``start`` from there.
    """

    first_frame: int
    last_frame: int
    start_s: Fraction
    end_s: Fraction
    """When the next shot begins."""
    confidence: float
    """Mean over the shot and the picture, 0 to 1."""
    need: float
    """Mean need of its frames times the shot's length: seconds of a whole picture of doubt."""
    frame: int
    """The frame that needs it most; the regions are on it."""
    time_s: Fraction
    frame_end_s: Fraction
    """When the frame after it is shown."""
    regions: tuple[UncertainRegion, ...]
    """The greatest need first; empty where the generator is sure."""

    def to_json(self) -> dict[str, Any]:
        """In plain values."""
        return {k: str(v) if isinstance(v, Fraction) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> ShotUncertainty:
        """What `to_json` wrote."""
        times = {k: Fraction(said[k]) for k in ("start_s", "end_s", "time_s", "frame_end_s")}
        regions = tuple(UncertainRegion.from_json(region) for region in said["regions"])
        return cls(**{**said, **times, "regions": regions})


@dataclass(slots=True)
class _Moment:
    """A frame and its maps on the generator's grid, as stored: each (h, w) float32."""

    index: int
    start_s: Fraction
    end_s: Fraction
    need: Array
    confidence: Array
    luma: Array


class _Shot:
    """The shot that is running."""

    def __init__(self, first: _Moment) -> None:
        self._first = self._last = self._neediest = first
        self._highest = -1.0
        self._weight = 0.0
        self._need = np.zeros(first.need.shape, np.float64)
        self._confidence = 0.0

    def add(self, moment: _Moment) -> None:
        seconds = max(float(moment.end_s - moment.start_s), 1e-3)
        self._last = moment
        self._weight += seconds
        self._need += seconds * moment.need
        self._confidence += seconds * float(moment.confidence.mean())
        height = float(moment.need.mean())
        if height > self._highest:
            self._highest, self._neediest = height, moment

    def finish(self, plan: FilmPlan) -> ShotUncertainty:
        at, geometry = self._neediest, film_geometry(plan.video)
        lasting = (self._need / self._weight).astype(np.float32)
        # What is doubtful in this frame *and* through the shot: a passer-by counts for little.
        need, confidence, luma = (
            np.ascontiguousarray(geometry.to_upright(m))
            for m in (np.sqrt(at.need * lasting), at.confidence, at.luma)
        )
        aspect = geometry.width * geometry.pixel_aspect / geometry.height
        aspect = aspect if geometry.quarter_turns % 2 == 0 else 1 / aspect
        return ShotUncertainty(
            first_frame=self._first.index,
            last_frame=self._last.index,
            start_s=self._first.start_s,
            end_s=self._last.end_s,
            confidence=self._confidence / self._weight,
            need=float(self._need.mean()),
            frame=at.index,
            time_s=at.start_s,
            frame_end_s=at.end_s,
            regions=find_regions(need, confidence, luma, aspect),
        )


class UncertaintyCollector:
    """Looks at every colored frame and lists the shots with their doubtful regions."""

    def __init__(self, plan: FilmPlan) -> None:
        self._plan = plan
        self._origin = stream_origin(plan.video)
        self._firsts = frozenset(shot.first for shot in plan.shots)
        self._running: _Shot | None = None
        self._shots: list[ShotUncertainty] = []

    def feed(self, index: int, pts: int, duration: int, color: ProxyPrediction) -> None:
        """Take the next frame.

        Args:
            index: its number.
            pts: when it is shown, in the source's time base.
            duration: for how long, likewise.
            color: what the generator said of it.
        """
        base = self._plan.video.time_base
        start_s = pts * base - self._origin
        luma = to_grid(color.proxy, color.confidence.shape)
        need = review_priority(color.confidence, color.ab, luma)
        moment = _Moment(index, start_s, start_s + duration * base, need, color.confidence, luma)
        if index in self._firsts or self._running is None:
            self._close()
            self._running = _Shot(moment)
        self._running.add(moment)

    def finish(self) -> tuple[ShotUncertainty, ...]:
        """All shots, in order."""
        self._close()
        return tuple(self._shots)

    def _close(self) -> None:
        if self._running is not None:
            self._shots.append(self._running.finish(self._plan))
            self._running = None
