"""Limits of the size and the pace of request bodies."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any

from vidcolor.studio.errors import ApiError, TooLargeError
from vidcolor.studio.settings import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vidcolor.studio.settings import StudioSettings

DEFAULT_BYTES = 256 << 10
"""Maximum size of a JSON body, in bytes."""
MIN_BYTES_PER_SECOND = 2048
"""Mean rate that a body must have after its first seconds."""
_REFERENCE = re.compile(r"/api/(photos|films)/[^/]+/references?(/[^/]+)?")


def find_limit(method: str, path: str, settings: StudioSettings) -> int:
    """Return the maximum size of the body of a request, in bytes."""
    if method == "PATCH" and path.startswith("/api/uploads/"):
        return CHUNK_BYTES
    if method == "POST" and path == "/api/photos":
        return settings.max_photo_bytes
    if method in ("PUT", "POST") and _REFERENCE.fullmatch(path):
        return settings.max_photo_bytes
    return DEFAULT_BYTES


class LimitedBody:
    """A `receive` of ASGI that stops bodies which are too large or too slow."""

    def __init__(
        self, receive: Callable[[], Awaitable[dict[str, Any]]], limit: int, seconds: float
    ) -> None:
        """Wrap `receive`.

        Args:
            receive: the function of the server.
            limit: maximum size, in bytes.
            seconds: maximum time between two parts, in seconds.
        """
        self._receive = receive
        self._limit = limit
        self._seconds = seconds
        self._start = time.monotonic()
        self._count = 0
        self._is_complete = False
        self.error: ApiError | None = None
        """Why the body was stopped. Endpoints may hide the exception; see `GuardMiddleware`."""

    async def __call__(self) -> dict[str, Any]:
        """Return the next message.

        Raises:
            TooLargeError: the body is larger than the limit.
            ApiError: the next part does not arrive in time, or the body is too slow.
        """
        try:
            return await self._receive_part()
        except ApiError as error:
            self.error = error
            raise

    async def _receive_part(self) -> dict[str, Any]:
        if self._is_complete:  # waits for the client to disconnect, which may take any time
            return await self._receive()
        try:
            async with asyncio.timeout(self._seconds):
                message = await self._receive()
        except TimeoutError:
            raise _make_timeout_error() from None
        if message["type"] != "http.request":
            self._is_complete = True
            return message
        self._count += len(message.get("body", b""))
        self._is_complete = not message.get("more_body", False)
        if self._count > self._limit:
            raise TooLargeError(f"the body is larger than {self._limit} bytes")
        elapsed = time.monotonic() - self._start - self._seconds
        if not self._is_complete and elapsed > 0 and self._count < elapsed * MIN_BYTES_PER_SECOND:
            raise _make_timeout_error()
        return message


def _make_timeout_error() -> ApiError:
    return ApiError(
        "the body arrived too slowly; send it again",
        status=408,
        code="bad-request",
        headers={"Connection": "close"},
    )
