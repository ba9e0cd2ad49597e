"""The lock on the rendering of a project, so that two processes do not do the same work.

::

    reel.vidcolor/               the cache directory of the project
        render.lock              locked by the process that renders the whole film
        rendering.json           what this process does, for the message of others
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from pydantic import with_config

from vidcolor.errors import BusyError, OutputError
from vidcolor.fileio import atomic_output
from vidcolor.schema import STORED, dump_json, load_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vidcolor.film.request import FilmRequest

_LOCK_FILE, _STATE_FILE = "render.lock", "rendering.json"
_LOCK_TIMEOUT_S = 0.2
"""Time to wait for the lock, in seconds."""


@with_config(STORED)
@dataclass(frozen=True, slots=True)
class _Rendering:
    """What a process renders."""

    process: int
    host: str
    target: str
    started_s: float
    """Seconds since 1970."""


@contextlib.contextmanager
def lock_rendering(request: FilmRequest) -> Iterator[None]:
    """Lock a project while its whole film is rendered. Without a project, do nothing.

    Excerpts take no lock, so that shots can be looked at during a long rendering: segments enter
    the cache atomically. The system releases the lock when the process exits.

    Raises:
        BusyError: another process renders the project.
    """
    if request.cache is None or request.excerpt is not None:
        yield
        return
    with contextlib.ExitStack() as stack:
        # On a file system without locks, the only loss is that of work that is done twice.
        with contextlib.suppress(OSError, OutputError):
            request.cache.mkdir(exist_ok=True)
            lock = FileLock(request.cache / _LOCK_FILE, timeout=_LOCK_TIMEOUT_S)
            try:
                lock.acquire()
            except Timeout:
                raise BusyError(_describe(request.cache)) from None
            stack.callback(lock.release)
            state = _Rendering(
                os.getpid(), socket.gethostname(), str(request.target.absolute()), time.time()
            )
            path = request.cache / _STATE_FILE
            with atomic_output(path, force=True) as partial:
                partial.write_text(dump_json(state), "utf-8")
            stack.callback(_remove, path)
        yield


def _describe(cache: Path) -> str:
    """Return the message about the process that holds the lock."""
    project, what = cache.with_name(f"{cache.name}.json"), "another process is rendering it"
    with contextlib.suppress(OSError, ValueError):
        state = load_json(_Rendering, (cache / _STATE_FILE).read_bytes())
        host = "" if state.host == socket.gethostname() else f" on {state.host}"
        started = time.strftime("%H:%M", time.localtime(state.started_s))
        what = f"process {state.process}{host} has been rendering it to {state.target} since "
        what += started
    return (
        f"{project}: {what}; wait until it is finished, or stop it: shots that are finished are "
        "kept and used again"
    )


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
