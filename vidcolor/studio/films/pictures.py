"""Pictures and answers about films that the compute process makes, and that are kept."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from starlette.concurrency import run_in_threadpool

from vidcolor.errors import VidcolorError
from vidcolor.studio.compute.client import (
    PRIORITY_CLICK,
    PRIORITY_HOVER,
    PRIORITY_PREFETCH,
    PRIORITY_VIEW,
)
from vidcolor.studio.films.paths import hide_path, make_source_key

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from vidcolor.project.document import ProjectDocument
    from vidcolor.studio.compute.client import ComputeClient
    from vidcolor.studio.films.exports import ListFormat
    from vidcolor.studio.films.projects import Decisions
    from vidcolor.studio.films.rows import FilmRow
    from vidcolor.studio.films.still_cache import StillCache
    from vidcolor.studio.settings import StudioSettings

StillView = Literal["color", "gray", "confidence"]
StillFormat = Literal["webp", "jpeg"]
MAX_WIDTH = 8192
"""Maximum length of the longest side of a still that is asked for, in pixels."""
THUMBNAIL_WIDTH = 480
"""Length up to which a still counts as one of many that are shown at a time."""
PREFETCHED = (1, 2, 3, -1)
"""Frames, relative to the one that is shown, whose stills are made in advance. Frames in order need
no seek."""
_TASKS_WITHOUT_DECISIONS = ("film.reference", "film.forget")
DEFAULT_SAMPLES, MAX_SAMPLES = 9, 60
"""Number of frames of a shot in which its hints are tracked: by default and at most."""


@dataclass(frozen=True, slots=True)
class StillRequest:
    """A still that is asked for."""

    frame: int
    width: int = 0
    """Maximum length of the longest displayed side; 0 for the displayed size."""
    view: StillView = "color"
    format: StillFormat = "webp"

    def make_key(self, rev: str) -> str:
        """Return everything that the still depends on, for the cache."""
        return f"still {self.frame} {self.view} {self.width} {rev}"


@dataclass(frozen=True, slots=True)
class EncodedStill:
    """A still as a file."""

    data: bytes
    rev: str
    """Revision of the shot that it shows, or of the source for the gray view."""


@dataclass(frozen=True, slots=True)
class KnownPlaces:
    """What is known of the places of a shot where a hint helps."""

    places: list[dict[str, Any]] | None
    """The places; None if their priorities were too low when the shot was examined."""
    max_priority: float
    """Upper limit of the priority of any place of the shot."""


class FilmPictures:
    """Asks the compute process, and keeps what it answers. Runs in the event loop."""

    def __init__(
        self,
        settings: StudioSettings,
        compute: ComputeClient,
        cache: StillCache,
        read: Callable[[FilmRow], Decisions],
    ) -> None:
        """Use the compute process and a cache of files; `read` returns the decisions of a film."""
        self._settings, self._compute, self._cache, self._read = settings, compute, cache, read
        self._prefetch: dict[str, asyncio.Task[None]] = {}
        """The task that makes stills of a film in advance."""

    async def get_still(
        self, row: FilmRow, request: StillRequest, rev: str, priority: int | None = None
    ) -> EncodedStill:
        """Return a still, from the cache if it is there.

        Args:
            row: the film.
            request: the still.
            rev: the current revision of its shot, or of the source for the gray view.
            priority: priority of the compute process; None for that of the size of the still.

        Raises:
            VidcolorError: the film cannot be read, or the compute process has failed.
        """
        path = self._cache.locate(row.id, request.make_key(rev), f".{request.format}")
        data = await run_in_threadpool(self._cache.get, path)
        if data is not None:
            return EncodedStill(data, rev)
        if priority is None:
            is_small = 0 < request.width <= THUMBNAIL_WIDTH
            priority = PRIORITY_VIEW if is_small else PRIORITY_CLICK
        answer = await self.call(
            row, "film.still", priority, frame=request.frame, view=request.view,
            width=request.width, format=request.format,
            key=f"still {row.id} {request.make_key(rev)} {request.format}",
        )  # fmt: skip
        still = EncodedStill(answer["data"], answer["rev"])
        path = self._cache.locate(row.id, request.make_key(still.rev), f".{request.format}")
        await run_in_threadpool(self._cache.put, path, still.data)
        return still

    def prefetch(self, row: FilmRow, request: StillRequest, revs: dict[int, str]) -> None:
        """Make stills in advance; those that another frame needed are given up.

        `revs` are the frames, in the order in which they are made, with their revisions.
        """
        earlier = self._prefetch.get(row.id)
        if earlier is not None:
            earlier.cancel()

        async def run() -> None:
            for frame, rev in revs.items():
                neighbor = StillRequest(frame, request.width, request.view, request.format)
                with contextlib.suppress(VidcolorError):  # shown when the frame is asked for
                    await self.get_still(row, neighbor, rev, PRIORITY_PREFETCH)

        self._prefetch[row.id] = self._start(row.id, run())

    def _start(self, film_id: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)

        def forget(done: asyncio.Task[None]) -> None:
            if self._prefetch.get(film_id) is done:
                del self._prefetch[film_id]

        task.add_done_callback(forget)
        return task

    async def describe_source(self, row: FilmRow, document: ProjectDocument) -> dict[str, Any]:
        """Return the facts of `source_facts.describe_source` about a film.

        Raises:
            VidcolorError: the film cannot be read.
        """
        key = make_source_key(document.source)
        return await self._get_json(row, key, "film.source", PRIORITY_CLICK)

    async def find_colors(self, row: FilmRow, frame: int, x: float, y: float) -> dict[str, Any]:
        """Return the likely colors at a place in fractions, its color, and the confidence there."""
        answer: dict[str, Any] = await self.call(
            row, "film.colors", PRIORITY_HOVER, frame=frame, x=x, y=y
        )
        return answer

    async def find_region(self, row: FilmRow, frame: int, **values: Any) -> dict[str, Any]:
        """Return the outline of the object of a hint; see `tasks.find_region`."""
        answer: dict[str, Any] = await self.call(
            row, "film.region", PRIORITY_HOVER, frame=frame, **values
        )
        return answer

    async def find_tracks(
        self, row: FilmRow, document: ProjectDocument, index: int, rev: str, count: int
    ) -> dict[str, Any]:
        """Return where the hints of a shot are in some of its frames, also the hinted ones.

        The `rev` of the answer is another one than `rev` if the film was changed meanwhile.
        """
        rows = document.get_hints(index)
        result: dict[str, Any] = {"shot": index + 1, "rev": rev, "tracks": []}
        if not rows:
            return result
        span = document.spans[index]
        shot_range = range(span.mixed_range.stop, span.end) or range(span.first, span.end)
        step = max(1, -(-len(shot_range) // max(1, count - 1)))
        frames = sorted({*shot_range[::step], shot_range[-1], *(row.frame for row in rows)})
        # A hint that was removed and made again has another number, but the shot has its revision.
        numbers = ",".join(str(hint.id) for hint in rows)
        answers = [
            await self._get_json(
                row, f"track {frame} {numbers} {rev}", "film.track", PRIORITY_VIEW, frame=frame
            )
            for frame in frames
        ]
        result["rev"] = next((a["rev"] for a in answers if a["rev"] != rev), rev)
        result["tracks"] = [
            {
                "hint": hint.id,
                "frames": [
                    {"frame": answer["frame"], **{k: place[k] for k in ("x", "y", "found")}}
                    for answer in answers
                    for place in answer["hints"]
                    if place["hint"] == hint.id
                ],
            }
            for hint in rows
        ]
        return result

    async def find_places(
        self, row: FilmRow, index: int, rev: str, count: int, lowest: float
    ) -> None:
        """Find the places of a shot where a hint helps most, and keep them.

        Nothing is found, which is kept as well, if no place has a priority above `lowest`.
        """
        while True:
            answer = await self.call(
                row, "film.places", PRIORITY_PREFETCH, shot=index, count=count, lowest=lowest
            )
            if answer["rev"] != rev:  # the shot was changed meanwhile
                return
            if answer["is_finished"]:
                break
        data = json.dumps({key: answer[key] for key in ("places", "max_priority")}).encode()
        path = self._cache.locate(row.id, f"places {count} {rev}", ".json")
        await run_in_threadpool(self._cache.put, path, data)

    def get_known_places(self, row: FilmRow, rev: str, count: int) -> KnownPlaces | None:
        """Return what `find_places` has kept; None if it was not called. Blocks briefly."""
        data = self._cache.get(self._cache.locate(row.id, f"places {count} {rev}", ".json"))
        if data is None:
            return None
        values = json.loads(data)
        return KnownPlaces(values["places"], values["max_priority"])

    async def plan(self, row: FilmRow, suffix: str | None) -> dict[str, Any]:
        """Return what a rendering would do."""
        answer: dict[str, Any] = await self.call(row, "film.plan", PRIORITY_VIEW, suffix=suffix)
        return answer

    async def list_shots(
        self, row: FilmRow, list_format: ListFormat, film_name: str | None
    ) -> bytes:
        """Return the list of shots as a file; see `exports.format_shot_list`."""
        data: bytes = await self.call(
            row, "film.shots", PRIORITY_CLICK, format=list_format, name=film_name
        )
        return data

    async def check_shots(self, row: FilmRow, shots: list[int], values: dict[str, Any]) -> None:
        """Raise an error if shots, by index, cannot have new values; see `tasks.check_shots`."""
        await self.call(row, "film.check", PRIORITY_CLICK, shots=shots, values=values)

    async def check_reference(self, row: FilmRow, path: Path) -> None:
        """Raise an error if an image cannot be a reference."""
        await self.call(row, "film.reference", PRIORITY_CLICK, path=str(path))

    async def forget(self, row: FilmRow) -> None:
        """Give up everything about a film that is deleted."""
        task = self._prefetch.pop(row.id, None)
        if task is not None:
            task.cancel()
        with contextlib.suppress(VidcolorError):
            await self.call(row, "film.forget", PRIORITY_VIEW)

    async def _get_json(
        self, row: FilmRow, cache_key: str, task: str, priority: int, **values: Any
    ) -> dict[str, Any]:
        """Return the answer of a task, from the cache if it is there."""
        path = self._cache.locate(row.id, cache_key, ".json")
        data = await run_in_threadpool(self._cache.get, path)
        if data is None:
            answer = await self.call(row, task, priority, **values)
            # The project may have changed meanwhile; then the answer belongs to another key.
            if answer.get("rev", cache_key.rpartition(" ")[2]) == cache_key.rpartition(" ")[2]:
                await run_in_threadpool(self._cache.put, path, json.dumps(answer).encode())
            return dict(answer)
        return dict(json.loads(data))

    async def call(
        self, row: FilmRow, task: str, priority: int, key: str | None = None, **values: Any
    ) -> Any:
        """Run a task about a film; messages do not show the paths of uploads.

        Equal tasks with the same key and the same decisions share one run. None replaces another
        one: pages close the requests that they do not need any more.
        """
        payload = {"project": str(row.project_path), **values}
        try:
            if task not in _TASKS_WITHOUT_DECISIONS:
                decisions = await run_in_threadpool(self._read, row)
                payload |= {"key": decisions.key, "decisions": decisions.packed}
                key = key and f"{key} {decisions.key}"
            return await self._compute.call(task, payload, priority=priority, key=key)
        except VidcolorError as error:
            text = hide_path(str(error), row, self._settings)
            if text == str(error):
                raise
            raise type(error)(text) from error
