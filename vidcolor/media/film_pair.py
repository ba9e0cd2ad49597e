"""Synchronized reading of two films for comparison."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from vidcolor.errors import UsageError
from vidcolor.media.preview import SAME_TIME_S, DisplayReader
from vidcolor.timecode import format_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vidcolor.media.preview import DisplayFrame

_DURATION_TOLERANCE_S = 0.15
"""Maximum difference between durations that count as equal, in seconds; at least two frames."""
_ASPECT_TOLERANCE = 0.03
"""Maximum relative difference between aspect ratios that count as equal."""


class FilmPair:
    """Films A and B, and their common range on the timeline of A."""

    def __init__(
        self,
        a: Path,
        b: Path,
        *,
        start: Fraction | None = None,
        end: Fraction | None = None,
        offset: Fraction = Fraction(0),
        remedy: str = "",
    ) -> None:
        """Probe both films.

        All times are in seconds into A. Without a start or end, the range contains all common
        frames. `offset` is the time of the first frame of B. `remedy` is added to the warning that
        B is shorter.

        Raises:
            InputError: one of the films cannot be read.
            UsageError: the films do not overlap in time.
        """
        self.a, self.b = DisplayReader(a), DisplayReader(b)
        self.offset_s, self._remedy = offset, remedy
        end_a, end_b = self.a.duration_s, self.offset_s + self.b.duration_s
        self.start_s = max(start or Fraction(0), self.offset_s)
        self.end_s = min(end_a, end_b, *([end] if end is not None else []))
        if self.start_s >= self.end_s:
            raise UsageError(
                f"{a} and {b} have no time in common: A lasts {format_time(end_a)}, B lasts from "
                f"{format_time(self.offset_s)} to {format_time(end_b)}; "
                "check --start, --end and --offset"
            )
        reads_to_end = end is None and self._have_equal_duration()
        self.trim_s = (self.start_s, None if reads_to_end else self.end_s)
        """Start and end of the frames of A in seconds. The end is None to read A to its last frame:
        durations in headers are not exact, so an end from a header could drop it."""
        self.warnings = tuple(self._list_warnings())

    def _have_equal_duration(self) -> bool:
        difference = abs(self.a.duration_s - self.b.duration_s)
        frame_durations = (1 / f.video.rate for f in (self.a, self.b) if f.video.rate)
        return difference <= max(_DURATION_TOLERANCE_S, *(2 * float(d) for d in frame_durations))

    def _list_warnings(self) -> Iterator[str]:
        a, b = self.a, self.b
        if not self._have_equal_duration() and not self.offset_s:
            remedy = self._remedy if b.duration_s < a.duration_s else ""
            yield (
                f"A lasts {format_time(a.duration_s)} and B {format_time(b.duration_s)}: "
                f"only their common time is compared{remedy}"
            )
        if not has_same_aspect_ratio(a.size, b.size):
            yield (
                f"B is {b.size[0]}×{b.size[1]} and A {a.size[0]}×{a.size[1]}: "
                "B is stretched to the aspect ratio of A"
            )

    def frames(self) -> Iterator[tuple[DisplayFrame, DisplayFrame]]:
        """Yield every frame of A with the frame of B that is displayed at its start."""
        start, end = self.trim_s
        # The frame of B at `start` may have started up to a second earlier.
        start_b = start - self.offset_s - 1
        frames_b = self.b.frames(start_b if start_b > 0 else None)
        current_b: DisplayFrame | None = None
        next_b = next(frames_b, None)
        for frame_a in self.a.frames(start if start > 0 else None, end):
            time_b = frame_a.time_s - self.offset_s + SAME_TIME_S
            while next_b is not None and (current_b is None or next_b.time_s <= time_b):
                current_b, next_b = next_b, next(frames_b, None)
            if current_b is None:
                return
            yield frame_a, current_b

    def sample_times(self, count: int) -> list[Fraction]:
        """Return the middles of `count` equal parts of the range, in seconds into A."""
        part = (self.end_s - self.start_s) / count
        return [self.start_s + (n + Fraction(1, 2)) * part for n in range(count)]

    def frames_at(self, time_s: Fraction) -> tuple[DisplayFrame, DisplayFrame]:
        """Return the frame of A at a time, and the frame of B that is displayed at its start."""
        frame_a = self.a.frame_at(time_s)
        return frame_a, self.b.frame_at(max(Fraction(0), frame_a.time_s - self.offset_s))


def has_same_aspect_ratio(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Return whether two sizes have the same aspect ratio, apart from rounding."""
    return abs(a[0] * b[1] / (a[1] * b[0]) - 1) <= _ASPECT_TOLERANCE
