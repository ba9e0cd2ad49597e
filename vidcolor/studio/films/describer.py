"""Films as JSON: their rows, jobs and results, and what their projects say."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from vidcolor.errors import VidcolorError
from vidcolor.project.approvals import get_state
from vidcolor.studio.films.describe import describe_document, is_outdated
from vidcolor.studio.films.models import list_models
from vidcolor.studio.films.paths import has_project, hide_path, is_analyzed, read_signature
from vidcolor.studio.films.reports import list_reports

if TYPE_CHECKING:
    from vidcolor.project.api import Project
    from vidcolor.project.document import ProjectDocument
    from vidcolor.studio.films.projects import OpenedProjects
    from vidcolor.studio.films.rows import FilmRow
    from vidcolor.studio.jobs.queue import JobQueue
    from vidcolor.studio.settings import StudioSettings

_DOCUMENT_VIEW, _STATES_VIEW = "document", "states"


class FilmDescriber:
    """Describes films for browsers and scripts. Thread-safe."""

    def __init__(self, settings: StudioSettings, jobs: JobQueue, opened: OpenedProjects) -> None:
        """Read jobs and projects."""
        self._settings, self._jobs, self._opened = settings, jobs, opened

    def summarize(self, row: FilmRow) -> dict[str, Any]:
        """Return what the list of films shows."""
        head = self._describe_row(row)
        return {**head, "state": self._choose_state(row, head), "shots": self._count_shots(row)}

    def _count_shots(self, row: FilmRow) -> dict[str, int] | None:
        """Return the number of shots in each state; None without a project that can be read."""
        with contextlib.suppress(VidcolorError), self._opened.use(row.project_path) as opened:
            if not has_project(row):
                return None

            def count(document: ProjectDocument) -> bytes:
                states = [get_state(document, index) for index in range(len(document.shots))]
                return json.dumps({state: states.count(state) for state in set(states)}).encode()

            counts: dict[str, int] = json.loads(opened.get_view(_STATES_VIEW, count))
            return counts
        return None

    def describe(self, row: FilmRow, facts: dict[str, Any] | None = None) -> bytes:
        """Return a film as JSON.

        Args:
            row: the film.
            facts: those of `describe_source`; None if they are not known.
        """
        head = self._describe_row(row)
        if not has_project(row):
            return _dump({**head, "state": self._choose_state(row, head)})
        try:
            with self._opened.use(row.project_path) as opened:
                project = opened.load()
                revs = opened.get_revs(self._settings.model)
                body = opened.get_view(
                    _DOCUMENT_VIEW, lambda document: describe_document(document, row.name, revs)
                )
                source = project.document.source
                head["models"] = list_models(project.document, self._settings)
                head["result"] = self._describe_result(row, project)
        except VidcolorError as error:
            text = hide_path(str(error), row, self._settings)
            return _dump({**head, "state": "missing", "error": text})
        facts = facts or {
            "width": source.width,
            "height": source.height,
            "timecode": None,
            "variable_rate": None,
        }
        head |= {"state": self._choose_state(row, head), **facts}
        return _dump(head)[:-1] + b"," + body[1:]

    def _describe_row(self, row: FilmRow) -> dict[str, Any]:
        """Return what is known of a film without its project."""
        job = self._jobs.find(row.id)
        notice = None
        if not row.is_upload and row.project_path.parent != row.path.parent:
            notice = f"the decisions about this film are in {row.project_path}"
        return {
            "id": row.id,
            "name": row.name,
            "size": row.size,
            "is_upload": row.is_upload,
            "visited": row.visited,
            "expires": self._settings.expires_at(row.visited) if row.is_upload else None,
            "project": None if row.is_upload else str(row.project_path),
            "notice": notice,
            "error": row.error,
            "job": None if job is None else job.to_json(),
            "result": None,
        }

    def _choose_state(self, row: FilmRow, head: dict[str, Any]) -> str:
        if is_analyzed(row):
            return "ready"
        job = head["job"]
        is_active = (
            job is not None
            and job["kind"] == "analyze"
            and job["state"]
            in (
                "queued",
                "running",
            )
        )
        return "analyzing" if is_active else "missing" if row.error else "new"

    def _describe_result(self, row: FilmRow, project: Project) -> dict[str, Any] | None:
        path, revision = row.result_path, row.result_revision
        file = None if path is None else read_signature(path)
        if file is None or revision is None:
            return None
        return {
            "revision": revision,
            "bytes": file.size,
            "name": self.make_result_name(row),
            "path": None if row.is_upload else str(path),
            "is_stale": is_outdated(project.history, revision),
            "reports": list_reports(row),
        }

    def make_result_name(self, row: FilmRow) -> str:
        """Return the name of the result for the person who downloads it."""
        assert row.result_path is not None
        if not row.is_upload:
            return row.result_path.name
        stem = row.name.rpartition(".")[0] or row.name
        return f"{stem}.color{row.result_path.suffix}"


def _dump(values: dict[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
