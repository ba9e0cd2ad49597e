"""Sheets of images with captions: contact sheets of films, and score sheets of evaluations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.evaluation.canvas import BACKGROUND, fit_canvas, save_image
from vidcolor.imaging.resize import resize_area
from vidcolor.imaging.text import draw_text, measure_text_width, shorten_text
from vidcolor.provenance import read_recipe
from vidcolor.timecode import format_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from PIL.Image import Image

    from vidcolor.evaluation.canvas import Canvas
    from vidcolor.evaluation.options import Layout, Selection
    from vidcolor.evaluation.report import EvaluationReport, Method
    from vidcolor.imaging.types import Rgb
    from vidcolor.media.film_pair import FilmPair
    from vidcolor.media.preview import DisplayReader

MAX_PANEL_SIDE = 256
"""Maximum width and height of an image on a score sheet, in pixels."""
_MAX_LABEL_WIDTH = 320
"""Maximum width of method names in pixels."""
_BRIGHT, _MEDIUM = (242, 242, 245), (168, 168, 178)
"""R'G'B' of names, and of other text."""
_POSITIONS: dict[Layout, tuple[str, str, str]] = {
    "side": ("left", "center", "right"),
    "stack": ("above", "middle", "below"),
    "wipe": ("left", "", "right"),
}
"""Names of the positions of the films in a cell, for the heading; two films have no middle."""
_SELECTION_NAMES: dict[Selection, str] = {
    "even": "evenly spaced",
    "worst": "lowest PSNR gain first",
    "best": "highest PSNR gain first",
}


