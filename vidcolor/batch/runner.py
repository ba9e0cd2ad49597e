"""Execution of the tasks of a run; the failure of one task does not stop the others."""

from __future__ import annotations

import contextlib
import errno
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal

from vidcolor.batch.rerun import find_earlier_result, remove_stale_files
from vidcolor.batch.task import Task
from vidcolor.errors import (
    InColorError,
    UsageError,
    VidcolorError,
    describe_unexpected_error,
)
from vidcolor.fileio import describe_os_error

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from pathlib import Path

    from vidcolor.colorizer import Colorizer
    from vidcolor.film.engines.base import Engine
    from vidcolor.film.request import FilmResult
    from vidcolor.options import ColorizeOptions
    from vidcolor.photo import PhotoResult
    from vidcolor.progress import Progress, ProgressCallback

    EngineFactory = Callable[[], contextlib.AbstractContextManager[Engine]]

PARALLEL_PHOTOS = 2
"""Number of photos that run at a time. The generator uses all cores, but reading and writing a
photo uses only one."""


@dataclass(slots=True)
class TaskResult:
    """The outcome of a task: a result or an error, or neither if the task was skipped."""

    task: Task
    result: FilmResult | PhotoResult | None = None
    error: VidcolorError | None = None
    skipped: bool = False
    """Whether the target is already a result of the same source and recipe."""
    was_damaged: bool = False
    """Whether the source of a skipped task was damaged when the target was made."""
    left_out: str | None = None
    """Reason why the source is left out on request; None if it is not."""

    @property
    def is_damaged(self) -> bool:
        """Whether the source is truncated or partly unreadable."""
        return self.was_damaged or (self.result is not None and self.result.damaged)


@dataclass(slots=True)
class BatchSummary:
    """The outcomes of the tasks of a run, in order."""

    results: list[TaskResult] = field(default_factory=list)

    def count(self, state: Literal["done", "skipped", "failed", "damaged"]) -> int:
        """Return the number of tasks in a state; damaged tasks count as done too."""
        states = (
            {"done": r.result, "skipped": r.skipped, "failed": r.error, "damaged": r.is_damaged}
            for r in self.results
        )
        return sum(bool(state_of[state]) for state_of in states)


