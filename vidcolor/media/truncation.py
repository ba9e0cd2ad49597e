"""Detection of truncated films and images by the sizes that their structure declares.

FFmpeg reads a truncated file as far as it can and reports no error. Durations in headers do not
prove a truncation, because programs that cut or join films often leave them unchanged.
"""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

_MP4_BOXES = (b"moov", b"mdat", b"moof", b"jp2c", b"jxlc", b"jxlp")
"""Boxes of MP4 and MOV, and of JPEG 2000 and JPEG XL, without which frames are missing."""
_PNG_CHUNK_BYTES = 12
"""Size of a chunk of PNG without its data."""
_JPEG_END, _JPEG_SCAN, _MIN_JPEG_MARKER = b"\xff\xd9", 0xFFDA, 0xFFC0
"""Markers EOI and SOS, and the lowest marker of a segment in the header of a JPEG file."""
_BLOCK_BYTES = 1 << 20
"""Number of bytes of a scan that are read at once."""
_UNDEFINED = 0xFFFFFFFF
"""Value of a field of DPX that is not set."""
_EXR_HEADER_BYTES = 1 << 20
"""Maximum size of the header of OpenEXR that is read. It may contain a preview."""
_EXR_OTHER_LAYOUTS = 0x1A
"""Flags of tiles, of deep data, and of several parts, in byte 5 of OpenEXR."""
_EXR_LINES = (1, 1, 1, 16, 32, 16, 32, 32, 32, 256)
"""Lines of a block, by code of the compression."""
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
"""GUID of the object that contains the file size."""
_FLV_SIZE, _FLV_TAG_HEADER_SIZE = struct.Struct(">I"), 11
_FLV_TAGS = (b"\x08", b"\x09", b"\x12")
"""Types of tags with audio, video and metadata."""
_MXF_PARTITION_PACK = bytes.fromhex("060e2b34020501010d01020101")
"""Start of the key of a partition pack, with which a file begins (SMPTE ST 377-1, 7.1)."""
_OGG_MAX_PAGE_SIZE = 65_307
_MAX_SIGNATURE_SIZE = 16
_TAIL_SIZE = 1024
_UNKNOWN_RIFF_SIZES = (0, 0x7FFF_FFFF, 0xFFFF_FFFF)


def lasts_until(path: Path, end_s: float) -> bool:
    """Return whether any stream of a film lasts until a time, in seconds of its timestamps.

    Raises:
        InputError: the file cannot be read.
    """
    # The other functions, which are also for photos, do not need FFmpeg.
    from vidcolor.media.demux import demux_packets, open_input

    with open_input(path) as container:
        streams = [s for s in container.streams if s.type in ("video", "audio", "subtitle")]
        for packet in demux_packets(container, streams):
            if packet.pts is not None and packet.time_base is not None:
                end = packet.pts + (packet.duration or 0)
                if end * packet.time_base >= end_s:
                    return True
    return False


def count_missing_bytes(path: Path) -> int | None:
    """Return how many bytes a file lacks.

    The result is None if the format declares no size, or if the file ends with zeros, as incomplete
    downloads do.
    """
    with path.open("rb") as file:
        start = file.read(_MAX_SIGNATURE_SIZE)
        file_size = file.seek(0, 2)
        file.seek(max(0, file_size - _TAIL_SIZE))
        if not any(file.read()):
            return None
        for signature, offset, find_end in _FORMATS:
            if start[offset:].startswith(signature):
                try:
                    end = find_end(file, file_size)
                except (struct.error, IndexError, KeyError, ValueError):
                    return None  # The structure itself is damaged.
                return None if end is None else max(0, end - file_size)
    return None


def _find_end_of_matroska(file: BinaryIO, file_size: int) -> int | None:
    """Return the end of the segment (RFC 8794); None if a live recording left it open."""
    position = 0
    while position < file_size:
        file.seek(position)
        head = file.read(16)
        id_length = 9 - head[0].bit_length()
        size_length = 9 - head[id_length].bit_length()
        if size_length > 8:
            return None
        size = int.from_bytes(head[id_length : id_length + size_length], "big")
        size -= 1 << 7 * size_length  # the length marker
        end = position + id_length + size_length + size
        if head[:4] == b"\x18\x53\x80\x67":
            return None if size == (1 << 7 * size_length) - 1 else end
        position = end
    return None


