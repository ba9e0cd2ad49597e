"""Timecode and reel name of a film.

FFmpeg returns the timecode of the first sample of a MOV or MP4 timecode track. The film starts
later in it if an edit list hides its start, and the track may count other frames per second than
the video has: cameras write 30 at 59.94 frames per second. Therefore the track is read here, by
"QuickTime File Format" (Apple). FFmpeg does not return the timecode in the GOP headers of MPEG-1
and MPEG-2, which HDV tapes have, so it is read here, too.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING

import av

from vidcolor.media.input_formats import list_whitelists
from vidcolor.media.stills.boxes import iter_boxes
from vidcolor.timecode import Timecode, count_timecode_frames

if TYPE_CHECKING:
    from pathlib import Path

REEL_TAGS = ("reel_name", "com.apple.proapps.reel")
"""Names of tags with the reel name: that of FFmpeg, and that of Final Cut Pro."""
_MAX_HEADER_BYTES = 256 * 2**20
"""Maximum size of the header of a MOV or MP4 file that is searched for a timecode track."""
_TRACK_PARENTS = (b"edts", b"mdia", b"minf", b"stbl")
_EMPTY_EDIT = -1
"""Media time of an edit that delays a track."""
_GOP_CODECS = ("mpeg1video", "mpeg2video")
_SEQUENCE_HEADER, _GOP_HEADER, _PICTURE_HEADER = b"\0\0\1\xb3", b"\0\0\1\xb8", b"\0\0\1\0"
"""Start codes of ISO/IEC 13818-2."""
_TIMECODE_FRAMES = {1: 24, 2: 24, 3: 25, 4: 30, 5: 30, 6: 50, 7: 60, 8: 60}
"""Timecode frames per second by `frame_rate_code` of a sequence header."""
_MAX_GOP_PACKETS = 300
"""Number of packets in which a GOP header is searched."""
_GOP_PROBE_OPTIONS = {"probesize": "1000000", "analyzeduration": "1000000"}
"""FFmpeg's options to open a file of which only the first packets of the video are needed."""


@dataclass(frozen=True, slots=True)
class _TimecodeTrack:
    """The timecode track of a MOV or MP4 file."""

    rate: Fraction
    """Frames of the timecode per second."""
    hidden_s: Fraction
    """Duration of the start of the track that an edit list hides, in seconds."""


def find_reel(container: av.container.InputContainer, stream: av.VideoStream) -> str | None:
    """Return the name of the reel or tape that a film was captured from."""
    return _find_tag(container, stream, *REEL_TAGS)


def find_timecode(
    path: Path,
    container: av.container.InputContainer,
    stream: av.VideoStream,
    rate: Fraction | None,
) -> str | None:
    """Return the timecode of the first frame of a film, at the frame rate of its video."""
    text = _find_tag(container, stream, "timecode")
    if text is None and rate is not None and stream.codec_context.name in _GOP_CODECS:
        return _read_gop_timecode(path, stream, rate)
    if text is None or rate is None or "mov" not in container.format.name:
        return text
    try:
        track = _read_timecode_track(path)
    except (OSError, struct.error, ValueError):  # FFmpeg has read the file, so it is not damaged.
        return text
    if track is None:
        return text
    hidden, fps = round(track.hidden_s * track.rate), count_timecode_frames(rate)
    try:
        code = Timecode.parse(text, track.rate)
    except ValueError:
        return text
    code += hidden
    if code.fps == fps:
        return str(code) if hidden else text
    is_drop_frame = code.drop_frame and fps % 30 == 0
    return str(Timecode(0, fps, is_drop_frame) + round(Fraction(code.frame * fps, code.fps)))


def _find_tag(
    container: av.container.InputContainer, stream: av.VideoStream, *names: str
) -> str | None:
    """Return a tag of the video, of a data stream or of the container, in this order."""
    # MOV stores the timecode in the video stream and the reel in a data stream. MXF stores the
    # timecode of the source in the stream, and that of the material in the container, as DV does.
    data = (s.metadata for s in container.streams if s.type == "data")
    for metadata in (stream.metadata, *data, container.metadata):
        for key, value in metadata.items():
            if key.lower() in names and value.strip():
                return value.strip()
    return None


