"""A disk-backed list of arrays, for data that does not fit into memory."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray


class DiskArray:
    """A list of float arrays of one shape, stored as float16 in a binary file.

    float16 halves the size of the file, and its 11 significant bits exceed those of 8-bit chroma.
    """

    def __init__(self, file: IO[bytes], shape: tuple[int, ...] = (), count: int = 0) -> None:
        """Use an empty file, or one with `count` arrays of one shape. `close` closes it."""
        self._file, self.shape, self._count = file, shape, count

    def __len__(self) -> int:
        return self._count

    def append(self, array: FloatArray) -> None:
        """Append a float32 array of the same shape as all others; it is rounded to float16."""
        self.shape = self.shape or array.shape
        self._count += 1
        self[self._count - 1] = array

    def __setitem__(self, index: int, array: FloatArray) -> None:
        assert array.shape == self.shape
        self._file.seek(index * self._item_bytes)
        self._file.write(array.astype(np.float16).tobytes())

    def __getitem__(self, index: int) -> FloatArray:
        if not 0 <= index < self._count:
            raise IndexError(index)
        self._file.seek(index * self._item_bytes)
        data = np.frombuffer(self._file.read(self._item_bytes), np.float16)
        return data.reshape(self.shape).astype(np.float32)

    @property
    def _item_bytes(self) -> int:
        return 2 * int(np.prod(self.shape))

    def flush(self) -> None:
        """Write all arrays to the disk, so that they survive a power failure."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()
