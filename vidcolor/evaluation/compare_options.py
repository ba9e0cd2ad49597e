"""What may be asked of a comparison, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from vidcolor.errors import UsageError

Layout = Literal["side", "stack", "wipe"]
"""A left of B; A above B; or both in one place, A left and B right of a line."""

MAX_COUNT = 60
WIDTHS = range(160, 16001)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """How two films or pictures are put together; names as on the command line."""

    layout: Layout | None = None
    """None for what suits: films and pictures side by side, moments on a sheet stacked."""
    count: int = 6
    """Moments on a contact sheet."""
    width: int | None = None
    """Of the result, in pixels; None for the pictures' own size, or 1600 for a contact sheet."""
    start: Fraction | None = None
    """Seconds into A at which to begin."""
    end: Fraction | None = None
    """Seconds into A at which to stop."""
    offset: Fraction = Fraction(0)
    """How many seconds into A the first frame of B belongs: the `start` that B was made with."""
    names: tuple[str, str] | None = None
    """What A and B are called in the result; None for their file names, empty for no label."""
    force: bool = False
    """Replace an existing result."""

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_COUNT:
            raise UsageError(f"count must lie between 1 and {MAX_COUNT}, not {self.count}")
        if self.width is not None and self.width not in WIDTHS:
            raise UsageError(f"width must lie between {WIDTHS[0]} and {WIDTHS[-1]} pixels")
        if self.start is not None and self.start < 0:
            raise UsageError("start must not be negative")
        if self.end is not None and self.end <= (self.start or 0):
            raise UsageError("end must come after start")
        if self.offset < 0:
            raise UsageError("offset must not be negative; swap A and B instead")

    def names_for(self, a: Path, b: Path) -> tuple[str, str]:
        """The names to write; with their folders where the files are called the same."""
        if self.names is not None:
            return self.names
        if a.name != b.name:
            return a.name, b.name
        return f"{a.absolute().parent.name}/{a.name}", f"{b.absolute().parent.name}/{b.name}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of a comparison."""

    target: Path
    kind: Literal["film", "sheet", "picture"]
    size: tuple[int, int]
    """Width and height in pixels."""
    num_pairs: int
    """Frames of a film, moments on a sheet; 1 for pictures."""
    warnings: tuple[str, ...] = ()
