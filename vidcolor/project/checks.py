"""Checks of a project as a whole: rows against each other, and against the film."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING

from vidcolor.errors import UsageError
from vidcolor.project.history import find_undone
from vidcolor.project.options import FRAME_OPTIONS, make_options
from vidcolor.project.parsing import name_row
from vidcolor.timecode import format_frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.project.document import ProjectDocument
    from vidcolor.project.rows import DetectedShot, ProjectHint, SourceRow


def check_document(
    name: str, document: ProjectDocument, before: ProjectDocument | None = None
) -> None:
    """Check the tables of a project against each other and against the film.

    Args:
        name: start of messages, for example the path of the file.
        document: a document whose rows are valid.
        before: a valid document; what is the same in it is not checked again.

    Raises:
        UsageError: a row contradicts another one or the film; the message names it.
    """
    if before is None or document.options is not before.options:
        make_options(document.options, name)
    for table in ("detected", "shots"):
        if before is None or getattr(document, table) is not getattr(before, table):
            _check_shots(name, table, getattr(document, table), document.source.num_frames)
    known = {id(row) for row in (*before.hints, *before.references)} if before else set()
    for hint in document.hints:
        if id(hint) not in known:
            label = "the hint" if before else f"hint {hint.id}"
            check_hint(f"{name}: {label}", hint, document.source)
    if before is None:
        _check_ids(name, document)
        _check_history(name, document)
    if before is not None and document.shots is before.shots:
        _check_frames(name, document, known)
    else:
        _check_frames(name, document, set())


def _check_ids(name: str, document: ProjectDocument) -> None:
    for table in ("hints", "references"):
        ids = Counter(row.id for row in getattr(document, table))
        if twice := [number for number, count in ids.items() if count > 1]:
            raise UsageError(
                f"{name}: the {table[:-1]} id {twice[0]} is used twice; give one of them "
                f"{max(ids) + 1}"
            )


def _check_history(name: str, document: ProjectDocument) -> None:
    revisions = [change.revision for change in document.history]
    if revisions != sorted(set(revisions)):
        raise UsageError(f"{name}: the revisions in history do not rise; sort and number them")
    _check_frame_options(name, document)
    try:
        find_undone(document.history)
    except (KeyError, ValueError):
        raise UsageError(
            f"{name}: history undoes a revision that it does not have; restore the removed lines"
        ) from None


def _check_frame_options(name: str, document: ProjectDocument) -> None:
    """Check that the options on which all frames depend are those of the analysis."""
    if not document.history or document.history[0].do != "new":
        return
    made = document.history[0].changes.get("options", {})
    for option in FRAME_OPTIONS:
        value = made[option][1] if option in made else None
        if document.options.get(option) != value:
            raise UsageError(
                f"{name}: options: {option} is fixed, because all frames depend on it; restore "
                f"{'its absence' if value is None else value}, or make another project"
            )


def _check_shots(name: str, table: str, shots: Sequence[DetectedShot], num_frames: int) -> None:
    if not shots or shots[0].first != 0:
        raise UsageError(f"{name}: {name_row(table, 0)} must start at frame 0")
    for index, (shot, following) in enumerate(itertools.zip_longest(shots, shots[1:])):
        label = f"{name}: {name_row(table, index)}"
        end = num_frames if following is None else following.first
        if shot.first >= num_frames:
            raise UsageError(
                f"{label} starts at frame {shot.first}, but the film has "
                f"{format_frames(num_frames)}"
            )
        if end <= shot.first:
            raise UsageError(
                f"{label} and {name_row(table, index + 1)} both start at frame {shot.first}; "
                "remove one"
            )
        if (shot.transition == "start") != (index == 0):
            raise UsageError(f"{label}: transition must be start for the first shot only")
        if shot.mixed_frames and shot.transition != "dissolve":
            raise UsageError(f"{label}: mixed_frames requires the transition dissolve")
        if shot.mixed_frames > end - shot.first:
            raise UsageError(
                f"{label} has {shot.mixed_frames} mixed frames, but only "
                f"{format_frames(end - shot.first)}"
            )


def check_hint(name: str, hint: ProjectHint, source: SourceRow) -> None:
    """Check that a hint lies within the frame.

    Raises:
        UsageError: it does not.
    """
    row = hint.to_hint(name)
    if row.in_fractions:
        is_inside = 0 <= row.x <= 1 and 0 <= row.y <= 1
    else:
        is_inside = 0 <= row.x < source.width and 0 <= row.y < source.height
    if not is_inside:
        raise UsageError(
            f"{name}: {hint.x}, {hint.y} is outside the frame of {source.width}×{source.height} "
            "pixels"
        )


def _check_frames(name: str, document: ProjectDocument, known: set[int]) -> None:
    """Check that hints and references are in frames of the film that show one shot.

    `known` are the identities of rows that need no check.
    """
    num_frames, used = document.source.num_frames, dict[int, int]()
    rows = [(f"hint {row.id}", row.frame) for row in document.hints if id(row) not in known]
    for reference in document.references:
        if reference.frame is None:
            continue
        if reference.frame in used:
            raise UsageError(
                f"{name}: reference {reference.id}: frame {reference.frame} has the reference "
                f"{used[reference.frame]} already; remove one, or choose another frame"
            )
        used[reference.frame] = reference.id
        rows.append((f"reference {reference.id}", reference.frame))
    for label, frame in rows:
        if frame >= num_frames:
            raise UsageError(
                f"{name}: {label}: frame {frame} does not exist; the film has "
                f"{format_frames(num_frames)}"
            )
        mixed = document.find_span(frame).mixed_range
        if frame in mixed:  # it cannot belong to both shots
            raise UsageError(
                f"{name}: {label}: frame {frame} is in a dissolve between two shots; use frame "
                f"{mixed.start - 1} or {mixed.stop}"
            )
