"""The service that accepts jobs and has them run by worker processes."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vidcolor.errors import UsageError
from vidcolor.studio.jobs.estimates import estimate_jobs
from vidcolor.studio.jobs.kinds import KINDS_REFERENCE, load_reference
from vidcolor.studio.jobs.locks import end_worker, list_worker_locks, lock_data_dir
from vidcolor.studio.jobs.models import Submission
from vidcolor.studio.jobs.store import JobStore
from vidcolor.studio.jobs.supervisor import WorkerSupervisor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from filelock import FileLock

    from vidcolor.studio.database import Database
    from vidcolor.studio.events import Event, EventLog
    from vidcolor.studio.jobs.estimates import Estimate
    from vidcolor.studio.jobs.kinds import Kinds
    from vidcolor.studio.jobs.models import Job
    from vidcolor.studio.settings import StudioSettings

DRAIN_SECONDS = 30.0
"""Time in which running jobs finish or stop when the server stops, in seconds."""
MIN_RETRY_SECONDS, MAX_RETRY_SECONDS = 2, 60
_DURATIONS_SECONDS = 2.0
"""Time for which the measured durations of jobs are reused, in seconds."""


class JobQueue:
    """Accepts, lists and cancels jobs. Thread-safe."""

    def __init__(
        self,
        settings: StudioSettings,
        database: Database,
        events: EventLog,
        kinds: str = KINDS_REFERENCE,
    ) -> None:
        """Use the tables of a database; jobs are run after `start`.

        Args:
            settings: sizes of the queue and of the pool of workers.
            database: also receives the names of photos and films.
            events: receive every change of a job.
            kinds: table of the kinds of jobs, as "module:name".
        """
        self._settings, self._database, self._events = settings, database, events
        self._kinds: Kinds = load_reference(kinds)
        self.store = JobStore(database, events, self._kinds)
        self._supervisor = WorkerSupervisor(settings, database.path, self.store, kinds)
        self._data_lock: FileLock | None = None
        self._durations_lock = threading.Lock()
        self._durations: dict[str, float] = {}
        self._durations_until = 0.0

    # Life

    def start(self) -> None:
        """Queue again what an earlier server was running, and start the workers.

        Raises:
            BusyError: another server uses the same data.
        """
        self._data_lock = lock_data_dir(self._settings.data_dir)
        self._recover()
        self._supervisor.start()

    def _recover(self) -> None:
        data_dir = self._settings.data_dir
        for worker in {*self.store.list_owners(), *list_worker_locks(data_dir)}:
            end_worker(data_dir, worker)
            self.store.release(worker, "stop")

    def begin_drain(self) -> None:
        """Start no more jobs, and let those that run finish or stop; see `drain`."""
        self._supervisor.begin_stop()

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Start no more jobs, and return when all workers have ended.

        Photos are finished. Films stop at their next progress report, are queued again and continue
        where they stopped. Workers that need more time are killed.
        """
        await asyncio.to_thread(self._supervisor.stop, seconds)

    async def close(self) -> None:
        """Drain, and give up the data to another server."""
        await self.drain()
        if self._data_lock is not None:
            self._data_lock.release()
            self._data_lock = None

    @property
    def num_workers_running(self) -> int:
        """Number of worker processes that run, at most one more than jobs run at a time."""
        return self._supervisor.num_running

    # Jobs

    def submit(
        self,
        kind: str,
        subject: str,
        options: dict[str, Any],
        client: str,
        priority: int = 0,
        *,
        name: str | None = None,
        part: str = "",
    ) -> Job:
        """Queue a job. An equal job that is still queued receives the options instead.

        Args:
            kind: key of the table of kinds.
            subject: ID of the photo, film or archive.
            options: JSON values.
            client: client that may see the job; `ALL_CLIENTS` for all.
            priority: added to the priority of the kind.
            name: name for display; None for the name of the photo or film.
            part: distinguishes jobs of one kind for one subject, such as the shots of a film.

        Raises:
            QueueFullError: too many jobs wait.
            UsageError: the kind is unknown.
        """
        if kind not in self._kinds:
            raise UsageError(f"{kind}: unknown kind of job; known: {', '.join(self._kinds)}")
        if name is None:
            name = self._find_name(subject)
        priority += self._kinds[kind].priority
        job = self.store.submit(
            Submission(kind, subject, part, name, options, client, priority),
            self._settings.max_queue,
            self._estimate_retry,
        )
        self._announce()
        return self._add_estimate(job)

    def get(self, job_id: str) -> Job:
        """Return a job with its position and remaining time.

        Raises:
            UnknownJobError: there is no such job.
        """
        return self._add_estimate(self.store.get(job_id))

    def find(self, subject: str, kind: str | None = None, part: str | None = None) -> Job | None:
        """Return the newest job of a subject, of one kind and part or of all; None without any."""
        job = self.store.find(subject, kind, part)
        return None if job is None else self._add_estimate(job)

    def list(self, client: str | None = None) -> list[Job]:
        """Return the jobs that a client may see, or all, the newest first."""
        jobs = self.store.list_visible(client)
        estimates = self._estimate() if any(job.is_active for job in jobs) else {}
        return [_with_estimate(job, estimates) for job in jobs]

    def cancel(self, job_id: str) -> Job:
        """Cancel a job: at once if it waits, within moments if it runs; others do not change.

        Raises:
            UnknownJobError: there is no such job.
        """
        job = self.store.cancel(job_id)
        self._announce()
        return job

    def retry(self, job_id: str) -> Job:
        """Queue a job again that failed or was canceled.

        Raises:
            UnknownJobError: there is no such job.
            JobStateError: the job is in another state, or an equal one waits or runs.
            QueueFullError: too many jobs wait.
        """
        job = self.store.retry(job_id, self._settings.max_queue, self._estimate_retry)
        self._announce()
        return self._add_estimate(job)

    def remove(self, subject: str) -> int:
        """Delete all jobs of a subject, because the photo or film is deleted.

        Returns:
            The number of jobs that run. They are stopped, and deleted when they have ended.
        """
        num_running = self.store.remove_subject(subject)
        self._announce()
        return num_running

    async def wait(self, job_id: str, seconds: float, client: str | None = None) -> Job:
        """Return a job when it has ended, or as it is after a time in seconds.

        Args:
            job_id: ID of the job.
            seconds: maximum time to wait.
            client: client that waits, whose number of readers of events is limited; None for the
                server itself.

        Raises:
            UnknownJobError: there is no such job, or it was removed.
            LimitError: the client waits too often at the same time.
            UnavailableError: too many clients wait.
        """

        def concerns_job(event: Event) -> bool:
            return event.type == "job" and event.data["id"] == job_id

        if client is not None:
            self._events.check_room(client)
        deadline = time.monotonic() + seconds
        with self._events.subscribe(concerns_job, client) as subscription:
            job = await asyncio.to_thread(self.get, job_id)
            while job.is_active and (remaining := deadline - time.monotonic()) > 0:
                try:
                    event = await subscription.next(remaining)
                except TimeoutError:
                    event = None
                if event is not None and event.data["state"] in ("queued", "running"):
                    continue
                job = await asyncio.to_thread(self.get, job_id)
                if event is None:  # the time is over, or the server stops
                    break
        return job

    def count(self) -> dict[str, int]:
        """Return the number of jobs in each state that occurs."""
        return self.store.count()

    # Private

    def _announce(self) -> None:
        self._events.notify()
        self._supervisor.wake()

    def _find_name(self, subject: str) -> str:
        row = self._database.connection.execute(
            "SELECT name FROM photos WHERE id = ?1 UNION ALL SELECT name FROM films WHERE id = ?1",
            (subject,),
        ).fetchone()
        return row["name"] if row else ""

    def _add_estimate(self, job: Job) -> Job:
        return _with_estimate(job, self._estimate()) if job.is_active else job

    def _estimate(self) -> dict[str, Estimate]:
        return estimate_jobs(
            self.store.list_active(), self._get_durations(), self._settings.workers
        )

    def _get_durations(self) -> dict[str, float]:
        with self._durations_lock:
            now = time.monotonic()
            if now > self._durations_until:
                typical = {name: kind.typical_seconds for name, kind in self._kinds.items()}
                self._durations = {**typical, **self.store.measure_durations()}
                self._durations_until = now + _DURATIONS_SECONDS
            return self._durations

    def _estimate_retry(self) -> int:
        """Return the time after which a running job is likely to have finished, in seconds."""
        seconds = min((each.seconds_left for each in self._estimate().values()), default=0)
        return max(MIN_RETRY_SECONDS, min(math.ceil(seconds), MAX_RETRY_SECONDS))


def _with_estimate(job: Job, estimates: Mapping[str, Estimate]) -> Job:
    estimate = estimates.get(job.id)
    if estimate is None:
        return job
    return replace(job, position=estimate.position, seconds_left=estimate.seconds_left)
