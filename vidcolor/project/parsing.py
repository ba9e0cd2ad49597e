"""Parsing of project files, which people may edit by hand."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from vidcolor.errors import InputError, UsageError
from vidcolor.options import ColorizeOptions
from vidcolor.project.document import (
    FORMAT,
    TABLES,
    VERSION,
    ProjectDocument,
    sort_rows,
)
from vidcolor.project.rows import Change, Row, ShotRow, SourceRow
from vidcolor.schema import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Migration = Callable[[dict[str, Any]], dict[str, Any]]

MIGRATIONS: dict[int, Migration] = {}
"""Functions that convert a document of an earlier version to the next one, by that version."""
_TYPO_SIMILARITY = 0.7
"""Similarity, 0 to 1, from which an unknown field counts as a misspelled one."""
_HEAD = ("format", "version", "revision", "source", "options", *TABLES, "history")


def parse_document(
    path: Path, text: str, migrations: Mapping[int, Migration] | None = None
) -> ProjectDocument:
    """Parse the text of a project file; convert it if it has an earlier version.

    The rows are checked one by one. `vidcolor.project.checks` checks them against each other.

    Raises:
        InputError: the text is not JSON.
        UsageError: it is not a project, has a later version, or a field is invalid.
    """
    values = migrate(path, _load_json(path, text), MIGRATIONS if migrations is None else migrations)
    for key in values:
        _check_spelling(str(path), key, _HEAD)
    for key in (*TABLES, "history"):
        if not isinstance(values.setdefault(key, []), list):
            raise UsageError(f"{path}: {key} must be a list")
    for key in ("source", "options"):
        if not isinstance(values.setdefault(key, {}), dict):
            raise UsageError(f"{path}: {key} must be an object")
    source = values["source"]
    _check_fields(f"{path}: source", source, SourceRow)
    tables = {
        table: sort_rows(table, _parse_rows(path, text, table, values[table], row_type))
        for table, (row_type, _) in TABLES.items()
    }
    return ProjectDocument(
        source=parse(SourceRow, source, f"{path}: source"),
        options=values["options"],
        history=_parse_rows(path, text, "history", values["history"], Change),
        unknown={key: value for key, value in values.items() if key not in _HEAD},
        **tables,
    )


def _load_json(path: Path, text: str) -> dict[str, Any]:
    def make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            keys = [key for key, _ in pairs]
            raise ValueError(f"the key {max(keys, key=keys.count)!r} is given twice")
        return values

    try:
        values = json.loads(text, object_pairs_hook=make_object)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: not valid JSON: {error}; correct it, or restore an earlier version"
        ) from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise UsageError(f'{path}: not a project; it has no "format": "{FORMAT}"')
    return values


def migrate(
    path: Path, values: dict[str, Any], migrations: Mapping[int, Migration]
) -> dict[str, Any]:
    """Convert a document to the current version.

    Raises:
        UsageError: the version is later than this one, or unknown.
    """
    while (version := values.get("version")) != VERSION:
        if isinstance(version, int) and version > VERSION:
            raise UsageError(
                f"{path}: has version {version}, which a later vidcolor wrote; this one reads up "
                f"to version {VERSION}; update vidcolor"
            )
        if not isinstance(version, int) or version not in migrations:
            raise UsageError(f"{path}: version {version!r} is not supported; use {VERSION}")
        values = {**migrations[version](values), "version": version + 1}
    return values


def _parse_rows(
    path: Path, text: str, table: str, rows: list[Any], row_type: type[Row]
) -> tuple[Any, ...]:
    """Validate the rows of a table; messages name the row and its line in the file."""
    try:
        adapter: TypeAdapter[list[Row]] = TypeAdapter(list[row_type])  # type: ignore[valid-type]
        parsed = adapter.validate_python(rows)
    except ValidationError as error:
        index = int(error.errors(include_url=False)[0]["loc"][0])
        name = _name_row(path, text, table, index)
        if not isinstance(rows[index], dict):
            raise UsageError(f"{name}: must be an object") from None
        _check_fields(name, rows[index], row_type)
        parse(row_type, rows[index], name)
        raise
    for index, row in enumerate(parsed):
        if row.__pydantic_extra__:
            _check_fields(_name_row(path, text, table, index), rows[index], row_type)
    return tuple(parsed)


def _check_fields(name: str, values: dict[str, Any], row_type: type[Row]) -> None:
    """Refuse fields that are misspelled, or that have an effect elsewhere only."""
    known = list(row_type.model_fields)
    for key in values:
        if row_type is ShotRow and key not in known and key in ColorizeOptions.model_fields:
            raise UsageError(f"{name}: {key} cannot be set for one shot; set it in options")
        _check_spelling(name, key, known)


def _check_spelling(name: str, key: str, known: tuple[str, ...] | list[str]) -> None:
    close = get_close_matches(key.lower(), known, 1, _TYPO_SIMILARITY) if key not in known else []
    if close:
        raise UsageError(
            f"{name}: unknown key {key!r}; did you mean {close[0]!r}? (fields: {', '.join(known)})"
        )


def _name_row(path: Path, text: str, table: str, index: int) -> str:
    line = _find_line(text, table, index)
    place = f"line {line}: " if line else ""
    return f"{path}: {place}{name_row(table, index)}"


def name_row(table: str, index: int) -> str:
    """Return how messages name a row, such as ``shot 12``."""
    names = {"detected": "detected shot", "history": "change"}
    return f"{names.get(table, table[:-1])} {index + 1}"


def _find_line(text: str, table: str, index: int) -> int | None:
    """Return the line of a row; None if it cannot be found."""
    decoder, spaces = json.JSONDecoder(), " \t\r\n,:"

    def skip(position: int) -> int:
        while text[position] in spaces:
            position += 1
        return position

    try:
        position = skip(text.index("{") + 1)
        while text[position] != "}":
            key, position = decoder.raw_decode(text, position)
            position = skip(position)
            if key != table:
                position = skip(decoder.raw_decode(text, position)[1])
                continue
            position = skip(position + 1)
            for _ in range(index):
                position = skip(decoder.raw_decode(text, position)[1])
            return text.count("\n", 0, position) + 1
    except (ValueError, IndexError):  # a file of an earlier version, which was converted
        pass
    return None
