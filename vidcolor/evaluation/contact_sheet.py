"""Contact sheets: evenly spaced frames of two films in one image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidcolor.evaluation.canvas import BACKGROUND, Canvas, fit_canvas
from vidcolor.imaging.text import draw_text, measure_text_width, shorten_text
from vidcolor.provenance import read_recipe
from vidcolor.timecode import format_time

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

    from vidcolor.evaluation.options import Layout
    from vidcolor.media.film_pair import FilmPair
    from vidcolor.media.preview import DisplayReader

_TARGET_ASPECT = 1.5
"""Aspect ratio that the grid of a contact sheet approximates."""
_EMPTY_CELL_COST = 0.5
"""Cost of an empty cell, in units of the log of the aspect ratio."""
_NAME_COLOR, _TIME_COLOR, _DETAIL_COLOR = (242, 242, 245), (168, 168, 178), (112, 112, 122)
"""R'G'B' of film names, of times, and of film properties."""
_POSITION_NAMES: dict[Layout, tuple[str, str]] = {
    "side": ("left", "right"),
    "stack": ("above", "below"),
    "wipe": ("left", "right"),
}
"""Names of the positions of A and B in a cell, for the heading."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The grid of a contact sheet. All lengths are in pixels."""

    cell: Canvas
    """The layout of one frame pair."""
    columns: int
    """Number of columns."""
    rows: int
    """Number of rows."""
    font_size: int
    """Font size of the captions; margins are multiples of it."""
    width: int
    """Width of the sheet."""

    @property
    def margin(self) -> int:
        """Margin of the sheet and minimum distance between columns."""
        return round(1.5 * self.font_size)

    @property
    def heading_height(self) -> int:
        """Height of the heading, with the space below it."""
        return self.margin + round(4.4 * self.font_size)

    @property
    def row_height(self) -> int:
        """Height of a cell, with its caption and the space below it."""
        return self.cell.size[1] + round(2.9 * self.font_size)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the sheet."""
        height = self.heading_height + self.rows * self.row_height + round(0.6 * self.font_size)
        return self.width, height

    def cell_position(self, index: int) -> tuple[int, int]:
        """Return x and y of the top left corner of a cell, in pixels."""
        row, column = divmod(index, self.columns)
        free_width = self.width - 2 * self.margin - self.cell.size[0]
        x = self.margin + round(column * free_width / max(1, self.columns - 1))
        return x, self.heading_height + row * self.row_height


def plan_grid(layout: Layout, frame_size: tuple[int, int], count: int, width: int) -> Grid:
    """Return the grid with the best balance of few empty cells and an aspect ratio near 3:2.

    Args:
        layout: the arrangement of a frame pair.
        frame_size: display width and height of the frames in pixels.
        count: number of frame pairs.
        width: width of the sheet in pixels.
    """
    font_size = max(9, round(width / 80))
    margin = round(1.5 * font_size)

    def make_grid(columns: int) -> Grid:
        cell_width = max(8, (width - margin * (columns + 1)) // columns)
        cell = fit_canvas(layout, frame_size, cell_width)
        return Grid(cell, columns, math.ceil(count / columns), font_size, width)

    def compute_cost(grid: Grid) -> float:
        aspect_cost = abs(math.log(grid.size[0] / grid.size[1] / _TARGET_ASPECT))
        return aspect_cost + _EMPTY_CELL_COST * (grid.columns * grid.rows - count)

    return min((make_grid(n + 1) for n in range(count)), key=compute_cost)


def draw_contact_sheet(pair: FilmPair, grid: Grid, names: tuple[str, str], count: int) -> Image:
    """Draw evenly spaced frames of A, each with the frame of B at the same time.

    Args:
        pair: the films.
        grid: the grid from `plan_grid`.
        names: labels of the films; an empty one is replaced by the file name.
        count: number of frame pairs.

    Raises:
        InputError: a frame cannot be read.
    """
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", grid.size, BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    _draw_heading(draw, pair, grid, names)
    size = grid.cell.panel_size
    for index, time_s in enumerate(pair.sample_times(count)):
        frame_a, frame_b = pair.frames_at(time_s)
        x, y = grid.cell_position(index)
        cell = grid.cell.compose(frame_a.rgb(size), frame_b.rgb(size))
        sheet.paste(Image.fromarray(cell), (x, y))
        position = (x, y + grid.cell.size[1] + round(1.05 * grid.font_size))
        draw_text(draw, position, format_time(frame_a.time_s), grid.font_size, _TIME_COLOR)
    return sheet


def _draw_heading(draw: ImageDraw, pair: FilmPair, grid: Grid, names: tuple[str, str]) -> None:
    """Draw a line for each film: its position in a cell, its name, and its properties."""
    font_size, right = grid.font_size, grid.width - grid.margin
    positions = _POSITION_NAMES[grid.cell.layout]
    name_x = grid.margin + max(measure_text_width(p, font_size) for p in positions) + font_size
    films = (pair.a, pair.b)
    for line, (position, name, film) in enumerate(zip(positions, names, films, strict=True)):
        y = grid.margin + round((0.5 + 1.7 * line) * font_size)
        details = _describe_film(film)
        details_x = right - measure_text_width(details, font_size)
        draw_text(draw, (grid.margin, y), position, font_size, _DETAIL_COLOR)
        draw_text(draw, (details_x, y), details, font_size, _DETAIL_COLOR)
        name_size = round(1.2 * font_size)
        max_width = details_x - name_x - 2 * font_size
        label = shorten_text(name or film.path.name, name_size, max_width)
        draw_text(draw, (name_x, y), label, name_size, _NAME_COLOR)


def _describe_film(film: DisplayReader) -> str:
    """Return whether vidcolor predicted the colors, by the tags, and the size, rate and length."""
    is_result = any(read_recipe(text) for text in film.info.tags.values() if "vidcolor" in text)
    mark = "colorized by vidcolor" if is_result else ""
    rate = f"{float(film.video.rate):.4g} fps" if film.video.rate else ""
    parts = (mark, f"{film.size[0]} x {film.size[1]}", rate, format_time(film.duration_s))
    return "  ·  ".join(p for p in parts if p)
