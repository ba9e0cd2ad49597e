"""Which frames of a film a person has spoken of: hints and a reference, put into their shots."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vidcolor.errors import UsageError
from vidcolor.propagation.analysis_frame import boundary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from fractions import Fraction
    from pathlib import Path

    from vidcolor.options import Hint
    from vidcolor.shots.detector import Shot

EVERY = 48
"""Frames between two looks at a reference that shows none of the film, and lends its palette."""


@dataclass(frozen=True, slots=True)
class HintedFrame:
    """A frame that something is known of."""

    frame: int
    """Its number, from the first that is colored."""
    hints: tuple[Hint, ...] = ()
    reference: bool = False
    """Whether the reference is of it."""


@dataclass(frozen=True, order=True, slots=True)
class FrameRange:
    """The frames that are colored as one shot: half open."""

    begin: int
    end: int


def shot_ranges(shots: Sequence[Shot], num_frames: int) -> tuple[FrameRange, ...]:
    """Where each shot is colored: from its wall to the next."""
    walls = [0, *(boundary(shot) for shot in shots[1:]), num_frames]
    return tuple(FrameRange(a, b) for a, b in itertools.pairwise(walls))


class Timeline:
    """Finds frames by number or time."""

    def __init__(
        self, path: Path, times: Sequence[Fraction], shots: Sequence[Shot], start: Fraction
    ) -> None:
        """Prepare.

        Args:
            path: of the film, for messages.
            times: when each frame is shown, in seconds into the film.
            shots: of the film.
            start: seconds into the film from which on it is colored.
        """
        self._path, self._times, self._shots, self._start = path, times, shots, start

    def frame_of(self, name: str, time: Fraction | None, frame: int | None) -> int:
        """The frame that is shown at a time, or has a number.

        Raises:
            UsageError: there is no such frame, or two shots are seen in it.
        """
        if time is not None:
            if not self._times or time >= self._end or time < self._start:
                raise UsageError(
                    f"{name}: {float(time):g} s lies outside of what is colored of {self._path} "
                    f"({float(self._start):g} to {float(self._end):.3f} s)"
                )
            frame = max(0, bisect_right(self._times, time) - 1)
        frame = frame or 0
        if frame >= len(self._times):
            raise UsageError(
                f"{name}: there is no frame {frame}; {self._path} has {len(self._times)}"
            )
        self._check_shot(name, frame)
        return frame

    @property
    def _end(self) -> Fraction:
        """When the last frame is over; it is taken to last as long as the one before."""
        last = self._times[-1]
        return last + (last - self._times[-2] if len(self._times) > 1 else 1)

    def _check_shot(self, name: str, frame: int) -> None:
        for shot in self._shots:
            if shot.first <= frame < shot.first + shot.mixed:
                raise UsageError(
                    f"{name}: two shots are seen in frame {frame}, where one dissolves into the "
                    f"other; use frame {shot.first - 1} or {shot.first + shot.mixed}"
                )


def find_hinted_frames(
    hints: Sequence[Hint], reference_time: Fraction | None, clock: Timeline, name: str
) -> tuple[HintedFrame, ...]:
    """Frames with hints, or shown by a reference at a known time; in order.

    Args:
        hints: the film's; those that name no moment are of its first frame.
        reference_time: seconds into the film; None if there is no reference, or it names no time.
        clock: finds the frames.
        name: what messages call the reference.

    Raises:
        UsageError: there is no such frame, or two shots are seen in it.
    """
    spoken = [
        HintedFrame(clock.frame_of(hint.name, hint.time, hint.frame), (hint,)) for hint in hints
    ]
    if reference_time is not None:
        spoken.append(HintedFrame(clock.frame_of(name, reference_time, None), reference=True))
    return merge_hinted_frames(spoken)


def merge_hinted_frames(spoken: Iterable[HintedFrame]) -> tuple[HintedFrame, ...]:
    """One for each frame, in order."""
    frames: dict[int, HintedFrame] = {}
    for one in spoken:
        known = frames.get(one.frame, HintedFrame(one.frame))
        frames[one.frame] = replace(
            known, hints=known.hints + one.hints, reference=known.reference or one.reference
        )
    return tuple(frames[number] for number in sorted(frames))


def sample_range(span: FrameRange, every: int = EVERY) -> Iterator[int]:
    """Frames of a shot, evenly spaced and one at least, each in the middle of its share."""
    length = span.end - span.begin
    count = max(1, round(length / every))
    for n in range(count):
        yield span.begin + (2 * n + 1) * length // (2 * count)
