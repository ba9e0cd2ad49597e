"""The services of a server, which the routers of the API receive."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from vidcolor.studio.errors import UnavailableError

if TYPE_CHECKING:
    from vidcolor.studio.compute.client import ComputeClient
    from vidcolor.studio.database import Database
    from vidcolor.studio.events import EventLog
    from vidcolor.studio.films.service import FilmService
    from vidcolor.studio.jobs.queue import JobQueue
    from vidcolor.studio.links import Sessions
    from vidcolor.studio.metrics import Metrics
    from vidcolor.studio.photos.service import PhotoService
    from vidcolor.studio.retention import Retention
    from vidcolor.studio.security.rates import RateLimits
    from vidcolor.studio.settings import StudioSettings
    from vidcolor.studio.uploads import UploadService

_MAX_PARTS_AT_A_TIME = 16


@dataclass(frozen=True)
class Services:
    """Everything that endpoints call."""

    settings: StudioSettings
    database: Database
    sessions: Sessions
    rates: RateLimits
    metrics: Metrics
    events: EventLog
    jobs: JobQueue
    compute: ComputeClient
    uploads: UploadService
    photos: PhotoService
    films: FilmService
    retention: Retention
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server stops: it finishes requests, ends streams and accepts no work."""
    upload_slots: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(_MAX_PARTS_AT_A_TIME)
    )
    """Parts of uploads that are in memory at a time."""

    def begin_draining(self) -> None:
        """Accept no new work, and end streams of events, so that all requests finish soon."""
        if not self.draining.is_set():
            self.draining.set()
            self.events.drain()
            self.jobs.begin_drain()

    def check_accepting(self) -> None:
        """Check that the server accepts new work.

        Raises:
            UnavailableError: it stops.
        """
        if self.draining.is_set():
            raise UnavailableError("the server stops; try again when it is back")

    def find_problems(self) -> list[str]:
        """Return why the server cannot accept work; empty if it can."""
        problems = ["the server stops"] if self.draining.is_set() else []
        try:
            self.database.connection.execute("SELECT 1 FROM jobs LIMIT 1").fetchone()
        except sqlite3.Error:
            problems.append("the database cannot be read")
        try:
            free = shutil.disk_usage(self.settings.data_dir).free
        except OSError:
            problems.append("the data directory cannot be read")
        else:
            if not os.access(self.settings.data_dir, os.W_OK):
                problems.append("the data directory cannot be written")
            if free < self.settings.min_free_bytes:
                problems.append("the disk is full")
        return problems


def get_services(request: Request) -> Services:
    """Return the services of the application that received a request."""
    services: Services = request.app.state.services
    return services


def get_client(request: Request) -> str:
    """Return the client of a request: the id of a browser session, or "api"."""
    client: str = request.state.client
    return client


ServicesDep = Annotated[Services, Depends(get_services)]
ClientDep = Annotated[str, Depends(get_client)]
