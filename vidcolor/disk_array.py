"""A list of arrays on disk, for more of them than memory should hold."""

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

    A file without a name is deleted when it is closed or when the process ends.
    """

    def __init__(self, folder: Path, name: str | None = None) -> None:
        """Create an empty list.

        Args:
            folder: directory of the file.
            name: name of the file; None for an anonymous temporary file.

        Raises:
            OSError: the file cannot be created.
        """
        if name is None:
            self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 -- close()
        else:
            self._file = (folder / name).open("w+b")
        self._shape: tuple[int, ...] = ()
        self._count = 0

    @classmethod
    def open(cls, path: Path, shape: tuple[int, ...], count: int) -> DiskArray:
        """Open an existing file for reading.

        Args:
            path: the file.
            shape: shape of its arrays.
            count: number of its arrays.

        Raises:
            OSError: the file does not exist or cannot be read.
        """
        array = cls.__new__(cls)
        array._file, array._shape, array._count = path.open("rb"), shape, count
        return array

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the arrays; empty if there are none."""
        return self._shape

    def flush(self) -> None:
        """Flush all arrays to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def __len__(self) -> int:
        return self._count

    def append(self, array: FloatArray) -> None:
        """Append an array; its shape must be that of the first."""
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
