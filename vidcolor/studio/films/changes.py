"""The changes that a browser or a script makes to a film: each is one change of its project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vidcolor.errors import UsageError
from vidcolor.project import edits
from vidcolor.project.decisions import (
    approve_shots,
    reopen_shots,
    set_shots,
    set_transitions,
    write_note,
)

if TYPE_CHECKING:
    from vidcolor.project.api import Project

MAX_TEXT = 10_000
"""Maximum length of notes and evidence."""
MAX_NAME = 100
"""Maximum length of the name of a person, and of a color or option."""
MAX_HINTS = 100
"""Maximum number of hints that one change adds."""

Fraction01 = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""A distance from the left or top edge, as a fraction of the displayed width or height."""
Radius = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
"""A radius, as a fraction of the short side of the displayed picture."""
Frame = Annotated[int, Field(ge=0)]
Number = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(max_length=MAX_TEXT)]
Name = Annotated[str, Field(max_length=MAX_NAME)]


class ChangeModel(BaseModel):
    """Base of all changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    evidence: Text | None = None
    """Text or link that supports the change."""
    by: Name | None = None
    """Name of the person, for the log; None for the user of the server."""

    def apply(self, project: Project) -> None:
        """Make the change in memory.

        Raises:
            UsageError: it is impossible, or a value is invalid.
        """
        raise NotImplementedError

    def get_given(self, *names: str) -> dict[str, Any]:
        """Return the fields that were given, also those that are null."""
        return {name: getattr(self, name) for name in names if name in self.model_fields_set}


class AddHint(ChangeModel):
    """Add a hint to a frame."""

    do: Literal["add-hint"]
    frame: Frame
    x: Fraction01
    y: Fraction01
    color: Name
    radius: Radius | None = None

    def apply(self, project: Project) -> None:
        """Make the change in memory."""
        project.hints.add(
            self.x, self.y, self.color, frame=self.frame, radius=self.radius, unit="fraction",
            evidence=self.evidence,
        )  # fmt: skip


class NewHint(BaseModel):
    """One of the hints of `AddHints`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    frame: Frame
    x: Fraction01
    y: Fraction01
    color: Name
    radius: Radius | None = None


class AddHints(ChangeModel):
    """Add several hints, which are undone together."""

    do: Literal["add-hints"]
    hints: Annotated[list[NewHint], Field(min_length=1, max_length=MAX_HINTS)]

    def apply(self, project: Project) -> None:
        """Make the change in memory."""
        rows = [{**hint.model_dump(), "unit": "fraction"} for hint in self.hints]
        project.hints.add_rows(rows, evidence=self.evidence)


class MoveHint(ChangeModel):
    """Move a hint, also to another frame."""

    do: Literal["move-hint"]
    id: Number
    x: Fraction01
    y: Fraction01
    frame: Frame | None = None

    def apply(self, project: Project) -> None:
        """Make the change in memory."""
        project.hints.move(
            self.id, self.x, self.y, frame=self.frame, unit="fraction", evidence=self.evidence
        )


class SetHint(ChangeModel):
    """Change the color or the radius of a hint, or its evidence."""

    do: Literal["set-hint"]
    id: Number
    color: Name | None = None
    radius: Radius | None = None

    def apply(self, project: Project) -> None:
        """Make the change in memory."""
        values = self.get_given("color", "radius")
        if "color" in values and values["color"] is None:
            raise UsageError("a hint needs a color; remove the hint instead")
        row = next((hint for hint in project.hints if hint.id == self.id), None)
        if row is not None and values.get("radius") is not None and row.unit != "fraction":
            # The radius is in the unit of the place.
            source, hint = project.document.source, row.to_hint("")
            if not hint.in_fractions:
                x, y = (hint.x + 0.5) / source.width, (hint.y + 0.5) / source.height
                values |= {"x": x, "y": y}
            values["unit"] = "fraction"
        project.hints.set(self.id, evidence=self.evidence, **values)


class RemoveHint(ChangeModel):
    """Remove a hint."""

    do: Literal["remove-hint"]
    id: Number

    def apply(self, project: Project) -> None:
        """Make the change in memory."""
        project.hints.remove(self.id, evidence=self.evidence)


class RemoveReference(ChangeModel):
    """Remove a reference. Its image is kept, so that the change can be undone."""

    do: Literal["remove-reference"]
    id: Number

    def apply(self, project: Project) -> None:
        """Make the change in memory."""
        project.references.remove(self.id, evidence=self.evidence)


