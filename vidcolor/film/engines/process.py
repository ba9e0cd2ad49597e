"""Workers that are processes on this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import sys
import threading
import time
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcolor.errors import VidcolorError, WorkerError, describe_unexpected_error
from vidcolor.film.engines.base import CancelledError, WorkerDiedError
from vidcolor.system import (
    EXTERNAL_SIGNALS,
    bind_to_cores,
    describe_exit,
    ignore_stop_signals,
    paused_garbage_collection,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import SpawnProcess

    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection as Connection
    else:
        from multiprocessing.connection import Connection

    from vidcolor.film.engines.base import WorkerResources
    from vidcolor.film.segment import RenderJob, Segment
    from vidcolor.film.workdir import SegmentResult, WorkDir

STALL_S = 1800.0
"""Time without a finished frame after which a worker is killed, in seconds. A driver or a codec is
assumed to hang."""
PROCESS_NAME = "vidcolor worker"
"""Name of the worker processes."""
_POLL_S = 0.2
"""Interval of the checks for cancellation, in seconds."""
_PROGRESS_INTERVAL_S = 0.2
"""Minimum time between two progress messages of a worker, in seconds."""


class ProcessWorker:
    """A process that renders segments; see `Worker`. `prepare` starts it."""

    def __init__(self, resources: WorkerResources) -> None:
        """Create a worker whose process is not running yet."""
        self._resources = resources
        self._process: SpawnProcess | None = None
        self._connection: Connection[Any, Any] | None = None
        self._opened: Path | None = None
        """Work directory of the film that the process has open."""

    @property
    def pid(self) -> int | None:
        """Process ID; None if no process was started."""
        return None if self._process is None else self._process.pid

    def prepare(self, is_cancelled: Callable[[], bool]) -> None:
        """Start the process if it is not running; see `Worker.prepare`."""
        if self._process is None or not self._process.is_alive():
            self.close()
            self._start()

    def render(
        self,
        job: RenderJob,
        segment: Segment,
        work: WorkDir,
        progress: Callable[[int], None],
        is_cancelled: Callable[[], bool],
    ) -> SegmentResult:
        """Render a segment in the process; see `Worker.render`."""
        folder = work.create_segment_dir(segment.number)
        is_finished = False
        try:
            self._open(job, work)
            self._send("render", segment, folder)
            while True:
                kind, value = self._receive(is_cancelled)
                is_finished = kind != "progress"
                if kind == "done":
                    result: SegmentResult = value
                    return result
                if kind == "failed":
                    raise value
                progress(value)
        except (EOFError, ConnectionError):
            if is_finished:
                raise
            raise self._describe_death() from None
        finally:
            # Otherwise the process would continue, and the next call would receive its result.
            if not is_finished:
                self.close()

    def _send(self, *message: object) -> None:
        assert self._connection is not None, "prepare was not called"
        self._connection.send(message)

    def _receive(self, is_cancelled: Callable[[], bool]) -> tuple[str, Any]:
        assert self._connection is not None, "prepare was not called"
        start = time.monotonic()
        while not self._connection.poll(_POLL_S):
            if is_cancelled():
                self.close()
                raise CancelledError
            if time.monotonic() - start > STALL_S:
                self.close()
                cause = f"after {STALL_S / 60:.0f} minutes without progress"
                raise WorkerDiedError(cause, killed=False)
        message: tuple[str, Any] = self._connection.recv()
        return message

    def _open(self, job: RenderJob, work: WorkDir) -> None:
        """Send a film to the process, unless the film is already open there."""
        if self._opened != work.path:
            # The options of the user may select several devices; each worker uses one.
            options = job.options.replace(device=self._resources.device)
            self._send("open", replace(job, options=options), work.path)
            self._opened = work.path

    def _start(self) -> None:
        # A fork would copy the locks of running threads, and CUDA does not support it.
        context = multiprocessing.get_context("spawn")
        self._connection, remote = context.Pipe()
        self._process = context.Process(
            target=_run_process, args=(remote, self._resources), name=PROCESS_NAME, daemon=True
        )
        self._process.start()
        remote.close()

    def _describe_death(self) -> WorkerDiedError:
        """Return an error with the exit code or the signal that ended the process."""
        process = self._process
        assert process is not None
        process.join(_POLL_S * 10)  # the connection breaks shortly before the process ends
        code = process.exitcode
        self.close()
        cause = "without an exit code" if code is None else describe_exit(code)
        return WorkerDiedError(cause, killed=code is not None and -code in EXTERNAL_SIGNALS)

    def close(self) -> None:
        """Kill the process. The unfinished segment directory is not committed."""
        connection, process = self._connection, self._process
        self._process = self._connection = self._opened = None
        if connection is not None:
            connection.close()
        if process is not None:
            process.kill()
            process.join()
            process.close()


def _run_process(connection: Connection[Any, Any], resources: WorkerResources) -> None:
    """Render segments until the connection closes; the main function of the process."""
    ignore_stop_signals("SIGINT")  # the parent handles Ctrl-C and ends this process
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    bind_to_cores(resources.cores)
    with paused_garbage_collection():
        import torch

        from vidcolor.film.engines.local import SegmentRenderer

    torch.set_num_threads(resources.threads)
    renderer, last_report = SegmentRenderer(), 0.0
    open_error: Exception | None = None

    def report(done: int) -> None:
        nonlocal last_report
        if time.monotonic() - last_report >= _PROGRESS_INTERVAL_S:
            last_report = time.monotonic()
            connection.send(("progress", done))

    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            command, argument, path = connection.recv()
            try:
                if command == "open":
                    open_error = None
                    renderer.open(argument, path)
                    continue
                if open_error is not None:
                    raise open_error
                connection.send(("done", renderer.render(argument, path, report)))
            except Exception as error:
                if command == "open":
                    open_error = error  # it is reported with each segment
                else:
                    connection.send(("failed", make_picklable(error)))


def make_picklable(error: Exception) -> Exception:
    """Return an exception that can be sent to another process.

    Errors that a user can act on are sent unchanged. Any other becomes a `WorkerError`.
    """
    # Some exceptions can be pickled but not restored, so both directions are tried.
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception:
        copy = None
    if isinstance(copy, VidcolorError | OSError | MemoryError):
        return error
    return WorkerError(describe_unexpected_error(error))


def _exit_with_parent() -> None:
    """End this process when its parent dies, even by SIGKILL."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
