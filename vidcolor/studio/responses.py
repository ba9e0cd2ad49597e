"""What responses share: how long they are kept, and errors, which are one line of JSON."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import JSONResponse, Response

from vidcolor.errors import (
    BusyError,
    ConflictError,
    InColorError,
    InputError,
    OutputError,
    UsageError,
    VidcolorError,
)
from vidcolor.studio.compute.errors import ComputeError, SupersededError
from vidcolor.studio.errors import ApiError
from vidcolor.studio.names import hide_data_dir

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.studio.errors import Code

_STATUSES: tuple[tuple[type[VidcolorError], int, Code], ...] = (
    (UsageError, 400, "bad-request"),
    (ConflictError, 409, "conflict"),
    (BusyError, 409, "busy"),
    (InColorError, 422, "unsupported"),
    (InputError, 422, "unsupported"),
    (OutputError, 507, "quota"),
    (SupersededError, 409, "busy"),  # by a newer gesture of the same browser
    (ComputeError, 503, "busy"),
)
"""Status and code of errors of vidcolor, the first class that matches."""
IMMUTABLE = "private, max-age=31536000, immutable"
"""Cache-Control of what an address with a revision shows for ever."""
REVALIDATE = "private, no-cache"
"""Cache-Control of what may change."""
_RETRY_SECONDS = "2"
_CODES: dict[int, Code] = {
    401: "forbidden",
    403: "forbidden",
    404: "not-found",
    408: "bad-request",
    409: "conflict",
    413: "too-large",
    415: "unsupported",
    429: "quota",
    503: "busy",
    507: "quota",
}


def make_download(data: bytes, name: str) -> Response:
    """Return the response that a browser saves as a file with a name for people."""
    headers = {
        "Cache-Control": REVALIDATE,
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}",
    }
    return Response(data, media_type="application/octet-stream", headers=headers)


def make_error_response(error: VidcolorError, data_dir: Path | None = None) -> JSONResponse:
    """Return the response of an error that the client can act on, without paths in `data_dir`."""
    text = " ".join(str(error).split())
    if data_dir is not None:
        text = hide_data_dir(text, data_dir)
    if isinstance(error, ApiError):
        content = {"error": text, "code": error.code, **error.details}
        return JSONResponse(content, error.status, error.headers)
    for kind, status, code in _STATUSES:
        if isinstance(error, kind):
            headers = {"Retry-After": _RETRY_SECONDS} if status == 503 else None
            return JSONResponse({"error": text, "code": code}, status, headers)
    return JSONResponse({"error": text, "code": "internal"}, 500)


def make_status_response(status: int, text: str | None = None) -> JSONResponse:
    """Return the response of a status without an error of vidcolor, such as 404 or 405."""
    code = _CODES.get(status, "internal" if status >= 500 else "bad-request")
    if not text:
        text = HTTPStatus(status).phrase.lower()
    return JSONResponse({"error": text, "code": code}, status)
