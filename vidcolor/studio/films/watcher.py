"""Reports projects that another process or a person has changed to browsers."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING

from vidcolor.errors import VidcolorError
from vidcolor.studio.films.paths import read_signature

if TYPE_CHECKING:
    from vidcolor.studio.events import EventLog
    from vidcolor.studio.films.paths import Signature
    from vidcolor.studio.films.projects import OpenedProjects
    from vidcolor.studio.films.rows import FilmRow, FilmTable

INTERVAL_S = 1.0
"""Interval at which the files of projects are looked at, in seconds."""
WATCHED_S = 900.0
"""Time after the last visit for which the file of a project is watched, in seconds."""

logger = logging.getLogger(__name__)


class ProjectWatcher:
    """A thread that looks at the files of the projects with a recent visit."""

    def __init__(self, table: FilmTable, opened: OpenedProjects, events: EventLog) -> None:
        """Prepare; `start` starts the thread."""
        self._table, self._opened, self._events = table, opened, events
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="films", daemon=True)
        self._signatures: dict[str, Signature | None] = {}
        """What the files were at the last report to browsers."""

    def start(self) -> None:
        """Start to watch."""
        self._thread.start()

    def close(self) -> None:
        """Stop to watch, and wait until the thread has ended."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def note(self, row: FilmRow) -> None:
        """Remember that browsers know the project as it is now."""
        self._signatures[row.id] = read_signature(row.project_path)

    def forget(self, film_id: str) -> None:
        """Forget a film that was deleted."""
        self._signatures.pop(film_id, None)

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            try:
                for row in self._table.list_visited_since(time.time() - WATCHED_S):
                    self._look_at(row)
            except Exception as error:  # such as a locked database; the next round tries again
                logger.warning("cannot watch films: %s", type(error).__name__)

    def _look_at(self, row: FilmRow) -> None:
        signature = read_signature(row.project_path)
        if row.id in self._signatures and self._signatures[row.id] != signature:
            revision = 0
            with contextlib.suppress(VidcolorError), self._opened.use(row.project_path) as opened:
                revision = opened.load().revision
            self._events.publish_revision("film", row.id, revision, row.viewer)
        self._signatures[row.id] = signature
