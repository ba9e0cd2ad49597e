"""Rows of known colors, as people and programs write them: JSON or CSV.

    [
      {"x": 812, "y": 430, "color": "#3b5f8a", "radius": 12},
      {"x": "50%", "y": "12.5%", "color": "skyblue"},
      {"x": 0.25, "y": 0.8, "color": "neutral", "file": "1931/mill.jpg"}
    ]

or the same list under ``hints`` in an object that says ``"version": 1``; in CSV the keys are the
column names. What x, y and radius are measured in is said at `Hint.unit`; per cent are fractions.
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
from vidcolor.fileio import text_of
from vidcolor.options import Hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vidcolor.options import ColorizeOptions

KEYS = tuple(field.name for field in fields(Hint) if field.name != "name")
"""What a row may say; ``color`` is understood as well."""
NEUTRAL = "neutral"


def read_hints(path: Path) -> tuple[Hint, ...]:
    """Read a file of hints.

    Args:
        path: ``.csv``, or JSON under any other name.

    Raises:
        InputError: it cannot be read, or is no JSON.
        UsageError: a row makes no sense; the message names file and row.
    """
    rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _json_rows(path)
    hints = tuple(_hint(row, f"{path}: hint {n}") for n, row in enumerate(rows, 1))
    if not hints:
        raise UsageError(f'{path}: holds no hints; write [{{"x": 812, "y": 430, "color": "teal"}}]')
    return hints


def load_hints(options: ColorizeOptions) -> tuple[Hint, ...]:
    """The hints themselves, whether they were given as such or as a file.

    Raises:
        InputError, UsageError: as `read_hints`.
    """
    if isinstance(options.hints, Path):
        return read_hints(options.hints)
    return options.hints or ()


def hints_for_file(hints: Sequence[Hint], picture: Path) -> tuple[Hint, ...]:
    """Those that are for one picture: named for it, or for no picture in particular."""
    return tuple(h for h in hints if h.file is None or _ends_with(picture, h.file))


def check_hint_files(hints: Sequence[Hint], pictures: Sequence[Path]) -> None:
    """See to it that every hint has its picture.

    Raises:
        UsageError: a hint names a picture that is not there, or several, or none of several.
    """
    for hint in hints:
        if hint.file is None:
            if len(pictures) > 1:
                raise UsageError(
                    f"{hint.name}: does not say which of {len(pictures)} pictures it is for; "
                    f'add "file": "{pictures[0].name}"'
                )
            continue
        meant = [picture for picture in pictures if _ends_with(picture, hint.file)]
        if not meant:
            raise UsageError(f"{hint.name}: there is no picture {hint.file} to color")
        if len(meant) > 1:
            raise UsageError(
                f"{hint.name}: {meant[0]} and {meant[1]} are both called {hint.file}; "
                "name the folder too"
            )


def parse_seconds(text: str) -> Fraction:
    """Seconds from ``90.5``, ``1:30.5`` or ``0:01:30.5``.

    Raises:
        ValueError: it is no such time.
    """
    numbers = [Fraction(part) for part in text.split(":")]
    if not 1 <= len(numbers) <= 3 or any(n < 0 for n in numbers):
        raise ValueError(f"{text!r} is no time")
    seconds = Fraction(0)
    for number in numbers:
        seconds = seconds * 60 + number
    return seconds


def rgb_of_name(name: str) -> tuple[int, int, int] | None:
    """sRGB codes of ``#rgb``, ``#rrggbb``, a CSS name or ``neutral`` (a gray); None for others."""
    from PIL import ImageColor

    text = name.strip().lower()
    if text == NEUTRAL:
        return 128, 128, 128
    if text.startswith("#") and len(text) not in (4, 7):
        return None
    if not text.startswith("#") and not text.isalpha():
        return None  # Pillow knows rgb(…) and the like as well, and lets 999 pass
    try:
        codes = ImageColor.getrgb(text)
    except ValueError:
        return None
    return codes[0], codes[1], codes[2]


def _ends_with(path: Path, name: str) -> bool:
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    return bool(parts) and list(path.absolute().parts[-len(parts) :]) == parts


