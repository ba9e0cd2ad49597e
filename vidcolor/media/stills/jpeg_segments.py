"""JPEG at the byte level: segments, scans and metadata, without decoding pixels.

A gray JPEG contains only scans of luma. Scans of Cb and Cr make it a color JPEG. The luma scans are
copied unchanged, so every decoder returns the same luma as before. No library joins scans of
several files, so it is done here. Metadata segments are copied byte for byte for the same reason.

Markers and scans follow ITU-T T.81 (table B.1), JFIF follows ITU-T T.871, EXIF follows CIPA DC-008,
and XMP, ICC and Photoshop segments follow the XMP specification, part 3, and ICC.1.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NamedTuple

from vidcolor.media.stills.exif import parse_exif
from vidcolor.media.stills.types import StillMetadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidcolor.media.stills.types import EncodedStill

OTHER_IMAGES_WARNING = "the other images in the file are not kept"
_PADDING = b"\0\xff\r\n "
SOI, EOI, SOS, DQT, DHT, DRI, COM = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD, 0xFE
APP0, APP1, APP2, APP11, APP13, APP14, APP15 = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE, 0xEF
BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2
"""Second bytes of markers, named as in ITU-T T.81, table B.1."""
LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
"""Start-of-frame markers of lossless coding processes."""
_FRAME_MARKERS = {*range(0xC0, 0xD0)} - {DHT, 0xC8, 0xCC}
"""Start-of-frame markers of all coding processes."""
_MAX_PAYLOAD = 65533
"""Maximum size of the payload of a segment, in bytes: 65535 minus the length field."""

_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
_PHOTOSHOP, _JFIF, _ADOBE = b"Photoshop 3.0\0", b"JFIF\0", b"Adobe"
"""Identifiers at the start of APPn payloads."""
_NEXT_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
"""A marker, with its second byte, between segments or at the end of the data of a scan. Stuffed
zeros, restart markers and fill bytes belong to the scan."""


class Segment(NamedTuple):
    """A marker segment."""

    marker: int
    """Second byte of the marker."""
    payload: bytes
    """Contents without marker and length."""
    scan: bytes
    """Entropy-coded data after a start-of-scan segment; else empty."""


class FrameHeader(NamedTuple):
    """The fields of a start-of-frame segment."""

    marker: int
    """Second byte of the marker, which identifies the coding process."""
    precision: int
    """Bits per sample."""
    height: int
    """Height in pixels; 0 if it is defined after the first scan."""
    width: int
    component_ids: tuple[int, ...]
    """Identifier of each component, such as (1, 2, 3) for Y'CbCr."""
    luma_table: int
    """Index of the quantization table of the first component."""


def parse_segments(data: bytes) -> list[Segment]:
    """Return the segments of a JPEG file up to the end of its first image; else a `ValueError`."""
    return parse_image(data)[0]


def parse_image(data: bytes) -> tuple[list[Segment], bytes]:
    """Return the segments of the first image and the data after it, without padding."""
    if data[:2] != b"\xff\xd8":
        raise ValueError("not a JPEG file")
    segments, at = [], 2
    # Decoders skip the bytes that some programs leave between segments, and fill bytes.
    while found := _NEXT_MARKER.search(data, at):
        marker, at = found[1][0], found.end()
        if marker == EOI:
            break
        (length,) = struct.unpack(">H", data[at : at + 2].ljust(2, b"\0"))
        if length < 2:
            raise ValueError("a JPEG segment is truncated")
        payload, at = data[at + 2 : at + length], at + length
        scan = b""
        if marker == SOS:
            found = _NEXT_MARKER.search(data, at)
            scan = data[at : found.start() if found else len(data)]
            at += len(scan)
        segments.append(Segment(marker, payload, scan))
    return segments, data[at:].strip(_PADDING)


def find_frame_header(segments: list[Segment]) -> FrameHeader:
    """Return the frame header, or raise a `ValueError` if there is none."""
    segment = next((s for s in segments if s.marker in _FRAME_MARKERS), None)
    if segment is None or len(segment.payload) < 9:
        raise ValueError("a JPEG without a frame header")
    precision, height, width, n = struct.unpack(">BHHB", segment.payload[:6])
    ids = tuple(segment.payload[6 : 6 + 3 * n : 3])
    return FrameHeader(segment.marker, precision, height, width, ids, segment.payload[8])


