"""Validation of files and options with pydantic, and one-line messages for what it rejects."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from vidcolor.errors import InputError, UsageError
from vidcolor.fileio import read_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from pydantic_core import ErrorDetails

T = TypeVar("T")

_EXPECTED = {
    "int": "an integer",
    "float": "a number",
    "finite": "a finite number",
    "fraction": "a number or a fraction such as 24000/1001",
    "bool": "true or false",
    "string": "text",
    "path": "a path",
    "list": "a list",
    "tuple": "a list",
    "too": "a list of another length",
    "dict": "an object",
    "model": "an object",
    "dataclass": "an object",
}
"""What a value must be, by the first word of pydantic's error type."""
_LIMITS = {
    "ge": "{:g} or more",
    "gt": "greater than {:g}",
    "le": "{:g} or less",
    "lt": "less than {:g}",
}
"""Description of a limit, by pydantic's name."""
_TABLE_SUFFIXES = (".csv", ".tsv")
_DELIMITERS = ",;\t"
"""Characters between cells. Spreadsheets of locales with a decimal comma write semicolons."""
_DELIMITER_LINE = re.compile(r'"?sep=(.)"?\n')
"""First line of CSV files that Excel writes and reads."""
_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")
"""pydantic's error types for unknown keys of models and of dataclasses."""


STORED = ConfigDict(extra="forbid")
"""Configuration of dataclasses that are stored: ``@with_config(STORED)``. Their docstrings are not
read, because that parses the source of each class whenever a film starts. Only
``docs/scripts/schemas.py`` needs them, and adds ``use_attribute_docstrings``."""


