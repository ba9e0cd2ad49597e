"""Stages beside each other: order, bounds, errors, early ends."""

import threading
import time
from collections.abc import Generator, Iterator

import pytest

from vidcolor.concurrency import batched, closed_after, parallel, prefetch


def test_order_is_kept() -> None:
    assert list(prefetch(iter(range(100)), 3)) == list(range(100))


def test_it_runs_ahead_but_not_far() -> None:
    made: list[int] = []
    items = prefetch((made.append(n) or n for n in range(100)), 4)
    assert next(items) == 0
    time.sleep(0.2)
    assert 4 <= len(made) <= 6
    items.close()
    assert len(made) <= 7


def test_errors_arrive_after_what_came_before() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("the disk is gone")

    seen = []
    with pytest.raises(OSError, match="gone"):
        for item in prefetch(failing(), 8):
            seen.append(item)
    assert seen == [1, 2]


def test_an_early_end_closes_the_source_in_its_own_thread() -> None:
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


def test_batches() -> None:
    assert list(batched(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(batched([], 3)) == []


def test_parallel_results_keep_the_order_of_the_items() -> None:
    def slow_first(n: int) -> int:
        time.sleep(0.02 if n % 4 == 0 else 0)
        return n * n

    assert list(parallel(slow_first, range(40), workers=4, depth=5)) == [n * n for n in range(40)]


def test_parallel_is_bounded_and_ends_early() -> None:
    taken: list[int] = []
    results = parallel(lambda n: n, (taken.append(n) or n for n in range(1000)), 2, 3)
    assert next(results) == 0
    assert len(taken) == 3
    results.close()
    assert len(taken) == 3


def test_parallel_raises_what_the_function_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        list(parallel(lambda n: 1 // n, [1, 0, 1], workers=2, depth=2))


def test_an_error_that_is_kept_holds_no_thread() -> None:
    def stage(items: Generator[int, None, None]) -> Iterator[int]:
        with closed_after(items):
            for item in items:
                yield 1 // (item - 3)

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError) as kept:
        list(prefetch(stage(prefetch(iter(range(1000)), 2)), 2))
    assert kept.value.__traceback__ is not None
    assert threading.active_count() == before
