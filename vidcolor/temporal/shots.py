"""Where shots begin: cuts, dissolves and fades, found on luma alone while the film goes by.

A frame is compared with those before it, on thumbnails that grain does not reach. What wear and
cameras do within a shot is taken out before: gain and offset (flicker) by standardising, pans and
weave by looking for the shift that fits best. What is left must be large by itself, and large
beside what the shot has shown so far, so that a restless shot is not cut to pieces.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from vidcolor.temporal.dissolves import DissolveFinder, likeness

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

SIZE = (32, 24)
"""Long and short side of a thumbnail."""
BLOCKS = 3
"""Rows and columns of the blocks whose histograms are compared."""
LEVELS = 8
"""Bins of a block's histogram, over two standard deviations to either side of the mean."""
MIN_CHANGE = 0.31
"""Change below which there is no cut, whatever came before: 0 is none, 1 another picture."""
UNREST = 2.0
"""How many times larger than the largest but one of the recent changes a cut is."""
MEMORY = 8
"""Changes of the running shot that are remembered."""
MIN_CONTRAST = 0.02
"""Standard deviation of Y' below which a frame shows nothing: a flash, black film."""


MIN_CUT = 0.37
"""The same where frames ahead are looked at as well, which tell more ..."""
LEAST_CUT, CALM, STILL = 0.25, 5.0, 0.05
"""... and that between two shots in which hardly anything moves: a change that is so many times as
large as theirs, or as this, is a cut as well."""
BEFORE, AFTER = 4, 5
"""Frames before and after a cut, of which no two may be alike: flashes last up to three."""
MOST_FLASH = 3
"""Blank frames that are no fade."""
FADED = 0.35
"""Contrast of the frames at a cut, beside that around, below which it is a fade."""
DIM, BACK = 0.3, 0.5
"""Contrast beside that of the frames before, below which a picture has faded, and from which on it
is back."""
STEADY = 0.7
"""The same of the frame before, from which on a sudden fall is no fade but another picture."""
USUAL = 0.97
"""How slowly that is forgotten, frame by frame: a dark picture is a picture after a second."""
TOGETHER = 3
"""Frames between two beginnings that are one."""
LOOK_AHEAD = 120
"""Frames after which no beginning is found any more."""

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

    A blank frame (a flash, black film) begins no shot, and neither does the same picture after it.
    A single damaged frame may; the return from it does not. Dissolves and fades are not found.
    """

    def __init__(self) -> None:
        self._is_first = True
        self._seen: deque[_Look] = deque(maxlen=2)
        self._changes: deque[float] = deque(maxlen=MEMORY)

    def feed(self, proxy: Array) -> bool:
        """Look at the next frame.

        Args:
            proxy: its Y', (h, w) float32 in [0, 1]; every frame of one size.

        Returns:
            Whether it begins a new shot; True for the first.
        """
        is_first, self._is_first = self._is_first, False
        look = _look_of(_shrunk(proxy))
        if look is None:
            return is_first
        change = min((_change(look, other) for other in self._seen), default=0.0)
        self._seen.append(look)
        usual = sorted(self._changes)[-2] if len(self._changes) > 1 else 0.0
        is_cut = change > max(MIN_CHANGE, UNREST * usual)
        if is_cut:
            self._changes.clear()
        else:
            self._changes.append(change)
        return is_first or is_cut


class ShotDetector:
    """Tells shots apart, looking some 120 frames ahead.

    A cut must hold: of the frames just before it and just after it no two are alike. So neither
    flashes nor damaged frames, after which the old picture returns, begin a shot.
    """

    def __init__(self) -> None:
        self._count = 0
        self._before: deque[_Seen] = deque(maxlen=BEFORE)
        self._after: deque[_Seen] = deque()
        self._changes: deque[float] = deque(maxlen=MEMORY)
        self._dissolves = DissolveFinder()
        self._contrast = self._usual = 0.0
        self._is_faded = False
        self._found: list[Shot] = []
        """Beginnings; `last` is not known yet."""
        self._running = Shot(0, 0, "start")

    def feed(self, proxy: Array) -> list[Shot]:
        """Look at the next frame.

        Args:
            proxy: its Y', (h, w) float32 in [0, 1]; every frame of one size.

        Returns:
            Shots that are certain to be over.
        """
        small = _shrunk(proxy)
        look = None if self._is_dim(float(small.std())) else _look_of(small)
        if look is not None:
            self._after.append(_Seen(self._count, look, float(small.std())))
            if len(self._after) > AFTER:
                self._judge()
        dissolve = self._dissolves.feed(small)
        if dissolve is not None:
            self._note(Shot(dissolve.first, 0, "dissolve", dissolve.last - dissolve.first))
        self._count += 1
        return self._certain(self._count - LOOK_AHEAD)

    def finish(self) -> list[Shot]:
        """The rest of the shots; none if there was no frame."""
        while self._after:
            self._judge()
        for dissolve in self._dissolves.finish():
            self._note(Shot(dissolve.first, 0, "dissolve", dissolve.last - dissolve.first))
        over = self._certain(self._count)
        return [*over, replace(self._running, last=self._count)] if self._count else []

    def _is_dim(self, contrast: float) -> bool:
        """Whether a frame is far on its way into or out of black: it shows more dust than picture.

        A picture that is dark by itself begins at once, or stays.
        """
        before, self._contrast = self._contrast, contrast
        usual = self._usual = max(contrast, USUAL * self._usual)
        if self._is_faded:
            self._is_faded = contrast < BACK * usual
        elif contrast < DIM * usual:
            if before > STEADY * usual and contrast >= MIN_CONTRAST:  # it did not fade
                self._usual = contrast
            else:
                self._is_faded = True
        return self._is_faded

    def _judge(self) -> None:
        """Decide whether the next frame begins a shot, and go past it."""
        here = self._after[0]
        if self._before:
            change = _change(self._before[-1].look, here.look)
            if change > LEAST_CUT / UNREST:
                change = self._least_change()
            blank = here.number - self._before[-1].number - 1
            if self._is_cut(change, blank):
                self._changes.clear()
                self._note(self._beginning(here))
                self._before.clear()
            else:
                self._changes.append(change)
        self._before.append(self._after.popleft())

    def _is_cut(self, change: float, blank: int) -> bool:
        """Whether so large a change is one, after so many blank frames."""
        if change <= LEAST_CUT:
            return False
        unrest = self._unrest()
        if blank <= MOST_FLASH:  # what moves has moved on behind a flash
            unrest *= math.sqrt(1 + blank)
            if change <= UNREST * unrest:
                return False
        return change > MIN_CUT or change > CALM * max(unrest, STILL)

    def _unrest(self) -> float:
        """How much pictures change within the shot before, or the one to come: of the larger."""
        before = sorted(self._changes)[-2] if len(self._changes) > 1 else 0.0
        after = [_change(a.look, b.look) for a, b in itertools.pairwise(self._after)]
        return max(before, float(np.median(after)) if after else 0.0)

    def _least_change(self) -> float:
        """Between any picture just before and any just after: small if the old one comes back."""
        pairs = itertools.product(self._before, self._after)
        return min(_change(before.look, after.look) for before, after in pairs)

    def _beginning(self, here: _Seen) -> Shot:
        """A shot that begins at a frame: hard, or out of a blank stretch."""
        before = self._before[-1]
        if here.number - before.number > 1:
            return Shot((before.number + here.number + 1) // 2, 0, "fade")
        contrast = max(self._before[0].contrast, self._after[-1].contrast)
        dipped = max(before.contrast, here.contrast) < FADED * contrast
        return Shot(here.number, 0, "fade" if dipped else "cut")

    def _note(self, shot: Shot) -> None:
        """Keep a beginning, unless another one explains it; of two that overlap the hard one."""
        begin, end = shot.first, shot.first + max(shot.mixed, 1)
        near = [
            other
            for other in self._found
            if begin - TOGETHER < other.first + max(other.mixed, 1) and other.first < end + TOGETHER
        ]
        if shot.mixed and near:
            return
        self._found = [other for other in self._found if other not in near or not other.mixed]
        if shot.first > 0:
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


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame that shows something."""

    number: int
    look: _Look
    contrast: float
    """Standard deviation of its Y'."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What is remembered of a frame."""

    thumbnail: Array
    """(24, 32) float32, or (32, 24) of a tall picture, of mean 0 and standard deviation 1."""
    histograms: Array
    """(9, 8) float32, each row of sum 1."""


