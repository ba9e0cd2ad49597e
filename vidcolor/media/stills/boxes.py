"""Boxes of the ISO base media file format, the structure of JPEG 2000 and JPEG XL files."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterator


def iter_boxes(
    data: bytes, parents: Container[bytes] = (), start: int = 0, end: int | None = None
) -> Iterator[tuple[bytes, memoryview]]:
    """Yield type and content of the boxes in a range of `data`.

    Boxes of the types `parents` contain boxes, which are yielded in their place. Reading ends at a
    damaged box.
    """
    end = len(data) if end is None else end
    view = memoryview(data)
    while start + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, start)
        header = 8
        if size == 1 and start + 16 <= end:
            (size,) = struct.unpack_from(">Q", data, start + 8)
            header = 16
        stop = end if size == 0 else min(start + size, end)
        if stop < start + header:
            return
        if name in parents:
            yield from iter_boxes(data, parents, start + header, stop)
        else:
            yield name, view[start + header : stop]
        start = stop


def make_box(name: bytes, content: bytes) -> bytes:
    """Return a box of a type of four characters."""
    return struct.pack(">I4s", 8 + len(content), name) + content
