"""The table of jobs, and the transitions between the states of a job.

Each transition is one transaction that checks the state it starts from and the worker that owns
the row. A job therefore ends once, even if a worker that was believed dead finishes it later.
"""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING, Any, Literal

from vidcolor.studio.jobs.errors import JobStateError, QueueFullError, UnknownJobError
from vidcolor.studio.jobs.estimates import ActiveJob
from vidcolor.studio.jobs.models import ALL_CLIENTS, Job

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from vidcolor.studio.database import Database
    from vidcolor.studio.events import EventLog
    from vidcolor.studio.jobs.kinds import Kinds
    from vidcolor.studio.jobs.models import JobProgress, Submission

MAX_CRASHES = 3
"""Number of crashes of workers after which a job fails."""
MAX_ATTEMPTS = 8
"""Number of attempts after which a job fails. It is greater than `MAX_CRASHES`, because a kill from
outside (out of memory, a stop of the machine) is rarely due to the job."""
KEEP_FINISHED_SECONDS = 24 * 3600.0
"""Time for which finished jobs are listed, in seconds."""
KEEP_SUPERSEDED_SECONDS = 600.0
"""Time for which a finished job is listed when an equal one was submitted after it, in seconds."""

ReleaseReason = Literal["stop", "kill", "crash"]
"""Why a worker ended: with its server, however that ended; by a signal from outside; or by itself.
"""
EndState = Literal["done", "failed", "canceled"]

_RUNS_FIRST = "priority DESC, created, rowid"
_IS_ACTIVE = "state IN ('queued', 'running')"


