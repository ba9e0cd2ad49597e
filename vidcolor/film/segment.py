"""Segments: runs of complete shots that are rendered independently, in any order.

The files of a segment depend on its `RenderJob` and on the weights only, so that any process on any
machine can render it.
"""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

from vidcolor.errors import OutputError
from vidcolor.fileio import sha256_file
from vidcolor.film.outputs import make_confidence_frame
from vidcolor.film.parts import commit_part, create_part_dir, load_parts, merge_parts, split_parts
from vidcolor.film.render import render_frames
from vidcolor.film.workdir import SegmentResult
from vidcolor.media.concat import measure_reordering
from vidcolor.media.sequence_writer import SequenceWriter
from vidcolor.media.writer import VideoWriter
from vidcolor.recolor import make_recolorer
from vidcolor.system import fsync_path
from vidcolor.uncertainty import UncertaintyCollector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from vidcolor.colorizer import Colorizer
    from vidcolor.film.analysis import FilmAnalysis
    from vidcolor.film.outputs import OutputFilm
    from vidcolor.film.parts import RenderState
    from vidcolor.film.plan import FilmPlan
    from vidcolor.film.render import RenderedFrame
    from vidcolor.film.sources import FrameSource, SegmentReader
    from vidcolor.hints.overlays import OverlayIndex, OverlayReader
    from vidcolor.options import ColorizeOptions
    from vidcolor.provenance import Provenance
    from vidcolor.shots.detector import Shot
    from vidcolor.uncertainty import ShotUncertainty

MIN_SEGMENT_S = Fraction(20)
"""Minimum duration of a segment, in seconds. Only the last segment of a film may be shorter. Each
segment starts the pipeline and seeks in the source. A crash loses less; see `film.parts`."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of complete shots: the unit of distribution."""

    number: int
    """Index of the segment in the film, from 0."""
    first: int
    """Index of its first frame."""
    end: int
    """Index of the frame after its last one."""

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return self.end - self.first


def split_segments(
    shots: Sequence[Shot],
    pts: Sequence[int],
    time_base: Fraction,
    min_duration_s: Fraction | None = None,
) -> tuple[Segment, ...]:
    """Split a film into segments. They start at cuts and fades, never inside a dissolve.

    `pts` are the timestamps of all frames, in units of `time_base`. The minimum duration is
    `MIN_SEGMENT_S` if None. Segments may be much longer, because no shot is split. The segments, at
    least one, cover all frames without overlap.
    """
    min_duration_s = MIN_SEGMENT_S if min_duration_s is None else min_duration_s
    starts = [0]
    for shot in shots[1:]:
        elapsed_s = (pts[shot.first] - pts[starts[-1]]) * time_base
        # Frames of a dissolve depend on the shot before, which must be in the same segment.
        if not shot.mixed_frames and elapsed_s >= min_duration_s:
            starts.append(shot.first)
    ends = [*starts[1:], len(pts)]
    return tuple(Segment(n, *span) for n, span in enumerate(zip(starts, ends, strict=True)))


def select_shots(segment: Segment, shots: Sequence[Shot]) -> tuple[Shot, ...]:
    """Return the shots of a segment, given all shots of the film."""
    return tuple(shot for shot in shots if segment.first <= shot.first < segment.end)


@dataclass(frozen=True)
class RenderJob:
    """Everything that the segments of a film depend on, except the weights. Picklable."""

    plan: FilmPlan
    analysis: FilmAnalysis
    source: FrameSource
    options: ColorizeOptions
    provenance: Provenance
    """Identifies the weights that every worker must use."""
    result: OutputFilm | None
    """The result; None if it is an image sequence."""
    confidence: OutputFilm | None = None
    """The confidence film; None if there is none."""
    overlays: OverlayIndex | None = None
    """Hints tracked to the key frames; None if there are none."""
    min_segment_s: Fraction | None = None
    """Minimum duration of a segment, in seconds; None for `MIN_SEGMENT_S`."""
    first_segment: int = 0
    """Number of the first segment; see `cut`."""

    @property
    def films(self) -> tuple[OutputFilm, ...]:
        """The result, unless it is an image sequence, and the confidence film."""
        return tuple(film for film in (self.result, self.confidence) if film is not None)

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """All segments of the film, in order."""
        analysis = self.analysis
        time_base = self.plan.video.time_base
        segments = split_segments(analysis.shots, analysis.pts, time_base, self.min_segment_s)
        return tuple(replace(s, number=s.number + self.first_segment) for s in segments)

    def select_segments(self, frames: range | None) -> tuple[Segment, ...]:
        """Return the segments of some frames, which are complete segments; None for all."""
        if frames is None:
            return self.segments
        selected = tuple(s for s in self.segments if s.first in frames)
        assert selected, "frames must be complete segments"
        assert (selected[0].first, selected[-1].end) == (frames.start, frames.stop)
        return selected

    def cut(self, frames: range | None) -> RenderJob:
        """Return the job of a film with these frames only, for joining; None for all frames.

        The frames are complete segments, which keep their numbers.
        """
        if frames is None:
            return self
        analysis, time_base = self.analysis, self.plan.video.time_base
        part = analysis.cut(frames)
        plan = self.plan.trim(
            part.pts[0] * time_base if frames.start else None,
            part.end_pts * time_base if frames.stop < analysis.num_frames else None,
        )
        first_segment = self.select_segments(frames)[0].number
        return replace(self, plan=plan, analysis=part, first_segment=first_segment)

    def split_parts(self, segment: Segment) -> tuple[range, ...]:
        """Return the frames of each part of a segment; see `film.parts`."""
        analysis = self.analysis
        cuts = (shot.first for shot in analysis.shots if not shot.mixed_frames)
        frames = range(segment.first, segment.end)
        return split_parts(frames, cuts, analysis.pts, self.plan.video.time_base)

    def relocate(self, locate: Callable[[Path], Path]) -> RenderJob:
        """Return the same job with the path of every source file replaced by `locate(path)`."""
        return replace(self, source=self.source.relocate(locate))


