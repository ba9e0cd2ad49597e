"""Where shots begin: hard cuts, found on luma alone while the film goes by.

A frame is compared with the one before it, and with the one before that, on thumbnails that grain
does not reach. What wear and cameras do within a shot is taken out before: gain and offset
(flicker) by standardising, pans and weave by looking for the shift that fits best. What is left
must be large by itself, and large beside what the shot has shown so far, so that a restless shot
is not cut to pieces.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

SIZE = (32, 24)
"""Long and short side of a thumbnail."""
REACH = 3
"""How far, in thumbnail pixels, the picture may move between two frames: a tenth of its width."""
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
        look = _look_at(proxy)
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


@dataclass(frozen=True, slots=True)
class _Look:
    """What is remembered of a frame."""

    thumbnail: Array
    """(24, 32) float32, or (32, 24) of a tall picture, of mean 0 and standard deviation 1."""
    histograms: Array
    """(9, 8) float32, each row of sum 1."""


def _look_at(proxy: Array) -> _Look | None:
    """What to remember of a frame; None if it shows nothing."""
    import cv2

    columns, rows = SIZE if proxy.shape[1] >= proxy.shape[0] else SIZE[::-1]
    double = cv2.resize(proxy, (2 * columns, 2 * rows), interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(double, (0, 0), 1.2)
    small = np.asarray(cv2.resize(smooth, (columns, rows), interpolation=cv2.INTER_AREA))
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
    structure = 1 - max(_correlation(a, b), _correlation(b, a))
    histograms = float(np.abs(a.histograms - b.histograms).sum(axis=1).mean()) / 2
    return (structure + histograms) / 2


def _correlation(a: _Look, b: _Look) -> float:
    """The best correlation of a's middle with b, over all shifts within `REACH`; -1 to 1."""
    import cv2

    middle = np.ascontiguousarray(a.thumbnail[REACH:-REACH, REACH:-REACH])
    return float(cv2.matchTemplate(b.thumbnail, middle, cv2.TM_CCOEFF_NORMED).max())
