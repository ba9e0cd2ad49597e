"""The worker pool: an engine that distributes segments to any kind of worker.

Each worker has a thread that passes it one segment after another. A worker that dies is replaced,
and its segment is rendered again. A segment whose workers die repeatedly is given up; all other
segments are still rendered.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vidcolor.errors import VidcolorError, WorkerError
from vidcolor.film.engines.base import CancelledError, WorkerDiedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vidcolor.film.engines.base import Worker
    from vidcolor.film.segment import RenderJob, Segment
    from vidcolor.film.workdir import WorkDir

MAX_DEATHS = 8
"""Number of worker deaths after which a segment is given up. It is greater than `MAX_CRASHES`,
because a kill from outside (out of memory, a lost node) is rarely due to the segment."""
MAX_CRASHES = 3
"""Number of worker crashes after which a segment is given up."""
_POLL_S = 0.2
"""Interval in which waiting threads handle KeyboardInterrupt, in seconds."""


@dataclass(slots=True)
class _FilmTask:
    """The segments of one film that are being rendered."""

    order: int
    """Number of the film in the order of the `render` calls; lower numbers have priority."""
    job: RenderJob
    work: WorkDir
    progress: Callable[[int, int], None]
    remaining: int
    """Number of segments that are neither finished nor given up."""
    running: int = 0
    """Number of segments that workers render now."""
    error: BaseException | None = None
    """First error that ends the film; its remaining segments are cancelled."""
    failures: list[str] = field(default_factory=list)
    """Messages about the segments that were given up."""
    deaths: dict[int, list[WorkerDiedError]] = field(default_factory=dict)
    """Deaths of workers, by segment number."""


class WorkerPool:
    """An engine (see `Engine`) with several workers."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        """Start one thread for each worker; `close` closes the workers."""
        self._workers = list(workers)
        self._changed = threading.Condition()
        self._queue: list[tuple[int, int, Segment, _FilmTask]] = []
        """Heap of (order of the film, number of the segment, segment, film)."""
        self._film_orders = itertools.count()
        self._closing = False
        self._start_errors: list[BaseException] = []
        """One error for each worker that cannot start. Rendering fails when none is left."""
        self._threads = [
            threading.Thread(target=self._run_worker, args=(worker,), daemon=True)
            for worker in workers
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def stop(self) -> None:
        """Stop rendering; see `Engine.stop`."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def close(self) -> None:
        """Stop rendering and end all workers."""
        self.stop()
        for thread in self._threads:
            thread.join()
        for worker in self._workers:
            worker.close()

    def render(
        self,
        job: RenderJob,
        segments: Sequence[Segment],
        work: WorkDir,
        progress: Callable[[int, int], None],
    ) -> None:
        """Render segments; see `Engine.render`."""
        task = _FilmTask(next(self._film_orders), job, work, progress, len(segments))
        with self._changed:
            for segment in segments:
                heapq.heappush(self._queue, (task.order, segment.number, segment, task))
            self._changed.notify_all()
            try:
                while task.remaining and task.error is None and not self._closing:
                    if len(self._start_errors) == len(self._threads):
                        raise self._start_errors[-1]
                    self._changed.wait(_POLL_S)
            except BaseException as error:
                task.error = error
                raise
            finally:
                self._withdraw(task)
        if task.error is not None:
            raise task.error
        if task.failures:
            raise WorkerError("; ".join(task.failures))

    def _withdraw(self, task: _FilmTask) -> None:
        """Remove a film from the queue and wait for its workers; requires the lock."""
        self._queue = [entry for entry in self._queue if entry[3] is not task]
        heapq.heapify(self._queue)
        if task.remaining and task.error is None:
            task.error = KeyboardInterrupt()
        # The caller will clean up the work directory, so no worker may still write to it.
        while task.running:
            self._changed.wait(_POLL_S)

    def _run_worker(self, worker: Worker) -> None:
        """Pass segments to a worker until the pool is closed; runs in the thread of the worker."""
        while True:
            with self._changed:
                while not self._queue and not self._closing:
                    self._changed.wait()
            # The segment stays in the queue for other workers until this worker has started.
            if self._closing or not self._start_worker(worker):
                return
            with self._changed:
                if not self._queue:
                    continue  # another worker has taken the segment
                _, _, segment, task = heapq.heappop(self._queue)
                if task.error is not None:
                    continue
                task.running += 1
            retry = False
            try:
                retry = not self._render_segment(worker, segment, task)
            except BaseException as error:
                if task.error is None:
                    task.error = error
            finally:
                with self._changed:
                    task.running -= 1
                    if retry and task.error is None:
                        heapq.heappush(self._queue, (task.order, segment.number, segment, task))
                    else:
                        task.remaining -= 1
                    self._changed.notify_all()

    def _start_worker(self, worker: Worker) -> bool:
        """Start a worker if it is not running; return whether it runs."""
        error: BaseException | None = None
        for _ in range(MAX_CRASHES):
            try:
                worker.prepare(lambda: self._closing)
            except CancelledError:
                return False
            except WorkerDiedError as death:
                error = WorkerError(f"a worker cannot start: it died {death}")
            except Exception as failure:
                error = failure
                break
            else:
                return True
        assert error is not None
        with self._changed:
            self._start_errors.append(error)
            self._changed.notify_all()
        return False

    def _render_segment(self, worker: Worker, segment: Segment, task: _FilmTask) -> bool:
        """Render a segment; return False if it must be rendered again."""

        def progress(done: int) -> None:
            task.progress(segment.number, done)

        def is_cancelled() -> bool:
            return self._closing or task.error is not None

        try:
            result = worker.render(task.job, segment, task.work, progress, is_cancelled)
            task.work.commit(segment.number, result)
            progress(segment.num_frames)
        except CancelledError:
            return True
        except WorkerDiedError as death:
            with contextlib.suppress(VidcolorError):
                progress(0)  # its frames are no longer finished
            deaths = task.deaths.setdefault(segment.number, [])
            deaths.append(death)
            num_crashes = sum(not d.killed for d in deaths)
            if len(deaths) < MAX_DEATHS and num_crashes < MAX_CRASHES:
                return False
            task.failures.append(_describe_failure(task.job, segment, deaths))
        return True


def _describe_failure(job: RenderJob, segment: Segment, deaths: Sequence[WorkerDiedError]) -> str:
    pts = job.analysis.pts
    start_s = float((pts[segment.first] - pts[0]) * job.plan.video.time_base)
    return (
        f"{job.plan.info.path}: segment {segment.number} (frames {segment.first} to "
        f"{segment.end - 1}, from {start_s:.1f} s) failed: {len(deaths)} workers died, "
        f"the last one {deaths[-1]}; run the same command to try again"
    )
