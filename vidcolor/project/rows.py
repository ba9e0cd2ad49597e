"""The rows of a project file: source, shots, hints, references and changes.

Unknown fields are kept when a file is written again. Fields with their default value are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from vidcolor.errors import UsageError
from vidcolor.hints.io import HintRow
from vidcolor.options import Hint, Unit
from vidcolor.schema import parse
from vidcolor.shots.detector import ShotKind, Transition

Changes = Mapping[str, Mapping[str, Any]]
"""Values before and after a change, by table and row; see `project.history`."""
Frame = Annotated[int, Field(ge=0)]
Id = Annotated[int, Field(ge=1)]
SINGLE_TABLES = ("source", "options")
"""Tables of one row, whose fields are the keys of a change."""


def _check_fraction(text: str) -> str:
    if Fraction(text) <= 0:
        raise ValueError(f"must be greater than 0, got {text!r}")
    return text


def _check_changes(changes: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    tables = (*SINGLE_TABLES, "shots", "hints", "references", "detected")
    for table, rows in changes.items():
        if table not in tables:
            raise ValueError(f"changes has no table {table!r}; use one of {', '.join(tables)}")
        for key, change in rows.items():
            pairs = [change]
            if isinstance(change, dict) and table not in SINGLE_TABLES:
                pairs = list(change.values())
            if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs) or not (
                table in SINGLE_TABLES or key.isdigit()
            ):
                raise ValueError(f"{table} {key} must be a pair of values before and after")
    return changes


class Row(BaseModel):
    """Base of the rows. Unknown fields are kept."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    def to_json(self) -> dict[str, Any]:
        """Return the fields in their order, without defaults, and the unknown ones after them."""
        fields = type(self).model_fields
        values = {
            name: value.to_json() if isinstance(value, Row) else value
            for name, value in self.__dict__.items()
            if value != fields[name].default
        }
        return values | (self.__pydantic_extra__ or {})

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other values of some fields. The values are not validated."""
        return self.model_copy(update=changes)


class SourceRow(Row):
    """The film or the image sequence of a project, identified by its content."""

    kind: Literal["film", "sequence"]
    """Whether the source is a film, or a pattern or folder of numbered images."""
    name: str
    """Name of the file, pattern or folder."""
    path: str
    """Path, relative to the project file where possible, with /."""
    size: Annotated[int, Field(ge=0)]
    """Total size of the files, in bytes."""
    digest: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    """Digest of the sizes, and of the first and last MiB of the first and last file."""
    num_frames: Annotated[int, Field(ge=1)]
    """Number of frames, counted from the option start."""
    frames_digest: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    """Digest of the luma checksums of all frames."""
    width: Annotated[int, Field(ge=1)]
    """Width of the displayed frame, in pixels; hints are placed in it."""
    height: Annotated[int, Field(ge=1)]
    """Height of the displayed frame, in pixels."""
    rate: Annotated[str, AfterValidator(_check_fraction)] | None = None
    """Frame rate in frames per second, such as 24000/1001; absent if it is unknown."""


class DetectedShot(Row):
    """A shot as the detector found it."""

    first: Frame
    """First frame; see `Shot.first`."""
    transition: Transition = "cut"
    """Transition from the previous shot."""
    mixed_frames: Frame = 0
    """Number of frames of the dissolve."""


class Approval(Row):
    """The approval of a shot by a person."""

    by: str
    """Who approved it."""
    at: str | None = None
    """When, as ISO 8601 in UTC."""
    digest: str | None = None
    """Digest of the decisions of the shot at that time. If they differ now, the shot counts as
    changed. Absent in an approval that was written by hand, which always counts."""


class ShotRow(DetectedShot):
    """A shot as it is rendered, with the decisions of people. It ends where the next one starts."""

    kind: ShotKind | None = None
    """What the shot shows, if a person states it: a title, which the option `titles` keeps neutral,
    or a picture. Without it, titles are recognized."""
    vividness: Annotated[float | None, Field(ge=0, le=1)] = None
    """Vividness of this shot; absent for that of the film."""
    saturation: Annotated[float | None, Field(ge=0, le=3)] = None
    """Chroma gain of this shot; absent for that of the film."""
    model: str | None = None
    """Model of this shot; absent for that of the film."""
    note: str | None = None
    """Any text."""
    evidence: str | None = None
    """Text or link that supports the color of this shot."""
    approved: Approval | None = None
    """Approval; absent if the shot is open."""


class ProjectHint(Row):
    """A color hint in one frame; `keep` protects an object."""

    id: Id
    """Number of the hint, which is never used again."""
    frame: Frame
    """Frame number, from 0."""
    x: int | float | str
    """Pixels from the left edge, or a percentage of the width such as "41%"."""
    y: int | float | str
    """Pixels from the top edge, or a percentage of the height."""
    color: str
    """#rgb, #rrggbb, a CSS color name, neutral, or keep."""
    radius: int | float | str | None = None
    """Radius of the disc that has this color."""
    unit: Unit | None = None
    """Unit of x, y and radius."""
    evidence: str | None = None
    """Text or link that supports the color."""
    by: str | None = None
    """Who added it."""
    at: str | None = None
    """When, as ISO 8601 in UTC."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            self.parse_row("")
        except UsageError as error:
            raise ValueError(str(error).removeprefix(": ")) from None
        return self

    def parse_row(self, name: str) -> HintRow:
        """Return the row of a hint file, with percentages as fractions.

        Raises:
            UsageError: a value is invalid.
        """
        values = {key: getattr(self, key) for key in ("x", "y", "color", "radius", "unit")}
        return parse(HintRow, {k: v for k, v in values.items() if v is not None}, name)

    def to_hint(self, name: str) -> Hint:
        """Return the hint for rendering; `name` is its name in messages."""
        return Hint(**dict(self.parse_row(name)) | {"frame": self.frame, "name": name})


class ProjectReference(Row):
    """A color image that shows a frame, or shots that vidcolor finds."""

    id: Id
    """Number of the reference, which is never used again."""
    path: str
    """Path of the image, relative to the project file where possible, with /."""
    frame: Frame | None = None
    """Frame that the image shows; absent to find the shots that it matches."""
    evidence: str | None = None
    """Text or link that supports the colors."""
    by: str | None = None
    """Who added it."""
    at: str | None = None
    """When, as ISO 8601 in UTC."""


class Change(Row):
    """One change of a project: a line of its log."""

    revision: Annotated[int, Field(ge=1)]
    """Revision that the change made."""
    at: str
    """When, as ISO 8601 in UTC."""
    by: str
    """Who made it."""
    do: str
    """Name of the command; `edit` for changes that were made by hand in the file."""
    evidence: str | None = None
    """Text or link that supports the change."""
    undoes: int | None = None
    """Revision that the change takes back."""
    redoes: int | None = None
    """Revision whose undoing the change takes back."""
    changes: Annotated[dict[str, dict[str, Any]], AfterValidator(_check_changes)] = {}
    """Values before and after the change, by table and row; see `project.history`."""
