"""Elements of Matroska files that FFmpeg does not return."""

from __future__ import annotations

import mmap
import os
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEGMENT = 0x18538067
"""ID of the element that contains all others of a film."""
_SIGNATURE = bytes.fromhex("1a45dfa3")
_DOC_TYPES = (b"matroska", b"webm")
_MAX_DOC_TYPE_OFFSET = 64
"""Maximum number of bytes from the signature to the end of the document type."""
_UNKNOWN_SIZE_END = b"\xff"
"""Last byte of the size of a segment that a live recording left open."""
_CHAPTERS, _EDITION, _ORDERED = 0x1043A770, 0x45B9, 0x45DD
"""IDs of chapters, of an edition, and of its flag (RFC 9559, section 5.1.7)."""


class Element(NamedTuple):
    """An element of Matroska: its ID, and the part of the file that its payload covers."""

    name: int
    start: int
    end: int


def iter_elements(file: BinaryIO, start: int, end: int, *names: int) -> Iterator[Element]:
    """Yield the elements of some names in a part of a Matroska file (RFC 8794)."""
    position = start
    while position < end:
        file.seek(position)
        header = file.read(12)
        id_length = 9 - header[0].bit_length()
        size_length = 9 - header[id_length].bit_length()
        name = int.from_bytes(header[:id_length])
        start = position + id_length + size_length
        size = int.from_bytes(header[id_length : id_length + size_length])
        size &= (1 << 7 * size_length) - 1
        # A size of ones is unknown. Such elements end with their parent.
        is_unknown = size == (1 << 7 * size_length) - 1
        position = end if is_unknown else min(end, start + size)
        if name in names:
            yield Element(name, start, position)


def is_chained(path: Path) -> bool:
    """Return whether a file consists of several files in a row, each with its own clock.

    Programs that record a stream in parts join them in this way.
    """
    status = path.stat()
    return _has_several_segments(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _has_several_segments(path: Path, file_size: int, _modified_ns: int) -> bool:
    with path.open("rb") as file:
        if file.read(len(_SIGNATURE)) != _SIGNATURE:
            return False
        try:
            segments = [*iter_elements(file, 0, file_size, SEGMENT)]
        except IndexError:  # The file is damaged.
            return False
        if len(segments) != 1 or segments[0].end < file_size:
            return len(segments) > 1
        file.seek(segments[0].start - 1)
        return file.read(1) == _UNKNOWN_SIZE_END and _contains_header(file, segments[0].start)


def _contains_header(file: BinaryIO, start: int) -> bool:
    """Return whether another file begins in an open segment whose content begins at `start`."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        position = data.find(_SIGNATURE, start)
        while position >= 0:
            head = data[position : position + _MAX_DOC_TYPE_OFFSET]
            if any(doc_type in head for doc_type in _DOC_TYPES):
                return True
            position = data.find(_SIGNATURE, position + 1)
    return False


def describe_ordered_chapters(path: Path) -> str | None:
    """Return a warning if chapters define what a player shows, in which order, as some files do.

    FFmpeg reads such a film in the order of the file, and without the other files that the
    chapters may name.
    """
    with path.open("rb") as file:
        is_matroska = file.read(len(_SIGNATURE)) == _SIGNATURE
        try:
            has_ordered = is_matroska and any(_read_ordered_flags(file))
        except IndexError:  # The file is damaged.
            return None
    if not has_ordered:
        return None
    return (
        "not kept: the order of ordered chapters; the film is colorized in the order of the file, "
        "without other files that the chapters name"
    )


def _read_ordered_flags(file: BinaryIO) -> Iterator[bool]:
    """Yield the flag of each edition that has one."""
    file_end = file.seek(0, os.SEEK_END)
    for segment in iter_elements(file, 0, file_end, SEGMENT):
        for chapters in iter_elements(file, segment.start, segment.end, _CHAPTERS):
            for edition in iter_elements(file, chapters.start, chapters.end, _EDITION):
                for flag in iter_elements(file, edition.start, edition.end, _ORDERED):
                    file.seek(flag.start)
                    yield any(file.read(min(8, flag.end - flag.start)))
