"""The tasks of projects, and the options of runs that contain them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.batch.task import Task
from vidcolor.errors import UsageError
from vidcolor.project.options import FRAME_OPTIONS, PROJECT_OPTIONS
from vidcolor.project.store import cache_path

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from vidcolor.options import ColorizeOptions, ShotOptions
    from vidcolor.project.api import Project

_SHARED = ("model", "size")
"""Options of the model, which all tasks of a run share."""


def make_project_task(
    path: Path, out: Path | None, out_dir: Path | None, options: ColorizeOptions
) -> Task:
    """Return the task of a project. Its options are those of the project and of the run.

    Raises:
        VidcolorError: the project or its source cannot be read.
        UsageError: the options contain what a project decides.
    """
    from vidcolor.project.api import Project
    from vidcolor.project.render import make_render_options, make_target

    for name in ("hints", "references", "per_frame", "trust"):
        if getattr(options, name):
            raise UsageError(
                f"{path}: {options.flag(name)} cannot be used with a project, which has its own "
                "shots, hints and references"
            )
    project = Project.open(path)
    source, excerpt = project.find_source(), None
    document = project.document
    if options.shots is not None:
        excerpt = project.choose_excerpt(_parse_shots(project, options.shots))
    film_options = make_render_options(project.path, document, options)
    target = out or make_target(path, document, source, out_dir, excerpt)
    revision = project.describe_revision()
    cache = cache_path(project.path)
    kind = document.source.kind
    return Task(
        kind, source, target, film_options, project=revision, project_path=project.path,
        cache=cache, excerpt=excerpt,
    )  # fmt: skip


def _parse_shots(project: Project, shots: Path | tuple[ShotOptions, ...]) -> list[int]:
    """Return the indices of the shots that ``--shots 12-15`` names.

    Raises:
        UsageError: it is a shot list, or a shot does not exist.
    """
    from vidcolor.project.edits import parse_shot_numbers

    if not isinstance(shots, Path):
        raise UsageError(f"{project.path}: a project has its own shots; name some by numbers")
    text = str(shots)  # the same option names the shot list of a film
    if re.fullmatch(r"all|[\d\s,-]+", text) is None:
        raise UsageError(
            f"{project.path}: --shots {text} does not name shots; write 12 or 12-15, or replace "
            f"the shots with `vidcolor project shots {project.path} --import {text}`"
        )
    try:
        return parse_shot_numbers(text, project.document)
    except UsageError as error:
        raise UsageError(f"{project.path}: {error}") from None


def apply_projects(
    tasks: Sequence[Task], given: Collection[str], options: ColorizeOptions
) -> ColorizeOptions:
    """Return the options that load the model of a run, which a project may choose.

    Args:
        tasks: tasks of the run.
        given: fields that the command line sets.
        options: options of the run.

    Raises:
        UsageError: an option is given that the project decides, or the projects need different
            models.
    """
    runnable = [task for task in tasks if task.error is None]
    projects = [task for task in runnable if task.project is not None]
    if not projects:
        return options
    for task in projects:
        assert task.project is not None
        for name in (*given, *task.given):
            if name in PROJECT_OPTIONS:
                flag, project = options.flag(name), task.project.name
                remedy = (
                    f"make another project with `vidcolor project new FILM {flag} ...`"
                    if name in FRAME_OPTIONS
                    else f"run `vidcolor project set {project} {flag} ...`"
                )
                raise UsageError(
                    f"{flag} cannot be used with {project}, which decides it; {remedy}"
                )
    first = projects[0]
    for task in runnable:
        for name in _SHARED:
            values = [getattr(t.options, name) for t in (first, task)]
            if values[0] != values[1]:
                raise UsageError(
                    f"{first.source} uses {options.flag(name)} {values[0]} and {task.source} uses "
                    f"{values[1]}; colorize them in separate runs"
                )
    shared = {name: getattr(first.options, name) for name in _SHARED}
    return options.replace(**shared, vividness=None)
