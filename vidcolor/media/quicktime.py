"""Tracks of MOV and MP4 files, of which FFmpeg returns only a part.

The structure is that of the "QuickTime File Format" (Apple) and ISO/IEC 14496-12.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from vidcolor.media.stills.boxes import iter_boxes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAX_HEADER_BYTES = 256 * 2**20
"""Maximum size of the box ``moov`` that is read."""
_PARENTS = (b"edts", b"mdia", b"minf", b"stbl")
_EMPTY_EDIT = -1
"""Media time of an edit that delays a track."""
_PLAYED_KINDS = ("vide", "soun")
"""Handlers of video and audio tracks."""


@dataclass(frozen=True, slots=True)
class Track:
    """A track of a MOV or MP4 file."""

    number: int
    """ID of the track, which is FFmpeg's `AVStream.id`."""
    kind: str
    """Type of the handler, such as ``vide``."""
    descriptions: bytes
    """Content of the box ``stsd``: the sample descriptions."""
    timescale: int
    """Ticks of the track per second."""
    edits: tuple[tuple[int, Fraction], ...]
    """Start in the track, in ticks, and speed of each entry of the edit list that shows samples."""

    @property
    def sample_format(self) -> str:
        """Type of the first sample description, such as ``avc1`` or ``tmcd``."""
        return self.descriptions[12:16].decode("latin-1").strip()


def iter_tracks(path: Path) -> Iterator[Track]:
    """Yield the tracks of a MOV or MP4 file; nothing for another file, or if it is damaged.

    Raises:
        OSError: the file cannot be read.
    """
    for name, content in iter_boxes(_read_header(path)):
        if name == b"trak":
            boxes: dict[bytes, bytes] = {}
            for child, value in iter_boxes(bytes(content), _PARENTS):
                boxes.setdefault(child, bytes(value))  # the second handler is that of the data
            try:
                yield _parse_track(boxes)
            except (KeyError, IndexError, struct.error):
                return


def _read_header(path: Path) -> bytes:
    """Return the content of the box ``moov``; empty if there is none, or if it is too large."""
    with path.open("rb") as file:
        file_size = file.seek(0, os.SEEK_END)
        file.seek(0)
        while len(head := file.read(16)) >= 8:
            size, name = struct.unpack_from(">I4s", head)
            start = 8
            if size == 1 and len(head) == 16:
                (size,), start = struct.unpack_from(">Q", head, 8), 16
            if name == b"moov" and start < size <= _MAX_HEADER_BYTES:
                file.seek(start - len(head), os.SEEK_CUR)
                return file.read(size - start)
            if not start <= size <= file_size:  # The last box, damage, or another format.
                break
            file.seek(size - len(head), os.SEEK_CUR)
    return b""


def _parse_track(boxes: dict[bytes, bytes]) -> Track:
    header, media_header = boxes[b"tkhd"], boxes[b"mdhd"]
    # Version 1 has times of 64 bits.
    (number,) = struct.unpack_from(">I", header, 20 if header[0] == 1 else 12)
    (timescale,) = struct.unpack_from(">I", media_header, 20 if media_header[0] == 1 else 12)
    return Track(
        number=number,
        kind=boxes[b"hdlr"][8:12].decode("latin-1"),
        descriptions=boxes[b"stsd"],
        timescale=timescale or 1,
        edits=tuple(_parse_edits(boxes.get(b"elst", bytes(8)))),
    )


def _parse_edits(edits: bytes) -> Iterator[tuple[int, Fraction]]:
    (count,) = struct.unpack_from(">I", edits, 4)
    layout = struct.Struct(">Qqi" if edits[0] == 1 else ">Iii")
    for number in range(count):
        _, start, speed = layout.unpack_from(edits, 8 + number * layout.size)
        if start != _EMPTY_EDIT:
            yield start, Fraction(speed, 1 << 16)


def describe_edit_speeds(path: Path) -> str | None:
    """Return a warning if the edit list plays a part at another speed, which FFmpeg ignores."""
    tracks = (track for track in iter_tracks(path) if track.kind in _PLAYED_KINDS)
    speeds = sorted({speed for track in tracks for _, speed in track.edits} - {1})
    if not speeds:
        return None
    listed = ", ".join(f"{float(speed):.4g}" for speed in speeds)
    return (
        f"not kept: the speed of parts of the edit list ({listed} instead of 1); frames may be "
        "missing or repeated; export the film again from the program that edited it"
    )
