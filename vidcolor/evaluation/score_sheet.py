"""An evaluation to be looked at: a row for each of gray, models, results and originals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.evaluation.contact_sheet import save_picture
from vidcolor.evaluation.layout import BACKGROUND
from vidcolor.imaging.text import fit, font_for, text_width

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

    from vidcolor.evaluation.sample_selection import Column
    from vidcolor.evaluation.scores import Evaluation, Row

    Place = tuple[float, float]
    Ink = tuple[int, int, int]

BRIGHT, SOFT, FAINT = (242, 242, 245), (176, 176, 186), (124, 124, 134)
_UNIT = 17
"""Height of the letters; distances are multiples of it."""
_GAP = 8
_LABELS = (150, 320)
"""Width of the row names in pixels, at least and at most."""


def write_score_sheet(done: Evaluation, out: Path) -> None:
    """Write the pictures that were kept, in every row's version, with their PSNR.

    Args:
        done: an evaluation with a showcase.
        out: the result, .png, .jpg or .webp; an existing one is replaced.

    Raises:
        UsageError: it has another suffix.
        OutputError: it cannot be written.
    """
    columns = done.showcase.columns if done.showcase is not None else ()
    save_picture(_draw(done, columns), out)


def _draw(done: Evaluation, columns: tuple[Column, ...]) -> Image:
    from PIL import Image, ImageDraw

    panels = [panel.rgb for column in columns for panel in column.panels]
    width = max((p.shape[1] for p in panels), default=1)
    height = max((p.shape[0] for p in panels), default=1)
    labels = _label_width(done.rows)
    step = height + round(1.9 * _UNIT)
    head = 3 * _UNIT
    size = (
        labels + len(columns) * (width + _GAP) + _UNIT,
        head + len(done.rows) * step + 2 * _UNIT,
    )
    sheet = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    heading = fit(_heading(done), _UNIT, size[0] - 2 * _UNIT)
    write_text(draw, (_UNIT, 1.5 * _UNIT), heading, _UNIT, SOFT)
    for line, row in enumerate(done.rows):
        _write_label(draw, done, row, (_UNIT, head + line * step), labels - 1.5 * _UNIT)
        for n, column in enumerate(columns):
            panel = column.panels[line]
            x, y = labels + n * (width + _GAP), head + line * step
            inset = (width - panel.rgb.shape[1]) // 2, (height - panel.rgb.shape[0]) // 2
            sheet.paste(Image.fromarray(panel.rgb), (x + inset[0], y + inset[1]))
            caption = column.name if row.kind == "originals" else f"{panel.psnr:.1f} dB"
            ink = FAINT if row.kind == "originals" else SOFT
            shown = fit(caption, round(0.8 * _UNIT), width)
            write_text(draw, (x, y + height + 0.8 * _UNIT), shown, round(0.8 * _UNIT), ink)
    return sheet


def _heading(done: Evaluation) -> str:
    what = {
        "even": "evenly chosen",
        "worst": "the worst by PSNR first",
        "best": "the best by PSNR first",
    }
    size = done.options.size
    shape = f"{size} x {size} pixels" if size else "as stored"
    return f"{len(done.originals)} pictures, {shape}; shown: {what[done.options.show]}"


def _label_width(rows: list[Row]) -> int:
    widest = max(text_width(row.name, _UNIT) for row in rows)
    return round(min(max(widest, _LABELS[0]), _LABELS[1]) + 2.5 * _UNIT)


def _write_label(draw: ImageDraw, done: Evaluation, row: Row, corner: Place, room: float) -> None:
    """A row's name and what it scored over all pictures."""
    x, y = corner
    means = done.summary(row)
    lines = [f"color {means.colorfulness_share:.0%}"]
    if row.kind != "originals":
        lines.insert(0, f"{means.psnr:.2f} dB ({means.gain:+.2f})")
    write_text(draw, (x, y + _UNIT), fit(row.name, _UNIT, room), _UNIT, BRIGHT)
    for n, line in enumerate(lines, start=1):
        place = x, y + (1 + 1.5 * n) * _UNIT
        write_text(draw, place, line, round(0.85 * _UNIT), SOFT)


def write_text(
    draw: ImageDraw, place: Place, text: str, size: int, ink: Ink, anchor: str = "lm"
) -> None:
    """Text whose middle line begins at `place`, or as another of Pillow's anchors says."""
    font, written = font_for(text, size)
    draw.text(place, written, font=font, fill=ink, anchor=anchor)
