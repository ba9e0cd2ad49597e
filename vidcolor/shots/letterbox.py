"""The part of a frame that shows a picture: without letterbox or pillarbox bars, or a gate's edge.

What never changes would make all pictures look alike.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

FLAT = 0.03
"""Standard deviation of Y' along a row or column below which it shows nothing."""
FRAMES = 5
"""Frames whose median counts: dust on a bar is gone by then."""
LEAST_SHARE = 1 / 3
"""Of rows or columns; if fewer show anything, it is a small thing in the dark, not a picture."""


class Framing:
    """Knows which rows and columns have shown anything so far; they only become more."""

    def __init__(self) -> None:
        self._recent: deque[tuple[Array, Array]] = deque(maxlen=FRAMES)
        self._rows: tuple[int, int] | None = None
        self._columns: tuple[int, int] | None = None

    def feed(self, double: Array) -> bool:
        """Look at the next frame.

        Args:
            double: its Y' in [0, 1], (h, w) float32, small; every frame of one size.

        Returns:
            Whether the picture is larger than it was thought to be.
        """
        self._recent.append((double.std(axis=1), double.std(axis=0)))
        if len(self._recent) < FRAMES:
            return False
        before = self._rows, self._columns
        rows, columns = zip(*self._recent, strict=True)
        self._rows = _grown(self._rows, np.median(rows, axis=0) > FLAT)
        self._columns = _grown(self._columns, np.median(columns, axis=0) > FLAT)
        return (self._rows, self._columns) != before

    def cropped(self, double: Array) -> Array:
        """The part that shows a picture, at the same size; all of it while nothing is known."""
        import cv2

        height, width = double.shape
        top, bottom = self._rows or (0, height)
        left, right = self._columns or (0, width)
        if (bottom - top, right - left) == (height, width):
            return double
        part = np.ascontiguousarray(double[top:bottom, left:right])
        return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR))


def _grown(span: tuple[int, int] | None, shows: NDArray[np.bool_]) -> tuple[int, int] | None:
    """From the first to the last row (or column) that shows anything, with those known before."""
    places = np.flatnonzero(shows)
    if len(places) == 0 or places[-1] + 1 - places[0] < LEAST_SHARE * len(shows):
        return span
    first, last = int(places[0]), int(places[-1]) + 1
    return (min(first, span[0]), max(last, span[1])) if span else (first, last)
