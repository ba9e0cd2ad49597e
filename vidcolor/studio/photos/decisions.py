"""The decisions about a photo, and the changes of the API that edit them.

Positions are fractions of the displayed photo, and radii are fractions of its short side.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from vidcolor.hints.io import is_keep, parse_color
from vidcolor.studio.errors import RequestError

DEFAULT_RADIUS = 0.012
"""Radius of a hint without one: that of `hints.discs`, as a fraction of the short side."""
MAX_HINTS = 200
"""Maximum number of hints of a photo."""


def _check_color(color: str) -> str:
    if not is_keep(color) and parse_color(color) is None:
        raise ValueError("should be #rrggbb, a color name, neutral or keep")
    return color.strip().lower()


Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Radius = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Color = Annotated[str, Field(max_length=40), AfterValidator(_check_color)]
Vividness = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Saturation = Annotated[float, Field(ge=0, le=3, allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class PhotoHint(_Model):
    """The color of one place."""

    id: int
    """Number, unique among all hints that the photo has had."""
    x: Fraction
    y: Fraction
    color: Color
    """``#rrggbb``, a color name, ``neutral``, or ``keep`` for the automatic color."""
    radius: Radius = DEFAULT_RADIUS


class PhotoReference(_Model):
    """A picture whose colors the photo gets."""

    name: str
    """Name of the file, for people."""
    file: str
    """Name of the file in the directory of the photo."""


class Decisions(_Model):
    """Everything that a person decided about a photo."""

    hints: tuple[PhotoHint, ...] = ()
    vividness: Vividness | None = None
    """None for the default of the generator."""
    saturation: Saturation = 1.0
    reference: PhotoReference | None = None
    next_id: int = 1
    """Number of the next hint."""

    def get_hint(self, hint_id: int) -> PhotoHint:
        """Return a hint.

        Raises:
            RequestError: there is no such hint.
        """
        for hint in self.hints:
            if hint.id == hint_id:
                return hint
        raise RequestError(f"there is no hint {hint_id}; it may have been removed")

    def _replace_hint(self, hint_id: int, **values: Any) -> Decisions:
        old = self.get_hint(hint_id)
        new = old.model_copy(update=values)
        hints = tuple(new if hint is old else hint for hint in self.hints)
        return self.model_copy(update={"hints": hints})


class NewHint(_Model):
    """A hint that does not exist yet."""

    x: Fraction
    y: Fraction
    color: Color
    radius: Radius | None = None
    """None for the default radius."""


class AddHint(NewHint):
    """Add a hint."""

    do: Literal["add-hint"]

    def apply(self, decisions: Decisions) -> Decisions:
        """Return the edited decisions."""
        if len(decisions.hints) >= MAX_HINTS:
            raise RequestError(f"the photo has {MAX_HINTS} hints already; remove some")
        hint = PhotoHint(
            id=decisions.next_id,
            x=self.x,
            y=self.y,
            color=self.color,
            radius=self.radius or DEFAULT_RADIUS,
        )
        return decisions.model_copy(
            update={"hints": (*decisions.hints, hint), "next_id": hint.id + 1}
        )


class AddHints(_Model):
    """Add several hints in one step, such as a stroke of the protect brush."""

    do: Literal["add-hints"]
    hints: Annotated[tuple[NewHint, ...], Field(min_length=1, max_length=MAX_HINTS)]

    def apply(self, decisions: Decisions) -> Decisions:
        """Return the edited decisions."""
        for hint in self.hints:
            decisions = AddHint(do="add-hint", **hint.model_dump()).apply(decisions)
        return decisions


class MoveHint(_Model):
    """Move a hint."""

    do: Literal["move-hint"]
    id: int
    x: Fraction
    y: Fraction

    def apply(self, decisions: Decisions) -> Decisions:
        """Return the edited decisions."""
        return decisions._replace_hint(self.id, x=self.x, y=self.y)


class SetHint(_Model):
    """Change the color or the radius of a hint."""

    do: Literal["set-hint"]
    id: int
    color: Color | None = None
    radius: Radius | None = None

    def apply(self, decisions: Decisions) -> Decisions:
        """Return the edited decisions."""
        values = {"color": self.color, "radius": self.radius}
        given = {name: value for name, value in values.items() if value is not None}
        return decisions._replace_hint(self.id, **given)


class RemoveHint(_Model):
    """Remove a hint."""

    do: Literal["remove-hint"]
    id: int

    def apply(self, decisions: Decisions) -> Decisions:
        """Return the edited decisions."""
        removed = decisions.get_hint(self.id)
        hints = tuple(hint for hint in decisions.hints if hint is not removed)
        return decisions.model_copy(update={"hints": hints})


class SetOptions(_Model):
    """Change the vividness or the saturation; what is not given stays as it is."""

    do: Literal["set"]
    vividness: Vividness | None = None
    """None for the default of the generator."""
    saturation: Saturation | None = None
    """None for the default, 1."""

    def apply(self, decisions: Decisions) -> Decisions:
        """Return the edited decisions."""
        values: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set}
        values.pop("do", None)
        if values.get("saturation", 1.0) is None:
            values["saturation"] = 1.0
        return decisions.model_copy(update=values)


class Reset(_Model):
    """Forget all decisions; this can be undone."""

    do: Literal["reset"]

    def apply(self, decisions: Decisions) -> Decisions:
        """Return the edited decisions."""
        return Decisions(next_id=decisions.next_id)


class Undo(_Model):
    """Take the last change back."""

    do: Literal["undo"]


class Redo(_Model):
    """Make the change again that was undone last."""

    do: Literal["redo"]


Edit = AddHint | AddHints | MoveHint | SetHint | RemoveHint | SetOptions | Reset
PhotoChange = Annotated[Edit | Undo | Redo, Field(discriminator="do")]
