"""Hard cuts, judged by frames on both sides: a cut must hold.

Flashes and damaged frames do not, for the old picture comes back after them. Neither are jumps
cuts, where frames were lost to a splice: they keep what stood still, and come in shots in which
much moves.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.shots.dissolves import likeness
from vidcolor.shots.features import change, edges_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.shots.features import FrameFeatures

    Array = NDArray[np.float32]

BEFORE, AFTER = 4, 5
"""Frames before and after a cut, of which no two may be alike: flashes last up to three."""
EDGES_BEFORE, EDGES_AFTER = 3, 4
"""The same, of the frames whose edges are compared."""
MEMORY = 8
"""Changes of the running shot that are remembered."""
LEAST_CHANGE = 0.12
"""Change from one frame to the next below which nobody looks further."""
HOLDS = 0.2
"""Change of any frame before and any after below which there is no cut, whatever else is said."""
STILL = 0.05
"""Change that grain and weave bring about in a shot in which nothing moves."""
BLOCK, STRIDE, KEPT = 8, 4, 0.1
"""Side of blocks in pixels of the thumbnail, how far apart they are, and the share of those that
are asked whether anything stayed as it was."""
FLAT_LENGTH = 0.8
"""Length of a block, its mean taken off, below which it is too flat to tell."""
MOST_FLASH = 3
"""Frames that show nothing between two that are compared; more are a dip, see `fades`."""


class Evidence(NamedTuple):
    """What speaks for a cut."""

    change: float
    """The least between any frame before and any after: structure and histograms ..."""
    in_place: float
    """... the least of one less the correlation of the pictures as they lie ..."""
    edges: float
    """... and of one less the likeness of their edges."""
    beside: float
    """Logarithm of the change beside those within the shots on either side, of the larger."""
    kept: float
    """Correlation of the blocks that changed least, as they lie: what something large that comes
    into the picture leaves free."""


WEIGHTS = Evidence(5.79, 3.58, 5.24, 0.55, -10.22)
BIAS = 1.10
"""Logistic regression on candidates in reels that were joined and aged from clips; see
benchmarks/README.md."""


@dataclass(frozen=True, slots=True)
class FrameSample:
    """A frame that shows something."""

    number: int
    look: FrameFeatures
    double: Array
    """From `looks.doubled`."""


class CutFinder:
    """Finds cuts, `AFTER` frames late; frames that show nothing are not to be fed."""

    def __init__(self) -> None:
        self._before: deque[FrameSample] = deque(maxlen=BEFORE)
        self._after: deque[FrameSample] = deque()
        self._changes: deque[float] = deque(maxlen=MEMORY)

    def feed(self, sight: FrameSample) -> tuple[int, int] | None:
        """Take the next frame.

        Returns:
            The numbers of the last frame of one shot and the first of the next, if there is a cut
            between two frames that were fed before.
        """
        self._after.append(sight)
        return self._judge() if len(self._after) > AFTER else None

    def finish(self) -> list[tuple[int, int]]:
        """The cuts that were still open when the film ended."""
        found = []
        while self._after:
            found.append(self._judge())
        return [cut for cut in found if cut is not None]

    def _judge(self) -> tuple[int, int] | None:
        """Decide whether the next frame begins a shot, and go past it."""
        here, cut = self._after[0], None
        if self._before:
            last = self._before[-1]
            blank = here.number - last.number - 1
            to_here = change(last.look, here.look)
            if blank > MOST_FLASH:
                self._start_again()
            elif to_here > LEAST_CHANGE and self._odds(blank) > 0:
                cut = (last.number, here.number)
                self._start_again()
            else:
                self._changes.append(to_here)
        self._before.append(self._after.popleft())
        return cut

    def _start_again(self) -> None:
        self._before.clear()
        self._changes.clear()

    def _odds(self, blank: int) -> float:
        """Logarithm of the odds of a cut, after so many frames that show nothing."""
        pairs = [(a.look, b.look) for a, b in itertools.product(self._before, self._after)]
        least = math.inf
        for a, b in pairs:
            least = min(least, change(a, b))
            if least < HOLDS:
                return -math.inf
        # What moves has moved on behind a flash.
        usual = max(self._unrest(), STILL) * math.sqrt(1 + blank)
        evidence = Evidence(
            change=least,
            in_place=1 - max(float((a.thumbnail * b.thumbnail).mean()) for a, b in pairs),
            edges=self._edge_change(),
            beside=math.log(max(least, 1e-3) / usual),
            kept=self._kept(),
        )
        return BIAS + sum(w * e for w, e in zip(WEIGHTS, evidence, strict=True))

    def _unrest(self) -> float:
        """How much pictures change within the shot before, or the one to come: of the larger."""
        largest = sorted(self._changes)[-2:]
        after = [change(a.look, b.look) for a, b in itertools.pairwise(self._after)][: AFTER - 1]
        return max(largest[0] if largest else 0.0, float(np.median(after)) if after else 0.0)

    def _kept(self) -> float:
        before = [_blocks(sight.look.thumbnail) for sight in self._before]
        after = [_blocks(sight.look.thumbnail) for sight in self._after]
        alike = np.max([_alike(a, b) for a, b in itertools.product(before, after)], axis=0)
        return float(np.percentile(alike, 100 * (1 - KEPT)))

    def _edge_change(self) -> float:
        before = [edges_of(sight.double) for sight in list(self._before)[-EDGES_BEFORE:]]
        after = [edges_of(sight.double) for sight in list(self._after)[:EDGES_AFTER]]
        return 1 - max(likeness(a, b) for a, b in itertools.product(before, after))


def _blocks(thumbnail: Array) -> Array:
    """(N, `BLOCK`²) float32, each of mean 0, and of length 1 at the most: flat ones are shorter."""
    windows = np.lib.stride_tricks.sliding_window_view(thumbnail, (BLOCK, BLOCK))
    flat = windows[::STRIDE, ::STRIDE].reshape(-1, BLOCK * BLOCK)
    centerd = flat - flat.mean(axis=1, keepdims=True)
    lengths = np.sqrt((centerd**2).sum(axis=1, keepdims=True))
    return np.asarray(centerd / np.maximum(lengths, FLAT_LENGTH), np.float32)


def _alike(a: Array, b: Array) -> Array:
    """Correlation of each block with its like."""
    return np.asarray((a * b).sum(axis=1))
