"""Pipeline stages in threads: iterators that are connected by short queues.

`concurrent.futures` does not bound the number of results that wait, and an iterator that is closed
early must end the threads of all stages before it. Therefore the queues are written here.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

T = TypeVar("T")
R = TypeVar("R")

_POLL_INTERVAL_S = 0.1
"""Interval at which a full queue is checked for a consumer that has stopped."""


class _End(NamedTuple):
    """The end of a stage's output, with the error that caused it, if any."""

    error: BaseException | None = None


def prefetch(items: Iterable[T], depth: int) -> Generator[T, None, None]:
    """Run an iterator in its own thread, at most `depth` items ahead of the consumer.

    The order is preserved. An error in the thread is raised in the consumer, after the items that
    preceded it. If the consumer stops early, the thread stops as well, and it closes the iterator
    before this generator returns.

    `depth` also bounds the memory of finished items.
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
    except BaseException as error:  # the consumer must receive every error, even an interrupt
        end = _End(error)
    finally:
        _close(iterator)
    _put(ready, end, stop)


def _put(ready: queue.Queue[T | _End], item: T | _End, stop: threading.Event) -> bool:
    """Wait until the queue has room; return False if the consumer has stopped."""
    # Without a timeout, this thread would wait forever for a consumer that has stopped.
    while not stop.is_set():
        try:
            ready.put(item, timeout=_POLL_INTERVAL_S)
        except queue.Full:
            continue
        return True
    return False


def map_in_threads(
    function: Callable[[T], R], items: Iterable[T], workers: int, depth: int
) -> Generator[R, None, None]:
    """Apply a function to items in several threads; results keep the order of the items.

    Args:
        function: must be thread-safe, and should release the GIL for most of its time.
        items: iterated in the calling thread.
        depth: maximum number of items that are in progress or wait as results.
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
            for future in waiting:  # otherwise the pool would compute them before it closes
                future.cancel()
            _close(items)


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Group items into lists of `size`; the last list can be shorter."""
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


@contextlib.contextmanager
def close_on_exit(items: object) -> Iterator[None]:
    """Close a generator, and the stages before it, when the block ends.

    A stored exception references the generators in its traceback. Without this function it would
    therefore keep their threads and frames alive. Objects without a ``close`` method are accepted.
    """
    try:
        yield
    finally:
        _close(items)


def _close(items: object) -> None:
    close = getattr(items, "close", None)
    if close is not None:
        close()


class _OpenCvThreads:
    """The number of blocks that require one OpenCV thread, and the setting to restore."""

    lock = threading.Lock()
    num_users = 0
    previous_num_threads = 0


@contextlib.contextmanager
def single_threaded_opencv() -> Iterator[None]:
    """Make OpenCV use one thread per operation, because the stages run in threads already.

    The setting is global to the process. It is restored when the last of several blocks ends.
    """
    import cv2

    state = _OpenCvThreads
    with state.lock:
        if not state.num_users:
            state.previous_num_threads = cv2.getNumThreads()
            cv2.setNumThreads(1)
        state.num_users += 1
    try:
        yield
    finally:
        with state.lock:
            state.num_users -= 1
            if not state.num_users:
                cv2.setNumThreads(state.previous_num_threads)
