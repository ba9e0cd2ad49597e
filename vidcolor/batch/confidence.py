"""Targets of the confidence maps of a run with one or several tasks."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import UsageError
from vidcolor.media.containers import is_video_name
from vidcolor.media.extensions import is_photo_name
from vidcolor.media.sequence import is_sequence_pattern
from vidcolor.system import normalize_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.batch.task import Task


def assign_confidence_targets(tasks: Sequence[Task]) -> list[Task]:
    """Give each task with ``--confidence`` its own file.

    With one input, the option may name a file. Otherwise it names a directory, in which the maps
    have the names of the results and their structure.

    Raises:
        UsageError: the option names one file for several inputs, or a directory of sources.
    """
    counts = Counter(task.options.confidence for task in tasks)
    names: dict[Path, set[str]] = {}
    assigned = []
    for task in tasks:
        path = task.options.confidence
        is_alone = path is not None and counts[path] == 1 and task.folder is None
        if path is None or (is_alone and not path.is_dir()):
            assigned.append(task)
            continue
        if not path.is_dir() and (is_photo_name(path) or is_video_name(path)):
            raise UsageError(
                f"--confidence: {path} names one file; name a directory for several inputs"
            )
        if task.folder is not None and path.resolve().is_relative_to(task.folder.resolve()):
            raise UsageError(
                f"--confidence: {path} is in the folder of the sources; use another directory"
            )
        root = _find_root([t.target for t in tasks if t.options.confidence == path])
        target = path / _make_name(task, root, names.setdefault(path, set()))
        assigned.append(replace(task, options=task.options.replace(confidence=target)))
    return assigned


def _find_root(targets: Sequence[Path]) -> Path | None:
    """Return the common directory of all results; None if there is none."""
    try:
        return Path(os.path.commonpath([target.absolute().parent for target in targets]))
    except ValueError:  # drives of Windows have no common directory
        return None


def _make_name(task: Task, root: Path | None, taken: set[str]) -> Path:
    """Return the path of a map below the directory of all maps, which no other task has."""
    target = task.target
    suffix = ".png"
    if task.kind != "photo":
        suffix = ".mp4" if is_sequence_pattern(target) else target.suffix
    folder = Path() if root is None else target.absolute().parent.relative_to(root)
    # A pattern may also contain only the number.
    stem = target.stem.split("%")[0].rstrip("_-. ") or "frames"
    name = folder / f"{stem}.confidence{suffix}"
    if normalize_path(name) in taken:
        name = folder / f"{target.name.replace('%', '')}.confidence{suffix}"
    taken.add(normalize_path(name))
    return name