def _shrunk(proxy: Array) -> Array:
    """Its thumbnail."""
    import cv2

    columns, rows = SIZE if proxy.shape[1] >= proxy.shape[0] else SIZE[::-1]
    double = cv2.resize(proxy, (2 * columns, 2 * rows), interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(double, (0, 0), 1.2)
    return np.asarray(cv2.resize(smooth, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _look_of(small: Array) -> _Look | None:
    """What to remember of a frame; None if it shows nothing."""
    contrast = float(small.std())
    if contrast < MIN_CONTRAST:
        return None
    thumbnail = ((small - small.mean()) / contrast).astype(np.float32)
    return _Look(thumbnail, _histograms(thumbnail))


def _histograms(thumbnail: Array) -> Array:
    """Shares of the levels in each block; a pixel counts for the two levels around it."""
    place = np.clip((thumbnail + 2) * (LEVELS / 4) - 0.5, 0, LEVELS - 1)
    weights = np.maximum(1 - np.abs(place[..., None] - np.arange(LEVELS)), 0)
    blocks = [
        block.mean(axis=(0, 1))
        for band in np.array_split(weights, BLOCKS, axis=0)
        for block in np.array_split(band, BLOCKS, axis=1)
    ]
    return np.asarray(blocks, np.float32)


def _change(a: _Look, b: _Look) -> float:
    """How different two frames are: the mean of what structure and histograms say."""
    structure = 1 - likeness(a.thumbnail, b.thumbnail)
    histograms = float(np.abs(a.histograms - b.histograms).sum(axis=1).mean()) / 2
    return (structure + histograms) / 2
