"""Job lists: one row per film, photo or folder, each with its own options.

    input,output,start,end,hints,for
    reels/1931-mill.mov,,,,mill.json,editing
    reels/harbor.mkv,graded/harbor.mp4,1:30,4:10,,

In JSON each row is an object, in a list or in the value of the key ``jobs``. Paths are relative to
the folder of the job list. The options of the command line apply where a row has no value.
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
from vidcolor.fileio import read_text
from vidcolor.hints.io import read_hints
from vidcolor.options import ColorizeOptions, GrayFrom, Purpose, Range
from vidcolor.timecode import parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_PATH_KEYS = ("hints", "reference", "shots", "confidence")
_ALIASES = {"grey_from": "gray_from", "for": "purpose", "encoder_option": "encoder_options"}


def _parse_bool(text: str) -> bool:
    values = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in values:
        raise ValueError("write true or false")
    return values[text.lower()]


def _choice_parser(choices: Sequence[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"write one of {', '.join(choices)}")
        return text

    return parse


def _parse_time(text: str) -> Fraction:
    try:
        return parse_time(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError("write 90.5 (seconds) or 0:01:30.5") from None


def _parse_rate(text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError("write 24, 23.976 or 24000/1001") from None


def _parse_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("write a number such as 0.5") from None


def _parse_int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("write a whole number") from None


def _parse_pairs(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [word.partition("=") for word in text.split()]
    if not all(key and separator for key, separator, _ in pairs):
        raise ValueError("write KEY=VALUE; separate several with spaces")
    return tuple((key, value) for key, _, value in pairs)


_PARSERS: dict[str, Callable[[str], Any]] = {
    "start": _parse_time,
    "end": _parse_time,
    "reference_time": _parse_time,
    "fps": _parse_rate,
    "vividness": _parse_number,
    "saturation": _parse_number,
    "trust": _parse_number,
    "quality": _parse_int,
    "size": _parse_int,
    "per_frame": _parse_bool,
    "mark": _parse_bool,
    "allow_damaged": _parse_bool,
    "encoder": str,
    "pix_fmt": str,
    "encoder_options": _parse_pairs,
    "purpose": _choice_parser(get_args(Purpose)),
    "gray_from": _choice_parser(get_args(GrayFrom)),
    "range": _choice_parser(get_args(Range)),
    **dict.fromkeys(_PATH_KEYS, Path),
}
"""Parser of each column other than input and output, by field of `ColorizeOptions`."""


def read_job_list(path: Path, out_dir: Path | None, options: ColorizeOptions) -> list[Task]:
    """Read the tasks of a job list, each with its own options.

    Args:
        path: path of the job list: CSV if its suffix is ``.csv``, otherwise JSON.
        out_dir: directory of the results of rows without an output; None for the directory of each
            source.
        options: options that apply where a row has no value.

    Raises:
        InputError: the job list cannot be read.
        UsageError: a row is not valid; the message contains the file and the row number.
    """
    rows = _read_rows(path)
    if not rows:
        columns = _list_columns()
        raise UsageError(f"{path}: contains no rows; the columns are input, output, {columns}")
    tasks: list[Task] = []
    for number, row in enumerate(rows, 1):
        tasks += _tasks_of_row(row, f"{path}: row {number}", path.parent, out_dir, options)
    check_collisions(tasks)
    return tasks


def _list_columns() -> str:
    return ", ".join(map(_column_name, _PARSERS))


def _tasks_of_row(
    row: Mapping[str, Any],
    location: str,
    folder: Path,
    out_dir: Path | None,
    options: ColorizeOptions,
) -> list[Task]:
    """Return the task of a row, or several if its input is a folder or a pattern.

    Args:
        row: values by column.
        location: file and row number, for error messages.
        folder: folder of the job list.
        out_dir: directory of the results if the row has no output.
        options: options of the command line.
    """
    values = {_column_key(key): value for key, value in row.items() if value not in (None, "")}
    source, out = values.pop("input", None), values.pop("output", None)
    if not isinstance(source, str):
        raise UsageError(f"{location}: has no input; add the path of a film, photo or folder")
    fields = {key: _parse_value(key, v, location, folder) for key, v in values.items()}
    row_options = options
    try:
        row_options = options.replace(**fields)
        if isinstance(row_options.hints, Path):
            row_options = row_options.replace(hints=read_hints(row_options.hints))
        target = None if out is None else folder / str(out)
        tasks = discover([folder / source], target, None if target else out_dir, row_options)
    except UsageError as error:
        raise UsageError(f"{location}: {error}") from None
    except VidcolorError as error:  # a source that cannot be read must not stop the others
        return [Task("film", folder / source, folder / source, row_options, error=error)]
    return [replace(task, skip_if_done=True) for task in tasks]


def _column_key(key: str) -> str:
    name = key.strip().lower().replace("-", "_")
    return _ALIASES.get(name, name)


def _column_name(key: str) -> str:
    """Return the name of a column as on the command line, such as ``gray-from``."""
    names = {"purpose": "for", "encoder_options": "encoder-option"}
    return names.get(key, key.replace("_", "-"))


def _parse_value(key: str, value: Any, location: str, folder: Path) -> Any:
    parse = _PARSERS.get(key)
    if parse is None:
        raise UsageError(f"{location}: unknown column {key!r}; use one of {_list_columns()}")
    try:
        if isinstance(value, dict) and parse is _parse_pairs:
            return tuple((str(k), str(v)) for k, v in value.items())
        parsed = parse(str(value).strip())
    except ValueError as error:
        raise UsageError(f"{location}: invalid {_column_name(key)} {value!r}; {error}") from None
    return folder / parsed if key in _PATH_KEYS else parsed


def _read_rows(path: Path) -> list[dict[str, Any]]:
    text = read_text(path, "a job list")
    if path.suffix.lower() == ".csv":
        return _read_csv_rows(path, text)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON: {error}") from None
    rows = document.get("jobs") if isinstance(document, dict) else document
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f'{path}: not a job list; write [{{"input": "reel.mov"}}]')
    return rows


def _read_csv_rows(path: Path, text: str) -> list[dict[str, Any]]:
    header = text.splitlines()[0] if text else ""
    delimiter = ";" if header.count(";") > header.count(",") else ","
    try:
        rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"{path}: not valid CSV: {error}") from None
    if any(None in row for row in rows):
        raise UsageError(
            f"{path}: a row has more cells than the header; quote values that contain {delimiter!r}"
        )
    return [row for row in rows if any((value or "").strip() for value in row.values())]
