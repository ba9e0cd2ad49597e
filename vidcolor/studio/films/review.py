"""The list of places of a film where a hint helps most, which is computed in the background."""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.concurrency import run_in_threadpool

from vidcolor.errors import VidcolorError
from vidcolor.project.approvals import get_state, is_kept_gray
from vidcolor.studio.compute.errors import ComputeError
from vidcolor.studio.films.pictures import KnownPlaces

if TYPE_CHECKING:
    from vidcolor.project.document import ProjectDocument
    from vidcolor.studio.events import EventLog
    from vidcolor.studio.films.pictures import FilmPictures
    from vidcolor.studio.films.rows import FilmRow

PLACES_PER_SHOT = 5
"""Number of places that are kept for each shot."""
PUBLISH_INTERVAL_S = 2.0
"""Interval at which browsers learn of new places, in seconds."""
MAX_FAILED = 10_000
"""Number of shots of which it is kept that they could not be examined."""


class _Running(NamedTuple):
    """The examination of the shots of a film."""

    task: asyncio.Task[None]
    limit: int
    """Number of places that are looked for."""
    revs: frozenset[str]
    """Revisions of the shots that are examined."""


class FilmReview:
    """Examines the shots of films under review, one after another. Runs in the loop."""

    def __init__(self, pictures: FilmPictures, events: EventLog) -> None:
        """Use the compute process through `pictures`."""
        self._pictures, self._events = pictures, events
        self._running: dict[str, _Running] = {}
        self._failed: OrderedDict[str, str] = OrderedDict()
        """Why shots could not be examined, by their revision."""

    async def list_places(
        self, row: FilmRow, document: ProjectDocument, revs: list[str], limit: int
    ) -> dict[str, Any]:
        """Return the places that are known, and how many of the shots were examined.

        The other shots are examined from now on; `film` events tell of new places.

        Args:
            row: the film.
            document: its decisions.
            revs: revision of each shot.
            limit: maximum number of places.
        """
        indices = list_reviewed_shots(document)
        known = await run_in_threadpool(self._read_known, row, indices, revs)
        places = [place for found in known.values() for place in found.places or ()]
        best = heapq.nsmallest(limit, places, key=lambda p: (-p["priority"], p["frame"]))
        # A shot whose places all have lower priorities than those listed needs no examination.
        lowest = best[-1]["priority"] if len(best) == limit else 0.0
        missing = [
            index
            for index in indices
            if index not in known
            or (known[index].places is None and known[index].max_priority > lowest)
        ]
        # The longest shots come first, because they probably have the most important places.
        missing.sort(key=lambda index: document.spans[index].first - document.spans[index].end)
        priorities = [place["priority"] for place in best]
        self._examine(row, document.revision, missing, revs, priorities, limit)
        failed = [self._failed[revs[index]] for index in indices if revs[index] in self._failed]
        return {
            "places": best,
            "done": len(indices) - len(missing),
            "total": len(indices),
            "error": failed[0] if failed else None,
        }

    def _read_known(
        self, row: FilmRow, indices: list[int], revs: list[str]
    ) -> dict[int, KnownPlaces]:
        known = {}
        for index in indices:
            found = self._pictures.get_known_places(row, revs[index], PLACES_PER_SHOT)
            if found is None and revs[index] in self._failed:
                found = KnownPlaces([], 0.0)
            if found is not None:
                places = found.places and [{**p, "shot": index + 1} for p in found.places]
                known[index] = KnownPlaces(places, found.max_priority)
        return known

    def _examine(
        self,
        row: FilmRow,
        revision: int,
        missing: list[int],
        revs: list[str],
        priorities: list[float],
        limit: int,
    ) -> None:
        """Start to examine shots, unless that is being done."""
        wanted = frozenset(revs[index] for index in missing)
        earlier = self._running.get(row.id)
        if earlier is not None:
            # The shots that were examined since are no longer missing.
            if earlier.limit == limit and wanted <= earlier.revs:
                return
            self.cancel(row.id)
        if not missing:
            return
        work = self._run(row, revision, missing, revs, priorities, limit)
        task = asyncio.get_running_loop().create_task(work)
        self._running[row.id] = _Running(task, limit, wanted)
        task.add_done_callback(lambda done: self._forget(row.id, done))

    async def _run(
        self,
        row: FilmRow,
        revision: int,
        missing: list[int],
        revs: list[str],
        priorities: list[float],
        limit: int,
    ) -> None:
        loop = asyncio.get_running_loop()
        published = loop.time()
        for index in missing:
            lowest = heapq.nlargest(limit, priorities)[-1] if len(priorities) >= limit else 0.0
            try:
                await self._pictures.find_places(row, index, revs[index], PLACES_PER_SHOT, lowest)
            except ComputeError:  # tried again when the list is asked for again
                return
            except VidcolorError as error:  # not tried again until the shot changes
                self._failed[revs[index]] = str(error)
                if len(self._failed) > MAX_FAILED:
                    self._failed.popitem(last=False)
            known = self._pictures.get_known_places(row, revs[index], PLACES_PER_SHOT)
            places = known.places if known is not None else None
            priorities += [place["priority"] for place in places or ()]
            if index == missing[-1] or loop.time() - published > PUBLISH_INTERVAL_S:
                published = loop.time()
                data = {"id": row.id, "revision": revision, "review": True}
                await run_in_threadpool(self._events.publish, "film", data, row.viewer)

    def _forget(self, film_id: str, task: asyncio.Task[None]) -> None:
        running = self._running.get(film_id)
        if running is not None and running.task is task:
            del self._running[film_id]

    def cancel(self, film_id: str) -> None:
        """Stop to examine a film."""
        running = self._running.pop(film_id, None)
        if running is not None:
            running.task.cancel()


def list_reviewed_shots(document: ProjectDocument) -> list[int]:
    """Return the indices of the shots whose color is still to be decided."""
    return [
        index
        for index, row in enumerate(document.shots)
        if row.kind != "title"
        and get_state(document, index) != "approved"
        and not is_kept_gray(document, index)
    ]
