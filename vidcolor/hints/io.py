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

import csv
import json
import math
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcolor.errors import InputError, UsageError
from vidcolor.fileio import read_text
from vidcolor.options import Hint
from vidcolor.timecode import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vidcolor.options import ColorizeOptions

KEYS = tuple(field.name for field in fields(Hint) if field.name != "name")
"""The keys of a hint; `COLOR_ALIAS` is also accepted for ``color``."""
COLOR_ALIAS = "colour"  # codespell:ignore colour
"""British spelling of the key ``color``."""
NEUTRAL = "neutral"
"""Color name that stands for gray of any lightness."""
_LENGTH_KEYS = ("x", "y", "radius")
"""Keys whose values are pixels, fractions or percentages."""


def read_hints(path: Path) -> tuple[Hint, ...]:
    """Read a hint file.

    Args:
        path: ``.csv``, or JSON with any other suffix.

    Raises:
        InputError: the file cannot be read, or is not valid JSON or CSV.
        UsageError: a row is invalid; the message names file and row.
    """
    rows = _read_csv_rows(path) if path.suffix.lower() == ".csv" else _read_json_rows(path)
    hints = tuple(_parse_hint(row, f"{path}: hint {n}") for n, row in enumerate(rows, 1))
    if not hints:
        raise UsageError(
            f'{path}: contains no hints; write [{{"x": 812, "y": 430, "color": "teal"}}]'
        )
    return hints


def load_hints(options: ColorizeOptions) -> tuple[Hint, ...]:
    """Return the hints of the options, and read them first if the options name a hint file.

    Raises:
        InputError: the hint file cannot be read.
        UsageError: a hint is invalid.
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


def parse_color(text: str) -> tuple[int, int, int] | None:
    """Parse ``#rgb``, ``#rrggbb``, a CSS color name or ``neutral`` (gray).

    Returns:
        8-bit sRGB codes, or None if the text is not a color.
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


def _path_ends_with(path: Path, name: str) -> bool:
    """Whether a path ends with the file name or relative path `name`, with ``/`` or ``\\``."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    return bool(parts) and list(path.absolute().parts[-len(parts) :]) == parts


def _read_json_rows(path: Path) -> Iterable[Any]:
    """Return the rows of a JSON hint file, not yet validated."""
    try:
        document = json.loads(read_text(path, "a hint file"))
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON: {error}") from None
    except RecursionError:
        raise InputError(f"{path}: not a hint file: the JSON is nested too deeply") from None
    if isinstance(document, dict) and "hints" in document:
        version = document.get("version", 1)
        if version != 1:
            raise UsageError(f"{path}: version {version!r} is not supported; use version 1")
        document = document["hints"]
    if not isinstance(document, list):
        raise UsageError(f'{path}: must be a list of hints, or {{"version": 1, "hints": [...]}}')
    return document


def _read_csv_rows(path: Path) -> Iterable[dict[str, Any]]:
    """Yield the rows of a CSV hint file, without empty fields and not yet validated."""
    lines = read_text(path, "a hint file").splitlines()
    try:
        rows = list(csv.DictReader(lines, skipinitialspace=True))
    except csv.Error as error:
        raise InputError(f"{path}: not valid CSV: {error}") from None
    for row in rows:
        # DictReader stores the surplus fields of a row that is too long under the key None. The
        # key "?" is then reported as unknown.
        yield {
            str(key or "?").strip(): _parse_csv_value(value)
            for key, value in row.items()
            if value not in ("", None)
        }


def _parse_csv_value(text: Any) -> Any:
    """Parse a number as JSON does, or return the text unchanged."""
    # An int stays an int, because `Hint.unit` distinguishes 1 from 1.0.
    for kind in (int, float):
        try:
            return kind(text)
        except (ValueError, TypeError):
            continue
    return text


def _parse_hint(row: Any, name: str) -> Hint:
    """Parse one row; `name` identifies it in errors."""
    values = _check_keys(row, name)
    percentages = {k for k in _LENGTH_KEYS if str(values.get(k, "")).strip().endswith("%")}
    if percentages:
        if values.get("unit") == "pixel" or percentages != {*_LENGTH_KEYS} & values.keys():
            raise UsageError(
                f"{name}: percentages and other numbers are mixed; use one unit for x, y and radius"
            )
        values["unit"] = "fraction"
    for key in {*_LENGTH_KEYS} & values.keys():
        values[key] = _parse_length(values[key], f"{name}: {key}")
    if not isinstance(values["color"], str) or parse_color(values["color"]) is None:
        raise UsageError(
            f"{name}: {values['color']!r} is not a color; write #3b5f8a, a CSS name such as "
            "steelblue, or neutral"
        )
    if "file" in values and not isinstance(values["file"], str):
        raise UsageError(f"{name}: file must be a file name, got {values['file']!r}")
    frame = values.get("frame", 0)
    if isinstance(frame, bool) or not isinstance(frame, int):
        raise UsageError(f"{name}: frame must be an integer, got {frame!r}")
    if "time" in values:
        values["time"] = _parse_time(values["time"], name)
    return Hint(**values, name=name)


def _check_keys(row: Any, name: str) -> dict[str, Any]:
    """Return the values of a row that are not null, with the American key ``color``."""
    if not isinstance(row, dict):
        raise UsageError(f'{name}: not an object; write {{"x": 812, "y": 430, "color": "teal"}}')
    if "color" in row and COLOR_ALIAS in row:
        raise UsageError(f"{name}: has both color and {COLOR_ALIAS}; remove one")
    row = {("color" if key == COLOR_ALIAS else key): value for key, value in row.items()}
    unknown = [key for key in row if key not in KEYS]
    if unknown:
        raise UsageError(f"{name}: unknown key {unknown[0]!r}; the keys are {', '.join(KEYS)}")
    missing = [key for key in ("x", "y", "color") if row.get(key) is None]
    if missing:
        raise UsageError(f"{name}: {missing[0]} is missing")
    return {key: value for key, value in row.items() if value is not None}


def _parse_length(value: Any, name: str) -> float:
    """Return a number unchanged, or a percentage as a fraction.

    Args:
        value: value of the row. An int stays an int; see `Hint.unit`.
        name: name of the value in errors.
    """
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return float(value.strip().removesuffix("%")) / 100
        except ValueError:
            raise UsageError(f"{name}: {value!r} is not a number") from None
    try:
        is_finite = isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:  # an integer beyond the range of float
        is_finite = False
    if isinstance(value, bool) or not is_finite:
        raise UsageError(f'{name} must be a number or "50%", got {value!r}')
    number: float = value
    return number


def _parse_time(value: Any, name: str) -> Fraction:
    """Return a time in seconds; `name` identifies the row in errors."""
    try:
        if isinstance(value, bool):
            raise ValueError
        return parse_time(str(value))
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"{name}: {value!r} is not a time; write 90.5 or 0:01:30.5") from None
