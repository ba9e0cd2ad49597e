"""Plots of evaluations: calibration, hint curves, metrics over time, and slices of a film.

They are drawn with Pillow and use the colors and fonts of the score sheet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidcolor.color.bins import CONFIDENCE_RADIUS
from vidcolor.evaluation.calibration import NUM_BINS
from vidcolor.evaluation.canvas import BACKGROUND, save_image
from vidcolor.evaluation.film import AGAINST, COLORED
from vidcolor.evaluation.film_scores import GROUND_TRUTH
from vidcolor.evaluation.score_sheet import BRIGHT, DIM, MEDIUM
from vidcolor.imaging.resize import resize_area
from vidcolor.imaging.text import draw_text, shorten_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

    from vidcolor.evaluation.calibration import ReliabilityDiagram
    from vidcolor.evaluation.film import FilmEvaluation
    from vidcolor.evaluation.film_scores import FilmScores
    from vidcolor.evaluation.options import EvaluateOptions
    from vidcolor.evaluation.scores import Evaluation, MethodScores
    from vidcolor.imaging.types import Rgb

    Color = tuple[int, int, int]

RELIABILITY_PLOT, HINT_CURVE_PLOT = "reliability.png", "hint-curve.png"
"""File names of the plots of an evaluation."""
_SUPERSAMPLING = 2
"""Factor by which calibration and hint curve plots are drawn larger and then reduced, for smooth
lines."""
_BLUE, _ORANGE = (96, 165, 250), (251, 146, 60)
_LINE_COLORS = (
    _BLUE, _ORANGE, (74, 222, 128), (232, 121, 249),
    (250, 204, 21), (45, 212, 191), (248, 113, 113), (163, 163, 255),
)  # fmt: skip
_GRID_COLOR, _BAR_COLOR = (58, 58, 66), (70, 110, 170)

_FILM_CURVES = (
    ("psnr", "PSNR in dB; higher is better"),
    ("flicker", "flicker along motion, a*b* units; lower is better"),
    ("chroma", "mean chroma, a*b* units"),
)
"""Metrics of a film over time, and the titles of their plots."""
_VERSION_COLORS = {GROUND_TRUTH: (150, 150, 158), COLORED: _BLUE, AGAINST: _ORANGE}
_FILM_WIDTH, _FILM_PANEL_HEIGHT, _FILM_MARGIN, _FILM_TITLE_HEIGHT = 1200, 220, 64, 44
_SLICE_HEIGHT = 300
"""Height of a slice in pixels. A slice shows the center row of all frames; time runs from left to
right."""
_MAX_SLICE_FRAMES = 4000
"""Maximum number of frames in a slice; a longer film is subsampled."""


def get_plot_names(options: EvaluateOptions) -> list[str]:
    """Return the file names of the plots of an evaluation; empty if it has no model."""
    has_model = any(True for _ in options.iterate_variants())
    return [RELIABILITY_PLOT] * has_model + [HINT_CURVE_PLOT] * (
        has_model and bool(options.hint_counts)
    )


def write_plots(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write the plots of an evaluation. Existing files are replaced.

    Args:
        evaluation: the evaluation.
        folder: an existing folder for the plots.

    Returns:
        The files that were written: those for which the evaluation has data.

    Raises:
        OutputError: a file cannot be written.
    """
    calibrated = [method for method in evaluation.methods if method.reliability is not None]
    hinted = [method for method in evaluation.methods if method.hinted_psnr]
    written = []
    if calibrated:
        written.append(folder / RELIABILITY_PLOT)
        save_image(_reduce(_plot_reliability(calibrated)), written[-1])
    if hinted:
        gray = evaluation.compute_means(evaluation.methods[0]).psnr
        written.append(folder / HINT_CURVE_PLOT)
        save_image(_reduce(_plot_hint_curves(hinted, gray)), written[-1])
    return written


