"""Cropping that a container states for its video: PixelCrop of Matroska, clean aperture of MP4/MOV.

The decoder itself applies the cropping that a bitstream states. FFmpeg reads that of the container,
and the ffmpeg command applies it, but PyAV does not expose it, so it is read here.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from vidcolor.media.frame_filter import FrameFilter
from vidcolor.media.matroska import SEGMENT, iter_elements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import av

_TRACKS, _TRACK_ENTRY, _VIDEO = 0x1654AE6B, 0xAE, 0xE0
_PIXEL_CROP = {0x54CC: "left", 0x54DD: "right", 0x54BB: "top", 0x54AA: "bottom"}
"""Matroska's PixelCrop elements (RFC 9559, section 5.1.4.1.28)."""
_SAMPLE_ENTRY_BYTES = 78
"""Length of the fields of a VisualSampleEntry before its boxes (ISO/IEC 14496-12, 12.1.3)."""
_PROGRESSIVE = (0, 1)
"""FFmpeg's `AVFieldOrder` codes of an unknown order and of progressive video."""


@dataclass(frozen=True, slots=True)
class Crop:
    """Numbers of pixels to remove at the edges of a decoded frame."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0


class _Span(NamedTuple):
    """The part of a file that the payload of a box covers."""

    start: int
    end: int


def read_crop(
    path: Path, container: av.container.InputContainer, stream: av.VideoStream
) -> Crop | None:
    """Return the cropping that a Matroska, MP4 or MOV file states for a stream.

    Returns:
        None if it states none. The number of lines that interlaced video loses at the top is even.
    """
    read = _READERS.get(container.format.name.split(",")[0])
    if read is None:
        return None
    with path.open("rb") as file:
        file_end = file.seek(0, os.SEEK_END)
        try:
            crop = read(file, file_end, container, stream)
        except (struct.error, IndexError, ZeroDivisionError):  # The file is damaged.
            return None
    is_interlaced = int(stream.codec_context.field_order or 0) not in _PROGRESSIVE
    return _align_to_fields(crop) if crop and is_interlaced else crop


def _align_to_fields(crop: Crop) -> Crop:
    """Move an aperture by a line if it begins with the other field than the stored frame.

    The order of the fields would otherwise be reversed. NTSC of 486 lines, whose clean aperture of
    480 lines begins 3 lines below the top, is usually cropped by 4 lines.
    """
    if crop.top % 2 == 0:
        return crop
    shift = 1 if crop.bottom else -1
    return replace(crop, top=crop.top + shift, bottom=crop.bottom - shift)


def _read_matroska(
    file: BinaryIO, file_end: int, container: av.container.InputContainer, stream: av.VideoStream
) -> Crop | None:
    # FFmpeg lists the video tracks in the order of the file, and attached pictures after them.
    videos = [
        video
        for segment in iter_elements(file, 0, file_end, SEGMENT)
        for tracks in iter_elements(file, segment.start, segment.end, _TRACKS)
        for entry in iter_elements(file, tracks.start, tracks.end, _TRACK_ENTRY)
        for video in iter_elements(file, entry.start, entry.end, _VIDEO)
    ]
    video = videos[container.streams.video.index(stream)]
    edges = {}
    for element in iter_elements(file, video.start, video.end, *_PIXEL_CROP):
        file.seek(element.start)
        data = file.read(min(8, element.end - element.start))
        edges[_PIXEL_CROP[element.name]] = int.from_bytes(data)
    return Crop(**edges) if any(edges.values()) else None


def _read_mp4(
    file: BinaryIO, file_end: int, container: av.container.InputContainer, stream: av.VideoStream
) -> Crop | None:
    for movie in _boxes(file, 0, file_end, b"moov"):
        for trak in _boxes(file, movie.start, movie.end, b"trak"):
            header = next(_boxes(file, trak.start, trak.end, b"tkhd"), None)
            if header is None or _read_track_id(file, header) != stream.id:
                continue
            boxes = [trak]
            for name in (b"mdia", b"minf", b"stbl", b"stsd"):
                boxes = [b for parent in boxes for b in _boxes(file, *parent, name)]
            for table in boxes:
                for entry in _boxes(file, table.start + 8, table.end):
                    return _read_clean_aperture(file, entry)
    return None


def _read_track_id(file: BinaryIO, header: _Span) -> int:
    file.seek(header.start)
    data = file.read(24)
    # Version 1 has times of 64 bits.
    track_id: int = struct.unpack_from(">I", data, 20 if data[0] else 12)[0]
    return track_id


def _read_clean_aperture(file: BinaryIO, entry: _Span) -> Crop | None:
    file.seek(entry.start + 24)
    stored = struct.unpack(">HH", file.read(4))
    for box in _boxes(file, entry.start + _SAMPLE_ENTRY_BYTES, entry.end, b"clap"):
        file.seek(box.start)
        values = struct.unpack(">IIIIiIiI", file.read(32))
        width, height, dx, dy = (Fraction(*values[n : n + 2]) for n in (0, 2, 4, 6))
        # The offsets are those of the center.
        left, right = _place_aperture(stored[0], width, dx)
        top, bottom = _place_aperture(stored[1], height, dy)
        crop = Crop(left, right, top, bottom)
        edges = (left, right, top, bottom)
        return crop if any(edges) and min(edges) >= 0 else None
    return None


def _place_aperture(stored: int, size: Fraction, offset: Fraction) -> tuple[int, int]:
    """Return the numbers of pixels before and after an aperture, in one dimension."""
    first = (stored - size) / 2 + offset
    return int(first), stored - int(first + size)


def _boxes(file: BinaryIO, start: int, end: int, name: bytes | None = None) -> Iterator[_Span]:
    """Yield the boxes of one name, or all, in a part of an MP4 or MOV file."""
    position = start
    while position + 8 <= end:
        file.seek(position)
        size, found = struct.unpack(">I4s", file.read(8))
        start = position + 8
        if size == 1:
            size, start = struct.unpack(">Q", file.read(8))[0], position + 16
        box_end = end if size == 0 else min(end, position + size)
        if box_end < start:
            return
        if name in (None, found):
            yield _Span(start, box_end)
        position = box_end


_READERS = {"matroska": _read_matroska, "mov": _read_mp4}
"""Readers by the first name of FFmpeg's demuxer."""


class Cropper:
    """Crops frames without a copy of their planes. Timestamps, flags and side data are kept."""

    def __init__(self, crop: Crop) -> None:
        """Prepare for frames of any size and pixel format."""
        self._crop, self._filter = crop, FrameFilter("crop")

    def apply(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return a cropped frame, or `frame` itself if it is not larger than the cropped edges."""
        crop = self._crop
        width = frame.width - crop.left - crop.right
        height = frame.height - crop.top - crop.bottom
        if width <= 0 or height <= 0:
            return frame
        # With "exact", odd edges of subsampled formats are kept.
        return self._filter.apply(frame, f"{width}:{height}:{crop.left}:{crop.top}:exact=1")
