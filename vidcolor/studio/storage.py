"""The share of the disk that uploads and their results may use."""

from __future__ import annotations

import os
import shutil
import threading
import time
from typing import TYPE_CHECKING

from vidcolor.studio.errors import StorageError

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from vidcolor.studio.database import Database
    from vidcolor.studio.settings import StudioSettings

_MEASURE_SECONDS = 5.0


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
