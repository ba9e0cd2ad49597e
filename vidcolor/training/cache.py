"""Reduced photographs in one memory-mapped file: read without decoding, shared by all processes.

The file is the pixels of all pictures one after the other (uint8, rows of R, G, B), then an index
in JSON, then the index's length (8 bytes, little-endian) and `MAGIC`. It appears under its name
only when it is whole.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from vidcolor.errors import InputError
from vidcolor.fileio import describe_os_error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.training.filtering import Rgb

MAGIC = b"vcphoto1"
"""Ends the file; the last digit is the format's version."""
_TAIL = 8 + len(MAGIC)


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture in the file."""

    name: str
    source: int
    """Which of the named sources it came from."""
    offset: int
    """Bytes from the file's beginning."""
    height: int
    width: int
    digest: str
    """BLAKE2b of the pixels, 16 hex digits."""
    held_out: bool = False
    """Whether it is for validation."""


class CacheWriter:
    """Appends pictures, then the index."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._offset = 0

    def add(self, name: str, source: int, rgb: Rgb) -> Entry:
        """Append a picture.

        Args:
            name: what reports call it.
            source: see `Entry`.
            rgb: (h, w, 3) uint8, contiguous.
        """
        pixels = rgb.tobytes()
        self._file.write(pixels)
        digest = hashlib.blake2b(pixels, digest_size=8).hexdigest()
        entry = Entry(name, source, self._offset, rgb.shape[0], rgb.shape[1], digest)
        self._offset += len(pixels)
        return entry

    def finish(self, entries: Sequence[Entry], facts: dict[str, Any]) -> None:
        """Append the index, with whatever else is to be remembered as JSON."""
        index = json.dumps({"pictures": [list(asdict(e).values()) for e in entries], **facts})
        content = index.encode()
        self._file.write(content + len(content).to_bytes(8, "little") + MAGIC)


def read_index(path: Path) -> tuple[list[Entry], dict[str, Any]] | None:
    """The entries and facts of a cache; None if there is none, or not a whole one.

    Raises:
        InputError: it exists and may not be read.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL))
            tail = file.read()
            length = int.from_bytes(tail[:8], "little")
            if not tail.endswith(MAGIC) or length > size - _TAIL:
                return None
            file.seek(size - _TAIL - length)
            facts: dict[str, Any] = json.loads(file.read(length))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: {describe_os_error(error)}") from error
    return [Entry(*row) for row in facts.pop("pictures")], facts


class PhotographStore:
    """Some of the pictures of a cache, by number. Small to pickle: processes share the file."""

    def __init__(self, path: Path, entries: Sequence[Entry]) -> None:
        """Choose from a cache.

        Args:
            path: the cache file.
            entries: of the wanted pictures, in the wanted order.
        """
        self.path = path
        self._entries = tuple(entries)
        self._pixels: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, number: int) -> Rgb:
        """(h, w, 3) uint8 sRGB, read-only: a window on the file."""
        entry = self._entries[number]
        if self._pixels is None:
            self._pixels = np.memmap(self.path, np.uint8, "r")
        end = entry.offset + entry.height * entry.width * 3
        return self._pixels[entry.offset : end].reshape(entry.height, entry.width, 3)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pixels": None}  # else all of the file would be pickled

    def without(self, other: PhotographStore) -> PhotographStore:
        """The same, less the pictures that another store holds too, pixel for pixel."""
        known = {entry.digest for entry in other._entries}
        return PhotographStore(self.path, [e for e in self._entries if e.digest not in known])

    @property
    def names(self) -> list[str]:
        """What the pictures are called: source, path inside it, time in a film."""
        return [entry.name for entry in self._entries]

    @property
    def digest(self) -> str:
        """SHA-256 over names and pixels, in order: the same for the same pictures."""
        listed = [(entry.name, entry.digest) for entry in self._entries]
        return hashlib.sha256(json.dumps(listed).encode()).hexdigest()