def is_ycbcr(segments: list[Segment], component_ids: tuple[int, ...]) -> bool:
    """Whether three components are Y'CbCr and not RGB, by the rules of libjpeg."""
    app = {s.marker: s.payload for s in segments if s.marker in (APP0, APP14)}
    if app.get(APP0, b"").startswith(_JFIF):
        return True
    adobe = app.get(APP14, b"")
    if adobe.startswith(_ADOBE) and len(adobe) >= 12:
        return adobe[11] != 0
    return component_ids != tuple(b"RGB")


def is_joinable(frame: FrameHeader) -> bool:
    """Whether a file is a gray, Huffman-coded 8-bit JPEG, as `join_scans` requires."""
    is_huffman = frame.marker in (BASELINE, EXTENDED, PROGRESSIVE)
    return (
        is_huffman and frame.precision == 8 and frame.height > 0 and len(frame.component_ids) == 1
    )


def has_one_scan(segments: list[Segment], frame: FrameHeader) -> bool:
    """Whether one scan codes all components completely."""
    scans = [segment for segment in segments if segment.marker == SOS]
    return (
        frame.marker in (BASELINE, EXTENDED)
        and len(scans) == 1
        and scans[0].payload[:1] == bytes([len(frame.component_ids)])
    )


def read_metadata(segments: list[Segment]) -> tuple[StillMetadata, tuple[str, ...]]:
    """Return the metadata of a file, and warnings about parts that cannot be kept."""
    exif = xmp = density = None
    icc: dict[int, bytes] = {}
    photoshop, others, warnings = b"", [], []
    for segment in segments:
        marker, body = segment.marker, segment.payload
        if marker == APP1 and body.startswith(_EXIF) and exif is None:
            exif = body[len(_EXIF) :]
        elif marker == APP1 and body.startswith(_XMP) and xmp is None:
            xmp = body[len(_XMP) :]
        elif marker == APP2 and body.startswith(_ICC) and len(body) > 14:
            icc[body[12]] = body[14:]  # number of the part, from 1
        elif marker == APP13 and body.startswith(_PHOTOSHOP):
            photoshop += body[len(_PHOTOSHOP) :]
        elif marker == APP0:
            density = _parse_jfif_dpi(body) or density
        elif marker == APP11 and body.startswith(b"JP"):
            warnings.append("content credentials (C2PA) are not kept: they describe other pixels")
        elif marker == APP2 and body.startswith(b"MPF\0"):
            warnings.append(OTHER_IMAGES_WARNING)
        elif (APP1 <= marker <= APP15 and marker != APP14) or marker == COM:
            others.append((marker, body))
    metadata = StillMetadata(
        exif=exif,
        xmp=xmp,
        icc=b"".join(icc[k] for k in sorted(icc)) or None,
        dpi=density or parse_exif(exif).dpi,
        photoshop=photoshop or None,
        extras=tuple(others),
    )
    return metadata, tuple(dict.fromkeys(warnings))


def insert_metadata(jpeg: bytes, metadata: StillMetadata) -> EncodedStill:
    """Replace the encoder's JFIF and Adobe segments at the start of a JPEG file by metadata.

    Returns:
        The file, and warnings about metadata that exceeds the size of a segment.
    """
    dpi = metadata.dpi
    x, y = (max(1, min(65535, round(d))) for d in dpi) if dpi else (1, 1)
    out = [
        _encode_segment(APP0, _JFIF + struct.pack(">HBHHBB", 0x102, 1 if dpi else 0, x, y, 0, 0))
    ]
    warnings = []
    for name, prefix, body in (("EXIF", _EXIF, metadata.exif), ("XMP", _XMP, metadata.xmp)):
        if body and len(prefix) + len(body) > _MAX_PAYLOAD:
            warnings.append(f"JPEG cannot store {len(body)} bytes of {name}: left out")
        elif body:
            out.append(_encode_segment(APP1, prefix + body))
    parts = _split(metadata.icc, len(_ICC))
    for number, part in enumerate(parts, start=1):
        out.append(_encode_segment(APP2, _ICC + bytes([number, len(parts)]) + part))
    for part in _split(metadata.photoshop, len(_PHOTOSHOP)):
        out.append(_encode_segment(APP13, _PHOTOSHOP + part))
    out += [_encode_segment(marker, body) for marker, body in metadata.extras]
    start = 2
    while jpeg[start + 1] in (APP0, APP14):
        start += 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big")
    return b"\xff\xd8" + b"".join(out) + jpeg[start:], tuple(warnings)


