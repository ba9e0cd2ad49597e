"""The jobs of films: analysis, rendering, and loops of single shots."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from vidcolor.colorizer import Colorizer
from vidcolor.errors import InputError, UsageError, VidcolorError
from vidcolor.film.workdir import WorkDir, work_path
from vidcolor.media.probe import probe
from vidcolor.options import ColorizeOptions
from vidcolor.project.api import Project
from vidcolor.project.cache import load_analysis
from vidcolor.studio.films.describe import make_shot_rev
from vidcolor.studio.films.loops import write_loops
from vidcolor.studio.films.open_films import needs_own_colorizer
from vidcolor.studio.films.paths import (
    LOOP_SUFFIXES,
    LOOP_VIEWS,
    choose_target,
    hide_path,
    locate_loop,
    make_source_key,
    open_still_cache,
)
from vidcolor.studio.films.planning import make_run_options
from vidcolor.studio.films.reports import remove_reports, write_reports
from vidcolor.studio.films.rows import FilmRow, FilmTable
from vidcolor.studio.films.source_facts import describe_source

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.media.probe import VideoInfo
    from vidcolor.progress import Progress
    from vidcolor.studio.jobs.context import JobContext
    from vidcolor.studio.jobs.models import Job
    from vidcolor.studio.settings import StudioSettings

MAX_RATE = 240.0
"""Highest rate of frames per second that counts. The header of a film may state any rate."""
_ERRORS = (VidcolorError, FileNotFoundError)
"""Errors of films. People may move or delete a film and its project while a job runs."""


def _describe_error(
    error: VidcolorError | FileNotFoundError, row: FilmRow, settings: StudioSettings
) -> VidcolorError:
    """Return the error of a job for people."""
    if isinstance(error, VidcolorError):
        return type(error)(hide_path(str(error), row, settings))
    name = row.name if row.is_upload else error.filename or row.name
    return InputError(
        f"{name}: was moved, renamed or removed while vidcolor used it; put it back, and try again"
    )


def run_analyze(context: JobContext, job: Job) -> dict[str, Any]:
    """Make the project of a film, or the analysis that its project lacks.

    Raises:
        VidcolorError: the film cannot be read, or exceeds a limit of the server.
    """
    table = FilmTable(context.database)
    row = table.get(job.subject)
    try:
        limit = _check_limits(row, context.settings)
        report = _LimitedReport(context, limit, row.name)
        if row.project_path.exists():
            project = Project.open(row.project_path)
            if load_analysis(project.path, project.document.source) is None:
                project.analyze(report)
            warnings: tuple[str, ...] = ()
        else:
            row.project_path.parent.mkdir(parents=True, exist_ok=True)
            options = ColorizeOptions(model=context.settings.model)
            project = Project.new(row.path, row.project_path, options, progress=report)
            warnings = project.warnings
    except _ERRORS as error:
        described = _describe_error(error, row, context.settings)
        table.set_error(row.id, str(described))
        context.events.publish_revision("film", row.id, 0, row.viewer)
        raise described from error
    _keep_source_facts(project, row, context.settings)
    table.set_error(row.id, None)
    context.events.publish_revision("film", row.id, project.revision, row.viewer)
    return {
        "revision": project.revision,
        "shots": len(project.shots),
        "warnings": [hide_path(text, row, context.settings) for text in warnings],
    }


def _keep_source_facts(project: Project, row: FilmRow, settings: StudioSettings) -> None:
    """Keep what `describe_source` says of an analyzed film."""
    cache = open_still_cache(settings)
    path = cache.locate(row.id, make_source_key(project.document.source), ".json")
    cache.put(path, json.dumps(describe_source(project)).encode())


class _LimitedReport:
    """Reports the progress of an analysis, and ends it if the film is too long.

    The header of a film may state any duration.
    """

    def __init__(self, context: JobContext, max_frames: int | None, name: str) -> None:
        self._context, self._max_frames, self._name = context, max_frames, name

    def __call__(self, progress: Progress) -> None:
        """Report progress.

        Raises:
            InputError: the film has too many frames.
        """
        self._context.report(progress)
        if self._max_frames is not None and progress.done > self._max_frames:
            raise InputError(
                f"{self._name}: has more than {self._max_frames} frames, which is the limit; "
                "split the film"
            )


def _check_limits(row: FilmRow, settings: StudioSettings) -> int | None:
    """Check the size of the frames of an uploaded film; return its maximum number of frames.

    Films of the command line have no limit.

    Raises:
        InputError: the film cannot be read, or exceeds a limit.
    """
    if not row.is_upload:
        return None
    video: VideoInfo = probe(row.path).video
    pixels = video.width * video.height
    if pixels > settings.max_frame_pixels:
        raise InputError(
            f"{row.name}: has {pixels} pixels in each frame; at most {settings.max_frame_pixels} "
            "are accepted"
        )
    if video.duration_s is not None and video.duration_s > settings.max_seconds:
        raise InputError(
            f"{row.name}: is longer than {settings.max_seconds:.0f} s, which is the limit; "
            "split the film"
        )
    rate = min(float(video.rate or MAX_RATE), MAX_RATE)
    return int(settings.max_seconds * rate) + 1


def run_render(context: JobContext, job: Job) -> dict[str, Any]:
    """Render a film with the decisions of its project; a killed run is resumed.

    The options of the job are `suffix`, the container; `confidence`, whether to write the film of
    the confidence as well; and `replace`, whether a file may be replaced that the studio has not
    made.

    Raises:
        VidcolorError: see `Project.render`.
    """
    table, settings = FilmTable(context.database), context.settings
    row, started = table.get(job.subject), time.monotonic()
    try:
        project = Project.open(row.project_path)
        _ = project.history  # changes that were made by hand count as a revision
        revision = project.revision
        run, confidence = make_run_options(project.options, settings), None
        colorizer = _get_colorizer(context, project) if settings.engine == "local" else None
        target = choose_target(project, job.options.get("suffix"))
        if not (row.is_upload or job.options.get("replace")):
            _check_replaceable(target, row)
        if job.options.get("confidence"):
            confidence = target.with_name(f"{target.stem}.confidence{target.suffix}")
            run = run.replace(confidence=confidence)
        result = project.render(target, run, colorizer=colorizer, progress=context.report)
    except _ERRORS as error:
        raise _describe_error(error, row, settings) from error
    warnings = [hide_path(text, row, settings) for text in result.warnings]
    try:
        remove_reports(row)
        write_reports(row, project, result, run, settings)
    except (OSError, VidcolorError) as error:  # the result is there nevertheless
        warnings.append(f"there is no report: {hide_path(str(error), row, settings)}")
    if row.is_upload and row.result_path not in (None, target):
        assert row.result_path is not None
        row.result_path.unlink(missing_ok=True)
    table.set_result(row.id, result.target, revision)
    context.events.publish_revision("film", row.id, revision, row.viewer)
    return {
        "revision": revision,
        "name": result.target.name,
        "path": None if row.is_upload else str(result.target),
        "confidence": None if confidence is None or row.is_upload else str(confidence),
        "bytes": result.target.stat().st_size,
        "frames": result.num_frames,
        "seconds": round(time.monotonic() - started, 1),
        "damaged": result.damaged,
        "warnings": warnings,
        "lost_hints": [
            {
                "hint": hide_path(lost.hint, row, settings),
                "first": lost.first_frame,
                "last": lost.last_frame,
            }
            for lost in result.lost_hints
        ],
    }


def _check_replaceable(target: Path, row: FilmRow) -> None:
    """Refuse to replace a file that is not the last result of the studio.

    Raises:
        UsageError: there is another file.
    """
    is_own = target == row.result_path or WorkDir(work_path(target, None)).is_published(target)
    if target.exists() and not is_own:
        raise UsageError(
            f"{target}: exists already, and is not from this studio; move it away, or allow to "
            "replace it"
        )


def run_loop(context: JobContext, job: Job) -> dict[str, Any]:
    """Write the loops of one shot; the option `shot` is its number, and `rev` its revision.

    Raises:
        VidcolorError: the shot does not exist, or see `write_loops`.
    """
    row = FilmTable(context.database).get(job.subject)
    try:
        return _write_loops(context, job, row)
    except _ERRORS as error:
        raise _describe_error(error, row, context.settings) from error


def _write_loops(context: JobContext, job: Job, row: FilmRow) -> dict[str, Any]:
    project = Project.open(row.project_path)
    _ = project.history  # changes that were made by hand count as a revision
    number, document = int(job.options["shot"]), project.document
    if not 1 <= number <= len(document.shots):
        raise UsageError(f"shot {number} does not exist; the film was changed meanwhile")
    rev = make_shot_rev(document, number - 1, context.settings.model)
    cache = open_still_cache(context.settings)
    targets = {
        (view, suffix): locate_loop(cache, row.id, rev, view, suffix)
        for view in LOOP_VIEWS
        for suffix in LOOP_SUFFIXES
    }
    run = make_run_options(project.options, context.settings)
    times = write_loops(
        project, number - 1, targets, run, _get_colorizer(context, project), context.report
    )
    cache.put(locate_loop(cache, row.id, rev, "color", ".json"), json.dumps(times).encode())
    cache.note_written(sum(path.stat().st_size for path in targets.values()))
    context.events.publish_revision("film", row.id, project.revision, row.viewer)
    return {"shot": number, "rev": rev, "times": times}


def _get_colorizer(context: JobContext, project: Project) -> Colorizer:
    """Return the generator of a film: that of the server, unless the project names another one."""
    options = project.options
    if not needs_own_colorizer(options, context.settings):
        return context.colorizer
    return Colorizer.from_options(options.replace(device=context.settings.device, vividness=None))
