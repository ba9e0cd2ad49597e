"""The analysis pass: decode a film once to find its shots, timestamps and frame checksums."""

from __future__ import annotations

import base64
import contextlib
import zlib
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema, with_config

from vidcolor.concurrency import prefetch
from vidcolor.errors import InputError
from vidcolor.film.shots import detect_shots, warn_about_end
from vidcolor.film.titles import FilmTitles, choose_title_mode
from vidcolor.media.demux import DamageReport
from vidcolor.media.encoders import describe_lost_side_data
from vidcolor.progress import Progress
from vidcolor.schema import STORED
from vidcolor.shots.detector import Shot
from vidcolor.shots.shot_list import ShotList, make_shot_list, read_shots
from vidcolor.titles.burnt_in import BurntInText
from vidcolor.titles.shots import Title

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidcolor.film.plan import FilmPlan
    from vidcolor.imaging.types import Plane
    from vidcolor.media.decode import Frame, FrameReader
    from vidcolor.options import ColorizeOptions, ShotOptions
    from vidcolor.progress import ProgressCallback

READ_AHEAD_FRAMES = 4
"""Maximum number of decoded frames that wait for the shot detector."""
CHECKSUM_STRIDE = 8
"""Distance between the luma samples that a frame checksum covers, in rows and in columns."""


def _encode_pts(pts: Sequence[int]) -> list[list[int]]:
    # At a constant frame rate there is one step for the complete film.
    steps = np.diff(np.asarray(pts, np.int64), prepend=0)
    starts = np.flatnonzero(np.diff(steps, prepend=steps[0] - 1))
    counts = np.diff(starts, append=len(steps))
    runs: list[list[int]] = np.column_stack((steps[starts], counts)).tolist()
    return runs


def _decode_pts(runs: list[list[int]]) -> Sequence[int]:
    steps, counts = np.array(runs, np.int64).reshape(-1, 2).T
    return array("q", np.cumsum(np.repeat(steps, counts)).tobytes())


def _encode_checksums(checksums: Sequence[int]) -> str:
    # Little-endian, so that a work directory can move between machines.
    return base64.b64encode(np.asarray(checksums, "<u4").tobytes()).decode()


def _decode_checksums(text: str) -> Sequence[int]:
    return array("I", np.frombuffer(base64.b64decode(text), "<u4").astype("=u4").tobytes())


Timestamps = Annotated[
    Sequence[int],
    PlainValidator(_decode_pts),
    PlainSerializer(_encode_pts),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
            "$comment": "Runs [step, count] of equal steps from one timestamp to the next; the "
            "first step starts at 0.",
        }
    ),
]
Checksums = Annotated[
    Sequence[int],
    PlainValidator(_decode_checksums),
    PlainSerializer(_encode_checksums),
    WithJsonSchema({"type": "string", "$comment": "Little-endian uint32 values in Base64."}),
]


@with_config(STORED)
@dataclass(frozen=True, slots=True)
class FilmAnalysis:
    """The shots, timestamps and frame checksums of a film; about 12 bytes per frame."""

    shot_list: ShotList
    pts: Timestamps
    """Presentation timestamp of each frame, in the source's time base, strictly increasing."""
    end_pts: int
    """Timestamp at which the last frame ends, in the same time base."""
    checksums: Checksums
    """CRC-32 of each frame; see `compute_frame_checksum`."""
    damage: DamageReport
    """Damage that was found while decoding the source."""
    warnings: tuple[str, ...] = ()
    """Warnings about the source and about the shot list."""
    titles: tuple[Title, ...] = ()
    """Title cards and blank leader, which get no color."""
    burnt_in_text: tuple[BurntInText, ...] = ()
    """Text at the same place in all frames, such as time code, which gets no color."""

    def __post_init__(self) -> None:
        if not len(self.pts) == len(self.checksums) == self.shot_list.num_frames:
            raise ValueError("the numbers of timestamps, checksums and frames differ")

    @property
    def shots(self) -> tuple[Shot, ...]:
        """All shots, in order."""
        return self.shot_list.shots

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return len(self.pts)

    def cut(self, frames: range) -> FilmAnalysis:
        """Return the analysis of some frames, which are complete shots, without titles.

        Indices count from the first of these frames.
        """
        shots = tuple(
            replace(shot, first=shot.first - frames.start, end=shot.end - frames.start)
            for shot in self.shots
            if shot.first in frames
        )
        return replace(
            self,
            shot_list=ShotList(shots, len(frames)),
            pts=self.pts[frames.start : frames.stop],
            end_pts=self.pts[frames.stop] if frames.stop < self.num_frames else self.end_pts,
            checksums=self.checksums[frames.start : frames.stop],
            titles=(),
        )

    def has_same_frames(self, other: FilmAnalysis) -> bool:
        """Return whether shots, timestamps and checksums are equal."""
        return (
            self.shots == other.shots
            and self.pts == other.pts
            and self.checksums == other.checksums
        )


