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
"""Name of a stage, which determines the unit of `Progress.done` and `Progress.total`:

- frames: ``analyze`` (shot detection and analysis pass), ``hints`` (tracking), ``colorize``,
  ``join``, ``compare``, ``evaluate`` (a film)
- files: ``films`` and ``photos`` (a batch), ``images`` (evaluation or training data)
- optimizer steps: ``train``
- bytes: ``download``
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of one stage of one task."""

    source: Path
    """What the progress belongs to, for display: a source file or directory, the output of
    ``compare`` and ``train``, or the model name of a ``download``."""
    stage: Stage
    """Stage of the work."""
    done: int
    """Amount that is done, in the unit of the stage."""
    total: int | None
    """Amount at completion; an estimate in ``analyze`` and ``evaluate``; None if unknown."""
    bytes_written: int | None = None
    """Size of the files that ``colorize`` or ``join`` has written so far; None in other stages."""
    bytes_expected: int | None = None
    """Size of these files at completion: an estimate in ``colorize``; None if unknown."""


ProgressCallback = Callable[[Progress], None]
"""Called after each frame, file, step or block of bytes. The calling thread is the one that started
the work, or a thread of the engine if worker processes do the work."""