def _find_end_of_mp4(file: BinaryIO, file_size: int) -> int | None:
    """Return the end of the last box that contains frames (ISO/IEC 14496-12)."""
    position = end = 0
    while position + 8 <= file_size:
        file.seek(position)
        size, kind = struct.unpack(">I4s", file.read(8))
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
        if size < 8:  # The last box lasts until the end of the file.
            break
        position += size
        if kind in _MP4_BOXES:
            end = max(end, position)
        elif kind == b"sidx":
            end = max(end, position + _read_indexed_size(file))
    return end or None


def _read_indexed_size(file: BinaryIO) -> int:
    """Return the number of bytes that a segment index (ISO/IEC 14496-12, 8.16.3) describes.

    The file is at the version of the box. The bytes follow the box.
    """
    version = file.read(4)[0]
    numbers = "4xI" if version == 0 else "8xQ"  # the earliest time, the first offset
    head = struct.Struct(f">8x{numbers}2xH")
    first_offset, num_parts = head.unpack(file.read(head.size))
    parts = struct.unpack(">" + "I8x" * num_parts, file.read(12 * num_parts))
    sizes = [int(part) & 0x7FFF_FFFF for part in parts]  # The highest bit is the kind of part.
    return int(first_offset) + sum(sizes)


def _find_end_of_avi(file: BinaryIO, file_size: int) -> int | None:
    """Return the end of the last RIFF chunk; files above 1 GB have several (OpenDML)."""
    position = end = 0
    while position + 8 <= file_size:
        file.seek(position)
        kind, size = struct.unpack("<4sI", file.read(8))
        if kind != b"RIFF" or size in _UNKNOWN_RIFF_SIZES:
            break
        end = position + 8 + size
        position = end + size % 2
    return end or None


def _find_end_of_asf(file: BinaryIO, _file_size: int) -> int | None:
    """Return the file size in the header; None in a broadcast."""
    file.seek(16)
    (header_size,) = struct.unpack("<Q", file.read(8))
    file.seek(0)
    header = file.read(min(header_size, 1 << 20))
    position = header.index(_ASF_FILE_PROPERTIES) if _ASF_FILE_PROPERTIES in header else -1
    if position < 0:
        return None
    size, flags = struct.unpack_from("<40xQ40xI", header, position)
    is_broadcast = flags & 1
    return None if is_broadcast else size or None


def _find_end_of_ogg(file: BinaryIO, file_size: int) -> int | None:
    """Return the end of the last page (RFC 3533)."""
    tail_start = max(0, file_size - _OGG_MAX_PAGE_SIZE)
    file.seek(tail_start)
    tail = file.read()
    position = tail.rfind(b"OggS")
    num_segments = tail[position + 26]
    lacing = tail[position + 27 : position + 27 + num_segments]
    if position < 0 or len(lacing) < num_segments:
        return file_size + 1
    return tail_start + position + 27 + num_segments + sum(lacing)


def _find_end_of_flv(file: BinaryIO, file_size: int) -> int | None:
    """Return the end of the file if its last tag is complete (Adobe Flash Video, E.3), else None.

    The size of each tag follows it.
    """
    file.seek(max(0, file_size - _FLV_SIZE.size))
    (tag_size,) = _FLV_SIZE.unpack(file.read())
    start = file_size - _FLV_SIZE.size - tag_size
    if start < _FLV_SIZE.size:
        return None
    file.seek(start)
    kind, data_size = file.read(1), int.from_bytes(file.read(3))
    is_complete = kind in _FLV_TAGS and tag_size == _FLV_TAG_HEADER_SIZE + data_size
    return file_size if is_complete else None


def _find_end_of_mxf(file: BinaryIO, _file_size: int) -> int | None:
    """Return the end of the footer's partition pack (SMPTE ST 377-1, 7.1); None if it is unknown.

    The header states the position of the footer. Files that a camera did not close lack one.
    """
    file.seek(16)
    head = file.read(9)  # the length in BER: one byte, or the number of bytes and then these
    length_size = 1 + (head[0] & 0x7F if head[0] & 0x80 else 0)
    length = int.from_bytes(head[1:length_size]) if length_size > 1 else head[0]
    file.seek(16 + length_size)
    (footer_start,) = struct.unpack(">24xQ", file.read(32))
    return footer_start + 16 + length_size + length if footer_start else None