def _reduce(image: Image) -> Image:
    from PIL import Image

    size = (image.width // _SUPERSAMPLING, image.height // _SUPERSAMPLING)
    return image.resize(size, Image.Resampling.LANCZOS)


@dataclass(frozen=True, slots=True)
class _Axes:
    """A rectangle with axes on a canvas. Positions and sizes are in canvas pixels."""

    draw: ImageDraw
    left: float
    top: float
    width: float
    height: float
    x_range: tuple[float, float]
    """x values at the left and right edge."""
    y_range: tuple[float, float]
    """y values at the bottom and top edge."""

    def to_canvas(self, x: float, y: float) -> tuple[float, float]:
        """Convert values to a position on the canvas."""
        horizontal = (x - self.x_range[0]) / (self.x_range[1] - self.x_range[0])
        vertical = (y - self.y_range[0]) / (self.y_range[1] - self.y_range[0])
        return self.left + horizontal * self.width, self.top + (1 - vertical) * self.height

    def draw_grid(
        self, y_ticks: Sequence[tuple[float, str]], x_ticks: Sequence[tuple[float, str]]
    ) -> None:
        """Draw grid lines at the y ticks, marks at the x ticks, and the labels of both."""
        size = 12 * _SUPERSAMPLING
        for value, text in y_ticks:
            x, y = self.to_canvas(self.x_range[0], value)
            self.draw.line([(x, y), (x + self.width, y)], _GRID_COLOR, _SUPERSAMPLING)
            draw_text(self.draw, (x - 6 * _SUPERSAMPLING, y), text, size, MEDIUM, "rm")
        for value, text in x_ticks:
            x, y = self.to_canvas(value, self.y_range[0])
            mark = [(x, y), (x, y + 4 * _SUPERSAMPLING)]
            self.draw.line(mark, _GRID_COLOR, _SUPERSAMPLING)
            draw_text(self.draw, (x, y + 14 * _SUPERSAMPLING), text, size, MEDIUM, "mm")

    def draw_line(self, points: Sequence[tuple[float, float]], color: Color) -> None:
        """Draw a line with a dot at each point."""
        positions = [self.to_canvas(*point) for point in points]
        self.draw.line(positions, color, 2 * _SUPERSAMPLING, joint="curve")
        for x, y in positions:
            r = 3.5 * _SUPERSAMPLING
            self.draw.ellipse([x - r, y - r, x + r, y + r], color)

    def draw_bar(self, x_range: tuple[float, float], y: float, color: Color) -> None:
        """Draw a bar from the bottom edge to `y`."""
        left, top = self.to_canvas(x_range[0], y)
        right, bottom = self.to_canvas(x_range[1], self.y_range[0])
        self.draw.rectangle([left + _SUPERSAMPLING, top, right - _SUPERSAMPLING, bottom], color)


def _make_canvas(width: int, height: int) -> tuple[Image, ImageDraw]:
    from PIL import Image, ImageDraw

    size = (width * _SUPERSAMPLING, height * _SUPERSAMPLING)
    image = Image.new("RGB", size, BACKGROUND)
    return image, ImageDraw.Draw(image)


def _plot_reliability(methods: Sequence[MethodScores]) -> Image:
    """Plot the reliability diagrams of all methods side by side."""
    width, height = 380, 470
    image, draw = _make_canvas(width * len(methods), height)
    for n, method in enumerate(methods):
        if method.reliability is not None:
            left = (n * width + 56) * _SUPERSAMPLING
            axes_width = (width - 80) * _SUPERSAMPLING
            _draw_reliability(draw, method.name, method.reliability, left, axes_width)
    return image


def _draw_reliability(
    draw: ImageDraw, name: str, reliability: ReliabilityDiagram, left: int, width: int
) -> None:
    """Draw accuracy over confidence, and below it the fraction of cells in each bin."""
    s = _SUPERSAMPLING
    title = shorten_text(f"{name}: ECE {reliability.ece:.3f}", 15 * s, width)
    draw_text(draw, (left, 24 * s), title, 15 * s, BRIGHT)
    axes = _Axes(draw, left, 48 * s, width, 260 * s, (0, 1), (0, 1))
    ticks = [(n / 5, f"{n / 5:.1f}") for n in range(6)]
    axes.draw_grid(ticks, ticks)
    points = []
    bins = zip(reliability.confidences, reliability.accuracies, strict=True)
    for k, (confidence, accuracy) in enumerate(bins):
        if confidence is not None and accuracy is not None:
            axes.draw_bar((k / NUM_BINS, (k + 1) / NUM_BINS), accuracy, _BAR_COLOR)
            points.append((confidence, accuracy))
    draw.line([axes.to_canvas(0, 0), axes.to_canvas(1, 1)], DIM, s)
    axes.draw_line(points, _ORANGE)
    text = f"accuracy (within {CONFIDENCE_RADIUS:g} a*b* units) over confidence"
    draw_text(draw, (left, 346 * s), text, 12 * s, MEDIUM)
    highest = max(*reliability.fractions, 1e-9)
    histogram = _Axes(draw, left, 366 * s, width, 60 * s, (0, 1), (0, highest))
    for k, fraction in enumerate(reliability.fractions):
        if fraction:
            histogram.draw_bar((k / NUM_BINS, (k + 1) / NUM_BINS), fraction, DIM)
    draw_text(draw, (left, 444 * s), "fraction of cells", 12 * s, MEDIUM)


def _plot_hint_curves(methods: Sequence[MethodScores], gray_psnr: float) -> Image:
    """Plot PSNR over the number of hints; the numbers are equally spaced on the axis."""
    s = _SUPERSAMPLING
    image, draw = _make_canvas(680, 440)
    curves = [method.compute_hint_curve() for method in methods]
    counts = [count for count, _ in curves[0]]
    values = [gray_psnr, *(psnr for curve in curves for _, psnr in curve)]
    low, high = math.floor(min(values)), math.ceil(max(values) + 0.2)
    tick = max(1, math.ceil((high - low) / 8))
    x_range = -0.2, len(counts) - 0.8
    axes = _Axes(draw, 60 * s, 30 * s, 590 * s, 340 * s, x_range, (low, high))
    axes.draw_grid(
        [(v, str(v)) for v in range(low, high + 1, tick)],
        [(n, str(count)) for n, count in enumerate(counts)],
    )
    gray_line = [axes.to_canvas(x, gray_psnr) for x in x_range]
    draw.line(gray_line, DIM, s)
    position = (gray_line[1][0], gray_line[1][1] + 10 * s)
    draw_text(draw, position, "gray", 12 * s, MEDIUM, "rm")
    for n, (method, curve) in enumerate(zip(methods, curves, strict=True)):
        color = _LINE_COLORS[n % len(_LINE_COLORS)]
        axes.draw_line([(k, psnr) for k, (_, psnr) in enumerate(curve)], color)
        name = shorten_text(method.name, 14 * s, 400 * s)
        draw_text(draw, (76 * s, (46 + 20 * n) * s), name, 14 * s, color)
    text = "PSNR in dB over the number of hints with true colors, 7x7 pixels at 256"
    draw_text(draw, (60 * s, 414 * s), text, 12 * s, MEDIUM)
    return image


def write_film_plot(evaluation: FilmEvaluation, path: Path) -> None:
    """Plot metrics of a film over time, with shot boundaries and the mean of each shot.

    Args:
        evaluation: the evaluation.
        path: the result: .png, .jpg or .webp. An existing file is replaced.

    Raises:
        UsageError: the extension is unknown.
        OutputError: the file cannot be written.
    """
    from PIL import Image, ImageDraw

    panel_height = _FILM_PANEL_HEIGHT + _FILM_TITLE_HEIGHT
    height = _FILM_TITLE_HEIGHT + len(_FILM_CURVES) * panel_height
    plot = Image.new("RGB", (_FILM_WIDTH, height), BACKGROUND)
    draw = ImageDraw.Draw(plot)
    for number, (metric, title) in enumerate(_FILM_CURVES):
        top = _FILM_TITLE_HEIGHT + number * panel_height
        draw_text(draw, (_FILM_MARGIN, top - 16), title, 14, BRIGHT)
        _draw_film_panel(draw, evaluation.scores, metric, top)
    x = _FILM_MARGIN
    for name in evaluation.scores.metrics:
        draw.line((x, height - 22, x + 24, height - 22), _VERSION_COLORS[name], 3)
        draw_text(draw, (x + 32, height - 22), name, 14, MEDIUM)
        x += 160
    save_image(plot, path)


def _draw_film_panel(draw: ImageDraw, scores: FilmScores, metric: str, top: int) -> None:
    curves = {
        name: [float(getattr(frame, metric)) for frame in frames]
        for name, frames in scores.frames.items()
    }
    finite = [v for values in curves.values() for v in values if math.isfinite(v)]
    if not finite:
        return
    low, high = min(finite), max(finite)
    low, high = (0.0, high) if metric != "psnr" else (low, high)
    span = max(high - low, 1e-6)
    start, end = scores.times[0], max(scores.times[-1], scores.times[0] + 1e-3)
    width = _FILM_WIDTH - 2 * _FILM_MARGIN

    def to_canvas(time: float, value: float) -> tuple[float, float]:
        x = _FILM_MARGIN + width * (time - start) / (end - start)
        return x, top + _FILM_PANEL_HEIGHT * (1 - (value - low) / span)

    for n in range(5):
        value = low + n * span / 4
        _, y = to_canvas(start, value)
        draw.line((_FILM_MARGIN, y, _FILM_WIDTH - _FILM_MARGIN, y), _GRID_COLOR)
        draw_text(draw, (8, round(y)), f"{value:.3g}", 12, DIM)
    for shot in scores.shots:
        x, _ = to_canvas(shot.time_s, low)
        draw.line((x, top, x, top + _FILM_PANEL_HEIGHT), DIM)
    for name, values in curves.items():
        points = [
            to_canvas(t, v) for t, v in zip(scores.times, values, strict=True) if math.isfinite(v)
        ]
        if len(points) > 1:
            draw.line(points, _VERSION_COLORS[name], 1)
    # Means last, so that the thick lines are above the curves.
    for shot in scores.shots:
        times = scores.times[shot.first], scores.times[shot.end - 1]
        for name, means in shot.metrics.items():
            value = float(getattr(means, metric))
            if math.isfinite(value):
                level = min(max(value, low), high)
                draw.line([to_canvas(t, level) for t in times], _VERSION_COLORS[name], 3)


def write_slices(evaluation: FilmEvaluation, path: Path) -> None:
    """Write an image of the center row of all frames over time, one slice for each version.

    Constant colors appear as even lines, and flicker as stripes across them.

    Args:
        evaluation: the evaluation.
        path: the result: .png, .jpg or .webp. An existing file is replaced.

    Raises:
        UsageError: the extension is unknown.
        OutputError: the file cannot be written.
    """
    from PIL import Image, ImageDraw

    slices = {name: _render_slice(rows) for name, rows in evaluation.slices.items()}
    height, width = next(iter(slices.values())).shape[:2]
    title_height = 28
    size = (max(width, 240), len(slices) * (height + title_height))
    sheet = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for number, (name, rgb) in enumerate(slices.items()):
        top = number * (height + title_height)
        title = f"{name}: center row over time"
        draw_text(draw, (6, top + title_height // 2), title, 14, BRIGHT)
        sheet.paste(Image.fromarray(rgb), (0, top + title_height))
    save_image(sheet, path)


def _render_slice(rows: Rgb) -> Rgb:
    """Return a slice from (frames, width, 3) uint8; time runs from left to right."""
    image = rows.transpose(1, 0, 2)
    step = max(1, -(-image.shape[1] // _MAX_SLICE_FRAMES))
    image = image[:, ::step]
    scale = _SLICE_HEIGHT / image.shape[0]
    return resize_area(image, (round(image.shape[0] * scale), max(240, image.shape[1])))
