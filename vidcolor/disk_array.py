"""A disk-backed list of arrays, for data that does not fit into memory."""

from __future__ import annotations

import os
import tempfile
from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.imaging.types import FloatArray


class DiskArray:
    """A list of float arrays of one shape, stored as float16 in a file.

    float16 halves the size of the file, and its 11 significant bits exceed those of 8-bit chroma.
    An anonymous file is deleted when it is closed or when the process ends.
    """

    def __init__(self, directory: Path, name: str | None = None) -> None:
        """Create an empty list in a file of that name, or in an anonymous temporary file."""
        if name is None:
            self._file: IO[bytes] = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 -- close()
        else:
            self._file = (directory / name).open("w+b")
        self._shape: tuple[int, ...] = ()
        self._count = 0

    @classmethod
    def open(cls, path: Path, shape: tuple[int, ...], count: int) -> DiskArray:
        """Open an existing file of `count` arrays of one shape for reading."""
        array = cls.__new__(cls)
        array._file, array._shape, array._count = path.open("rb"), shape, count
        return array

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the arrays; empty if there are none."""
        return self._shape

    def flush(self) -> None:
        """Write all arrays to the disk, so that they survive a power failure."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def __len__(self) -> int:
        return self._count

    def append(self, array: FloatArray) -> None:
        """Append a float32 array of the same shape as all others; it is rounded to float16."""
        self._shape = self._shape or array.shape
        self._count += 1
        self[self._count - 1] = array

    def __setitem__(self, index: int, array: FloatArray) -> None:
        assert array.shape == self._shape
        self._file.seek(index * self._item_bytes)
        self._file.write(array.astype(np.float16).tobytes())

    def __getitem__(self, index: int) -> FloatArray:
        if not 0 <= index < self._count:
            raise IndexError(index)
        self._file.seek(index * self._item_bytes)
        data = np.frombuffer(self._file.read(self._item_bytes), np.float16)
        return data.reshape(self._shape).astype(np.float32)

    @property
    def _item_bytes(self) -> int:
        return 2 * int(np.prod(self._shape))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
