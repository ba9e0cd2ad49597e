"""The run of `vidcolor colorize` or `vidcolor recolor`: tasks, console output and reports."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcolor.cli.console import format_table
from vidcolor.errors import UsageError
from vidcolor.fileio import check_inputs_not_overwritten, check_target
from vidcolor.progress import Progress
from vidcolor.system import paused_garbage_collection
from vidcolor.timecode import format_duration, format_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vidcolor.batch.runner import BatchSummary, TaskResult
    from vidcolor.batch.task import LeftOut, Task
    from vidcolor.cli.console import Console
    from vidcolor.cli.params import RunFiles
    from vidcolor.colorizer import Colorizer
    from vidcolor.film.api import FilmResult
    from vidcolor.options import ColorizeOptions
    from vidcolor.photo import PhotoResult

    ColorizerFactory = Callable[[ColorizeOptions], Colorizer]

_LOGGER = logging.getLogger("vidcolor")


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """Arguments of one run."""

    inputs: Sequence[Path]
    files: RunFiles
    options: ColorizeOptions
    """Options of the run. Hints are already read from their file."""
    read_files: Sequence[Path]
    """Other files that the run reads, such as hints. They must not be overwritten."""
    given_options: Sequence[str]
    """Fields of the options that were given on the command line."""


def run_batch(
    request: BatchRequest, console: Console, colorizer_factory: ColorizerFactory | None = None
) -> int:
    """Colorize all inputs, print the outcomes and write the reports.

    Args:
        request: arguments of the run.
        console: prints progress, results, warnings and errors.
        colorizer_factory: loads the colorizer; None for `Colorizer.from_options`.

    Returns:
        The exit code.

    Raises:
        VidcolorError: the run cannot start.
    """
    from vidcolor.batch.projects import apply_projects
    from vidcolor.batch.runner import BatchSummary, run_tasks
    from vidcolor.batch.unused import find_unused_options

    options = request.options
    if request.files.dry_run and request.files.reports:
        raise UsageError("--report cannot be used with --dry-run, which has no result")
    _check_reports(request)
    left_out: list[LeftOut] = []
    tasks = _find_tasks(request, left_out)
    options = apply_projects(tasks, request.given_options, options)
    targets = [task.target for task in tasks]
    targets += [t.options.confidence for t in tasks if t.options.confidence is not None]
    check_inputs_not_overwritten(request.read_files, (*targets, *request.files.reports))
    _print_folders(request.inputs, tasks, console)
    for text in find_unused_options(tasks, request.given_options, options):
        console.warn(text)
    colorizer = _load_colorizer(options, colorizer_factory)
    if request.files.dry_run:
        from vidcolor.cli.dry_run import print_dry_runs

        print_dry_runs(tasks, colorizer, console)
        return 0
    summary, start_time = BatchSummary(), time.monotonic()
    _update_batch_progress(summary, tasks, console)

    def print_start(task: Task) -> None:
        console.event("start", kind=task.kind, source=str(task.source), target=str(task.target))
        if task.kind != "photo":
            console.info(f"{task.source} -> {task.target} ({task.kind})")

    try:
        results = run_tasks(
            tasks, options, colorizer, on_start=print_start, on_progress=console.progress
        )
        with contextlib.closing(results):
            for result in results:
                summary.results.append(result)
                _print_result(result, console)
                _update_batch_progress(summary, tasks, console)
    finally:
        console.end_progress()
    left_out += _list_left_out(summary)
    _print_left_out(left_out, console)
    _print_summary(summary, len(left_out), time.monotonic() - start_time, console)
    _write_reports(request.files.reports, summary, left_out)
    return _exit_code(summary)


def _load_colorizer(options: ColorizeOptions, factory: ColorizerFactory | None) -> Colorizer:
    with paused_garbage_collection():
        from vidcolor.colorizer import Colorizer

        return (factory or Colorizer.from_options)(options)


def _find_tasks(request: BatchRequest, left_out: list[LeftOut]) -> list[Task]:
    from vidcolor.batch.confidence import assign_confidence_targets
    from vidcolor.batch.discover import discover, merge_tasks

    inputs, files = request.inputs, request.files
    if files.out is not None and "out_dir" not in request.given_options:
        files = files.replace(out_dir=None)  # --out is stronger than a configuration file
    if not inputs and files.job_list is None:
        raise UsageError(
            "INPUT is missing; give a film, photo, folder or pattern, or use --job-list"
        )
    tasks: list[Task] = []
    if inputs:
        tasks += discover(inputs, files.out, files.out_dir, request.options, left_out)
    if files.job_list is not None:
        if files.out is not None:
            raise UsageError(
                "--out and --job-list cannot be used together; use the output column or --out-dir"
            )
        from vidcolor.batch.manifest import read_job_list

        tasks += read_job_list(files.job_list, files.out_dir, request.options, left_out)
    return assign_confidence_targets(merge_tasks(tasks))


def _exit_code(summary: BatchSummary) -> int:
    errors = [result.error for result in summary.results if result.error is not None]
    if len(summary.results) == 1 and errors:
        return errors[0].exit_code
    is_damaged = any(r.is_damaged and not r.task.options.allow_damaged for r in summary.results)
    return 1 if errors or is_damaged else 0


def _print_folders(inputs: Sequence[Path], tasks: Sequence[Task], console: Console) -> None:
    """Print the number of films and photos in each input folder."""
    from vidcolor.media.stills.formats import is_film_scan_name

    for path in inputs:
        found = [task for task in tasks if task.folder == path]
        if not found:
            continue
        kinds = sorted(Counter(task.kind for task in found).items())
        counts = ", ".join(_count(number, kind) for kind, number in kinds)
        target = _find_common_folder(task.target for task in found)
        console.info(f"{path} -> {target} ({counts})")
        if any(task.kind == "sequence" for task in found):
            console.info(
                f"{path}: numbered frames of film scans are colorized as films; to colorize them "
                "as photos, name the files"
            )
        if len(found) > 1 and all(t.kind == "photo" and is_film_scan_name(t.source) for t in found):
            console.warn(
                "the images are colorized as independent photos; if they are frames of a film, "
                "give them numbered names",
                path,
            )


def _list_left_out(summary: BatchSummary) -> list[LeftOut]:
    """Return the sources that a run read, but left out on request."""
    from vidcolor.batch.task import LeftOut

    outcomes = ((result.task, result.left_out) for result in summary.results)
    return [
        LeftOut(task.folder or task.source.parent, task.source, reason, is_expected=True)
        for task, reason in outcomes
        if reason is not None
    ]


def _print_left_out(left_out: Sequence[LeftOut], console: Console) -> None:
    """Print what the input folders contain and the run did not colorize."""
    from vidcolor.batch.discover import describe_left_out

    for item in left_out:
        console.event("left_out", source=str(item.path), reason=item.reason)
    for folder in dict.fromkeys(item.folder for item in left_out):
        items = [item for item in left_out if item.folder == folder]
        for text in describe_left_out([item for item in items if not item.is_expected]):
            console.warn(f"left out: {text}", folder)
        for text in describe_left_out([item for item in items if item.is_expected]):
            console.info(f"{folder}: left out: {text}")


def _find_common_folder(paths: Iterable[Path]) -> Path:
    """Return the folder that contains all files; that of the first one if they have none."""
    folders = list({path.parent: None for path in paths})
    try:
        return Path(os.path.commonpath(folders))
    except ValueError:  # drives of Windows have no common folder
        return folders[0]


def _print_result(result: TaskResult, console: Console) -> None:
    """Print the outcome of a task and its warnings."""
    task, colorized = result.task, result.result
    if task.kind != "photo":
        console.end_progress(task.source)
    if result.skipped:
        console.event("skipped", source=str(task.source), target=str(task.target))
        console.info(f"{task.target}: skipped, already done")
    if result.error is not None:
        text, exit_code = str(result.error), result.error.exit_code
        console.error(text, source=str(task.source), exit_code=exit_code)
        _LOGGER.debug("%s: failed", task.source, exc_info=result.error)
    if colorized is not None:
        _print_colorized(task, colorized, console)
    if result.is_damaged and not task.options.allow_damaged:
        console.warn(
            f"the source is damaged; {task.target} contains only the readable part; use "
            "--allow-damaged to exit with code 0",
            task.source,
        )


def _print_colorized(task: Task, colorized: FilmResult | PhotoResult, console: Console) -> None:
    for warning in colorized.warnings:
        console.warn(warning, task.source)
    console.event("done", **_result_values(task, colorized))
    console.info(f"{task.target}: {_describe_speed(task, colorized)}")


def _describe_speed(task: Task, result: FilmResult | PhotoResult) -> str:
    duration = format_duration(result.seconds)
    if task.kind == "photo":
        return f"done in {duration}"
    resumed = getattr(result, "resumed_frames", 0)
    earlier = f" ({resumed} from an earlier run)" if resumed else ""
    frames = format_frames(result.num_frames)
    speed = _describe_frame_rate(result)
    return f"{frames}{earlier} in {duration}{f', {speed}' if speed else ''}"


def _result_values(task: Task, result: FilmResult | PhotoResult) -> dict[str, Any]:
    """Return the values of a "done" event."""
    return {
        "kind": task.kind,
        "source": str(result.source),
        "target": str(result.target),
        "frames": result.num_frames,
        "seconds": round(result.seconds, 3),
        "warnings": list(result.warnings),
        "damaged": result.damaged,
        "resumed_frames": getattr(result, "resumed_frames", 0),
        "bytes": result.target.stat().st_size if result.target.is_file() else None,
        "recipe": result.provenance.recipe,
    }


def _update_batch_progress(summary: BatchSummary, tasks: Sequence[Task], console: Console) -> None:
    """Update the progress of a run with several tasks."""
    done, total = len(summary.results), len(tasks)
    if total < 2:
        return
    folder = _find_common_folder(task.source.absolute() for task in tasks)
    if done == total:
        console.end_progress(folder)
    elif any(task.kind != "photo" for task in tasks):
        console.progress(Progress(folder, "films", done, total))
    elif done:
        console.progress(Progress(folder, "photos", done, total))


def _print_summary(
    summary: BatchSummary, num_left_out: int, seconds: float, console: Console
) -> None:
    counts = {state: summary.count(state) for state in ("done", "skipped", "failed", "damaged")}
    console.event("summary", **counts, left_out=num_left_out, seconds=round(seconds, 3))
    if len(summary.results) > 1:
        for line in _format_table(summary.results):
            console.info(line)
        num_damaged = sum(r.is_damaged for r in summary.results if not r.skipped)
        note = f" ({num_damaged} damaged)" if num_damaged else ""
        left_out = f", {num_left_out} left out" if num_left_out else ""
        console.info(
            f"{counts['done']} done{note}, {counts['skipped']} skipped, {counts['failed']} failed"
            f"{left_out} in {format_duration(seconds)}"
        )


def _format_table(results: Sequence[TaskResult]) -> list[str]:
    """Return a table of the films and of the failed photos; empty if there is no film."""
    if all(result.task.kind == "photo" for result in results):
        return []
    shown = [r for r in results if r.task.kind != "photo" or r.error is not None]
    rows = [("", "frames", "time", "speed", "source"), *map(_table_row, shown)]
    return format_table(rows, right_aligned=(1, 2, 3))


def _table_row(result: TaskResult) -> tuple[str, str, str, str, str]:
    source, colorized = str(result.task.source), result.result
    if colorized is None:
        state = "left out" if result.left_out else "skipped" if result.skipped else "failed"
        return state, "", "", "", source
    state = "damaged" if colorized.damaged else "done"
    speed, seconds = _describe_frame_rate(colorized), format_duration(colorized.seconds)
    return state, str(colorized.num_frames), seconds, speed, source


def _describe_frame_rate(result: FilmResult | PhotoResult) -> str:
    """Return the speed of this run; empty if all frames are from an earlier run."""
    num_frames = result.num_frames - getattr(result, "resumed_frames", 0)
    return f"{num_frames / max(result.seconds, 1e-9):.1f} fps" if num_frames else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _check_reports(request: BatchRequest) -> None:
    """Check before the run that the reports can be written after it."""
    if not request.files.reports:
        return
    from vidcolor.batch.report.write import check_report_path

    for path in request.files.reports:
        check_report_path(path)
        check_target(path, request.inputs, request.options.force)


def _write_reports(
    paths: Sequence[Path], summary: BatchSummary, left_out: Sequence[LeftOut]
) -> None:
    if not paths:
        return
    from vidcolor.batch.report.make import make_left_out_record, make_record
    from vidcolor.batch.report.write import write_report

    records = [make_record(outcome) for outcome in summary.results]
    left_out_records = [make_left_out_record(item) for item in left_out]
    for path in paths:
        write_report(path, records, left_out_records)
