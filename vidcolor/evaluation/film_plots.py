"""A film's scores as pictures: figures over time, and slices through time that show flicker."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.evaluation.contact_sheet import save_picture
from vidcolor.evaluation.film_scores import ORIGINAL
from vidcolor.evaluation.layout import BACKGROUND
from vidcolor.evaluation.score_sheet import BRIGHT, FAINT, SOFT, write_text

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.ImageDraw import ImageDraw

    from vidcolor.evaluation.film import FilmEvaluation
    from vidcolor.evaluation.film_scores import FilmScores

    Rgb = NDArray[np.uint8]

_CURVES = (
    ("psnr", "PSNR to the original, dB; higher is better"),
    ("flicker", "flicker along motion, a*b* units; lower is steadier"),
    ("chroma", "chroma, mean length of a*b*"),
)
_COLORS = {ORIGINAL: (150, 150, 158), "colored": (96, 165, 250), "against": (251, 146, 60)}
_GRID = (58, 58, 66)
_WIDTH, _PANEL, _MARGIN, _HEAD = 1200, 220, 64, 44
_SLICE_HEIGHT = 300
"""Longest side of a slice, across time, in pixels."""
_MOST_FRAMES = 4000


def write_plot(done: FilmEvaluation, path: Path) -> None:
    """Curves over time, with the shots' beginnings and each shot's mean; an existing file goes.

    Raises:
        OutputError: it cannot be written.
    """
    from PIL import Image, ImageDraw

    height = _HEAD + len(_CURVES) * (_PANEL + _HEAD)
    plot = Image.new("RGB", (_WIDTH, height), BACKGROUND)
    draw = ImageDraw.Draw(plot)
    for number, (figure, title) in enumerate(_CURVES):
        top = _HEAD + number * (_PANEL + _HEAD)
        write_text(draw, (_MARGIN, top - 16), title, 14, BRIGHT)
        _draw_panel(draw, done.scores, figure, top)
    x = _MARGIN
    for name in done.scores.figures:
        draw.line((x, height - 22, x + 24, height - 22), _COLORS[name], 3)
        write_text(draw, (x + 32, height - 22), name, 14, SOFT)
        x += 160
    save_picture(plot, path)


def _draw_panel(draw: ImageDraw, scores: FilmScores, figure: str, top: int) -> None:
    lines = {
        name: [float(getattr(row, figure)) for row in rows] for name, rows in scores.frames.items()
    }
    known = [v for values in lines.values() for v in values if math.isfinite(v)]
    if not known:
        return
    low, high = min(known), max(known)
    low, high = (0.0, high) if figure != "psnr" else (low, high)
    span = max(high - low, 1e-6)
    begin, end = scores.times[0], max(scores.times[-1], scores.times[0] + 1e-3)
    room = _WIDTH - 2 * _MARGIN

    def place(time: float, value: float) -> tuple[float, float]:
        x = _MARGIN + room * (time - begin) / (end - begin)
        return x, top + _PANEL * (1 - (value - low) / span)

    for n in range(5):
        value = low + n * span / 4
        _, y = place(begin, value)
        draw.line((_MARGIN, y, _WIDTH - _MARGIN, y), _GRID)
        write_text(draw, (8, round(y)), f"{value:.3g}", 12, FAINT)
    for shot in scores.shots:
        x, _ = place(shot.time_s, low)
        draw.line((x, top, x, top + _PANEL), FAINT)
    for name, values in lines.items():
        points = [
            place(t, v) for t, v in zip(scores.times, values, strict=True) if math.isfinite(v)
        ]
        if len(points) > 1:
            draw.line(points, _COLORS[name], 1)
    for shot in scores.shots:  # the shots' own figures, thicker
        times = scores.times[shot.first], scores.times[shot.last - 1]
        for name, figures in shot.figures.items():
            value = float(getattr(figures, figure))
            if math.isfinite(value):
                draw.line([place(t, min(max(value, low), high)) for t in times], _COLORS[name], 3)


def write_slices(done: FilmEvaluation, path: Path) -> None:
    """One row of pixels through all frames, of every version below each other.

    What keeps its color draws even lines; flicker shows as bars across them. An existing file is
    replaced.

    Raises:
        OutputError: it cannot be written.
    """
    from PIL import Image, ImageDraw

    slices = {name: _shrunk(rows) for name, rows in done.slices.items()}
    height, width = next(iter(slices.values())).shape[:2]
    line = 28
    sheet = Image.new("RGB", (max(width, 240), len(slices) * (height + line)), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for number, (name, rows) in enumerate(slices.items()):
        top = number * (height + line)
        write_text(
            draw, (6, top + line // 2), f"{name}: the middle row, time runs right", 14, BRIGHT
        )
        sheet.paste(Image.fromarray(rows), (0, top + line))
    save_picture(sheet, path)


def _shrunk(rows: Rgb) -> Rgb:
    """(frames, width, 3) -> width down, frames across."""
    import cv2

    picture = rows.transpose(1, 0, 2)
    step = max(1, -(-picture.shape[1] // _MOST_FRAMES))
    picture = picture[:, ::step]
    scale = _SLICE_HEIGHT / picture.shape[0]
    size = (max(240, picture.shape[1]), round(picture.shape[0] * scale))
    resized = cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.uint8)
