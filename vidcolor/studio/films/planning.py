"""What a rendering of a film would do, without rendering it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vidcolor.concurrency import single_threaded_opencv
from vidcolor.film.dry_run import plan_rendering
from vidcolor.film.request import FilmRequest
from vidcolor.film.segment_cache import has_analysis
from vidcolor.film.titles import choose_title_mode
from vidcolor.media.sequence import find_sequence
from vidcolor.options import ColorizeOptions
from vidcolor.project.render import make_render_options
from vidcolor.project.store import cache_path
from vidcolor.studio.films.open_films import needs_own_colorizer
from vidcolor.titles.shots import Title

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.film.analysis import FilmAnalysis
    from vidcolor.project.api import Project
    from vidcolor.studio.films.open_films import OpenFilm
    from vidcolor.studio.settings import StudioSettings


def make_run_options(film_options: ColorizeOptions, settings: StudioSettings) -> ColorizeOptions:
    """Return the options of one rendering that a project does not store."""
    values: dict[str, Any] = {"device": settings.device, "force": True}
    if settings.engine != "local":
        values.update(engine=settings.engine, ray_address=settings.ray_address)
    if not needs_own_colorizer(film_options, settings):
        values["model"] = settings.model
    return ColorizeOptions(**values)


def choose_analysis(project: Project, request: FilmRequest) -> FilmAnalysis | None:
    """Return the analysis for a plan or a loop; None if the cache has that of a rendering.

    After shots were corrected, a rendering decodes the film again to find the titles among them.
    For a plan or a loop, the titles of the detected shots are exact enough.
    """
    if has_analysis(request):
        return None
    analysis, titles = project.analyze(), []
    if choose_title_mode(request.options) == "color":
        return replace(analysis, titles=())
    for row, span in zip(project.document.shots, project.document.spans, strict=True):
        shot_titles = [t for t in analysis.titles if t.first < span.end and span.first < t.end]
        if row.kind == "title":
            shot_titles = [Title(span.boundary, span.end, 1.0)]
        titles += shot_titles if row.kind != "picture" else []
    unique = sorted(dict.fromkeys(titles), key=lambda title: title.first)
    return replace(analysis, titles=tuple(unique))


def plan_film_rendering(film: OpenFilm, target: Path, settings: StudioSettings) -> dict[str, Any]:
    """Return the segments that a rendering would render or reuse, as JSON.

    Raises:
        VidcolorError: see `colorize_film`.
    """
    project = film.read()
    source, document = project.find_source(), project.document
    run = make_run_options(film.options, settings)
    sequence = find_sequence(source) if document.source.kind == "sequence" else None
    request = FilmRequest(
        source, target, make_render_options(project.path, document, run), sequence, None,
        project.describe_revision(), cache_path(project.path),
    )  # fmt: skip
    colorizer = film.colorizer
    colorizer.check_options(request.options)
    with single_threaded_opencv():
        plan = plan_rendering(request, colorizer, choose_analysis(project, request))
    return {
        "segments": [
            {
                "shots": [segment.shots.start, segment.shots.stop - 1],
                "frames": segment.num_frames,
                "reasons": list(segment.reasons),
            }
            for segment in plan.segments
        ],
        "frames": sum(segment.num_frames for segment in plan.segments),
        "rendered_frames": plan.num_rendered_frames,
        "seconds": plan.seconds,
    }
