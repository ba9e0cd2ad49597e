"""The planning pass: a film is decoded once, and what later passes must know of it is noted."""

from __future__ import annotations

import base64
import contextlib
import itertools
import zlib
from array import array
from collections import deque
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.concurrency import prefetch
from vidcolor.errors import InputError
from vidcolor.media.decode import Damage
from vidcolor.progress import Progress
from vidcolor.shots.detector import Shot
from vidcolor.shots.shot_list import ShotList, find_shots, read_shots

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vidcolor.color.ycbcr import Plane
    from vidcolor.film.plan import FilmPlan
    from vidcolor.media.decode import Frame, Reader
    from vidcolor.options import ColorizeOptions
    from vidcolor.progress import ProgressCallback

LOOKED_AHEAD = 4
"""Decoded frames that may wait to be looked at."""
PRINT_STEP = 8
"""Rows and columns between the luma samples that a frame's print is made of."""


@dataclass(frozen=True, slots=True)
class FilmAnalysis:
    """What a film was seen to be: 12 bytes a frame."""

    shots: ShotList
    pts: Sequence[int]
    """When each frame is shown, in the source's time base; rising."""
    end_pts: int
    """When the last frame ends, likewise."""
    prints: Sequence[int]
    """Of each frame: see `frame_checksum`."""
    damage: Damage
    """What was wrong with the source."""
    said: tuple[str, ...] = ()
    """What is to be said, besides."""

    def to_json(self) -> dict[str, Any]:
        """In plain values. Time stamps are written as steps between them and how often each comes
        in a row.
        """
        steps = itertools.groupby(b - a for a, b in itertools.pairwise(self.pts))
        prints = np.asarray(self.prints, "<u4").tobytes()
        return {
            "shots": [
                [shot.first, shot.last, shot.begins, shot.mixed] for shot in self.shots.shots
            ],
            "times": [str(time) for time in self.shots.times],
            "num_frames": len(self.pts),
            "first_pts": self.pts[0],
            "steps": [[step, sum(1 for _ in run)] for step, run in steps],
            "end_pts": self.end_pts,
            "prints": base64.b64encode(prints).decode(),
            "damage": asdict(self.damage),
            "said": list(self.said),
        }

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> FilmAnalysis:
        """What `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        shots = tuple(Shot(*row) for row in said["shots"])
        times = tuple(Fraction(time) for time in said["times"])
        pts = array("q", [said["first_pts"]])
        for step, count in said["steps"]:
            pts.extend(itertools.islice(itertools.count(pts[-1] + step, step), count))
        prints = array("I", np.frombuffer(base64.b64decode(said["prints"]), "<u4").tolist())
        if not len(pts) == len(prints) == said["num_frames"]:
            raise ValueError("frames are missing")
        damage, notes = Damage(**said["damage"]), tuple(said["said"])
        return cls(ShotList(shots, len(pts), times), pts, said["end_pts"], prints, damage, notes)


def frame_checksum(luma: Plane) -> int:
    """What tells a frame from others: CRC-32 of its luma at every eighth row and column.

    Args:
        luma: (H, W) uint8 or uint16.
    """
    return zlib.crc32(luma[::PRINT_STEP, ::PRINT_STEP].tobytes())


def analyze_film(
    plan: FilmPlan,
    reader: Reader,
    options: ColorizeOptions,
    progress: ProgressCallback | None = None,
) -> FilmAnalysis:
    """Decode a film once: its shots, found or listed by a person, and what identifies each frame.

    Raises:
        InputError: the film or the list cannot be read; the film has no frame, or the list is of
            another film.
    """
    pts, prints, end = array("q"), array("I"), 0

    def frames() -> Iterator[Frame]:
        nonlocal end
        with contextlib.closing(prefetch(reader.frames(), LOOKED_AHEAD)) as decoded:
            for frame in decoded:
                pts.append(frame.pts)
                prints.append(frame_checksum(frame.luma))
                end = frame.pts + max(frame.duration, 1)
                yield frame
                if progress is not None:
                    progress(Progress(plan.info.path, "look", len(pts), plan.expected_frames))

    source, said = plan.info.path, tuple[str, ...]()
    if options.shots is None:
        shots = find_shots(frames(), plan.video)
    else:
        shots = read_shots(options.shots)
        deque(frames(), maxlen=0)
    if not pts:
        raise InputError(f"{source}: no frame could be read between --start and --end")
    if options.shots is not None:
        said = _compared(options.shots, shots, source, len(pts))
        shots = shots.of_length(len(pts))
    said = (*reader.warnings, *said)
    return FilmAnalysis(shots, pts, end, prints, replace(reader.damage), said)


def _compared(path: Path, shots: ShotList, source: Path, num_frames: int) -> tuple[str, ...]:
    """What is to be said of a list of shots that was made for another length."""
    if shots.num_frames == num_frames:
        return ()
    said = f"{path} lists {shots.num_frames} frames, and {source} has {num_frames} to color"
    if shots.shots[-1].first >= num_frames:
        raise InputError(f"{said}; make the list with the same --start and --end")
    return (f"{said}; its last shot ends with the film",)
