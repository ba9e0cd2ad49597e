"""JPEG as segments and scans: metadata without a second decode, and luma without a second loss.

A gray JPEG is one scan of luma. Two more scans beside it make it a color JPEG; its own scan is
copied as it is, so luma comes out of any decoder bit for bit as before.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidcolor.media.stills.exif import parse_exif
from vidcolor.media.stills.types import StillMetadata

if TYPE_CHECKING:
    from collections.abc import Iterator

SOI, EOI, SOS, DQT, DHT, DRI, COM = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD, 0xFE
APP0, APP1, APP2, APP11, APP13, APP14 = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE
_FRAMES = {*range(0xC0, 0xD0)} - {DHT, 0xC8, 0xCC}
_HUFFMAN_FRAMES = (0xC0, 0xC1, 0xC2)
_MAX_PAYLOAD = 65533

_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
_PHOTOSHOP, _JFIF, _ADOBE = b"Photoshop 3.0\0", b"JFIF\0", b"Adobe"
_NEXT_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker and its payload; of a scan also the entropy-coded data after it."""

    marker: int
    payload: bytes
    scan: bytes = b""


@dataclass(frozen=True, slots=True)
class Frame:
    """What the frame header says."""

    marker: int
    precision: int
    height: int
    width: int
    component_ids: tuple[int, ...]
    luma_table: int
    """Number of the quantization table of the first component."""


def segments(data: bytes) -> Iterator[Segment]:
    """The segments of a JPEG file, to the end of its (first) picture.

    Raises:
        ValueError: the file is not built like a JPEG.
    """
    if data[:2] != b"\xff\xd8":
        raise ValueError("not a JPEG file")
    at = 2
    while at < len(data):
        if data[at] != 0xFF:
            raise ValueError("a JPEG marker is missing")
        while at < len(data) and data[at] == 0xFF:
            at += 1
        marker = data[at] if at < len(data) else EOI
        at += 1
        if marker == EOI:
            return
        (length,) = struct.unpack(">H", data[at : at + 2].ljust(2, b"\0"))
        if length < 2:
            raise ValueError("a JPEG segment is cut off")
        payload, at = data[at + 2 : at + length], at + length
        start = at
        if marker == SOS:
            found = _NEXT_MARKER.search(data, at)
            at = found.start() if found else len(data)
        yield Segment(marker, payload, data[start:at] if marker == SOS else b"")


def frame_of(parts: list[Segment]) -> Frame:
    """The frame header.

    Raises:
        ValueError: there is none.
    """
    header = next((s for s in parts if s.marker in _FRAMES), None)
    if header is None or len(header.payload) < 9:
        raise ValueError("a JPEG without a frame")
    precision, height, width, n = struct.unpack(">BHHB", header.payload[:6])
    ids = tuple(header.payload[6 : 6 + 3 * n : 3])
    return Frame(header.marker, precision, height, width, ids, header.payload[8])


def is_ycbcr(parts: list[Segment], ids: tuple[int, ...]) -> bool:
    """Whether three components are Y'CbCr, by the rules that libjpeg goes by."""
    app = {s.marker: s.payload for s in parts if s.marker in (APP0, APP14)}
    if app.get(APP0, b"").startswith(_JFIF):
        return True
    adobe = app.get(APP14, b"")
    if adobe.startswith(_ADOBE) and len(adobe) >= 12:
        return adobe[11] != 0
    return ids != tuple(b"RGB")


def metadata_of(parts: list[Segment]) -> tuple[StillMetadata, tuple[str, ...]]:
    """What the segments say besides pixels, and what of it will not survive."""
    exif = xmp = None
    icc: dict[int, bytes] = {}
    photoshop, density = b"", None
    others, lost = [], []
    for part in parts:
        body = part.payload
        if part.marker == APP1 and body.startswith(_EXIF) and exif is None:
            exif = body[len(_EXIF) :]
        elif part.marker == APP1 and body.startswith(_XMP) and xmp is None:
            xmp = body[len(_XMP) :]
        elif part.marker == APP2 and body.startswith(_ICC) and len(body) > 14:
            icc[body[12]] = body[14:]
        elif part.marker == APP13 and body.startswith(_PHOTOSHOP):
            photoshop += body[len(_PHOTOSHOP) :]
        elif part.marker == APP0:
            density = _jfif_dpi(body) or density
        elif part.marker == APP11 and body.startswith(b"JP"):
            lost.append("its content credentials (C2PA), which the change of pixels makes void")
        elif part.marker == APP2 and body.startswith(b"MPF\0"):
            lost.append("the further pictures in the file")
        elif (APP1 <= part.marker <= 0xEF and part.marker != APP14) or part.marker == COM:
            others.append((part.marker, body))
    metadata = StillMetadata(
        exif=exif,
        xmp=xmp,
        icc=b"".join(icc[k] for k in sorted(icc)) or None,
        dpi=density or _exif_dpi(exif),
        photoshop=photoshop or None,
        jpeg_segments=tuple(others),
    )
    return metadata, tuple(f"{what} cannot be kept" for what in dict.fromkeys(lost))


