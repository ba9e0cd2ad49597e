"""An evaluation's curves as pictures: confidence against truth, and PSNR against hints."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidcolor.color.bins import CONFIDENCE_RADIUS
from vidcolor.evaluation.calibration import NUM_BINS
from vidcolor.evaluation.contact_sheet import save_picture
from vidcolor.evaluation.layout import BACKGROUND
from vidcolor.evaluation.score_sheet import BRIGHT, FAINT, SOFT, write_text
from vidcolor.imaging.text import fit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

    from vidcolor.evaluation.options import EvaluateOptions
    from vidcolor.evaluation.scores import Evaluation, Row

RELIABILITY, HINT_CURVE = "reliability.png", "hint-curve.png"
"""What the files in the folder of plots are called."""
_ZOOM = 2
"""Drawn larger and reduced, for smooth lines."""
_COLORS = (
    (96, 165, 250), (251, 146, 60), (74, 222, 128), (232, 121, 249),
    (250, 204, 21), (45, 212, 191), (248, 113, 113), (163, 163, 255),
)  # fmt: skip
_GRID, _BAR = (58, 58, 66), (70, 110, 170)


def plot_names(options: EvaluateOptions) -> list[str]:
    """Which plots an evaluation will have; without a model there are none."""
    judged = any(True for _ in options.looks())
    return [RELIABILITY] * judged + [HINT_CURVE] * (judged and bool(options.hint_counts))


def write_plots(done: Evaluation, folder: Path) -> list[Path]:
    """Write the plots that the evaluation has figures for; existing ones are replaced.

    Args:
        done: an evaluation.
        folder: must exist.

    Returns:
        What was written.

    Raises:
        OutputError: one cannot be written.
    """
    judged = [row for row in done.rows if row.reliability is not None]
    hinted = [row for row in done.rows if row.hinted]
    written = []
    if judged:
        written.append(folder / RELIABILITY)
        save_picture(_reduced(_reliability(judged)), written[-1])
    if hinted:
        written.append(folder / HINT_CURVE)
        save_picture(_reduced(_hint_curve(hinted, done.summary(done.rows[0]).psnr)), written[-1])
    return written


def _reduced(image: Image) -> Image:
    from PIL import Image

    size = (image.width // _ZOOM, image.height // _ZOOM)
    return image.resize(size, Image.Resampling.LANCZOS)


@dataclass(frozen=True, slots=True)
class _Axes:
    """A frame on a canvas, and where values lie in it."""

    draw: ImageDraw
    left: float
    top: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]
    """The values at the frame's edges."""

    def at(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return self.left + across * self.width, self.top + (1 - up) * self.height

    def grid(self, ticks: Sequence[tuple[float, str]], names: Sequence[tuple[float, str]]) -> None:
        """Lines with their values: `ticks` up the left side, `names` along the bottom."""
        size = 12 * _ZOOM
        for value, text in ticks:
            x, y = self.at(self.x[0], value)
            self.draw.line([(x, y), (x + self.width, y)], _GRID, _ZOOM)
            write_text(self.draw, (x - 6 * _ZOOM, y), text, size, SOFT, "rm")
        for value, text in names:
            x, y = self.at(value, self.y[0])
            self.draw.line([(x, y), (x, y + 4 * _ZOOM)], _GRID, _ZOOM)
            write_text(self.draw, (x, y + 14 * _ZOOM), text, size, SOFT, "mm")

    def line(self, points: Sequence[tuple[float, float]], ink: tuple[int, int, int]) -> None:
        places = [self.at(*point) for point in points]
        self.draw.line(places, ink, 2 * _ZOOM, joint="curve")
        for x, y in places:
            r = 3.5 * _ZOOM
            self.draw.ellipse([x - r, y - r, x + r, y + r], ink)

    def bar(self, span: tuple[float, float], y: float, ink: tuple[int, int, int]) -> None:
        left, top = self.at(span[0], y)
        right, bottom = self.at(span[1], self.y[0])
        self.draw.rectangle([left + _ZOOM, top, right - _ZOOM, bottom], ink)


def _canvas(width: int, height: int) -> tuple[Image, ImageDraw]:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (width * _ZOOM, height * _ZOOM), BACKGROUND)
    return image, ImageDraw.Draw(image)