def compute_frame_checksum(luma: Plane) -> int:
    """Return the CRC-32 of (H, W) luma at every eighth row and column.

    One sample in 64 suffices to distinguish frames, and takes little time compared with decoding.
    """
    return zlib.crc32(luma[::CHECKSUM_STRIDE, ::CHECKSUM_STRIDE].tobytes())


def analyze_film(
    plan: FilmPlan,
    reader: FrameReader,
    options: ColorizeOptions,
    progress: ProgressCallback | None = None,
) -> FilmAnalysis:
    """Decode a film once; find its shots, unless `options.shots` names a shot list.

    `reader` reads the frames between the plan's start and end. `progress` is called after every
    frame.

    Raises:
        InputError: the film or the shot list cannot be read, the film has no frame, or the shot
            list belongs to a longer film.
    """
    source = plan.info.path
    pts, checksums, end_pts = array("q"), array("I"), 0
    titles = FilmTitles(plan.video, choose_title_mode(options))

    def record_frames() -> Iterator[Frame]:
        nonlocal end_pts
        with contextlib.closing(prefetch(reader.frames(), READ_AHEAD_FRAMES)) as decoded:
            for frame in decoded:
                titles.feed(len(pts), frame)
                pts.append(frame.pts)
                checksums.append(compute_frame_checksum(frame.luma))
                # A frame of unknown duration has duration 0, but must end after it starts.
                end_pts = frame.pts + max(frame.duration, 1)
                yield frame
                if progress is not None:
                    progress(Progress(source, "analyze", len(pts), plan.estimated_num_frames))

    warnings: tuple[str, ...] = ()
    if options.shots is None:
        shot_list = detect_shots(record_frames(), plan.video)
    else:
        _read_shots(plan, options.shots, None)  # Reports errors before the film is decoded.
        deque(record_frames(), maxlen=0)  # decode all frames for their timestamps and checksums
    if not pts:
        raise InputError(f"{source}: no frame could be read between --start and --end")
    if options.shots is not None:
        shot_list = _read_shots(plan, options.shots, pts[0])
        # The list of a project has no length of its own.
        if isinstance(options.shots, Path) or shot_list.num_frames > len(pts):
            path = options.shots if isinstance(options.shots, Path) else source
            warnings = _check_length(path, shot_list, source, len(pts))
        shot_list = shot_list.with_length(len(pts))
    late = reader.side_data.difference(plan.video.side_data)
    if lost := describe_lost_side_data(plan.encoder.encoder, late):
        warnings = (f"not kept: {', '.join(lost)}", *warnings)
    video_end = end_pts * plan.video.time_base - plan.video.start_s
    warnings = (
        *reader.warnings, *warn_about_end(plan.video, options.end, video_end), *warnings,
    )  # fmt: skip
    # The reader owns its damage report, so the analysis gets a copy.
    return FilmAnalysis(
        shot_list, pts, end_pts, checksums, replace(reader.damage), warnings,
        titles.find_titles(shot_list.shots), titles.find_burnt_in_text(),
    )  # fmt: skip


def _read_shots(
    plan: FilmPlan, shots: Path | tuple[ShotOptions, ...], first_pts: int | None
) -> ShotList:
    """Read a shot list. The PTS of the first frame is exact only after decoding."""
    if not isinstance(shots, Path):
        return make_shot_list(plan.info.path, shots)
    path, video = shots, plan.video
    if first_pts is None:
        first_pts = round((plan.start_s or video.start_s) / video.time_base)
    return read_shots(path, video.rate, video.timecode_at(first_pts))


def _check_length(
    path: Path, shot_list: ShotList, source: Path, num_frames: int
) -> tuple[str, ...]:
    """Return a warning if a shot list was made for another number of frames."""
    if shot_list.num_frames == num_frames:
        return ()
    difference = f"{path}: lists {shot_list.num_frames} frames, and {source} has {num_frames}"
    if shot_list.shots[-1].first >= num_frames:
        raise InputError(f"{difference}; make the list with the same --start and --end")
    return (f"{difference}; the last shot is fitted to the end of the film",)
