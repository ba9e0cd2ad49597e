"""Still comparisons: moments of two films on a contact sheet, and two pictures in one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcolor.errors import UsageError
from vidcolor.evaluation.compare_options import CompareOptions, Comparison
from vidcolor.evaluation.layout import BACKGROUND, Arrangement, arrange, natural_width
from vidcolor.fileio import atomic_output, check_target
from vidcolor.imaging.text import Tag, clock, fit, font_for, text_width
from vidcolor.media.film_pair import FilmPair, same_shape
from vidcolor.media.preview import scale
from vidcolor.media.preview_still import picture_rgb
from vidcolor.provenance import read_recipe

if TYPE_CHECKING:
    from fractions import Fraction

    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

    from vidcolor.evaluation.compare_options import Layout
    from vidcolor.media.preview import DisplayReader, Rgb

SHEET_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
SHEET_WIDTH = 1600
MAX_PICTURE_WIDTH = 3840
_MAX_SIDE = {"WEBP": 16383, "JPEG": 65500, "PNG": 65500}
_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {"optimize": True},
    "JPEG": {"quality": 92, "subsampling": 0},
    "WEBP": {"quality": 90, "method": 4},
}
_WISHED_SHAPE = 1.5
_BRIGHT, _SOFT, _FAINT = (242, 242, 245), (168, 168, 178), (112, 112, 122)
_WORDS: dict[Layout, tuple[str, str]] = {
    "side": ("left", "right"),
    "stack": ("above", "below"),
    "wipe": ("left", "right"),
}


@dataclass(frozen=True, slots=True)
class Grid:
    """How a sheet is divided; lengths in pixels."""

    cell: Arrangement
    columns: int
    rows: int
    unit: int
    """Height of the caption's letters; margins are multiples of it."""
    width: int

    @property
    def margin(self) -> int:
        """Around everything, and between columns."""
        return round(1.5 * self.unit)

    @property
    def head(self) -> int:
        """Height of the heading with the space below it."""
        return self.margin + round(4.4 * self.unit)

    @property
    def row_height(self) -> int:
        """A cell with its caption and the space below."""
        return self.cell.size[1] + round(2.9 * self.unit)

    @property
    def height(self) -> int:
        """Of the whole sheet."""
        return self.head + self.rows * self.row_height + round(0.6 * self.unit)

    def place(self, index: int) -> tuple[int, int]:
        """Left and top of a cell."""
        row, column = divmod(index, self.columns)
        room = self.width - 2 * self.margin - self.cell.size[0]
        x = self.margin + round(column * room / max(1, self.columns - 1))
        return x, self.head + row * self.row_height


def contact_sheet(
    a: Path | str, b: Path | str, out: Path | str, options: CompareOptions | None = None
) -> Comparison:
    """Write a picture of evenly spaced moments of two films, A's frame with B's.

    Args:
        a: the original.
        b: what became of it.
        out: the result, .png, .jpg or .webp.
        options: layout within a pair, number of moments, width, span and names.

    Raises:
        InputError: a source cannot be read.
        UsageError: the target exists or has an unknown suffix; the films share no time.
        OutputError: the result cannot be written.
    """
    a, b, out = Path(a), Path(b), Path(out)
    options = options or CompareOptions()
    picture_format(out)
    pair = FilmPair(a, b, options)
    check_target(out, [a, b], options.force)
    layout = options.layout or "stack"
    grid = plan_grid(layout, pair.a.size, options.count, options.width or SHEET_WIDTH)
    _check_side(out, (grid.width, grid.height))
    sheet = _draw_sheet(pair, grid, options.names_for(a, b), options.count)
    save_picture(sheet, out)
    return Comparison(out, "sheet", sheet.size, options.count, pair.warnings)


def plan_grid(layout: Layout, picture: tuple[int, int], count: int, width: int) -> Grid:
    """The division whose shape comes nearest to 3:2 and leaves the fewest holes."""

    def badness(grid: Grid) -> float:
        shape = abs(math.log(grid.width / grid.height / _WISHED_SHAPE))
        return shape + 0.5 * (grid.columns * grid.rows - count)

    return min((_grid(layout, picture, count, width, n + 1) for n in range(count)), key=badness)


