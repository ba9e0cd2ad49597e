"""The films of a studio: their projects are the only place where decisions are stored."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from vidcolor.errors import ConflictError, VidcolorError
from vidcolor.project.session import get_user_name, resolve_path
from vidcolor.project.store import SUFFIX, is_project_name
from vidcolor.studio.errors import ApiError, NotFoundError
from vidcolor.studio.films.describe import describe_log
from vidcolor.studio.films.describer import FilmDescriber
from vidcolor.studio.films.models import list_models
from vidcolor.studio.films.paths import (
    choose_project_path,
    has_project,
    hide_path,
    is_analyzed,
    locate_loop,
    open_still_cache,
)
from vidcolor.studio.films.pictures import FilmPictures
from vidcolor.studio.films.projects import Decisions, OpenedProjects, pack_decisions
from vidcolor.studio.films.review import FilmReview
from vidcolor.studio.films.rows import FilmRow, FilmTable
from vidcolor.studio.films.watcher import ProjectWatcher
from vidcolor.studio.jobs.models import ALL_CLIENTS
from vidcolor.studio.links import make_id
from vidcolor.studio.storage import Storage, delete_tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vidcolor.project.api import Project
    from vidcolor.project.document import ProjectDocument
    from vidcolor.studio.compute.client import ComputeClient
    from vidcolor.studio.database import Database
    from vidcolor.studio.events import EventLog
    from vidcolor.studio.films.changes import ChangeModel
    from vidcolor.studio.jobs.models import Job
    from vidcolor.studio.jobs.queue import JobQueue
    from vidcolor.studio.settings import StudioSettings

_PACKED_VIEW = "packed"


class FilmService:
    """Everything about films. Its methods are thread-safe, except those of `pictures`."""

    def __init__(
        self,
        settings: StudioSettings,
        database: Database,
        events: EventLog,
        jobs: JobQueue,
        compute: ComputeClient,
    ) -> None:
        """Use the other services of a server."""
        self._settings, self._events, self._jobs = settings, events, jobs
        self.table = FilmTable(database)
        self.opened = OpenedProjects()
        self.cache = open_still_cache(settings)
        self.storage = Storage(settings, database)
        self.pictures = FilmPictures(settings, compute, self.cache, self.read_decisions)
        self.review = FilmReview(self.pictures, events)
        self.describer = FilmDescriber(settings, jobs, self.opened)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reference_locks = WeakValueDictionary[str, asyncio.Lock]()
        self._watcher = ProjectWatcher(self.table, self.opened, events)

    def start(self) -> None:
        """Start to watch the files of projects. Requires a running event loop."""
        self._loop = asyncio.get_running_loop()
        self._watcher.start()

    async def close(self) -> None:
        """Stop to watch."""
        await asyncio.to_thread(self._watcher.close)

    # Films

    def add(
        self,
        path: Path,
        name: str,
        client: str,
        is_upload: bool,
        size: int,
        sha256: str,
        project: Path | None = None,
    ) -> str:
        """Add a film and return its id. A film of the command line that is known stays as it is.

        An uploaded film is analyzed at once. The directory that it lies in belongs to it.

        Args:
            path: the film, the pattern or folder of an image sequence, or a project.
            name: name for display.
            client: client that uploaded it.
            is_upload: whether it was uploaded; other films are not changed or deleted.
            size: size in bytes; 0 if unknown.
            sha256: digest of the content; empty if unknown.
            project: the project of the film; None for the one beside it.

        Raises:
            QueueFullError: an uploaded film cannot be analyzed now.
        """
        film_id = make_id()
        if is_project_name(path):
            path, project = path, path
        path = path.absolute()
        if is_upload:
            project = path.with_name(f"{path.stem}{SUFFIX}")
        else:
            known = self._find_known(path, project)
            if known is not None:
                return known.id
            if project is None:
                used = {row.project_path for row in self.table.list_all()}
                project = choose_project_path(path, used, self._settings, film_id)
        project = resolve_path(project).absolute()
        now = time.time()
        row = FilmRow(
            film_id, client, name, path, project, is_upload, size, sha256 or None, None, None,
            None, now, now,
        )  # fmt: skip
        self.table.insert(row)
        if is_upload:
            self.ensure_analyzed(row)
        return film_id

    def _find_known(self, path: Path, project: Path | None) -> FilmRow | None:
        """Return the film of the command line with a path, or with a project."""
        projects = () if project is None else (project.absolute(), resolve_path(project).absolute())
        for row in self.table.list_all():
            if not row.is_upload and (row.project_path in projects or row.path == path):
                return row
        return None

    def get(self, film_id: str, client: str) -> FilmRow:
        """Return a film that a client may see, and store the visit.

        Raises:
            NotFoundError: there is none.
        """
        row = self.table.get(film_id)
        if not row.is_visible_to(client):
            raise NotFoundError("this film does not exist, or was deleted")
        self.table.visit(row)
        return row

    def list_films(self, client: str) -> list[dict[str, Any]]:
        """Return what the list of films shows, the one that was visited last first."""
        rows = [row for row in self.table.list_all() if row.is_visible_to(client)]
        return [self.describer.summarize(row) for row in rows]

    def ensure_analyzed(self, row: FilmRow, retry: bool = False) -> Job | None:
        """Submit the analysis of a film that lacks it; return the job, also that of an earlier one.

        With `retry`, an analysis that has failed is submitted again.

        Raises:
            QueueFullError: the queue is full.
        """
        if is_analyzed(row):
            return None
        job = self._jobs.find(row.id, "analyze")
        if job is not None and (job.is_active or (job.state == "failed" and not retry)):
            return job
        return self._jobs.submit("analyze", row.id, {}, row.viewer or ALL_CLIENTS, name=row.name)

    def list_models(self, document: ProjectDocument) -> list[str]:
        """Return the models that shots of a film may have."""
        return list_models(document, self._settings)

    # Decisions

    def read_decisions(self, row: FilmRow) -> Decisions:
        """Return the decisions about a film.

        Raises:
            NotFoundError: the film has no project yet.
            VidcolorError: the project cannot be read.
        """
        with self._use_project(row) as opened:
            project = opened.load()
            revs = opened.get_revs(self._settings.model)
            packed = opened.get_view(_PACKED_VIEW, pack_decisions)
            key = hashlib.sha256(packed).hexdigest()
            return Decisions(project.document, revs, packed, key)

    @contextlib.contextmanager
    def _use_project(self, row: FilmRow) -> Iterator[Any]:
        if not has_project(row):
            raise NotFoundError(f"{row.name}: is not analyzed yet; try again in a moment")
        with self.opened.use(row.project_path) as opened:
            try:
                opened.load()
            except VidcolorError as error:
                raise type(error)(hide_path(str(error), row, self._settings)) from error
            try:
                yield opened
            except ApiError:
                raise
            except VidcolorError as error:
                raise type(error)(self._make_message(error, row)) from error

    def _make_message(self, error: VidcolorError, row: FilmRow) -> str:
        """Return a message about a change without the path of the project at its start."""
        text = str(error).removeprefix(f"{row.project_path}: ")
        return hide_path(text, row, self._settings)

    def change(self, row: FilmRow, revision: int, change: ChangeModel) -> None:
        """Make one change of the project of a film.

        Raises:
            ApiError: with status 409 and `current`, the film: it has another revision.
            UsageError: the change is impossible.
            VidcolorError: the project cannot be read or written.
        """
        with self._use_project(row) as opened:
            project = opened.load()
            self._check_revision(row, project, revision)
            project.by = change.by or get_user_name()
            try:
                change.apply(project)
                opened.save(project)
            except ConflictError as error:
                raise self._make_conflict(row, str(error)) from error
            self._publish(row, project)

    def _publish(self, row: FilmRow, project: Project) -> None:
        self._watcher.note(row)
        self._events.publish_revision("film", row.id, project.revision, row.viewer)

    def _check_revision(self, row: FilmRow, project: Project, revision: int) -> None:
        if project.revision != revision:
            last = project.history[-1]
            raise self._make_conflict(
                row,
                f"{row.name}: has revision {project.revision} now ({last.do} by {last.by}); look "
                "at it, and repeat your change",
            )

    def _make_conflict(self, row: FilmRow, text: str) -> ApiError:
        current = json.loads(self.describer.describe(row))
        return ApiError(
            hide_path(text, row, self._settings), status=409, code="conflict", current=current
        )

    def get_reference_lock(self, row: FilmRow) -> asyncio.Lock:
        """Return the lock under which references of a film are stored and added to its project.

        Without it, of two clients that send the same image, the one that is refused could remove
        the image that the other one has added.
        """
        return self._reference_locks.setdefault(row.id, asyncio.Lock())

    def read_project_file(self, row: FilmRow) -> bytes:
        """Return the content of the project file.

        Raises:
            NotFoundError: the film has no project yet.
            VidcolorError: the project cannot be read.
        """
        with self._use_project(row):
            return row.project_path.read_bytes()

    def list_changes(self, row: FilmRow, limit: int) -> list[dict[str, Any]]:
        """Return the last changes, the newest first; all with a limit of 0."""
        with self._use_project(row) as opened:
            return describe_log(opened.load().history, limit)

    # Jobs

    def submit_render(self, row: FilmRow, options: dict[str, Any]) -> Job:
        """Queue the rendering of a film; `options` are those of `run_render`."""
        return self._jobs.submit(
            "render", row.id, options, row.viewer or ALL_CLIENTS, name=row.name
        )

    def find_shot(self, row: FilmRow, number: int, rev: str | None) -> tuple[int, str]:
        """Return number and revision of a shot; see `Decisions.find_shot`.

        Raises:
            NotFoundError: there is no such shot.
        """
        decisions = self.read_decisions(row)
        index = decisions.find_shot(number, rev)
        if index is None:
            raise NotFoundError(f"shot {number} does not exist; read the film again")
        return index + 1, decisions.revs[index]

    def locate_loop(self, row: FilmRow, rev: str, view: str, suffix: str) -> Path:
        """Return the path of the loop of a shot with a revision, which may not exist."""
        return locate_loop(self.cache, row.id, rev, view, suffix)

    def submit_loop(self, row: FilmRow, number: int, rev: str) -> Job:
        """Queue the loops of a shot with a revision, or return the job that is making them.

        Raises:
            QueueFullError: the queue is full.
        """
        job = self._jobs.find(row.id, "loop", str(number))
        if job is not None and job.is_active and job.options.get("rev") == rev:
            return job
        return self._jobs.submit(
            "loop", row.id, {"shot": number, "rev": rev}, row.viewer or ALL_CLIENTS,
            name=f"{row.name}, shot {number}", part=str(number),
        )  # fmt: skip

    # Deletion

    def delete(self, film_id: str, reason: str) -> None:
        """Delete an uploaded film with its project and its results; forget one of the command line.

        Raises:
            NotFoundError: there is no such film.
        """
        row = self.table.get(film_id)
        if row.is_upload:  # first, because the database cannot grow on a full disk
            delete_tree(row.path.parent)
        self._jobs.remove(film_id)
        self.table.delete(film_id, "film-deleted" if row.is_upload else "film-forgotten", reason)
        self.opened.discard(row.project_path)
        self.cache.delete(film_id)
        self._watcher.forget(film_id)
        if self._loop is not None and not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._forget(row), self._loop)
        self._events.publish("deleted", {"id": film_id}, row.viewer)

    async def _forget(self, row: FilmRow) -> None:
        self.review.cancel(row.id)
        await self.pictures.forget(row)