def run_tasks(
    tasks: Sequence[Task],
    options: ColorizeOptions,
    colorizer: Colorizer,
    *,
    engine_factory: EngineFactory | None = None,
    parallel_films: int | None = None,
    on_start: Callable[[Task], None] | None = None,
    on_progress: ProgressCallback | None = None,
) -> Generator[TaskResult, None, None]:
    """Run tasks and yield their outcomes in order.

    Photos run in parallel. Films run in parallel if there are several workers, so that one film is
    analyzed while another is rendered. The film engine is opened before the first film, so a run
    with photos alone starts no worker.

    Args:
        tasks: tasks, each with its own options.
        options: options of the run, which select the engine.
        colorizer: colorizer of all tasks.
        engine_factory: opens the engine that renders films; None for that of the options.
        parallel_films: number of films that run at a time; None for a number from the options.
        on_start: called before each task that is not skipped, possibly from another thread.
        on_progress: called after every frame of a film, possibly from another thread.

    Raises:
        VidcolorError: the engine cannot be opened.
    """
    interrupted = threading.Event()
    engine: Engine | None = None
    max_films = 1

    def run(task: Task) -> TaskResult:
        return _run_safely(task, colorizer, engine, on_start, forward_progress)

    def forward_progress(progress: Progress) -> None:
        if interrupted.is_set():  # this is the only way to stop a film in another thread
            raise KeyboardInterrupt
        if on_progress is not None:
            on_progress(progress)

    def stop_films() -> None:
        interrupted.set()
        if engine is not None:
            engine.stop()

    with contextlib.ExitStack() as stack:
        missing = {p for task in tasks for p in task.target.parents if not p.exists()}
        stack.callback(_remove_empty, missing)
        for is_photo, group in itertools.groupby(tasks, key=lambda task: task.kind == "photo"):
            if is_photo:
                yield from _run_photos(run, list(group))
                continue
            if engine is None:
                from vidcolor.film.engines.select import max_concurrent_films, open_engine

                make_engine = engine_factory or partial(open_engine, options, colorizer)
                engine = stack.enter_context(make_engine())
                max_films = max_concurrent_films(options) if len(tasks) > 1 else 1
            parallel = parallel_films or max_films
            if parallel == 1:
                yield from map(run, group)
            else:
                yield from _run_films(run, list(group), parallel, stop_films)


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders that the run has created and that have no results."""
    for folder in sorted(folders, reverse=True):  # subfolders first
        with contextlib.suppress(OSError):
            folder.rmdir()


def _run_films(
    run: Callable[[Task], TaskResult], tasks: list[Task], parallel: int, stop: Callable[[], None]
) -> Iterator[TaskResult]:
    """Run films in parallel; an interruption stops all of them through `stop`."""
    pool = ThreadPoolExecutor(parallel)
    futures = [pool.submit(run, task) for task in tasks]
    try:
        for future in futures:
            yield future.result()
    except BaseException as interrupt:
        stop()
        pool.shutdown(cancel_futures=True)
        for future in futures:
            error = None if future.cancelled() else future.exception()
            for note in getattr(error, "__notes__", ()) if error is not interrupt else ():
                interrupt.add_note(note)
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _run_photos(run: Callable[[Task], TaskResult], tasks: list[Task]) -> Iterator[TaskResult]:
    """Run photos in parallel; an interruption only prevents the start of others."""
    if len(tasks) == 1:
        yield run(tasks[0])
        return
    pool = ThreadPoolExecutor(PARALLEL_PHOTOS)
    try:
        yield from pool.map(run, tasks)
    finally:
        pool.shutdown(cancel_futures=True)


def _run_safely(
    task: Task,
    colorizer: Colorizer,
    engine: Engine | None,
    on_start: Callable[[Task], None] | None,
    on_progress: ProgressCallback | None,
) -> TaskResult:
    """Run a task and return its error instead of raising it."""
    if task.error is not None:
        return TaskResult(task, error=task.error)
    try:
        if not task.options.force:
            earlier = find_earlier_result(task, colorizer.make_provenance(task.options))
            if earlier is not None and earlier.differences:
                changes = "; ".join(earlier.differences)
                raise UsageError(
                    f"{task.target}: already exists, and this has changed since it was made: "
                    f"{changes}; use --force to make it again, or choose another output"
                )
            if earlier is not None:
                remove_stale_files(task)
                return TaskResult(task, skipped=True, was_damaged=earlier.damaged)
        if on_start is not None:
            on_start(task)
        result = run_task(task, colorizer, engine, on_progress)
        return TaskResult(task, result=result)
    except InColorError:
        return TaskResult(task, left_out="in color; to replace the color, run without --skip-color")
    except VidcolorError as error:
        return TaskResult(task, error=error)
    except Exception as error:
        return TaskResult(task, error=wrap_error(error, task.source))


def wrap_error(error: Exception, source: Path) -> VidcolorError:
    """Return a `VidcolorError` for an unexpected error, which becomes its cause."""
    if isinstance(error, MemoryError):
        text = "out of memory; use a smaller --batch or a machine with more memory"
    elif isinstance(error, OSError) and error.errno:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        path = f"{error.filename}: " if error.filename else ""
        text = path + (describe_os_error(error) if is_full else str(error.strerror))
    else:
        text = describe_unexpected_error(error)
    wrapped = VidcolorError(f"{source}: {text}")
    wrapped.__cause__ = error
    return wrapped


def run_task(
    task: Task,
    colorizer: Colorizer,
    engine: Engine | None = None,
    on_progress: ProgressCallback | None = None,
) -> FilmResult | PhotoResult:
    """Run a task with `colorize_film`, `colorize_photo` or `colorize_sequence`."""
    source, target, options = task.source, task.target, task.options
    if task.kind == "photo":
        from vidcolor.photo import colorize_photo

        return colorize_photo(source, target, options, colorizer=colorizer)
    if task.kind == "sequence":
        from vidcolor.film.api import colorize_sequence as colorize
    else:
        from vidcolor.film.api import colorize_film as colorize
    return colorize(
        source,
        target,
        options,
        colorizer=colorizer,
        engine=engine,
        progress=on_progress,
        project=task.project,
        cache=task.cache,
        excerpt=task.excerpt,
    )