class FileOptions(BaseModel):
    """Options of a film about the file that is rendered; null for the default."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    purpose: Name | None = None
    mark: bool | None = None
    range: Name | None = None
    sound: Name | None = None
    encoder: Name | None = None
    pix_fmt: Name | None = None


class SetFilm(FileOptions, ChangeModel):
    """Set options of the whole film; null for the default."""

    do: Literal["set"]
    vividness: float | None = None
    saturation: float | None = None
    titles: Name | None = None

    def apply(self, project: Project) -> None:
        """Make the change in memory."""
        names = [name for name in type(self).model_fields if name not in ("do", "evidence", "by")]
        project.set(evidence=self.evidence, **self.get_given(*names))


class ShotChange(ChangeModel):
    """Base of the changes of one or several shots."""

    shot: Number | None = None
    """Number of one shot, from 1."""
    shots: Annotated[list[Number] | None, Field(min_length=1, max_length=100_000)] = None
    """Numbers of several shots."""

    def find_indices(self, project: Project) -> list[int]:
        """Return the indices of the shots.

        Raises:
            UsageError: there is no such shot, or none is given.
        """
        numbers = self.shots or ([] if self.shot is None else [self.shot])
        if not numbers or (self.shots and self.shot is not None):
            raise UsageError("give either shot or shots")
        return sorted({edits.check_shot_number(n, project.document) for n in numbers})


class SetShot(ShotChange):
    """Set options of shots, or how they start; null for the value of the film."""

    do: Literal["set-shot"]
    vividness: float | None = None
    saturation: float | None = None
    model: Name | None = None
    """One of the models that the film lists."""
    kind: Literal["title", "picture"] | None = None
    transition: Literal["cut", "fade", "dissolve"] | None = None
    mixed_frames: Frame | None = None

    def apply(self, project: Project) -> None:
        """Make the change in memory."""
        indices = self.find_indices(project)
        values = self.get_given("vividness", "saturation", "model", "kind")
        if self.transition is None:
            if self.mixed_frames is not None:
                raise UsageError("mixed_frames requires the transition dissolve")
            set_shots(project, indices, values, self.evidence)
        elif values:
            raise UsageError("change the transition and the color of a shot one after the other")
        else:
            set_transitions(project, indices, self.transition, self.mixed_frames, self.evidence)


class WriteNote(ShotChange):
    """Replace the note of shots; null removes it."""

    do: Literal["note"]
    text: Text | None

    def apply(self, project: Project) -> None:
        """Make the change in memory."""
        write_note(project, self.find_indices(project), self.text or None, self.evidence)


class Approve(ShotChange):
    """Approve shots as they are now."""

    do: Literal["approve"]

    def apply(self, project: Project) -> None:
        """Make the change in memory."""
        approve_shots(project, self.find_indices(project), self.evidence)


class Reopen(ShotChange):
    """Take back the approval of shots."""

    do: Literal["reopen"]

    def apply(self, project: Project) -> None:
        """Make the change in memory."""
        reopen_shots(project, self.find_indices(project), self.evidence)


class Split(ChangeModel):
    """Split a shot at a frame, which becomes the first one of a new shot."""

    do: Literal["split"]
    frame: Frame

    def apply(self, project: Project) -> None:
        """Make the change in memory."""
        project.change("split", lambda d: edits.split_shot(d, self.frame), self.evidence)


class Merge(ChangeModel):
    """Merge a shot with the next one."""

    do: Literal["merge"]
    shot: Number

    def apply(self, project: Project) -> None:
        """Make the change in memory."""
        edits.check_shot_number(self.shot + 1, project.document)
        index = edits.check_shot_number(self.shot, project.document)
        project.change("merge", lambda d: edits.merge_shots(d, index, index + 1), self.evidence)


class Move(ChangeModel):
    """Move the first frame of a shot."""

    do: Literal["move"]
    shot: Number
    frame: Frame

    def apply(self, project: Project) -> None:
        """Make the change in memory."""
        index = edits.check_shot_number(self.shot, project.document)
        project.change("move", lambda d: edits.move_boundary(d, index, self.frame), self.evidence)


class Undo(ChangeModel):
    """Take back the last change, or that of a revision."""

    do: Literal["undo"]
    revision: Number | None = None

    def apply(self, project: Project) -> None:
        """Make the change in memory."""
        project.undo(self.revision)


class Redo(ChangeModel):
    """Make the change again that was undone last."""

    do: Literal["redo"]

    def apply(self, project: Project) -> None:
        """Make the change in memory."""
        project.redo()


FilmChange = Annotated[
    AddHint
    | AddHints
    | MoveHint
    | SetHint
    | RemoveHint
    | RemoveReference
    | SetFilm
    | SetShot
    | WriteNote
    | Approve
    | Reopen
    | Split
    | Merge
    | Move
    | Undo
    | Redo,
    Field(discriminator="do"),
]
"""Any change."""
