"""Results of the compute process for HTTP requests, whose clients may go away meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from vidcolor.studio.compute.errors import SupersededError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.requests import Request

T = TypeVar("T")


async def answer(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Await work for a request, and cancel it when its client has disconnected.

    The body of the request must have been read, or must be empty.

    Raises:
        SupersededError: the client has disconnected and will not read the response.
    """
    task = asyncio.ensure_future(work)
    watcher = asyncio.ensure_future(_wait_for_disconnect(request))
    try:
        await asyncio.wait((task, watcher), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            raise SupersededError("the client has disconnected")
        return task.result()
    finally:
        for future in (task, watcher):
            future.cancel()


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
