"""How far the work is, for whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of one piece of work."""

    source: Path
    stage: str
    """What is being done: ``look``, ``hints``, ``color``, ``join`` or ``compare`` (frames),
    ``pictures`` (files), or ``fetch`` (bytes)."""
    done: int
    total: int | None
    """None while nobody knows."""


ProgressCallback = Callable[[Progress], None]
"""Called after every frame or picture; from the thread that called the work, unless workers do
it."""
