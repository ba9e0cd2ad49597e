"""Hints, references and shots: options that are rows of several values."""

from __future__ import annotations

from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from annotated_types import Ge, Le
from pydantic import model_validator

from vidcolor.errors import UsageError
from vidcolor.option import OptionsModel
from vidcolor.timecode import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping

Unit = Literal["pixel", "fraction"]


class Hint(OptionsModel):
    """The color of one point, given by a person: one row of a hint file."""

    x: int | float
    """Distance from the left edge of the displayed frame: a pixel index or a fraction of the width.
    """
    y: int | float
    """Distance from the top edge: a pixel index or a fraction of the height."""
    color: str
    """``#rgb``, ``#rrggbb``, a CSS color name, ``neutral``, or ``keep``, which protects an object
    from other hints. Only hue and chroma (CIELAB a*, b*) are used, because the lightness is that of
    the frame."""
    radius: int | float | None = None
    """Radius of the disc that certainly has this color, in pixels or as a fraction of the short
    side; None for 1.2 % of the short side."""
    unit: Unit | None = None
    """Unit of `x`, `y` and `radius`. None means fractions if `x` and `y` are both in [0, 1] and at
    least one of them is a float, otherwise pixels: (1, 1) is a pixel and (1.0, 1.0) a corner."""
    file: str | None = None
    """Name, or end of the path, of the photo to which the hint applies; None for any photo."""
    time: Fraction | None = None
    """Time in the film, in seconds."""
    frame: int | None = None
    """Frame number in the film, counted from the first frame that is colorized. A hint without time
    and frame belongs to frame 0."""
    name: str = "the hint"
    """Name of the hint in messages."""

    @classmethod
    def _error_prefix(cls, values: Mapping[str, Any]) -> str:
        return f"{values.get('name', 'the hint')}: "

    @classmethod
    def flag(cls, field: str) -> str:
        """Return the name of a field: hints have no flags."""
        return field

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not (isfinite(self.x) and isfinite(self.y)):
            raise UsageError(f"{self.name}: x and y must be finite, got {self.x}, {self.y}")
        if self.radius is not None and not 0 < self.radius < float("inf"):
            raise UsageError(f"{self.name}: radius must be greater than 0, got {self.radius}")
        if self.time is not None and self.frame is not None:
            raise UsageError(f"{self.name}: has a time and a frame; give only one of them")
        if (self.time or 0) < 0 or (self.frame or 0) < 0:
            raise UsageError(f"{self.name}: time and frame must not be negative")
        return self

    @property
    def in_fractions(self) -> bool:
        """Whether `x`, `y` and `radius` are fractions of the frame size."""
        if self.unit is not None:
            return self.unit == "fraction"
        small = 0 <= self.x <= 1 and 0 <= self.y <= 1
        return small and (isinstance(self.x, float) or isinstance(self.y, float))


class Reference(OptionsModel):
    """A color image whose colors a film or photo gets."""

    path: Path
    """The image file."""
    time: Fraction | None = None
    """Time of the frame that the image shows, in seconds from the start of the film. None means
    that vidcolor finds the shots which the image shows; a photo requires it."""
    frame: int | None = None
    """Number of this frame instead of its time, counted from the first frame that is colorized."""

    @property
    def is_placed(self) -> bool:
        """Whether the reference has a time or a frame."""
        return self.time is not None or self.frame is not None

    @classmethod
    def _error_prefix(cls, values: Mapping[str, Any]) -> str:
        return f"the reference {values.get('path', '')}: "

    @classmethod
    def flag(cls, field: str) -> str:
        """Return the name of a field: references have no flags."""
        return field

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse ``PATH[@TIME]``. A file whose name contains ``@`` is found by its full name.

        Raises:
            UsageError: there is no such file, and the text after ``@`` is not a time.
        """
        name, separator, time = text.rpartition("@")
        if not separator or not name or Path(text).exists():
            return cls(path=Path(text))
        try:
            return cls(path=Path(name), time=parse_time(time))
        except ValueError:
            raise UsageError(
                f"--reference: {text}: no such file, and the text after @ is not a time; "
                f"write {name}@0:01:23.5"
            ) from None

    @property
    def name(self) -> str:
        """Name of the reference in messages: the path, and the time in seconds or the frame."""
        if self.frame is not None:
            return f"{self.path} in frame {self.frame}"
        return str(self.path) if self.time is None else f"{self.path}@{float(self.time):.10g}"


class ShotOptions(OptionsModel):
    """A shot of a film, and its own values of options."""

    first: Annotated[int, Ge(0)]
    """Index of the first frame; see `Shot.first`."""
    transition: Literal["start", "cut", "dissolve", "fade"] = "cut"
    """How the shot starts."""
    mixed_frames: Annotated[int, Ge(0)] = 0
    """Number of frames of a dissolve."""
    kind: Literal["title", "picture"] | None = None
    """What the shot shows; None to find out."""
    vividness: Annotated[float | None, Ge(0), Le(1)] = None
    """Vividness of the shot; None for that of the film."""
    saturation: Annotated[float | None, Ge(0), Le(3)] = None
    """Chroma gain of the shot; None for that of the film."""
    model: str | None = None
    """Model of the shot; None for that of the film."""

    @classmethod
    def _error_prefix(cls, values: Mapping[str, Any]) -> str:
        return f"the shot at frame {values.get('first', '')}: "

    @classmethod
    def flag(cls, field: str) -> str:
        """Return the name of a field: shots have no flags."""
        return field
