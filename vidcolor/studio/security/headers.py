"""Security headers of all responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""Content security policy of pages and scripts: nothing inline, nothing from other hosts."""
DATA_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""Content security policy of data: a picture or a JSON text that is opened runs nothing."""
_COMMON: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
        b"microphone=(), midi=(), payment=(), usb=()",
    ),
)


def make_headers(path: str, present: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """Return the headers that a response needs in addition to its own.

    Args:
        path: path of the request.
        present: headers of the response, with lower-case names.
    """
    is_data = path.startswith("/api/") and path != "/api/docs"
    policy = DATA_POLICY if is_data else PAGE_POLICY
    added = [*_COMMON, (b"content-security-policy", policy.encode("ascii"))]
    if path == "/":  # by which the service worker recognizes the studio
        added.append((b"x-vidcolor", b"1"))
    if b"cache-control" not in present:
        added.append((b"cache-control", b"no-store"))
    return added
