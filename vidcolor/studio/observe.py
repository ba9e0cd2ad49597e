"""The outermost middleware: it logs and counts requests, and answers unexpected exceptions."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from vidcolor.errors import describe_unexpected_error
from vidcolor.studio.errors import ApiError
from vidcolor.studio.logs import REQUESTS, log, log_exception
from vidcolor.studio.names import hide_data_dir
from vidcolor.studio.responses import make_error_response, make_status_response
from vidcolor.studio.storage import convert_failure, is_failure

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.responses import JSONResponse

    from vidcolor.studio.metrics import Metrics
    from vidcolor.studio.security.guard import App, Receive, Scope, Send

_OTHER_ROUTE = "other"


class ObserveMiddleware:
    """Logs method, route, status and time of every request, but no path, name or address."""

    def __init__(self, app: App, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status, began = 0, 0.0

        async def send_observed(message: dict[str, Any]) -> None:
            nonlocal status, began
            if message["type"] == "http.response.start":
                status, began = message["status"], time.perf_counter() - start
            await send(message)

        try:
            await self._app(scope, receive, send_observed)
        except Exception as error:
            if status:  # The response has started and cannot be completed.
                log_exception("response-failed", error)
                raise ConnectionAbortedError from None
            response = _answer_exception(error, scope["app"].state.services.settings.data_dir)
            await response(scope, receive, send_observed)  # type: ignore[arg-type]
        finally:
            self._finish(scope, status, began, time.perf_counter() - start)

    def _finish(self, scope: Scope, status: int, began: float, seconds: float) -> None:
        route = find_route(scope)
        method = scope["method"] if len(scope["method"]) < 10 else "other"
        self._metrics.count_request(method, route, status, began)
        level = logging.ERROR if status == 500 else logging.INFO
        log(
            REQUESTS,
            level,
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
        )


def _answer_exception(error: Exception, data_dir: Path) -> JSONResponse:
    """Return the response to an exception that no endpoint has handled."""
    if isinstance(error, ApiError):  # raised while the body was read
        response = make_error_response(error, data_dir)
        response.headers["connection"] = "close"
        return response
    if is_failure(error):
        log_exception("storage-failed", error)
        return make_error_response(convert_failure(error), data_dir)
    log_exception("request-failed", error)
    return make_status_response(500, hide_data_dir(describe_unexpected_error(error), data_dir))


def find_route(scope: Scope) -> str:
    """Return the pattern of the path of a request, such as ``/api/photos/{photo_id}``."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    return str(path) if path else _OTHER_ROUTE
