"""The table of the kinds of jobs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MINUTE = 60.0
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class JobKind:
    """How jobs of one kind are run."""

    run: str
    """Function ``run(context: JobContext, job: Job) -> dict``, as "module:function". Only workers
    import it, because the server must not load torch."""
    priority: int
    """Jobs of higher priority run first."""
    typical_seconds: float
    """Duration of a job, for estimates, until the durations of finished jobs are known."""
    max_silent_seconds: float
    """Time without progress after which a job fails."""
    max_seconds: float | None = None
    """Time after which a job fails; None for no limit."""
    is_resumable: bool = False
    """Whether a job may stop at any progress report and continues where it stopped when it is run
    again. Other jobs finish before a worker stops. Resumable jobs are long: while they occupy all
    workers, another worker runs the others."""
    max_stop_seconds: float = 10.0
    """Time that a job has to stop after it was canceled; then its process is ended."""


Kinds = Mapping[str, JobKind]

KINDS: Kinds = {
    "photo": JobKind("vidcolor.studio.photos.jobs:run_photo", 40, 5, 10 * MINUTE, 15 * MINUTE),
    "archive": JobKind("vidcolor.studio.photos.jobs:run_archive", 30, 5, 10 * MINUTE, HOUR),
    "loop": JobKind("vidcolor.studio.films.jobs:run_loop", 30, 10, 10 * MINUTE, HOUR),
    "analyze": JobKind(
        "vidcolor.studio.films.jobs:run_analyze", 20, 60, 30 * MINUTE, is_resumable=True
    ),
    "render": JobKind(
        "vidcolor.studio.films.jobs:run_render", 10, 300, 30 * MINUTE, is_resumable=True
    ),
}
"""The kinds of jobs of a studio, by name."""
KINDS_REFERENCE = f"{__name__}:KINDS"
"""Where workers find the table by default, as "module:name"."""


def load_reference(reference: str) -> Any:
    """Import the object that "module:name" names."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)
