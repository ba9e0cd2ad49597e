"""Progress reports of long-running work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Stage = Literal[
    "analyze",
    "hints",
    "colorize",
    "join",
    "compare",
    "evaluate",
    "train",
    "download",
    "films",
    "photos",
    "images",
]
"""What is being processed. The unit of `Progress.done` is frames for ``analyze``, ``hints``,
``colorize``, ``join``, ``compare`` and ``evaluate``; steps for ``train``; bytes for ``download``;
and files for ``films``, ``photos`` and ``images``."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of one stage of one task."""

    source: Path
    """The file that is being processed."""
    stage: Stage
    done: int
    """Number of processed frames, steps, bytes or files."""
    total: int | None
    """Number at completion; None if it is unknown."""


ProgressCallback = Callable[[Progress], None]
"""Called after every frame or file. The call comes from the thread that started the work, or from a
thread of the engine if worker processes do it."""