class Record(BaseModel):
    """Base of the models of files. Unknown keys are errors."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, **STORED)


get_adapter: Callable[[Any], TypeAdapter[Any]] = lru_cache(TypeAdapter)
"""Return the validator and serializer of a type: a model, a dataclass or an annotation."""


def parse(model: type[T], values: object, name: str) -> T:
    """Validate plain values, for example from JSON, for a pydantic model, dataclass or other type.

    Raises:
        UsageError: the values are invalid; the message is ``NAME: fault``, where `name` is the
            file, and the row if there are several.
    """
    try:
        result: T = get_adapter(model).validate_python(values)
    except ValidationError as error:
        raise UsageError(f"{name}: {describe_error(error, model)}") from None
    return result


# The json module writes and reads file names that are not UTF-8, which pydantic's parser refuses.


def dump_json(value: object, model: Any = None) -> str:
    """Return an instance of a model or dataclass, or plain values of the type `model`, as JSON."""
    return json.dumps(get_adapter(model or type(value)).dump_python(value), default=list)


def load_json(model: type[T], text: str | bytes) -> T:
    """Validate the output of `dump_json`.

    Raises:
        ValueError: the text is not JSON, or the values are invalid.
    """
    try:
        values = json.loads(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    result: T = get_adapter(model).validate_python(values)
    return result


def describe_error(
    error: ValidationError, model: Any = None, label: Callable[[str], str] = str
) -> str:
    """Return the most helpful fault on one line, such as ``size must be a number, got 'big'``.

    The message of a `ValueError` or `PydanticCustomError` of a validator is used unchanged, except
    that ``must …`` is preceded by the name of the field.

    Args:
        error: error of pydantic.
        model: model or pydantic dataclass, for the names and limits of its fields; None if unknown.
        label: returns how a message writes a field, for example ``--size`` for ``size``.
    """
    # A misspelled key also makes a key missing, but only the first fault names what to correct.
    fault = min(error.errors(include_url=False), key=lambda e: e["type"] not in _UNKNOWN_KEY)
    # A standard dataclass is not prepared by pydantic when its module is imported.
    fields: dict[str, Any] = getattr(
        model, "__pydantic_fields__", getattr(model, "__dataclass_fields__", {})
    )
    # pydantic adds the member of a union, such as tuple[Hint, ...], to the location.
    location = [p for p in fault["loc"] if isinstance(p, int) or "[" not in p]
    *parents, key = location or [""]
    name = label(str(key)) if isinstance(key, str) else f"[{key}]"
    if parents:
        name = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in location)
        name = name.removeprefix(".")
    if fault["type"] in _UNKNOWN_KEY:
        names = [label(getattr(field, "alias", None) or n) for n, field in fields.items()]
        names = names if not parents else []
        return f"unknown key {name!r}{suggest(name, names)}"
    if fault["type"] == "missing":
        return f"{name} is missing"
    text = describe_fault(fault, None if parents else fields.get(str(key)))
    return f"{name} {text}".strip() if text.startswith("must ") else text


def describe_fault(fault: ErrorDetails, field: Any = None) -> str:
    """Return a fault of a value without its name, such as ``must be in [0, 3], got 9``.

    Args:
        fault: item of `ValidationError.errors`.
        field: field of pydantic, for all its limits.
    """
    kind, context = fault["type"], fault.get("ctx", {})
    word = kind.partition("_")[0]
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    if kind == "literal_error":
        expected = context["expected"].replace("'", "").replace(" or ", ", ")
        return f"must be one of {expected}, got {fault['input']!r}"
    if word in ("greater", "less"):
        return f"must be {_describe_limits(field, context)}, got {fault['input']}"
    if word in _EXPECTED:
        return f"must be {_EXPECTED[word]}, got {fault['input']!r}"
    return fault["msg"]  # a PydanticCustomError


def _describe_limits(field: Any, context: dict[str, Any]) -> str:
    """Describe all limits of a field; without a field, only the one that the value exceeds."""
    limits = dict(context)
    for item in getattr(field, "metadata", ()):
        limits |= {
            k: v for k in ("ge", "gt", "le", "lt") if (v := getattr(item, k, None)) is not None
        }
    if {"ge", "le"} <= limits.keys():
        return f"in [{limits['ge']:g}, {limits['le']:g}]"
    return " and ".join(_LIMITS[key].format(value) for key, value in limits.items())


def suggest(name: str, choices: Sequence[str]) -> str:
    """Return the end of a message about an unknown name, such as ``; did you mean 'size'?``."""
    if close := get_close_matches(name, choices, n=1):
        return f"; did you mean {close[0]!r}?"
    return f"; use one of {', '.join(choices)}" if choices else ""


def read_rows(
    path: Path,
    description: str,
    key: str,
    example: str,
    other_keys: Sequence[str] = (),
    decimal_columns: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Read the rows of a table that a person has written, not yet validated.

    Args:
        path: CSV with a header if the suffix is ``.csv`` or ``.tsv``; otherwise a JSON list of
            objects, or an object with ``"version": 1`` and this list. Empty cells and null are
            omitted. Cells are separated by commas, semicolons or tabs. The names of columns are
            returned in lower case, with an underscore for a space or hyphen.
        description: kind of file for messages, for example ``a hint file``.
        key: key of the list in a JSON object, for example ``hints``.
        example: a valid row as JSON, for messages.
        other_keys: keys of a JSON object besides ``version`` and `key`, which are not read.
        decimal_columns: columns of decimal numbers, in which a decimal comma is replaced if commas
            do not separate the cells.

    Raises:
        InputError: the file cannot be read, or is not valid CSV or JSON.
        UsageError: the file contains something else, an unknown key, or a key twice.
    """
    text = read_text(path, description)
    if path.suffix.lower() in _TABLE_SUFFIXES:
        return list(_read_csv_rows(path, text, decimal_columns))
    try:
        document = json.loads(text, object_pairs_hook=_make_object)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON: {error}") from None
    if isinstance(document, dict):
        if (version := document.get("version", 1)) != 1:
            raise UsageError(f"{path}: version {version!r} is not supported; use version 1")
        known = ["version", key, *other_keys]
        for name in document if key in document else ():
            if name not in known:
                raise UsageError(f"{path}: unknown key {name!r}{suggest(name, known)}")
        document = document.get(key)
    if not isinstance(document, list):
        raise UsageError(f'{path}: not {description}; write {{"{key}": [{example}]}}')
    for number, row in enumerate(document, 1):
        if not isinstance(row, dict):
            raise UsageError(f"{path}: {key[:-1]} {number}: not an object; write {example}")
    return [{k: v for k, v in row.items() if v not in (None, "")} for row in document]


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; a key that is given twice is an error, because only one is read."""
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(k for k in keys if keys.count(k) > 1)!r} is given twice")
    return values


def _read_csv_rows(
    path: Path, text: str, decimal_columns: Collection[str]
) -> Iterable[dict[str, str]]:
    named = _DELIMITER_LINE.match(text)
    text = text[named.end() :] if named else text
    delimiter = named[1] if named else max(_DELIMITERS, key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        names = [column.strip() for column in next(reader, [])]
        columns = [re.sub(r"[\s-]", "_", name.lower()) for name in names]
        for column in columns:
            if column and columns.count(column) > 1:
                raise UsageError(f"{path}: the column {column!r} is given twice; remove one")
        for cells in reader:
            values = [cell.strip() for cell in cells]
            for number, (column, value) in enumerate(zip(columns, values, strict=False), 1):
                if value and not column:
                    raise UsageError(
                        f"{path}: line {reader.line_num}: column {number} has no name in the header"
                    )
            if any(values[len(columns) :]):
                raise UsageError(
                    f"{path}: line {reader.line_num} has more cells than the header; quote values "
                    f"that contain {delimiter!r}"
                )
            row = {k: v for k, v in zip(columns, values, strict=False) if v}
            if delimiter != ",":
                row |= {k: row[k].replace(",", ".") for k in row.keys() & decimal_columns}
            if row:
                yield row
    except csv.Error as error:
        raise InputError(f"{path}: not valid CSV: {error}") from None
