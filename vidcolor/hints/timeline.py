"""Assignment of hints and references to the frames of a film."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vidcolor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from fractions import Fraction
    from pathlib import Path

    from vidcolor.options import Hint, Reference
    from vidcolor.shots.detector import Shot

SAMPLE_INTERVAL = 48
"""Distance between the sampled frames of a shot, in frames. If a reference matches no shot, the
sampled frames get its palette."""


@dataclass(frozen=True, slots=True)
class HintedFrame:
    """A frame with hints or a reference."""

    frame: int
    """Index of the frame, counted from the first frame that is colorized."""
    hints: tuple[Hint, ...] = ()
    """Hints of the frame, in the order of the hint file."""
    reference: int | None = None
    """Index of the reference that applies to the frame; None without one."""


def shot_ranges(shots: Sequence[Shot], num_frames: int) -> tuple[range, ...]:
    """Return the frame indices of each shot, from its boundary to the next one."""
    boundaries = [0, *(shot.boundary for shot in shots[1:]), num_frames]
    return tuple(range(first, end) for first, end in itertools.pairwise(boundaries))


@dataclass(frozen=True, slots=True)
class Timeline:
    """The times and shots of a film."""

    path: Path
    """The film, for messages."""
    times: Sequence[Fraction]
    """Presentation time of each frame, in seconds from the start of the film."""
    shots: Sequence[Shot]
    """The shots of the film."""
    start_s: Fraction
    """Start of the colorized part, in seconds from the start of the film."""

    def find_frame(self, name: str, time_s: Fraction | None, frame: int | None) -> int:
        """Return the index of a frame that is given by a time in seconds or an index.

        The first frame is returned if there is neither. `name` is that of the hint or reference.

        Raises:
            UsageError: the frame does not exist, or is in a dissolve between two shots.
        """
        times = self.times
        if time_s is not None:
            # The last frame is assumed to last as long as the one before.
            end_s = times[-1] + (times[-1] - times[-2] if len(times) > 1 else 1) if times else 0
            if time_s >= end_s or time_s < self.start_s:
                raise UsageError(
                    f"{name}: time {float(time_s):g} s is outside the colorized part of "
                    f"{self.path} ({float(self.start_s):g} to {float(end_s):.3f} s)"
                )
            # The last frame that starts at or before the time.
            frame = max(0, bisect_right(times, time_s) - 1)
        frame = frame or 0
        if frame >= len(times):
            raise UsageError(
                f"{name}: frame {frame} does not exist; {self.path} has {len(times)} frames"
            )
        mixed = next((s.mixed_range for s in self.shots if frame in s.mixed_range), None)
        if mixed is not None:  # the hint cannot belong to both shots
            raise UsageError(
                f"{name}: frame {frame} is in a dissolve between two shots; use frame "
                f"{mixed.start - 1} or {mixed.stop}"
            )
        return frame


def find_hinted_frames(
    hints: Sequence[Hint], references: Sequence[Reference], timeline: Timeline
) -> tuple[HintedFrame, ...]:
    """Return the frames that hints, and references with a time, belong to, in order.

    Hints without time and frame belong to the first frame.

    Raises:
        UsageError: a frame does not exist, is in a dissolve between two shots, or has two
            references.
    """
    frames = [
        HintedFrame(timeline.find_frame(hint.name, hint.time, hint.frame), (hint,))
        for hint in hints
    ]
    names: dict[int, str] = {}
    for index, reference in enumerate(references):
        if reference.is_placed:
            frame = timeline.find_frame(reference.name, reference.time, reference.frame)
            if frame in names:
                raise UsageError(
                    f"{reference.name}: frame {frame} already has the reference {names[frame]}; "
                    "remove one, or change its time"
                )
            names[frame] = reference.name
            frames.append(HintedFrame(frame, reference=index))
    return merge_hinted_frames(frames)


def merge_hinted_frames(frames: Iterable[HintedFrame]) -> tuple[HintedFrame, ...]:
    """Merge the entries of each frame, and return them in order of frames.

    At most one entry of a frame has a reference.
    """
    merged: dict[int, HintedFrame] = {}
    for entry in frames:
        other = merged.get(entry.frame, HintedFrame(entry.frame))
        merged[entry.frame] = replace(
            other,
            hints=other.hints + entry.hints,
            reference=other.reference if entry.reference is None else entry.reference,
        )
    return tuple(merged[frame] for frame in sorted(merged))


def group_by_shot(
    frames: Iterable[HintedFrame], shots: Sequence[range]
) -> dict[range, tuple[HintedFrame, ...]]:
    """Return the hinted frames of each shot that has any; shots and frames are in order."""
    starts = [shot.start for shot in shots]
    groups = itertools.groupby(frames, key=lambda hinted: bisect_right(starts, hinted.frame) - 1)
    return {shots[number]: tuple(group) for number, group in groups}


def assign_references(
    shots: Sequence[range],
    hinted_frames: Sequence[HintedFrame],
    matches: Mapping[int, Sequence[float]],
) -> tuple[HintedFrame, ...]:
    """Assign references without a time to the shots that have no reference with a time.

    Each shot gets the reference that matches it best, at its middle frame. The first reference that
    matches no shot of the film gives its palette to all shots that are left, at `sample_frames`.

    Args:
        shots: frame indices of each shot.
        hinted_frames: the frames that references with a time belong to, besides those of hints.
        matches: how well each reference without a time matches each shot, in [0, 1], by the index
            of the reference; 0 if it does not match.
    """
    timed = [entry.frame for entry in hinted_frames if entry.reference is not None]
    unmatched = next((index for index, values in matches.items() if not any(values)), None)
    assigned: list[HintedFrame] = []
    for number, shot in enumerate(shots):
        if any(frame in shot for frame in timed):
            continue
        best = max(matches, key=lambda index: matches[index][number], default=None)
        if best is not None and matches[best][number] > 0:
            assigned.append(HintedFrame(middle_frame(shot), reference=best))
        elif unmatched is not None:
            assigned += [HintedFrame(n, reference=unmatched) for n in sample_frames(shot)]
    return tuple(assigned)


def unused_reference_warning(reference: Reference, is_matched: bool) -> str:
    """Return the warning that a reference without a time is assigned to no shot.

    `is_matched` states whether it matches a shot.
    """
    if is_matched:
        reason = "the shots that it matches have a reference that matches better or has a time"
    else:
        reason = "it matches no shot, and no shot is left for its palette"
    return f"{reference.name}: is not used: {reason}; write {reference.path}@TIME to use it"


def middle_frame(shot: range) -> int:
    """Return the index of the frame that a reference without a time is compared with."""
    return (shot.start + shot.stop) // 2


def sample_frames(frames: range, interval: int = SAMPLE_INTERVAL) -> Iterator[int]:
    """Yield the middle frames of equal parts of a shot, each about `interval` frames long."""
    length = len(frames)
    count = max(1, round(length / interval))
    for n in range(count):
        yield frames.start + (2 * n + 1) * length // (2 * count)
