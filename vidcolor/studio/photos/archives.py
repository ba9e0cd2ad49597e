"""Archives: ZIP files of results, for one download."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from vidcolor.studio import audit
from vidcolor.studio.errors import ApiError, NotFoundError, RequestError
from vidcolor.studio.links import make_id
from vidcolor.studio.photos.files import archive_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vidcolor.studio.database import Database
    from vidcolor.studio.jobs.models import Job
    from vidcolor.studio.jobs.queue import JobQueue
    from vidcolor.studio.photos.rows import PhotoTable
    from vidcolor.studio.settings import StudioSettings

KIND = "archive"


class Archives:
    """Makes and deletes archives. Thread-safe."""

    def __init__(
        self, settings: StudioSettings, database: Database, table: PhotoTable, jobs: JobQueue
    ) -> None:
        """Use the other services of a server."""
        self._settings, self._database = settings, database
        self._table, self._jobs = table, jobs
        self._lock = threading.Lock()
        self._downloaded: dict[str, float] = {}
        """Times of downloads since the server has started, by archive."""

    def create(self, photo_ids: Sequence[str], client: str) -> Job:
        """Make an archive of the results of photos, in the background.

        Raises:
            NotFoundError: the client may not see one of the photos.
            RequestError: there are no photos.
            QueueFullError: too many jobs wait.
        """
        ids = list(dict.fromkeys(photo_ids))
        if not ids:
            raise RequestError("the list of photos is empty")
        for photo_id in ids:
            if not self._table.get(photo_id).is_visible_to(client):
                raise NotFoundError("there is no such photo, or no longer")
        name = "1 photo" if len(ids) == 1 else f"{len(ids)} photos"
        return self._jobs.submit(KIND, make_id(), {"photos": ids}, client, name=name)

    def get(self, archive_id: str, client: str) -> tuple[Path, list[str]]:
        """Return the file of an archive, and the ids of its photos.

        Raises:
            NotFoundError: the client has no such archive, or no longer.
            ApiError: the archive is not finished, or it failed.
        """
        job = self._jobs.find(archive_id, KIND)
        if job is None or not job.is_visible_to(client):
            raise NotFoundError("there is no such archive, or no longer")
        if job.state in ("queued", "running"):
            raise ApiError(
                "the archive is not ready; wait for its job", status=409, code="stale",
                job=job.to_json(),
            )  # fmt: skip
        if job.state != "done" or job.result is None:
            raise ApiError(job.error or "the archive was canceled", status=422, code="unsupported")
        path = archive_path(self._settings, archive_id)
        if not path.is_file():
            raise NotFoundError("there is no such archive, or no longer")
        return path, list(job.result["photos"])

    def mark_downloaded(self, archive_id: str) -> None:
        """Store that an archive was downloaded, which lets it expire soon."""
        with self._lock:
            self._downloaded[archive_id] = time.time()
        audit.record(self._database, "archive-downloaded", archive_id)

    def delete_expired(self, now: float) -> int:
        """Delete archives that have expired, and return their number."""
        count = 0
        for path in self._list():
            archive_id = path.stem
            with self._lock:
                downloaded = self._downloaded.get(archive_id)
            try:
                made = path.stat().st_mtime
            except OSError:
                continue
            if self._settings.expires_at(made, downloaded) <= now:
                self._delete(archive_id, "expired")
                count += 1
        return count

    def delete_with(self, photo_id: str, reason: str) -> None:
        """Delete the archives that contain a photo."""
        rows = self._database.connection.execute(
            "SELECT subject FROM jobs WHERE kind = ? AND instr(options, ?) > 0",
            (KIND, f'"{photo_id}"'),
        ).fetchall()
        for row in rows:
            self._delete(row["subject"], reason)

    def _list(self) -> list[Path]:
        directory = archive_path(self._settings, "any").parent
        return list(directory.glob("*.zip")) if directory.is_dir() else []

    def _delete(self, archive_id: str, reason: str) -> None:
        self._jobs.remove(archive_id)
        path = archive_path(self._settings, archive_id)
        if path.is_file():
            path.unlink(missing_ok=True)
            audit.record(self._database, "archive-deleted", archive_id, reason)
        with self._lock:
            self._downloaded.pop(archive_id, None)
