"""Deletion of uploads that are no longer needed. Files of the command line are never deleted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Protocol

from starlette.concurrency import run_in_threadpool

from vidcolor.studio import audit
from vidcolor.studio.logs import log_exception
from vidcolor.studio.storage import delete_tree

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.studio.database import Database
    from vidcolor.studio.settings import StudioSettings
    from vidcolor.studio.uploads import UploadService

INTERVAL_S = 20.0
_MIN_UPLOAD_SECONDS = 600.0
"""Time that an interrupted upload is kept at least."""
_MIN_JUMP_S = 30.0
"""Minimum correction of the clock that moves the times of visits, in seconds."""
_OWNED = (("photos", "photos"), ("stills", "films"))
"""Directories that contain one directory for each id, and the table of these ids."""
_EXPIRED = """
SELECT id, visited, {downloaded} AS downloaded FROM {table} WHERE is_upload = 1 AND id NOT IN
(SELECT subject FROM jobs WHERE state IN ('queued', 'running'))
"""


class DeletingService(Protocol):
    """What retention needs of the photos and of the films."""

    def delete(self, item_id: str, reason: str) -> None:
        """Delete an item with its files, and record it in the audit log."""


class ArchivingService(DeletingService, Protocol):
    """What retention needs of the photos: they also have archives of results."""

    def delete_expired_archives(self, now: float) -> int:
        """Delete archives that have expired, and return their number."""


class Retention:
    """Sweeps in the background: at the start, and several times a minute."""

    def __init__(
        self,
        settings: StudioSettings,
        database: Database,
        uploads: UploadService,
        photos: ArchivingService,
        films: DeletingService,
    ) -> None:
        self._settings = settings
        self._database = database
        self._uploads = uploads
        self._photos = photos
        self._films = films
        self._task: asyncio.Task[None] | None = None
        self._clocks = time.time(), _read_steady_clock()

    def start(self) -> None:
        """Begin to sweep. Requires a running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="retention")

    async def close(self) -> None:
        """End the sweeps."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await run_in_threadpool(self.follow_clock)
                await run_in_threadpool(self.sweep)
            except Exception as error:  # such as a full disk; the next sweep tries again
                log_exception("retention-failed", error)
            await asyncio.sleep(INTERVAL_S)

    def follow_clock(self) -> float:
        """Move the times of visits with a clock that was set forward since the last call.

        Otherwise photos that someone works on would expire.

        Returns:
            The correction, in seconds; 0 if there is none.
        """
        (before, steady), self._clocks = self._clocks, (time.time(), _read_steady_clock())
        now = self._clocks[0]
        jump = now - before - (self._clocks[1] - steady)
        if jump < _MIN_JUMP_S:
            return 0.0
        with self._database.transaction() as connection:
            for table in ("uploads", "photos", "films"):
                connection.execute(
                    f"UPDATE {table} SET visited = max(visited, min(visited + ?, ?))", (jump, now)
                )
        return jump

    def sweep(self, now: float | None = None) -> int:
        """Delete what has expired, and return the number of items.

        Photos and films with a job that waits or runs stay until it has ended.

        Args:
            now: Unix time; None for the present.
        """
        now = time.time() if now is None else now
        self._uploads.finish_complete()
        keep = max(_MIN_UPLOAD_SECONDS, 60 * self._settings.keep_minutes)
        count = self._uploads.delete_abandoned(now - keep)
        count += self._sweep_items("photos", "downloaded", self._photos, now)
        count += self._sweep_items("films", "NULL", self._films, now)
        count += self._photos.delete_expired_archives(now)
        self._remove_orphans()
        audit.remove_old_lines(self._database)
        return count

    def _sweep_items(
        self, table: str, downloaded: str, service: DeletingService, now: float
    ) -> int:
        query = _EXPIRED.format(table=table, downloaded=downloaded)
        count = 0
        for row in self._database.connection.execute(query).fetchall():
            if self._settings.expires_at(row["visited"], row["downloaded"]) > now:
                continue
            expired = self._settings.expires_at(row["visited"]) <= now
            service.delete(row["id"], "expired" if expired else "downloaded")
            count += 1
        return count

    def _remove_orphans(self) -> None:
        """Delete directories that no upload and no item has, such as those of a killed job."""
        for path in _list_directory(self._settings.uploads_dir):
            if not self._is_used(path.name):
                delete_tree(path)
                audit.record(self._database, "upload-deleted", path.name, "orphan")
        for name, table in _OWNED:
            for path in _list_directory(self._settings.data_dir / name):
                query = f"SELECT 1 FROM {table} WHERE id = ?"
                if not self._database.connection.execute(query, (path.name,)).fetchone():
                    delete_tree(path)

    def _is_used(self, name: str) -> bool:
        """Return whether a directory of uploads belongs to an upload, a photo or a film."""
        connection = self._database.connection
        prefix = f"{self._settings.uploads_dir / name}{os.sep}"
        queries = (
            ("SELECT 1 FROM uploads WHERE id = ? AND item IS NULL", name),
            ("SELECT 1 FROM photos WHERE substr(path, 1, length(?1)) = ?1", prefix),
            ("SELECT 1 FROM films WHERE substr(path, 1, length(?1)) = ?1", prefix),
        )
        return any(connection.execute(query, (value,)).fetchone() for query, value in queries)


def _list_directory(directory: Path) -> list[Path]:
    return list(directory.iterdir()) if directory.is_dir() else []


def _read_steady_clock() -> float:
    """Return the time of a clock that is never set, in seconds.

    On Linux it also runs while the machine sleeps, so that a sleep is no correction.
    """
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
