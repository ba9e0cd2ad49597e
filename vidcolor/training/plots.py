"""Pictures of a run, drawn with Pillow: curves over steps, and photographs in rows."""

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
"""Drawn larger and reduced, as Pillow's lines are not smoothed."""
_PANEL = (760, 260)
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 34, 40
_INK, _FAINT, _PAPER = (40, 40, 40), (222, 222, 222), (255, 255, 255)
_COLORS = ((31, 95, 168), (204, 85, 0), (60, 130, 60), (130, 60, 140))


@dataclass(frozen=True, slots=True)
class Line:
    """One curve."""

    name: str
    points: Sequence[tuple[float, float]]
    """Step and value, in rising order of steps."""
    dotted: bool = False
    """With a dot at each point: for values that are measured now and then."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves with one scale of values."""

    title: str
    lines: Sequence[Line]


def draw_curves(path: Path, panels: Sequence[Panel]) -> None:
    """Draw panels one below the other, all over the same steps.

    Args:
        path: a .png, replaced if it exists.
        panels: those without any points are left out; all are, nothing is drawn.

    Raises:
        OutputError: it cannot be written.
    """
    panels = [p for p in panels if any(line.points for line in p.lines)]
    if not panels:
        return
    last = max(point[0] for p in panels for line in p.lines for point in line.points)
    width, height = _PANEL
    picture = Image.new("RGB", (width * _SCALE, height * len(panels) * _SCALE), _PAPER)
    draw = ImageDraw.Draw(picture)
    for number, panel in enumerate(panels):
        _draw_panel(draw, panel, number * height, max(last, 1))
    _save(picture.resize((width, height * len(panels)), Image.Resampling.LANCZOS), path)


def _draw_panel(draw: ImageDraw.ImageDraw, panel: Panel, top: int, last: float) -> None:
    values = [value for line in panel.lines for _, value in line.points if math.isfinite(value)]
    if not values:
        return
    ticks = nice_ticks(min(values), max(values))
    low, high = min(ticks[0], *values), max(ticks[-1], *values)
    x0, x1 = _LEFT, _PANEL[0] - _RIGHT
    y0, y1 = top + _PANEL[1] - _BOTTOM, top + _TOP

    def place(step: float, value: float) -> tuple[float, float]:
        x = x0 + (x1 - x0) * step / last
        return x * _SCALE, (y0 + (y1 - y0) * (value - low) / (high - low)) * _SCALE

    for tick in ticks:
        _stroke(draw, [place(0, tick), place(last, tick)], _FAINT, 1)
        _write(draw, (x0 - 6, place(0, tick)[1] / _SCALE), f"{tick:g}", "rm")
    for tick in nice_ticks(0, last):
        if tick <= last:
            _stroke(draw, [place(tick, low), place(tick, high)], _FAINT, 1)
            _write(draw, (place(tick, low)[0] / _SCALE, y0 + 6), f"{tick:,.10g}", "mt")
    _write(draw, (x1, y0 + 22), "step", "rt")
    _write(draw, (x0, top + 10), panel.title, "lt", size=13)
    right = float(x1)
    for line, color in reversed(list(zip(panel.lines, _COLORS, strict=False))):
        spots = [place(*point) for point in line.points if math.isfinite(point[1])]
        _stroke(draw, spots, color, 1.6)
        for x, y in spots if line.dotted else ():
            r = 2.6 * _SCALE
            draw.ellipse((x - r, y - r, x + r, y + r), fill=color)
        right -= _write(draw, (right, top + 10), line.name, "rt", color) + 16


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers from at most `low` to at least `high`, about `count` of them.

    Args:
        low: smallest value; may equal `high`.
        high: largest value.
        count: how many are wanted.
    """
    span = max(high - low, abs(high) * 1e-3, 1e-6)
    unit = 10 ** math.floor(math.log10(span / count))
    step = next(unit * m for m in (1, 2, 5, 10) if unit * m * count >= span)
    first, final = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, max(final, first + 1) + 1)]


def draw_sheet(path: Path, rows: Sequence[tuple[str, NDArray[np.uint8]]], side: int = 160) -> None:
    """Draw photographs in labeled rows, one column a photograph.

    Args:
        path: a .png, replaced if it exists.
        rows: label and pictures, (n, S, S, 3) uint8, the same n in each.
        side: of each picture, in pixels.

    Raises:
        OutputError: it cannot be written.
    """
    gap, margin = 4, 76
    count = len(rows[0][1])
    size = (margin + count * (side + gap), len(rows) * (side + gap) + gap)
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    for r, (label, pictures) in enumerate(rows):
        top = gap + r * (side + gap)
        font = ImageFont.load_default(14)
        draw.text((margin - 8, top + side // 2), label, _INK, font, anchor="rm")
        for c, picture in enumerate(pictures):
            small = Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS)
            sheet.paste(small, (margin + c * (side + gap), top))
    _save(sheet, path)


def _stroke(
    draw: ImageDraw.ImageDraw,
    spots: Sequence[tuple[float, float]],
    color: tuple[int, int, int],
    width: float,
) -> None:
    if len(spots) > 1:
        draw.line(list(spots), fill=color, width=round(width * _SCALE), joint="curve")


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    anchor: str,
    color: tuple[int, int, int] = _INK,
    size: int = 11,
) -> float:
    """Write, and say how wide it became, in pixels of the reduced picture."""
    font = ImageFont.load_default(size * _SCALE)
    draw.text((place[0] * _SCALE, place[1] * _SCALE), text, color, font, anchor=anchor)
    return float(draw.textlength(text, font)) / _SCALE


def _save(picture: Image.Image, path: Path) -> None:
    with atomic_output(path) as partial:
        picture.save(partial, "PNG", optimize=True)
