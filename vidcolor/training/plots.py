"""Plots of a training run, drawn with Pillow: curves over steps and rows of images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vidcolor.fileio import atomic_output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_SCALE = 2
"""Supersampling factor, because Pillow does not antialias lines."""
_PANEL = (760, 260)
"""Width and height of a panel, in pixels."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 34, 40
"""Margins of a panel, in pixels."""
_BLACK, _LIGHT_GRAY, _WHITE = (40, 40, 40), (222, 222, 222), (255, 255, 255)
_COLORS = ((31, 95, 168), (204, 85, 0), (60, 130, 60), (130, 60, 140))


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve of a panel."""

    name: str
    """Label of the curve."""
    points: Sequence[tuple[float, float]]
    """Steps and values, ordered by step."""
    has_markers: bool = False
    """Whether each point has a marker, for curves with few points."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves with a common value axis."""

    title: str
    curves: Sequence[Curve]


def draw_curves(path: Path, panels: Sequence[Panel]) -> None:
    """Draw panels one below the other with a common step axis.

    Args:
        path: a .png file; replaced if it exists.
        panels: the panels. Those without points are omitted; if all are, no file is written.

    Raises:
        OutputError: the file cannot be written.
    """
    panels = [p for p in panels if any(curve.points for curve in p.curves)]
    if not panels:
        return
    last = max(point[0] for p in panels for curve in p.curves for point in curve.points)
    width, height = _PANEL
    image = Image.new("RGB", (width * _SCALE, height * len(panels) * _SCALE), _WHITE)
    draw = ImageDraw.Draw(image)
    for number, panel in enumerate(panels):
        _draw_panel(draw, panel, number * height, max(last, 1))
    _save(image.resize((width, height * len(panels)), Image.Resampling.LANCZOS), path)


def _draw_panel(draw: ImageDraw.ImageDraw, panel: Panel, top: int, last: float) -> None:
    """Draw a panel whose upper edge is at `top`, with a step axis from 0 to `last`."""
    values = [value for curve in panel.curves for _, value in curve.points if math.isfinite(value)]
    if not values:
        return
    ticks = choose_ticks(min(values), max(values))
    low, high = min(ticks[0], *values), max(ticks[-1], *values)
    x0, x1 = _LEFT, _PANEL[0] - _RIGHT
    y0, y1 = top + _PANEL[1] - _BOTTOM, top + _TOP

    def position(step: float, value: float) -> tuple[float, float]:
        x = x0 + (x1 - x0) * step / last
        return x * _SCALE, (y0 + (y1 - y0) * (value - low) / (high - low)) * _SCALE

    for tick in ticks:
        _draw_polyline(draw, [position(0, tick), position(last, tick)], _LIGHT_GRAY, 1)
        _draw_text(draw, (x0 - 6, position(0, tick)[1] / _SCALE), f"{tick:g}", "rm")
    for tick in choose_ticks(0, last):
        if tick <= last:
            _draw_polyline(draw, [position(tick, low), position(tick, high)], _LIGHT_GRAY, 1)
            _draw_text(draw, (position(tick, low)[0] / _SCALE, y0 + 6), f"{tick:,.10g}", "mt")
    _draw_text(draw, (x1, y0 + 22), "step", "rt")
    _draw_text(draw, (x0, top + 10), panel.title, "lt", size=13)
    right = float(x1)
    # The legend is right-aligned, so it is drawn from its last entry.
    for curve, color in reversed(list(zip(panel.curves, _COLORS, strict=False))):
        points = [position(*point) for point in curve.points if math.isfinite(point[1])]
        _draw_polyline(draw, points, color, 1.6)
        for x, y in points if curve.has_markers else ():
            r = 2.6 * _SCALE
            draw.ellipse((x - r, y - r, x + r, y + r), fill=color)
        right -= _draw_text(draw, (right, top + 10), curve.name, "rt", color) + 16


def choose_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return about `count` round numbers that cover the range from `low` to `high`.

    Args:
        low: minimum of the range; may equal `high`.
        high: maximum of the range.
        count: approximate number of ticks.
    """
    span = max(high - low, abs(high) * 1e-3, 1e-6)
    unit = 10 ** math.floor(math.log10(span / count))
    step = next(unit * m for m in (1, 2, 5, 10) if unit * m * count >= span)
    first, final = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, max(final, first + 1) + 1)]


def draw_image_rows(
    path: Path, rows: Sequence[tuple[str, NDArray[np.uint8]]], side: int = 160
) -> None:
    """Draw labeled rows of images with one column for each photograph.

    Args:
        path: a .png file; replaced if it exists.
        rows: label and images, (n, S, S, 3) uint8, of each row, with the same n in all rows.
        side: side of each image, in pixels.

    Raises:
        OutputError: the file cannot be written.
    """
    gap, margin = 4, 76
    count = len(rows[0][1])
    size = (margin + count * (side + gap), len(rows) * (side + gap) + gap)
    sheet = Image.new("RGB", size, _WHITE)
    draw = ImageDraw.Draw(sheet)
    for r, (label, images) in enumerate(rows):
        top = gap + r * (side + gap)
        font = ImageFont.load_default(14)
        draw.text((margin - 8, top + side // 2), label, _BLACK, font, anchor="rm")
        for c, image in enumerate(images):
            small = Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS)
            sheet.paste(small, (margin + c * (side + gap), top))
    _save(sheet, path)


def _draw_polyline(
    draw: ImageDraw.ImageDraw,
    points: Sequence[tuple[float, float]],
    color: tuple[int, int, int],
    width: float,
) -> None:
    if len(points) > 1:
        draw.line(list(points), fill=color, width=round(width * _SCALE), joint="curve")


def _draw_text(
    draw: ImageDraw.ImageDraw,
    position: tuple[float, float],
    text: str,
    anchor: str,
    color: tuple[int, int, int] = _BLACK,
    size: int = 11,
) -> float:
    """Draw text and return its width in pixels of the final image."""
    font = ImageFont.load_default(size * _SCALE)
    draw.text((position[0] * _SCALE, position[1] * _SCALE), text, color, font, anchor=anchor)
    return float(draw.textlength(text, font)) / _SCALE


def _save(image: Image.Image, path: Path) -> None:
    with atomic_output(path) as partial:
        image.save(partial, "PNG", optimize=True)
