"""One segment, from the source's frames to files: a pure function of plan, options and weights."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from vidcolor.digests import sha256_file
from vidcolor.errors import OutputError
from vidcolor.fileio import sync
from vidcolor.film.confidence import ConfidenceFilm
from vidcolor.film.render import RenderedFrame, render
from vidcolor.film.segments import shots_in, split_segments
from vidcolor.film.shot_uncertainty import ShotUncertainty, UncertaintyCollector
from vidcolor.media.concat import part_suffix, reordering
from vidcolor.media.sequence import SEQUENCE_MUXER, SequenceWriter
from vidcolor.media.writer import FilmWriter
from vidcolor.recolor import recolorer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from vidcolor.colorizer import Colorizer
    from vidcolor.film.plan import FilmPlan
    from vidcolor.film.segment_reader import SegmentReader
    from vidcolor.film.segments import Segment
    from vidcolor.film.sources import FrameSource
    from vidcolor.hints.tracking import HintTrackIndex, HintTracks
    from vidcolor.media.encoders import EncoderPlan
    from vidcolor.media.frames import VideoFrame
    from vidcolor.media.probe import VideoInfo
    from vidcolor.media.sequence import ImageSequence
    from vidcolor.options import ColorizeOptions
    from vidcolor.provenance import Provenance

PICTURE, CONFIDENCE = "picture", "confidence"
"""How the films of a segment are called, without suffix."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a film is written: as a whole, and in parts."""

    encoder: EncoderPlan
    video: VideoInfo
    """The picture that the encoder gets."""
    part: EncoderPlan


@dataclass(frozen=True)
class Job:
    """All that rendering a film's segments depends on; any process can be sent it."""

    plan: FilmPlan
    read: FrameSource
    options: ColorizeOptions
    provenance: Provenance
    picture: Encoding | None
    """None where numbered pictures are written."""
    confidence: Encoding | None = None
    sequence: ImageSequence | None = None
    """The source, if it is one."""
    pins: HintTrackIndex | None = None

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """What the film is cut into, in order."""
        plan = self.plan
        return split_segments(plan.shots, plan.pts, plan.video.time_base)

    def moved(self, place: Callable[[Path], Path]) -> Job:
        """The same where the source's files lie elsewhere: each where `place` says."""
        sequence = self.sequence
        if sequence is not None:
            files = {number: place(path) for number, path in sequence.files.items()}
            sequence = replace(sequence, files=files)
        return replace(self, read=self.read.moved(place), sequence=sequence)


