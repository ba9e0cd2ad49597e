"""Image sequences as films, and films as image sequences."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.colorizer import Colorizer
from vidcolor.concurrency import single_threaded_opencv
from vidcolor.film.engines.local import Engine, LocalEngine
from vidcolor.film.pipeline import FilmRequest, FilmResult, run
from vidcolor.film.plan import FilmPlan, plan_encoding, wanted_range, with_range
from vidcolor.film.sources import SequenceSource
from vidcolor.media.sequence import (
    SEQUENCE_MUXER,
    ImageSequence,
    find_sequence,
    is_pattern,
    probe_sequence,
)
from vidcolor.options import ColorizeOptions, Purpose

if TYPE_CHECKING:
    from vidcolor.film.sources import FrameSource
    from vidcolor.progress import ProgressCallback

DEFAULT_FPS = Fraction(24)
_FILM_SUFFIX: dict[Purpose, str] = {"delivery": ".mp4", "editing": ".mov", "archive": ".mkv"}


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
    """Color numbered pictures into a film, or into numbered pictures again.

    Args:
        source: a pattern (``scan_%06d.dpx``) or a folder with one sequence in it.
        target: a film, or a pattern (``color_%06d.dpx``); a film beside the source if None.
        options: what is wanted; `fps` gives the rate, 24 if it says none.
        colorizer: a loaded generator, to be used again; loaded from the options if None.
        engine: what renders its segments; see `colorize_film`.
        progress: called after every frame; with an engine, from any thread.

    Raises:
        InputError: there are no such pictures, or they differ in size.
        UsageError: the target exists, or the request contradicts itself.
        OutputError: the result cannot be written.
        WeightsError: the generator's weights are missing or damaged.
    """
    source, options = Path(source), options or ColorizeOptions()
    path = Path(target) if target else default_target(source, options)
    sequence = find_sequence(source)
    colorizer = colorizer or Colorizer.of(options)
    colorizer.check(options)

    def opener(plan: FilmPlan) -> FrameSource:
        return SequenceSource(sequence, plan.video, options.gray_from, bool(options.trust))

    return run(
        FilmRequest(
            source=source,
            target=path,
            files=list(sequence.files.values()),
            options=options,
            colorizer=colorizer,
            make_plan=lambda: plan_sequence(sequence, path, options),
            opener=opener,
            engine=engine or LocalEngine(colorizer),
            sequence=sequence,
            progress=progress,
        )
    )


def default_target(source: Path, options: ColorizeOptions, directory: Path | None = None) -> Path:
    """A film named after the pattern or the folder, beside it or in `directory`."""
    numbered = is_pattern(source)
    whole = source.parent.resolve() if numbered else source.resolve()
    stem = source.name.split("%")[0].rstrip("_-. ") if numbered else ""
    folder = directory or (source.parent if numbered or source.name else Path(".."))
    return folder / f"{stem or whole.name}.color{_FILM_SUFFIX[options.purpose]}"


def plan_sequence(sequence: ImageSequence, target: Path, options: ColorizeOptions) -> FilmPlan:
    """Look at a sequence and decide how it is written.

    Raises:
        InputError: none of its pictures can be read.
        UsageError: the target or the encoder cannot hold it.
    """
    info = probe_sequence(sequence, options.fps or DEFAULT_FPS, options.gray_from)
    full_range = wanted_range(info.video, options)
    encoder = plan_encoding(with_range(info.video, full_range), target, options)
    warnings = list(encoder.warnings)
    if options.fps is None and encoder.muxer != SEQUENCE_MUXER:
        warnings.append(f"no --fps given: {DEFAULT_FPS} frames a second assumed")
    if info.video.tint == "color" and not options.trust:
        warnings.append("the source is in color already; its own color is replaced")
    return FilmPlan(
        info=info,
        target=target,
        encoder=encoder,
        company=(),
        start_s=options.start,
        end_s=options.end,
        full_range=full_range,
        shift_pts=0 if options.start is None else int(options.start / info.video.time_base),
        warnings=tuple(warnings),
    )
