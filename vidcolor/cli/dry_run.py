"""The output of `vidcolor colorize --dry-run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.errors import UsageError
from vidcolor.timecode import format_duration, format_frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.batch.task import Task
    from vidcolor.cli.console import Console
    from vidcolor.colorizer import Colorizer
    from vidcolor.film.dry_run import DryRun, PlannedSegment


def print_dry_runs(tasks: Sequence[Task], colorizer: Colorizer, console: Console) -> None:
    """Print what the projects of a run would render, and why. Nothing is written.

    Raises:
        UsageError: a task is no project.
        VidcolorError: a project cannot be rendered.
    """
    for task in tasks:
        if task.error is not None:
            raise task.error
        if task.project is None:
            raise UsageError(
                f"{task.source}: --dry-run applies to projects only; `vidcolor project new FILM` "
                "makes one"
            )
    for task in tasks:
        _print_dry_run(task, _plan_task(task, colorizer, console), console)


def _plan_task(task: Task, colorizer: Colorizer, console: Console) -> DryRun:
    from vidcolor.concurrency import single_threaded_opencv
    from vidcolor.film.dry_run import plan_rendering
    from vidcolor.film.request import FilmRequest
    from vidcolor.media.sequence import find_sequence

    sequence = find_sequence(task.source) if task.kind == "sequence" else None
    request = FilmRequest(
        task.source, task.target, task.options, sequence, console.progress, task.project,
        task.cache, task.excerpt,
    )  # fmt: skip
    colorizer.check_options(task.options)
    try:
        with single_threaded_opencv():
            return plan_rendering(request, colorizer)
    finally:
        console.end_progress(task.source)


def _print_dry_run(task: Task, dry_run: DryRun, console: Console) -> None:
    rendered = [segment for segment in dry_run.segments if segment.reasons]
    for reasons in dict.fromkeys(segment.reasons for segment in rendered):
        segments = [segment for segment in rendered if segment.reasons == reasons]
        frames = sum(segment.num_frames for segment in segments)
        shots = _format_shots(segments)
        console.event("render", shots=shots, frames=frames, reasons=list(reasons))
        noun = "shot" if shots.isdigit() else "shots"
        console.info(f"{noun} {shots}, {format_frames(frames)}: {', '.join(reasons)}")
    total = sum(segment.num_frames for segment in dry_run.segments)
    seconds = dry_run.seconds
    console.event(
        "dry_run", source=str(task.source), target=str(task.target), frames=total,
        rendered_frames=dry_run.num_rendered_frames,
        seconds=None if seconds is None else round(seconds, 1),
    )  # fmt: skip
    if not rendered:
        console.info(f"{task.target}: nothing to render; {format_frames(total)} in the cache")
        return
    duration = "" if seconds is None else f", about {format_duration(seconds)}"
    console.info(
        f"{task.target}: {dry_run.num_rendered_frames} of {format_frames(total)}{duration}"
    )


def _format_shots(segments: Sequence[PlannedSegment]) -> str:
    """Return the numbers of shots, such as ``3-5, 9``."""
    runs: list[tuple[int, int]] = []
    for segment in segments:
        first, last = segment.shots.start, segment.shots.stop - 1
        if runs and runs[-1][1] + 1 == first:
            first = runs.pop()[0]
        runs.append((first, last))
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