@dataclass(frozen=True, slots=True)
class Grid:
    """The grid of a sheet. All lengths are in pixels."""

    width: int
    """Width of the sheet."""
    cell: tuple[int, int]
    """Width and height of an image."""
    columns: int
    rows: int
    font_size: int
    """Font size of the captions; distances are multiples of it."""
    label_width: int = 0
    """Width of the text left of each row."""
    num_heading_lines: int = 2

    @property
    def margin(self) -> int:
        """Margin of the sheet."""
        return round(1.5 * self.font_size)

    @property
    def row_height(self) -> int:
        """Height of an image, with its caption and the space below it."""
        return self.cell[1] + round(2.9 * self.font_size)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the sheet."""
        return self.width, self.find_position(self.rows, 0)[1] + self.font_size

    def find_position(self, row: int, column: int) -> tuple[int, int]:
        """Return x and y of the top left corner of an image."""
        left = self.margin + self.label_width
        free_width = self.width - left - self.margin - self.cell[0]
        x = left + round(column * free_width / max(1, self.columns - 1))
        y = self.margin + round((1 + 1.7 * self.num_heading_lines) * self.font_size)
        return x, y + row * self.row_height


def draw_sheet(
    grid: Grid, heading: Sequence[str], rows: Iterable[tuple[Sequence[str], Iterable[Cell]]]
) -> Image:
    """Draw a sheet with one or two lines of heading; rows are lines of text and cells."""
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", grid.size, BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    unit, small = grid.font_size, round(0.85 * grid.font_size)

    def write(x: float, y: float, text: str, width: float, is_title: bool = False) -> None:
        size, color = (unit, _BRIGHT) if is_title else (small, _MEDIUM)
        draw_text(draw, (x, y), shorten_text(text, size, width), size, color)

    for n, text in enumerate(heading):
        y = grid.margin + (0.5 + 1.7 * n) * unit
        write(grid.margin, y, text, grid.width - 2 * grid.margin, is_title=True)
    for row, (label, cells) in enumerate(rows):
        top = grid.find_position(row, 0)[1]
        for n, text in enumerate(label):
            y = top + (1 + 1.5 * n) * unit
            write(grid.margin, y, text, grid.label_width - unit, is_title=n == 0)
        for column, (rgb, caption) in enumerate(cells):
            x, y = grid.find_position(row, column)
            inset = (grid.cell[0] - rgb.shape[1]) // 2, (grid.cell[1] - rgb.shape[0]) // 2
            sheet.paste(Image.fromarray(rgb), (x + inset[0], y + inset[1]))
            write(x, y + grid.cell[1] + unit, caption, grid.cell[0])
    return sheet


class Cell(NamedTuple):
    """An image on a sheet."""

    rgb: Rgb
    """(H, W, 3) uint8, at most as large as the cells of the grid."""
    caption: str


def plan_contact_sheet(
    layout: Layout, frame_size: tuple[int, int], count: int, width: int, num_films: int = 2
) -> tuple[Grid, Canvas]:
    """Return the grid with the best balance of few empty cells and an aspect ratio near 3:2.

    Sizes are in pixels. The canvas of a frame pair is returned too.
    """
    font_size = max(9, round(width / 80))
    margin = round(1.5 * font_size)

    def make_grid(columns: int) -> tuple[Grid, Canvas]:
        cell_width = max(8, (width - margin * (columns + 1)) // columns)
        canvas = fit_canvas(layout, frame_size, cell_width, num_films)
        rows = math.ceil(count / columns)
        return Grid(
            width, canvas.size, columns, rows, font_size, num_heading_lines=num_films
        ), canvas

    def compute_cost(plan: tuple[Grid, Canvas]) -> float:
        grid, _ = plan
        empty = grid.columns * grid.rows - count
        return abs(math.log(grid.size[0] / grid.size[1] / 1.5)) + 0.5 * empty

    return min((make_grid(n + 1) for n in range(count)), key=compute_cost)


def draw_contact_sheet(
    pairs: Sequence[FilmPair], grid: Grid, canvas: Canvas, names: Sequence[str], count: int
) -> Image:
    """Draw `count` evenly spaced frames of A, each with those of the other films at that time.

    The pairs have the same film A and the same range.

    Raises:
        InputError: a frame cannot be read.
    """
    positions = _POSITIONS[canvas.layout][:: 2 if len(pairs) == 1 else 1]
    films = zip(positions, names, (pairs[0].a, *(pair.b for pair in pairs)), strict=True)
    heading = [
        f"{position}: {name or film.path.name}  ·  {_describe_film(film)}"
        for position, name, film in films
    ]

    def read_cells() -> Iterator[Cell]:
        for time_s in pairs[0].sample_times(count):
            found = [pair.frames_at(time_s) for pair in pairs]
            frames = (found[0][0], *(b for _, b in found))
            composed = canvas.compose(*(frame.rgb(canvas.panel_size) for frame in frames))
            yield Cell(composed, format_time(frames[0].time_s))

    cells = list(read_cells())
    rows = (((), cells[n : n + grid.columns]) for n in range(0, count, grid.columns))
    return draw_sheet(grid, heading, rows)


def _describe_film(film: DisplayReader) -> str:
    """Return size, rate and length, and by the tags whether vidcolor predicted the colors."""
    is_result = any(read_recipe(text) for text in film.info.tags.values() if "vidcolor" in text)
    rate = f"{float(film.video.rate):.4g} fps" if film.video.rate else ""
    mark = "colorized by vidcolor" if is_result else ""
    parts = (f"{film.size[0]} x {film.size[1]}", rate, format_time(film.duration_s), mark)
    return "  ·  ".join(p for p in parts if p)


class Column(NamedTuple):
    """An image of an evaluation as all methods colorized it."""

    number: int
    """Number of the image among all images, including skipped ones."""
    name: str
    psnr_gain: float
    """PSNR gain over gray of the first method after gray, in dB."""
    panels: tuple[Rgb, ...]
    """The reduced image of each method, (h, w, 3) uint8."""
    psnrs: tuple[float, ...]
    """PSNR of each method in dB."""


def select_columns(
    columns: Sequence[Column], selection: Selection, count: int, num_images: int
) -> list[Column]:
    """Select the images of a score sheet while an evaluation runs.

    A column that was dropped once would not be selected later, so columns can be added one by one.

    They are in order if `selection` is ``even``. `count` is the maximum number of columns, and
    `num_images` that of the evaluation, including images that are skipped.
    """
    if selection != "even":
        sign = 1 if selection == "worst" else -1
        return sorted(columns, key=lambda column: sign * column.psnr_gain)[:count]
    num_targets = min(count, num_images)
    targets = [(2 * n + 1) * num_images // (2 * num_targets) for n in range(num_targets)]
    # The nearest image is used, because the image at a target may have been skipped.
    numbers = np.array([column.number for column in columns])
    nearest = {int(np.argmin(np.abs(numbers - target))) for target in targets}
    return [columns[n] for n in sorted(nearest)]


def reduce_panel(rgb: Rgb) -> Rgb:
    """Reduce an image to the size of a score sheet."""
    height, width = rgb.shape[:2]
    factor = MAX_PANEL_SIDE / max(height, width)
    if factor >= 1:
        return rgb
    return resize_area(rgb, (max(1, round(height * factor)), max(1, round(width * factor))))


def write_score_sheet(report: EvaluationReport, columns: Sequence[Column], path: Path) -> None:
    """Write an image with a row for each method and a column for each selected image.

    Files and errors are those of `canvas.save_image`.
    """
    methods, unit = report.methods, 17
    labels = [_describe_method(method) for method in methods]
    widest = max(measure_text_width(line, unit) for label in labels for line in label)
    label_width = round(min(widest, _MAX_LABEL_WIDTH)) + 2 * unit
    width, height = (max(p.shape[axis] for c in columns for p in c.panels) for axis in (1, 0))
    sheet_width = 3 * unit + label_width + len(columns) * (width + unit // 2)
    grid = Grid(sheet_width, (width, height), len(columns), len(methods), unit, label_width)
    size = report.options["size"]
    shape = f"{size} x {size} pixels" if size else "native size"
    shown = _SELECTION_NAMES[report.options["show"]]
    rows = []
    for n, (method, label) in enumerate(zip(methods, labels, strict=True)):
        is_truth = method.kind == "ground_truth"
        captions = (c.name if is_truth else f"{c.psnrs[n]:.1f} dB" for c in columns)
        panels = (column.panels[n] for column in columns)
        rows.append((label, [Cell(*pair) for pair in zip(panels, captions, strict=True)]))
    heading = f"{report.num_images} images, {shape}; shown: {shown}"
    save_image(draw_sheet(grid, [heading], rows), path)


def _describe_method(method: Method) -> list[str]:
    """Return the name of a method, and its metrics over all images."""
    metrics = method.metrics
    psnr = [f"{metrics['psnr']:.2f} dB ({metrics['psnr_gain']:+.2f})"]
    color = f"color {metrics['colorfulness_ratio']:.0%}"
    return [method.name, *(psnr if method.kind != "ground_truth" else []), color]
