"""Two films on one clock."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from vidcolor.errors import UsageError
from vidcolor.imaging.text import clock
from vidcolor.media.preview import SAME_TIME_S, DisplayReader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vidcolor.evaluation.compare_options import CompareOptions
    from vidcolor.media.preview import DisplayFrame

_LENGTH_SLACK_S = 0.15
_ASPECT_SLACK = 0.03


class FilmPair:
    """Films A and B, and the span of A's time that both of them cover."""

    def __init__(self, a: Path, b: Path, options: CompareOptions) -> None:
        """Probe both.

        Raises:
            InputError: one of them cannot be read.
            UsageError: they have no time in common.
        """
        self.a, self.b = DisplayReader(a), DisplayReader(b)
        self.offset_s = options.offset
        end_a, end_b = self.a.duration_s, self.offset_s + self.b.duration_s
        self.start_s = max(options.start or Fraction(0), self.offset_s)
        self.end_s = min(end_a, end_b, *([options.end] if options.end is not None else []))
        if self.start_s >= self.end_s:
            raise UsageError(
                f"{a} and {b} have no time in common: A lasts {clock(end_a)} and B goes from "
                f"{clock(self.offset_s)} to {clock(end_b)}; check --start, --end and --offset"
            )
        self.cut_s = (self.start_s, None if self._reaches_end(options) else self.end_s)
        """From where to where A is read; None for its last frame, whatever the header states."""
        self.warnings = tuple(self._warnings(options))

    def _reaches_end(self, options: CompareOptions) -> bool:
        return options.end is None and self._lengths_agree()

    def _lengths_agree(self) -> bool:
        differ = abs(self.a.duration_s - self.b.duration_s)
        steps = (1 / f.video.rate for f in (self.a, self.b) if f.video.rate)
        return differ <= max(_LENGTH_SLACK_S, *(2 * float(s) for s in steps))

    def _warnings(self, options: CompareOptions) -> Iterator[str]:
        a, b = self.a, self.b
        if not self._lengths_agree() and not self.offset_s:
            hint = "; if B is a part of A, say --offset" if b.duration_s < a.duration_s else ""
            yield (
                f"A lasts {clock(a.duration_s)} and B {clock(b.duration_s)}: "
                f"only what both cover is compared{hint}"
            )
        if not same_shape(a.size, b.size):
            yield (
                f"B is {b.size[0]}×{b.size[1]} and A {a.size[0]}×{a.size[1]}, "
                "another shape: B is stretched to A's"
            )

    def frames(self) -> Iterator[tuple[DisplayFrame, DisplayFrame]]:
        """Every frame of A with the frame of B that is shown when it begins."""
        start, end = self.cut_s
        look_back = start - self.offset_s - 1
        later = self.b.frames(look_back if look_back > 0 else None)
        current: DisplayFrame | None = None
        coming = next(later, None)
        for shown in self.a.frames(start if start > 0 else None, end):
            due = shown.time_s - self.offset_s + SAME_TIME_S
            while coming is not None and (current is None or coming.time_s <= due):
                current, coming = coming, next(later, None)
            if current is None:
                return
            yield shown, current

    def moments(self, count: int) -> list[Fraction]:
        """The middles of `count` equal parts, on A's clock."""
        part = (self.end_s - self.start_s) / count
        return [self.start_s + (n + Fraction(1, 2)) * part for n in range(count)]

    def at(self, time_s: Fraction) -> tuple[DisplayFrame, DisplayFrame]:
        """A's frame at a moment, and the frame of B that is shown when it begins."""
        of_a = self.a.at(time_s)
        return of_a, self.b.at(max(Fraction(0), of_a.time_s - self.offset_s))


def same_shape(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether two sizes have one aspect ratio, but for rounding."""
    return abs(a[0] * b[1] / (a[1] * b[0]) - 1) <= _ASPECT_SLACK
