"""Order, memory bounds, errors and early termination of threaded stages."""

import threading
import time
from collections.abc import Generator, Iterator

import pytest

from vidcolor.concurrency import batched, close_on_exit, map_in_threads, prefetch


def test_prefetch_keeps_the_order() -> None:
    assert list(prefetch(iter(range(100)), 3)) == list(range(100))


def test_prefetch_runs_at_most_its_depth_ahead() -> None:
    produced: list[int] = []
    items = prefetch((produced.append(n) or n for n in range(100)), 4)
    assert next(items) == 0
    time.sleep(0.2)
    assert 4 <= len(produced) <= 6
    items.close()
    assert len(produced) <= 7


def test_prefetch_raises_errors_after_the_preceding_items() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("cannot read")

    received = []
    with pytest.raises(OSError, match="cannot read"):
        for item in prefetch(failing(), 8):
            received.append(item)
    assert received == [1, 2]


def test_closing_prefetch_closes_the_source_in_its_own_thread() -> None:
    closed_by: list[str] = []

    def source() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed_by.append(threading.current_thread().name)

    before = threading.active_count()
    chained = prefetch(prefetch(source(), 2), 2)
    next(chained)
    chained.close()
    assert len(closed_by) == 1
    assert closed_by[0] != threading.current_thread().name
    assert threading.active_count() == before


def test_batched_groups_items() -> None:
    assert list(batched(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(batched([], 3)) == []


def test_map_in_threads_keeps_the_order() -> None:
    def slow_first(n: int) -> int:
        time.sleep(0.02 if n % 4 == 0 else 0)
        return n * n

    assert list(map_in_threads(slow_first, range(40), workers=4, depth=5)) == [
        n * n for n in range(40)
    ]


def test_map_in_threads_takes_no_more_items_than_its_depth() -> None:
    taken: list[int] = []
    results = map_in_threads(lambda n: n, (taken.append(n) or n for n in range(1000)), 2, 3)
    assert next(results) == 0
    assert len(taken) == 3
    results.close()
    assert len(taken) == 3


def test_map_in_threads_raises_errors_of_the_function() -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(lambda n: 1 // n, [1, 0, 1], workers=2, depth=2))


def test_stored_exception_does_not_keep_threads_alive() -> None:
    def stage(items: Generator[int, None, None]) -> Iterator[int]:
        with close_on_exit(items):
            for item in items:
                yield 1 // (item - 3)

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError) as error:
        list(prefetch(stage(prefetch(iter(range(1000)), 2)), 2))
    assert error.value.__traceback__ is not None
    assert threading.active_count() == before
