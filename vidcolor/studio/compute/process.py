"""The main function of the compute process: it receives tasks one at a time, and answers them.

Messages of the server are ``("task", number, name, payload)`` and ``("cancel", number)``; those of
the process are ``("ready",)``, ``("done", number, result)``, ``("canceled", number)`` and
``("failed", number, packed_error)``.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vidcolor.errors import InputError, VidcolorError, describe_unexpected_error
from vidcolor.studio.compute.errors import (
    PackedError,
    TaskCanceledError,
    TaskError,
    pack_error,
)
from vidcolor.studio.compute.sandbox import (
    MAX_FILE_BYTES,
    choose_memory_limit,
    deny_network,
    limit_cpu_time,
    limit_files,
    limit_memory,
)
from vidcolor.system import ignore_stop_signals, paused_garbage_collection

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from vidcolor.studio.compute.state import LoadColorizer
    from vidcolor.studio.compute.tasks import LoadTasks
    from vidcolor.studio.settings import StudioSettings

MAX_CPU_SECONDS = 300.0
"""CPU time after which a task is ended, in seconds."""

logger = logging.getLogger(__name__)


class Inbox:
    """Receives messages of the server in a thread, so that a running task can be canceled."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        """Start to receive."""
        self._connection = connection
        self._tasks: queue.SimpleQueue[tuple[int, str, dict[str, Any]]] = queue.SimpleQueue()
        self._current, self._canceled = -1, -1
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self) -> None:
        try:
            while True:
                kind, *arguments = self._connection.recv()
                if kind == "cancel":
                    self._canceled = arguments[0]
                else:
                    self._canceled = -1  # a task that was interrupted may start again
                    self._tasks.put(tuple(arguments))
        except (EOFError, OSError):
            os._exit(0)  # the server has closed the connection, or has died

    def take(self) -> tuple[int, str, dict[str, Any]]:
        """Wait for the next task: its number, its name and its payload."""
        task = self._tasks.get()
        self._current = task[0]
        return task

    def is_canceled(self) -> bool:
        """Return whether the server has canceled the current task."""
        return self._canceled == self._current


def run_compute_process(
    connection: Connection[Any, Any],
    settings: StudioSettings,
    load: LoadColorizer,
    load_tasks: LoadTasks,
    nice: int = 0,
) -> None:
    """Answer tasks until the connection closes; the main function of the process."""
    ignore_stop_signals("SIGINT")  # the server handles Ctrl-C and ends this process
    with suppress(AttributeError, ValueError):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if nice and hasattr(os, "nice"):
        os.nice(nice)
    deny_network()
    limit_files(MAX_FILE_BYTES)
    inbox = Inbox(connection)
    with paused_garbage_collection():
        from vidcolor.media.stills.types import limit_pixels
        from vidcolor.studio.compute.state import ComputeState

        tasks = load_tasks()
    limit_pixels(settings.max_pixels)
    state = ComputeState(settings, load, inbox.is_canceled)
    with suppress(VidcolorError):  # the first task reports an error again
        state.get_threads()
    if not uses_gpu():  # drivers map memory of their own, which would count
        limit_memory(choose_memory_limit(settings))
    connection.send(("ready",))
    while True:
        number, name, payload = inbox.take()
        limit_cpu_time(MAX_CPU_SECONDS)
        try:
            answer = "done", number, tasks[name](state, payload)
        except TaskCanceledError:
            answer = "canceled", number, None
        except Exception as error:
            answer = "failed", number, describe_error(error)
        limit_cpu_time(None)
        connection.send(answer)
        del payload, answer  # pictures are large


def uses_gpu() -> bool:
    """Return whether the networks of this process are on a GPU."""
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return False
    return bool(torch.cuda.is_initialized() or torch.backends.mps.is_available())


def describe_error(error: Exception) -> PackedError:
    """Return an error in a form that can be sent to the server.

    Errors that a user can act on keep their class and text. Anything else is a fault of the
    program, of which the place in the code is logged, but not the content.
    """
    if isinstance(error, VidcolorError):
        return pack_error(error)
    if isinstance(error, MemoryError) or "llocate memory" in str(error):  # NumPy, torch, OpenCV
        return pack_error(
            InputError("the server has too little memory for this picture; make it smaller")
        )
    frames = traceback.extract_tb(error.__traceback__)
    place = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    logger.error("task failed: %s in %s", type(error).__name__, place)
    return pack_error(TaskError(describe_unexpected_error(error)))
