"""Checks of the head of a request, before any endpoint sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vidcolor.studio.errors import ApiError, ForbiddenError, RequestError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vidcolor.studio.security.hosts import AllowedHosts

SAFE_METHODS = ("GET", "HEAD")
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 << 10
"""Maximum size of all headers, in bytes. Browsers send the cookies of all servers on the same
address."""
MAX_PATH_BYTES = 2048
MAX_QUERY_BYTES = 8192
MAX_RANGES = 4
"""Number of byte ranges in one request. Players ask for one."""
_VERSIONS = ("1.0", "1.1")
_METHODS = (*SAFE_METHODS, "POST", "PUT", "PATCH", "DELETE")
_FORBIDDEN_PATH = re.compile(rb"%2e|%2f|%5c|%00|\\|//|/\.|[\x00-\x20\x7f-\xff]", re.IGNORECASE)
"""Encoded dots, slashes, backslashes and null bytes; empty parts, and parts that start with a dot.
No address of the server contains them."""
_SINGLE_HEADERS = (b"host", b"origin", b"authorization", b"content-length", b"x-vidcolor")
_OPEN_PAGES = ("/", "/open")
"""Pages to which links of other sites may lead."""


@dataclass(frozen=True)
class RequestHead:
    """Method, path and headers of a request that passed `read_head`."""

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    """Headers by lower-case name. A header that is given twice has its last value."""

    def get(self, name: str) -> str | None:
        """Return a header; None if it is absent."""
        value = self.headers.get(name.encode("ascii"))
        return None if value is None else value.decode("latin-1")

    @property
    def is_api(self) -> bool:
        """Whether the path needs a session or the token."""
        return self.path.startswith("/api/") or self.path in ("/api", "/metrics")


def read_head(scope: Mapping[str, Any]) -> RequestHead:
    """Return the head of a request.

    Raises:
        ApiError: it is too large or ambiguous, or has a path that the server cannot have.
    """
    method, raw_path = scope["method"], scope.get("raw_path") or scope["path"].encode()
    headers = scope["headers"]
    if method not in _METHODS:
        raise ApiError("this method is not supported", status=405, code="bad-request")
    if len(raw_path) > MAX_PATH_BYTES or len(scope["query_string"]) > MAX_QUERY_BYTES:
        raise ApiError("the address is too long", status=414, code="bad-request")
    size = sum(len(name) + len(value) for name, value in headers)
    if len(headers) > MAX_HEADERS or size > MAX_HEADER_BYTES:
        raise ApiError("the headers are too large", status=431, code="bad-request")
    if scope["http_version"] not in _VERSIONS:
        raise ApiError("this version of HTTP is not supported", status=505, code="bad-request")
    if not raw_path.startswith(b"/") or _FORBIDDEN_PATH.search(raw_path):
        raise RequestError("invalid characters in the path")
    names = [name for name, _ in headers]
    for name in _SINGLE_HEADERS:
        if names.count(name) > 1:
            raise RequestError(f"the header {name.decode()} is given twice")
    return RequestHead(method, scope["path"], dict(headers))


def check_site(head: RequestHead, allowed: AllowedHosts) -> None:
    """Check that a request is meant for this server, and is not made by a page of another site.

    Raises:
        ForbiddenError: the Host header is not a name of this server, or Origin or Sec-Fetch-Site
            say that another site makes the request.
    """
    host = head.get("host")
    if host is None or not allowed.allows_host(host):
        raise ForbiddenError(
            "the Host header does not name this server; open the address that "
            "`vidcolor studio` printed",
            421,
        )
    origin = head.get("origin")
    if origin is not None and not allowed.allows_origin(origin, host):
        raise ForbiddenError("a page of another site made this request")
    site = head.get("sec-fetch-site")
    if site in (None, "same-origin", "none"):
        return
    is_link = (
        head.method in SAFE_METHODS
        and head.path in _OPEN_PAGES
        and head.get("sec-fetch-mode") == "navigate"
        and head.get("sec-fetch-dest") in (None, "document")
    )
    if not is_link:
        raise ForbiddenError("a page of another site made this request")


def check_mutation(head: RequestHead) -> None:
    """Check that a request that changes something has the header that forms cannot send.

    Raises:
        ForbiddenError: it lacks ``X-Vidcolor: 1``.
    """
    if head.method not in SAFE_METHODS and head.path != "/open" and head.get("x-vidcolor") != "1":
        raise ForbiddenError("the header X-Vidcolor: 1 is missing")


def check_encoding_and_ranges(head: RequestHead) -> None:
    """Check that a request does not ask for more work than its size suggests.

    Raises:
        ApiError: the body is compressed, or the request asks for many byte ranges.
    """
    encoding = head.get("content-encoding")
    if encoding is not None and encoding.strip().lower() not in ("", "identity"):
        raise ApiError("compressed bodies are not supported", status=415, code="unsupported")
    ranges = head.get("range")
    if ranges is not None and ranges.count(",") + 1 > MAX_RANGES:
        raise ApiError(f"more than {MAX_RANGES} byte ranges", status=416, code="bad-request")


def check_length(head: RequestHead, limit: int) -> None:
    """Check the announced size of a body.

    Raises:
        RequestError: Content-Length is not a number.
        TooLargeError: it is above the limit, in bytes.
    """
    text = head.get("content-length")
    if text is None:
        return
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise RequestError("Content-Length is not a number")
    if int(text) > limit:
        raise TooLargeError(f"the body is larger than {limit} bytes")
