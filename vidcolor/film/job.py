"""One film, from source to result."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor import __version__
from vidcolor.colorizer import Colorizer
from vidcolor.errors import InputError
from vidcolor.files import check_target, published
from vidcolor.film.confidence import ConfidenceFilm
from vidcolor.film.plan import FilmPlan, default_target, plan_film
from vidcolor.film.render import render
from vidcolor.media.company import Company, film_tags
from vidcolor.media.read import FilmReader
from vidcolor.media.write import FilmWriter, restore_aspect
from vidcolor.options import ColorizeOptions
from vidcolor.progress import Progress, ProgressCallback
from vidcolor.provenance import Provenance, recipe_digest
from vidcolor.provenance import film_tags as provenance_tags

if TYPE_CHECKING:
    from vidcolor.media.read import Damage


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

    @property
    def frames_per_second(self) -> float:
        """Speed."""
        return self.num_frames / self.seconds if self.seconds else 0.0


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
        target: where the result goes (.mp4, .mov, .mkv, .webm, .mxf); beside the source if None.
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
    check_target(path, [source], options.force)
    plan = plan_film(source, path, options)
    colorizer = colorizer or load_colorizer(options)
    provenance = describe_work(colorizer, options)
    num_frames, damage = _run(plan, colorizer, options, provenance, progress)
    return FilmResult(
        source=source,
        target=path,
        num_frames=num_frames,
        seconds=time.monotonic() - began,
        warnings=(*plan.warnings, *damage.describe()),
        damaged=damage.is_damaged,
        provenance=provenance,
        plan=plan,
    )


def load_colorizer(options: ColorizeOptions) -> Colorizer:
    """The generator that the options name."""
    return Colorizer(options.model, options.device, options.precision, options.vividness)


def describe_work(colorizer: Colorizer, options: ColorizeOptions) -> Provenance:
    """What is written into a result about how it was made."""
    recipe = recipe_digest(options.recipe(), colorizer.digest, __version__)
    return Provenance(__version__, colorizer.name, colorizer.digest, recipe)


def _run(
    plan: FilmPlan,
    colorizer: Colorizer,
    options: ColorizeOptions,
    provenance: Provenance,
    progress: ProgressCallback | None,
) -> tuple[int, Damage]:
    """Render into a temporary file and publish it; how many frames, and what was damaged."""
    source, video = plan.info.path, plan.video
    reader = FilmReader(source, video, options.grey_from, plan.start_s, plan.end_s)
    tags = provenance_tags(provenance, film_tags(source), plan.encoder.muxer)
    shift_s = plan.shift_pts * video.time_base
    count = 0
    with contextlib.ExitStack() as stack:
        partial = stack.enter_context(published(plan.target))
        confidence = _confidence_film(plan, options, stack)
        company = stack.enter_context(
            Company(source, plan.company, shift_s, plan.start_s, plan.end_s)
        )
        writer = stack.enter_context(
            FilmWriter(partial, plan.encoder, video, company, tags, plan.shift_pts, plan.target)
        )
        with contextlib.closing(render(plan, reader.frames(), colorizer, options)) as frames:
            for count, frame in enumerate(frames, start=1):
                writer.write(frame.picture, frame.pts, frame.duration)
                if confidence is not None:
                    confidence.write(frame.confidence, frame.pts, frame.duration)
                if progress is not None:
                    progress(Progress(source, "colour", count, plan.expected_frames))
        if not count:
            raise InputError(f"{source}: no frame between --start and --end")
        writer.finish()
        if confidence is not None:
            confidence.finish()
        restore_aspect(partial, plan.encoder, video)
    return count, reader.damage


def _confidence_film(
    plan: FilmPlan, options: ColorizeOptions, stack: contextlib.ExitStack
) -> ConfidenceFilm | None:
    if options.confidence is None:
        return None
    check_target(options.confidence, [plan.info.path, plan.target], options.force)
    partial = stack.enter_context(published(options.confidence))
    return stack.enter_context(ConfidenceFilm(partial, options.confidence, plan))