def _reliability(rows: Sequence[Row]) -> Image:
    """A diagram for each model: bars of how often it was right, and below how often it said so."""
    width, height = 380, 470
    image, draw = _canvas(width * len(rows), height)
    fifths = [(n / 5, f"{n / 5:.1f}") for n in range(6)]
    for n, row in enumerate(rows):
        found = row.reliability
        if found is None:
            continue
        left = (n * width + 56) * _ZOOM
        room = (width - 80) * _ZOOM
        title = fit(f"{row.name}: ECE {found.ece:.3f}", 15 * _ZOOM, room)
        write_text(draw, (left, 24 * _ZOOM), title, 15 * _ZOOM, BRIGHT)
        axes = _Axes(draw, left, 48 * _ZOOM, room, 260 * _ZOOM, (0, 1), (0, 1))
        axes.grid(fifths, fifths)
        points = []
        for k, (claimed, right) in enumerate(zip(found.claimed, found.found, strict=True)):
            if claimed is not None and right is not None:
                axes.bar((k / NUM_BINS, (k + 1) / NUM_BINS), right, _BAR)
                points.append((claimed, right))
        draw.line([axes.at(0, 0), axes.at(1, 1)], FAINT, _ZOOM)
        axes.line(points, _COLORS[1])
        text = f"right (within {CONFIDENCE_RADIUS:g} a*b* units) over confidence"
        write_text(draw, (left, 346 * _ZOOM), text, 12 * _ZOOM, SOFT)
        most = max(*found.shares, 1e-9)
        below = _Axes(draw, left, 366 * _ZOOM, room, 60 * _ZOOM, (0, 1), (0, most))
        for k, share in enumerate(found.shares):
            if share:
                below.bar((k / NUM_BINS, (k + 1) / NUM_BINS), share, FAINT)
        write_text(draw, (left, 444 * _ZOOM), "share of cells", 12 * _ZOOM, SOFT)
    return image


def _hint_curve(rows: Sequence[Row], gray: float) -> Image:
    """PSNR over the number of hints, whose steps are drawn equally wide."""
    image, draw = _canvas(680, 440)
    curves = [row.hint_curve() for row in rows]
    counts = [count for count, _ in curves[0]]
    values = [gray, *(value for curve in curves for _, value in curve)]
    low, high = math.floor(min(values)), math.ceil(max(values) + 0.2)
    tick = max(1, math.ceil((high - low) / 8))
    ends = -0.2, len(counts) - 0.8
    axes = _Axes(draw, 60 * _ZOOM, 30 * _ZOOM, 590 * _ZOOM, 340 * _ZOOM, ends, (low, high))
    axes.grid(
        [(v, str(v)) for v in range(low, high + 1, tick)],
        [(n, str(count)) for n, count in enumerate(counts)],
    )
    level = [axes.at(end, gray) for end in ends]
    draw.line(level, FAINT, _ZOOM)
    write_text(draw, (level[1][0], level[1][1] + 10 * _ZOOM), "gray", 12 * _ZOOM, SOFT, "rm")
    for n, (row, curve) in enumerate(zip(rows, curves, strict=True)):
        ink = _COLORS[n % len(_COLORS)]
        axes.line([(k, value) for k, (_, value) in enumerate(curve)], ink)
        name = fit(row.name, 14 * _ZOOM, 400 * _ZOOM)
        write_text(draw, (76 * _ZOOM, (46 + 20 * n) * _ZOOM), name, 14 * _ZOOM, ink)
    text = "PSNR in dB over the number of true hints, 7x7 pixels at 256"
    write_text(draw, (60 * _ZOOM, 414 * _ZOOM), text, 12 * _ZOOM, SOFT)
    return image
