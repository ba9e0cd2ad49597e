"""The history of a project: differences between documents, and undoing them.

A `Change` stores what it changed, by table. A row that was added or removed is a pair of the row
before and after, one of them null. A row that was changed is an object with a pair for each changed
field, null for a field that it lacks:

    {"hints": {"7": [null, {"id": 7, …}]}, "shots": {"120": {"vividness": [null, 0.4]}}}

Options and the source are single rows. The decisions of any revision follow from these pairs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidcolor.errors import UsageError
from vidcolor.project.document import TABLES, ProjectDocument, sort_rows, to_shot_row
from vidcolor.project.rows import Change, SourceRow
from vidcolor.schema import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vidcolor.project.rows import Changes

HAND_EDIT = "edit"
"""Name of changes that were made by hand in the file."""


def compare(before: ProjectDocument, after: ProjectDocument) -> dict[str, dict[str, Any]]:
    """Return the values before and after, by table; empty if the decisions are equal."""
    changes: dict[str, dict[str, Any]] = {}
    if before.source is not after.source:
        changes["source"] = _compare_fields(before.source.to_json(), after.source.to_json())
    if before.options is not after.options:
        changes["options"] = _compare_fields(before.options, after.options)
    for table, (_, key) in TABLES.items():
        old, new = getattr(before, table), getattr(after, table)
        if old is not new:
            changes[table] = _compare_rows(_by_key(old, key), _by_key(new, key))
    return {table: values for table, values in changes.items() if values}


def _by_key(rows: Iterable[Any], key: str) -> dict[int, Any]:
    return {getattr(row, key): row for row in rows}


def _compare_rows(old: dict[int, Any], new: dict[int, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for key in sorted(k for k in old.keys() | new.keys() if old.get(k) is not new.get(k)):
        pair: list[Any] = [row and row.to_json() for row in (old.get(key), new.get(key))]
        change: Any = pair if None in pair else _compare_fields(*pair)
        if change:
            changes[str(key)] = change
    return changes


def _compare_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: [before.get(name), after.get(name)]
        for name in (*before, *(name for name in after if name not in before))
        if before.get(name) != after.get(name)
    }


def apply_changes(
    document: ProjectDocument, changes: Changes, *, inverse: bool = False
) -> ProjectDocument:
    """Return the document after changes, or before them if `inverse` is set.

    Raises:
        UsageError: a value differs from the one that is to be replaced.
    """
    old, new = (1, 0) if inverse else (0, 1)
    replaced: dict[str, Any] = {}
    for table, values in changes.items():
        if table == "source":
            fields = _replace_fields(table, document.source.to_json(), values, old, new)
            replaced[table] = parse(SourceRow, fields, table)
        elif table == "options":
            replaced[table] = _replace_fields(table, document.options, values, old, new)
        else:
            row_type, key = TABLES[table]
            rows = _by_key(getattr(document, table), key)
            for number, change in values.items():
                is_shot = table in ("shots", "detected")
                name = f"the shot at frame {number}" if is_shot else f"{table[:-1]} {number}"
                current = rows.pop(int(number), None)
                row = _replace_row(name, current and current.to_json(), change, old, new)
                if row is not None:
                    rows[int(number)] = parse(row_type, row, name)
            replaced[table] = sort_rows(table, list(rows.values()))
    return document.replace(**replaced)


def _replace_row(
    name: str, current: dict[str, Any] | None, change: Any, old: int, new: int
) -> dict[str, Any] | None:
    if isinstance(change, list):
        if current != change[old]:
            raise UsageError(f"{name} has changed since then")
        row: dict[str, Any] | None = change[new]
        return row
    if current is None:
        raise UsageError(f"{name} has been removed since then")
    return _replace_fields(name, current, change, old, new)


def _replace_fields(
    name: str, current: Mapping[str, Any], change: Mapping[str, Any], old: int, new: int
) -> dict[str, Any]:
    row = dict(current)
    for field, pair in change.items():
        if row.get(field) != pair[old]:
            raise UsageError(f"{field} of {name} has changed since then")
        if pair[new] is None:
            row.pop(field, None)
        else:
            row[field] = pair[new]
    return row


# Revisions


def restore(document: ProjectDocument, revision: int | None = None) -> ProjectDocument:
    """Return the decisions of a revision, as the history states them; None for the last one.

    Edits that were made by hand in the file and are not in the history are left out.
    """
    detected = document
    for change in reversed(document.history):
        if "detected" in change.changes:
            part = {"detected": change.changes["detected"]}
            detected = apply_changes(detected, part, inverse=True)
    restored = ProjectDocument(
        source=document.source,
        options={},
        shots=tuple(map(to_shot_row, detected.detected)),
        detected=detected.detected,
    )
    changes = merge_changes(
        change.changes
        for change in document.history
        if revision is None or change.revision <= revision
    )
    source = {name: pair[1] for name, pair in changes.pop("source", {}).items()}
    restored = apply_changes(restored, changes)
    if source:
        row = parse(SourceRow, document.source.to_json() | source, "source")
        restored = restored.replace(source=row)
    return restored


def merge_changes(changes: Iterable[Changes]) -> dict[str, dict[str, Any]]:
    """Return one set of changes with the effect of several consecutive ones."""
    merged: dict[str, dict[str, Any]] = {}
    for item in changes:
        for table, rows in item.items():
            target = merged.setdefault(table, {})
            for key, change in rows.items():
                earlier = target.get(key)
                target[key] = change if earlier is None else _merge_row(earlier, change)
    return {
        table: {key: change for key, change in rows.items() if not _is_void(change)}
        for table, rows in merged.items()
    }


def _merge_row(earlier: Any, later: Any) -> Any:
    if isinstance(earlier, list) and isinstance(later, list):
        return [earlier[0], later[1]]
    if isinstance(earlier, dict) and isinstance(later, dict):
        fields: dict[str, Any] = dict(earlier)
        for name, pair in later.items():
            before = fields[name][0] if name in fields else pair[0]
            fields[name] = [before, pair[1]]
        return {name: pair for name, pair in fields.items() if pair[0] != pair[1]}
    if isinstance(earlier, list):  # added, then changed
        return [earlier[0], _replace_fields("row", earlier[1], later, 0, 1)]
    return [_replace_fields("row", later[0], earlier, 1, 0), later[1]]  # changed, then removed


def _is_void(change: Any) -> bool:
    return change == {} or (isinstance(change, list) and change[0] == change[1])


# Undoing


def find_undone(history: Sequence[Change]) -> tuple[list[Change], list[Change]]:
    """Return the changes that can be undone and redone, the next one at the end of each list."""
    done: list[Change] = []
    undone: list[Change] = []
    by_revision = {change.revision: change for change in history}
    for change in history:
        if change.undoes is not None:
            target = by_revision[change.undoes]
            done.remove(target)
            undone.append(target)
        elif change.redoes is not None:
            target = by_revision[change.redoes]
            undone.remove(target)
            done.append(target)
        else:
            done.append(change)
            undone.clear()
    return [change for change in done if change.do != "new"], undone
