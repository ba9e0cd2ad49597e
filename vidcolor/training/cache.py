"""A memory-mapped file of decoded photographs, shared by all processes.

The file contains the pixels of all images (uint8, interleaved R, G, B), a JSON index, the length of
the index (8 bytes, little-endian) and `MAGIC`. It is renamed to its final name when it is complete.
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

    from vidcolor.imaging.types import Rgb

MAGIC = b"vcphoto2"
"""Last bytes of the file; the last digit is the version of the format."""
_TAIL = 8 + len(MAGIC)
"""Size of the length of the index and of `MAGIC`, in bytes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Index entry of one image."""

    name: str
    source: int
    """Number of the source that contains the image."""
    offset: int
    """Offset of the pixels in the file, in bytes."""
    height: int
    width: int
    digest: str
    """64-bit BLAKE2b of the pixels in hexadecimal."""
    held_out: bool = False
    """Whether the image is for validation."""


class CacheWriter:
    """Writes the pixels of images, then the index."""

    def __init__(self, file: BinaryIO) -> None:
        """Write to an empty file, which the caller closes."""
        self._file = file
        self._offset = 0

    def add(self, name: str, source: int, rgb: Rgb) -> Entry:
        """Append an image.

        Args:
            name: name of the image in reports.
            source: number of its source.
            rgb: (h, w, 3) uint8 sRGB, contiguous.

        Returns:
            Its index entry, for `finish`.
        """
        pixels = rgb.tobytes()
        self._file.write(pixels)
        digest = hashlib.blake2b(pixels, digest_size=8).hexdigest()
        entry = Entry(name, source, self._offset, rgb.shape[0], rgb.shape[1], digest)
        self._offset += len(pixels)
        return entry

    def finish(self, entries: Sequence[Entry], metadata: dict[str, Any]) -> None:
        """Append the index, which completes the file.

        Args:
            entries: index entries of the images.
            metadata: additional JSON values, stored in the index.
        """
        index = json.dumps({"images": [list(asdict(e).values()) for e in entries], **metadata})
        content = index.encode()
        self._file.write(content + len(content).to_bytes(8, "little") + MAGIC)


def read_index(path: Path) -> tuple[list[Entry], dict[str, Any]] | None:
    """Return the entries and the metadata of a cache; None if it is missing or incomplete.

    Raises:
        InputError: the file exists but cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL))
            tail = file.read()
            length = int.from_bytes(tail[:8], "little")
            # The tail is written last, so a file without it is incomplete.
            if not tail.endswith(MAGIC) or length > size - _TAIL:
                return None
            file.seek(size - _TAIL - length)
            index: dict[str, Any] = json.loads(file.read(length))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: {describe_os_error(error)}") from error
    return [Entry(*row) for row in index.pop("images")], index


class PhotoStore:
    """A selection of the images of a cache, by number.

    Pickling it does not copy pixels; all processes map the same file.
    """

    def __init__(self, path: Path, entries: Sequence[Entry]) -> None:
        """Select images of a cache.

        Args:
            path: the cache file.
            entries: entries of the selected images, in order.
        """
        self.path = path
        self._entries = tuple(entries)
        self._pixels: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, number: int) -> Rgb:
        """Return an image as a read-only view of the file, (h, w, 3) uint8 sRGB."""
        entry = self._entries[number]
        # Each process opens its own map, also after unpickling.
        if self._pixels is None:
            self._pixels = np.memmap(self.path, np.uint8, "r")
        end = entry.offset + entry.height * entry.width * 3
        return self._pixels[entry.offset : end].reshape(entry.height, entry.width, 3)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pixels": None}  # pickling a memmap copies the whole file

    def without(self, other: PhotoStore) -> PhotoStore:
        """Return the store without images whose pixels are also in another store."""
        excluded = {entry.digest for entry in other._entries}
        return PhotoStore(self.path, [e for e in self._entries if e.digest not in excluded])

    @property
    def names(self) -> list[str]:
        """Names of the images, for example ``album/3.jpg`` or ``reel.mp4 at 12.50 s``."""
        return [entry.name for entry in self._entries]

    @property
    def digest(self) -> str:
        """SHA-256 over the names and pixel digests of all images, in order."""
        listed = [(entry.name, entry.digest) for entry in self._entries]
        return hashlib.sha256(json.dumps(listed).encode()).hexdigest()