def _read_timecode_track(path: Path) -> _TimecodeTrack | None:
    """Return the first timecode track of a MOV or MP4 file, or None."""
    for name, content in iter_boxes(_read_header(path)):
        if name == b"trak":
            boxes = dict(iter_boxes(bytes(content), _TRACK_PARENTS))
            rate = _read_timecode_rate(boxes.get(b"stsd", memoryview(b"")))
            if rate is not None:
                hidden_s = _read_hidden_s(boxes.get(b"elst"), boxes[b"mdhd"])
                return _TimecodeTrack(rate, hidden_s)
    return None


def _read_header(path: Path) -> bytes:
    """Return the content of the box ``moov``; empty if there is none, or if it is too large."""
    with path.open("rb") as file:
        while len(head := file.read(16)) >= 8:
            size, name = struct.unpack_from(">I4s", head)
            start = 8
            if size == 1 and len(head) == 16:
                (size,), start = struct.unpack_from(">Q", head, 8), 16
            if name == b"moov" and start < size <= _MAX_HEADER_BYTES:
                file.seek(start - len(head), os.SEEK_CUR)
                return file.read(size - start)
            if size < start:  # The last box, or damage.
                break
            file.seek(size - len(head), os.SEEK_CUR)
    return b""


def _read_timecode_rate(descriptions: memoryview) -> Fraction | None:
    """Return the timecode frames per second; None if the track is not a timecode track."""
    if bytes(descriptions[12:16]) != b"tmcd":
        return None
    timescale, duration, _ = struct.unpack_from(">IIB", descriptions, 8 + 24)
    return Fraction(timescale, duration) if timescale and duration else None


def _read_hidden_s(edits: memoryview | None, media_header: memoryview) -> Fraction:
    """Return `_TimecodeTrack.hidden_s` from the boxes ``elst`` and ``mdhd``."""
    if edits is None:
        return Fraction(0)
    (timescale,) = struct.unpack_from(">I", media_header, 20 if media_header[0] == 1 else 12)
    (count,) = struct.unpack_from(">I", edits, 4)
    layout = struct.Struct(">QqI" if edits[0] == 1 else ">IiI")
    for number in range(count):
        _, media_time, _ = layout.unpack_from(edits, 8 + number * layout.size)
        if media_time != _EMPTY_EDIT:
            return Fraction(media_time, timescale or 1)
    return Fraction(0)


def _read_gop_timecode(path: Path, stream: av.VideoStream, rate: Fraction) -> str | None:
    """Return the timecode at the start of a stream of MPEG-1 or MPEG-2, by its first GOP header.

    Most encoders count from 0, which contains no information and is ignored.
    """
    options = list_whitelists() | _GOP_PROBE_OPTIONS
    try:
        with av.open(str(path.absolute()), options=options) as container:
            video = next(s for s in container.streams.video if s.id == stream.id)
            for packet in islice(container.demux(video), _MAX_GOP_PACKETS):
                data = bytes(packet)
                if _GOP_HEADER in data and _SEQUENCE_HEADER in data:
                    code = _parse_gop_header(data, packet.pts, stream, rate)
                    return str(code) if code and code.frame else None
    except (av.FFmpegError, StopIteration, ValueError, IndexError, struct.error):
        pass
    return None


def _parse_gop_header(
    data: bytes, pts: int | None, stream: av.VideoStream, rate: Fraction
) -> Timecode | None:
    """Return the timecode at the start of a stream.

    `data` and `pts` are those of the first packet with a GOP header, in which a picture follows.
    None if the timecode counts other frames than the video has, as in films with pulldown flags.
    """
    sequence, gop = data.index(_SEQUENCE_HEADER), data.index(_GOP_HEADER)
    if _TIMECODE_FRAMES.get(data[sequence + 7] & 0xF) != count_timecode_frames(rate):
        return None
    word: int = struct.unpack_from(">I", data, gop + 4)[0]
    drop, hours, minutes = word >> 31, word >> 26 & 0x1F, word >> 20 & 0x3F
    seconds, frames, is_closed = word >> 13 & 0x3F, word >> 7 & 0x3F, word >> 6 & 1
    text = f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if drop else ':'}{frames:02d}"
    # It is that of the first picture in order of display, before which this one is decoded.
    code = Timecode.parse(text, rate)
    number: int = struct.unpack_from(">H", data, data.index(_PICTURE_HEADER, gop) + 4)[0] >> 6
    if pts is None or stream.start_time is None:
        # Decoders drop the B-frames at the start of a film that refer to the previous GOP.
        return code if is_closed else code + number
    frames_before = (pts - stream.start_time) * Fraction(stream.time_base or 0) * rate
    return code + (number - round(frames_before))
