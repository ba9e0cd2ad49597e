"""Timecode and reel name of a film.

FFmpeg returns the timecode of the first sample of a MOV or MP4 timecode track. The film starts
later in it if an edit list hides its start, and the track may count other frames per second than
the video has: cameras write 30 at 59.94 frames per second. Therefore the track is read here. FFmpeg
does not return the timecode in the GOP headers of MPEG-1 and MPEG-2, which HDV tapes have, and that
of AVCHD, so they are read here, too.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Any

import av

from vidcolor.media.frames import get_side_data
from vidcolor.media.input_formats import list_whitelists
from vidcolor.media.quicktime import Track, iter_tracks
from vidcolor.timecode import Timecode, count_timecode_frames

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

REEL_TAGS = ("reel_name", "com.apple.proapps.reel")
"""Names of tags with the reel name: that of FFmpeg, and that of Final Cut Pro."""
_TIMECODE_FORMAT = "tmcd"
"""Type of the samples of a timecode track of MOV and MP4."""
_CAMERA_FORMAT = "rtmd"
"""Type of the samples of a data track of XAVC S cameras. FFmpeg finds a timecode in the first."""
_GOP_CODECS = ("mpeg1video", "mpeg2video")
_SEQUENCE_HEADER, _GOP_HEADER, _PICTURE_HEADER = b"\0\0\1\xb3", b"\0\0\1\xb8", b"\0\0\1\0"
"""Start codes of ISO/IEC 13818-2."""
_TIMECODE_FRAMES = {1: 24, 2: 24, 3: 25, 4: 30, 5: 30, 6: 50, 7: 60, 8: 60}
"""Timecode frames per second by `frame_rate_code` of a sequence header."""
_MAX_GOP_PACKETS = 300
"""Number of packets in which a GOP header is searched."""
_GOP_PROBE_OPTIONS = {"probesize": "1000000", "analyzeduration": "1000000"}
"""FFmpeg's options to open a file of which only the first packets of the video are needed."""

_CAMERA_DATA = bytes.fromhex("17ee8c60f84d11d98cd60800200c9a66") + b"MDPM"
"""Start of the user data of AVCHD (H.264, D.1.6)."""
_PACK_BYTES, _TIMECODE_PACK = 5, 0x13
_MAX_CAMERA_RATE = 30
"""Maximum frame rate that the timecode of AVCHD and XAVC S counts, in frames per second."""


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
        track = _read_timecode_track(path, rate)
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


def find_data_format(path: Path, stream: av.stream.Stream) -> str | None:
    """Return the type of the samples of a MOV or MP4 data track, such as ``tmcd`` or ``rtmd``.

    FFmpeg finds a timecode in ``rtmd`` tracks of Sony cameras, too, beside the settings of the lens
    and the motion of the camera. None if the file has no such track.
    """
    if "mov" not in stream.container.format.name:
        return None
    formats = (t.sample_format for t in iter_tracks(path) if t.number == stream.id)
    return next(formats, None) or None


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


def _read_timecode_track(path: Path, video_rate: Fraction) -> _TimecodeTrack | None:
    """Return the first timecode track of a MOV or MP4 file, or else that of a Sony camera."""
    camera_track = None
    for track in iter_tracks(path):
        rate = _read_timecode_rate(track)
        if rate is not None:
            start = next((start for start, _ in track.edits), 0)
            return _TimecodeTrack(rate, Fraction(start, track.timescale))
        if track.sample_format == _CAMERA_FORMAT:
            camera_track = _TimecodeTrack(video_rate / _count_repeats(video_rate), Fraction(0))
    return camera_track


def _read_timecode_rate(track: Track) -> Fraction | None:
    """Return the timecode frames per second; None if the track is not a timecode track."""
    if track.sample_format != _TIMECODE_FORMAT:
        return None
    timescale, duration, _ = struct.unpack_from(">IIB", track.descriptions, 8 + 24)
    return Fraction(timescale, duration) if timescale and duration else None


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


def find_camera_timecode(
    frames: Iterable[av.VideoFrame], stream: av.VideoStream, rate: Fraction | None
) -> str | None:
    """Return the timecode at the start of an AVCHD recording by the first of `frames` that has one.

    Cameras write it as a pack of DV (IEC 61834-4, 4.4) into user data of the bitstream, not of each
    frame, and count two frames of 50 or 59.94 per second as one.
    """
    if rate is None:
        return None
    codes = (_read_camera_timecode(frame, stream, rate) for frame in frames)
    return next(filter(None, codes), None)


def _read_camera_timecode(
    frame: av.VideoFrame, stream: av.VideoStream, rate: Fraction
) -> str | None:
    packs = next(filter(None, map(_read_packs, get_side_data(frame))), b"")
    if _TIMECODE_PACK not in packs[::_PACK_BYTES]:
        return None
    start = packs[::_PACK_BYTES].index(_TIMECODE_PACK) * _PACK_BYTES
    frames, seconds, minutes, hours = packs[start + 1 : start + _PACK_BYTES]
    repeats = _count_repeats(rate)
    separator = ";" if frames & 0x40 else ":"
    text = f"{hours & 0x3F:02x}:{minutes & 0x7F:02x}:{seconds & 0x7F:02x}{separator}"
    try:
        code = Timecode.parse(f"{text}{frames & 0x3F:02x}", rate / repeats)
    except ValueError:  # not set
        return None
    time_base = Fraction(stream.time_base or 0)
    elapsed = round(((frame.pts or 0) - (stream.start_time or 0)) * time_base * rate)
    fps = code.fps * repeats
    zero = Timecode(0, fps, code.drop_frame and fps % 30 == 0)
    return str(zero + (code.frame * repeats - elapsed))


def _count_repeats(rate: Fraction) -> int:
    """Return the number of frames that have the same timecode in cameras."""
    return 2 if rate > _MAX_CAMERA_RATE else 1


def _read_packs(side_data: Any) -> bytes:
    """Return the packs of AVCHD in side data of a frame, each of 5 bytes; empty without any."""
    data = bytes(side_data)
    if side_data.type.name != "SEI_UNREGISTERED" or not data.startswith(_CAMERA_DATA):
        return b""
    count, packs = data[len(_CAMERA_DATA) :][:1], data[len(_CAMERA_DATA) + 1 :]
    num_packs = min(int.from_bytes(count), len(packs) // _PACK_BYTES)
    return packs[: num_packs * _PACK_BYTES]


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
