"""A queue with its own database and event loop, for tests of jobs."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from tests.helpers import studio_jobs
from vidcolor.studio.database import Database
from vidcolor.studio.events import EventLog
from vidcolor.studio.jobs.queue import JobQueue
from vidcolor.studio.settings import StudioSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vidcolor.studio.jobs.models import Job

CLIENT = "browser"


class QueueRun:
    """A queue of test jobs; its methods wait for real workers."""

    def __init__(self, data_dir: Path, **settings: Any) -> None:
        self.settings = StudioSettings(data_dir=data_dir, **settings)
        data_dir.mkdir(exist_ok=True)
        self.database = Database(self.settings.database_path)
        self.events = EventLog(self.database)
        self.queue = JobQueue(self.settings, self.database, self.events, studio_jobs.REFERENCE)

    def start(self) -> QueueRun:
        """Start the workers."""
        self.events.start()
        self.queue.start()
        return self

    def close(self) -> None:
        """Drain the queue and end the workers."""

        async def close() -> None:
            await self.queue.close()
            await self.events.close()

        asyncio.run(close())

    def submit(self, kind: str, subject: str = "", **options: Any) -> Job:
        """Submit a job; the subject is the kind by default."""
        return self.queue.submit(kind, subject or kind, options, CLIENT)

    def run(self, kind: str, subject: str = "", **options: Any) -> Job:
        """Submit a job and return it when it has ended."""
        return self.wait(self.submit(kind, subject, **options).id)

    def wait(self, job_id: str, seconds: float = 60) -> Job:
        """Return a job when it has ended."""
        job = asyncio.run(self.queue.wait(job_id, seconds))
        assert not job.is_active, job
        return job

    def wait_until(self, job_id: str, condition: Callable[[Job], object]) -> Job:
        """Return a job as soon as it meets a condition."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            job = self.queue.get(job_id)
            if condition(job):
                return job
            time.sleep(0.02)
        raise AssertionError(self.queue.get(job_id))

    def wait_running(self, job_id: str) -> Job:
        """Return a job when it runs and has reported progress."""
        return self.wait_until(job_id, lambda job: job.progress is not None)

    def find_worker(self, job_id: str) -> int:
        """Return the process ID of the worker that runs a job."""
        row = self.database.connection.execute(
            "SELECT worker FROM jobs WHERE id = ?", (job_id,)
        ).fetchone()
        return int(row["worker"].partition("-")[0])

    def list_states(self, job_id: str) -> list[str]:
        """Return the states of a job in the order of their events, without repetitions."""
        states: list[str] = []
        for event in self.events.read(0, 1_000_000):
            if event.type == "job" and event.data["id"] == job_id:
                states += [event.data["state"]] if states[-1:] != [event.data["state"]] else []
        return states
