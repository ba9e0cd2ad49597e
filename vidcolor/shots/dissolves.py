"""Dissolves: frames that are neither one picture nor the next, but a mixture of both.

Frame M in the middle of a dissolve is g ((1 - a) A + a B) + o, with A from before it, B from after
it, and g, o for flicker and the printer's light. The share a rises from 0 to 1. Neither pans nor
passing objects can be written so. As the fit needs only products of frames with frames, which are
kept, all lengths are tried around every frame at next to no cost.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float32]

HALVES = (3, 5, 7, 10, 14, 19, 25, 32)
"""Frames from the middle of a dissolve to the pictures before and after, that are tried."""
AROUND = 16
"""Frames before and after a dissolve that are looked at, at most."""
NEUTRAL = 0.7
"""What is taken for the likeness of frames where the film begins or ends too soon to tell."""
REACH = HALVES[-1] + AROUND
"""Frames that are looked ahead."""
SMOOTH = 1.0
"""Deviation, in pixels of the thumbnail, of what is smoothed away: some of what moves within either
picture."""
SHIFT = 3
"""How far, in pixels of the thumbnail, pictures may be moved against each other: a tenth."""
BLOCK, SAME, STANDING = 8, 0.85, 0.3
"""Side of blocks in pixels of the thumbnail, correlation from which on a block is the same, and
share of such blocks from which on nothing dissolves: something moves in front of them."""
MIN_VARIANCE = 0.02**2
"""Variance of Y' below which a frame shows nothing."""
UNLIKE, ALIKE = 0.75, 0.8
"""Correlation of the pictures before and after, as they lie and however moved, from which on they
are one."""
SHARES = (0.2, 0.8)
"""Of the picture to come, in the middle frame."""
LEAST_FIT, LEAST_GAIN, LEAST_RISE = 0.4, 0.04, 0.7
"""What is no candidate; see `Evidence`."""
CERTAIN = 2.9
"""Logarithm of the odds from which on a candidate is a dissolve."""
MOST_FLASH = 3
"""Frames that may be flat for another reason."""
PAST = 4
"""Frames after the end of what was found, from which on nothing better is to come."""


class Evidence(NamedTuple):
    """What speaks for a dissolve, and against it."""

    length: float
    """Logarithm of half its length in frames."""
    fit: float
    """Share of the middle frame's variance that the mixture explains ..."""
    gain: float
    """... less the share that either picture explains alone."""
    mean_fit: float
    """`fit`, of all frames between."""
    rise: float
    """Correlation of the share of the picture to come with time."""
    step: float
    """The largest rise of that share between two frames: at a cut it is 1."""
    across: float
    """Correlation of the pictures before and after, however moved."""
    steadier: float
    """The same of the picture on one side and the one as far before (after) it: a pan goes on as it
    began. Of the steadier side ..."""
    restless: float
    """... and of the other."""
    dip: float
    """Variance of the middle frame beside that of the pictures: a mixture of two is flat."""
    as_they_lie: float
    """Correlation of the pictures before and after."""


WEIGHTS = Evidence(1.30, 7.02, 1.80, -1.90, 10.34, -7.33, -5.21, 2.73, 2.00, -8.00, -2.99)
BIAS = -8.73
"""Logistic regression on reels that were joined and aged from clips; benchmarks/README.md has how
well it does on clips that it did not see."""


@dataclass(frozen=True, slots=True)
class Dissolve:
    """Frames that show two shots."""

    first: int
    """Number of the first of them."""
    last: int
    """Number of the frame after the last."""
    odds: float
    """Logarithm of the odds that it is one."""