def _grid(layout: Layout, picture: tuple[int, int], count: int, width: int, columns: int) -> Grid:
    unit = max(9, round(width / 80))
    margin = round(1.5 * unit)
    room = max(8, (width - margin * (columns + 1)) // columns)
    return Grid(arrange(layout, picture, room), columns, math.ceil(count / columns), unit, width)


def _draw_sheet(pair: FilmPair, grid: Grid, names: tuple[str, str], count: int) -> Image:
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", (grid.width, grid.height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    _draw_heading(draw, pair, grid, names)
    for index, moment in enumerate(pair.moments(count)):
        of_a, of_b = pair.at(moment)
        panel = grid.cell.panel
        joined = grid.cell.join(of_a.rgb(panel), of_b.rgb(panel))
        x, y = grid.place(index)
        sheet.paste(Image.fromarray(joined), (x, y))
        _draw_caption(draw, grid, (x, y + grid.cell.size[1]), of_a.time_s)
    return sheet


def _draw_heading(draw: ImageDraw, pair: FilmPair, grid: Grid, names: tuple[str, str]) -> None:
    """Two lines, which film is where; what it is, on the right."""
    unit, right = grid.unit, grid.width - grid.margin
    words = _WORDS[grid.cell.layout]
    indent = grid.margin + max(text_width(w, unit) for w in words) + unit
    films = (pair.a, pair.b)
    for line, (word, name, film) in enumerate(zip(words, names, films, strict=True)):
        y = grid.margin + round((0.5 + 1.7 * line) * unit)
        facts = _facts(film)
        facts_at = right - text_width(facts, unit)
        _write(draw, (grid.margin, y), word, unit, _FAINT)
        _write(draw, (facts_at, y), facts, unit, _FAINT)
        size = round(1.2 * unit)
        shown = fit(name or film.path.name, size, facts_at - indent - 2 * unit)
        _write(draw, (indent, y), shown, size, _BRIGHT)


def _facts(film: DisplayReader) -> str:
    rate = f"{float(film.video.rate):.4g} fps" if film.video.rate else ""
    made = "machine-made color" if _has_mark(film) else ""
    parts = (made, f"{film.size[0]} x {film.size[1]}", rate, clock(film.duration_s))
    return "  ·  ".join(p for p in parts if p)


def _has_mark(film: DisplayReader) -> bool:
    """Whether vidcolor wrote into the film that its color is a guess."""
    return any(read_recipe(text) for text in film.info.tags.values() if "vidcolor" in text)


def _draw_caption(draw: ImageDraw, grid: Grid, corner: tuple[int, int], time_s: Fraction) -> None:
    x, y = corner
    _write(draw, (x, y + round(1.05 * grid.unit)), clock(time_s), grid.unit, _SOFT)


def _write(
    draw: ImageDraw, place: tuple[float, float], text: str, size: int, color: tuple[int, int, int]
) -> None:
    """Text whose middle line begins at `place`."""
    font, written = font_for(text, size)
    draw.text(place, written, font=font, fill=color, anchor="lm")


def compare_pictures(
    a: Path | str, b: Path | str, out: Path | str, options: CompareOptions | None = None
) -> Comparison:
    """Write two pictures as one: side by side, stacked, or split in the middle.

    Args:
        a: the original.
        b: what became of it; scaled to A's size.
        out: the result, .png, .jpg or .webp.
        options: layout (`wipe` splits), width and names; the rest means nothing here.

    Raises:
        InputError: a source cannot be read.
        UsageError: the target exists or has an unknown suffix.
        OutputError: the result cannot be written.
    """
    from PIL import Image

    a, b, out = Path(a), Path(b), Path(out)
    options = options or CompareOptions()
    picture_format(out)
    picture_a, picture_b = picture_rgb(a), picture_rgb(b)
    check_target(out, [a, b], options.force)
    size_a, size_b = _size(picture_a), _size(picture_b)
    layout = options.layout or "side"
    width = options.width or natural_width(layout, size_a, MAX_PICTURE_WIDTH)
    arrangement = arrange(layout, size_a, width)
    _check_side(out, arrangement.size)
    panels = [scale(p, arrangement.panel) for p in (picture_a, picture_b)]
    corners = ("left", "right" if layout == "wipe" else "left")
    for rgb, name, corner in zip(panels, options.names_for(a, b), corners, strict=True):
        Tag(name, arrangement.panel, corner).put_on(rgb)
    save_picture(Image.fromarray(arrangement.join(panels[0], panels[1])), out)
    same = same_shape(size_a, size_b)
    warnings = () if same else ("A and B have different shapes: B is stretched to A's",)
    return Comparison(out, "picture", arrangement.size, 1, warnings)


def _size(rgb: Rgb) -> tuple[int, int]:
    return rgb.shape[1], rgb.shape[0]


def picture_format(path: Path) -> str:
    """The format that a file name asks for.

    Raises:
        UsageError: none that we write.
    """
    found = SHEET_FORMATS.get(path.suffix.lower())
    if found is None:
        choices = ", ".join(SHEET_FORMATS)
        raise UsageError(f"{path}: a comparison picture is one of {choices}")
    return found


def _check_side(out: Path, size: tuple[int, int]) -> None:
    largest = _MAX_SIDE[picture_format(out)]
    if max(size) > largest:
        raise UsageError(
            f"{out}: would be {size[0]}×{size[1]} and {out.suffix} holds {largest}; "
            "ask for a smaller --width or --count"
        )


def save_picture(image: Image, out: Path) -> None:
    """Write a picture in the format of its name, complete or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    name = picture_format(out)
    with atomic_output(out) as partial:
        image.save(partial, format=name, **_SAVE_OPTIONS[name])
