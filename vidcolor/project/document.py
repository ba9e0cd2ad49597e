"""The content of a project file, and its text.

There is one row on each line, in a fixed order, so that a change of one decision is a change of few
lines, also for git.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from vidcolor.project.options import PROJECT_OPTIONS
from vidcolor.project.rows import (
    Change,
    DetectedShot,
    ProjectHint,
    ProjectReference,
    Row,
    ShotRow,
    SourceRow,
)
from vidcolor.shots.detector import Shot, make_shot_finder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vidcolor.shots.detector import ShotFinder

FORMAT = "vidcolor project"
VERSION = 1
"""Version of the format. Files of later versions are refused, those of earlier ones migrated."""
TABLES: dict[str, tuple[type[Row], str]] = {
    "shots": (ShotRow, "first"),
    "hints": (ProjectHint, "id"),
    "references": (ProjectReference, "id"),
    "detected": (DetectedShot, "first"),
}
"""Type and key of the rows of each table."""


class ProjectFile(Row):
    """The file NAME.vidcolor.json, for its schema. `ProjectDocument` is its content in memory."""

    format: Literal["vidcolor project"]
    """What the file is."""
    version: int
    """Version of the format."""
    revision: int
    """Number of the last change."""
    source: SourceRow
    options: dict[str, Any]
    """Options of `vidcolor colorize` for the whole film, by their names in Python."""
    shots: tuple[ShotRow, ...]
    """The shots as they are rendered, in order. Delete a row to join a shot with the previous one;
    add one with its first frame to split a shot."""
    hints: tuple[ProjectHint, ...]
    references: tuple[ProjectReference, ...]
    detected: tuple[DetectedShot, ...]
    """The shots as the detector found them. The corrections are the differences from `shots`."""
    history: tuple[Change, ...]
    """All changes, the last one at the end."""


@dataclass(frozen=True)
class ProjectDocument:
    """A project in memory. It is immutable: an edit returns a new document."""

    source: SourceRow
    options: Mapping[str, Any]
    """Options that differ from the defaults, as plain values."""
    shots: tuple[ShotRow, ...]
    hints: tuple[ProjectHint, ...] = ()
    references: tuple[ProjectReference, ...] = ()
    detected: tuple[DetectedShot, ...] = ()
    history: tuple[Change, ...] = ()
    unknown: Mapping[str, Any] = field(default_factory=dict)
    """Unknown keys of the file, which are kept."""

    def replace(self, **changes: Any) -> ProjectDocument:
        """Return a copy with other tables."""
        return replace(self, **changes)

    @property
    def revision(self) -> int:
        """Number of the last change."""
        return self.history[-1].revision if self.history else 0

    @cached_property
    def spans(self) -> tuple[Shot, ...]:
        """The shots with their ends, for rendering."""
        return _make_spans(self.shots, self.source.num_frames)

    @cached_property
    def detected_spans(self) -> tuple[Shot, ...]:
        """The detected shots with their ends."""
        return _make_spans(self.detected, self.source.num_frames)

    @cached_property
    def _starts(self) -> dict[int, int]:
        return {row.first: index for index, row in enumerate(self.shots)}

    def index_of(self, first: int) -> int | None:
        """Return the index of the shot with a first frame; None if there is none."""
        return self._starts.get(first)

    @cached_property
    def find_span(self) -> ShotFinder:
        """Function that returns the shot, from its first frame, with a frame."""
        return make_shot_finder(self.spans)

    def find_shot(self, frame: int) -> int:
        """Return the index of the shot that a frame belongs to: from one boundary to the next."""
        shot = self.find_span(frame)
        index = self._starts[shot.first]
        return index - 1 if index and frame < shot.boundary else index

    def get_range(self, index: int) -> range:
        """Return the frames that belong to a shot: from its boundary to the next one."""
        spans = self.spans
        first = spans[index].boundary if index else 0
        end = spans[index + 1].boundary if index + 1 < len(spans) else self.source.num_frames
        return range(first, end)

    @cached_property
    def _hints_by_shot(self) -> dict[int, list[ProjectHint]]:
        groups: dict[int, list[ProjectHint]] = {}
        for hint in self.hints:
            groups.setdefault(self.find_shot(hint.frame), []).append(hint)
        return groups

    def get_hints(self, index: int) -> tuple[ProjectHint, ...]:
        """Return the hints of a shot."""
        return tuple(self._hints_by_shot.get(index, ()))

    @cached_property
    def _references_by_shot(self) -> dict[int | None, list[ProjectReference]]:
        groups: dict[int | None, list[ProjectReference]] = {}
        for reference in self.references:
            index = None if reference.frame is None else self.find_shot(reference.frame)
            groups.setdefault(index, []).append(reference)
        return groups

    def get_references(self, index: int | None) -> tuple[ProjectReference, ...]:
        """Return the references of a shot; with None, those without a frame."""
        return tuple(self._references_by_shot.get(index, ()))


def _make_spans(rows: Sequence[DetectedShot], num_frames: int) -> tuple[Shot, ...]:
    ends = [*(row.first for row in rows[1:]), num_frames]
    return tuple(
        Shot(row.first, end, row.transition, row.mixed_frames, getattr(row, "kind", None))
        for row, end in zip(rows, ends, strict=True)
    )


def to_detected(shots: Sequence[Shot]) -> tuple[DetectedShot, ...]:
    """Return the rows of detected shots."""
    return tuple(
        DetectedShot(first=s.first, transition=s.transition, mixed_frames=s.mixed_frames)
        for s in shots
    )


def to_shot_row(shot: DetectedShot) -> ShotRow:
    """Return the row of a shot without decisions."""
    return ShotRow(first=shot.first, transition=shot.transition, mixed_frames=shot.mixed_frames)


# Text


def sort_rows(table: str, rows: Sequence[Any]) -> tuple[Any, ...]:
    """Return the rows of a table in the order of the file: by frame, then by number."""
    if table == "hints":
        return tuple(sorted(rows, key=lambda row: (row.frame, row.id)))
    return tuple(sorted(rows, key=lambda row: getattr(row, TABLES[table][1])))


def dump_document(document: ProjectDocument) -> str:
    """Return the text of a project file."""
    head = {"format": FORMAT, "version": VERSION, "revision": document.revision}
    parts = [f" {_dump(key)}: {_dump(value)}" for key, value in head.items()]
    options = {name: document.options[name] for name in PROJECT_OPTIONS if name in document.options}
    for key, values in (("source", document.source.to_json()), ("options", options)):
        lines = [f"{_dump(k)}: {_dump(v)}" for k, v in values.items()]
        parts.append(f" {_dump(key)}: {_join('{', lines, '}')}")
    parts += [f" {_dump(key)}: {_dump(value)}" for key, value in document.unknown.items()]
    for table in (*TABLES, "history"):
        rows = getattr(document, table)
        rows = rows if table == "history" else sort_rows(table, rows)
        lines = [_dump(row.to_json()) for row in rows]
        parts.append(f" {_dump(table)}: {_join('[', lines, ']')}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _join(start: str, lines: Sequence[str], end: str) -> str:
    if not lines:
        return f"{start}{end}"
    return f"{start}\n" + ",\n".join(f"  {line}" for line in lines) + f"\n {end}"


def _dump(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a file name that is not UTF-8
        return json.dumps(value)
    return text