def _find_end_of_png(file: BinaryIO, _file_size: int) -> int | None:
    """Return the end of the chunk IEND, by the sizes of all chunks."""
    end = 8
    while True:
        file.seek(end)
        head = file.read(8)
        size = int.from_bytes(head[:4], "big") if len(head) == 8 else 0
        end += size + _PNG_CHUNK_BYTES
        if len(head) < 8 or head[4:] == b"IEND":  # the next chunk, or IEND itself
            return end


def _find_end_of_jpeg(file: BinaryIO, file_size: int) -> int | None:
    """Return the end of the first image: the marker EOI after its first scan.

    The preview in the header ends with the same marker, so that the segments before the scan are
    skipped by their sizes.
    """
    at, marker = 2, 0
    while marker != _JPEG_SCAN:
        file.seek(at)
        marker, size = struct.unpack(">HH", file.read(4))
        if marker < _MIN_JPEG_MARKER:
            raise ValueError("no marker")
        at += 2 + size
    file.seek(at)
    last = b""
    for block in iter(partial(file.read, _BLOCK_BYTES), b""):
        found = (last + block).find(_JPEG_END)
        if found >= 0:
            return at + found - len(last) + len(_JPEG_END)
        at, last = at + len(block), block[-1:]
    return file_size + len(_JPEG_END)


def _find_end_of_dpx(file: BinaryIO, _file_size: int) -> int | None:
    """Return the file size in the header (SMPTE ST 268-1); None if it is not defined."""
    file.seek(0)
    order = ">" if file.read(4) == b"SDPX" else "<"
    file.seek(16)
    (size,) = struct.unpack(f"{order}I", file.read(4))
    return size if size != _UNDEFINED else None


def _find_end_of_exr(file: BinaryIO, file_size: int) -> int | None:
    """Return the end of the last block of lines ("OpenEXR File Layout").

    None if the file has tiles or several parts.
    """
    file.seek(0)
    data = file.read(_EXR_HEADER_BYTES)
    if data[5] & _EXR_OTHER_LAYOUTS:
        return None
    values, at = dict[bytes, bytes](), 8
    while data[at]:
        name_end = data.index(b"\0", at)
        kind_end = data.index(b"\0", name_end + 1)
        start = kind_end + 5
        name, at = data[at:name_end], start + struct.unpack_from("<i", data, kind_end + 1)[0]
        values[name] = data[start:at]
    _, top, _, bottom = struct.unpack("<4i", values[b"dataWindow"])
    lines = _EXR_LINES[values[b"compression"][0]]
    count = (bottom - top) // lines + 1
    file.seek(at + 1)
    last = max(struct.unpack(f"<{count}Q", file.read(8 * count)))
    file.seek(last)
    head = file.read(8)  # the number of the first line, and the size of the data
    size: int = struct.unpack("<4xi", head)[0] if last + 8 <= file_size else 0
    return int(last) + 8 + size


_FORMATS: tuple[tuple[bytes, int, Callable[[BinaryIO, int], int | None]], ...] = (
    (b"\x1a\x45\xdf\xa3", 0, _find_end_of_matroska),
    (b"ftyp", 4, _find_end_of_mp4),
    (b"moov", 4, _find_end_of_mp4),
    (b"mdat", 4, _find_end_of_mp4),
    (b"wide", 4, _find_end_of_mp4),
    (b"free", 4, _find_end_of_mp4),
    (b"skip", 4, _find_end_of_mp4),
    (b"RIFF", 0, _find_end_of_avi),
    (bytes.fromhex("3026b2758e66cf11"), 0, _find_end_of_asf),
    (b"OggS", 0, _find_end_of_ogg),
    (b"FLV", 0, _find_end_of_flv),
    (_MXF_PARTITION_PACK, 0, _find_end_of_mxf),
    (b"\x89PNG", 0, _find_end_of_png),
    (b"\xff\xd8\xff", 0, _find_end_of_jpeg),
    (b"jP  ", 4, _find_end_of_mp4),
    (b"JXL ", 4, _find_end_of_mp4),
    (b"SDPX", 0, _find_end_of_dpx),
    (b"XPDS", 0, _find_end_of_dpx),
    (b"v/1\x01", 0, _find_end_of_exr),
)
"""Signature, its offset in the file, and the function that returns the declared end in bytes."""
