"""TIFF directories as raw entries: the structure of EXIF, and the tags of a TIFF file.

EXIF must survive byte for byte, and libraries decode and rewrite it. Therefore directories are
parsed and encoded here. Values are not interpreted, so unknown tags survive. Values that move are
copied byte for byte, but offsets inside a MakerNote cannot be adjusted. Therefore an EXIF block is
rebuilt only if it is read from or written to a TIFF file, whose directory it shares.

Tag numbers and field types follow TIFF 6.0 (Adobe, 1992), the BigTIFF extension, and Exif 2.32
(CIPA DC-008).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    Reader = Callable[[int, int], bytes]
    """Returns ``n`` bytes at an offset: ``read(offset, n)``; fewer at the end of the file."""

ByteOrder = Literal["<", ">"]
"""Little-endian or big-endian, as in `struct`."""

DESCRIPTION = 270
"""Tag of the ImageDescription."""
ORIENTATION = 274
"""Tag of the orientation, 1-8."""
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
"""Tags of the resolution and of its unit: 2 for inches, 3 for centimeters."""
XMP, IPTC, PHOTOSHOP, ICC = 700, 33723, 34377, 34675
"""Tags of metadata blocks in a TIFF file."""
EXIF_IFD, GPS_IFD, INTEROP_IFD = 34665, 34853, 40965
"""Tags whose value is the offset of a child directory."""
_CHILD_TAGS = {EXIF_IFD, GPS_IFD, INTEROP_IFD}
_TYPE_SIZES = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8, 17: 8
}  # fmt: skip
"""Size of one value in bytes, by field type."""
_MAX_VALUE_BYTES = 256 << 20
"""Maximum size of the value of an entry, in bytes. Entries with larger values are skipped."""
_MAX_ENTRIES = 65536
"""Maximum number of entries that are read from a directory. Further entries are ignored."""
_MAX_DEPTH = 2
"""Maximum depth of child directories. Deeper ones are ignored, so reading ends even in a cycle."""

LAYOUT_TAGS = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284}
    | {288, 289, 290, 291, 292, 293, 300, 301, 317, 320, 321, 322, 323, 324, 325, 326, 327, 328}
    | {330, 332, 333, 334, 336, 338, 339, 340, 341, 342, 343, 344, 345, 346, 347, 351, 434, 435}
    | {512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 559, 34016, 37724, 50341}
    | {32995, 32996, 32997, 32998, 50838, 50839}
)
"""Tags that describe how pixels are stored, Photoshop layers and stacks of ImageJ. They are not
copied, because they do not apply to a new file."""


class Entry(NamedTuple):
    """One tag with its value as stored, in the directory's byte order."""

    tag: int
    kind: int
    """TIFF field type, such as 2 for ASCII and 3 for SHORT."""
    num_values: int
    """Number of values of this type, not of bytes."""
    value: bytes
    """All values, also those that the file stores outside the directory."""


