"""Segments: runs of whole shots, each rendered by itself, on any machine, in any order."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.shots.detector import Shot

LEAST_S = Fraction(20)
"""Seconds of film that a segment holds at least, where there are as many; what a crash costs."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of whole shots, and of the frames in them."""

    number: int
    """From 0, in the order of the film."""
    first: int
    """Number of its first frame."""
    last: int
    """Number of the frame after its last one."""

    @property
    def num_frames(self) -> int:
        """How many frames it holds."""
        return self.last - self.first


def split_segments(
    shots: Sequence[Shot], pts: Sequence[int], time_base: Fraction, least_s: Fraction | None = None
) -> tuple[Segment, ...]:
    """Cut a film where a shot begins that shares no frame with the one before.

    Args:
        shots: all of the film's.
        pts: when each of its frames is shown.
        time_base: of `pts`.
        least_s: seconds that a segment is long at least (`LEAST_S` if None); only the last may be
            shorter. Where shots are longer, so are segments: no shot is cut.

    Returns:
        At least one segment; they tile the film.
    """
    least_s = LEAST_S if least_s is None else least_s
    begins = [0]
    for shot in shots[1:]:
        since = (pts[shot.first] - pts[begins[-1]]) * time_base
        if not shot.mixed and since >= least_s:
            begins.append(shot.first)
    ends = [*begins[1:], len(pts)]
    return tuple(Segment(n, *span) for n, span in enumerate(zip(begins, ends, strict=True)))


def shots_in(segment: Segment, shots: Sequence[Shot]) -> tuple[Shot, ...]:
    """The shots that a segment is a run of."""
    return tuple(shot for shot in shots if segment.first <= shot.first < segment.last)
