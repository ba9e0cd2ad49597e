"""The shots, hints and references of an opened project, for Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from vidcolor.errors import UsageError
from vidcolor.fileio import check_source
from vidcolor.hints.color_transfer import read_reference
from vidcolor.project import edits
from vidcolor.project.approvals import ShotState, get_state
from vidcolor.project.decisions import (
    approve_shots,
    reopen_shots,
    set_shots,
    set_transitions,
    write_note,
)
from vidcolor.project.identity import to_stored_path
from vidcolor.project.rows import ProjectHint, ProjectReference, ShotRow
from vidcolor.project.session import ProjectSession, format_now
from vidcolor.timecode import format_frames

if TYPE_CHECKING:
    from vidcolor.project.rows import Change
    from vidcolor.shots.detector import Shot, Transition


class ProjectShot:
    """A shot of a project. It is found by its first frame, so it stays the same after other edits.

    Its properties are those of the current state of the project.
    """

    def __init__(self, session: ProjectSession, first: int) -> None:
        """Make a view of the shot that starts at frame `first`."""
        self._session, self.first = session, first

    def __repr__(self) -> str:
        """Return number, frames and state."""
        return f"<shot {self.number}: frames {self.first} to {self.end - 1}, {self.state}>"

    @property
    def index(self) -> int:
        """Index of the shot, from 0.

        Raises:
            UsageError: the shot was merged with another one.
        """
        index = self._session.document.index_of(self.first)
        if index is None:
            raise UsageError(
                f"{self._session.path}: no shot starts at frame {self.first}; it was merged or "
                "moved"
            )
        return index

    @property
    def number(self) -> int:
        """Number of the shot, from 1, as on the command line."""
        return self.index + 1

    @property
    def row(self) -> ShotRow:
        """The decisions about the shot, as they are stored."""
        return self._session.document.shots[self.index]

    @property
    def span(self) -> Shot:
        """The frames of the shot, and how it starts."""
        return self._session.document.spans[self.index]

    @property
    def end(self) -> int:
        """Number of the frame after the last one."""
        return self.span.end

    @property
    def middle(self) -> int:
        """Number of the middle frame of those that show this shot alone."""
        return (self.span.mixed_range.stop + self.span.end) // 2

    @property
    def state(self) -> ShotState:
        """Whether the shot is ``open``, ``approved``, or ``changed`` since it was approved."""
        return get_state(self._session.document, self.index)

    @property
    def hints(self) -> HintList:
        """The hints in the frames of the shot."""
        return HintList(self._session, self)

    @property
    def references(self) -> ReferenceList:
        """The references in the frames of the shot."""
        return ReferenceList(self._session, self)

    def set(self, *, evidence: str | None = None, **values: float | str | None) -> Change | None:
        """Set `vividness`, `saturation`, `model` or `kind` of the shot; None for that of the film.

        The kind is ``title`` or ``picture``. The vividness of the film does not apply to a shot
        whose model does not support vividness.

        Raises:
            UsageError: a value is invalid, or cannot be set for one shot.
        """
        return set_shots(self._session, [self.index], values, evidence)

    def write_note(self, text: str | None, *, evidence: str | None = None) -> Change | None:
        """Replace the note of the shot; None removes it."""
        return write_note(self._session, [self.index], text, evidence)

    def approve(self) -> Change | None:
        """Approve the shot as it is now."""
        return approve_shots(self._session, [self.index])

    def reopen(self) -> Change | None:
        """Take back the approval."""
        return reopen_shots(self._session, [self.index])

    def split(self, frame: int) -> ProjectShot:
        """Split the shot at a frame; return the new shot, which starts there."""
        if not self.first < frame < self.end:
            raise UsageError(
                f"{self._session.path}: shot {self.number} can be split at frames "
                f"{self.first + 1} to {self.end - 1}, not at frame {frame}"
            )
        self._session.change("split", lambda document: edits.split_shot(document, frame))
        return ProjectShot(self._session, frame)

    def merge(self) -> Change | None:
        """Merge the next shot into this one."""
        index = self.index
        edits.check_shot_number(index + 2, self._session.document)
        return self._session.change(
            "merge", lambda document: edits.merge_shots(document, index, index + 1)
        )

    def move(self, frame: int) -> Change | None:
        """Move the first frame of the shot."""
        index = self.index
        change = self._session.change(
            "move", lambda document: edits.move_boundary(document, index, frame)
        )
        self.first = frame
        return change

    def set_transition(
        self, transition: Transition, mixed_frames: int | None = None
    ) -> Change | None:
        """Change how the shot starts: ``cut``, ``fade``, or ``dissolve`` with `mixed_frames`."""
        return set_transitions(self._session, [self.index], transition, mixed_frames)


class ShotSequence(Sequence[ProjectShot]):
    """The shots of a project. Indices start at 0, numbers at 1."""

    def __init__(self, session: ProjectSession) -> None:
        """Make a view of all shots."""
        self._session = session

    def __len__(self) -> int:
        """Return the number of shots."""
        return len(self._session.document.shots)

    @overload
    def __getitem__(self, index: int) -> ProjectShot: ...
    @overload
    def __getitem__(self, index: slice) -> list[ProjectShot]: ...
    def __getitem__(self, index: int | slice) -> ProjectShot | list[ProjectShot]:
        """Return shots by index."""
        rows = self._session.document.shots[index]
        if isinstance(rows, tuple):
            return [ProjectShot(self._session, row.first) for row in rows]
        return ProjectShot(self._session, rows.first)

    def at(self, frame: int) -> ProjectShot:
        """Return the shot of a frame.

        Raises:
            UsageError: the frame is not in the film.
        """
        document = self._session.document
        if not 0 <= frame < document.source.num_frames:
            raise UsageError(
                f"{self._session.path}: frame {frame} does not exist; the film has "
                f"{format_frames(document.source.num_frames)}"
            )
        return self[document.find_shot(frame)]


class HintList:
    """The hints of a project, or of one shot."""

    def __init__(self, session: ProjectSession, shot: ProjectShot | None = None) -> None:
        """Make a view of the hints of a shot; of all hints without one."""
        self._session, self._shot = session, shot

    def __iter__(self) -> Iterator[ProjectHint]:
        """Yield the hints, by frame."""
        document = self._session.document
        yield from document.hints if self._shot is None else document.get_hints(self._shot.index)

    def __len__(self) -> int:
        """Return the number of hints."""
        return sum(1 for _ in self)

    def add(
        self,
        x: float | str,
        y: float | str,
        color: str,
        *,
        frame: int | None = None,
        radius: float | str | None = None,
        unit: str | None = None,
        evidence: str | None = None,
    ) -> ProjectHint:
        """Add a hint.

        Args:
            x, y: position, as in a hint file: pixels, fractions, or percentages such as "41%".
            color: ``#rrggbb``, a CSS color name, ``neutral``, or ``keep`` to protect an object.
            frame: frame number; None for the middle frame of the shot.
            radius: radius of the disc that has this color.
            unit: ``pixel`` or ``fraction``, as in `Hint`.
            evidence: text or link that supports the color.

        Raises:
            UsageError: a value is invalid, or the hint is outside the frame or the shot.
        """
        frame = _choose_frame(self._session, self._shot, frame)
        row = {"frame": frame, "x": x, "y": y, "color": color, "radius": radius, "unit": unit}
        self.add_rows([row], evidence=evidence)
        return max(self._session.document.hints, key=lambda hint: hint.id)

    def add_rows(
        self, rows: Sequence[dict[str, Any]], *, evidence: str | None = None
    ) -> Change | None:
        """Add hints with the fields of `ProjectHint` in one change."""
        session = self._session
        stamp = {"evidence": evidence, "by": session.by, "at": format_now()}

        return session.change(
            "add-hint",
            lambda document: edits.add_rows(document, "hints", [{**row, **stamp} for row in rows]),
        )

    def set(self, number: int, *, evidence: str | None = None, **values: Any) -> Change | None:
        """Change fields of the hint with a number, such as its color or radius, in one change.

        None removes a value. Evidence replaces that of the hint.

        Raises:
            UsageError: there is no such hint, or a value is invalid.
        """
        return self._set("set-hint", number, values, evidence)

    def move(
        self,
        number: int,
        x: float | str,
        y: float | str,
        *,
        frame: int | None = None,
        unit: str | None = None,
        evidence: str | None = None,
    ) -> Change | None:
        """Move the hint with a number; with `frame`, to another frame.

        A radius in the unit of the old position is removed if the unit changes.

        Raises:
            UsageError: there is no such hint, or the place is outside the frame.
        """
        values: dict[str, Any] = {"x": x, "y": y, "unit": unit}
        if frame is not None:
            values["frame"] = frame
        row = next((row for row in self._session.document.hints if row.id == number), None)
        if row is not None and isinstance(row.radius, int | float):
            moved = row.replace(x=x, y=y, unit=unit)
            if moved.to_hint("").in_fractions != row.to_hint("").in_fractions:
                values["radius"] = None
        return self._set("move-hint", number, values, evidence)

    def _set(
        self, do: str, number: int, values: dict[str, Any], evidence: str | None
    ) -> Change | None:
        if evidence is not None:
            values["evidence"] = evidence
        return self._session.change(
            do,
            lambda document: edits.set_row_fields(document, "hints", number, values),
            evidence,
        )

    def remove(self, *ids: int, evidence: str | None = None) -> Change | None:
        """Remove hints by their numbers.

        Raises:
            UsageError: there is no such hint.
        """
        return self._session.change(
            "remove-hint", lambda document: edits.remove_rows(document, "hints", ids), evidence
        )


class ReferenceList:
    """The references of a project, or of one shot."""

    def __init__(self, session: ProjectSession, shot: ProjectShot | None = None) -> None:
        """Make a view of the references of a shot; of all references without one."""
        self._session, self._shot = session, shot

    def __iter__(self) -> Iterator[ProjectReference]:
        """Yield the references, in the order of their numbers."""
        document, shot = self._session.document, self._shot
        yield from document.references if shot is None else document.get_references(shot.index)

    def __len__(self) -> int:
        """Return the number of references."""
        return sum(1 for _ in self)

    def add(
        self, path: Path | str, *, frame: int | None = None, evidence: str | None = None
    ) -> ProjectReference:
        """Add a color image.

        Args:
            path: the image.
            frame: frame that it shows; None for the middle frame of the shot, or without a shot to
                find the shots that it matches.
            evidence: text or link that supports the colors.

        Raises:
            InputError: the file cannot be read, or the image is gray.
            UsageError: the frame is outside the shot, or has a reference.
        """
        session, path = self._session, Path(path)
        check_source(path)
        read_reference(path)  # refuses damaged and gray images
        if self._shot is not None or frame is not None:
            frame = _choose_frame(session, self._shot, frame)
        values = {"path": to_stored_path(path, session.folder), "frame": frame}
        values |= {"evidence": evidence, "by": session.by, "at": format_now()}
        session.change(
            "add-reference", lambda document: edits.add_rows(document, "references", [values])
        )
        return max(session.document.references, key=lambda row: row.id)

    def remove(self, *ids: int, evidence: str | None = None) -> Change | None:
        """Remove references by their numbers.

        Raises:
            UsageError: there is no such reference.
        """
        return self._session.change(
            "remove-reference",
            lambda document: edits.remove_rows(document, "references", ids),
            evidence,
        )


def _choose_frame(session: ProjectSession, shot: ProjectShot | None, frame: int | None) -> int:
    if shot is None:
        if frame is None:
            raise UsageError(f"{session.path}: the hint has no frame; give one")
        return frame
    if frame is None:
        return shot.middle
    if session.document.find_shot(frame) != shot.index:
        raise UsageError(
            f"{session.path}: frame {frame} is not in shot {shot.number}, which has frames "
            f"{shot.first} to {shot.end - 1}"
        )
    return frame