class JobStore:
    """The rows of the jobs, for the server and its workers. Thread-safe."""

    def __init__(self, database: Database, events: EventLog, kinds: Kinds) -> None:
        """Use the tables of a database; every change of a job is published as an event."""
        self._database, self._events, self._kinds = database, events, kinds
        self._long = json.dumps([name for name, kind in kinds.items() if kind.is_resumable])

    # Clients

    def submit(self, new: Submission, max_jobs: int, retry_after: Callable[[], int]) -> Job:
        """Store a job, or replace the options of the equal one that is still queued.

        Raises:
            QueueFullError: `max_jobs` jobs wait or run.
        """
        now = time.time()
        options = json.dumps(new.options)
        with self._database.transaction() as connection:
            row = connection.execute(
                "UPDATE jobs SET options = ?, priority = max(priority, ?) WHERE id = ("
                "SELECT id FROM jobs WHERE kind = ? AND subject = ? AND part = ? "
                "AND state = 'queued' ORDER BY created DESC LIMIT 1) RETURNING *",
                (options, new.priority, new.kind, new.subject, new.part),
            ).fetchone()
            if row is None:
                num_active = connection.execute(
                    f"SELECT count(*) FROM jobs WHERE {_IS_ACTIVE}"
                ).fetchone()[0]
                if num_active >= max_jobs:
                    raise QueueFullError(max_jobs, retry_after())
                row = connection.execute(
                    "INSERT INTO jobs (id, client, kind, subject, part, name, options, priority, "
                    "created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
                    (
                        secrets.token_urlsafe(16),
                        new.client,
                        new.kind,
                        new.subject,
                        new.part,
                        new.name,
                        options,
                        new.priority,
                        now,
                    ),
                ).fetchone()
                connection.execute(
                    "DELETE FROM jobs WHERE finished < ? OR "
                    "(kind = ? AND subject = ? AND part = ? AND finished < ?)",
                    (
                        now - KEEP_FINISHED_SECONDS,
                        new.kind,
                        new.subject,
                        new.part,
                        now - KEEP_SUPERSEDED_SECONDS,
                    ),
                )
            return self._publish(row)

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            UnknownJobError: there is no such job.
        """
        rows = self._select("id = ?", job_id)
        if not rows:
            raise UnknownJobError(job_id)
        return rows[0]

    def find(self, subject: str, kind: str | None = None, part: str | None = None) -> Job | None:
        """Return the newest job of a subject, of one kind and part or of all; None without any."""
        rows = self._select(
            "subject = ? AND kind = coalesce(?, kind) AND part = coalesce(?, part) "
            "ORDER BY created DESC, rowid DESC LIMIT 1",
            subject,
            kind,
            part,
        )
        return rows[0] if rows else None

    def list_visible(self, client: str | None = None) -> list[Job]:
        """Return the jobs that a client may see, or all, the newest first."""
        condition = "client IN (coalesce(?, client), ?) ORDER BY created DESC, rowid DESC"
        return self._select(condition, client, ALL_CLIENTS)

    def list_active(self) -> list[ActiveJob]:
        """Return the jobs that run, and then those that wait, in the order they will run."""
        rows = self._database.connection.execute(
            "SELECT id, kind, state, started, progress FROM jobs "
            f"WHERE {_IS_ACTIVE} ORDER BY state = 'queued', {_RUNS_FIRST}"
        )
        return [ActiveJob(*row) for row in rows]

    def count(self) -> dict[str, int]:
        """Return the number of jobs in each state that occurs."""
        rows = self._database.connection.execute(
            "SELECT state, count(*) AS count FROM jobs GROUP BY state"
        )
        return {row["state"]: row["count"] for row in rows}

    def measure_durations(self) -> dict[str, float]:
        """Return the mean duration of the last 20 finished jobs of each kind, in seconds."""
        durations: dict[str, float] = {}
        for kind in self._kinds:
            mean = self._database.connection.execute(
                "SELECT avg(finished - started) FROM (SELECT finished, started FROM jobs "
                "WHERE kind = ? AND state = 'done' ORDER BY finished DESC LIMIT 20)",
                (kind,),
            ).fetchone()[0]
            if mean is not None:
                durations[kind] = mean
        return durations

    def cancel(self, job_id: str, *, remove: bool = False) -> Job:
        """Cancel a job that waits, or request that a running job stops; others do not change.

        Raises:
            UnknownJobError: there is no such job.
        """
        with self._database.transaction() as connection:
            row = connection.execute(
                "UPDATE jobs SET state = 'canceled', finished = ? "
                "WHERE id = ? AND state = 'queued' RETURNING *",
                (time.time(), job_id),
            ).fetchone()
            if row is None:
                connection.execute(
                    "UPDATE jobs SET stop = ? WHERE id = ? AND state = 'running' "
                    "AND stop IS NOT 'remove'",
                    ("remove" if remove else "cancel", job_id),
                )
            else:
                return self._publish(row)
        return self.get(job_id)

    def remove_subject(self, subject: str) -> int:
        """Delete the jobs of a subject; those that run are stopped and deleted afterwards.

        Returns:
            The number of jobs that run.
        """
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM jobs WHERE subject = ? AND state != 'running'", (subject,)
            )
            return connection.execute(
                "UPDATE jobs SET stop = 'remove' WHERE subject = ?", (subject,)
            ).rowcount

    def retry(self, job_id: str, max_jobs: int, retry_after: Callable[[], int]) -> Job:
        """Queue a job again that failed or was canceled.

        Raises:
            UnknownJobError: there is no such job.
            JobStateError: the job waits, runs or is done, or an equal one waits.
            QueueFullError: `max_jobs` jobs wait or run.
        """
        job = self.get(job_id)
        with self._database.transaction() as connection:
            counts = connection.execute(
                "SELECT count(*) AS active, coalesce(sum(kind = ? AND subject = ? AND part = ?), 0)"
                f" AS equal FROM jobs WHERE {_IS_ACTIVE}",
                (job.kind, job.subject, job.part),
            ).fetchone()
            if job.state not in ("failed", "canceled") or counts["equal"]:
                state = f"is {job.state}" if not counts["equal"] else "is queued or running already"
                raise JobStateError(f"{job.name or job.id}: this job {state}; it cannot be retried")
            if counts["active"] >= max_jobs:
                raise QueueFullError(max_jobs, retry_after())
            row = connection.execute(
                "UPDATE jobs SET state = 'queued', attempts = 0, crashes = 0, error = NULL, "
                "result = NULL, progress = NULL, started = NULL, finished = NULL, stop = NULL "
                "WHERE id = ? AND state IN ('failed', 'canceled') RETURNING *",
                (job_id,),
            ).fetchone()
            if row is None:
                raise JobStateError(f"{job.name or job.id}: another client changed this job")
            return self._publish(row)

    # Workers

    def claim(self, worker: str, num_workers: int, is_reserve: bool = False) -> Job | None:
        """Start the next job; None if no job may start.

        Jobs of the same kind, subject and part run one after another.

        Args:
            worker: name of the worker, which owns the job from now on.
            num_workers: number of jobs that run at a time.
            is_reserve: start a job only if resumable jobs occupy all other workers.
        """
        connection = self._database.connection
        # Idle workers look often; only those that see a job lock the database.
        if not connection.execute("SELECT 1 FROM jobs WHERE state = 'queued' LIMIT 1").fetchone():
            return None
        now = time.time()
        with self._database.transaction() as connection:
            row = connection.execute(
                "UPDATE jobs SET state = 'running', worker = :worker, heartbeat = :now, "
                "started = :now, progress = NULL, attempts = attempts + 1 WHERE id = ("
                "SELECT id FROM jobs AS next WHERE state = 'queued' AND NOT EXISTS ("
                "SELECT 1 FROM jobs AS other WHERE other.state = 'running' "
                "AND other.kind = next.kind AND other.subject = next.subject "
                "AND other.part = next.part) "
                "AND (NOT :is_reserve OR (kind NOT IN (SELECT value FROM json_each(:long)) "
                "AND (SELECT count(*) FROM jobs WHERE state = 'running' AND kind IN "
                "(SELECT value FROM json_each(:long))) >= :num_workers)) "
                f"ORDER BY {_RUNS_FIRST} LIMIT 1) RETURNING *",
                {
                    "worker": worker,
                    "now": now,
                    "is_reserve": is_reserve,
                    "long": self._long,
                    "num_workers": num_workers,
                },
            ).fetchone()
            return None if row is None else self._publish(row)

    def beat(self, job_id: str, worker: str, progress: JobProgress | None, changed: bool) -> str:
        """Show that a job is alive, and store its progress.

        Returns:
            What the job must do: "continue"; "cancel"; or "lost" if the row belongs to another
            worker, or exists no longer.
        """
        text = None if progress is None else progress.dump()
        with self._database.transaction() as connection:
            row = connection.execute(
                "UPDATE jobs SET heartbeat = ?, progress = ? "
                "WHERE id = ? AND worker = ? AND state = 'running' RETURNING *",
                (time.time(), text, job_id, worker),
            ).fetchone()
            if row is not None and changed:
                self._publish(row)
        if row is None:
            return "lost"
        return "continue" if row["stop"] is None else "cancel"

    def finish(
        self,
        job_id: str,
        worker: str,
        state: EndState,
        *,
        result: dict[str, Any] | None = None,
        error: str | None = None,
    ) -> EndState | None:
        """End a job that a worker owns; return its state, or None if the worker did not own it.

        A job that failed after it was canceled is canceled.
        """
        with self._database.transaction() as connection:
            row = connection.execute(
                "UPDATE jobs SET state = CASE WHEN ?1 = 'failed' AND stop IS NOT NULL "
                "THEN 'canceled' ELSE ?1 END, result = ?2, "
                "error = CASE WHEN stop IS NULL THEN ?3 END, "
                "finished = ?4, worker = NULL, heartbeat = NULL "
                "WHERE id = ?5 AND worker = ?6 AND state = 'running' RETURNING *",
                (
                    state,
                    None if result is None else json.dumps(result),
                    error,
                    time.time(),
                    job_id,
                    worker,
                ),
            ).fetchone()
            if row is not None:
                self._publish(row)
                self._delete_removed(connection, row)
        return None if row is None else row["state"]

    def release(self, worker: str, reason: ReleaseReason, detail: str = "") -> list[Job]:
        """Queue again what a worker was running that has ended, and return it.

        A job that was canceled is canceled instead, and one whose workers ended too often fails.

        Args:
            worker: name of the worker.
            reason: the attempt counts unless the worker ended with its server.
            detail: how the process ended, for the message, such as "by SIGKILL".
        """
        released = []
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT * FROM jobs WHERE worker = ? AND state = 'running'", (worker,)
            ).fetchall()
            for row in rows:
                attempts = row["attempts"] - (reason == "stop")
                crashes = row["crashes"] + (reason == "crash")
                state, error = "queued", None
                if row["stop"] is not None:
                    state = "canceled"
                elif crashes >= MAX_CRASHES or attempts >= MAX_ATTEMPTS:
                    state = "failed"
                    error = (
                        f"{row['name'] or row['kind']}: the worker process ended "
                        f"{detail or 'unexpectedly'} in each of {attempts} attempts; the file "
                        "may need too much memory: use a smaller one, or report the fault"
                    )
                row = connection.execute(
                    "UPDATE jobs SET state = ?, attempts = ?, crashes = ?, error = ?, "
                    "finished = ?, worker = NULL, heartbeat = NULL, progress = NULL "
                    "WHERE id = ? RETURNING *",
                    (
                        state,
                        attempts,
                        crashes,
                        error,
                        None if state == "queued" else time.time(),
                        row["id"],
                    ),
                ).fetchone()
                released.append(self._publish(row))
                self._delete_removed(connection, row)
        return released

    def get_heartbeat(self, worker: str) -> tuple[str, float] | None:
        """Return the job that a worker runs and its last heartbeat; None if it is idle."""
        row = self._database.connection.execute(
            "SELECT id, heartbeat FROM jobs WHERE worker = ? AND state = 'running'", (worker,)
        ).fetchone()
        return None if row is None else (row["id"], row["heartbeat"])

    def list_owners(self) -> list[str]:
        """Return the names of the workers that own running jobs."""
        rows = self._database.connection.execute(
            "SELECT DISTINCT worker FROM jobs WHERE state = 'running'"
        )
        return [row["worker"] for row in rows]

    # Rows

    def _select(self, condition: str, *values: object) -> list[Job]:
        rows = self._database.connection.execute(f"SELECT * FROM jobs WHERE {condition}", values)
        return [Job.from_row(row) for row in rows]

    def _publish(self, row: sqlite3.Row) -> Job:
        job = Job.from_row(row)
        self._events.publish("job", job.to_json(), job.client or None)
        return job

    @staticmethod
    def _delete_removed(connection: sqlite3.Connection, row: sqlite3.Row) -> None:
        if row["stop"] == "remove" and row["state"] != "queued":
            connection.execute("DELETE FROM jobs WHERE id = ?", (row["id"],))
