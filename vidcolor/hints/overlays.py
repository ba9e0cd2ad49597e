"""The overlays of a film: the color that hints and references give to its frames, in one file.

Every frame of a shot with hints has an overlay. It is rounded and compressed, because overlays are
many, smooth, and mostly empty.
"""

from __future__ import annotations

import math
import os
import zlib
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

import numpy as np

from vidcolor.errors import InputError
from vidcolor.imaging.overlay import ColorOverlay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vidcolor.imaging.types import FloatArray

OVERLAYS_FILE = "overlays.bin"
"""Name of the file in a work directory."""
MIN_ALPHA = 0.02
"""Minimum of the maximum alpha of an overlay, 0-1. Below it, a frame has no overlay."""
AB_STEP = np.float32(0.125)
"""Step of the stored color, in a*b* units."""
_COMPRESSION_LEVEL = 1
_BLOCK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class LostHint:
    """Frames of a shot in which the object of a hint is not found."""

    hint: str
    """Name of the first hint of the object."""
    first_frame: int
    """Index of the first frame, counted from the first frame that is colorized."""
    last_frame: int
    """Index of the last frame."""
    start_s: float
    """Time of the first frame, in seconds from the start of the film."""
    end_s: float
    """Time of the last frame."""

    def __str__(self) -> str:
        """Return a warning for the user."""
        return (
            f"{self.hint}: its object is not found in frames {self.first_frame} to "
            f"{self.last_frame} ({self.start_s:.2f} to {self.end_s:.2f} s), which keep their "
            "automatic color; add a hint there if it is visible"
        )


@dataclass(frozen=True, slots=True)
class OverlayIndex:
    """The index of the overlays in `OVERLAYS_FILE`."""

    shape: tuple[int, ...]
    """Height and width of the overlays."""
    records: dict[int, tuple[int, int]]
    """Offset and size in bytes of the overlay of each frame, by frame index."""
    lost: tuple[LostHint, ...] = ()
    """Intervals in which objects of hints are not found."""

    def open(self, folder: Path) -> OverlayReader:
        """Open the file in a directory. The caller closes the reader.

        Raises:
            OSError: the file is missing.
        """
        return OverlayReader((folder / OVERLAYS_FILE).open("rb"), self)


@dataclass(frozen=True, slots=True)
class OverlayReader:
    """Reads overlays: an `OverlaySource`."""

    file: IO[bytes]
    index: OverlayIndex

    def get(self, frame_index: int) -> ColorOverlay | None:
        """Return the overlay of an upright frame, or None if it has none.

        Raises:
            InputError: the file is damaged.
        """
        record = self.index.records.get(frame_index)
        if record is None:
            return None
        offset, size = record
        self.file.seek(offset)
        try:
            data = zlib.decompress(self.file.read(size))
            split = 2 * 2 * math.prod(self.index.shape)  # two planes of two bytes
            ab = np.frombuffer(data[:split], "<i2").reshape(2, *self.index.shape)
            alpha = np.frombuffer(data[split:], np.uint8).reshape(self.index.shape)
        except (zlib.error, ValueError):
            raise InputError(
                f"{self.file.name}: damaged at frame {frame_index}; delete the work directory and "
                "start again"
            ) from None
        color: FloatArray = ab.astype(np.float32) * AB_STEP
        return ColorOverlay(color, alpha.astype(np.float32) / np.float32(255))

    def close(self) -> None:
        """Close the file."""
        self.file.close()


@dataclass(slots=True)
class OverlayWriter:
    """Writes overlays of one size to an empty binary file, which can also be read."""

    file: IO[bytes]
    shape: tuple[int, ...] = ()
    """Height and width of the overlays; empty before the first one."""
    records: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Offset and size in bytes of the overlay of each frame, by frame index."""
    end: int = 0
    """Size of the file in bytes."""

    def append(self, frame_index: int, overlay: ColorOverlay) -> None:
        """Append the overlay of an upright frame, unless it is empty.

        Color is rounded to `AB_STEP`, and alpha to 8 bits.
        """
        self.shape = self.shape or overlay.alpha.shape
        assert overlay.alpha.shape == self.shape
        if float(overlay.alpha.max()) < MIN_ALPHA:
            return
        alpha = np.rint(np.clip(overlay.alpha, 0, 1) * 255).astype(np.uint8)
        ab = np.rint(np.clip(overlay.ab, -127, 127) / AB_STEP).astype("<i2")
        ab[:, alpha == 0] = 0  # compresses better
        data = zlib.compress(ab.tobytes() + alpha.tobytes(), _COMPRESSION_LEVEL)
        self.file.write(data)
        self.records[frame_index] = self.end, len(data)
        self.end += len(data)

    def append_file(
        self, source: IO[bytes], shape: tuple[int, ...], sizes: Sequence[tuple[int, int]]
    ) -> None:
        """Append overlays from another file, which follow each other from its current position.

        Args:
            source: the file.
            shape: height and width of the overlays; empty if there are none.
            sizes: index and size in bytes of the overlay of each frame, in the order of the file.
        """
        self.shape = self.shape or shape
        assert shape in ((), self.shape)
        for frame_index, size in sizes:
            self.file.write(source.read(size))
            self.records[frame_index] = self.end, size
            self.end += size

    def read(self, start: int) -> Iterator[bytes]:
        """Yield the content of the file from an offset in blocks; nothing is appended meanwhile."""
        self.file.seek(start)
        while block := self.file.read(_BLOCK_BYTES):
            yield block

    def finish(self, lost: Sequence[LostHint] = ()) -> OverlayIndex:
        """Write everything to the disk, so that it survives a power failure; return the index."""
        self.file.flush()
        os.fsync(self.file.fileno())
        return OverlayIndex(self.shape, self.records, tuple(lost))
