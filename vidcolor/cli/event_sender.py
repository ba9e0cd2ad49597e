"""Sending of events to an HTTP endpoint (`--progress-url`)."""

from __future__ import annotations

import base64
import json
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from vidcolor._version import __version__
from vidcolor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_S = 5.0
"""Maximum time of one request, and of the requests that are left at the end, in seconds."""
MAX_WAITING = 1000
"""Maximum number of events that wait; a slow endpoint misses the oldest ones."""


class EventSender:
    """Sends each event as a POST request with one JSON object, from a thread of its own.

    An endpoint that fails or is slow never delays or stops the run. A progress event replaces an
    earlier one of the same source and stage that still waits.
    """

    def __init__(self, url: str, warn: Callable[[str], None]) -> None:
        """Start the thread; `warn` is called once, for the first event that cannot be sent.

        Raises:
            UsageError: the URL is not an HTTP URL.
        """
        self._url, self._headers = _parse_url(url)
        self._warn: Callable[[str], None] | None = warn
        self._waiting: dict[object, dict[str, Any]] = {}
        self._changed = threading.Condition()
        self._count, self._is_closed = 0, False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def send(self, event: dict[str, Any]) -> None:
        """Send an event soon; return immediately."""
        with self._changed:
            self._count += 1
            is_progress = event["event"] == "progress"
            key = (event["source"], event["stage"]) if is_progress else self._count
            self._waiting.pop(key, None)
            self._waiting[key] = event
            if len(self._waiting) > MAX_WAITING:
                del self._waiting[next(iter(self._waiting))]
            self._changed.notify()

    def close(self) -> None:
        """Send the events that wait, for `TIMEOUT_S` at most; warn if some are left."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(TIMEOUT_S)
        if self._thread.is_alive():
            self._warn_once("timed out")

    def _run(self) -> None:
        end_s = None
        while True:
            with self._changed:
                while not self._waiting and not self._is_closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                event = self._waiting.pop(next(iter(self._waiting)))
                if self._is_closed and end_s is None:
                    end_s = time.monotonic() + TIMEOUT_S
            if end_s is not None and time.monotonic() > end_s:
                return
            self._post(event)

    def _post(self, event: dict[str, Any]) -> None:
        import http.client
        import urllib.request

        data = json.dumps(event, default=str).encode()
        request = urllib.request.Request(self._url, data, self._headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
                response.read(1)
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._warn_once(getattr(error, "reason", None) or error)

    def _warn_once(self, reason: object) -> None:
        with self._changed:
            warn, self._warn = self._warn, None
        if warn is not None:
            warn(
                f"--progress-url: {self._url} does not accept events ({reason}); the run "
                "continues, and these events are lost"
            )


def _parse_url(text: str) -> tuple[str, dict[str, str]]:
    """Return the URL without user and password, and the headers of the requests."""
    headers = {"Content-Type": "application/json", "User-Agent": f"vidcolor/{__version__}"}
    try:
        parts = urlsplit(text)
        is_valid = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port  # raises a ValueError
    except ValueError:
        is_valid = False
    if not is_valid:
        raise UsageError(
            f"--progress-url: {text!r} is not an HTTP URL; write http://host:port/path"
        )
    user, separator, host = parts.netloc.rpartition("@")
    if separator:
        headers["Authorization"] = f"Basic {base64.b64encode(unquote(user).encode()).decode()}"
    return urlunsplit(parts._replace(netloc=host)), headers