def join_scans(luma: bytes, cb: bytes, cr: bytes) -> bytes | None:
    """Join three gray JPEGs into a 4:4:4 color JPEG, copying the coded luma unchanged.

    `luma` satisfies `is_joinable`. `cb` and `cr` have the same size, coding and quantization table,
    and are progressive if and only if `luma` is. The result has no metadata. It is None if the
    coding of `luma` cannot be joined.
    """
    sources = [parse_segments(data) for data in (luma, cb, cr)]
    frame = find_frame_header(sources[0])
    tables = [_read_quantization_tables(segments) for segments in sources]
    scans = [n for n, s in enumerate(sources[0]) if s.marker == SOS]
    # A quantization table that is redefined between scans could also apply to chroma.
    if not scans or any(s.marker == DQT for s in sources[0][scans[0] :]):
        return None
    # The luma table keeps its index, and the table of chroma gets another one.
    luma_slot = frame.luma_table
    chroma_slot = 1 if luma_slot != 1 else 0
    chroma_table = tables[1].get(find_frame_header(sources[1]).luma_table)
    if luma_slot not in tables[0] or chroma_table is None:
        return None
    out = [
        b"\xff\xd8",
        _encode_table(luma_slot, tables[0][luma_slot]),
        _encode_table(chroma_slot, chroma_table),
    ]
    # 0x11: no subsampling.
    components = b"".join(bytes([i, 0x11, luma_slot if i == 1 else chroma_slot]) for i in (1, 2, 3))
    size = struct.pack(">BHHB", 8, frame.height, frame.width, 3)
    out.append(_encode_segment(frame.marker, size + components))
    for component, segments in enumerate(sources, start=1):
        out += _encode_component(component, segments)
    return b"".join(out) + b"\xff\xd9"


def _encode_component(component: int, segments: list[Segment]) -> Iterator[bytes]:
    """Yield the tables and scans of a gray JPEG as those of one component of a color JPEG."""
    yield _encode_segment(DRI, b"\0\0")  # ends the restart interval of the previous component
    for segment in segments:
        if segment.marker in (DHT, DRI):
            yield _encode_segment(segment.marker, segment.payload)
        elif segment.marker == SOS:
            header = segment.payload[:1] + bytes([component]) + segment.payload[2:]
            yield _encode_segment(SOS, header) + segment.scan


def _encode_segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def _split(body: bytes | None, prefix_bytes: int) -> list[bytes]:
    """Split data into parts that fit into a segment behind a prefix and two more bytes."""
    room = _MAX_PAYLOAD - prefix_bytes - 2
    return [body[i : i + room] for i in range(0, len(body), room)] if body else []


def _parse_jfif_dpi(payload: bytes) -> tuple[float, float] | None:
    """Return the resolution of a JFIF segment in dots per inch; None if it has no unit."""
    if not payload.startswith(_JFIF) or len(payload) < 12:
        return None
    unit, x, y = struct.unpack(">BHH", payload[7:12])
    scale = {1: 1.0, 2: 2.54}.get(unit)  # dots per inch, dots per centimeter
    return (x * scale, y * scale) if scale and x and y else None


def _read_quantization_tables(segments: list[Segment]) -> dict[int, bytes]:
    """Return the tables of the first scan by index: a byte with precision and index, the steps."""
    tables = {}
    for segment in segments:
        if segment.marker == SOS:
            break
        at = 0
        while segment.marker == DQT and at < len(segment.payload):
            is_16_bit = segment.payload[at] >> 4
            size = 128 if is_16_bit else 64
            tables[segment.payload[at] & 15] = segment.payload[at : at + 1 + size]
            at += 1 + size
    return tables


def _encode_table(slot: int, table: bytes) -> bytes:
    """Return a segment that defines a quantization table with the index `slot`."""
    return _encode_segment(DQT, bytes([table[0] & 0xF0 | slot]) + table[1:])
