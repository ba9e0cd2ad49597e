"""The header If-Match, which names the revision that a client has seen."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header

from vidcolor.studio.errors import RequestError

RevisionHeader = Annotated[str, Header(alias="If-Match", max_length=40)]
OptionalRevisionHeader = Annotated[str | None, Header(alias="If-Match", max_length=40)]
_MAX_DIGITS = 15


def parse_revision(text: str) -> int:
    """Return the revision of an If-Match header.

    Raises:
        RequestError: it is not a revision.
    """
    digits = text.strip().removeprefix("W/").strip('"')
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS):
        raise RequestError("If-Match must be the revision that is changed, such as 3")
    return int(digits)


def parse_revision_or_any(text: str | None) -> int | None:
    """Return the revision of an If-Match header; None without it, or if it is ``*``.

    Raises:
        RequestError: it is not a revision.
    """
    return None if text is None or text.strip() == "*" else parse_revision(text)
