"""Limits of the number of requests of one client."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from vidcolor.studio.errors import LimitError
from vidcolor.studio.security.hosts import is_loopback

if TYPE_CHECKING:
    from vidcolor.studio.settings import StudioSettings

_ANONYMOUS_SHARE = 5
"""A client without session may send a fifth of the requests of one with a session."""
_FAILURES_PER_MINUTE = 20
"""Wrong tokens and links from one address."""


class RateLimits:
    """Counts requests by session or token, and those without either by address."""

    def __init__(self, settings: StudioSettings) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._session = RateLimitItemPerMinute(settings.requests_per_minute)
        self._anonymous = RateLimitItemPerMinute(
            max(1, settings.requests_per_minute // _ANONYMOUS_SHARE)
        )
        self._failure = RateLimitItemPerMinute(_FAILURES_PER_MINUTE)

    def count_request(self, client: str | None, address: str) -> None:
        """Count a request of a client, or of an address without one.

        Raises:
            LimitError: it has sent too many in the last minute.
        """
        item, key = (self._session, client) if client else (self._anonymous, address)
        if not self._limiter.hit(item, "request", key):
            raise LimitError("too many requests in a minute; wait a moment")

    def count_failure(self, address: str) -> None:
        """Count a wrong token or link.

        Raises:
            LimitError: the address has tried too many in the last minute.
        """
        if not self._limiter.hit(self._failure, "failure", address):
            raise _make_failure_error()

    def check_failures(self, address: str) -> None:
        """Check that an address with the right token has not tried many wrong ones before.

        Programs of the same machine are never blocked, so that none can block another.

        Raises:
            LimitError: it has.
        """
        if not is_loopback(address) and not self._limiter.test(self._failure, "failure", address):
            raise _make_failure_error()


def _make_failure_error() -> LimitError:
    return LimitError("too many wrong links or tokens; wait a minute", retry_after=60)


def name_address(address: str) -> str:
    """Return what is counted as one address: an IPv4 address, or the /64 network of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))
