"""Where shots begin: cuts, dissolves and fades, found on luma alone while the film goes by.

`CutDetector` answers at once, `ShotDetector` looks ahead and knows dissolves and fades as well.
Wear and what moves within a shot are told from new shots by `looks`, `cuts`, `fades` and
`dissolves`; here is put together what they find.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from vidcolor.shots.cuts import CutFinder, FrameSample
from vidcolor.shots.dissolves import Dissolve, DissolveFinder
from vidcolor.shots.fades import Fade, FadeFinder
from vidcolor.shots.features import FrameFeatures, change, doubled, extract_features, halved
from vidcolor.shots.letterbox import Framing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float32]

MIN_CHANGE = 0.31
"""Change below which there is no cut, whatever came before: 0 is none, 1 another picture."""
UNREST = 2.0
"""How many times larger than the largest but one of the recent changes a cut is."""
MEMORY = 8
"""Changes of the running shot that are remembered."""
TOGETHER = 3
"""Frames between two beginnings that are one."""
LOOK_AHEAD = 120
"""Frames after which no beginning is found any more."""
LOOKED_BACK = 96
"""Frames that are looked at again when the picture turns out to be larger; fewer than that."""

Beginning = Literal["start", "cut", "dissolve", "fade"]


@dataclass(frozen=True, slots=True)
class Shot:
    """A run of frames from one camera; shots tile a film."""

    first: int
    """Number of its first frame; of one that dissolves in, the first that shows a trace of it."""
    last: int
    """Number of the frame after its last one: where the next shot's `first` is."""
    begins: Beginning = "cut"
    """How it begins: with the film, at a cut, out of the shot before it, out of black or white."""
    mixed: int = 0
    """Frames at its beginning that show the shot before it as well: those of a dissolve."""


class CutDetector:
    """Tells shots apart, one frame at a time: looks at no frame twice, and never ahead.

    What is different must be so by itself, and beside what the shot has shown so far. A blank
    frame (a flash, black film) begins no shot, and neither does the same picture after it. A
    single damaged frame may; the return from it does not. Dissolves and fades are not found.
    """

    def __init__(self) -> None:
        self._is_first = True
        self._seen: deque[FrameFeatures] = deque(maxlen=2)
        self._changes: deque[float] = deque(maxlen=MEMORY)

    def feed(self, proxy: Array) -> bool:
        """Look at the next frame.

        Args:
            proxy: its Y', (h, w) float32 in [0, 1]; every frame of one size.

        Returns:
            Whether it begins a new shot; True for the first.
        """
        is_first, self._is_first = self._is_first, False
        look = extract_features(halved(doubled(proxy)))
        if look is None:
            return is_first
        to_here = min((change(look, other) for other in self._seen), default=0.0)
        self._seen.append(look)
        usual = sorted(self._changes)[-2] if len(self._changes) > 1 else 0.0
        is_cut = to_here > max(MIN_CHANGE, UNREST * usual)
        if is_cut:
            self._changes.clear()
        else:
            self._changes.append(to_here)
        return is_first or is_cut


