"""TIFF directories as raw entries: what EXIF is made of, and what a TIFF file says of itself.

Values are never interpreted, so that what is unknown to us survives. What moves is kept byte for
byte, but offsets *inside* a MakerNote cannot be known; EXIF that stays EXIF is not taken apart.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Reader = Callable[[int, int], bytes]

Order = Literal["<", ">"]

IMAGE_DESCRIPTION, SOFTWARE, ORIENTATION = 270, 305, 274
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
XMP, IPTC, PHOTOSHOP, ICC = 700, 33723, 34377, 34675
EXIF_IFD, GPS_IFD, INTEROP_IFD = 34665, 34853, 40965
_DIRECTORIES = {EXIF_IFD, GPS_IFD, INTEROP_IFD}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8, 17: 8}
_MAX_VALUE = 256 << 20

STRUCTURE = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284}
    | {288, 289, 290, 291, 292, 293, 300, 301, 317, 320, 321, 322, 323, 324, 325, 326, 327, 328}
    | {330, 332, 333, 334, 336, 338, 339, 340, 341, 342, 343, 344, 345, 346, 347, 351, 434, 435}
    | {512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 559, 34016, 37724, 50341}
)
"""Tags that describe how the pixels are stored (or Photoshop's layers): void in a new file."""


class Entry(NamedTuple):
    """One tag: its value as stored, in the directory's byte order."""

    tag: int
    kind: int
    number: int
    value: bytes


@dataclass(slots=True)
class Directory:
    """A TIFF directory and those that it points to."""

    order: Order
    """``<`` or ``>``, as in `struct`."""
    entries: dict[int, Entry] = field(default_factory=dict)
    children: dict[int, Directory] = field(default_factory=dict)

    def number(self, tag: int) -> int | None:
        """The value of a tag that holds one SHORT or LONG."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in (3, 4) or entry.number != 1:
            return None
        code = "H" if entry.kind == 3 else "I"
        return int(struct.unpack(self.order + code, entry.value)[0])

    def add(self, tag: int, kind: int, *numbers: int) -> None:
        """Set a tag of SHORTs (3), LONGs (4) or RATIONALs (5, numerator then denominator)."""
        code = "H" if kind == 3 else "I"
        value = struct.pack(f"{self.order}{len(numbers)}{code}", *numbers)
        count = len(numbers) // 2 if kind == 5 else len(numbers)
        self.entries[tag] = Entry(tag, kind, count, value)

    def add_bytes(self, tag: int, kind: int, value: bytes) -> None:
        """Set a tag of BYTEs (1), ASCII (2) or UNDEFINED (7)."""
        self.entries[tag] = Entry(tag, kind, len(value), value)

    def rational(self, tag: int) -> float | None:
        """The value of a tag that holds one RATIONAL."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind != 5 or entry.number != 1:
            return None
        above, below = struct.unpack(self.order + "II", entry.value)
        return above / below if below else None

    @property
    def dpi(self) -> tuple[float, float] | None:
        """Resolution in dots per inch, if it is given with a unit."""
        x, y, unit = (
            self.rational(X_RESOLUTION),
            self.rational(Y_RESOLUTION),
            self.number(RESOLUTION_UNIT) or 2,
        )
        if not x or not y or unit not in (2, 3):
            return None
        scale = 2.54 if unit == 3 else 1.0
        return x * scale, y * scale


def read_directory(read: Reader) -> Directory:
    """The first directory of a TIFF, BigTIFF or EXIF block.

    Args:
        read: gives `n` bytes from an offset: ``read(offset, n)``; fewer at the end.

    Raises:
        ValueError: it is not a TIFF structure. Single broken entries are left out instead.
    """
    head = read(0, 16)
    orders: dict[bytes, Order] = {b"II": "<", b"MM": ">"}
    order = orders.get(head[:2])
    if order is None or len(head) < 8:
        raise ValueError("not a TIFF structure")
    big = struct.unpack(order + "H", head[2:4])[0] == 43
    offset = (
        struct.unpack(order + "Q", head[8:16]) if big else struct.unpack(order + "I", head[4:8])
    )
    return _directory(read, order, big, offset[0], depth=0)


def parse_exif(blob: bytes) -> Directory:
    """`read_directory` of bytes in memory."""
    return read_directory(lambda offset, n: blob[offset : offset + n])


def turns_of_orientation(orientation: int) -> int:
    """Counter-clockwise quarter turns that bring the top up; mirroring is ignored."""
    return {3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}.get(orientation, 0)


def orientation_of(exif: bytes | None) -> int:
    """EXIF orientation 1-8; 1 where it is missing or nonsense."""
    try:
        value = parse_exif(exif).number(ORIENTATION) if exif else None
    except (ValueError, struct.error):
        return 1
    return value if value is not None and 1 <= value <= 8 else 1


def _directory(read: Reader, order: Order, big: bool, offset: int, depth: int) -> Directory:
    found = Directory(order)
    n_size, size, inline = (8, 20, 8) if big else (2, 12, 4)
    head = read(offset, n_size)
    if len(head) < n_size:
        raise ValueError("the directory lies outside the file")
    count = int(struct.unpack(order + ("Q" if big else "H"), head)[0])
    table = read(offset + n_size, min(count, 65536) * size)
    for i in range(0, len(table) - size + 1, size):
        tag, kind = struct.unpack(order + "HH", table[i : i + 4])
        number = int(struct.unpack(order + ("Q" if big else "I"), table[i + 4 : i + 4 + inline])[0])
        field_ = table[i + 4 + inline : i + size]
        length = number * _SIZES.get(kind, 0)
        if not 0 < length <= _MAX_VALUE and tag not in _DIRECTORIES:
            continue
        at = int(struct.unpack(order + ("Q" if big else "I"), field_)[0])
        if tag in _DIRECTORIES:
            if depth < 2 and _readable(read, at, n_size):
                found.children[tag] = _directory(read, order, big, at, depth + 1)
            continue
        value = field_[:length] if length <= inline else read(at, length)
        if len(value) == length:
            found.entries[tag] = Entry(tag, kind, number, value)
    return found


def _readable(read: Reader, offset: int, n: int) -> bool:
    return offset > 0 and len(read(offset, n)) == n


def directory_bytes(directory: Directory, offset: int) -> bytes:
    """The directory with its values and children, as it stands at `offset` of a file.

    BigTIFF's 8-byte integers are left out: a classic TIFF has no type for them.
    """
    rows: list[tuple[int, int, int, bytes]] = [
        (e.tag, e.kind, e.number, e.value) for e in directory.entries.values() if e.kind < 16
    ]
    heap_at = offset + 2 + 12 * (len(rows) + len(directory.children)) + 4
    heap = bytearray()
    for tag, child in directory.children.items():
        at = heap_at + len(heap)
        rows.append((tag, 4, 1, struct.pack(directory.order + "I", at)))
        heap += _even(directory_bytes(child, at))
    table = bytearray(struct.pack(directory.order + "H", len(rows)))
    for tag, kind, count, value in sorted(rows):
        if len(value) > 4:
            pointer = struct.pack(directory.order + "I", heap_at + len(heap))
            heap += _even(value)
            value = pointer
        table += struct.pack(directory.order + "HHI", tag, kind, count) + value.ljust(4, b"\0")
    return bytes(table) + bytes(4) + bytes(heap)


def exif_bytes(directory: Directory) -> bytes:
    """An EXIF block of its own, without the ``Exif\\0\\0`` in front."""
    return tiff_header(directory.order, 8) + directory_bytes(directory, 8)


def tiff_header(order: Order, offset: int) -> bytes:
    """The first 8 bytes of a TIFF whose directory is at `offset`."""
    return (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, offset)


def without(directory: Directory, tags: Iterable[int]) -> Directory:
    """A copy that lacks some of the entries."""
    dropped = frozenset(tags)
    kept = {t: e for t, e in directory.entries.items() if t not in dropped}
    return Directory(directory.order, kept, dict(directory.children))


def _even(value: bytes) -> bytes:
    return value + b"\0" * (len(value) % 2)
