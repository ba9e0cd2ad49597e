"""Locks that end with their process: of a server on its data, and of each worker.

The system releases them however a process ends, so that no clock decides whether a process is
alive.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from vidcolor.errors import BusyError

if TYPE_CHECKING:
    from pathlib import Path

_SERVER_LOCK = "studio.lock"
_WORKERS = "workers"
_END_TIMEOUT_S = 5.0
"""Time in which the workers of a server that was killed must end, in seconds."""


def lock_data_dir(data_dir: Path) -> FileLock:
    """Acquire the lock of a server on its data; the same process may acquire it repeatedly.

    Raises:
        BusyError: another server uses the directory.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    lock = FileLock(data_dir / _SERVER_LOCK, timeout=0, is_singleton=True, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise BusyError(
            f"{data_dir}: another vidcolor studio uses this directory; stop it, or name another "
            "directory"
        ) from None
    return lock


def lock_worker(data_dir: Path, worker: str) -> FileLock:
    """Acquire the lock of a worker, which shows that it is alive."""
    path = _worker_path(data_dir, worker)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=0, thread_local=False)
    lock.acquire()
    return lock


def end_worker(data_dir: Path, worker: str) -> None:
    """Return when a worker of an earlier server has ended; kill it if it does not end by itself.

    Args:
        data_dir: directory of the data.
        worker: name of the worker, which starts with the ID of its process.
    """
    path = _worker_path(data_dir, worker)
    if not path.exists():
        return
    lock = FileLock(path, timeout=_END_TIMEOUT_S, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        # The process holds the lock, so that its ID cannot belong to another one.
        with contextlib.suppress(OSError):
            os.kill(int(worker.partition("-")[0]), getattr(signal, "SIGKILL", signal.SIGTERM))
        lock.acquire(timeout=-1)
    lock.release()
    path.unlink(missing_ok=True)


def list_worker_locks(data_dir: Path) -> list[str]:
    """Return the names of the workers that left a lock file."""
    return sorted(path.stem for path in (data_dir / _WORKERS).glob("*.lock"))


def _worker_path(data_dir: Path, worker: str) -> Path:
    return data_dir / _WORKERS / f"{worker}.lock"
