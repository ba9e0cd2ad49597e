"""Elements of Matroska files that FFmpeg does not return."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEGMENT = 0x18538067
"""ID of the element that contains all others of a film."""
_SIGNATURE = bytes.fromhex("1a45dfa3")
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
