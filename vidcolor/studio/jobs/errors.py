"""Errors of jobs."""

from __future__ import annotations

from vidcolor.studio.errors import ApiError, NotFoundError


class QueueFullError(ApiError):
    """A job that was refused because too many jobs wait."""

    def __init__(self, max_jobs: int, retry_after: int) -> None:
        """Describe the queue; `retry_after` is the number of seconds after which to try again."""
        super().__init__(
            f"the queue is full: {max_jobs} jobs wait or run; try again in {retry_after} s",
            status=503,
            code="queue-full",
            headers={"Retry-After": str(retry_after)},
            retry_after=retry_after,
        )
        self.retry_after = retry_after


class UnknownJobError(NotFoundError):
    """A job that does not exist, or that was removed."""

    def __init__(self, job_id: str) -> None:
        """Describe the job."""
        super().__init__(f"{job_id[:40]!r}: there is no such job, or it was removed")


class JobStateError(ApiError):
    """A job whose state does not permit the operation, such as the retry of a job that runs."""

    def __init__(self, text: str) -> None:
        """Describe the job and its state."""
        super().__init__(text, status=409, code="conflict")


class JobStoppedError(Exception):
    """A running job must stop. Not a `VidcolorError`, because the job did not fail."""


class JobCanceledError(JobStoppedError):
    """The job was canceled."""


class JobInterruptedError(JobStoppedError):
    """The worker stops. The job is run again later, and resumes in its work directory."""
