"""Pictures, loops and other results that were computed for films, in files of limited total size.

Everything is named after what it depends on, so nothing is ever outdated, and everything may be
deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from vidcolor.fileio import temporary_path
from vidcolor.studio.storage import delete_tree

if TYPE_CHECKING:
    from pathlib import Path

MAX_DISK_BYTES = 2 << 30
"""Maximum total size of the files, in bytes."""
MAX_MEMORY_BYTES = 48 << 20
"""Maximum total size of what is kept in memory as well, in bytes."""
_KEPT_SHARE = 0.8
"""Share of the maximum size that remains when old files are removed."""
_KEY_LENGTH = 32


class StillCache:
    """A directory with one directory for each film. Thread-safe, and safe across processes."""

    def __init__(
        self,
        path: Path,
        max_disk_bytes: int = MAX_DISK_BYTES,
        max_memory_bytes: int = MAX_MEMORY_BYTES,
    ) -> None:
        """Use a directory, which is made with the first file."""
        self._path, self._lock = path, threading.Lock()
        self._max_disk_bytes, self._max_memory_bytes = max_disk_bytes, max_memory_bytes
        self._memory: OrderedDict[Path, bytes] = OrderedDict()
        self._memory_bytes = 0
        self._deleted: set[Path] = set()
        """Folders of deleted films. Work that ends after the deletion must leave nothing there."""
        self._unmeasured = max_disk_bytes
        """Bytes that were written since the size was measured."""

    def locate(self, film_id: str, key: str, suffix: str) -> Path:
        """Return the path of what depends on the values in `key`."""
        name = hashlib.sha256(key.encode()).hexdigest()[:_KEY_LENGTH]
        return self._path / film_id / f"{name}{suffix}"

    def get(self, path: Path) -> bytes | None:
        """Return the content of a path of `locate`; None if it is not kept."""
        with self._lock:
            data = self._memory.get(path)
            if data is not None:
                self._memory.move_to_end(path)
                return data
        try:
            data = path.read_bytes()
        except OSError:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        self._remember(path, data)
        return data

    def put(self, path: Path, data: bytes) -> None:
        """Keep content, unless its film is deleted. If the disk is full, only memory keeps it."""
        if path.parent in self._deleted:
            return
        self._remember(path, data)
        partial = temporary_path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(data)
            partial.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            return
        if path.parent in self._deleted:  # it was deleted meanwhile
            self._remove(path.parent)
            return
        self.note_written(len(data))

    def note_written(self, size: int) -> None:
        """Count bytes that were written to a path of `locate`; remove old files if necessary."""
        with self._lock:
            self._unmeasured += size
            if self._unmeasured < self._max_disk_bytes * (1 - _KEPT_SHARE):
                return
            self._unmeasured = 0
        self._prune()

    def _remember(self, path: Path, data: bytes) -> None:
        with self._lock:
            self._memory_bytes += len(data) - len(self._memory.pop(path, b""))
            self._memory[path] = data
            while self._memory_bytes > self._max_memory_bytes:
                _, old = self._memory.popitem(last=False)
                self._memory_bytes -= len(old)

    def _prune(self) -> None:
        """Remove the files that were not used for the longest time, if there are too many."""
        files: list[tuple[float, int, Path]] = []
        for path in self._path.rglob("*"):
            with contextlib.suppress(OSError):
                status = path.stat()
                if path.is_file():
                    files.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in files)
        if total <= self._max_disk_bytes:
            return
        for _, size, path in sorted(files):
            with contextlib.suppress(OSError):
                path.unlink()
            total -= size
            if total <= self._max_disk_bytes * _KEPT_SHARE:
                break

    def delete(self, film_id: str) -> None:
        """Remove everything about a film, for ever."""
        folder = self._path / film_id
        self._deleted.add(folder)
        self._remove(folder)

    def _remove(self, folder: Path) -> None:
        delete_tree(folder)
        with self._lock:
            for path in [path for path in self._memory if path.parent == folder]:
                self._memory_bytes -= len(self._memory.pop(path))
