"""Where A and B go in one picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.evaluation.compare_options import Layout

    Rgb = NDArray[np.uint8]

BACKGROUND = (18, 18, 21)
WIPE_PERIOD_S = (4.0, 8.0)
"""Seconds that the line takes to go to and fro: once in a short film, at least and at most."""
_WIPE_SWING = 0.36
"""How far from the middle it goes, as a share of the width."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Two pictures of one size on one canvas; all sizes are even, as encoders want them."""

    layout: Layout
    panel: tuple[int, int]
    """Width and height of each picture."""
    gap: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the canvas."""
        width, height = self.panel
        if self.layout == "side":
            return 2 * width + self.gap, height
        if self.layout == "stack":
            return width, 2 * height + self.gap
        return width, height

    def join(self, a: Rgb, b: Rgb, line: float = 0.5) -> Rgb:
        """Put A and B together.

        Args:
            a: (H, W, 3) uint8 of the panel's size.
            b: the same.
            line: for the layout `wipe`: where A ends and B begins, 0 (left) to 1 (right).

        Returns:
            (H, W, 3) uint8 of the canvas's size.
        """
        if self.layout == "wipe":
            return _split(a, b, line)
        width, height = self.size
        canvas = np.empty((height, width, 3), np.uint8)
        canvas[:] = BACKGROUND
        canvas[: a.shape[0], : a.shape[1]] = a
        canvas[-b.shape[0] :, -b.shape[1] :] = b
        return canvas


def arrange(layout: Layout, picture: tuple[int, int], width: int) -> Arrangement:
    """Fit two pictures of this display size into a canvas of at most this width."""
    panel = _even_below(width / 2 if layout == "side" else width)
    while layout == "side" and 2 * panel + _gap(panel) > width and panel > 2:
        panel -= 2
    height = max(2, 2 * round(panel * picture[1] / picture[0] / 2))
    return Arrangement(layout, (panel, height), 0 if layout == "wipe" else _gap(panel))


def natural_width(layout: Layout, picture: tuple[int, int], limit: int) -> int:
    """The canvas width at which the pictures keep their own size, up to a limit."""
    panel = _even_below(picture[0])
    return min(limit, 2 * panel + _gap(panel) if layout == "side" else panel)


def _gap(panel: int) -> int:
    return 2 * max(1, round(panel / 200))


def _even_below(length: float) -> int:
    return max(2, 2 * int(length / 2))


def line_at(time_s: float, length_s: float) -> float:
    """Where the moving line stands at a time: it starts in the middle and goes right first."""
    period = min(max(length_s, WIPE_PERIOD_S[0]), WIPE_PERIOD_S[1])
    return 0.5 + _WIPE_SWING * math.sin(2 * math.pi * time_s / period)


def _split(a: Rgb, b: Rgb, line: float) -> Rgb:
    """A left of a white line, B right of it; dark edges keep the line visible on white."""
    width = a.shape[1]
    at = round(line * width)
    joined = b.copy()
    joined[:, :at] = a[:, :at]
    half = max(1, round(width / 900))
    edges = joined[:, max(0, at - 2 * half) : at + 2 * half]
    edges[:] = (edges * 0.55).astype(np.uint8)
    joined[:, max(0, at - half) : at + half] = 240
    return joined