def with_metadata(jpeg: bytes, metadata: StillMetadata) -> tuple[bytes, tuple[str, ...]]:
    """An encoder's bare JPEG with metadata put in front, and what had no room there."""
    dots = metadata.dpi
    x, y = (max(1, min(65535, round(d))) for d in dots) if dots else (1, 1)
    out = [_segment(APP0, _JFIF + struct.pack(">HBHHBB", 0x102, 1 if dots else 0, x, y, 0, 0))]
    warnings = []
    for name, marker, prefix, body in (
        ("EXIF", APP1, _EXIF, metadata.exif),
        ("XMP", APP1, _XMP, metadata.xmp),
    ):
        if body and len(prefix) + len(body) > _MAX_PAYLOAD:
            warnings.append(f"JPEG has no room for {len(body)} bytes of {name}: left out")
        elif body:
            out.append(_segment(marker, prefix + body))
    out += _chunked(APP2, _ICC, metadata.icc, numbered=True)
    out += _chunked(APP13, _PHOTOSHOP, metadata.photoshop)
    out += [_segment(marker, body) for marker, body in metadata.jpeg_segments]
    body_at = next(i for i in _marker_positions(jpeg) if jpeg[i + 1] not in (APP0, APP14))
    return b"\xff\xd8" + b"".join(out) + jpeg[body_at:], tuple(warnings)


def join_scans(luma: bytes, cb: bytes, cr: bytes) -> bytes | None:
    """A 4:4:4 color JPEG from three gray ones; luma's coded data is copied as it is.

    Args:
        luma: a gray JPEG, Huffman coded, 8 bits.
        cb: a gray JPEG of the same size, progressive exactly if `luma` is.
        cr: the same, with the quantization table of `cb`.

    Returns:
        The file without metadata, or None if the coding of `luma` cannot be joined with others.
    """
    sources = [list(segments(data)) for data in (luma, cb, cr)]
    frame = frame_of(sources[0])
    tables = [_quantization(parts) for parts in sources]
    scans = [n for n, s in enumerate(sources[0]) if s.marker == SOS]
    late = sources[0][scans[0] if scans else 0 :]
    if not can_join(luma) or not scans or any(s.marker == DQT for s in late):
        return None
    y_slot = frame.luma_table
    c_slot = 1 if y_slot != 1 else 0
    chroma_table = tables[1].get(frame_of(sources[1]).luma_table)
    if y_slot not in tables[0] or chroma_table is None:
        return None
    out = [b"\xff\xd8", _table(y_slot, tables[0][y_slot]), _table(c_slot, chroma_table)]
    spec = b"".join(bytes([i, 0x11, y_slot if i == 1 else c_slot]) for i in (1, 2, 3))
    size = struct.pack(">BHHB", 8, frame.height, frame.width, 3)
    out.append(_segment(frame.marker, size + spec))
    for component, parts in enumerate(sources, start=1):
        out.append(_segment(DRI, b"\0\0"))
        for part in parts:
            if part.marker in (DHT, DRI):
                out.append(_segment(part.marker, part.payload))
            elif part.marker == SOS:
                selected = part.payload[:1] + bytes([component]) + part.payload[2:]
                out.append(_segment(SOS, selected) + part.scan)
    return b"".join(out) + b"\xff\xd9"


def can_join(luma: bytes) -> bool:
    """Whether the file is a gray, Huffman-coded 8-bit JPEG, whose scan others can join."""
    try:
        frame = frame_of(list(segments(luma)))
    except ValueError:
        return False
    usual = frame.marker in _HUFFMAN_FRAMES and frame.precision == 8 and frame.height > 0
    return usual and len(frame.component_ids) == 1


def is_progressive(jpeg: bytes) -> bool:
    """Whether the frame is coded in several passes."""
    return frame_of(list(segments(jpeg))).marker == 0xC2


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def _chunked(marker: int, prefix: bytes, body: bytes | None, numbered: bool = False) -> list[bytes]:
    """A body of any length, split over segments."""
    if not body:
        return []
    room = _MAX_PAYLOAD - len(prefix) - 2
    pieces = [body[i : i + room] for i in range(0, len(body), room)]
    return [
        _segment(marker, prefix + (bytes([k, len(pieces)]) if numbered else b"") + piece)
        for k, piece in enumerate(pieces, start=1)
    ]


def _marker_positions(jpeg: bytes) -> Iterator[int]:
    at = 2
    while at + 4 <= len(jpeg):
        yield at
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")


def _jfif_dpi(payload: bytes) -> tuple[float, float] | None:
    if not payload.startswith(_JFIF) or len(payload) < 12:
        return None
    unit, x, y = struct.unpack(">BHH", payload[7:12])
    scale = {1: 1.0, 2: 2.54}.get(unit)
    return (x * scale, y * scale) if scale and x and y else None


def _exif_dpi(exif: bytes | None) -> tuple[float, float] | None:
    try:
        return parse_exif(exif).dpi if exif else None
    except (ValueError, struct.error):
        return None


def _quantization(parts: list[Segment]) -> dict[int, bytes]:
    """Table number -> precision byte and steps, as stored; in force at the first scan."""
    tables = {}
    for part in parts:
        if part.marker == SOS:
            break
        at = 0
        while part.marker == DQT and at < len(part.payload):
            wide = part.payload[at] >> 4
            size = 128 if wide else 64
            tables[part.payload[at] & 15] = part.payload[at : at + 1 + size]
            at += 1 + size
    return tables


def _table(slot: int, table: bytes) -> bytes:
    return _segment(DQT, bytes([table[0] & 0xF0 | slot]) + table[1:])
