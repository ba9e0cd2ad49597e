"""A thread of a worker that stores progress, and stops jobs that are canceled or out of bounds."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from vidcolor.studio.logs import log_exception

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidcolor.studio.jobs.context import JobContext
    from vidcolor.studio.jobs.kinds import JobKind
    from vidcolor.studio.jobs.models import Job, JobProgress
    from vidcolor.studio.jobs.store import EndState, JobStore

TICK_S = 0.25
"""Interval in which progress is stored and limits are checked, in seconds."""
HEARTBEAT_S = 1.0
"""Interval between two heartbeats of a job without progress, in seconds."""
GIB = 1 << 30


@dataclass(eq=False, slots=True)
class _Run:
    """The job that a worker runs."""

    context: JobContext
    job: Job
    kind: JobKind
    stored: JobProgress | None = None
    """The progress that was stored."""
    beat_at: float = field(default_factory=time.monotonic)
    """Time of the last heartbeat, on the monotonic clock."""


class JobMonitor:
    """Observes the jobs of a worker, one at a time."""

    def __init__(self, store: JobStore, worker: str, max_memory: int) -> None:
        """Start the thread; `max_memory` is that of the process and those it starts, in bytes."""
        self._store, self._worker, self._max_memory = store, worker, max_memory
        self._run: _Run | None = None
        self._wake = threading.Event()
        self._is_draining = False
        threading.Thread(target=self._observe, name="monitor", daemon=True).start()

    @contextlib.contextmanager
    def observe(self, context: JobContext, job: Job, kind: JobKind) -> Iterator[None]:
        """Observe a job while the block runs."""
        self._run = _Run(context, job, kind)
        if self._is_draining:
            self._stop_resumable()
        self._wake.set()
        try:
            yield
        finally:
            self._run = None

    def wake(self) -> None:
        """Look at the job now, because it may be canceled."""
        self._wake.set()

    def drain(self) -> None:
        """Stop the job if it continues later where it stops; the worker does not start others."""
        self._is_draining = True
        self._stop_resumable()

    def _stop_resumable(self) -> None:
        run = self._run
        if run is not None and run.kind.is_resumable:
            run.context.stop("drain")

    def _observe(self) -> None:
        while True:
            is_woken = self._wake.wait(TICK_S if self._run is not None else None)
            self._wake.clear()
            run = self._run
            if run is None:
                continue
            try:
                self._beat(run, is_woken)
                self._check(run)
            except sqlite3.Error as error:  # a full disk; the next tick tries again
                log_exception("progress-not-stored", error, job=run.job.id)

    def _beat(self, run: _Run, is_woken: bool) -> None:
        progress, now = run.context.progress, time.monotonic()
        changed = progress is not run.stored
        if not (changed or is_woken or now - run.beat_at >= HEARTBEAT_S):
            return
        answer = self._store.beat(run.job.id, self._worker, progress, changed)
        run.stored, run.beat_at = progress, now
        if answer != "continue" and self._run is run:
            run.context.stop("cancel" if answer == "cancel" else "lost")

    def _check(self, run: _Run) -> None:
        """End the process if the job exceeds a limit or does not stop."""
        context, kind, now = run.context, run.kind, time.monotonic()
        if context.stopping_seconds > kind.max_stop_seconds:
            if context.stop_reason == "drain":
                self._store.release(self._worker, "stop")
            self._end(run, "canceled", None)
        if kind.max_seconds is not None and now - context.started_at > kind.max_seconds:
            self._fail(run, f"it took longer than {kind.max_seconds:g} s")
        if now - context.reported_at > kind.max_silent_seconds:
            self._fail(run, f"no progress in {kind.max_silent_seconds:g} s")
        if measure_memory(os.getpid()) > self._max_memory:
            self._fail(run, f"it needs more than {self._max_memory / GIB:.1f} GiB of memory")

    def _fail(self, run: _Run, text: str) -> None:
        self._end(run, "failed", f"{run.job.name or run.job.kind}: the job was ended: {text}")

    def _end(self, run: _Run, state: EndState, error: str | None) -> None:
        """End the job and this process, unless the job has ended meanwhile."""
        ended = self._store.finish(run.job.id, self._worker, state, error=error)
        if ended is not None or self._run is run:
            end_group()


def end_group() -> NoReturn:
    """End this process and those it has started at once."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            if os.getpgrp() == os.getpid():  # otherwise the group has other processes
                os.killpg(0, signal.SIGKILL)
    os._exit(1)


def measure_memory(pid: int) -> int:
    """Return the resident memory of a process and those it has started; 0 if it is unknown."""
    if sys.platform == "win32":
        return 0
    folder = Path(f"/proc/{pid}")
    try:
        total = int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        threads = list((folder / "task").iterdir())
    except OSError:
        return 0
    for thread in threads:
        with contextlib.suppress(OSError):  # the thread has ended
            children = (thread / "children").read_text().split()
            total += sum(measure_memory(int(child)) for child in children)
    return total
