"""Arrays that wait on disk: more of them than memory should hold."""

from __future__ import annotations

import os
import tempfile
from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float32]


class DiskArray:
    """A list of arrays of one shape, kept as float16 in a file.

    Without a name the file is gone when it is closed, or when the process ends in whatever way.
    """

    def __init__(self, folder: Path, name: str | None = None) -> None:
        """Open an empty one.

        Args:
            folder: where there is room.
            name: of the file; None for one without.

        Raises:
            OSError: the file cannot be made.
        """
        if name is None:
            self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 -- close()
        else:
            self._file = (folder / name).open("w+b")
        self._shape: tuple[int, ...] = ()
        self._count = 0

    @classmethod
    def of_file(cls, path: Path, shape: tuple[int, ...], count: int) -> DiskArray:
        """A spool that was kept, to be read.

        Args:
            path: of its file.
            shape: of the arrays in it.
            count: how many there are.

        Raises:
            OSError: there is none.
        """
        spool = cls.__new__(cls)
        spool._file, spool._shape, spool._count = path.open("rb"), shape, count
        return spool

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the arrays; empty as long as there are none."""
        return self._shape

    def flush(self) -> None:
        """Have all of it on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def __len__(self) -> int:
        return self._count

    def append(self, array: Array) -> None:
        """Add one at the end; of the shape of the first."""
        self._shape = self._shape or array.shape
        self._count += 1
        self[self._count - 1] = array

    def __setitem__(self, number: int, array: Array) -> None:
        assert array.shape == self._shape
        self._file.seek(number * self._size)
        self._file.write(array.astype(np.float16).tobytes())

    def __getitem__(self, number: int) -> Array:
        if not 0 <= number < self._count:
            raise IndexError(number)
        self._file.seek(number * self._size)
        data = np.frombuffer(self._file.read(self._size), np.float16)
        return data.reshape(self._shape).astype(np.float32)

    @property
    def _size(self) -> int:
        """Bytes of one array."""
        return 2 * int(np.prod(self._shape))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
