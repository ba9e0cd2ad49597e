"""Reuse of the memory of arrays."""

import gc

import numpy as np
import pytest

from vidcolor.imaging import buffers
from vidcolor.imaging.buffers import MAX_BUFFERS, MAX_BYTES, allocate


@pytest.fixture(autouse=True)
def empty_pool() -> None:
    gc.collect()
    buffers._unused.clear()


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def test_memory_is_used_again() -> None:
    first = allocate((3, 40))
    assert first.shape == (3, 40) and first.dtype == np.float32
    before = address(first)
    del first
    assert address(allocate((4, 30))) == before, "120 values, in another shape"


def test_memory_in_use_is_not_used_again() -> None:
    """A view keeps the memory, also a view of a view."""
    whole = allocate((2, 60))
    row = whole[1][10:].reshape(5, 10).T
    row[:] = 7
    del whole
    others = [allocate((120,)) for _ in range(3)]
    for other in others:
        other[:] = 1
    assert (row == 7).all()
    del row
    assert len({address(array) for array in (*others, allocate((120,)))}) == 4


def test_few_buffers_of_limited_size_are_kept() -> None:
    arrays = [allocate((10 + n,)) for n in range(2 * MAX_BUFFERS)]
    del arrays
    assert len(buffers._unused) == MAX_BUFFERS
    large = allocate((MAX_BYTES // 4 + 1,))
    del large
    assert all(memory.nbytes <= MAX_BYTES for memory in buffers._unused)
    assert allocate((0, 5)).shape == (0, 5)
