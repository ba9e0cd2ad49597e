"""Detection and removal of letterbox bars, pillarbox bars and the edges of the film gate.

These borders are the same in all frames. Without their removal, they would raise the correlation
between unrelated frames.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.imaging.resize import resize_linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray

MIN_DEVIATION = 0.03
"""Standard deviation of Y' in [0, 1] along a row or column. Above it, the row or column is active;
otherwise it is part of a bar."""
MEDIAN_FRAMES = 5
"""Number of frames whose median deviation is compared with `MIN_DEVIATION`. The median ignores dust
on the bars in one or two frames."""
MIN_ACTIVE_SHARE = 1 / 3
"""Minimum size of the active area, as a fraction of the frame's rows or columns. A smaller area is
ignored, because it is an object on a dark background."""


class LetterboxCropper:
    """Crops frames to the active picture area, which is the frame without its bars.

    The area only grows over time, because a dark scene can make it look too small.
    """

    def __init__(self) -> None:
        self._deviations: deque[tuple[FloatArray, FloatArray]] = deque(maxlen=MEDIAN_FRAMES)
        self._rows: tuple[int, int] | None = None
        self._columns: tuple[int, int] | None = None

    def update(self, frame: FloatArray) -> bool:
        """Extend the active area by the next frame; return whether the area has changed.

        `frame` is Y' from `resize_frame`. All frames have the same size.
        """
        height, width = frame.shape
        if (self._rows, self._columns) == ((0, height), (0, width)):  # it cannot grow further
            return False
        self._deviations.append((frame.std(axis=1), frame.std(axis=0)))
        if len(self._deviations) < MEDIAN_FRAMES:
            return False
        before = self._rows, self._columns
        rows, columns = zip(*self._deviations, strict=True)
        self._rows = _extend(self._rows, np.median(rows, axis=0) > MIN_DEVIATION)
        self._columns = _extend(self._columns, np.median(columns, axis=0) > MIN_DEVIATION)
        return (self._rows, self._columns) != before

    def crop(self, frame: FloatArray) -> FloatArray:
        """Return the active area of a frame from `resize_frame`, resized to the frame's size.

        The whole frame is returned until an active area is detected.
        """
        height, width = frame.shape
        top, bottom = self._rows or (0, height)
        left, right = self._columns or (0, width)
        if (bottom - top, right - left) == (height, width):
            return frame
        return resize_linear(frame[top:bottom, left:right], frame.shape)


def _extend(span: tuple[int, int] | None, active: NDArray[np.bool_]) -> tuple[int, int] | None:
    """Extend a half-open span to all active rows or columns."""
    positions = np.flatnonzero(active)
    if len(positions) == 0 or positions[-1] + 1 - positions[0] < MIN_ACTIVE_SHARE * len(active):
        return span
    first, end = int(positions[0]), int(positions[-1]) + 1
    return (min(first, span[0]), max(end, span[1])) if span else (first, end)
