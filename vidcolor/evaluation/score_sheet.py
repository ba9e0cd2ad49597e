"""Score sheets: selected images of an evaluation, colorized by every method, with their metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.evaluation.canvas import BACKGROUND, save_image
from vidcolor.imaging.text import draw_text, measure_text_width, shorten_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

    from vidcolor.evaluation.column_selector import Column
    from vidcolor.evaluation.options import Selection
    from vidcolor.evaluation.scores import Evaluation, MethodScores
    from vidcolor.imaging.types import Rgb

BRIGHT, MEDIUM, DIM = (242, 242, 245), (176, 176, 186), (124, 124, 134)
"""R'G'B' of titles, of metrics, and of captions and axes."""
_FONT_SIZE = 17
"""Font size in pixels; distances are multiples of it."""
_CAPTION_SIZE = round(0.8 * _FONT_SIZE)
"""Font size of the captions below images, in pixels."""
_GAP = 8
"""Distance between images in pixels."""
_MIN_LABEL_WIDTH, _MAX_LABEL_WIDTH = 150, 320
"""Range of the width of method names in pixels."""
_SELECTION_NAMES: dict[Selection, str] = {
    "even": "evenly spaced",
    "worst": "lowest PSNR gain first",
    "best": "highest PSNR gain first",
}


def write_score_sheet(evaluation: Evaluation, path: Path) -> None:
    """Write an image with a row for each method and a column for each selected image.

    Args:
        evaluation: the evaluation.
        path: the result: .png, .jpg or .webp. An existing file is replaced.

    Raises:
        UsageError: the extension is unknown.
        OutputError: the file cannot be written.
    """
    columns = evaluation.columns.columns if evaluation.columns is not None else ()
    save_image(_draw_sheet(evaluation, columns), path)


def _draw_sheet(evaluation: Evaluation, columns: Sequence[Column]) -> Image:
    from PIL import Image, ImageDraw

    panels = [panel.rgb for column in columns for panel in column.panels]
    cell = (
        max((p.shape[1] for p in panels), default=1),
        max((p.shape[0] for p in panels), default=1),
    )
    label_width = _compute_label_width(evaluation.methods)
    row_height = cell[1] + round(1.9 * _FONT_SIZE)
    heading_height = 3 * _FONT_SIZE
    size = (
        label_width + len(columns) * (cell[0] + _GAP) + _FONT_SIZE,
        heading_height + len(evaluation.methods) * row_height + 2 * _FONT_SIZE,
    )
    sheet = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    heading = shorten_text(_format_heading(evaluation), _FONT_SIZE, size[0] - 2 * _FONT_SIZE)
    draw_text(draw, (_FONT_SIZE, 1.5 * _FONT_SIZE), heading, _FONT_SIZE, MEDIUM)
    for row, method in enumerate(evaluation.methods):
        y = heading_height + row * row_height
        _draw_label(draw, evaluation, method, (_FONT_SIZE, y), label_width - 1.5 * _FONT_SIZE)
        for n, column in enumerate(columns):
            x = label_width + n * (cell[0] + _GAP)
            _paste_centered(sheet, column.panels[row].rgb, (x, y), cell)
            _draw_caption(draw, column, row, method, (x, y + cell[1]), cell[0])
    return sheet


def _paste_centered(sheet: Image, rgb: Rgb, corner: tuple[int, int], cell: tuple[int, int]) -> None:
    from PIL import Image

    inset = (cell[0] - rgb.shape[1]) // 2, (cell[1] - rgb.shape[0]) // 2
    sheet.paste(Image.fromarray(rgb), (corner[0] + inset[0], corner[1] + inset[1]))


def _draw_caption(
    draw: ImageDraw,
    column: Column,
    row: int,
    method: MethodScores,
    corner: tuple[int, int],
    width: int,
) -> None:
    """Write the PSNR below an image, or the name of the image below the ground truth."""
    is_ground_truth = method.kind == "ground_truth"
    caption = column.name if is_ground_truth else f"{column.panels[row].psnr:.1f} dB"
    caption = shorten_text(caption, _CAPTION_SIZE, width)
    position = (corner[0], corner[1] + 0.8 * _FONT_SIZE)
    draw_text(draw, position, caption, _CAPTION_SIZE, DIM if is_ground_truth else MEDIUM)


def _format_heading(evaluation: Evaluation) -> str:
    size = evaluation.options.size
    shape = f"{size} x {size} pixels" if size else "native size"
    selection = _SELECTION_NAMES[evaluation.options.show]
    return f"{len(evaluation.images)} images, {shape}; shown: {selection}"


def _compute_label_width(methods: Sequence[MethodScores]) -> int:
    widest = max(measure_text_width(method.name, _FONT_SIZE) for method in methods)
    return round(min(max(widest, _MIN_LABEL_WIDTH), _MAX_LABEL_WIDTH) + 2.5 * _FONT_SIZE)


def _draw_label(
    draw: ImageDraw,
    evaluation: Evaluation,
    method: MethodScores,
    corner: tuple[int, int],
    max_width: float,
) -> None:
    """Write the name of a method and its metrics over all images."""
    x, y = corner
    means = evaluation.compute_means(method)
    lines = [f"color {means.colorfulness_ratio:.0%}"]
    if method.kind != "ground_truth":
        lines.insert(0, f"{means.psnr:.2f} dB ({means.psnr_gain:+.2f})")
    name = shorten_text(method.name, _FONT_SIZE, max_width)
    draw_text(draw, (x, y + _FONT_SIZE), name, _FONT_SIZE, BRIGHT)
    for n, line in enumerate(lines, start=1):
        position = x, y + (1 + 1.5 * n) * _FONT_SIZE
        draw_text(draw, position, line, round(0.85 * _FONT_SIZE), MEDIUM)