def _json_rows(path: Path) -> Iterable[Any]:
    try:
        said = json.loads(text_of(path, "a list of hints"))
    except ValueError as error:
        raise InputError(f"{path}: is no JSON ({error}); correct it there") from None
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply to be a list of hints") from None
    if isinstance(said, dict) and "hints" in said:
        version = said.get("version", 1)
        if version != 1:
            raise UsageError(f"{path}: is of version {version!r}; this vidcolor reads version 1")
        said = said["hints"]
    if not isinstance(said, list):
        raise UsageError(f'{path}: must be a list of hints, or {{"version": 1, "hints": [...]}}')
    return said


def _csv_rows(path: Path) -> Iterable[dict[str, Any]]:
    try:
        rows = list(
            csv.DictReader(text_of(path, "a list of hints").splitlines(), skipinitialspace=True)
        )
    except csv.Error as error:
        raise InputError(f"{path}: is no CSV ({error}); correct it there") from None
    for row in rows:
        # A row with more fields than the header has them under None.
        yield {
            str(key or "?").strip(): _csv_value(v) for key, v in row.items() if v not in ("", None)
        }


def _csv_value(text: Any) -> Any:
    """Numbers as JSON would have them: with a decimal point a float, else an int."""
    for kind in (int, float):
        try:
            return kind(text)
        except (ValueError, TypeError):
            continue
    return text


def _hint(row: Any, name: str) -> Hint:
    """One row; `name` is what errors call it."""
    if not isinstance(row, dict):
        raise UsageError(f'{name}: is no row; write {{"x": 812, "y": 430, "color": "teal"}}')
    if "color" in row and "colour" in row:
        raise UsageError(f"{name}: says both color and color; leave one out")
    row = {("color" if key == "colour" else key): value for key, value in row.items()}
    unknown = [key for key in row if key not in KEYS]
    if unknown:
        raise UsageError(f"{name}: {unknown[0]!r} is unknown; a hint has {', '.join(KEYS)}")
    missing = [key for key in ("x", "y", "color") if row.get(key) is None]
    if missing:
        raise UsageError(f"{name}: has no {missing[0]}")
    said: dict[str, Any] = {key: value for key, value in row.items() if value is not None}
    percent = {key for key in ("x", "y", "radius") if str(said.get(key, "")).strip().endswith("%")}
    if percent:
        if said.get("unit") == "pixel" or percent != {"x", "y", "radius"} & said.keys():
            raise UsageError(f"{name}: per cent and other numbers are mixed; write all one way")
        said["unit"] = "fraction"
    for key in {"x", "y", "radius"} & said.keys():
        said[key] = _number(said[key], f"{name}: {key}")
    if not isinstance(said["color"], str) or rgb_of_name(said["color"]) is None:
        raise UsageError(
            f"{name}: {said['color']!r} is no color; write #3b5f8a, a CSS name such as "
            "steelblue, or neutral"
        )
    if "file" in said and not isinstance(said["file"], str):
        raise UsageError(f"{name}: file must be the name of a picture, not {said['file']!r}")
    if "frame" in said and (isinstance(said["frame"], bool) or not isinstance(said["frame"], int)):
        raise UsageError(f"{name}: frame must be a whole number, not {said['frame']!r}")
    if "time" in said:
        said["time"] = _time(said["time"], name)
    return Hint(**said, name=name)


def _number(value: Any, name: str) -> float:
    """A number as written (an int stays one), or per cent as a fraction."""
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return float(value.strip().removesuffix("%")) / 100
        except ValueError:
            raise UsageError(f"{name} is no number: {value!r}") from None
    try:
        finite = isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        finite = False
    if isinstance(value, bool) or not finite:
        raise UsageError(f'{name} must be a number or "50%", not {value!r}')
    number: float = value
    return number


def _time(value: Any, name: str) -> Fraction:
    try:
        if isinstance(value, bool):
            raise ValueError
        return parse_seconds(str(value))
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"{name}: {value!r} is no time; write 90.5 or 0:01:30.5") from None