@dataclass(slots=True)
class Directory:
    """A TIFF directory (IFD) and its child directories."""

    order: ByteOrder
    entries: dict[int, Entry] = field(default_factory=dict)
    children: dict[int, Directory] = field(default_factory=dict)
    """Child directories by the tag that refers to them."""

    def get_integer(self, tag: int) -> int | None:
        """Return the value of a tag that holds one SHORT or LONG; else None."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in (3, 4) or entry.num_values != 1:
            return None
        code = "H" if entry.kind == 3 else "I"
        return int(struct.unpack(self.order + code, entry.value)[0])

    def get_rational(self, tag: int) -> float | None:
        """Return the value of a tag that holds one RATIONAL; None if missing or divided by 0."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind != 5 or entry.num_values != 1:
            return None
        numerator, denominator = struct.unpack(self.order + "II", entry.value)
        return numerator / denominator if denominator else None

    def set_numbers(self, tag: int, kind: int, *numbers: int) -> None:
        """Set a tag to numbers of the field type 3 (SHORT), 4 (LONG) or 5 (RATIONAL).

        A RATIONAL is given as numerator and denominator.
        """
        code = "H" if kind == 3 else "I"
        value = struct.pack(f"{self.order}{len(numbers)}{code}", *numbers)
        count = len(numbers) // 2 if kind == 5 else len(numbers)
        self.entries[tag] = Entry(tag, kind, count, value)

    def set_bytes(self, tag: int, kind: int, value: bytes) -> None:
        """Set a tag to bytes; `kind` is 1 (BYTE), 2 (ASCII) or 7 (UNDEFINED)."""
        self.entries[tag] = Entry(tag, kind, len(value), value)

    def set_dpi(self, dpi: tuple[float, float]) -> None:
        """Set the tags of the resolution, with three decimals."""
        for tag, value in zip((X_RESOLUTION, Y_RESOLUTION), dpi, strict=True):
            self.set_numbers(tag, 5, round(value * 1000), 1000)
        self.set_numbers(RESOLUTION_UNIT, 3, 2)

    @property
    def dpi(self) -> tuple[float, float] | None:
        """Horizontal and vertical resolution in dots per inch; None without a valid unit."""
        x, y = self.get_rational(X_RESOLUTION), self.get_rational(Y_RESOLUTION)
        unit = self.get_integer(RESOLUTION_UNIT) or 2  # TIFF 6.0: the default is inches
        if not x or not y or unit not in (2, 3):
            return None
        scale = 2.54 if unit == 3 else 1.0
        return x * scale, y * scale


def read_directory(read: Reader, offset: int | None = None) -> Directory:
    """Read the first directory of a TIFF, BigTIFF or EXIF block, or the one at an offset.

    Raises:
        ValueError: the data is not a TIFF structure. Single broken entries are skipped.
    """
    head = read(0, 16)
    orders: dict[bytes, ByteOrder] = {b"II": "<", b"MM": ">"}
    order = orders.get(head[:2])
    if order is None or len(head) < 8:
        raise ValueError("not a TIFF structure")
    big = struct.unpack(order + "H", head[2:4])[0] == 43  # BigTIFF; 42 is TIFF
    if offset is None:
        (offset,) = (
            struct.unpack(order + "Q", head[8:]) if big else struct.unpack(order + "I", head[4:8])
        )
    return _read_directory_at(read, order, big, offset, depth=0)


def parse_exif(data: bytes | None) -> Directory:
    """Parse an EXIF block without its ``Exif\\0\\0`` prefix; empty if missing or broken."""
    block = data or b""
    try:
        return read_directory(lambda offset, n: block[offset : offset + n])
    except (ValueError, struct.error):
        return Directory("<")


def read_orientation(exif: bytes | None) -> int:
    """Return the EXIF orientation, 1-8; 1 if it is missing or invalid."""
    value = parse_exif(exif).get_integer(ORIENTATION)
    return value if value is not None and 1 <= value <= 8 else 1


def reset_orientation(exif: bytes) -> bytes:
    """Return an EXIF block with the orientation 1, otherwise byte for byte the same."""
    if read_orientation(exif) == 1:
        return exif
    order = "<" if exif[:2] == b"II" else ">"
    (offset,) = struct.unpack_from(order + "I", exif, 4)
    (num_entries,) = struct.unpack_from(order + "H", exif, offset)
    out = bytearray(exif)
    for at in range(offset + 2, offset + 2 + 12 * num_entries, 12):
        if struct.unpack_from(order + "H", exif, at)[0] == ORIENTATION:
            kind = struct.unpack_from(order + "H", exif, at + 2)[0]
            struct.pack_into(order + ("H" if kind == 3 else "I"), out, at + 8, 1)
    return bytes(out)


def move_resolution(
    exif: bytes | None, dpi: tuple[float, float] | None
) -> tuple[bytes | None, tuple[float, float] | None]:
    """Store a resolution in EXIF; return the EXIF block, and the resolution if that fails.

    It fails if there is a block without a resolution, which cannot be rebuilt.
    """
    if dpi is None or parse_exif(exif).dpi:
        return exif, None
    if exif is not None:
        return exif, dpi
    directory = Directory("<")
    directory.set_dpi(dpi)
    return encode_exif(directory), None


