"""Fades: the picture sinks into black or white, and another one comes out of it.

Frames on their way show more dust than picture, so that what is compared are the clear frames on
either side of the dip in contrast.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidcolor.shots.features import MIN_CONTRAST, FrameFeatures, change

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_FLASH = 3
"""Frames of a dip that is no fade."""
DIM, BACK = 0.3, 0.5
"""Contrast beside that of the frames before, below which a picture has faded, and from which on it
is back."""
STEADY = 0.7
"""The same of the frame before, from which on a sudden fall is no fade but another picture."""
USUAL = 0.97
"""How slowly that is forgotten, frame by frame: a dark picture is a picture after a second."""
CLEAR = 0.6
"""Contrast beside the largest on its side of the dip, from which on a frame is clear."""
PLATEAU, FARTHEST = 10, 40
"""Frames without a larger contrast after which it is at its largest, and frames after which it is
whatever comes."""
COMPARED = 2
"""Clear frames of either side that are compared."""
MIN_CHANGE = 0.25
"""Change of the picture in a fade, at the least; else it came back."""


@dataclass(frozen=True, slots=True)
class Fade:
    """One picture gone, another come."""

    middle: int
    """Number of the frame in the middle of the dip."""
    first: int
    """Number of the last clear frame before it."""
    last: int
    """Number of the first clear frame after it."""


@dataclass(frozen=True, slots=True)
class _Seen:
    number: int
    contrast: float
    look: FrameFeatures


class FadeFinder:
    """Finds fades, up to `FARTHEST` frames after the picture is back.

    `first` is the number of the first frame; `is_dim` says of the last one whether it is far on its
    way into or out of black.
    """

    def __init__(self, first: int = 0) -> None:
        self.is_dim = False
        self._count = first
        self._contrast = self._usual = 0.0
        self._clear: deque[_Seen] = deque(maxlen=FARTHEST)
        self._dip_first = 0
        self._dip: tuple[int, int] | None = None
        self._before: list[_Seen] = []
        self._after: list[_Seen] = []

    def feed(self, contrast: float, look: FrameFeatures | None) -> Fade | None:
        """Take the next frame; the fade that is over, if one is.

        Args:
            contrast: standard deviation of its Y'.
            look: what it shows, if anything.
        """
        number, was_dim = self._count, self.is_dim
        self._count += 1
        self.is_dim = self._dims(contrast)
        if self.is_dim and not was_dim:
            self._dip_first = number
        elif was_dim and not self.is_dim and number - self._dip_first > MOST_FLASH:
            fade = self._judge()
            self._dip = (self._dip_first, number)
            self._before = _uphill(reversed(self._clear))
            self._clear.clear()
            self._remember(number, contrast, look)
            return fade
        if not self.is_dim:
            self._remember(number, contrast, look)
        if self._dip and _levels_out(self._after):
            return self._judge()
        return None

    def finish(self) -> Fade | None:
        """The fade that was still open when the film ended."""
        return self._judge()

    def _remember(self, number: int, contrast: float, look: FrameFeatures | None) -> None:
        if look is not None:
            self._clear.append(_Seen(number, contrast, look))
            if self._dip:
                self._after.append(self._clear[-1])

    def _dims(self, contrast: float) -> bool:
        """Whether a frame is dim; a picture that is dark by itself begins at once, or stays."""
        before, self._contrast = self._contrast, contrast
        usual = self._usual = max(contrast, USUAL * self._usual)
        if contrast < MIN_CONTRAST:
            return True
        if self.is_dim:
            return contrast < BACK * usual
        if contrast >= DIM * usual:
            return False
        if before > STEADY * usual:
            self._usual = contrast
            return False
        return True

    def _judge(self) -> Fade | None:
        """Compare the pictures on either side of the dip."""
        dip, self._dip = self._dip, None
        before, after = self._before, _uphill(self._after)
        self._before, self._after = [], []
        if dip is None or not before or not after:
            return None
        pairs = itertools.product(before[:COMPARED], after[:COMPARED])
        if min(change(a.look, b.look) for a, b in pairs) < MIN_CHANGE:
            return None
        return Fade(sum(dip) // 2, before[0].number, after[0].number)


def _uphill(seen: Iterable[_Seen]) -> list[_Seen]:
    """Clear frames, the nearest to a dip first, of those that follow it on one side."""
    slope: list[_Seen] = []
    for one in seen:
        slope.append(one)
        if _levels_out(slope):
            break
    largest = max((one.contrast for one in slope), default=0.0)
    return [one for one in slope if one.contrast >= CLEAR * largest]


def _levels_out(slope: list[_Seen]) -> bool:
    """Whether contrast has reached its largest some frames ago."""
    if len(slope) >= FARTHEST:
        return True
    earlier = slope[:-PLATEAU]
    if not earlier:
        return False
    return max(one.contrast for one in earlier) >= max(one.contrast for one in slope[-PLATEAU:])
