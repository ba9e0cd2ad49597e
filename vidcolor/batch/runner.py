"""Pieces of work, done: one after another or side by side, on past what fails."""

from __future__ import annotations

import errno
import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from vidcolor.batch.discover import Task, read_result_recipe
from vidcolor.errors import VidcolorError
from vidcolor.fileio import describe_os_error
from vidcolor.hints.io import hints_for_file, load_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from vidcolor.colorizer import Colorizer
    from vidcolor.film.engines.local import Engine
    from vidcolor.film.pipeline import FilmResult
    from vidcolor.options import ColorizeOptions
    from vidcolor.photo import PhotoResult
    from vidcolor.progress import Progress, ProgressCallback

PHOTOS_AT_ONCE = 2
"""The generator uses all cores, but reading and writing of a photo uses one."""


@dataclass(slots=True)
class TaskResult:
    """What came of an item."""

    item: Task
    result: FilmResult | PhotoResult | None = None
    error: VidcolorError | None = None
    skipped: bool = False

    @property
    def damaged(self) -> bool:
        """Whether the source lost frames."""
        return self.result is not None and self.result.damaged


@dataclass(slots=True)
class BatchSummary:
    """What came of a whole run."""

    outcomes: list[TaskResult] = field(default_factory=list)

    def count(self, what: Literal["done", "skipped", "failed", "damaged"]) -> int:
        """How many items ended so."""
        tests = {
            "done": lambda o: o.result is not None,
            "skipped": lambda o: o.skipped,
            "failed": lambda o: o.error is not None,
            "damaged": lambda o: o.damaged,
        }
        return sum(map(tests[what], self.outcomes))


def is_done(item: Task, recipe: str) -> bool:
    """Whether the target was made from this source by this recipe before."""
    if not item.repeatable or not item.target.exists():
        return False
    if item.target.stat().st_mtime < item.source.stat().st_mtime:
        return False
    return read_result_recipe(item.target, is_photo=item.kind == "photo") == recipe


def _date_before_source(item: Task) -> None:
    """Leave a result of a damaged source older than that, as `make` would see it: not up to date.

    Or the same command again would call it done before, and the damage would be forgotten.
    """
    before = item.source.stat().st_mtime_ns - 10**9
    os.utime(item.target, ns=(before, before))


def run_tasks(
    items: Iterable[Task],
    options: ColorizeOptions,
    colorizer: Colorizer,
    *,
    engine: Engine | None = None,
    films_at_once: int = 1,
    started: Callable[[Task], None] | None = None,
    progress: ProgressCallback | None = None,
) -> Iterator[TaskResult]:
    """Color all items, photographs side by side, and go on past what fails.

    Args:
        items: what to do; those with options of their own are done by these.
        options: how to do the others.
        colorizer: the generator for all of them.
        engine: renders films; `colorizer`, in this process, if None.
        films_at_once: films that are worked on at a time, so that one is looked through while
            the engine renders another.
        started: called before an item that is neither skipped nor hopeless; for photographs, and
            films at once, from another thread.
        progress: called after every frame of a film or sequence; likewise.

    Yields:
        What came of each item, in their order.
    """
    hints = load_hints(options)
    stopping = threading.Event()

    def tell(step: Progress) -> None:
        if stopping.is_set():
            raise KeyboardInterrupt
        if progress is not None:
            progress(step)

    def stop() -> None:
        stopping.set()
        if engine is not None:
            engine.stop()

    def run(item: Task) -> TaskResult:
        own = item.options or replace(options, hints=hints_for_file(hints, item.source))
        return _run_safely(item, own, colorizer, engine, started, tell)

    for photos, group in itertools.groupby(items, key=lambda item: item.kind == "photo"):
        if photos:
            yield from _side_by_side(run, list(group))
        elif films_at_once == 1:
            yield from map(run, group)
        else:
            yield from _overlapping(run, list(group), films_at_once, stop)


def _overlapping(
    run: Callable[[Task], TaskResult], items: list[Task], at_once: int, stop: Callable[[], None]
) -> Iterator[TaskResult]:
    """Films, some of them at a time; when this is stopped, so are they, by `stop`."""
    pool = ThreadPoolExecutor(at_once)
    futures = [pool.submit(run, item) for item in items]
    try:
        for future in futures:
            yield future.result()
    except BaseException as stopped:
        stop()
        pool.shutdown(cancel_futures=True)
        for future in futures:
            error = None if future.cancelled() else future.exception()
            for note in getattr(error, "__notes__", ()) if error is not stopped else ():
                stopped.add_note(note)
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _side_by_side(run: Callable[[Task], TaskResult], items: list[Task]) -> Iterator[TaskResult]:
    if len(items) == 1:
        yield run(items[0])
        return
    pool = ThreadPoolExecutor(PHOTOS_AT_ONCE)
    try:
        yield from pool.map(run, items)
    finally:  # after Ctrl-C too: what has begun is completed, the rest is not begun
        pool.shutdown(cancel_futures=True)


def _run_safely(
    item: Task,
    options: ColorizeOptions,
    colorizer: Colorizer,
    engine: Engine | None,
    started: Callable[[Task], None] | None,
    progress: ProgressCallback | None,
) -> TaskResult:
    """Whatever happens to one item must not end the work on the others."""
    if item.problem is not None:
        return TaskResult(item, error=item.problem)
    try:
        if not options.force and is_done(item, colorizer.provenance(options).recipe):
            return TaskResult(item, skipped=True)
        if started is not None:
            started(item)
        result = run_task(item, options, colorizer, engine, progress)
        if result.damaged and item.repeatable and not options.allow_damaged:
            _date_before_source(item)
        return TaskResult(item, result=result)
    except VidcolorError as error:
        return TaskResult(item, error=error)
    except Exception as error:
        return TaskResult(item, error=wrap_error(error, item.source))


def wrap_error(error: Exception, source: Path) -> VidcolorError:
    """An error that is not of our family, as one that is; the cause stays attached to it."""
    if isinstance(error, MemoryError):
        text = "not enough memory for it; try a smaller --batch, or a machine with more"
    elif isinstance(error, OSError) and error.errno:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        place = f"{error.filename}: " if error.filename else ""
        text = place + (describe_os_error(error) if full else str(error.strerror))
    else:
        what = " ".join(str(error).split())
        text = f"a fault in vidcolor ({type(error).__name__}: {what}); please report it"
    explained = VidcolorError(f"{source}: {text}")
    explained.__cause__ = error
    return explained


def run_task(
    item: Task,
    options: ColorizeOptions,
    colorizer: Colorizer,
    engine: Engine | None = None,
    progress: ProgressCallback | None = None,
) -> FilmResult | PhotoResult:
    """Color one item.

    Raises:
        VidcolorError: what `colorize_film`, `colorize_photo` or `colorize_sequence` raise.
    """
    if item.kind == "photo":
        from vidcolor.photo import colorize_photo

        return colorize_photo(item.source, item.target, options, colorizer=colorizer)
    if item.kind == "sequence":
        from vidcolor.film.sequence import colorize_sequence as colorize
    else:
        from vidcolor.film.pipeline import colorize_film as colorize
    return colorize(
        item.source, item.target, options, colorizer=colorizer, engine=engine, progress=progress
    )
