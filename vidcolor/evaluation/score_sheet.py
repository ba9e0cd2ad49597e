"""Score sheets: selected images of an evaluation, colorized by every method, with their metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.evaluation.canvas import BACKGROUND, save_image
from vidcolor.imaging.resize import resize_area
from vidcolor.imaging.text import draw_text, measure_text_width, shorten_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL.Image import Image

    from vidcolor.evaluation.options import Selection
    from vidcolor.evaluation.report import EvaluationReport, Method
    from vidcolor.imaging.types import Rgb

MAX_PANEL_SIDE = 256
"""Maximum width and height of an image on a sheet, in pixels."""
BRIGHT, MEDIUM = (242, 242, 245), (176, 176, 186)
"""R'G'B' of titles, and of metrics and captions."""
_FONT_SIZE = 17
"""Font size in pixels; distances are multiples of it."""
_CAPTION_SIZE = 14
"""Font size of the captions below images and of metrics, in pixels."""
_GAP = 8
"""Distance between images in pixels."""
_MAX_LABEL_WIDTH = 320
"""Maximum width of method names in pixels."""
_SELECTION_NAMES: dict[Selection, str] = {
    "even": "evenly spaced",
    "worst": "lowest PSNR gain first",
    "best": "highest PSNR gain first",
}


class Column(NamedTuple):
    """An image as all methods colorized it."""

    number: int
    """Index of the image among all images, including skipped ones."""
    name: str
    """Name of the image."""
    psnr_gain: float
    """PSNR gain over gray of the first method after gray, in dB."""
    panels: tuple[Rgb, ...]
    """The reduced image of each method, (h, w, 3) uint8."""
    psnrs: tuple[float, ...]
    """PSNR of each method in dB."""


def select_columns(
    columns: Sequence[Column], selection: Selection, count: int, num_images: int
) -> list[Column]:
    """Select the images of a sheet while an evaluation runs.

    A column that was dropped once would not be selected later, so columns can be added one by one.

    Args:
        columns: the columns so far, in order if `selection` is ``even``.
        selection: evenly spaced, or those with the lowest or highest PSNR gain.
        count: maximum number of columns.
        num_images: number of images of the evaluation, including those that are skipped.
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
    """Reduce an image to the size of a sheet."""
    height, width = rgb.shape[:2]
    factor = MAX_PANEL_SIDE / max(height, width)
    if factor >= 1:
        return rgb
    return resize_area(rgb, (max(1, round(height * factor)), max(1, round(width * factor))))


def write_score_sheet(report: EvaluationReport, columns: Sequence[Column], path: Path) -> None:
    """Write an image with a row for each method and a column for each selected image.

    Args:
        report: the evaluation.
        columns: the selected images.
        path: the result: .png, .jpg or .webp. An existing file is replaced.

    Raises:
        UsageError: the extension is unknown.
        OutputError: the file cannot be written.
    """
    save_image(_draw_sheet(report, columns), path)


def _draw_sheet(report: EvaluationReport, columns: Sequence[Column]) -> Image:
    from PIL import Image, ImageDraw

    methods = report.methods
    cell_width, cell_height = (
        max((p.shape[axis] for c in columns for p in c.panels), default=1) for axis in (1, 0)
    )
    widest = max(measure_text_width(line, _FONT_SIZE) for m in methods for line in _describe(m))
    label_width = round(min(widest, _MAX_LABEL_WIDTH) + 2.5 * _FONT_SIZE)
    row_height = cell_height + 2 * _FONT_SIZE
    width = label_width + len(columns) * (cell_width + _GAP) + _FONT_SIZE
    sheet = Image.new("RGB", (width, 4 * _FONT_SIZE + len(methods) * row_height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)

    def draw_line(x: float, y: float, text: str, max_width: float, is_title: bool = False) -> None:
        size, color = (_FONT_SIZE, BRIGHT) if is_title else (_CAPTION_SIZE, MEDIUM)
        draw_text(draw, (x, y), shorten_text(text, size, max_width), size, color)

    heading = _format_heading(report)
    draw_line(_FONT_SIZE, 1.5 * _FONT_SIZE, heading, width - 2 * _FONT_SIZE)
    for row, method in enumerate(methods):
        top = 3 * _FONT_SIZE + row * row_height
        for n, text in enumerate(_describe(method)):
            y = top + (1 + 1.5 * n) * _FONT_SIZE
            draw_line(_FONT_SIZE, y, text, label_width - 1.5 * _FONT_SIZE, is_title=n == 0)
        for n, column in enumerate(columns):
            x, panel = label_width + n * (cell_width + _GAP), column.panels[row]
            inset = (cell_width - panel.shape[1]) // 2, (cell_height - panel.shape[0]) // 2
            sheet.paste(Image.fromarray(panel), (x + inset[0], top + inset[1]))
            caption = f"{column.psnrs[row]:.1f} dB"
            if method.kind == "ground_truth":
                caption = column.name
            draw_line(x, top + cell_height + 0.8 * _FONT_SIZE, caption, cell_width)
    return sheet


def _describe(method: Method) -> list[str]:
    """Return the name of a method, and its metrics over all images."""
    metrics = method.metrics
    lines = [method.name, f"{metrics['psnr']:.2f} dB ({metrics['psnr_gain']:+.2f})"]
    if method.kind == "ground_truth":
        lines.pop()
    return [*lines, f"color {metrics['colorfulness_ratio']:.0%}"]


def _format_heading(report: EvaluationReport) -> str:
    options = report.options
    size = options["size"]
    shape = f"{size} x {size} pixels" if size else "native size"
    selection = _SELECTION_NAMES[options["show"]]
    return f"{report.num_images} images, {shape}; shown: {selection}"
