"""Reuse of the memory of large arrays.

The C library returns the memory of large arrays to the system when they are freed. The first access
to each page of new memory then interrupts the program, which takes longer than to fill the page.
"""

from __future__ import annotations

import math
import weakref
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray

MAX_BYTES = 1 << 25
"""Maximum size of a buffer that is kept: four float32 planes of 1920x1080."""
MAX_BUFFERS = 4
"""Maximum number of unused buffers that are kept."""

_unused: deque[FloatArray] = deque(maxlen=MAX_BUFFERS)


def allocate(shape: tuple[int, ...]) -> FloatArray:
    """Return an uninitialized float32 array, in the memory of an unused one if possible.

    Its memory is used again when neither the array nor a view of it is left. Any thread may call
    this function.
    """
    size = math.prod(shape)
    if not 0 < size * np.dtype(np.float32).itemsize <= MAX_BYTES:
        return np.empty(shape, np.float32)
    memory = _take_unused(size)
    # All views keep this array alive, and not `memory`, because its base is no array.
    array: FloatArray = np.frombuffer(memory.data, np.float32)
    weakref.finalize(array, _unused.append, memory).atexit = False
    return array.reshape(shape)


def _take_unused(size: int) -> FloatArray:
    """Return an unused buffer of a size, or a new one."""
    for _ in range(len(_unused)):
        try:
            memory = _unused.popleft()
        except IndexError:  # another thread took it
            break
        if memory.size == size:
            return memory
        _unused.append(memory)
    return np.empty(size, np.float32)
