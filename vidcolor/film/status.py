"""The unfinished films of a folder and their progress: `vidcolor jobs`, `vidcolor status`."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from vidcolor.film.workdir import (
    PLAN_FILE,
    PROGRESS_FILE,
    SUFFIX,
    PlanSummary,
    ProgressRecord,
    WorkDir,
    is_work_dir,
)


@dataclass(frozen=True, slots=True)
class WorkState:
    """The progress of the work in a work directory, for `vidcolor status`."""

    path: Path
    source: str | None
    """Path of the source; None if the process died before it was recorded."""
    target: str | None
    """Path of the result; None if the process died before it was recorded."""
    is_running: bool
    """True if a process holds the lock."""
    stage: str
    """Current or last stage; see `Progress.stage`."""
    done: int
    """Number of finished frames in this stage."""
    total: int | None
    """Number of frames in this stage; None if unknown."""
    frames_per_second: float
    """Mean speed in this stage."""
    segments_done: int
    """Number of finished segments."""
    num_segments: int | None
    """Number of segments; None before the analysis is finished."""
    size_bytes: int
    """Size of all files in the directory, in bytes."""
    updated_s: float
    """Time of the last progress report, in seconds since 1970."""


def read_state(path: Path) -> WorkState:
    """Return the progress in a work directory, without locking it."""
    work, size_bytes = WorkDir(path), 0
    plan = work.read(PLAN_FILE, PlanSummary) or PlanSummary()
    progress = work.read(PROGRESS_FILE, ProgressRecord)
    if progress is None:
        started_s = path.stat().st_mtime
        progress = ProgressRecord("", "analyze", started_s, started_s)
    with contextlib.suppress(FileNotFoundError):  # another process may be renaming files
        for file in path.rglob("*"):
            size_bytes += file.stat().st_size if file.is_file() else 0
    seconds, frames = progress.updated_s - progress.started_s, progress.done - progress.first
    return WorkState(
        path=path,
        source=plan.source or progress.source or None,
        target=plan.fingerprint.get("target"),
        is_running=work.is_locked(),
        stage=progress.stage,
        done=progress.done,
        total=progress.total,
        frames_per_second=frames / seconds if seconds > 0 else 0.0,
        segments_done=len(work.finished_segments()),
        num_segments=plan.num_segments,
        size_bytes=size_bytes,
        updated_s=progress.updated_s,
    )


def find_work_dirs(folder: Path) -> list[Path]:
    """Return all work directories at and below a folder, sorted by path."""
    if is_work_dir(folder):
        return [folder]
    found = []
    for parent, names, _ in os.walk(folder):
        found += [path for name in names if is_work_dir(path := Path(parent, name))]
        # os.walk does not descend into directories that are removed from `names`.
        names[:] = [name for name in names if not name.endswith(SUFFIX)]
    return sorted(found)
