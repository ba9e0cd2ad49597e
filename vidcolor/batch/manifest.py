"""A night's work as a list: one row for each film, photo or folder, with options of its own.

    input,output,start,end,hints,for
    reels/1931-mill.mov,,,,mill.json,editing
    reels/harbor.mkv,graded/harbor.mp4,1:30,4:10,,

In JSON the rows are objects in a list, or under ``jobs`` in an object. Paths are seen from the
list's folder. A row says nothing of what it leaves empty: then the command line's options hold.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from vidcolor.batch.discover import Task, check_collisions, discover
from vidcolor.errors import InputError, UsageError, VidcolorError
from vidcolor.fileio import text_of
from vidcolor.hints.io import parse_seconds, read_hints
from vidcolor.options import ColorizeOptions, GrayFrom, Purpose, Range

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_PATHS = ("hints", "reference", "shots", "confidence")
_NAMES = {"grey_from": "gray_from", "for": "purpose", "encoder_option": "encoder_options"}


def _switch(text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    return words[text.lower()]


def _one_of(choices: Sequence[str]) -> Callable[[str], str]:
    def chosen(text: str) -> str:
        if text not in choices:
            raise ValueError(f"write one of {', '.join(choices)}")
        return text

    return chosen


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [word.partition("=") for word in text.split()]
    if not all(key and found for key, found, _ in pairs):
        raise ValueError("write KEY=VALUE, several with blanks between them")
    return tuple((key, value) for key, _, value in pairs)


_READ: dict[str, Callable[[str], Any]] = {
    "start": parse_seconds,
    "end": parse_seconds,
    "reference_time": parse_seconds,
    "fps": Fraction,
    "vividness": float,
    "saturation": float,
    "trust": float,
    "quality": int,
    "size": int,
    "per_frame": _switch,
    "mark": _switch,
    "allow_damaged": _switch,
    "encoder": str,
    "pix_fmt": str,
    "encoder_options": _pairs,
    "purpose": _one_of(get_args(Purpose)),
    "gray_from": _one_of(get_args(GrayFrom)),
    "range": _one_of(get_args(Range)),
    **dict.fromkeys(_PATHS, Path),
}
"""What a row may say besides input and output, and how it is read."""


def read_job_list(path: Path, out_dir: Path | None, options: ColorizeOptions) -> list[Task]:
    """What a list names, each with its own options.

    Args:
        path: ``.csv``, or JSON under any other name.
        out_dir: where results go whose row names no output; beside each source if None.
        options: what holds where a row says nothing.

    Raises:
        InputError: the list cannot be read.
        UsageError: a row makes no sense; the message names file and row.
    """
    rows = _rows(path)
    if not rows:
        raise UsageError(f"{path}: lists nothing; its columns are input, output, {_choices()}")
    items: list[Task] = []
    for number, row in enumerate(rows, 1):
        items += _items(row, f"{path}: row {number}", path.parent, out_dir, options)
    check_collisions(items)
    return items


def _choices() -> str:
    return ", ".join(key.replace("_", "-") for key in _READ)


def _items(
    row: Mapping[str, Any],
    name: str,
    folder: Path,
    out_dir: Path | None,
    options: ColorizeOptions,
) -> list[Task]:
    said = {_key(key): value for key, value in row.items() if value not in (None, "")}
    source, out = said.pop("input", None), said.pop("output", None)
    if not isinstance(source, str):
        raise UsageError(f"{name}: names no input")
    fields = {key: _value(key, value, name, folder) for key, value in said.items()}
    try:
        own = replace(options, **fields)
        if isinstance(own.hints, Path):
            own = replace(own, hints=read_hints(own.hints))
        target = None if out is None else folder / str(out)
        found = discover([folder / source], target, None if target else out_dir, own)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None
    except VidcolorError as error:  # one film less, and the night's work goes on
        return [Task("film", folder / source, folder / source, problem=error)]
    return [replace(item, options=own, repeatable=True) for item in found]


def _key(key: str) -> str:
    name = key.strip().lower().replace("-", "_")
    return _NAMES.get(name, name)


def _value(key: str, value: Any, name: str, folder: Path) -> Any:
    read = _READ.get(key)
    if read is None:
        raise UsageError(f"{name}: {key!r} is no option of a film; there are {_choices()}")
    try:
        if isinstance(value, dict) and read is _pairs:
            return tuple((str(k), str(v)) for k, v in value.items())
        made = read(str(value).strip())
    except (ValueError, KeyError, ZeroDivisionError) as error:
        raise UsageError(f"{name}: {key} cannot be {value!r} ({error})") from None
    return folder / made if key in _PATHS else made


def _rows(path: Path) -> list[dict[str, Any]]:
    text = text_of(path, "a job list")
    if path.suffix.lower() == ".csv":
        return _csv_rows(path, text)
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no JSON ({error}); correct it there") from None
    rows = said.get("jobs") if isinstance(said, dict) else said
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f'{path}: is no job list; write [{{"input": "reel.mov"}}]')
    return rows


def _csv_rows(path: Path, text: str) -> list[dict[str, Any]]:
    first = text.splitlines()[0] if text else ""
    delimiter = ";" if first.count(";") > first.count(",") else ","
    try:
        rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"{path}: is no CSV ({error})") from None
    if any(None in row for row in rows):
        raise UsageError(f"{path}: a row has more cells than there are columns")
    return [row for row in rows if any((value or "").strip() for value in row.values())]
