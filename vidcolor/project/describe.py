"""Texts about projects: changes on one line, for `project log` and `project diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidcolor.project.options import SHOT_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vidcolor.project.document import ProjectDocument
    from vidcolor.project.rows import Change, Changes

_MAX_SUMMARY_ITEMS = 2
_HIDDEN_FIELDS = ("id", "by", "at", "frame", "first", "evidence")
_REMARKS = ("note", "evidence", "approved", "by", "at")
"""Fields on which the color does not depend."""
_MAX_VALUE_LENGTH = 60


def count_decisions(document: ProjectDocument) -> int:
    """Return the number of decisions of people about the color and the shots of a film.

    It counts hints, references, settings of shots, and corrected boundaries; not notes and
    approvals.
    """
    settings = sum(
        getattr(row, name) is not None for row in document.shots for name in ("kind", *SHOT_OPTIONS)
    )
    rows = len(document.hints) + len(document.references)
    return rows + settings + len(find_corrections(document))


def find_corrections(document: ProjectDocument) -> list[tuple[int, str]]:
    """Return the corrections of the detected shots: first frame, and what a person did."""
    detected = {row.first: row for row in document.detected}
    current = {row.first: row for row in document.shots}
    corrections = []
    for first in sorted(detected.keys() | current.keys()):
        before, after = detected.get(first), current.get(first)
        if before is None:
            corrections.append((first, "added"))
        elif after is None:
            corrections.append((first, "removed"))
        elif (before.transition, before.mixed_frames) != (after.transition, after.mixed_frames):
            corrections.append((first, f"{before.transition} is {after.transition}"))
    return corrections


def describe_changes(changes: Changes) -> list[str]:
    """Return one text for each changed row or option."""
    texts = []
    for table, rows in changes.items():
        for key, change in rows.items():
            texts.append(_describe_change(table, key, change))
    return texts


def select_color_changes(changes: Changes) -> Changes:
    """Return the changes on which the result depends: not notes, approvals and evidence."""
    selected: dict[str, dict[str, Any]] = {}
    for table, rows in changes.items():
        if table in ("source", "detected"):
            continue
        for key, change in rows.items():
            if isinstance(change, dict) and table != "options":
                change = {k: pair for k, pair in change.items() if k not in _REMARKS}
            if change:
                selected.setdefault(table, {})[key] = change
    return selected


def summarize_changes(changes: Changes) -> str:
    """Return the changes on one line, shortened."""
    texts = describe_changes({k: v for k, v in changes.items() if k != "source"})
    texts = texts or describe_changes(changes)
    more = len(texts) - _MAX_SUMMARY_ITEMS
    shown = "; ".join(texts[:_MAX_SUMMARY_ITEMS])
    return f"{shown}; and {more} more" if more > 0 else shown


def _describe_change(table: str, key: str, change: Any) -> str:
    if table in ("source", "options"):
        name = key if table == "options" else f"source {key}"
        return f"{name} {_describe_pair(change)}"
    name = f"shot at frame {key}" if table in ("shots", "detected") else f"{table[:-1]} {key}"
    name = f"detected {name}" if table == "detected" else name
    if isinstance(change, dict):
        pairs = {k: v for k, v in change.items() if k != "evidence" or len(change) == 1}
        fields = ", ".join(f"{field} {_describe_pair(pair)}" for field, pair in pairs.items())
        return f"{name}: {fields}"
    before, after = change
    row = after or before
    verb = "removed" if after is None else "added" if before is None else "replaced"
    details = " ".join(_describe_fields(table, row))
    return f"{name} {verb}" + (f": {details}" if details else "")


def _describe_fields(table: str, row: Mapping[str, Any]) -> Iterator[str]:
    if table == "hints":
        yield f"{row['color']} at {row['x']},{row['y']} in frame {row['frame']}"
        return
    if table == "references":
        frame = row.get("frame")
        yield row["path"] + ("" if frame is None else f" in frame {frame}")
        return
    for name, value in row.items():
        if name not in _HIDDEN_FIELDS:
            yield f"{name} {format_value(value)}"


def _describe_pair(pair: list[Any]) -> str:
    before, after = pair
    if after is None:
        return f"removed (was {format_value(before)})"
    if before is None:
        return format_value(after)
    return f"{format_value(after)} (was {format_value(before)})"


def format_value(value: Any) -> str:
    """Return a stored value as text on one line."""
    if isinstance(value, dict) and "by" in value:
        return f"by {value['by']}"
    if isinstance(value, list):
        return " ".join("=".join(map(str, v)) if isinstance(v, list) else str(v) for v in value)
    text = " ".join(str(value).split())
    return text if len(text) <= _MAX_VALUE_LENGTH else f"{text[: _MAX_VALUE_LENGTH - 1]}…"


def find_evidence(change: Change) -> str | None:
    """Return the evidence of a change: its own, or that of the first hint that it adds."""
    if change.evidence is not None:
        return change.evidence
    for table in ("hints", "references"):
        for values in change.changes.get(table, {}).values():
            if isinstance(values, list) and values[1] and "evidence" in values[1]:
                return str(values[1]["evidence"])
    return None
