"""The photos of a studio: their decisions, results and files."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vidcolor.studio import audit
from vidcolor.studio.errors import ApiError, NotFoundError
from vidcolor.studio.jobs.errors import QueueFullError
from vidcolor.studio.jobs.models import ALL_CLIENTS
from vidcolor.studio.links import make_id
from vidcolor.studio.photos.archives import Archives
from vidcolor.studio.photos.decisions import PhotoReference, Redo, Undo
from vidcolor.studio.photos.files import delete_files, make_result_name
from vidcolor.studio.photos.pictures import PhotoPictures
from vidcolor.studio.photos.rows import PhotoRow, PhotoTable, Revision
from vidcolor.studio.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vidcolor.studio.compute.client import ComputeClient
    from vidcolor.studio.database import Database
    from vidcolor.studio.events import EventLog
    from vidcolor.studio.jobs.models import Job
    from vidcolor.studio.jobs.queue import JobQueue
    from vidcolor.studio.photos.decisions import Decisions, PhotoChange
    from vidcolor.studio.settings import StudioSettings


class PhotoService:
    """Everything about photos. Its methods are thread-safe, except those of `pictures`."""

    def __init__(
        self,
        settings: StudioSettings,
        database: Database,
        events: EventLog,
        jobs: JobQueue,
        compute: ComputeClient,
    ) -> None:
        """Use the other services of a server."""
        self._settings, self._database = settings, database
        self._events, self._jobs = events, jobs
        self.table = PhotoTable(database)
        self.pictures = PhotoPictures(settings, self.table, Storage(settings, database), compute)
        self.archives = Archives(settings, database, self.table, jobs)

    # Photos

    def add(
        self, path: Path, name: str, client: str, is_upload: bool, size: int, sha256: str
    ) -> str:
        """Add a photo and return its id. A photo of the command line that is known stays as it is.

        An uploaded photo is colorized at once, unless the queue is full. The directory that it lies
        in belongs to it.

        Args:
            path: the file.
            name: name of the file, for people.
            client: client that uploaded it.
            is_upload: whether it was uploaded; other files are never changed or deleted.
            size: size in bytes.
            sha256: digest of the content; empty if unknown.
        """
        path = path.absolute()
        if not is_upload and (known := self.table.find_source(path)) is not None:
            return known.id
        photo_id = make_id()
        self.table.insert(photo_id, path, name, client, is_upload, size, sha256)
        row = self.table.get(photo_id)
        if is_upload:
            with suppress(QueueFullError):  # it is colorized when its result is asked for
                self._submit(row)
        self._publish(row)
        return photo_id

    def get(self, photo_id: str, client: str) -> PhotoRow:
        """Return a photo that a client may see, and store the visit.

        Raises:
            NotFoundError: there is none.
        """
        row = self.table.get(photo_id)
        if not row.is_visible_to(client):
            raise NotFoundError("there is no such photo, or no longer")
        self.table.visit(row)
        return row

    def get_decisions(self, row: PhotoRow) -> Decisions:
        """Return the current decisions about a photo."""
        return self.table.get_revision(row.id, row.revision).decisions

    def list(self, client: str, ids: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Describe the photos that a client may see, or those of `ids`, the oldest first."""
        jobs: dict[str, Job] = {}
        for job in self._jobs.list(client):  # the newest first
            if job.kind == "photo":
                jobs.setdefault(job.subject, job)
        return [
            self._describe(row, revision, jobs.get(row.id))
            for row, revision in self.table.list_with_revisions(client)
            if ids is None or row.id in ids
        ]

    def describe(self, row: PhotoRow) -> dict[str, Any]:
        """Return a photo as the API shows it."""
        revision = self.table.get_revision(row.id, row.revision)
        return self._describe(row, revision, self._jobs.find(row.id, "photo"))

    def _describe(self, row: PhotoRow, revision: Revision, job: Job | None) -> dict[str, Any]:
        decisions = revision.decisions
        expires = self._settings.expires_at(row.visited, row.downloaded) if row.is_upload else None
        return {
            "id": row.id,
            "name": row.name,
            "size": row.size,
            "width": row.width,
            "height": row.height,
            "is_color": None if row.tint is None else row.tint == "color",
            "revision": row.revision,
            "hints": [hint.model_dump() for hint in decisions.hints],
            "vividness": decisions.vividness,
            "saturation": decisions.saturation,
            "reference": decisions.reference and {"name": decisions.reference.name},
            "can_undo": bool(revision.past),
            "can_redo": bool(revision.future),
            "output": row.output,
            "notice": _describe_fault(row, job),
            "error": row.error,
            "job": None if job is None else job.to_json(),
            "result": _describe_result(row),
            "is_upload": row.is_upload,
            "expires": expires,
        }

    def delete(self, photo_id: str, reason: str) -> None:
        """Delete an uploaded photo and its result; forget one of the command line.

        Raises:
            NotFoundError: there is no such photo.
        """
        row = self.table.get(photo_id)
        delete_files(self._settings, row)  # first, because the database cannot grow on a full disk
        self._jobs.remove(photo_id)
        self.archives.delete_with(photo_id, reason)
        self.table.delete(photo_id)
        event = "photo-deleted" if row.is_upload else "photo-forgotten"
        audit.record(self._database, event, photo_id, reason)
        self._events.publish("deleted", {"id": photo_id}, row.viewer)

    # Decisions

    def change(
        self, photo_id: str, client: str, expected: int | None, change: PhotoChange
    ) -> PhotoRow:
        """Change the decisions about a photo.

        Args:
            photo_id: the photo.
            client: client that asks for it.
            expected: revision that the client knows; None for any.
            change: the change.

        Raises:
            NotFoundError: the client may see no such photo.
            ApiError: the photo has another revision, which `current` describes.
            RequestError: a hint does not exist, or there is nothing to undo.
        """

        def edit(number: int, current: Revision) -> Revision:
            if isinstance(change, Undo | Redo):
                is_redo = isinstance(change, Redo)
                return self.table.restore(photo_id, number, current, redo=is_redo)
            return current.follow(number, change.apply(current.decisions))

        return self._edit(photo_id, client, expected, change.do, edit)

    def set_reference(
        self, photo_id: str, client: str, expected: int | None, reference: PhotoReference | None
    ) -> PhotoRow:
        """Set or remove the picture whose colors a photo gets; errors are those of `change`."""

        def edit(number: int, current: Revision) -> Revision:
            decisions = current.decisions.model_copy(update={"reference": reference})
            return current.follow(number, decisions)

        return self._edit(photo_id, client, expected, "set-reference", edit)

    def check_revision(self, row: PhotoRow, expected: int | None) -> None:
        """Raise an `ApiError`, as `change` does, if a photo has another revision than expected."""
        if expected not in (None, row.revision):
            raise self._make_conflict(row)

    def _make_conflict(self, row: PhotoRow) -> ApiError:
        return ApiError(
            f"the photo was changed meanwhile; it has revision {row.revision} now",
            status=409,
            code="conflict",
            current=self.describe(row),
        )

    def _edit(
        self,
        photo_id: str,
        client: str,
        expected: int | None,
        do: str,
        edit: Callable[[int, Revision], Revision],
    ) -> PhotoRow:
        before = self.get(photo_id, client)
        row, is_expected = self.table.add_revision(photo_id, expected, do, edit)
        if not is_expected:
            raise self._make_conflict(row)
        if row.revision != before.revision:
            self._publish(row)
        return row

    # Results

    def render(self, row: PhotoRow, output: dict[str, Any] | None = None) -> Job:
        """Colorize a photo in full quality, in the background.

        Args:
            row: the photo.
            output: options of the result, ``format``, ``quality`` and ``mark``; None for those of
                the last time.

        Raises:
            QueueFullError: too many jobs wait.
        """
        if output is not None and output != row.output:
            self.table.set_output(row.id, output)
            row = self.table.get(row.id)
            self._publish(row)
        return self._submit(row)

    def ensure_result(self, row: PhotoRow) -> Job:
        """Return the job that makes the current result of a photo, which is queued if necessary.

        Raises:
            QueueFullError: too many jobs wait.
        """
        job = self._jobs.find(row.id, "photo")
        if job is not None and (job.state == "queued" or row.has_result):
            return job
        return self._submit(row)

    def _submit(self, row: PhotoRow) -> Job:
        return self._jobs.submit("photo", row.id, {}, row.viewer or ALL_CLIENTS)

    def get_result(self, photo_id: str, client: str) -> tuple[Path, str]:
        """Return the file of the current result of a photo, and its name for people.

        Raises:
            NotFoundError: the client may see no such photo.
            ApiError: there is no result of the current revision; a job makes it now.
            QueueFullError: there is none, and too many jobs wait.
        """
        row = self.get(photo_id, client)
        if row.error is not None:
            raise ApiError(row.error, status=422, code="unsupported")
        if not row.has_result or row.result_path is None:
            job = self._submit(row)
            raise ApiError(
                "the result is not ready; wait for the job", status=409, code="stale",
                job=job.to_json(),
            )  # fmt: skip
        return row.result_path, make_result_name(row.name, row.result_path.suffix)

    def mark_downloaded(self, photo_id: str) -> None:
        """Store that the result of a photo was downloaded, which lets it expire soon."""
        self.table.set_downloaded(photo_id)
        audit.record(self._database, "photo-downloaded", photo_id)

    def delete_expired_archives(self, now: float) -> int:
        """Delete archives that have expired, and return their number."""
        return self.archives.delete_expired(now)

    def _publish(self, row: PhotoRow) -> None:
        self._events.publish_revision("photo", row.id, row.revision, row.viewer)


def _describe_result(row: PhotoRow) -> dict[str, Any] | None:
    """Return the current result, or the last one of an earlier revision."""
    path = row.result_path
    if path is None:
        return None
    try:
        size = path.stat().st_size
    except OSError:
        return None
    name = make_result_name(row.name, path.suffix)
    return {"revision": row.result_revision, "bytes": size, "name": name}


def _describe_fault(row: PhotoRow, job: Job | None) -> str | None:
    """Return a line about a photo that is damaged, or not black and white."""
    if job is not None and job.result is not None and job.result.get("damaged"):
        return "The file is damaged: what cannot be read is filled in."
    if row.tint == "color":
        return "This photo is already in color; its color is replaced."
    return None
