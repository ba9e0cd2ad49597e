"""The public functions that colorize films and image sequences, from file to file."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.colorizer import Colorizer
from vidcolor.concurrency import single_threaded_opencv
from vidcolor.fileio import check_source
from vidcolor.film.engines.local import LocalEngine
from vidcolor.film.engines.select import open_engine
from vidcolor.film.pipeline import run_pipeline
from vidcolor.film.plan import default_film_target, default_sequence_target
from vidcolor.film.request import FilmRequest, FilmResult
from vidcolor.media.sequence import find_sequence
from vidcolor.options import ColorizeOptions

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from vidcolor.film.engines.base import Engine
    from vidcolor.film.request import Excerpt
    from vidcolor.progress import ProgressCallback
    from vidcolor.provenance import ProjectRevision

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
    project: ProjectRevision | None = None,
    cache: Path | None = None,
    excerpt: Excerpt | None = None,
) -> FilmResult:
    """Colorize a film. Luma, timestamps, audio, subtitles, chapters and tags stay the same.

    If an earlier call with the same arguments was interrupted, its finished segments are reused.

    Args:
        source: a film in any format that FFmpeg reads; it is opened read-only.
        target: path of the result (.mp4, .mov, .mkv, .webm, .mxf, or ``out_%06d.png`` for an image
            sequence); if None, a film beside the source.
        options: settings; if None, the defaults of the command line.
        colorizer: colorizer to reuse between calls; if None, it is created from the options.
        engine: engine that renders the segments; it is left open. If None, the engine that the
            options select (`workers`, `threads`, `engine`, `ray_address`) is opened for this call.
            With a `colorizer` and none of these options, the current process renders.
        progress: called after every frame; with several workers, from any thread.
        project: the project whose decisions the options contain; the metadata of the result name
            it.
        cache: directory of a project's segments, which are reused where nothing has changed. Then
            every shot is a segment.
        excerpt: the shots of the project to render; None for the whole film.

    Raises:
        InputError: the source cannot be read, or has no frame between start and end.
        UsageError: the target exists, or the options contradict each other.
        OutputError: the result cannot be written.
        WeightsError: the weights are missing or damaged.
        BusyError: another process is colorizing the same film, or rendering the same project.
        WorkerError: workers died repeatedly while rendering a segment.
    """
    source, options = Path(source), options or ColorizeOptions()
    check_source(source)
    target = Path(target) if target else default_film_target(source, options)
    request = FilmRequest(source, target, options, None, progress, project, cache, excerpt)
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
    project: ProjectRevision | None = None,
    cache: Path | None = None,
    excerpt: Excerpt | None = None,
) -> FilmResult:
    """Colorize a sequence of numbered images; the result is a film or an image sequence.

    Args:
        source: a pattern (``scan_%06d.dpx``), or a folder that holds one sequence.
        target: path of a film, or a pattern (``color_%06d.dpx``); if None, a film beside the
            source.
        options: as in `colorize_film`; `fps` is the frame rate, 24 if None.
        colorizer, engine, progress, project, cache, excerpt: as in `colorize_film`.

    Raises:
        InputError: there are no such images, or their sizes differ.
        VidcolorError: as in `colorize_film`.
    """
    source, options = Path(source), options or ColorizeOptions()
    target = Path(target) if target else default_sequence_target(source, options)
    sequence = find_sequence(source)
    request = FilmRequest(source, target, options, sequence, progress, project, cache, excerpt)
    return _run(request, colorizer, engine)


def _run(request: FilmRequest, colorizer: Colorizer | None, engine: Engine | None) -> FilmResult:
    options = request.options
    selects_engine = options.engine != "local" or options.workers or options.threads
    loaded = colorizer or Colorizer.from_options(options)
    loaded.check_options(options)
    context: AbstractContextManager[Engine]
    if engine is not None:
        context = nullcontext(engine)  # the caller closes it
    elif colorizer is not None and not selects_engine:
        # Workers load the generator by its name, which a colorizer of the caller may not have.
        context = nullcontext(LocalEngine(colorizer))
    else:
        context = open_engine(options, loaded)
    with context as opened:
        return run_pipeline(request, loaded, opened)
