"""The public functions that colorize films and image sequences, from file to file."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.colorizer import Colorizer
from vidcolor.concurrency import single_threaded_opencv
from vidcolor.errors import InputError
from vidcolor.film.engines.local import LocalEngine
from vidcolor.film.engines.select import open_engine
from vidcolor.film.pipeline import FilmRequest, FilmResult, run_pipeline
from vidcolor.film.plan import (
    FilmPlan,
    default_film_target,
    default_sequence_target,
    plan_film,
    plan_sequence,
)
from vidcolor.film.sources import FilmSource, SequenceSource
from vidcolor.media.sequence import find_sequence
from vidcolor.options import ColorizeOptions

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from vidcolor.film.engines.base import Engine
    from vidcolor.progress import ProgressCallback

__all__ = ["FilmResult", "colorize_film", "colorize_sequence"]


@single_threaded_opencv()
def colorize_film(
    source: Path | str,
    target: Path | str | None = None,
    options: ColorizeOptions | None = None,
    *,
    colorizer: Colorizer | None = None,
    engine: Engine | None = None,
    progress: ProgressCallback | None = None,
) -> FilmResult:
    """Colorize a film. Luma, timestamps, audio, subtitles, chapters and tags stay the same.

    If an earlier call with the same arguments was interrupted, its finished segments are reused.

    Args:
        source: a film in any format that FFmpeg reads; it is opened read-only.
        target: the result (.mp4, .mov, .mkv, .webm, .mxf, or ``out_%06d.png`` for an image
            sequence); a film beside the source if None.
        options: the defaults of the command line if None.
        colorizer: a loaded generator, to be reused between calls; loaded from the options if None.
        engine: renders the segments, and is left open. If None, the engine that the options name
            (`workers`, `threads`, `engine`, `ray_address`) is opened for this call. A `colorizer`
            that is passed without any of these options renders in the current process.
        progress: called after every frame; with several workers, from any thread.

    Raises:
        InputError: the source cannot be read, or has no frame between start and end.
        UsageError: the target exists, or the options contradict each other.
        OutputError: the result cannot be written.
        WeightsError: the weights are missing or damaged.
        BusyError: another process is colorizing the same film.
        WorkerError: workers died repeatedly while rendering a segment.
    """
    source, options = Path(source), options or ColorizeOptions()
    if not source.exists():
        raise InputError(f"{source}: no such file")
    path = Path(target) if target else default_film_target(source, options)

    def make_plan() -> FilmPlan:
        return plan_film(source, path, options)

    def make_source(plan: FilmPlan) -> FilmSource:
        return FilmSource(source, plan.video, options.gray_from)

    request = FilmRequest(
        source=source,
        target=path,
        source_files=[source],
        options=options,
        make_plan=make_plan,
        make_source=make_source,
        progress=progress,
    )
    return _run(request, colorizer, engine)


@single_threaded_opencv()
def colorize_sequence(
    source: Path | str,
    target: Path | str | None = None,
    options: ColorizeOptions | None = None,
    *,
    colorizer: Colorizer | None = None,
    engine: Engine | None = None,
    progress: ProgressCallback | None = None,
) -> FilmResult:
    """Colorize a sequence of numbered images; the result is a film or an image sequence.

    Args:
        source: a pattern (``scan_%06d.dpx``), or a folder that holds one sequence.
        target: a film, or a pattern (``color_%06d.dpx``); a film beside the source if None.
        options: as in `colorize_film`; `fps` is the frame rate, 24 if None.
        colorizer: as in `colorize_film`.
        engine: as in `colorize_film`.
        progress: as in `colorize_film`.

    Raises:
        InputError: there are no such images, or their sizes differ.
        UsageError: the target exists, or the options contradict each other.
        OutputError: the result cannot be written.
        WeightsError: the weights are missing or damaged.
        BusyError: another process is colorizing the same sequence.
        WorkerError: workers died repeatedly while rendering a segment.
    """
    source, options = Path(source), options or ColorizeOptions()
    path = Path(target) if target else default_sequence_target(source, options)
    sequence = find_sequence(source)

    def make_plan() -> FilmPlan:
        return plan_sequence(sequence, path, options)

    def make_source(plan: FilmPlan) -> SequenceSource:
        return SequenceSource(sequence, plan.video, options.gray_from, bool(options.trust))

    request = FilmRequest(
        source=source,
        target=path,
        source_files=list(sequence.files.values()),
        options=options,
        make_plan=make_plan,
        make_source=make_source,
        sequence=sequence,
        progress=progress,
    )
    return _run(request, colorizer, engine)


def _run(request: FilmRequest, colorizer: Colorizer | None, engine: Engine | None) -> FilmResult:
    """Run a request; load the generator and open the engine unless the caller has passed them."""
    options = request.options
    used_colorizer = colorizer or Colorizer.from_options(options)
    used_colorizer.check_options(options)
    opened: AbstractContextManager[Engine]
    if engine is not None:
        opened = nullcontext(engine)
    elif colorizer is not None and not _names_workers(options):
        opened = nullcontext(LocalEngine(colorizer))
    else:
        opened = open_engine(options, used_colorizer)
    with opened as used_engine:
        return run_pipeline(request, used_colorizer, used_engine)


def _names_workers(options: ColorizeOptions) -> bool:
    """Return whether the options ask for particular workers."""
    return options.engine != "local" or options.workers is not None or options.threads is not None
