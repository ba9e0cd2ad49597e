"""Workers that are processes on this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcolor.errors import VidcolorError, WeightsError, WorkerError
from vidcolor.film.engines.pool import CancelledError, DiedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import SpawnProcess

    from vidcolor.colorizer import Colorizer
    from vidcolor.film.segment import Job, Rendered
    from vidcolor.film.segments import Segment
    from vidcolor.film.workdir import WorkDir

_POLL_S = 0.2
_TOLD_EVERY_S = 0.2
STALL_S = 1800.0
"""Seconds without a frame after which a worker counts as dead: a driver or a codec hangs."""
_BY_SOMEBODY = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class WorkerResources:
    """What part of the machine a worker has."""

    device: str
    """See `ColorizeOptions.device`."""
    threads: int
    """For torch."""
    cores: tuple[int, ...] = ()
    """CPU cores that the process keeps to; empty for any."""


class ProcessWorker:
    """A process that renders segments; begun when it is first needed."""

    def __init__(self, place: WorkerResources) -> None:
        self._place = place
        self._process: SpawnProcess | None = None
        self._connection: Connection[Any, Any] | None = None
        self._told: Path | None = None
        """Work directory of the job that the process was told of."""

    @property
    def pid(self) -> int | None:
        """Of the process; None if there is none."""
        return None if self._process is None else self._process.pid

    def prepare(self, is_cancelled: Callable[[], bool]) -> None:
        """See `Worker`, as all that follows."""
        if self._process is None or not self._process.is_alive():
            self.close()
            self._begin()

    def render(
        self,
        job: Job,
        segment: Segment,
        work: WorkDir,
        progress: Callable[[int], None],
        is_cancelled: Callable[[], bool],
    ) -> Rendered:
        """Have the process render a segment."""
        folder = work.place_to_render(segment.number)
        is_settled = False
        try:
            self._tell(job, work)
            self._send("render", segment, folder)
            while True:
                kind, said = self._hear(is_cancelled)
                is_settled = kind != "progress"
                if kind == "done":
                    rendered: Rendered = said
                    return rendered
                if kind == "failed":
                    raise said
                progress(said)
        except (EOFError, ConnectionError):
            if is_settled:
                raise
            raise self._death() from None
        finally:
            if not is_settled:  # it would go on, and what it says be taken for the next segment's
                self.close()

    def _send(self, *message: object) -> None:
        assert self._connection is not None  # it has been prepared
        self._connection.send(message)

    def _hear(self, is_cancelled: Callable[[], bool]) -> tuple[str, Any]:
        assert self._connection is not None  # likewise
        since = time.monotonic()
        while not self._connection.poll(_POLL_S):
            if is_cancelled():
                self.close()
                raise CancelledError
            if time.monotonic() - since > STALL_S:
                self.close()
                how = f"as it had not moved for {STALL_S / 60:.0f} minutes"
                raise DiedError(how, killed=False)
        heard: tuple[str, Any] = self._connection.recv()
        return heard

    def _tell(self, job: Job, work: WorkDir) -> None:
        """Have the process know of a film."""
        if self._told != work.path:
            options = replace(job.options, device=self._place.device)
            self._send("job", replace(job, options=options), work.path)
            self._told = work.path

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, self._place), name="vidcolor worker", daemon=True
        )
        self._process.start()
        theirs.close()

    def _death(self) -> DiedError:
        """How the process ended."""
        process = self._process
        assert process is not None
        process.join(_POLL_S * 10)
        code = process.exitcode
        self.close()
        if code is None or code >= 0:
            return DiedError(f"with exit code {code}", killed=False)
        name = signal.Signals(-code).name
        reason = f"by {name}"
        if -code == signal.SIGKILL:
            reason += " (is there too little memory for so many workers?)"
        return DiedError(reason, killed=-code in _BY_SOMEBODY)

    def close(self) -> None:
        """End the process."""
        connection, process = self._connection, self._process
        self._process = self._connection = self._told = None
        if connection is not None:
            connection.close()
        if process is not None:
            process.kill()
            process.join()
            process.close()


class SegmentRenderer:
    """Renders segments of one job after another, with what it has loaded: in whatever process."""

    def __init__(self) -> None:
        self._colorizer: Colorizer | None = None
        self._loaded: tuple[object, ...] = ()
        self._job: Job | None = None
        self._stack = contextlib.ExitStack()

    def take(self, job: Job, work: Path) -> None:
        """Turn to another film.

        Args:
            job: the film.
            work: its work directory, for the pins in it.

        Raises:
            VidcolorError: the generator cannot be loaded, or is another here.
        """
        from vidcolor.colorizer import Colorizer
        from vidcolor.film.segment_reader import SegmentReader

        self._stack.close()
        options = job.options
        wanted = (
            *(options.model, options.device, options.precision),
            *(options.vividness, options.size),
        )
        if self._colorizer is None or self._loaded != wanted:
            self._colorizer, self._loaded = Colorizer.of(options), wanted
        if self._colorizer.digest != job.provenance.weights_sha256:
            raise WeightsError(f"{options.model}: a worker finds other weights under that name")
        self._job, self._source = job, SegmentReader(job.plan, job.read)
        self._stack.callback(self._source.close)
        self._pins = None if job.pins is None else job.pins.open(work)
        if self._pins is not None:
            self._stack.callback(self._pins.close)

    def render(self, segment: Segment, folder: Path, progress: Callable[[int], None]) -> Rendered:
        """`render_segment`, of the job that was taken last."""
        from vidcolor.concurrency import single_threaded_opencv
        from vidcolor.film.segment import render_segment

        assert self._job is not None and self._colorizer is not None
        with single_threaded_opencv():
            return render_segment(
                self._job, segment, folder, self._colorizer, self._source, self._pins, progress
            )


def _serve(connection: Connection[Any, Any], place: WorkerResources) -> None:
    """What the process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who began it
    threading.Thread(target=_die_with_parent, daemon=True).start()
    if place.cores:
        os.sched_setaffinity(0, place.cores)
    import torch

    torch.set_num_threads(place.threads)
    renderer, fault = SegmentRenderer(), None
    last = 0.0

    def tell(done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _TOLD_EVERY_S:
            last = time.monotonic()
            connection.send(("progress", done))

    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            kind, what, where = connection.recv()
            if kind == "job":
                fault = _taken(renderer, what, where)
                continue
            try:
                if fault is not None:
                    raise fault
                connection.send(("done", renderer.render(what, where, tell)))
            except Exception as error:
                connection.send(("failed", sendable(error)))


def _taken(renderer: SegmentRenderer, job: Job, work: Path) -> Exception | None:
    """Turn to another film; what hinders that is said when the first segment is wanted."""
    try:
        renderer.take(job, work)
    except Exception as error:
        return error
    return None


def sendable(error: Exception) -> Exception:
    """An error as it can be sent to another process."""
    try:
        again = pickle.loads(pickle.dumps(error))
    except Exception:
        again = None
    if isinstance(again, VidcolorError | OSError | MemoryError):
        return error
    return WorkerError(f"a fault in vidcolor ({type(error).__name__}: {error}); please report it")


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
