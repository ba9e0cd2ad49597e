"""One film, from source to result."""

from __future__ import annotations

import contextlib
import time
from array import array
from collections import deque
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vidcolor.colorizer import Colorizer
from vidcolor.errors import InputError
from vidcolor.files import check_companion, published
from vidcolor.film.confidence import ConfidenceFilm
from vidcolor.film.follow import Pins, follow_hints
from vidcolor.film.pipeline import prefetch, single_threaded_opencv
from vidcolor.film.plan import FilmPlan, default_target, plan_film, refuse_existing
from vidcolor.film.render import ColouredFrame, render
from vidcolor.film.shot_list import ShotList, find_shots, read_shots
from vidcolor.film.uncertainty import DoubtCollector, ShotDoubts
from vidcolor.media.company import Company
from vidcolor.media.read import FilmReader
from vidcolor.media.sequence import SEQUENCE_MUXER, ImageSequence, SequenceWriter
from vidcolor.media.tags import film_tags
from vidcolor.media.write import FilmWriter
from vidcolor.options import ColorizeOptions
from vidcolor.progress import Progress, ProgressCallback
from vidcolor.provenance import Provenance
from vidcolor.provenance import film_tags as provenance_tags
from vidcolor.recolor import NO_COLOUR, Recolorer, recolorer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from fractions import Fraction

    from vidcolor.media.planes import VideoFrame
    from vidcolor.media.read import Frame, Reader


LOOKED_AHEAD = 4
"""Decoded frames that may wait to be looked at."""
_NO_FRAME = "no frame could be read between --start and --end"


@dataclass(frozen=True, slots=True)
class FilmResult:
    """What came of a film."""

    source: Path
    target: Path
    num_frames: int
    seconds: float
    """Wall-clock time that it took."""
    warnings: tuple[str, ...]
    damaged: bool
    """True if the source lost frames, or is cut off: the result holds what could be read."""
    provenance: Provenance
    plan: FilmPlan
    doubts: tuple[ShotDoubts, ...] = ()
    """Every shot, with the regions in it whose colour is least certain."""

    @property
    def frames_per_second(self) -> float:
        """Speed."""
        return self.num_frames / self.seconds if self.seconds else 0.0


class PictureWriter(Protocol):
    """Where pictures go: into a film or into numbered files."""

    def write(self, picture: VideoFrame, pts: int, duration: int) -> None:
        """Take one picture; `pts` and `duration` in the source's time base."""
        ...

    def finish(self) -> None:
        """Complete what was written."""
        ...


@single_threaded_opencv()
def colorize_film(
    source: Path | str,
    target: Path | str | None = None,
    options: ColorizeOptions | None = None,
    *,
    colorizer: Colorizer | None = None,
    progress: ProgressCallback | None = None,
) -> FilmResult:
    """Colour a film: same luma, same time stamps, same sound, subtitles, chapters and tags.

    Args:
        source: any film that FFmpeg reads; it is only ever read.
        target: where the result goes (.mp4, .mov, .mkv, .webm, .mxf, or ``out_%06d.png`` for
            single pictures); beside the source if None.
        options: what is wanted; the defaults of the command line if None.
        colorizer: a loaded generator, to be used again; loaded from the options if None.
        progress: called after every frame.

    Raises:
        InputError: the source cannot be read, or has no frame in the wanted time.
        UsageError: the target exists, or the request contradicts itself.
        OutputError: the result cannot be written.
        WeightsError: the generator's weights are missing or damaged.
    """
    source, options = Path(source), options or ColorizeOptions()
    began = time.monotonic()
    if not source.exists():
        raise InputError(f"{source}: no such file")
    path = Path(target) if target else default_target(source, options)
    refuse_existing(path, [source], options.force)
    plan = plan_film(source, path, options)
    colorizer = colorizer or Colorizer.of(options)
    provenance = colorizer.provenance(options)
    read = partial(FilmReader, source, plan.video, options.grey_from)
    plan = look_through(plan, read(plan.start_s, plan.end_s), options, progress)
    pins, about_hints = pinned(plan, read, colorizer, options, progress)
    reader = read(plan.start_s, plan.end_s)
    shift_s = plan.shift_pts * plan.video.time_base
    company = Company(source, plan.company, shift_s, plan.start_s, plan.end_s)
    num_frames, said, doubts = run_plan(
        plan,
        reader,
        company,
        film_tags(source),
        colorizer,
        options,
        provenance,
        progress,
        pins=pins,
    )
    return FilmResult(
        source=source,
        target=path,
        num_frames=num_frames,
        seconds=time.monotonic() - began,
        warnings=(*plan.warnings, *about_hints, *said, *reader.damage.describe()),
        damaged=reader.damage.is_damaged,
        provenance=provenance,
        plan=plan,
        doubts=doubts,
    )


