"""Progress of the stages of a film: for the caller, and for `vidcolor status`."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from vidcolor.film.workdir import ProgressRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from vidcolor.film.request import FilmRequest
    from vidcolor.film.workdir import WorkDir
    from vidcolor.progress import Progress, ProgressCallback, Stage

_PROGRESS_INTERVAL_S = 1.0
"""Minimum time between two writes of the progress file, in seconds."""


def start_stage(
    request: FilmRequest,
    work: WorkDir,
    stage: Stage,
    total: int | None,
    measure_bytes: Callable[[], int] | None = None,
    bytes_expected: int | None = None,
) -> ProgressCallback:
    """Start a stage; return a callback that reports its progress and saves it for `status`.

    Args:
        request: the film, with the callback of the caller.
        work: the work directory, which the caller has locked.
        stage: name of the stage.
        total: number of frames in the stage; None if unknown.
        measure_bytes: returns the size of the files that the stage has written so far.
        bytes_expected: size of these files at the end; None to estimate it.
    """
    now, last_write, first, bytes_written = time.time(), 0.0, None, 0
    source = str(request.source.absolute())
    record = ProgressRecord(source, stage, started_s=now, updated_s=now, total=total)
    work.write_progress(record)

    def report(progress: Progress) -> None:
        nonlocal last_write, first, bytes_written
        now = time.time()
        is_due = now - last_write >= _PROGRESS_INTERVAL_S
        if measure_bytes is not None:
            if is_due or progress.done == progress.total:
                bytes_written = measure_bytes()
            expected = bytes_expected
            if expected is None and progress.total and progress.done:
                expected = round(bytes_written * progress.total / progress.done)
            progress = replace(progress, bytes_written=bytes_written, bytes_expected=expected)
        if request.progress is not None:
            request.progress(progress)
        first = progress.done if first is None else first
        if is_due:
            last_write = now
            current = replace(
                record, updated_s=now, first=first, done=progress.done, total=progress.total
            )
            work.write_progress(current)

    return report
