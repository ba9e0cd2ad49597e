"""Options and result of a comparison of two films or two photos."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from vidcolor.errors import UsageError

Layout = Literal["side", "stack", "wipe"]
"""Arrangement of A and B: A left of B, A above B, or both in the same place on two sides of a
line."""

MAX_COUNT = 60
"""Maximum number of frame pairs on a contact sheet."""
MIN_WIDTH, MAX_WIDTH = 160, 16000
"""Range of the width of a result, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """Options of `compare`, named as on the command line."""

    layout: Layout | None = None
    """Arrangement of A and B; None for `stack` on contact sheets and `side` otherwise."""
    count: int = 6
    """Number of frame pairs on a contact sheet."""
    width: int | None = None
    """Width of the result in pixels; None for the size of the sources, or 1600 for a contact
    sheet."""
    start: Fraction | None = None
    """Seconds into A at which the comparison starts; None for the first frame."""
    end: Fraction | None = None
    """Seconds into A at which the comparison ends; None for the last frame."""
    offset: Fraction = Fraction(0)
    """Seconds into A at which the first frame of B is shown. If B is a colorized part of A, this is
    the `start` with which it was colorized."""
    names: tuple[str, str] | None = None
    """Labels of A and B; None for their file names, an empty string for no label."""
    force: bool = False
    """Whether an existing result is replaced."""

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_COUNT:
            raise UsageError(f"--count must be in [1, {MAX_COUNT}], got {self.count}")
        if self.width is not None and not MIN_WIDTH <= self.width <= MAX_WIDTH:
            raise UsageError(f"--width must be in [{MIN_WIDTH}, {MAX_WIDTH}], got {self.width}")
        if self.start is not None and self.start < 0:
            raise UsageError("--start must not be negative")
        if self.end is not None and self.end <= (self.start or 0):
            raise UsageError("--end must be after --start")
        if self.offset < 0:
            raise UsageError("--offset must not be negative; swap A and B instead")

    def get_names(self, a: Path, b: Path) -> tuple[str, str]:
        """Return the labels of two files. Equal file names are prefixed with their folders."""
        if self.names is not None:
            return self.names
        if a.name != b.name:
            return a.name, b.name
        return f"{a.absolute().parent.name}/{a.name}", f"{b.absolute().parent.name}/{b.name}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of a comparison."""

    target: Path
    """The file that was written."""
    kind: Literal["film", "sheet", "photo"]
    """``film`` for a video of two films, ``sheet`` for a contact sheet of two films, ``photo`` for
    an image of two photos."""
    size: tuple[int, int]
    """Width and height of the result in pixels."""
    num_pairs: int
    """Number of frame pairs in a video or on a contact sheet; 1 for photos."""
    warnings: tuple[str, ...] = ()
    """Differences between A and B, and streams that were not copied."""