def look_through(
    plan: FilmPlan,
    reader: Reader,
    options: ColorizeOptions,
    progress: ProgressCallback | None = None,
) -> FilmPlan:
    """The plan with the film's shots, found or listed by a person, and its time stamps.

    Raises:
        InputError: the film or the list cannot be read; the film has no frame, or the list is of
            another film.
    """
    pts = array("q")

    def frames() -> Iterator[Frame]:
        with contextlib.closing(prefetch(reader.frames(), LOOKED_AHEAD)) as decoded:
            for frame in decoded:
                pts.append(frame.pts)
                yield frame
                if progress is not None:
                    progress(Progress(plan.info.path, "look", len(pts), plan.expected_frames))

    if options.shots is None:
        shots = find_shots(frames(), plan.video)
    else:
        shots = read_shots(options.shots)
        deque(frames(), maxlen=0)
    if not pts:
        raise InputError(f"{plan.info.path}: {_NO_FRAME}")
    if options.shots is None:
        return replace(plan, shots=shots, pts=pts)
    said = _compared(options.shots, shots, plan.info.path, len(pts))
    return replace(plan, shots=shots.of_length(len(pts)), pts=pts, warnings=(*plan.warnings, *said))


def _compared(path: Path, shots: ShotList, source: Path, num_frames: int) -> tuple[str, ...]:
    """What is to be said of a list of shots that was made for another length."""
    if shots.num_frames == num_frames:
        return ()
    said = f"{path} lists {shots.num_frames} frames, and {source} has {num_frames} to colour"
    if shots.shots[-1].first >= num_frames:
        raise InputError(f"{said}; make the list with the same --start and --end")
    return (f"{said}; its last shot ends with the film",)


def pinned(
    plan: FilmPlan,
    read: Callable[[Fraction | None, Fraction | None], Reader],
    colorizer: Colorizer,
    options: ColorizeOptions,
    progress: ProgressCallback | None = None,
) -> tuple[Pins | None, tuple[str, ...]]:
    """What hints and reference make of key frames; see `follow_hints`."""

    def tell(done: int, total: int) -> None:
        if progress is not None:
            progress(Progress(plan.info.path, "hints", done, total))

    return follow_hints(plan, read, colorizer, options, tell)


def run_plan(
    plan: FilmPlan,
    reader: Reader,
    company: contextlib.AbstractContextManager[Company | None],
    tags: dict[str, str],
    colorizer: Colorizer,
    options: ColorizeOptions,
    provenance: Provenance,
    progress: ProgressCallback | None = None,
    sequence: ImageSequence | None = None,
    pins: Pins | None = None,
) -> tuple[int, tuple[str, ...], tuple[ShotDoubts, ...]]:
    """Render what a reader yields, and publish it when it is complete; `pins` are closed then.

    Returns:
        How many frames there were, what the writer had to say, and where the colour is doubtful.
    """
    tags = provenance_tags(provenance, tags, plan.encoder.muxer)
    encoder, video, target = plan.encoder, plan.output, plan.target
    doubts = DoubtCollector(plan)
    recolorer = recolorer_of(colorizer, options)
    with contextlib.ExitStack() as stack:
        if pins is not None:
            stack.callback(pins.close)
        others = stack.enter_context(company)
        confidence = _confidence_film(plan, options, stack)
        if encoder.muxer == SEQUENCE_MUXER:
            pictures = SequenceWriter(target, encoder, video, provenance, sequence, options)
            frames = render(plan, reader.frames(), colorizer, options, recolorer, pins)
            count = _pump(plan, frames, pictures, doubts, confidence, progress)
            return count, (*pictures.warnings, *_about(recolorer)), doubts.finish()
        partial = stack.enter_context(published(target, options.force))
        film = stack.enter_context(
            FilmWriter(partial, encoder, video, others, tags, plan.shift_pts, target)
        )
        frames = render(plan, reader.frames(), colorizer, options, recolorer, pins)
        count = _pump(plan, frames, film, doubts, confidence, progress)
    return count, _about(recolorer), doubts.finish()


def _about(recolorer: Recolorer | None) -> tuple[str, ...]:
    """What is to be said of a film whose own colour was looked at."""
    return (NO_COLOUR,) if recolorer is not None and not recolorer.found_colour else ()


def _pump(
    plan: FilmPlan,
    rendered: Generator[ColouredFrame, None, None],
    writer: PictureWriter,
    doubts: DoubtCollector,
    confidence: ConfidenceFilm | None,
    progress: ProgressCallback | None,
) -> int:
    """Move every frame from the renderer to the writer."""
    source, count = plan.info.path, 0
    with contextlib.closing(rendered) as frames:
        for count, frame in enumerate(frames, start=1):
            writer.write(frame.picture, frame.pts, frame.duration)
            doubts.feed(frame.index, frame.pts, frame.duration, frame.colour)
            if confidence is not None:
                confidence.write(frame.colour.confidence, frame.pts, frame.duration)
            if progress is not None:
                progress(Progress(source, "colour", count, plan.expected_frames))
    if not count:
        raise InputError(f"{source}: {_NO_FRAME}")
    writer.finish()
    if confidence is not None:
        confidence.finish()
    return count


def _confidence_film(
    plan: FilmPlan, options: ColorizeOptions, stack: contextlib.ExitStack
) -> ConfidenceFilm | None:
    if options.confidence is None:
        return None
    check_companion(options.confidence, plan.info.path, plan.target, options.force)
    partial = stack.enter_context(published(options.confidence, options.force))
    return stack.enter_context(ConfidenceFilm(partial, options.confidence, plan))
