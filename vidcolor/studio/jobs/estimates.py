"""Positions in the queue, and estimates of the remaining time."""

from __future__ import annotations

import heapq
import time
from typing import TYPE_CHECKING, NamedTuple

from vidcolor.studio.jobs.models import JobProgress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


MIN_SECONDS_LEFT = 1.0
"""Estimate for a running job that takes longer than its kind usually does, in seconds."""


class ActiveJob(NamedTuple):
    """What is needed of a job that waits or runs, without the cost of its options."""

    id: str
    kind: str
    state: str
    started: float | None
    progress: str | None
    """As it is stored."""


class Estimate(NamedTuple):
    """When a job runs and ends."""

    position: int
    """Position in the queue; 0 while the job runs."""
    seconds_left: float
    """Estimated time until the job is finished."""


def estimate_jobs(
    active: Sequence[ActiveJob], typical_seconds: Mapping[str, float], num_workers: int
) -> dict[str, Estimate]:
    """Return the positions and remaining times of jobs, by ID.

    Args:
        active: all jobs that run, and then all that wait, in the order in which they will run.
        typical_seconds: duration of a job of each kind.
        num_workers: number of jobs that run at a time.
    """
    now = time.time()
    result: dict[str, Estimate] = {}
    free_after: list[float] = []
    position = 0
    for job in active:
        typical = typical_seconds.get(job.kind, MIN_SECONDS_LEFT)
        if job.state == "running":
            left = _estimate_running(job, typical, now)
            heapq.heappush(free_after, left)
            result[job.id] = Estimate(0, left)
            continue
        position += 1
        start = heapq.heappop(free_after) if len(free_after) >= num_workers else 0.0
        heapq.heappush(free_after, start + typical)
        result[job.id] = Estimate(position, start + typical)
    return result


def _estimate_running(job: ActiveJob, typical: float, now: float) -> float:
    if job.progress is not None:
        left = _estimate_stage(JobProgress.parse(job.progress), now)
        if left is not None:
            return left
    elapsed = now - (job.started or now)
    return max(typical - elapsed, MIN_SECONDS_LEFT)


def _estimate_stage(progress: JobProgress, now: float) -> float | None:
    """Return the remaining time of a stage at its mean speed; None before there is a speed."""
    num_done = progress.done - progress.first_done
    elapsed = now - progress.since
    if progress.total is None or num_done <= 0 or elapsed <= 0:
        return None
    return max(progress.total - progress.done, 0) * elapsed / num_done
