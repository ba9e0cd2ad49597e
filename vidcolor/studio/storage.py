"""The share of the disk that uploads and their results may use, and failures of the disk."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import threading
import time
from typing import TYPE_CHECKING

from vidcolor.studio.database import is_database_failure
from vidcolor.studio.errors import StorageError, UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.studio.database import Database
    from vidcolor.studio.errors import ApiError
    from vidcolor.studio.settings import StudioSettings

_MEASURE_SECONDS = 5.0
_FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
_LOCKED_DATABASE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Storage:
    """Measures the data directory, at most every few seconds. Thread-safe."""

    def __init__(self, settings: StudioSettings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._lock = threading.Lock()
        self._measured = (-_MEASURE_SECONDS, 0)
        """Time and result of the last measurement."""

    def measure_used(self) -> int:
        """Return the size of the files in the data directory, in bytes."""
        with self._lock:
            at, size = self._measured
            if time.monotonic() - at >= _MEASURE_SECONDS:
                size = measure_tree(self._settings.data_dir)
                self._measured = time.monotonic(), size
            return size

    def check_room(self, connection: sqlite3.Connection, size: int) -> None:
        """Check that there is room for a new upload beside those that are unfinished.

        Raises:
            StorageError: there is not.
        """
        row = connection.execute(
            "SELECT COALESCE(SUM(size - received), 0) FROM uploads WHERE item IS NULL"
        ).fetchone()
        missing = int(row[0]) + size
        if self.measure_used() + missing > self._settings.max_disk_bytes:
            raise StorageError(
                "the space for uploads is used up; download and delete files, or try later"
            )
        free = shutil.disk_usage(self._settings.data_dir).free
        if missing + self._settings.min_free_bytes > free:
            raise StorageError("the disk of the server has no room for this file")

    def check_reference_room(self, directory: Path) -> None:
        """Check that there is room for one more reference in a directory.

        Raises:
            StorageError: there is not.
        """
        room = self._settings.max_disk_bytes - self.measure_used()
        free = shutil.disk_usage(directory).free - self._settings.min_free_bytes
        if min(room, free) < self._settings.max_photo_bytes:
            raise StorageError("there is no room for a reference; download and delete files")


def measure_tree(directory: Path) -> int:
    """Return the size of all files below a directory, in bytes."""
    total = 0
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                try:
                    if entry.is_dir(follow_symlinks=False):
                        total += measure_tree(entry)  # type: ignore[arg-type]
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
                except OSError:  # deleted meanwhile
                    continue
    except OSError:
        return 0
    return total


def delete_tree(directory: Path) -> None:
    """Delete a directory with all files, also while a job writes into it.

    It gets another name first, so that no file is added meanwhile. What cannot be deleted now is
    deleted by a later sweep; see `Retention`.
    """
    hidden = directory.with_name(f".{directory.name}.deleted")
    try:
        directory.rename(hidden)
    except OSError:  # it does not exist, or the system keeps directories with open files
        hidden = directory
    shutil.rmtree(hidden, ignore_errors=True)


def is_failure(error: BaseException) -> bool:
    """Return whether an exception says that the disk or the database has failed."""
    return isinstance(error, OSError) or is_database_failure(error)


def convert_failure(error: BaseException) -> ApiError:
    """Return the answer to a request during which the disk or the database has failed."""
    code = getattr(error, "sqlite_errorcode", None)
    if code in _LOCKED_DATABASE:
        return UnavailableError("the database of the server is busy; try again in a moment")
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) in _FULL_DISK:
        return StorageError("the disk of the server is full; delete files, or ask its owner")
    reason = getattr(error, "strerror", None) or str(error)
    return StorageError(f"the server cannot read or write its files ({reason}); tell its owner")