def _read_directory_at(
    read: Reader, order: ByteOrder, big: bool, offset: int, depth: int
) -> Directory:
    """Read the directory at an offset; `big` means BigTIFF, with 64-bit counts and offsets."""
    directory = Directory(order)
    count_size, entry_size, inline = (8, 20, 8) if big else (2, 12, 4)
    head = read(offset, count_size)
    if len(head) < count_size:
        raise ValueError("the directory lies outside the file")
    num_entries = int(struct.unpack(order + ("Q" if big else "H"), head)[0])
    word = order + ("Q" if big else "I")
    table = read(offset + count_size, min(num_entries, _MAX_ENTRIES) * entry_size)
    for i in range(0, len(table) - entry_size + 1, entry_size):
        tag, kind = struct.unpack(order + "HH", table[i : i + 4])
        count = int(struct.unpack(word, table[i + 4 : i + 4 + inline])[0])
        stored = table[i + 4 + inline : i + entry_size]
        length = count * _TYPE_SIZES.get(kind, 0)
        if not 0 < length <= _MAX_VALUE_BYTES and tag not in _CHILD_TAGS:
            continue
        at = int(struct.unpack(word, stored)[0])
        if tag in _CHILD_TAGS:
            if depth < _MAX_DEPTH and at > 0 and len(read(at, count_size)) == count_size:
                directory.children[tag] = _read_directory_at(read, order, big, at, depth + 1)
            continue
        # Values that fit into the entry are stored there instead of an offset.
        value = stored[:length] if length <= inline else read(at, length)
        if len(value) == length:
            # Of a tag that is given twice, readers use the first.
            directory.entries.setdefault(tag, Entry(tag, kind, count, value))
    return directory


def encode_directory(directory: Directory, offset: int) -> bytes:
    """Encode a directory with its values and children for an offset in a classic TIFF.

    The 8-byte integers of BigTIFF are left out, because classic TIFF has no type for them.
    """
    rows: list[tuple[int, int, int, bytes]] = [
        (e.tag, e.kind, e.num_values, e.value) for e in directory.entries.values() if e.kind < 16
    ]
    # The values that do not fit into an entry follow the directory.
    heap_offset = offset + 2 + 12 * (len(rows) + len(directory.children)) + 4
    heap = bytearray()
    for tag, child in directory.children.items():
        at = heap_offset + len(heap)
        rows.append((tag, 4, 1, struct.pack(directory.order + "I", at)))
        heap += pad_to_even(encode_directory(child, at))
    table = bytearray(struct.pack(directory.order + "H", len(rows)))
    for tag, kind, count, value in sorted(rows):
        if len(value) > 4:
            pointer = struct.pack(directory.order + "I", heap_offset + len(heap))
            heap += pad_to_even(value)
            value = pointer
        table += struct.pack(directory.order + "HHI", tag, kind, count) + value.ljust(4, b"\0")
    return bytes(table) + bytes(4) + bytes(heap)


def encode_exif(directory: Directory) -> bytes:
    """Encode an EXIF block without the ``Exif\\0\\0`` prefix."""
    return encode_tiff_header(directory.order, 8) + encode_directory(directory, 8)


def encode_tiff_header(order: ByteOrder, offset: int) -> bytes:
    """Return the first 8 bytes of a TIFF file whose directory is at `offset`, in bytes."""
    return (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, offset)


def remove_tags(directory: Directory, tags: Container[int]) -> Directory:
    """Return a copy of a directory without the entries with these tags."""
    kept = {t: e for t, e in directory.entries.items() if t not in tags}
    return Directory(directory.order, kept, dict(directory.children))


def pad_to_even(value: bytes) -> bytes:
    """Append a null byte to a value of odd size: TIFF 6.0 requires even offsets."""
    return value + b"\0" * (len(value) % 2)
