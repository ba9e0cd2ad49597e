"""The shot sheet: one image with a labeled thumbnail of each shot."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vidcolor.errors import UsageError
from vidcolor.fileio import atomic_output
from vidcolor.timecode import format_minutes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vidcolor.imaging.types import Uint8Array
    from vidcolor.shots.shot_list import ShotList

SHEET_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
"""File name suffixes of the image formats of shot sheets."""
THUMBNAIL_HEIGHT = 144
"""Height of a thumbnail, in pixels."""
MAX_THUMBNAILS = 2000
"""Maximum number of thumbnails on a sheet. Few programs open larger images."""
SHEET_ASPECT = 1.5
"""Approximate ratio of the width of a sheet to its height."""
_LABEL_HEIGHT, _GAP = 22, 8
"""Height of a label below a thumbnail, and distance between neighboring cells, in pixels."""
_BACKGROUND, _TEXT_COLOR = 18, 200
"""Gray levels, 0 to 255."""


def check_sheet_length(path: Path, shots: ShotList) -> None:
    """Check that the thumbnails of all shots fit on one sheet.

    Raises:
        UsageError: there are more than `MAX_THUMBNAILS` shots.
    """
    if len(shots.shots) > MAX_THUMBNAILS:
        raise UsageError(
            f"{path}: {len(shots.shots)} shots do not fit on one sheet of at most "
            f"{MAX_THUMBNAILS}; use --start and --end"
        )


def write_sheet(
    path: Path, thumbnails: Sequence[Uint8Array], shots: ShotList, force: bool = False
) -> None:
    """Write a sheet with the number, start time and transition of each shot.

    Args:
        path: image file with one of `SHEET_SUFFIXES`.
        thumbnails: one thumbnail per shot, (h, w) uint8 gray, all of one size.
        shots: shot list with times.
        force: replace an existing file.

    Raises:
        OutputError: the file exists and `force` is False, or it cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = thumbnails[0].shape
    cell_width, cell_height = width + _GAP, height + _LABEL_HEIGHT + _GAP
    columns = max(1, round(math.sqrt(len(thumbnails) * SHEET_ASPECT * cell_height / cell_width)))
    columns = min(columns, len(thumbnails))
    rows = -(-len(thumbnails) // columns)
    size = (columns * cell_width + _GAP, rows * cell_height + _GAP)
    sheet = Image.new("L", size, _BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for number, thumbnail in enumerate(thumbnails):
        row, column = divmod(number, columns)
        x, y = _GAP + column * cell_width, _GAP + row * cell_height
        sheet.paste(Image.fromarray(thumbnail), (x, y))
        shot = shots.shots[number]
        label = f"{number + 1}   {format_minutes(shots.times[number])}   {shot.transition}"
        draw.text((x, y + height + 3), label, fill=_TEXT_COLOR, font=font)
    image_format = {"jpg": "jpeg"}.get(path.suffix[1:].lower(), path.suffix[1:].lower())
    with atomic_output(path, force) as partial:
        sheet.save(partial, format=image_format)
