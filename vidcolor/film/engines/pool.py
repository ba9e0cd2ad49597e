"""Segments spread over workers: what any kind of worker has in common.

Each worker has a thread here that hands it one segment after another. A worker that dies is
replaced and its segment tried again; a segment that workers die over again and again is given up,
and the others are rendered all the same.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from vidcolor.errors import VidcolorError, WorkerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from vidcolor.film.segment import Job, Rendered
    from vidcolor.film.segments import Segment
    from vidcolor.film.workdir import WorkDir

MOST_KILLED, MOST_CRASHED = 8, 3
"""Deaths over one segment after which it is given up: of workers that somebody ended (a system out
of memory, an administrator, a node that went away), and of workers that ended by themselves."""
_POLL_S = 0.2


class DiedError(Exception):
    """A worker is gone; the message says how."""

    def __init__(self, how: str, killed: bool) -> None:
        super().__init__(how)
        self.killed = killed
        """Whether somebody ended it, rather than its own fault."""


class CancelledError(Exception):
    """Nobody wants the segment any more."""


class Worker(Protocol):
    """Renders one segment at a time, somewhere else."""

    def prepare(self, is_cancelled: Callable[[], bool]) -> None:
        """Be there: called before each segment, with as long to wait as it takes.

        Args:
            is_cancelled: asked now and then.

        Raises:
            VidcolorError: it will never be.
            DiedError: it could not begin this time.
            CancelledError: it was asked to stop.
        """
        ...

    def render(
        self,
        job: Job,
        segment: Segment,
        work: WorkDir,
        progress: Callable[[int], None],
        is_cancelled: Callable[[], bool],
    ) -> Rendered:
        """Render a segment into the work directory's place for it.

        Args:
            job: the film.
            segment: one of its segments.
            work: where it goes; the caller adopts it.
            progress: told how many frames are done.
            is_cancelled: asked now and then.

        Raises:
            VidcolorError: what `render_segment` raises.
            DiedError: the worker is gone; the next call begins another.
            CancelledError: it was asked to stop.
        """
        ...

    def close(self) -> None:
        """End it."""
        ...


@dataclass(slots=True)
class _Batch:
    """Segments of one film that are wanted."""

    order: int
    job: Job
    work: WorkDir
    progress: Callable[[int, int], None]
    waiting: int
    """Segments that are not finished, nor given up."""
    running: int = 0
    error: BaseException | None = None
    given_up: list[str] = field(default_factory=list)
    deaths: dict[int, list[DiedError]] = field(default_factory=dict)


class Pool:
    """An engine (see `Engine`) of several workers."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        """Start.

        Args:
            workers: closed by `close`.
        """
        self._workers = list(workers)
        self._changed = threading.Condition()
        self._tasks: list[tuple[int, int, Segment, _Batch]] = []
        self._orders = itertools.count()
        self._closing = False
        self._hopeless: list[BaseException] = []
        """Why workers cannot be begun at all; if there is one for each, nothing can be done."""
        self._threads = [
            threading.Thread(target=self._serve, args=(worker,), daemon=True) for worker in workers
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def stop(self) -> None:
        """See `Engine`."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def close(self) -> None:
        """Stop, and end all workers."""
        self.stop()
        for thread in self._threads:
            thread.join()
        for worker in self._workers:
            worker.close()

    def render(
        self,
        job: Job,
        segments: Sequence[Segment],
        work: WorkDir,
        progress: Callable[[int, int], None],
    ) -> None:
        """See `Engine`."""
        batch = _Batch(next(self._orders), job, work, progress, len(segments))
        with self._changed:
            for segment in segments:
                heapq.heappush(self._tasks, (batch.order, segment.number, segment, batch))
            self._changed.notify_all()
            try:
                while batch.waiting and batch.error is None and not self._closing:
                    if len(self._hopeless) == len(self._threads):
                        raise self._hopeless[-1]
                    self._changed.wait(_POLL_S)
            except BaseException as error:
                batch.error = error
                raise
            finally:
                self._tasks = [task for task in self._tasks if task[3] is not batch]
                heapq.heapify(self._tasks)
                if batch.waiting and batch.error is None:
                    batch.error = KeyboardInterrupt()
                while batch.running:  # or they would write into a directory that is tidied up
                    self._changed.wait(_POLL_S)
        if batch.error is not None:
            raise batch.error
        if batch.given_up:
            raise WorkerError("; ".join(batch.given_up))

    def _serve(self, worker: Worker) -> None:
        while True:
            with self._changed:
                while not self._tasks and not self._closing:
                    self._changed.wait()
            if self._closing or not self._prepared(worker):
                return
            with self._changed:
                if not self._tasks:
                    continue  # another was quicker
                _, _, segment, batch = heapq.heappop(self._tasks)
                if batch.error is not None:
                    continue  # nobody wants it any more
                batch.running += 1
            again = False
            try:
                again = not self._render_one(worker, segment, batch)
            except BaseException as error:
                if batch.error is None:
                    batch.error = error
            finally:
                with self._changed:
                    batch.running -= 1
                    if again and batch.error is None:
                        heapq.heappush(self._tasks, (batch.order, segment.number, segment, batch))
                    else:
                        batch.waiting -= 1
                    self._changed.notify_all()

    def _prepared(self, worker: Worker) -> bool:
        """Whether a worker is there; once it is not, it never will be."""
        problem: BaseException | None = None
        for _ in range(MOST_CRASHED):
            try:
                worker.prepare(lambda: self._closing)
            except CancelledError:
                return False
            except DiedError as death:
                problem = WorkerError(f"a worker cannot be begun: it died {death}")
            except Exception as error:
                problem = error
                break
            else:
                return True
        assert problem is not None
        with self._changed:
            self._hopeless.append(problem)
            self._changed.notify_all()
        return False

    def _render_one(self, worker: Worker, segment: Segment, batch: _Batch) -> bool:
        """Have a segment rendered; whether that is settled, one way or the other."""

        def progress(done: int) -> None:
            batch.progress(segment.number, done)

        def is_cancelled() -> bool:
            return self._closing or batch.error is not None

        try:
            rendered = worker.render(batch.job, segment, batch.work, progress, is_cancelled)
            batch.work.adopt(segment.number, rendered)
            progress(segment.num_frames)
        except CancelledError:
            return True
        except DiedError as death:
            with contextlib.suppress(VidcolorError):
                progress(0)
            deaths = batch.deaths.setdefault(segment.number, [])
            deaths.append(death)
            crashed = sum(not d.killed for d in deaths)
            if len(deaths) < MOST_KILLED and crashed < MOST_CRASHED:
                return False
            batch.given_up.append(_epitaph(batch.job, segment, deaths))
        return True


def _epitaph(job: Job, segment: Segment, deaths: Sequence[DiedError]) -> str:
    base, pts = job.plan.video.time_base, job.plan.pts
    since = float((pts[segment.first] - pts[0]) * base)
    return (
        f"{job.plan.info.path}: segment {segment.number} (frames {segment.first} to "
        f"{segment.last - 1}, from {since:.1f} s on) was given up: {len(deaths)} workers died over "
        f"it, the last one {deaths[-1]}"
    )
