"""The table of tasks of the compute process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from vidcolor.studio.compute.state import ComputeState

    Task = Callable[[ComputeState, dict[str, Any]], Any]
    LoadTasks = Callable[[], dict[str, Task]]


def load_tasks() -> dict[str, Task]:
    """Return all tasks by name. Imports the networks, so only the compute process calls it."""
    from vidcolor.studio.films.tasks import TASKS as FILM_TASKS
    from vidcolor.studio.photos.tasks import TASKS as PHOTO_TASKS

    return {**PHOTO_TASKS, **FILM_TASKS}
