"""Edits of a project. Each function returns a new document; the caller checks and records it.

Shots are numbered from 1. Hints and references belong to frames, so they stay in their frames when
shots are split, merged or moved.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from vidcolor.errors import UsageError
from vidcolor.project.document import sort_rows, to_detected, to_shot_row
from vidcolor.project.rows import ProjectHint, ProjectReference, Row, ShotRow
from vidcolor.schema import parse
from vidcolor.timecode import format_frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vidcolor.project.document import ProjectDocument
    from vidcolor.shots.detector import Shot, Transition

_MAX_LISTED_IDS = 8
_JOINED_FIELDS = ("note", "evidence")
"""Texts of two shots that are both kept when the shots are merged."""


def parse_shot_numbers(text: str, document: ProjectDocument) -> list[int]:
    """Return the indices of the shots that ``12``, ``12-15``, ``3,7-9`` or ``all`` names.

    Raises:
        UsageError: the text is something else, or a shot does not exist.
    """
    if text.strip().lower() == "all":
        return list(range(len(document.shots)))
    indices: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+))?\s*", part)
        if match is None:
            raise UsageError(f"{text!r} does not name shots; write 12, 12-15, 3,7-9 or all")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UsageError(f"{text!r} does not name shots; write {last}-{first}")
        indices += [check_shot_number(number, document) for number in (first, last)]
        indices += range(first, last - 1)
    return sorted(set(indices))


def check_shot_number(number: int, document: ProjectDocument) -> int:
    """Return the index of a shot by its number.

    Raises:
        UsageError: there is no such shot.
    """
    count = len(document.shots)
    if not 1 <= number <= count:
        known = f"the film has {count} shots" if count > 1 else "the film has one shot"
        merged = _find_merge(number, document)
        raise UsageError(f"shot {number} does not exist; {known}{merged}")
    return number - 1


def _find_merge(number: int, document: ProjectDocument) -> str:
    """Return the end of a message about a shot that was merged away."""
    if not 1 <= number <= len(document.detected):
        return ""
    merges = [c.revision for c in document.history if c.do == "merge" and c.undoes is None]
    return f" (shots were merged in revision {merges[-1]})" if merges else ""


# Shots


def split_shot(document: ProjectDocument, frame: int) -> ProjectDocument:
    """Split a shot at a frame, which becomes the first one of a new shot with the same settings.

    Raises:
        UsageError: a shot starts there, or the frame is in a dissolve or not in the film.
    """
    _check_boundary(document, frame)
    index = document.find_shot(frame)
    span = document.spans[index]
    if frame in span.mixed_range:
        raise UsageError(
            f"frame {frame} is in the dissolve at the start of shot {index + 1} (frames "
            f"{span.first} to {span.mixed_range.stop - 1}); split after it, or move its boundary"
        )
    new = document.shots[index].replace(first=frame, transition="cut", mixed_frames=0)
    return _with_shots(document, [*document.shots, new])


def merge_shots(document: ProjectDocument, first: int, last: int) -> ProjectDocument:
    """Merge the shots with the indices `first` to `last`; the first one's settings apply.

    Different notes and evidence are joined.
    """
    rows = document.shots[first : last + 1]
    changes: dict[str, Any] = {}
    for field in _JOINED_FIELDS:
        texts = dict.fromkeys(text for row in rows if (text := getattr(row, field)))
        changes[field] = "; ".join(texts) or None
    merged = rows[0].replace(**changes)
    return _with_shots(document, [*document.shots[:first], merged, *document.shots[last + 1 :]])


def list_dropped_settings(rows: Sequence[ShotRow]) -> list[str]:
    """Return the settings of merged shots that the first one does not have."""
    kept, ignored = rows[0].to_json(), {"first", "transition", "mixed_frames", *_JOINED_FIELDS}
    dropped = (
        (name, value)
        for row in rows[1:]
        for name, value in row.to_json().items()
        if name not in ignored and kept.get(name) != value
    )
    return list(
        dict.fromkeys("the approval" if n == "approved" else f"{n} {v}" for n, v in dropped)
    )


def move_boundary(document: ProjectDocument, index: int, frame: int) -> ProjectDocument:
    """Move the first frame of a shot.

    Raises:
        UsageError: it is the first shot, or the frame is not between its neighbors.
    """
    if index == 0:
        raise UsageError("shot 1 starts at frame 0 and cannot be moved")
    if frame == document.shots[index].first:
        raise UsageError(f"shot {index + 1} starts at frame {frame} already")
    low, high = document.spans[index - 1].first, document.spans[index].end
    if not low < frame < high:
        raise UsageError(
            f"shot {index + 1} can start at frames {low + 1} to {high - 1}, not at frame {frame}; "
            "merge shots to move further"
        )
    return _with_shots(document, _replace_at(document.shots, index, first=frame))


def set_transition(
    document: ProjectDocument, index: int, transition: Transition, mixed_frames: int | None
) -> ProjectDocument:
    """Change how a shot starts.

    Raises:
        UsageError: it is the first shot, or `mixed_frames` does not fit the transition.
    """
    if index == 0 or transition == "start":
        raise UsageError("the transition of shot 1 is start; other shots have another one")
    if transition == "dissolve" and not mixed_frames:
        raise UsageError("a dissolve needs --mixed-frames, the number of frames with both shots")
    if transition != "dissolve" and mixed_frames:
        raise UsageError("--mixed-frames requires the transition dissolve")
    return _with_shots(
        document,
        _replace_at(document.shots, index, transition=transition, mixed_frames=mixed_frames or 0),
    )


def set_shot_fields(
    document: ProjectDocument, indices: Iterable[int], values: Mapping[str, Any]
) -> ProjectDocument:
    """Set fields of shots, such as vividness or note; None removes a value.

    Raises:
        UsageError: a value is invalid.
    """
    shots = list(document.shots)
    for index in indices:
        row = {k: v for k, v in {**shots[index].to_json(), **values}.items() if v is not None}
        shots[index] = parse(ShotRow, row, f"shot {index + 1}")
    return document.replace(shots=tuple(shots))


def replace_shots(document: ProjectDocument, spans: Sequence[Shot]) -> ProjectDocument:
    """Replace the boundaries of all shots; each shot keeps the decisions of that at its start."""
    rows = []
    for span in spans:
        index = document.index_of(span.first)
        if index is None:
            # The rest of a shot that is split keeps its settings, as in `split_shot`.
            index = document.find_shot(min(span.boundary, document.source.num_frames - 1))
        row = document.shots[index]
        rows.append(
            row.replace(
                first=span.first,
                transition=span.transition,
                mixed_frames=span.mixed_frames,
                kind=span.kind or row.kind,
            )
        )
    return _with_shots(document, rows)


def set_detected(
    document: ProjectDocument, detected: Sequence[Shot], tolerance: int
) -> ProjectDocument:
    """Replace the detected shots, and apply the corrections of people to them again.

    A correction of a detected boundary applies to the new one nearest to it, up to `tolerance`
    frames away. Boundaries of approved shots stay.
    """
    new_rows = to_detected(detected)
    rows = {row.first: to_shot_row(row) for row in new_rows}
    old_detected = {row.first: row for row in document.detected}
    current = {row.first: row for row in document.shots}

    def find_near(frame: int) -> int | None:
        near = [first for first in rows if abs(first - frame) <= tolerance]
        return min(near, key=lambda first: abs(first - frame), default=None)

    for first in old_detected.keys() - current.keys():  # merged by a person
        if near := find_near(first):
            del rows[near]
    for index, (first, row) in enumerate(current.items()):
        near = find_near(first)
        base = old_detected.get(first)
        is_corrected = base is None or to_shot_row(base) != to_shot_row(row)
        is_approved = row.approved or (index and document.shots[index - 1].approved)
        if is_corrected or is_approved:
            rows.pop(-1 if near is None else near, None)
            rows[first] = row
        elif near is not None:
            boundary = rows.pop(near)
            rows[near] = row.replace(
                first=near, transition=boundary.transition, mixed_frames=boundary.mixed_frames
            )
    changed = document.replace(detected=new_rows)
    return _with_shots(changed, rows.values())


def _check_boundary(document: ProjectDocument, frame: int) -> None:
    num_frames = document.source.num_frames
    if not 0 <= frame < num_frames:
        raise UsageError(f"frame {frame} does not exist; the film has {format_frames(num_frames)}")
    if (index := document.index_of(frame)) is not None:
        raise UsageError(f"shot {index + 1} starts at frame {frame} already")


def _with_shots(document: ProjectDocument, rows: Iterable[ShotRow]) -> ProjectDocument:
    return document.replace(shots=sort_rows("shots", list(rows)))


def _replace_at(rows: Sequence[ShotRow], index: int, **changes: Any) -> list[ShotRow]:
    return [row.replace(**changes) if n == index else row for n, row in enumerate(rows)]


# Hints and references


def add_rows(
    document: ProjectDocument, table: str, rows: Iterable[Mapping[str, Any]]
) -> ProjectDocument:
    """Add hints or references with the next free numbers.

    Raises:
        UsageError: a value is invalid.
    """
    row_type: type[Row] = ProjectHint if table == "hints" else ProjectReference
    added, first_id = [], _next_id(document, table)
    for number, values in enumerate(rows, first_id):
        given = {key: value for key, value in values.items() if value is not None}
        added.append(parse(row_type, {"id": number, **given}, f"the {table[:-1]}"))
    return document.replace(**{table: sort_rows(table, [*getattr(document, table), *added])})


def _next_id(document: ProjectDocument, table: str) -> int:
    """Return a number that no row has or had, so that undoing never meets another row."""
    used = [row.id for row in getattr(document, table)]
    used += [int(key) for change in document.history for key in change.changes.get(table, ())]
    return max(used, default=0) + 1


def remove_rows(document: ProjectDocument, table: str, ids: Sequence[int]) -> ProjectDocument:
    """Remove hints or references by their numbers.

    Raises:
        UsageError: there is no such row.
    """
    rows = getattr(document, table)
    for number in ids:
        if number not in {row.id for row in rows}:
            raise UsageError(f"there is no {table[:-1]} {number}{_describe_ids(rows)}")
    return document.replace(**{table: tuple(row for row in rows if row.id not in ids)})


def set_row_fields(
    document: ProjectDocument, table: str, number: int, values: Mapping[str, Any]
) -> ProjectDocument:
    """Set fields of a hint or reference; None removes a value.

    Raises:
        UsageError: there is no such row, or a value is invalid.
    """
    rows = getattr(document, table)
    row = next((row for row in rows if row.id == number), None)
    if row is None:
        raise UsageError(f"there is no {table[:-1]} {number}{_describe_ids(rows)}")
    fields = {k: v for k, v in {**row.to_json(), **values}.items() if v is not None}
    changed = parse(type(row), fields, f"{table[:-1]} {number}")
    return document.replace(
        **{table: sort_rows(table, [changed if other is row else other for other in rows])}
    )


def _describe_ids(rows: Sequence[ProjectHint | ProjectReference]) -> str:
    if not rows:
        return ""
    ids = sorted(row.id for row in rows)
    listed = ", ".join(map(str, ids[:_MAX_LISTED_IDS]))
    return f"; there are {listed}{' …' if len(ids) > _MAX_LISTED_IDS else ''}"
