"""Names under which the server may be reached, against DNS rebinding and cross-site requests."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from vidcolor.studio.settings import WILDCARD_HOSTS

if TYPE_CHECKING:
    from vidcolor.studio.settings import StudioSettings

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class AllowedHosts:
    """The Host and Origin headers that requests may have."""

    hosts: frozenset[str]
    """Host headers in lower case, with the port unless it is that of the scheme."""
    proxy_origin: str | None = None
    """Origin of the reverse proxy, such as https://studio.example.org."""
    any_address_with_port: int | None = None
    """Port with which any IP address is allowed, because the server listens on all of them. A
    rebound name is never an address."""

    def allows_host(self, host: str) -> bool:
        """Return whether a Host header names this server."""
        host = host.lower()
        if host in self.hosts:
            return True
        if self.any_address_with_port is None:
            return False
        name, separator, port = host.rpartition(":")
        return bool(separator) and port == str(self.any_address_with_port) and _is_address(name)

    def allows_origin(self, origin: str, host: str) -> bool:
        """Return whether an Origin header is that of a page of this server.

        Args:
            origin: the Origin header.
            host: the Host header, which is allowed.
        """
        return origin.lower() in (f"http://{host.lower()}", self.proxy_origin)


def make_allowed_hosts(settings: StudioSettings) -> AllowedHosts:
    """Return the names of a server with its final port."""
    names = list(_LOOPBACK_NAMES)
    is_wildcard = settings.host in WILDCARD_HOSTS
    if is_wildcard:
        names += {socket.gethostname().lower(), socket.getfqdn().lower()}
    else:
        names.append(f"[{settings.host}]" if ":" in settings.host else settings.host.lower())
    hosts = {f"{name}:{settings.port}" for name in names}
    if settings.port == 80:
        hosts.update(names)
    proxy_origin = None
    if settings.proxy is not None:
        parts = urlsplit(settings.proxy)
        hosts.add(parts.netloc.lower())
        proxy_origin = f"{parts.scheme}://{parts.netloc}".lower()
    return AllowedHosts(frozenset(hosts), proxy_origin, settings.port if is_wildcard else None)


def is_loopback(host: str) -> bool:
    """Return whether a server that listens on this address is only reached from the machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(text: str) -> bool:
    """Return whether the host part of a Host header is an IPv4 address or a bracketed IPv6 one."""
    try:
        if text.startswith("["):
            return text.endswith("]") and ipaddress.ip_address(text[1:-1]).version == 6
        return ipaddress.ip_address(text).version == 4
    except ValueError:
        return False
