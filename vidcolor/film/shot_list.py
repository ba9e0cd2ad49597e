"""The shots of a film: found in it, or read from a list that a person has gone over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidcolor.temporal.shots import CutDetector, Shot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from vidcolor.media.probe import VideoInfo
    from vidcolor.media.read import Frame


@dataclass(frozen=True, slots=True)
class ShotList:
    """The shots of a film, in order, from its first frame to its last."""

    shots: tuple[Shot, ...]
    num_frames: int


def find_shots(
    frames: Iterable[Frame], video: VideoInfo, progress: Callable[[int], None] | None = None
) -> ShotList:
    """Look a film through.

    Args:
        frames: all of it, in order.
        video: what `probe` saw of it.
        progress: told how many frames have been seen, after each.
    """
    import cv2

    cuts, firsts, count = CutDetector(), [], 0
    for count, frame in enumerate(frames, start=1):
        small = cv2.resize(frame.luma, (64, 48), interpolation=cv2.INTER_AREA)
        if cuts.feed(video.coding.luma_to_unit(small)):
            firsts.append(count - 1)
        if progress is not None:
            progress(count)
    if not count:
        return ShotList((), 0)
    return ShotList(
        tuple(
            Shot(first, last, "cut" if first else "start")
            for first, last in zip(firsts, [*firsts[1:], count], strict=True)
        ),
        count,
    )


def read_shots(path: Path) -> ShotList:
    """Read a list."""
    raise NotImplementedError(path)