@dataclass(frozen=True, slots=True)
class Rendered:
    """What became of a segment: written beside its files, so that they can be trusted later."""

    depth: dict[str, int]
    """Of each film in it: see `media.parts.reordering`."""
    files: dict[str, tuple[int, str]]
    """Bytes and SHA-256 of each file, by name."""
    warnings: tuple[str, ...] = ()
    found_color: bool | None = None
    """Whether the source's own color was believed anywhere; None if it was not looked at."""
    doubts: tuple[ShotUncertainty, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """In plain values."""
        return {
            "depth": self.depth,
            "files": {name: list(facts) for name, facts in self.files.items()},
            "warnings": list(self.warnings),
            "found_color": self.found_color,
            "doubts": [doubts.to_json() for doubts in self.doubts],
        }

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Rendered:
        """What `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        files = {name: (int(size), str(digest)) for name, (size, digest) in said["files"].items()}
        doubts = tuple(ShotUncertainty.from_json(row) for row in said["doubts"])
        warnings = tuple(said["warnings"])
        return cls(dict(said["depth"]), files, warnings, said["found_color"], doubts)


class _Writer(Protocol):
    """Where pictures go: into a film or into numbered files."""

    def write(self, picture: VideoFrame, pts: int, duration: int) -> None: ...

    def finish(self) -> None: ...


@dataclass(slots=True)
class _Outputs:
    """The files of a segment while they are written."""

    writer: _Writer
    films: dict[str, Path] = field(default_factory=dict)
    confidence: ConfidenceFilm | None = None
    pictures: SequenceWriter | None = None


def render_segment(
    job: Job,
    segment: Segment,
    folder: Path,
    colorizer: Colorizer,
    source: SegmentReader,
    pins: HintTracks | None = None,
    progress: Callable[[int], None] | None = None,
) -> Rendered:
    """Color a segment's frames and write them.

    Args:
        job: the film.
        segment: one of its segments.
        folder: an empty one, for the segment's files.
        colorizer: with the job's weights.
        source: reads the job's film.
        pins: the job's, opened.
        progress: told how many of its frames are done, after each.

    Returns:
        What was written; all of it is on the disk.

    Raises:
        VidcolorError: what reading and writing raise.
    """
    plan, options = job.plan, job.options
    shots = shots_in(segment, plan.shots)
    recolorer = recolorer_of(colorizer, options)
    doubts = UncertaintyCollector(plan) if colorizer.has_confidence else None
    with contextlib.ExitStack() as stack:
        outputs = _open(job, segment, folder, stack)
        frames = source.frames(segment.first, segment.last)
        rendered = render(plan, frames, colorizer, options, shots, recolorer, pins)
        _pump(rendered, outputs, doubts, progress)
    depth = {name: _checked(path, segment) for name, path in outputs.films.items()}
    warnings = () if outputs.pictures is None else tuple(outputs.pictures.warnings)
    return Rendered(
        depth=depth,
        files=_kept(folder),
        warnings=warnings,
        found_color=None if recolorer is None else recolorer.found_color,
        doubts=doubts.finish() if doubts is not None else (),
    )


def _open(job: Job, segment: Segment, folder: Path, stack: contextlib.ExitStack) -> _Outputs:
    films: dict[str, Path] = {}
    begins = job.plan.pts[segment.first]

    def film(name: str, encoding: Encoding, target: Path) -> FilmWriter:
        films[name] = path = folder / f"{name}{part_suffix(encoding.part)}"
        part = FilmWriter(
            path, encoding.part, encoding.video, shift_pts=begins, target=target, is_part=True
        )
        return stack.enter_context(part)

    plan, options = job.plan, job.options
    confidence = pictures = None
    if job.confidence is not None and options.confidence is not None:
        written = film(CONFIDENCE, job.confidence, options.confidence)
        confidence = ConfidenceFilm(written, job.confidence.part, job.confidence.video)
    if job.picture is not None:
        writer: _Writer = film(PICTURE, job.picture, plan.target)
    else:
        assert plan.encoder.muxer == SEQUENCE_MUXER
        writer = pictures = SequenceWriter(
            folder / plan.target.name,
            plan.encoder,
            plan.output,
            job.provenance,
            job.sequence,
            options,
            segment.first,
        )
    return _Outputs(writer, films, confidence, pictures)


def _pump(
    rendered: Generator[RenderedFrame, None, None],
    outputs: _Outputs,
    doubts: UncertaintyCollector | None,
    progress: Callable[[int], None] | None,
) -> None:
    """Move every frame from the renderer to the writers."""
    with contextlib.closing(rendered) as frames:
        for count, frame in enumerate(frames, start=1):
            outputs.writer.write(frame.picture, frame.pts, frame.duration)
            if doubts is not None:
                doubts.feed(frame.index, frame.pts, frame.duration, frame.color)
            if outputs.confidence is not None:
                confidence = frame.color.confidence
                outputs.confidence.write(confidence, frame.pts, frame.duration)
            if progress is not None:
                progress(count)
    outputs.writer.finish()
    if outputs.confidence is not None:
        outputs.confidence.finish()


def _checked(path: Path, segment: Segment) -> int:
    """The depth of a part that holds all its pictures."""
    count, depth = reordering(path)
    if count != segment.num_frames:
        raise OutputError(
            f"{path}: holds {count} pictures instead of {segment.num_frames}: the encoder lost "
            "some; try another --encoder"
        )
    return depth


def _kept(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file in a folder, flushed to the disk, with its size and digest."""
    files = {}
    for path in sorted(folder.iterdir()):
        sync(path)
        files[path.name] = path.stat().st_size, sha256_file(path)
    sync(folder)
    return files
