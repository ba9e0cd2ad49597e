"""What a job receives from the worker that runs it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from vidcolor.studio.jobs.errors import JobCanceledError, JobInterruptedError
from vidcolor.studio.jobs.models import JobProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from vidcolor.colorizer import Colorizer
    from vidcolor.progress import Progress
    from vidcolor.studio.database import Database
    from vidcolor.studio.events import EventLog
    from vidcolor.studio.settings import StudioSettings

StopReason = Literal["cancel", "drain", "lost"]
"""Why a job must stop: it was canceled, the worker stops, or the row belongs to another worker."""


class JobContext:
    """The services of one run of a job. Its methods may be called by any thread."""

    def __init__(
        self,
        settings: StudioSettings,
        database: Database,
        events: EventLog,
        load_colorizer: Callable[[], Colorizer],
    ) -> None:
        """Pass on services; `load_colorizer` is called when the job first needs the generator."""
        self.settings = settings
        self.database = database
        self.events = events
        self._load_colorizer = load_colorizer
        self._progress: JobProgress | None = None
        self._stop_reason: StopReason | None = None
        self._stopped_at = 0.0
        self.started_at = self.reported_at = time.monotonic()

    @property
    def colorizer(self) -> Colorizer:
        """The generator of the settings, which the worker loads once and keeps."""
        return self._load_colorizer()

    def report(self, progress: Progress) -> None:
        """Record the progress, which a thread of the worker stores four times a second.

        Raises:
            JobCanceledError: the job was canceled.
            JobInterruptedError: the worker stops; the job continues when it is run again.
        """
        previous, now = self._progress, time.time()
        is_new = previous is None or previous.stage != progress.stage
        since, first_done = now, progress.done
        if previous is not None and not is_new:
            since, first_done = previous.since, min(previous.first_done, progress.done)
        self._progress = JobProgress(
            progress.stage, progress.done, progress.total, since, first_done
        )
        self.reported_at = time.monotonic()
        self.check()

    def check(self) -> None:
        """Raise the errors of `report` if the job must stop; for loops without progress."""
        if self._stop_reason == "drain":
            raise JobInterruptedError
        if self._stop_reason is not None:
            raise JobCanceledError

    # Worker

    @property
    def progress(self) -> JobProgress | None:
        """The last progress."""
        return self._progress

    @property
    def stop_reason(self) -> StopReason | None:
        """Why the job must stop; None if it may continue."""
        return self._stop_reason

    @property
    def stopping_seconds(self) -> float:
        """Time since the job must stop, in seconds; 0 if it may continue."""
        return time.monotonic() - self._stopped_at if self._stop_reason else 0.0

    def stop(self, reason: StopReason) -> None:
        """Make the next `report` or `check` raise an exception."""
        if self._stop_reason is None:
            self._stopped_at = time.monotonic()
        if self._stop_reason is None or reason != "drain":
            self._stop_reason = reason
