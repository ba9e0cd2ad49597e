"""Errors of the HTTP API: each has a status, a code for programs, and one line for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from vidcolor.errors import VidcolorError

if TYPE_CHECKING:
    from collections.abc import Mapping

Code = Literal[
    "bad-request",
    "busy",
    "conflict",
    "forbidden",
    "internal",
    "not-found",
    "queue-full",
    "quota",
    "stale",
    "too-large",
    "unsupported",
]


class ApiError(VidcolorError):
    """A request that the server refuses. Services raise it, and the application answers with it."""

    def __init__(
        self,
        text: str,
        *,
        status: int,
        code: Code,
        headers: Mapping[str, str] | None = None,
        **details: Any,
    ) -> None:
        """Make the error.

        Args:
            text: one line: what is wrong and what to do.
            status: status of the response, 400 to 599.
            code: what programs tell errors apart by.
            headers: headers of the response, such as Retry-After.
            details: further fields of the response, such as `current` of a conflict.
        """
        super().__init__(text)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})
        self.details = details


class RequestError(ApiError):
    """A request with invalid content."""

    def __init__(self, text: str) -> None:
        super().__init__(text, status=400, code="bad-request")


class ForbiddenError(ApiError):
    """A request that this client may not make."""

    def __init__(self, text: str, status: int = 403) -> None:
        super().__init__(text, status=status, code="forbidden")


class NotFoundError(ApiError):
    """A photo, film, job or upload that does not exist, or no longer."""

    def __init__(self, text: str) -> None:
        super().__init__(text, status=404, code="not-found")


class TooLargeError(ApiError):
    """A body, a file or a picture above a limit of the server."""

    def __init__(self, text: str) -> None:
        super().__init__(text, status=413, code="too-large")


class UnsupportedError(ApiError):
    """A file that is no photo and no film, or one in a format that vidcolor does not read."""

    def __init__(self, text: str) -> None:
        super().__init__(text, status=415, code="unsupported")


class LimitError(ApiError):
    """A client that sends more, or has more, than it may; it may try again later."""

    def __init__(self, text: str, retry_after: int = 10) -> None:
        headers = {"Retry-After": str(retry_after)}
        super().__init__(text, status=429, code="quota", headers=headers)


class UnavailableError(ApiError):
    """A server that has no room for a request now."""

    def __init__(self, text: str, retry_after: int = 5) -> None:
        headers = {"Retry-After": str(retry_after)}
        super().__init__(text, status=503, code="busy", headers=headers)


class StorageError(ApiError):
    """A disk, or a share of it, that is full."""

    def __init__(self, text: str) -> None:
        super().__init__(text, status=507, code="quota")
