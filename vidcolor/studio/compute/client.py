"""The server's access to compute: what a person waits for, and what may take longer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from vidcolor.studio.compute.lane import ComputeLane
from vidcolor.studio.compute.schedule import (
    PRIORITY_BACKGROUND,
    PRIORITY_CLICK,
    PRIORITY_HOVER,
    PRIORITY_PREFETCH,
    PRIORITY_VIEW,
    ComputeStatistics,
)
from vidcolor.studio.compute.state import load_colorizer
from vidcolor.studio.compute.tasks import load_tasks

if TYPE_CHECKING:
    from vidcolor.studio.compute.state import LoadColorizer
    from vidcolor.studio.compute.tasks import LoadTasks
    from vidcolor.studio.settings import StudioSettings

__all__ = [
    "PRIORITY_BACKGROUND",
    "PRIORITY_CLICK",
    "PRIORITY_HOVER",
    "PRIORITY_PREFETCH",
    "PRIORITY_VIEW",
    "ComputeClient",
]

BACKGROUND_NICE = 10
"""How much less urgent the background process is, for the scheduler of the system."""


class ComputeClient:
    """Runs tasks in compute processes. `call` may be used from any event loop.

    One process with the networks answers clicks, hovers and views, one task at a time. Tasks that
    take seconds and cannot be interrupted run in a second one, which exists while it is needed.
    """

    def __init__(
        self,
        settings: StudioSettings,
        load: LoadColorizer = load_colorizer,
        tasks: LoadTasks = load_tasks,
    ) -> None:
        """Prepare; `start` starts the first process.

        Args:
            settings: those of the server.
            load, tasks: functions of modules that return the colorizer and the table of tasks.
        """
        self._front = ComputeLane(settings, load, tasks)
        self._back = ComputeLane(settings, load, tasks, nice=BACKGROUND_NICE, on_demand=True)

    def start(self) -> None:
        """Start the first process, which loads the networks at once. Returns immediately."""
        self._front.start()
        self._back.start()

    async def close(self) -> None:
        """End the processes. Tasks that wait fail with a `ComputeError`."""
        await asyncio.gather(self._front.close(), self._back.close())

    async def call(
        self,
        task: str,
        payload: dict[str, Any],
        *,
        priority: int = PRIORITY_CLICK,
        key: str | None = None,
    ) -> Any:
        """Run a task in a process and return its result; see `ComputeLane.call`.

        Args:
            task: name in the table of tasks.
            payload: argument of the task; it must be possible to pickle it.
            priority: PRIORITY_CLICK, PRIORITY_HOVER, PRIORITY_VIEW or PRIORITY_PREFETCH;
                PRIORITY_BACKGROUND selects the second process.
            key: what the task replaces among the tasks of the same process.
        """
        lane = self._back if priority == PRIORITY_BACKGROUND else self._front
        return await lane.call(task, payload, priority=priority, key=key)

    @property
    def statistics(self) -> ComputeStatistics:
        """The state of the first process; tasks and restarts are those of both."""
        front, back = self._front.statistics, self._back.statistics
        return ComputeStatistics(
            front.is_ready,
            front.waiting + back.waiting,
            front.restarts + back.restarts,
            front.finished + back.finished,
            front.pid,
        )
