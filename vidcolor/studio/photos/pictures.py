"""Pictures of photos, and what lies at their places, from the compute process."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool

from vidcolor.errors import InputError, UsageError, VidcolorError
from vidcolor.studio.compute.client import (
    PRIORITY_BACKGROUND,
    PRIORITY_CLICK,
    PRIORITY_HOVER,
    PRIORITY_PREFETCH,
    PRIORITY_VIEW,
)
from vidcolor.studio.errors import (
    ApiError,
    LimitError,
    RequestError,
    StorageError,
    TooLargeError,
)
from vidcolor.studio.links import make_id
from vidcolor.studio.names import clean_name
from vidcolor.studio.photos.decisions import PhotoReference
from vidcolor.studio.photos.files import hide_path, make_payload, photo_directory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from vidcolor.studio.compute.client import ComputeClient
    from vidcolor.studio.photos.decisions import Decisions
    from vidcolor.studio.photos.rows import PhotoRow, PhotoTable
    from vidcolor.studio.settings import StudioSettings
    from vidcolor.studio.storage import Storage

SMALL_SIDE, LARGE_SIDE = 640, 2000
"""Longest sides of pictures, in pixels: up to the first one is a thumbnail, and above the second
one is made in the background. A person waits for those between."""


MAX_REFERENCES = 20
"""Maximum number of references that a photo may have had."""


class PhotoPictures:
    """Asks the compute processes about photos. Belongs to one event loop."""

    def __init__(
        self, settings: StudioSettings, table: PhotoTable, storage: Storage, compute: ComputeClient
    ) -> None:
        """Use the other services of a server."""
        self._settings, self._table = settings, table
        self._storage, self._compute = storage, compute
        self._background: set[asyncio.Task[None]] = set()

    async def examine(self, row: PhotoRow) -> PhotoRow:
        """Return a photo with its size, or with the reason why it cannot be read.

        If the compute process cannot answer now, the photo is returned as it is.
        """
        if row.width is not None or row.error is not None:
            return row
        try:
            found = await self._compute.call(
                "photo-examine",
                {"path": str(row.path)},
                priority=PRIORITY_VIEW,
                key=f"examine:{row.id}",
            )
        except ApiError:
            return row
        except VidcolorError as error:
            text = hide_path(str(error), row, self._settings)
            await run_in_threadpool(self._table.set_error, row.id, text)
        else:
            await run_in_threadpool(
                self._table.set_examined, row.id, found["width"], found["height"], found["tint"]
            )
        return await run_in_threadpool(self._table.get, row.id)

    async def render(
        self, row: PhotoRow, decisions: Decisions, view: str, width: int, name: str
    ) -> bytes:
        """Return an encoded picture. Equal requests share one run.

        Args:
            row: the photo.
            decisions: its decisions.
            view: ``color``, ``gray`` or ``confidence``.
            width: longest side, in pixels; 0 for the full size.
            name: ``jpeg`` or ``webp``.

        Raises:
            InputError: the photo or its reference cannot be read.
            ApiError: the compute process cannot answer.
        """
        others: dict[str, Any] = {"view": view, "width": width, "format": name}
        if view == "color" and row.has_result:
            others["result"] = str(row.result_path)
        is_large = width == 0 or width > LARGE_SIDE
        is_awaited = view == "color" and width > SMALL_SIDE and not is_large
        priority = PRIORITY_CLICK if is_awaited else PRIORITY_VIEW
        # A page of thumbnails would delay the clicks of others by seconds.
        if is_large or (view == "color" and not is_awaited and "result" not in others):
            priority = PRIORITY_BACKGROUND
        # The key names all that the picture depends on, so that no request replaces another one:
        # pages close those that they do not need any more.
        key = f"image:{row.id}:{row.revision}:{view}:{width}:{name}:{others.get('result')}"
        picture: bytes = await self._call("photo-image", row, decisions, others, priority, key)
        if is_awaited:
            self._prepare(row, decisions)
        return picture

    async def list_colors(
        self, row: PhotoRow, decisions: Decisions, x: float, y: float
    ) -> dict[str, Any]:
        """Return the likely colors at a place; see `regions.describe_colors`."""
        place = {"x": x, "y": y}
        answer: dict[str, Any] = await self._call(
            "photo-colors", row, decisions, place, PRIORITY_HOVER
        )
        return answer

    async def outline_region(
        self,
        row: PhotoRow,
        decisions: Decisions,
        client: str,
        x: float,
        y: float,
        radius: float | None,
        color: str | None,
    ) -> dict[str, Any]:
        """Return the region that a hint would cover; see `regions.find_region`."""
        others = {"x": x, "y": y, "radius": radius, "color": color or ""}
        answer: dict[str, Any] = await self._call(
            "photo-region", row, decisions, others, PRIORITY_HOVER
        )
        # Who rests on a place may click there next.
        key = f"anticipate:{client}:{row.id}"
        self._start(self._call("photo-anticipate", row, decisions, others, PRIORITY_PREFETCH, key))
        return answer

    async def suggest(self, row: PhotoRow, decisions: Decisions) -> dict[str, Any]:
        """Return the places where a hint helps most; see `regions.suggest_places`."""
        key = f"suggestions:{row.id}:{row.revision}"
        answer: dict[str, Any] = await self._call(
            "photo-suggestions", row, decisions, {}, PRIORITY_BACKGROUND, key
        )
        return answer

    async def get_generator(self) -> dict[str, Any]:
        """Return name, digest and abilities of the generator; see `tasks.describe_generator`."""
        answer: dict[str, Any] = await self._compute.call(
            "describe-generator", {}, priority=PRIORITY_VIEW, key="describe-generator"
        )
        return answer

    async def check_vividness(self, value: float | None) -> None:
        """Check that the generator supports a vividness.

        Raises:
            UsageError: it does not.
        """
        if value is not None:
            generator = await self.get_generator()
            if not generator["has_vividness"]:
                raise UsageError(
                    f"model {generator['name']!r} has no vividness; change the saturation instead"
                )

    def predict(self, row: PhotoRow, decisions: Decisions, client: str) -> None:
        """Begin to predict the color with new decisions, of which the client wants a picture."""
        if row.error is None and row.width is not None:  # otherwise it was not opened
            key = f"predict:{client}:{row.id}"
            self._start(self._call("photo-predict", row, decisions, {}, PRIORITY_CLICK, key))

    def _prepare(self, row: PhotoRow, decisions: Decisions) -> None:
        """Compute in the background what hovering and clicking will need."""
        self._start(
            self._call("photo-prepare", row, decisions, {}, PRIORITY_PREFETCH, f"prepare:{row.id}")
        )

    def _start(self, work: Coroutine[Any, Any, Any]) -> None:
        async def run() -> None:
            with suppress(VidcolorError):  # the next caller receives the error
                await work

        # A task that nothing refers to may be collected before it has finished.
        task = asyncio.get_running_loop().create_task(run())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _call(
        self,
        task: str,
        row: PhotoRow,
        decisions: Decisions,
        others: dict[str, Any],
        priority: int,
        key: str | None = None,
    ) -> Any:
        if row.error is not None:
            raise InputError(row.error)
        payload = make_payload(self._settings, row, decisions, **others)
        try:
            return await self._compute.call(task, payload, priority=priority, key=key)
        except ApiError:
            raise
        except VidcolorError as error:
            await run_in_threadpool(self._table.get, row.id)  # if it was deleted, that is the cause
            raise type(error)(hide_path(str(error), row, self._settings)) from None

    # References

    async def receive_reference(
        self, row: PhotoRow, name: str, body: AsyncIterator[bytes]
    ) -> PhotoReference:
        """Store the picture whose colors a photo gets, and check that it can be used.

        Raises:
            TooLargeError: it is larger than a photo may be.
            StorageError: there is no room for it.
            InputError: it cannot be read, or has no color.
        """
        directory = photo_directory(self._settings, row.id)
        path = directory / f"reference-{make_id()}"
        try:
            await run_in_threadpool(self._check_room, directory)
            await self._write(path, body)
            await self._compute.call("photo-check-reference", {"path": str(path)})
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise StorageError("the reference cannot be stored; is the disk full?") from error
            if isinstance(error, VidcolorError) and not isinstance(error, ApiError):
                text = str(error).replace(str(path), clean_name(name))
                raise type(error)(" ".join(text.split())) from None
            raise
        return PhotoReference(name=clean_name(name), file=path.name)

    def delete_reference(self, row: PhotoRow, reference: PhotoReference) -> None:
        """Delete a picture that `receive_reference` stored and no revision uses."""
        path = photo_directory(self._settings, row.id) / reference.file
        path.unlink(missing_ok=True)

    def _check_room(self, directory: Path) -> None:
        """Check that there is room for one more reference; earlier ones stay for undo."""
        directory.mkdir(parents=True, exist_ok=True)
        if len(list(directory.glob("reference-*"))) >= MAX_REFERENCES:
            raise LimitError(f"the photo has had {MAX_REFERENCES} references; upload it again")
        self._storage.check_reference_room(directory)

    async def _write(self, path: Path, body: AsyncIterator[bytes]) -> None:
        size = 0
        with await run_in_threadpool(path.open, "xb") as file:
            async for part in body:
                size += len(part)
                if size > self._settings.max_photo_bytes:
                    raise TooLargeError(
                        f"a reference has at most {self._settings.max_photo_bytes} bytes"
                    )
                await run_in_threadpool(file.write, part)
        if not size:
            raise RequestError("the body is empty; send the picture as the body")
