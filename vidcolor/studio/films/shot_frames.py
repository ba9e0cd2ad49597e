"""The frames of one shot as the film will have them, without rendering the film."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.film.outputs import plan_result_film
from vidcolor.film.render import render_frames
from vidcolor.film.request import FilmRequest
from vidcolor.film.resume import compute_render_fingerprint
from vidcolor.film.segment import select_shots, split_segments
from vidcolor.film.segment_cache import load_or_analyze, make_timeline, open_overlay_cache
from vidcolor.film.sources import SegmentReader
from vidcolor.hints.film_tracking import track_hints
from vidcolor.hints.overlay_cache import OverlayCache
from vidcolor.media.sequence import find_sequence
from vidcolor.progress import Progress
from vidcolor.project.render import make_render_options, make_target
from vidcolor.project.store import cache_path
from vidcolor.recolor import make_recolorer
from vidcolor.studio.films.planning import choose_analysis

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vidcolor.colorizer import Colorizer
    from vidcolor.film.analysis import FilmAnalysis
    from vidcolor.film.plan import FilmPlan
    from vidcolor.film.render import RenderedFrame
    from vidcolor.hints.overlays import OverlayReader
    from vidcolor.options import ColorizeOptions
    from vidcolor.progress import ProgressCallback
    from vidcolor.project.api import Project


class _SharedOverlayCache(OverlayCache):
    """The cache of a project, of which one shot is used and the others are kept."""

    def prune(self, keys: Sequence[str]) -> None:
        """Remove nothing."""


@dataclass(frozen=True, slots=True)
class ShotFrames:
    """The frames of a shot, and what is known about them."""

    plan: FilmPlan
    analysis: FilmAnalysis
    frames: Iterator[RenderedFrame]
    """The frames in order; the iterator must be read or closed."""


@contextlib.contextmanager
def render_shot(
    project: Project,
    index: int,
    run: ColorizeOptions,
    colorizer: Colorizer,
    progress: ProgressCallback,
) -> Iterator[ShotFrames]:
    """Give the block the frames of the shot with an index, from 0, as the film will have them.

    `progress` reports the analysis and the tracking of hints, not the frames of the block.

    The shots before it that it is connected to by dissolves are rendered as well. The objects of
    hints are tracked, and their tracks are kept for the next rendering of the film.

    Raises:
        VidcolorError: see `Project.render`.
    """
    source, document = project.find_source(), project.document
    options = make_render_options(project.path, document, run)
    sequence = find_sequence(source) if document.source.kind == "sequence" else None
    target = make_target(project.path, document, source)
    cache = cache_path(project.path)
    request = FilmRequest(source, target, options, sequence, progress, None, cache)
    colorizer.check_options(options)
    plan = request.make_plan()
    analysis = choose_analysis(project, request)
    if analysis is None:
        analysis = load_or_analyze(request, plan, progress)
    span, time_base = document.spans[index], plan.video.time_base
    segments = split_segments(analysis.shots, analysis.pts, time_base, Fraction(0))
    segment = next(s for s in segments if s.first <= span.first < s.end)
    shots = select_shots(segment, analysis.shots)
    reader = SegmentReader(plan, analysis, request.make_source(plan))
    with contextlib.ExitStack() as stack:
        stack.callback(reader.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        overlays: OverlayReader | None = None
        if options.hints or options.references:

            def report(done: int, total: int) -> None:
                progress(Progress(source, "hints", done, total))

            found, _ = track_hints(
                make_timeline(plan, analysis), plan.video, reader, colorizer, options, folder,
                report, _open_cache(request, plan, analysis, colorizer),
                range(segment.first, segment.end),
            )  # fmt: skip
            if found is not None:
                overlays = found.open(folder)
                stack.callback(overlays.close)
        rendered = render_frames(
            plan, reader.frames(segment.first, segment.end), colorizer, options, shots,
            make_recolorer(colorizer, options), overlays, None, span.first, analysis.titles,
            analysis.burnt_in_text,
        )  # fmt: skip
        stack.callback(rendered.close)
        frames = itertools.islice(rendered, span.end - span.first)
        yield ShotFrames(plan, analysis, frames)


def _open_cache(
    request: FilmRequest, plan: FilmPlan, analysis: FilmAnalysis, colorizer: Colorizer
) -> OverlayCache | None:
    """Return the overlays of earlier renderings of the project."""
    provenance = colorizer.make_provenance(request.options)
    fingerprint = compute_render_fingerprint(
        plan.target, request.options, provenance, plan_result_film(plan), None
    )
    cache = open_overlay_cache(request, plan, analysis, fingerprint, colorizer.vividness)
    if cache is None:
        return None
    return _SharedOverlayCache(cache.folder, cache.shared, cache.checksums, cache.mixed)
