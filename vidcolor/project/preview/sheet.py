"""The preview as one image: a row of stills for each shot, gray beside color."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.imaging.text import choose_font, shorten_text
from vidcolor.timecode import format_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

    from vidcolor.project.preview.shots import PreviewShot, PreviewStill

SHEET_FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
"""Formats of Pillow for the suffixes of sheets."""
_GAP, _HEADING, _CAPTION = 12, 26, 20
"""Distance between images, and heights of the lines of text, in pixels."""
_BACKGROUND, _TEXT, _SOFT = (46, 46, 46), (225, 225, 225), (165, 165, 165)
"""Neutral grays, so that the surroundings do not change how colors look."""
_MAX_SIDE = 16_000
"""Maximum height of a sheet, in pixels, above which shots are arranged in more columns. WebP and
many programs allow little more."""


def draw_sheet(shots: Sequence[PreviewShot]) -> Image:
    """Draw the shots in columns, from top to bottom."""
    from PIL import Image
    from PIL.ImageDraw import Draw

    height, width = shots[0].stills[0].color.shape[:2]
    per_shot = max(len(shot.stills) for shot in shots)
    cell_width = per_shot * (2 * width + 2 + _GAP)
    cell_height = _HEADING + height + _CAPTION + _GAP
    # About as wide as high, and never higher than `_MAX_SIDE`.
    columns = max(1, round((len(shots) * cell_height / cell_width) ** 0.5))
    columns = max(columns, -(-len(shots) * cell_height // _MAX_SIDE))
    rows = -(-len(shots) // columns)
    sheet = Image.new("RGB", (columns * cell_width + _GAP, rows * cell_height + _GAP), _BACKGROUND)
    draw = Draw(sheet)
    for number, shot in enumerate(shots):
        column, row = divmod(number, rows)
        left, top = _GAP + column * cell_width, _GAP + row * cell_height
        _write(draw, (left, top + 3), describe_shot(shot), 15, _TEXT, cell_width - _GAP)
        for k, still in enumerate(shot.stills):
            x = left + k * (2 * width + 2 + _GAP)
            sheet.paste(Image.fromarray(still.gray), (x, top + _HEADING))
            sheet.paste(Image.fromarray(still.color), (x + width + 2, top + _HEADING))
            caption_at = x, top + _HEADING + height + 3
            _write(draw, caption_at, describe_still(still), 12, _SOFT, 2 * width)
    return sheet


def describe_shot(shot: PreviewShot) -> str:
    """Return the heading of a shot: number, frames, state, decisions, note."""
    parts = [f"shot {shot.number}", f"frames {shot.first}-{shot.last}", shot.state]
    parts += [*shot.decisions, *([shot.note] if shot.note else [])]
    return "   ".join(parts)


def describe_still(still: PreviewStill) -> str:
    """Return the caption of a still."""
    parts = [f"frame {still.frame}"]
    if still.time_s is not None:
        parts.insert(0, format_time(still.time_s))
    for noun, count in (("hint", still.num_hints), ("uncertain region", still.num_regions)):
        if count:
            parts.append(f"{count} {noun}{'' if count == 1 else 's'}")
    return "   ".join(parts)


def _write(
    draw: ImageDraw,
    at: tuple[int, int],
    text: str,
    size: int,
    color: tuple[int, int, int],
    max_width: int,
) -> None:
    """Write one line of text, shortened to a width in pixels."""
    font, text = choose_font(shorten_text(" ".join(text.split("\n")), size, max_width), size)
    draw.text(at, text, fill=color, font=font)