class ShotDetector:
    """Tells shots apart, looking `LOOK_AHEAD` frames ahead; memory does not grow with the film."""

    def __init__(self) -> None:
        self._count = 0
        self._framing = Framing()
        self._recent: deque[Array] = deque(maxlen=LOOKED_BACK)
        self._finders = _Finders(0)
        self._faded: deque[Fade] = deque(maxlen=4)
        self._found: list[Shot] = []
        """Beginnings; `last` is not known yet."""
        self._running = Shot(0, 0, "start")

    def feed(self, proxy: Array) -> list[Shot]:
        """Look at the next frame.

        Args:
            proxy: its Y', (h, w) float32 in [0, 1]; every frame of one size.

        Returns:
            Shots that are certain to be over, in order.
        """
        double = doubled(proxy)
        self._recent.append(double)
        self._count += 1
        if self._framing.feed(double):  # what was made of the frames before was made with bars
            self._finders = _Finders(self._count - len(self._recent))
            for frame in self._recent:
                self._note(*self._finders.feed(self._framing.cropped(frame)))
        else:
            self._note(*self._finders.feed(self._framing.cropped(double)))
        return self._certain(self._count - LOOK_AHEAD)

    def finish(self) -> list[Shot]:
        """The rest of the shots; none if there was no frame."""
        for found in self._finders.finish():
            self._note(*found)
        over = self._certain(self._count)
        return [*over, replace(self._running, last=self._count)] if self._count else []

    def _note(
        self, cut: tuple[int, int] | None, fade: Fade | None, dissolve: Dissolve | None
    ) -> None:
        self._note_cut(cut)
        self._note_fade(fade)
        self._note_dissolve(dissolve)

    def _note_cut(self, cut: tuple[int, int] | None) -> None:
        """Keep a cut, rather than a dissolve that was found there."""
        if cut is None:
            return
        last, first = cut
        flash = first - last > 1
        middle = (last + first + 1) // 2
        self._keep(Shot(middle, 0, "fade") if flash else Shot(first, 0, "cut"))

    def _note_fade(self, fade: Fade | None) -> None:
        """Keep a fade, rather than anything else that was found on the way."""
        if fade is None:
            return
        self._faded.append(fade)
        self._found = [s for s in self._found if not _overlap(s, fade.first + 1, fade.last + 1)]
        self._keep(Shot(fade.middle, 0, "fade"))

    def _note_dissolve(self, dissolve: Dissolve | None) -> None:
        """Keep a dissolve, unless something else is near that explains it."""
        if dissolve is None:
            return
        first, last = dissolve.first, dissolve.last
        shot = Shot(first, 0, "dissolve", last - first)
        near = any(_overlap(other, first - TOGETHER, last + TOGETHER) for other in self._found)
        if not near and not any(_overlap(shot, f.first, f.last) for f in self._faded):
            self._keep(shot)

    def _keep(self, shot: Shot) -> None:
        first, last = shot.first - TOGETHER, shot.first + TOGETHER + 1
        if not shot.mixed:
            self._found = [s for s in self._found if not (s.mixed and _overlap(s, first, last))]
        if shot.first > 0 and shot not in self._found:
            self._found.append(shot)
            self._found.sort(key=lambda other: other.first)

    def _certain(self, before: int) -> list[Shot]:
        """Shots that end with a beginning before a frame."""
        over = []
        while self._found and self._found[0].first < before:
            following = self._found.pop(0)
            first = self._running.first
            if following.first <= first:
                continue
            mixed = min(self._running.mixed, following.first - first)
            over.append(replace(self._running, last=following.first, mixed=mixed))
            self._running = following
        return over


_Found = tuple[tuple[int, int] | None, Fade | None, Dissolve | None]


class _Finders:
    """What finds beginnings, on the same frames; `first` is the number of the first one."""

    def __init__(self, first: int) -> None:
        self._count = first
        self._cuts = CutFinder()
        self._fades = FadeFinder(first)
        self._dissolves = DissolveFinder(first)

    def feed(self, double: Array) -> _Found:
        """Take the next frame, from `looks.doubled`."""
        small = halved(double)
        look = extract_features(small)
        fade = self._fades.feed(float(small.std()), look)
        cut = None
        if look is not None and not self._fades.is_dim:
            cut = self._cuts.feed(FrameSample(self._count, look, double))
        self._count += 1
        return cut, fade, self._dissolves.feed(small)

    def finish(self) -> Iterator[_Found]:
        """What was still open when the film ended."""
        yield from ((cut, None, None) for cut in self._cuts.finish())
        yield None, self._fades.finish(), None
        yield from ((None, None, dissolve) for dissolve in self._dissolves.finish())


def _overlap(shot: Shot, first: int, last: int) -> bool:
    """Whether a beginning shares frames with those from `first` up to, without, `last`."""
    return first < shot.first + max(shot.mixed, 1) and shot.first < last