def render_segment(
    job: RenderJob,
    segment: Segment,
    folder: Path,
    colorizer: Colorizer,
    reader: SegmentReader,
    overlays: OverlayReader | None = None,
    progress: Callable[[int], None] | None = None,
) -> SegmentResult:
    """Colorize the frames of a segment and write them to files in a directory, part after part.

    The directory may have the finished parts of an interrupted run. The files are flushed to the
    disk. The colorizer has the weights of the job, and `overlays` are its opened overlays.
    `progress` is called after each frame with the number of frames that are finished.

    Raises:
        VidcolorError: the source cannot be read, or a file cannot be written.
    """
    parts = job.split_parts(segment)
    results, state = load_parts(folder)
    # A recolorer has state, which must not depend on the segments that were rendered before.
    recolorer = make_recolorer(colorizer, job.options)
    collector = None
    if all(model.has_confidence for model in colorizer.models.list_used(job.options)):
        collector = UncertaintyCollector(job.plan.video, job.analysis.shots)
    if state is not None and recolorer is not None:
        recolorer.restore(state.sections["recolorer"])
    if state is not None and collector is not None:
        collector.restore(state.sections.get("uncertainty", {}))
    shots = select_shots(segment, job.analysis.shots)
    frames = reader.frames(segment.first if state is None else state.start, segment.end)
    rendered = render_frames(
        job.plan, frames, colorizer, job.options, shots, recolorer, overlays, state,
        parts[len(results)].start, job.analysis.titles, job.analysis.burnt_in_text,
    )  # fmt: skip
    with contextlib.closing(rendered):
        for number in range(len(results), len(parts)):
            part = parts[number]
            writer = _PartWriter(job, create_part_dir(folder, number), collector, state)
            is_last = number + 1 == len(parts)

            def report(count: int, offset: int = part.start - segment.first) -> None:
                if progress is not None:
                    progress(offset + count)

            result = writer.write(part, itertools.islice(rendered, len(part)), is_last, report)
            if recolorer is not None:
                result = replace(result, uses_source_color=recolorer.found_color)
            state = writer.state
            commit_part(folder, number, result, None if is_last else state)
            results.append(result)
    return merge_parts(folder, results)


class _PartWriter:
    """Writes the frames of one part to files in an empty directory."""

    def __init__(
        self,
        job: RenderJob,
        folder: Path,
        collector: UncertaintyCollector | None,
        state: RenderState | None,
    ) -> None:
        self._job, self._folder, self._collector = job, folder, collector
        self.state = state
        """State from which the frames after those that were written can be rendered."""

    def write(
        self,
        part: range,
        frames: Iterable[RenderedFrame],
        is_last: bool,
        progress: Callable[[int], None],
    ) -> SegmentResult:
        """Write all frames of the part; call `progress` with their number after each frame."""
        job, folder, collector = self._job, self._folder, self._collector
        plan, images, films = job.plan, None, {}
        if job.result is None:
            images = SequenceWriter(
                folder / plan.target.name, plan.encoder, plan.output_video, job.provenance,
                job.source.sequence, job.options, part.start,
            )  # fmt: skip
        with contextlib.ExitStack() as stack:
            for film in job.films:
                writer = VideoWriter(
                    folder / film.file_name,
                    film.segment_encoder,
                    film.video,
                    shift_pts=job.analysis.pts[part.start],
                    target=film.target,
                    is_segment=True,
                )
                films[film.name] = stack.enter_context(writer)
            for count, frame in enumerate(frames, start=1):
                (images or films["video"]).write(frame.av_frame, frame.pts, frame.duration)
                if collector is not None:
                    collector.feed(frame.index, frame.pts, frame.duration, frame.prediction)
                if job.confidence is not None:
                    gray = make_confidence_frame(frame.prediction.confidence, job.confidence)
                    films["confidence"].write(gray, frame.pts, frame.duration)
                self.state = frame.state or self.state
                progress(count)
            for writer in films.values():
                writer.finish()
        # The files are read back after the writers have closed them.
        depths: dict[str, int] = {
            film.name: _check_film(folder / film.file_name, part) for film in job.films
        }
        shots: tuple[ShotUncertainty, ...] = ()
        if collector is not None:
            shots = collector.finish() if is_last else collector.take_finished()
            if self.state is not None:
                sections = {**self.state.sections, "uncertainty": collector.get_state()}
                self.state = replace(self.state, sections=sections)
        return SegmentResult(
            reorder_depths=depths,
            files=_sync_files(folder),
            warnings=tuple(images.warnings) if images else (),
            shot_uncertainty=shots,
        )


def _check_film(path: Path, part: range) -> int:
    """Check that a film holds all frames of its part; return its reorder depth."""
    count, depth = measure_reordering(path)
    if count != len(part):
        raise OutputError(
            f"{path}: holds {count} frames instead of {len(part)}, because the encoder "
            "dropped some; try another --encoder"
        )
    return depth


def _sync_files(folder: Path) -> dict[str, tuple[int, str]]:
    """Flush every file of a directory to the disk; return their sizes and SHA-256 digests."""
    files = {}
    for path in sorted(folder.iterdir()):
        fsync_path(path)
        files[path.name] = path.stat().st_size, sha256_file(path)
    fsync_path(folder)
    return files
