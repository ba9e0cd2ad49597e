"""Images that compare two sources: contact sheets of films, and two photos in one image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import UsageError
from vidcolor.evaluation.canvas import (
    BACKGROUND,
    MAX_IMAGE_SIDE,
    Canvas,
    compute_natural_width,
    fit_canvas,
    get_image_format,
    save_image,
)
from vidcolor.evaluation.compare_options import CompareOptions, Comparison
from vidcolor.fileio import check_target
from vidcolor.imaging.text import Label, draw_text, measure_text_width, shorten_text
from vidcolor.media.film_pair import FilmPair, has_same_aspect_ratio
from vidcolor.media.preview import resize_rgb
from vidcolor.media.preview_image import read_image_rgb
from vidcolor.provenance import read_recipe
from vidcolor.timecode import format_time

if TYPE_CHECKING:
    from fractions import Fraction

    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

    from vidcolor.evaluation.compare_options import Layout
    from vidcolor.imaging.types import Rgb
    from vidcolor.media.preview import DisplayReader

DEFAULT_SHEET_WIDTH = 1600
"""Default width of a contact sheet in pixels."""
DEFAULT_MAX_PHOTO_WIDTH = 3840
"""Default maximum width of an image of two photos, in pixels."""
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
_STRETCH_WARNING = "A and B have different aspect ratios: B is stretched to the size of A"


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
    def height(self) -> int:
        """Height of the sheet."""
        return self.heading_height + self.rows * self.row_height + round(0.6 * self.font_size)

    def cell_position(self, index: int) -> tuple[int, int]:
        """Return x and y of the top left corner of a cell, in pixels."""
        row, column = divmod(index, self.columns)
        free_width = self.width - 2 * self.margin - self.cell.size[0]
        x = self.margin + round(column * free_width / max(1, self.columns - 1))
        return x, self.heading_height + row * self.row_height


def write_contact_sheet(
    a: Path | str, b: Path | str, out: Path | str, options: CompareOptions | None = None
) -> Comparison:
    """Write an image of evenly spaced frames of A, each with the frame of B at the same time.

    Args:
        a: the first film, usually the source.
        b: the second film, usually the colorized result.
        out: the result: .png, .jpg or .webp.
        options: the options; None for the defaults.

    Raises:
        InputError: a source cannot be read.
        UsageError: the target exists, its extension is unknown, or the films do not overlap in
            time.
        OutputError: the result cannot be written.
    """
    a, b, out = Path(a), Path(b), Path(out)
    options = options or CompareOptions()
    get_image_format(out)
    pair = FilmPair(a, b, start=options.start, end=options.end, offset=options.offset)
    check_target(out, [a, b], options.force)
    layout = options.layout or "stack"
    grid = plan_grid(layout, pair.a.size, options.count, options.width or DEFAULT_SHEET_WIDTH)
    _check_size(out, (grid.width, grid.height))
    sheet = _draw_sheet(pair, grid, options.get_names(a, b), options.count)
    save_image(sheet, out)
    return Comparison(out, "sheet", sheet.size, options.count, pair.warnings)


def plan_grid(layout: Layout, frame_size: tuple[int, int], count: int, width: int) -> Grid:
    """Return the grid with the best balance of few empty cells and an aspect ratio near 3:2.

    Args:
        layout: the arrangement of a frame pair.
        frame_size: display width and height of the frames in pixels.
        count: number of frame pairs.
        width: width of the sheet in pixels.
    """

    def cost(grid: Grid) -> float:
        aspect_cost = abs(math.log(grid.width / grid.height / _TARGET_ASPECT))
        return aspect_cost + _EMPTY_CELL_COST * (grid.columns * grid.rows - count)

    return min(
        (_make_grid(layout, frame_size, count, width, n + 1) for n in range(count)), key=cost
    )


def _make_grid(
    layout: Layout, frame_size: tuple[int, int], count: int, width: int, columns: int
) -> Grid:
    font_size = max(9, round(width / 80))
    margin = round(1.5 * font_size)
    cell_width = max(8, (width - margin * (columns + 1)) // columns)
    cell = fit_canvas(layout, frame_size, cell_width)
    return Grid(cell, columns, math.ceil(count / columns), font_size, width)


def _draw_sheet(pair: FilmPair, grid: Grid, names: tuple[str, str], count: int) -> Image:
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", (grid.width, grid.height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    _draw_heading(draw, pair, grid, names)
    size = grid.cell.panel_size
    for index, time_s in enumerate(pair.sample_times(count)):
        frame_a, frame_b = pair.frames_at(time_s)
        x, y = grid.cell_position(index)
        cell = grid.cell.compose(frame_a.rgb(size), frame_b.rgb(size))
        sheet.paste(Image.fromarray(cell), (x, y))
        _draw_time(draw, grid, (x, y + grid.cell.size[1]), frame_a.time_s)
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
    rate = f"{float(film.video.rate):.4g} fps" if film.video.rate else ""
    mark = "colorized by vidcolor" if _is_vidcolor_result(film) else ""
    parts = (mark, f"{film.size[0]} x {film.size[1]}", rate, format_time(film.duration_s))
    return "  ·  ".join(p for p in parts if p)


def _is_vidcolor_result(film: DisplayReader) -> bool:
    """Return whether the metadata of a film records that vidcolor predicted its colors."""
    return any(read_recipe(text) for text in film.info.tags.values() if "vidcolor" in text)


def _draw_time(draw: ImageDraw, grid: Grid, corner: tuple[int, int], time_s: Fraction) -> None:
    x, y = corner
    position = (x, y + round(1.05 * grid.font_size))
    draw_text(draw, position, format_time(time_s), grid.font_size, _TIME_COLOR)


def compare_photos(
    a: Path | str, b: Path | str, out: Path | str, options: CompareOptions | None = None
) -> Comparison:
    """Write two photos as one image: side by side, stacked, or split at the center.

    Args:
        a: the first photo, usually the source.
        b: the second photo, usually the colorized result; scaled to the size of A.
        out: the result: .png, .jpg or .webp.
        options: `layout` (`wipe` splits at the center), `width`, `names` and `force`; None for
            the defaults. The other options are ignored.

    Raises:
        InputError: a source cannot be read.
        UsageError: the target exists or its extension is unknown.
        OutputError: the result cannot be written.
    """
    from PIL import Image

    a, b, out = Path(a), Path(b), Path(out)
    options = options or CompareOptions()
    get_image_format(out)
    rgb_a, rgb_b = read_image_rgb(a), read_image_rgb(b)
    check_target(out, [a, b], options.force)
    size_a, size_b = _get_image_size(rgb_a), _get_image_size(rgb_b)
    layout = options.layout or "side"
    width = options.width or compute_natural_width(layout, size_a, DEFAULT_MAX_PHOTO_WIDTH)
    canvas = fit_canvas(layout, size_a, width)
    _check_size(out, canvas.size)
    names = options.get_names(a, b)
    panel_a, panel_b = (resize_rgb(rgb, canvas.panel_size) for rgb in (rgb_a, rgb_b))
    Label(names[0], canvas.panel_size, "left").draw_on(panel_a)
    label_b = Label(names[1], canvas.panel_size, "right" if layout == "wipe" else "left")
    label_b.draw_on(panel_b)
    save_image(Image.fromarray(canvas.compose(panel_a, panel_b)), out)
    warnings = () if has_same_aspect_ratio(size_a, size_b) else (_STRETCH_WARNING,)
    return Comparison(out, "photo", canvas.size, 1, warnings)


def _get_image_size(rgb: Rgb) -> tuple[int, int]:
    return rgb.shape[1], rgb.shape[0]


def _check_size(out: Path, size: tuple[int, int]) -> None:
    max_side = MAX_IMAGE_SIDE[get_image_format(out)]
    if max(size) > max_side:
        raise UsageError(
            f"{out}: {size[0]}×{size[1]} exceeds the maximum of {max_side} for {out.suffix}; "
            "use a smaller --width or --count"
        )
