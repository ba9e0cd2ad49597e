"""The order of tasks for the compute process, independent of processes and event loops."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vidcolor.studio.compute.errors import pack_error, unpack_error

if TYPE_CHECKING:
    from vidcolor.errors import VidcolorError

PRIORITY_CLICK, PRIORITY_HOVER, PRIORITY_VIEW, PRIORITY_PREFETCH, PRIORITY_BACKGROUND = range(5)
"""Priorities from the most to the least urgent: the picture after a click, what is shown under the
pointer, pictures that come into view, what may be needed next, and what takes seconds."""
PATIENCE_S = 1.0
"""Time after which a task is no longer overtaken by newer ones of its priority, in seconds."""
MAX_INTERRUPTIONS = 50
"""Number of times that a task is interrupted for a more urgent one."""
MAX_ATTEMPTS = 2
"""Number of times that a task is started if the process dies."""

Waiter = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


@dataclass(eq=False, slots=True)
class Request:
    """A task and those who wait for its result."""

    number: int
    task: str
    payload: dict[str, Any]
    priority: int
    key: str | None
    waiters: list[Waiter] = field(default_factory=list)
    created: float = field(default_factory=time.monotonic)
    attempts: int = 0
    """Number of starts that were ended by the death of the process."""
    interruptions: int = 0

    def resolve(self, result: Any) -> None:
        """Give the result to all who wait. Thread-safe."""
        self._finish(lambda future: future.set_result(result))

    def fail(self, error: VidcolorError) -> None:
        """Raise an error in all who wait. Thread-safe."""
        # Every caller gets its own exception, because a traceback belongs to one of them.
        packed = pack_error(error)
        self._finish(lambda future: future.set_exception(unpack_error(packed)))

    def _finish(self, action: Any) -> None:
        def run(future: asyncio.Future[Any]) -> None:
            if not future.done():
                action(future)

        for loop, future in self.waiters:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(run, future)
        self.waiters.clear()


@dataclass(frozen=True, slots=True)
class ComputeStatistics:
    """The state of the compute process, for health checks and metrics."""

    is_ready: bool
    """Whether the process has loaded the networks and runs."""
    waiting: int
    """Number of tasks that wait."""
    restarts: int
    """Number of starts after deaths."""
    finished: int
    """Number of tasks that were answered."""
    pid: int | None
    """Process ID; None while there is no process."""


class Schedule:
    """Tasks that wait. Not thread-safe."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        """Make an empty schedule."""
        self._patience_s = patience_s
        self._requests: list[Request] = []

    def __len__(self) -> int:
        """Return the number of tasks that wait."""
        return len(self._requests)

    def add(self, request: Request) -> None:
        """Add a task."""
        self._requests.append(request)

    def remove(self, request: Request) -> bool:
        """Remove a task; return whether it waited."""
        if request not in self._requests:
            return False
        self._requests.remove(request)
        return True

    def find(self, key: str) -> Request | None:
        """Return the task that waits under a key."""
        return next((r for r in self._requests if r.key == key), None)

    def take_all(self) -> list[Request]:
        """Remove and return all tasks."""
        requests, self._requests = self._requests, []
        return requests

    def peek_priority(self) -> int | None:
        """Return the most urgent priority of a task that waits; None without tasks."""
        return min((r.priority for r in self._requests), default=None)

    def take(self) -> Request | None:
        """Remove and return the next task: of the most urgent ones the newest.

        Clicks of one person replace each other anyway. Under load, those of several people would
        overtake each other for ever, so tasks that have waited for long go first, in their order.
        """
        if not self._requests:
            return None
        now = time.monotonic()

        def rank(request: Request) -> tuple[int, bool, float]:
            is_late = now - request.created > self._patience_s
            # Pictures that come into view do so in the order in which the page asks for them.
            in_order = is_late or request.priority >= PRIORITY_VIEW
            return request.priority, not is_late, request.number * (1 if in_order else -1)

        request = min(self._requests, key=rank)
        self._requests.remove(request)
        return request
