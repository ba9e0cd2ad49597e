"""The report of the last rendering of a film, as `vidcolor colorize --report` writes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, get_args

from vidcolor.project.store import cache_path
from vidcolor.studio.films.paths import hide_path

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.film.request import FilmResult
    from vidcolor.options import ColorizeOptions
    from vidcolor.project.api import Project
    from vidcolor.studio.films.rows import FilmRow
    from vidcolor.studio.settings import StudioSettings

ReportFormat = Literal["html", "json"]
REPORT_FORMATS: tuple[ReportFormat, ...] = get_args(ReportFormat)


def locate_report(row: FilmRow, report_format: ReportFormat) -> Path:
    """Return the path of a report, which may not exist."""
    return cache_path(row.project_path) / f"result.report.{report_format}"


def list_reports(row: FilmRow) -> list[ReportFormat]:
    """Return the formats in which there is a report."""
    return [name for name in REPORT_FORMATS if locate_report(row, name).is_file()]


def remove_reports(row: FilmRow) -> None:
    """Remove the reports of an earlier rendering."""
    for name in REPORT_FORMATS:
        locate_report(row, name).unlink(missing_ok=True)


def write_reports(
    row: FilmRow,
    project: Project,
    result: FilmResult,
    options: ColorizeOptions,
    settings: StudioSettings,
) -> None:
    """Write the reports of a rendering. Those of an upload do not show paths of the server.

    Args:
        row: the film.
        project: its project, as it was rendered.
        result: the result, whose file is read.
        options: the options of the run that the project does not store.
        settings: those of the server.

    Raises:
        VidcolorError: a report cannot be written.
    """
    from vidcolor.batch.report.make import make_record
    from vidcolor.batch.report.write import write_report
    from vidcolor.batch.runner import TaskResult
    from vidcolor.batch.task import Task
    from vidcolor.project.render import make_render_options

    document = project.document
    task = Task(
        document.source.kind, result.source, result.target,
        make_render_options(project.path, document, options),
        project=project.describe_revision(), project_path=project.path,
    )  # fmt: skip
    records = [make_record(TaskResult(task, result))]
    for name in REPORT_FORMATS:
        path = locate_report(row, name)
        write_report(path, records)
        if row.is_upload:
            _hide_paths(path, row, settings)


def _hide_paths(path: Path, row: FilmRow, settings: StudioSettings) -> None:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        text = json.dumps(_hide_in(json.loads(text), row, settings), indent=2, ensure_ascii=False)
    else:
        text = hide_path(text, row, settings)
    path.write_text(text, encoding="utf-8")


def _hide_in(value: Any, row: FilmRow, settings: StudioSettings) -> Any:
    """Return JSON whose texts do not show the paths of an upload."""
    if isinstance(value, dict):
        return {name: _hide_in(item, row, settings) for name, item in value.items()}
    if isinstance(value, list):
        return [_hide_in(item, row, settings) for item in value]
    return hide_path(value, row, settings) if isinstance(value, str) else value