class DissolveFinder:
    """Finds dissolves, some 2 `REACH` frames late; `first` is the number of the first frame."""

    def __init__(self, first: int = 0) -> None:
        self._first = first
        self._frames: deque[Array] = deque(maxlen=2 * REACH + 1)
        self._variances: list[float] = []
        self._products = np.zeros((0, 0))
        self._count = 0
        self._open: list[Dissolve] = []

    def feed(self, thumbnail: Array) -> Dissolve | None:
        """Take the next frame; a dissolve, once it is certain that none fits better.

        Args:
            thumbnail: its Y', float32 in [0, 1], small and smooth; every frame of one size.
        """
        import cv2

        self._variances = [*self._variances[-2 * REACH :], float(thumbnail.var())]
        smooth = np.asarray(cv2.GaussianBlur(thumbnail, (0, 0), SMOOTH), np.float32)
        centerd = smooth - smooth.mean()
        self._frames.append(centerd)
        self._count += 1
        stack = np.stack(self._frames)
        row = np.tensordot(stack, centerd, 2) / centerd.size
        keep = len(stack) - 1
        products = np.empty((keep + 1, keep + 1))
        products[:keep, :keep] = self._products[-keep:, -keep:] if keep else 0
        products[keep] = products[:, keep] = row
        self._products = products
        return self._look(self._count - 1 - REACH)

    def finish(self) -> list[Dissolve]:
        """The dissolves that were still open when the film ended."""
        middles = range(max(0, self._count - REACH), self._count + 2 * REACH)
        return [one for middle in middles if (one := self._look(middle)) is not None]

    def _look(self, middle: int) -> Dissolve | None:
        """Try a frame as the middle; the best so far, if this one is well past it."""
        if middle < 0:
            return None
        at = middle - (self._count - len(self._frames))
        if at < len(self._frames):
            self._open += self._candidates(at, middle)
        if not self._open or middle + self._first < max(one.last for one in self._open) + PAST:
            return None
        best = max(self._open, key=lambda one: one.odds)
        self._open.clear()
        return best

    def _candidates(self, at: int, middle: int) -> Iterator[Dissolve]:
        """Dissolves of all lengths with their middle there."""
        if self._products[at, at] < MIN_VARIANCE:
            return
        for half in HALVES:
            if at - half < 0 or at + half >= len(self._products):
                return
            found = self._judge(at, half)
            if found is not None and found.odds > CERTAIN:
                first, last = middle - at + found.first, middle - at + found.last
                yield Dissolve(self._first + first, self._first + last, found.odds)

    def _judge(self, at: int, half: int) -> Dissolve | None:
        """Whether the frames around one go from picture to picture; numbered as they are kept."""
        products, a, b = self._products, at - half, at + half
        aa, bb, ab = products[a, a], products[b, b], products[a, b]
        as_they_lie = ab / np.sqrt(max(aa * bb, 1e-12))
        if min(aa, bb) < MIN_VARIANCE or as_they_lie > UNLIKE:
            return None
        span = slice(a, b + 1)
        of_a, of_b, own = products[a, span], products[b, span], products.diagonal()[span]
        weight_a, weight_b = bb * of_a - ab * of_b, aa * of_b - ab * of_a
        determinant = aa * bb - ab * ab
        total = weight_a + weight_b
        if total.min() <= 0.05 * determinant:
            return None
        share = np.clip(weight_b / total, -0.2, 1.2)
        own = np.maximum(own, 1e-9)
        fit = (weight_a * of_a + weight_b * of_b) / determinant / own
        alone = max(of_a[half] ** 2 / aa, of_b[half] ** 2 / bb) / own[half]
        gain = fit[half] - alone
        if not SHARES[0] <= share[half] <= SHARES[1] or fit[half] < LEAST_FIT or gain < LEAST_GAIN:
            return None
        rise = float(np.corrcoef(share, np.arange(len(share)))[0, 1])
        if rise < LEAST_RISE:
            return None
        across = likeness(self._frames[a], self._frames[b])
        if across > ALIKE or standing(self._frames[a], self._frames[b]) > STANDING:
            return None
        sides = sorted(
            self._steadiness(end, way * min(half, AROUND)) for end, way in ((a, -1), (b, 1))
        )
        own_share = float(share[half])
        pictures = (1 - own_share) * self._variance(a, 1) + own_share * self._variance(b, 1)
        evidence = Evidence(
            length=float(np.log(half)),
            fit=float(fit[half]),
            gain=float(gain),
            mean_fit=float(fit[1:-1].mean()),
            rise=rise,
            step=min(float(np.diff(share).max()), 1.0),
            across=across,
            steadier=sides[1],
            restless=sides[0],
            dip=min(self._variance(at, min(half // 2, MOST_FLASH + 1)) / pictures, 2.0),
            as_they_lie=float(as_they_lie),
        )
        odds = BIAS + sum(w * e for w, e in zip(WEIGHTS, evidence, strict=True))
        first, last = _ends(share, half)
        return Dissolve(a + first, a + last, odds)

    def _steadiness(self, end: int, away: int) -> float:
        """Likeness of the picture at one end and the one so many frames away from it."""
        other = min(max(end + away, 0), len(self._frames) - 1)
        if abs(other - end) < abs(away) / 2:
            return NEUTRAL
        return likeness(self._frames[end], self._frames[other])

    def _variance(self, at: int, around: int) -> float:
        """Of a frame and its neighbors, the median, before smoothing: a flash is no dip."""
        return float(np.median(self._variances[max(0, at - around) : at + around + 1]))


def standing(one: Array, other: Array) -> float:
    """The share of blocks that are the same in both: of a place in which something moves."""
    rows, columns = (BLOCK * (n // BLOCK) for n in one.shape)
    first, second = (
        p[:rows, :columns].reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK).swapaxes(1, 2)
        for p in (one, other)
    )
    first, second = (p - p.mean(axis=(2, 3), keepdims=True) for p in (first, second))
    lengths = np.sqrt((first**2).sum(axis=(2, 3)) * (second**2).sum(axis=(2, 3)))
    alike = (first * second).sum(axis=(2, 3)) > SAME * np.maximum(lengths, 1e-6)
    return float(alike.mean())


def likeness(one: Array, other: Array) -> float:
    """The best correlation of one picture's middle with the other, over small shifts; -1 to 1."""
    import cv2

    def of_middle(picture: Array, whole: Array) -> float:
        middle = np.ascontiguousarray(picture[SHIFT:-SHIFT, SHIFT:-SHIFT])
        return float(cv2.matchTemplate(whole, middle, cv2.TM_CCOEFF_NORMED).max())

    return max(of_middle(one, other), of_middle(other, one))


def _ends(share: NDArray[np.float64], middle: int) -> tuple[int, int]:
    """The first mixed frame and the one after the last, from how the share rises."""
    low, high = 0.12, 0.88
    first = middle
    while first > 0 and share[first - 1] > low:
        first -= 1
    last = middle
    while last < len(share) - 1 and share[last + 1] < high:
        last += 1
    rise = (share[last] - share[first]) / max(last - first, 1)
    if rise > 0:  # led on to where it would be 0 and 1
        first -= min(round((share[first] - 0.02) / rise), first)
        last += min(round((0.98 - share[last]) / rise), len(share) - 1 - last)
    return max(first, 1), max(last + 1, first + 1)
