"""A compute process and its queue: it is started, receives tasks, and is restarted when it dies.

One thread owns the process and its connection. The event loop only appends to a list and wakes that
thread, so it never waits for a pipe, for pickling or for the start of a process.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import multiprocessing
import socket
import threading
import time
from contextlib import suppress
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from vidcolor.studio.compute import errors
from vidcolor.studio.compute.process import run_compute_process
from vidcolor.studio.compute.schedule import (
    MAX_ATTEMPTS,
    MAX_INTERRUPTIONS,
    PRIORITY_CLICK,
    PRIORITY_VIEW,
    ComputeStatistics,
    Request,
    Schedule,
)
from vidcolor.studio.compute.state import load_colorizer
from vidcolor.studio.compute.tasks import load_tasks
from vidcolor.system import describe_exit

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from vidcolor.studio.compute.schedule import Waiter
    from vidcolor.studio.compute.state import LoadColorizer
    from vidcolor.studio.compute.tasks import LoadTasks
    from vidcolor.studio.settings import StudioSettings

MAX_WAITING = 500
"""Maximum number of tasks that wait."""
MAX_TASK_SECONDS, START_SECONDS = 180.0, 300.0
"""Times after which the process of a task, and one that loads the networks, is killed."""
MAX_FAILED_STARTS = 3
"""Number of deaths before the first result, after which tasks fail until a start succeeds."""
RESTART_DELAYS_S = (0.0, 1.0, 5.0, 30.0)
"""Delays before starts that follow deaths, in seconds; the last one repeats."""
IDLE_SECONDS = 120.0
"""Time without tasks after which a process that is started on demand ends, in seconds."""

logger = logging.getLogger(__name__)


class ComputeLane:
    """Sends tasks to one compute process. `call` may be used from any event loop."""

    def __init__(
        self,
        settings: StudioSettings,
        load: LoadColorizer = load_colorizer,
        tasks: LoadTasks = load_tasks,
        *,
        nice: int = 0,
        on_demand: bool = False,
    ) -> None:
        """Prepare; `start` starts the process.

        Args:
            settings: those of the server.
            load, tasks: functions of modules that return the colorizer and the table of tasks.
            nice: how much less urgent the process is than others, 0 to 19.
            on_demand: whether the process only exists while there is work for it.
        """
        self._arguments = settings, load, tasks, nice
        self._on_demand = on_demand
        self._lock = threading.Lock()
        self._schedule = Schedule()
        self._running: Request | None = None
        self._is_canceled = self._has_sent_cancel = False
        self._is_closing = False
        self._numbers = itertools.count()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="compute", daemon=True)
        self._process: SpawnProcess | None = None
        self._connection: Any = None  # the class of a pipe depends on the system
        self._is_ready, self._deaths, self._restarts, self._finished = False, 0, 0, 0
        self._not_before = self._deadline = 0.0

    # Event loops

    def start(self) -> None:
        """Start the thread and, unless on demand, the process; returns immediately."""
        self._thread.start()

    async def close(self) -> None:
        """End the process. Tasks that wait fail with a `ComputeError`."""
        with self._lock:
            self._is_closing = True
        self._wake()
        if self._thread.is_alive():
            await asyncio.get_running_loop().run_in_executor(None, self._thread.join)
        elif self._thread.ident is None:  # never started; otherwise the thread closes them
            self._wake_reader.close()
            self._wake_writer.close()

    async def call(
        self,
        task: str,
        payload: dict[str, Any],
        *,
        priority: int = PRIORITY_CLICK,
        key: str | None = None,
    ) -> Any:
        """Run a task in the process and return its result.

        A task whose callers were all canceled is dropped, or interrupted at its next checkpoint.

        Args:
            task: name in the table of tasks.
            payload: argument of the task; it must be possible to pickle it.
            priority: PRIORITY_CLICK, PRIORITY_HOVER, PRIORITY_VIEW or PRIORITY_PREFETCH.
            key: what the task replaces: an earlier task with this key that has not finished is
                dropped. With an equal payload, both callers get the result of one run.

        Raises:
            SupersededError: a newer task with the same key has replaced this one.
            ComputeBusyError: too many tasks wait.
            ComputeError: the process died or failed.
            VidcolorError: raised by the task; class and text are those of the task.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        request = self._submit(task, payload, priority, key, (loop, future))
        self._wake()
        try:
            return await future
        finally:
            if future.cancelled():
                self._abandon(request, future)

    @property
    def statistics(self) -> ComputeStatistics:
        """The state of the process."""
        with self._lock:
            return ComputeStatistics(
                self._is_ready,
                len(self._schedule),
                self._restarts,
                self._finished,
                self._process.pid if self._process is not None else None,
            )

    def _submit(
        self,
        task: str,
        payload: dict[str, Any],
        priority: int,
        key: str | None,
        waiter: Waiter,
    ) -> Request:
        with self._lock:
            if self._is_closing:
                raise errors.ComputeError("the server is shutting down; try again later")
            for earlier in self._find_earlier(key):
                if earlier.task == task and earlier.payload == payload:
                    earlier.waiters.append(waiter)
                    earlier.priority = min(earlier.priority, priority)
                    return earlier
                self._drop(earlier, errors.SupersededError("a newer request replaced this one"))
            if len(self._schedule) >= MAX_WAITING:
                raise errors.ComputeBusyError("too many requests wait; try again in a few seconds")
            request = Request(next(self._numbers), task, payload, priority, key, [waiter])
            self._schedule.add(request)
            return request

    def _find_earlier(self, key: str | None) -> list[Request]:
        """Return the requests with a key that wait or run and are not dropped."""
        if key is None:
            return []
        found = [self._schedule.find(key)]
        if self._running is not None and self._running.key == key and not self._is_canceled:
            found.append(self._running)
        return [request for request in found if request is not None]

    def _drop(self, request: Request, error: errors.SupersededError) -> None:
        """Fail a request with an error; an interrupted task does not continue."""
        request.fail(error)
        if not self._schedule.remove(request) and request is self._running:
            self._is_canceled = True

    def _abandon(self, request: Request, future: asyncio.Future[Any]) -> None:
        """Drop a request if no other caller waits for it."""
        with self._lock:
            request.waiters = [waiter for waiter in request.waiters if waiter[1] is not future]
            if request.waiters:
                return
            if not self._schedule.remove(request) and request is self._running:
                self._is_canceled = True
        self._wake()

    def _wake(self) -> None:
        with suppress(OSError):  # its buffer is full, so the thread wakes anyway, or it is closed
            self._wake_writer.send(b".")

    # The thread that owns the process

    def _run(self) -> None:
        while not self._is_closing:
            try:
                self._step()
            except Exception as error:  # a thread that ended would block every caller for ever
                logger.exception("compute dispatcher failed: %s", type(error).__name__)
                self._kill("after an internal error")
        with self._lock:
            requests = self._schedule.take_all()
            if self._running is not None:
                requests.append(self._running)
        for request in requests:
            request.fail(errors.ComputeError("the server is shutting down; try again later"))
        self._stop_process()
        self._wake_reader.close()
        self._wake_writer.close()

    def _step(self) -> None:
        """Start the process if necessary, send what there is to send, and wait for an event."""
        now = time.monotonic()
        is_needed = not self._on_demand or len(self._schedule) > 0
        if self._process is None and is_needed and now >= self._not_before:
            self._start_process()
        if self._is_ready:
            self._send()
        waits: list[Any] = [self._wake_reader]
        timeout = None
        if self._process is None and is_needed:
            timeout = max(self._not_before - now, 0.0)
        if self._connection is not None and self._process is not None:
            waits += [self._connection, self._process.sentinel]
            if self._deadline:
                timeout = max(self._deadline - now, 0.0)
            elif self._on_demand and self._running is None:
                timeout = IDLE_SECONDS
        ready = wait(waits, timeout)
        if self._wake_reader in ready:
            with suppress(BlockingIOError):
                self._wake_reader.recv(4096)
        if self._process is None:
            return
        if self._connection in ready:
            self._receive()
        elif self._process.sentinel in ready:
            self._on_death()
        elif self._deadline and time.monotonic() >= self._deadline:
            self._kill_for_time()
        elif not ready and not self._deadline:
            self._stop_process()  # it was idle for long

    def _start_process(self) -> None:
        # A fork would copy the locks of running threads, and CUDA does not support it.
        context = multiprocessing.get_context("spawn")
        connection, remote = context.Pipe()
        process = context.Process(
            target=run_compute_process,
            args=(remote, *self._arguments),
            name="vidcolor-compute",
            daemon=True,
        )
        process.start()
        remote.close()
        with self._lock:
            self._process, self._connection = process, connection
            self._restarts += self._deaths > 0
        self._deadline = time.monotonic() + START_SECONDS

    def _send(self) -> None:
        """Send the next task if the process is idle, else interrupt a task that is moot."""
        assert self._connection is not None
        with self._lock:
            running = self._running
            if running is None:
                running = self._running = self._schedule.take()
                self._is_canceled = self._has_sent_cancel = False
                if running is None:
                    return
                message: tuple[Any, ...] = "task", running.number, running.task, running.payload
                self._deadline = time.monotonic() + MAX_TASK_SECONDS
            elif self._has_sent_cancel:
                return
            elif self._is_canceled or self._is_overtaken(running):
                message = "cancel", running.number
                self._has_sent_cancel = True
            else:
                return
        try:
            self._connection.send(message)
        except OSError:
            self._on_death()
        except Exception as error:  # the payload cannot be pickled
            with self._lock:
                self._running, self._deadline = None, 0.0
            running.fail(errors.TaskError(f"{running.task}: {type(error).__name__}: {error}"))

    def _is_overtaken(self, running: Request) -> bool:
        """Return whether a picture that is not urgent makes a more urgent task wait."""
        waiting = self._schedule.peek_priority()
        return (
            running.priority >= PRIORITY_VIEW
            and running.interruptions < MAX_INTERRUPTIONS
            and waiting is not None
            and waiting < min(running.priority, PRIORITY_VIEW)
        )

    def _receive(self) -> None:
        assert self._connection is not None
        try:
            kind, *arguments = self._connection.recv()
        except (EOFError, OSError):
            self._on_death()
            return
        self._deadline = 0.0
        if kind == "ready":
            with self._lock:
                self._is_ready = True
            return
        with self._lock:
            running, self._running = self._running, None
            is_dropped, self._is_canceled = self._is_canceled, False
            assert running is not None and running.number == arguments[0]
            self._deaths = 0
            if kind == "canceled":
                running.interruptions += 1
                if not is_dropped and running.waiters:
                    self._schedule.add(running)  # it made way for a more urgent task
                return
            self._finished += 1
        if kind == "done":
            running.resolve(arguments[1])
        else:
            running.fail(errors.unpack_error(arguments[1]))

    def _on_death(self) -> None:
        """Report the end of the process, and repeat the task that ran once."""
        process = self._process
        assert process is not None
        process.join(1)  # the connection breaks shortly before the process ends
        code = process.exitcode
        self._kill("without an exit code" if code is None else describe_exit(code))

    def _kill_for_time(self) -> None:
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.fail(
                errors.ComputeError(f"this takes over {MAX_TASK_SECONDS:.0f} s; use a smaller file")
            )
        self._kill("for a task that took too long")

    def _kill(self, cause: str) -> None:
        """End the process; it is started again after a delay that grows with its deaths."""
        logger.error("compute process ended %s", cause)
        self._stop_process()
        failed: list[Request] = []
        with self._lock:
            running, self._running = self._running, None
            self._is_canceled = False
            self._deaths += 1
            if running is not None and running.waiters:
                running.attempts += 1
                if running.attempts < MAX_ATTEMPTS:
                    self._schedule.add(running)
                else:
                    failed.append(running)
            if self._deaths > MAX_FAILED_STARTS:
                failed += self._schedule.take_all()
        delay = RESTART_DELAYS_S[min(self._deaths, len(RESTART_DELAYS_S)) - 1]
        self._not_before = time.monotonic() + delay
        for request in failed:
            request.fail(
                errors.ComputeError(f"the compute process ended {cause}; try a smaller file")
            )

    def _stop_process(self) -> None:
        with self._lock:
            process, connection = self._process, self._connection
            self._process = self._connection = None
            self._is_ready = False
        self._deadline = 0.0
        if connection is not None:
            connection.close()
        if process is not None:
            process.kill()
            process.join()
            process.close()
