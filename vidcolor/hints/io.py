"""Reading of hint files in JSON or CSV.

A JSON file is a list of hints:

    [
      {"x": 812, "y": 430, "color": "#3b5f8a", "radius": 12},
      {"x": "50%", "y": "12.5%", "color": "skyblue"},
      {"x": 0.25, "y": 0.8, "color": "neutral", "file": "1931/mill.jpg"}
    ]

An object with ``"version": 1`` and this list as ``"hints"`` is also accepted. In CSV the keys are
the column names. `Hint.unit` describes the unit of x, y and radius. Percentages are fractions.
"""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from unicodedata import normalize

from pydantic import BeforeValidator, model_validator

from vidcolor.errors import UsageError
from vidcolor.options import Hint, Unit
from vidcolor.schema import Record, parse, read_rows
from vidcolor.timecode import parse_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.options import ColorizeOptions

COLOR_ALIAS = "colour"  # codespell:ignore colour
"""British spelling of the key ``color``."""
NEUTRAL = "neutral"
"""Color name that stands for gray of any lightness."""
KEEP = "keep"
"""Color name for the automatic color: the object is protected from other hints."""
_LENGTHS = ("x", "y", "radius")
_EXAMPLE = '{"x": 812, "y": 430, "color": "teal"}'


def parse_color(text: str) -> tuple[int, int, int] | None:
    """Return the 8-bit sRGB codes of ``#rgb``, ``#rrggbb``, a CSS color name or ``neutral``.

    Return None if the text is not a color.
    """
    from PIL import ImageColor

    text = text.strip().lower()
    if text == NEUTRAL:
        return 128, 128, 128
    if text.startswith("#") and len(text) not in (4, 7):
        return None
    if not text.startswith("#") and not text.isalpha():
        return None  # Pillow also parses rgb(…) and similar, and accepts 999 there
    try:
        codes = ImageColor.getrgb(text)
    except ValueError:
        return None
    return codes[0], codes[1], codes[2]


def is_keep(text: str) -> bool:
    """Return whether the color of a hint stands for the automatic color."""
    return text.strip().lower() == KEEP


def _check_color(value: Any) -> str:
    if not isinstance(value, str) or not (is_keep(value) or parse_color(value)):
        raise ValueError(
            f"{value!r} is not a color; write #3b5f8a, a CSS name such as steelblue, neutral or "
            "keep"
        )
    return value


def _parse_length(value: Any) -> float:
    """Return a number, with a percentage as a fraction. An int stays an int; see `Hint.unit`."""
    try:
        number = value
        if isinstance(value, str):
            text = value.strip().removesuffix("%")
            number = int(text) if text.lstrip("+-").isdigit() else float(text)
            number = number / 100 if _is_percentage(value) else number
        if not isinstance(value, bool) and math.isfinite(number):
            return number  # type: ignore[no-any-return]
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(f'must be a number or "50%", got {value!r}')


def _is_percentage(value: Any) -> bool:
    return isinstance(value, str) and value.strip().endswith("%")


Length = Annotated[
    int | float,
    BeforeValidator(_parse_length, json_schema_input_type=int | float | str),
]
"""A number of pixels, a fraction, or a percentage such as ``"50%"``."""
Seconds = Annotated[
    Fraction,
    BeforeValidator(lambda value: parse_time(str(value)), json_schema_input_type=float | str),
]
"""Seconds, or a text such as ``0:01:30.5``."""


class HintRow(Record):
    """One row of a hint file; see `Hint`."""

    x: Length
    """Pixels or fraction of the width, from the left edge."""
    y: Length
    """Pixels or fraction of the height, from the top edge."""
    color: Annotated[str, BeforeValidator(_check_color)]
    """#rgb, #rrggbb, a CSS color name, neutral, or keep."""
    radius: Length | None = None
    """Radius of the disc that has this color."""
    unit: Unit | None = None
    """Unit of x, y and radius."""
    file: str | None = None
    """Photo to which the hint applies."""
    time: Seconds | None = None
    """Time in the film."""
    frame: int | None = None
    """Frame number in the film, from 0."""

    @model_validator(mode="before")
    @classmethod
    def _prepare(cls, row: dict[str, Any]) -> dict[str, Any]:
        """Accept the British key, and make percentages fractions."""
        if "color" in row and COLOR_ALIAS in row:
            raise ValueError(f"has both color and {COLOR_ALIAS}; remove one")
        row = {("color" if key == COLOR_ALIAS else key): value for key, value in row.items()}
        lengths = [row[key] for key in _LENGTHS if key in row]
        if any(map(_is_percentage, lengths)):
            if not all(map(_is_percentage, lengths)) or row.get("unit") == "pixel":
                raise ValueError(
                    "percentages and other numbers are mixed; use one unit for x, y and radius"
                )
            row["unit"] = "fraction"
        return row


def read_hints(path: Path) -> tuple[Hint, ...]:
    """Read a hint file: CSV if the suffix is ``.csv``, otherwise JSON.

    Raises:
        InputError: the file cannot be read, or is not valid JSON or CSV.
        UsageError: a row is invalid; the message names file and row.
    """
    rows = read_rows(path, "a hint file", "hints", _EXAMPLE, decimal_columns=(*_LENGTHS, "time"))
    if not rows:
        raise UsageError(f"{path}: contains no hints; write [{_EXAMPLE}]")
    names = [f"{path}: hint {number}" for number in range(1, len(rows) + 1)]
    return tuple(
        Hint(**dict(parse(HintRow, row, name)), name=name)
        for row, name in zip(rows, names, strict=True)
    )


def load_hints(options: ColorizeOptions) -> tuple[Hint, ...]:
    """Return the hints of the options; read them first if the options name a hint file.

    Raises:
        VidcolorError: see `read_hints`.
    """
    if isinstance(options.hints, Path):
        return read_hints(options.hints)
    return options.hints or ()


def select_hints(hints: Sequence[Hint], photo: Path) -> tuple[Hint, ...]:
    """Return the hints that name a photo, and those that name no file."""
    return tuple(h for h in hints if h.file is None or _path_ends_with(photo, h.file))


def check_hint_files(hints: Sequence[Hint], photos: Sequence[Path]) -> None:
    """Check that every hint belongs to exactly one photo.

    Raises:
        UsageError: a hint names a photo that is missing or ambiguous, or it names no photo although
            there are several.
    """
    for hint in hints:
        if hint.file is None:
            if len(photos) > 1:
                raise UsageError(
                    f"{hint.name}: no file is given for {len(photos)} photos; "
                    f'add "file": "{photos[0].name}"'
                )
            continue
        matches = [photo for photo in photos if _path_ends_with(photo, hint.file)]
        if not matches:
            raise UsageError(f"{hint.name}: file {hint.file} is not among the photos to colorize")
        if len(matches) > 1:
            raise UsageError(
                f"{hint.name}: file {hint.file} matches {matches[0]} and {matches[1]}; "
                "add the folder"
            )


def _path_ends_with(path: Path, name: str) -> bool:
    """Whether a path ends with the file name or relative path `name`, with ``/`` or ``\\``.

    Accented letters may be one or two characters: keyboards and the file names of macOS differ.
    """
    name, text = (normalize("NFC", n) for n in (name, str(path.absolute())))
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    return bool(parts) and list(Path(text).parts[-len(parts) :]) == parts
