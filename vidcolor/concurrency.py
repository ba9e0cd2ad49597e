"""Stages that run beside each other: iterators joined by short queues."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

T = TypeVar("T")
R = TypeVar("R")

_POLL_S = 0.1


class _End:
    """Closes a stage's queue; carries the error that ended it, if any."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def prefetch(items: Iterable[T], depth: int) -> Generator[T, None, None]:
    """Run an iterator in a thread of its own, at most `depth` items ahead.

    Order is kept. An error in the thread is raised here, after the items that came before it.
    When the consumer stops early the thread is stopped and awaited, and the iterator is closed
    in the thread that ran it.

    Args:
        items: what to iterate over.
        depth: how many finished items may wait; memory is bounded by it.
    """
    ready: queue.Queue[T | _End] = queue.Queue(maxsize=depth)
    stop = threading.Event()
    thread = threading.Thread(target=_fill, args=(items, ready, stop), daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stop.set()
        thread.join()


def _fill(items: Iterable[T], ready: queue.Queue[T | _End], stop: threading.Event) -> None:
    iterator = iter(items)
    end = _End()
    try:
        for item in iterator:
            if not _put(ready, item, stop):
                break
    except BaseException as error:  # whatever it is, the consumer must hear of it
        end = _End(error)
    finally:
        _close(iterator)
    _put(ready, end, stop)


class _OpenCvThreads:
    """How many threads of ours want OpenCV to use one, and what it used before the first did."""

    turn = threading.Lock()
    wanting = 0
    before = 0


@contextlib.contextmanager
def single_threaded_opencv() -> Iterator[None]:
    """Keep OpenCV from spreading each small operation over threads: the stages have their own.

    The setting is the process's; it is restored when the last of those who want it has ended.
    """
    import cv2

    shared = _OpenCvThreads
    with shared.turn:
        if not shared.wanting:
            shared.before = cv2.getNumThreads()
            cv2.setNumThreads(1)
        shared.wanting += 1
    try:
        yield
    finally:
        with shared.turn:
            shared.wanting -= 1
            if not shared.wanting:
                cv2.setNumThreads(shared.before)


@contextlib.contextmanager
def closed_after(items: object) -> Iterator[None]:
    """Close an iterator in the end, whoever still holds it.

    An error that somebody keeps has a traceback which holds the stages that it passed through, and
    so their threads and frames.
    """
    try:
        yield
    finally:
        _close(items)


def _close(items: object) -> None:
    """End a generator now, in this thread, and with it the stages before it."""
    close = getattr(items, "close", None)
    if close is not None:
        close()


def _put(ready: queue.Queue[T | _End], item: T | _End, stop: threading.Event) -> bool:
    """Wait for room, but not longer than the consumer lives."""
    while not stop.is_set():
        try:
            ready.put(item, timeout=_POLL_S)
        except queue.Full:
            continue
        return True
    return False


def parallel(
    function: Callable[[T], R], items: Iterable[T], workers: int, depth: int
) -> Generator[R, None, None]:
    """Apply a function in several threads; results come in the order of the items.

    Args:
        function: thread-safe; releases the GIL for most of its time if this is to help.
        items: iterated over by the calling thread.
        workers: how many threads.
        depth: how many items may be under way or wait as results.
    """
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
            _close(items)


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items; the last may be shorter."""
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
