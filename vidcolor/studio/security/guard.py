"""The middleware through which every request passes before it reaches an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidcolor.studio.errors import ApiError, ForbiddenError
from vidcolor.studio.links import API_CLIENT
from vidcolor.studio.responses import make_error_response
from vidcolor.studio.security.bodies import LimitedBody, find_limit
from vidcolor.studio.security.headers import make_headers
from vidcolor.studio.security.hosts import make_allowed_hosts
from vidcolor.studio.security.rates import RateLimits, name_address
from vidcolor.studio.security.requests import (
    SAFE_METHODS,
    RequestHead,
    check_encoding_and_ranges,
    check_length,
    check_mutation,
    check_site,
    read_head,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vidcolor.studio.links import Sessions
    from vidcolor.studio.settings import StudioSettings

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]


class GuardMiddleware:
    """Checks host, site, client, rate and size of requests, and adds security headers."""

    def __init__(
        self, app: App, *, settings: StudioSettings, sessions: Sessions, rates: RateLimits
    ) -> None:
        self._app = app
        self._settings = settings
        self._sessions = sessions
        self._rates = rates
        self._allowed = make_allowed_hosts(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                present = dict(message.get("headers", ()))
                added = make_headers(scope["path"], present)
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        async def refuse(error: ApiError) -> None:
            response = make_error_response(error)
            # The body is not read, so the connection cannot carry another request.
            if scope["method"] not in SAFE_METHODS:
                response.headers["connection"] = "close"
            await response(scope, receive, send_with_headers)  # type: ignore[arg-type]

        try:
            body = self._check(scope, receive)
        except ApiError as error:
            await refuse(error)
            return
        has_started = False

        async def send_or_refuse(message: dict[str, Any]) -> None:
            nonlocal has_started
            if body.error is None or has_started:
                has_started = True
                await send_with_headers(message)

        try:
            await self._app(scope, body, send_or_refuse)
        except ApiError:
            if body.error is None:
                raise
        if body.error is not None and not has_started:
            await refuse(body.error)

    def _check(self, scope: Scope, receive: Receive) -> LimitedBody:
        """Check a request, note its client in the state, and return its body."""
        head = read_head(scope)
        check_site(head, self._allowed)
        address = name_address(self._find_address(scope, head))
        client = self._find_client(head, address)
        if head.path not in ("/healthz", "/readyz"):
            self._rates.count_request(client, address)
        if head.is_api and client is None:
            raise ForbiddenError(
                "no session; open the link that `vidcolor studio` printed, or send the token", 401
            )
        check_mutation(head)
        check_encoding_and_ranges(head)
        limit = find_limit(head.method, head.path, self._settings)
        check_length(head, limit)
        scope.setdefault("state", {}).update(client=client, address=address)
        return LimitedBody(receive, limit, self._settings.body_seconds)

    def _find_address(self, scope: Scope, head: RequestHead) -> str:
        """Return the address of the client. Only a proxy that was announced may name it."""
        peer = scope.get("client")
        address = str(peer[0]) if peer else ""
        forwarded = head.get("x-forwarded-for") if self._settings.proxy is not None else None
        return forwarded.rpartition(",")[2].strip()[:64] if forwarded else address

    def _find_client(self, head: RequestHead, address: str) -> str | None:
        """Return the client of the token or of the session; None without either.

        Raises:
            ForbiddenError: the token is wrong.
        """
        authorization = head.get("authorization")
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            if scheme.lower() != "bearer" or not self._sessions.is_api_token(token.strip()):
                self._rates.count_failure(address)
                raise ForbiddenError("the token is wrong", 401)
            self._rates.check_failures(address)
            return API_CLIENT
        cookie = read_cookie(head, self._settings.cookie_name)
        return self._sessions.find_client(cookie) if cookie else None


def read_cookie(head: RequestHead, name: str) -> str | None:
    """Return the value of a cookie of a request; None without it."""
    text = head.get("cookie")
    if text is None:
        return None
    for part in text.split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return None
