"""Clicks on objects, independent of torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Points(NamedTuple):
    """Clicks on one object: points (x, y) as fractions of width and height, in [0, 1]."""

    positive: Sequence[tuple[float, float]] = ()
    """Points on the object."""
    negative: Sequence[tuple[float, float]] = ()
    """Points beside the object."""
