"""Options that have no effect on any task of a run, or that contradict its tasks."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vidcolor.errors import UsageError
from vidcolor.media.stills.formats import STILL_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from vidcolor.batch.task import Task
    from vidcolor.options import ColorizeOptions

_TASK_NAMES = {"film": "films", "photo": "photos", "sequence": "image sequences"}
_FORMATS_WITH_QUALITY = ("jpeg", "webp", "avif", "heif")


class _Condition(NamedTuple):
    """What an option needs besides the kind of task."""

    applies: Callable[[Task], object]
    text: str
    """What it applies to, after "it applies to"."""


def _has_quality(task: Task) -> bool:
    row = STILL_SUFFIXES.get(task.target.suffix.lower())
    return row is not None and row.name in _FORMATS_WITH_QUALITY


_CONDITIONS = {
    "quality": _Condition(_has_quality, "JPEG, WebP, AVIF and HEIC results only"),
    "batch": _Condition(
        lambda task: task.options.per_frame or task.options.trust, "--per-frame and recolor only"
    ),
    "titles": _Condition(lambda task: not task.options.trust, "sources without --trust only"),
}
"""Conditions by the field of the option."""


def find_unused_options(
    tasks: Sequence[Task], given: Collection[str], options: ColorizeOptions
) -> list[str]:
    """Return a message for each option without an effect.

    Args:
        tasks: tasks of the run.
        given: fields that the command line sets.
        options: options of the run.

    Raises:
        UsageError: one shot list is given for several films.
    """
    _check_shots(tasks)
    messages = []
    for name in options.options():
        if name in given and (reason := explain_unused(name, tasks, options)):
            messages.append(f"{options.flag(name)} has no effect: {reason}")
    for task in tasks:
        for name in task.given:
            if reason := explain_unused(name, [task], options):
                flag = options.flag(name).removeprefix("--")
                messages.append(f"{task.source}: the column {flag} has no effect: {reason}")
    return messages


def explain_unused(name: str, tasks: Sequence[Task], options: ColorizeOptions) -> str | None:
    """Return why an option has no effect on any of the tasks; None if it has one."""
    option = options.options()[name]
    tasks = [task for task in tasks if task.error is None]
    if not tasks:
        return None
    tasks = [task for task in tasks if task.kind in option.tasks]
    if not tasks:
        return f"it applies to {' and '.join(_TASK_NAMES[kind] for kind in option.tasks)} only"
    condition = _CONDITIONS.get(name)
    if condition is not None and not any(map(condition.applies, tasks)):
        return f"it applies to {condition.text}"
    return None


def _check_shots(tasks: Sequence[Task]) -> None:
    lists = [t.options.shots for t in tasks if t.kind != "photo"]
    counts = Counter(path for path in lists if isinstance(path, Path))
    for path, count in counts.items():
        if count > 1:
            raise UsageError(
                f"--shots: {path} lists the shots of one film, but there are {count}; use a job "
                "list with the column shots"
            )
