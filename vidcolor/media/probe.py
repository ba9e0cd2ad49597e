"""Probing: the streams of a film, and the properties of its video."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type as SideDataType

from vidcolor.color.tint import Tint
from vidcolor.color.ycbcr import Coding, Matrix, get_default_matrix, get_matrix
from vidcolor.errors import InputError
from vidcolor.imaging.geometry import Geometry, rotate_size
from vidcolor.media.animations import find_converted_format
from vidcolor.media.cropping import Crop, read_crop
from vidcolor.media.demux import find_origin_s, find_video_stream, is_cover_art, open_input
from vidcolor.media.duration import (
    find_declared_ends_s,
    get_container_duration_s,
    get_stream_duration_s,
)
from vidcolor.media.frames import (
    PixelLayout,
    get_field_order,
    get_pixel_layout,
    get_side_data,
    list_side_data,
)
from vidcolor.media.hdr import HdrMetadata, read_hdr_metadata
from vidcolor.media.source_timecode import (
    find_camera_timecode,
    find_reel,
    find_timecode,
)
from vidcolor.media.tint import has_transparent_pixels, measure_tint, sample_frames
from vidcolor.media.video_decoder import VideoDecoder
from vidcolor.timecode import Timecode, find_exact_rate, is_common_rate

UNSPECIFIED = 2
"""H.273 code "unspecified" of primaries, transfer characteristics and matrix coefficients."""
FULL_RANGE = 2
"""FFmpeg's `AVCOL_RANGE_JPEG`."""
LIMITED_RANGE = 1
"""FFmpeg's `AVCOL_RANGE_MPEG`."""
PROGRESSIVE = 1
"""FFmpeg's `AVFieldOrder` code of progressive."""
HDR_TRANSFERS = (16, 18)
"""Codes of the transfer characteristics PQ and HLG in ITU-T H.273."""
_MAX_AVERAGE_ERROR = Fraction(1, 200)
"""Maximum relative error of an average frame rate that FFmpeg computes from timestamps."""
MAX_PLAUSIBLE_RATE = 240
"""Maximum plausible average frame rate, in frames per second."""


@dataclass(frozen=True, slots=True)
class ColorTags:
    """Color tags of the source: H.273 codes, 2 where unspecified."""

    range: int
    """FFmpeg's `AVColorRange`: 0 unspecified, 1 limited, 2 full."""
    primaries: int
    transfer: int
    matrix: int


ROLES = (
    "dub", "original", "comment", "lyrics", "karaoke", "forced", "hearing_impaired",
    "visual_impaired", "clean_effects", "captions", "descriptions",
)  # fmt: skip
"""FFmpeg's names of the dispositions that say what a stream is for."""


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream of the source."""

    index: int
    """Index of the stream in the file."""
    kind: str
    """``video``, ``audio``, ``subtitle``, ``data`` or ``attachment``."""
    codec: str
    """FFmpeg's name of the codec."""
    language: str | None
    title: str | None
    """Name of the track, or file name of an attachment."""
    is_cover_art: bool = False
    detail: str = ""
    """Audio: sample rate and channel layout. Data: timecode or handler name."""
    roles: tuple[str, ...] = ()
    """FFmpeg's names of the dispositions that say what the stream is for; see `ROLES`."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The video stream that is colorized."""

    index: int
    codec: str
    width: int
    height: int
    """Size in pixels, after cropping and before rotation and pixel aspect."""
    layout: PixelLayout
    """Layout of the decoded frames."""
    coding: Coding
    """Bit depth and range of the luma that is read from the frames."""
    matrix: Matrix
    """The tagged matrix, or the matrix that players assume for an untagged video of this size."""
    tags: ColorTags
    """Color tags of the first frame, completed by those of the container."""
    time_base: Fraction
    """Unit of timestamps, in seconds."""
    rate: Fraction | None
    """Average frame rate in frames per second. Rounded whole and NTSC rates are exact; see
    `find_exact_rate`."""
    start_pts: int | None
    """PTS of the first frame in the header; None if the header has none."""
    duration_s: float | None
    """Duration in the header, in seconds; None if the header has none."""
    num_frames: int
    """Number of frames in the header; 0 if the header has none."""
    tint: Tint
    """Whether the film is gray, tinted or in color; see `measure_tint`."""
    is_transparent: bool = False
    """Whether pixels of sampled frames are not opaque, or a second layer of the bitstream contains
    an alpha plane. Decoders of some codecs, such as GIF, always return an alpha plane, and those
    of VP8 and VP9 never."""
    declared_ends_s: tuple[float, ...] = ()
    """Possible ends according to the header, in seconds, the earliest first. They are used to
    detect truncated files."""
    variable_rate: bool = False
    """Whether the durations of frames differ."""
    crop: Crop | None = None
    """Cropping that the container states; None if it states none."""
    sample_aspect_ratio: Fraction | None = None
    """Width over height of a pixel; None for square pixels."""
    rotation_degrees: int = 0
    """Counterclockwise rotation for display, 0 to 359."""
    display_matrix: tuple[int, ...] | None = None
    """FFmpeg's 3x3 display matrix, row by row; None if the stream has none."""
    field_order: int = PROGRESSIVE
    """FFmpeg's `AVFieldOrder`: 0 unknown, 1 progressive, above 1 interlaced."""
    interlaced: bool = False
    """Whether the first frame is flagged as interlaced."""
    timecode: str | None = None
    """SMPTE timecode of the first frame."""
    reel: str | None = None
    """Name of the reel or tape that the film was captured from."""
    language: str | None = None
    side_data: tuple[str, ...] = ()
    """Types of the side data of sampled frames, such as ``A53_CC`` (closed captions)."""
    hdr_metadata: HdrMetadata = field(default_factory=HdrMetadata)
    """Static HDR metadata of sampled frames."""

    @property
    def quarter_turns(self) -> int:
        """Counterclockwise quarter turns that display the frame upright. Mirroring is ignored.

        FFmpeg's display matrix maps stored (p, q) to q' = b p + d q. The signs of b and d therefore
        show which stored edge is displayed on top.
        """
        if self.display_matrix is None:
            return round(self.rotation_degrees / 90) % 4
        b, d = self.display_matrix[1], self.display_matrix[4]
        if abs(d) >= abs(b):
            return 0 if d >= 0 else 2
        return 3 if b > 0 else 1

    @property
    def geometry(self) -> Geometry:
        """The stored size, the pixel aspect ratio and the rotation for display."""
        aspect = float(self.sample_aspect_ratio or 1)
        return Geometry(self.width, self.height, aspect, self.quarter_turns)

    @property
    def displayed_size(self) -> tuple[int, int]:
        """Width and height as displayed, in square pixels."""
        aspect = self.sample_aspect_ratio or 1
        return rotate_size((round(self.width * aspect), self.height), self.quarter_turns)

    @property
    def start_s(self) -> Fraction:
        """Timestamp of the first frame, in seconds."""
        return (self.start_pts or 0) * self.time_base

    def timecode_at(self, pts: int) -> Timecode | None:
        """Return the timecode of the frame at a PTS; None if the video has none that is valid."""
        if self.timecode is None or self.rate is None:
            return None
        try:
            code = Timecode.parse(self.timecode, self.rate)
        except ValueError:
            return None
        return code + round((pts - (self.start_pts or 0)) * self.time_base * self.rate)

    @property
    def estimated_num_frames(self) -> int | None:
        """Expected number of frames, for progress display only."""
        if self.num_frames:
            return self.num_frames
        if self.duration_s and self.rate:
            return max(1, round(self.duration_s * self.rate))
        return None


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """The result of probing a film."""

    path: Path
    container: str
    """FFmpeg's name of the demuxer, e.g. ``matroska,webm``."""
    duration_s: float | None
    """Duration of the container in seconds; None if unknown."""
    video: VideoInfo
    streams: tuple[StreamInfo, ...]
    """All streams, including the video."""
    num_chapters: int
    origin_s: Fraction = Fraction(0)
    """Timestamp that becomes 0 in a result, in seconds."""
    tags: dict[str, str] = field(default_factory=dict)
    """Metadata of the container."""
    declares_rate: bool = True
    """False if the frame rate of an image sequence, or of a raw stream, is assumed."""


def probe(path: Path, start_s: Fraction | None = None) -> MediaInfo:
    """Read the header and the first frame of a film.

    The properties of the video may change within a film. They are those of the first frame from
    `start_s` on, in seconds since the start of the film, if there is one.

    Raises:
        InputError: the file cannot be read, or has no video stream or no decodable frame.
    """
    with open_input(path) as container:
        stream = find_video_stream(container, path)
        crop = read_crop(path, container, stream)
        first = _decode_first_frame(container, stream, crop, start_s)
        if first is None:
            if start_s is not None:  # The reader reports that no frame follows.
                return probe(path)
            raise InputError(f"{path}: no frame can be decoded; the file may be empty or truncated")
        first_frame, aspect = first
        frames = sample_frames(container, stream, first_frame, crop)
        return MediaInfo(
            path=path,
            container=find_converted_format(path) or container.format.name,
            duration_s=get_container_duration_s(container),
            video=_describe_video(path, container, stream, frames, crop, aspect),
            streams=tuple(describe_stream(s) for s in container.streams),
            num_chapters=len(container.chapters()),
            origin_s=find_origin_s(container),
            tags=dict(container.metadata),
            declares_rate=not _is_raw(stream) or bool(stream.codec_context.framerate),
        )


def _decode_first_frame(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    crop: Crop | None,
    start_s: Fraction | None,
) -> tuple[av.VideoFrame, Fraction] | None:
    """Return the first frame, and the pixel aspect ratio when it was decoded."""
    time_base, rate = Fraction(stream.time_base or 0), _frame_rate(stream)
    origin = (stream.start_time or 0) * time_base
    start = None if start_s is None else origin + start_s
    decoder = VideoDecoder(container, stream, start_s=start, crop=crop)
    next_time = origin
    for frame in decoder.frames():
        time = next_time if frame.pts is None else frame.pts * time_base  # as in raw streams
        if start is None or time >= start:
            return frame, decoder.sample_aspect_ratio
        next_time = time + (1 / rate if rate else 0)
    return None


def _describe_video(
    path: Path,
    container: av.container.InputContainer,
    stream: av.VideoStream,
    frames: list[av.VideoFrame],
    crop: Crop | None,
    aspect: Fraction,
) -> VideoInfo:
    first_frame, rate = frames[0], _frame_rate(stream)
    context = stream.codec_context
    layout = get_pixel_layout(first_frame.format.name)
    tags = ColorTags(
        range=int(first_frame.color_range) or int(context.color_range or 0),
        primaries=_first_specified(first_frame.color_primaries, context.color_primaries),
        transfer=_first_specified(first_frame.color_trc, context.color_trc),
        matrix=_first_specified(first_frame.colorspace, context.colorspace),
    )
    time_base = Fraction(stream.time_base) if stream.time_base else Fraction(1, 1000)
    # The matrix tag of R'G'B' is the identity, which the Y'CbCr output cannot have.
    tagged_matrix = get_matrix(tags.matrix) if layout.kind != "rgb" else None
    return VideoInfo(
        index=stream.index,
        codec=find_converted_format(path) or context.codec.canonical_name,
        width=first_frame.width,
        height=first_frame.height,
        layout=layout,
        coding=Coding(layout.luma_bits, is_full_range(layout, tags.range)),
        matrix=tagged_matrix or get_default_matrix(first_frame.width, first_frame.height),
        tags=tags,
        time_base=time_base,
        rate=rate,
        start_pts=stream.start_time,
        duration_s=get_stream_duration_s(stream) or get_container_duration_s(container),
        declared_ends_s=find_declared_ends_s(container, stream),
        variable_rate=_has_variable_frame_rate(stream),
        num_frames=stream.frames,
        crop=crop,
        sample_aspect_ratio=aspect if aspect not in (0, 1) else None,
        rotation_degrees=first_frame.rotation % 360,
        display_matrix=read_display_matrix(first_frame),
        field_order=get_field_order(context, first_frame),
        interlaced=bool(first_frame.interlaced_frame),
        timecode=find_timecode(path, container, stream, rate)
        or find_camera_timecode(frames, stream, rate),
        reel=find_reel(container, stream),
        tint=measure_tint(frames),
        is_transparent=_is_transparent(stream, layout, frames),
        language=stream.metadata.get("language"),
        side_data=tuple(sorted(set().union(*map(list_side_data, frames)))),
        hdr_metadata=read_hdr_metadata(frames),
    )


def _is_transparent(
    stream: av.VideoStream, layout: PixelLayout, frames: list[av.VideoFrame]
) -> bool:
    has_alpha_layer = stream.metadata.get("alpha_mode", "0") != "0"  # Matroska, WebM
    return has_alpha_layer or (layout.alpha and has_transparent_pixels(frames))


def _first_specified(*tags: Any) -> int:
    """Return the first H.273 code that is neither None nor "unspecified"."""
    codes = (int(tag) for tag in tags if tag is not None)
    return next((code for code in codes if code != UNSPECIFIED), UNSPECIFIED)


def is_full_range(layout: PixelLayout, range_tag: int) -> bool:
    """Return whether luma is full range, by FFmpeg's `AVColorRange` of its frame.

    R'G'B' and untagged gray are full range. Untagged Y'CbCr is limited range.
    """
    if layout.kind == "rgb" or layout.full_range:
        return True
    if range_tag == 0:
        return layout.kind == "gray"
    return range_tag == FULL_RANGE


def _frame_rate(stream: av.VideoStream) -> Fraction | None:
    """Return the average frame rate, or the guessed rate if the average is implausible."""
    average, guessed = Fraction(stream.average_rate or 0), Fraction(stream.guessed_rate or 0)
    # The raw DV demuxer reports its clock rate as the average frame rate, GXF states fields, and
    # the demuxers of raw streams report their default, 25.
    is_wrong = stream.container.format.name == "gxf" or _is_raw(stream)
    if is_wrong or average > MAX_PLAUSIBLE_RATE >= guessed:
        average = guessed or average
    # FLV has no average, which FFmpeg then computes from timestamps in milliseconds.
    for rate in (average, guessed):
        exact = find_exact_rate(rate)
        if is_common_rate(exact) and abs(exact - average) <= _MAX_AVERAGE_ERROR * average:
            return exact
    return average or guessed or None


def _is_raw(stream: av.VideoStream) -> bool:
    """Return whether the file is a raw stream without timestamps, such as ``.h264`` or ``.m2v``."""
    flag: Any = av.format.Flags.no_timestamps.value
    return bool(stream.container.format.flags & flag)


def _has_variable_frame_rate(stream: av.VideoStream) -> bool:
    """Return whether frame durations differ, by the index of the container or else its header."""
    timestamps = sorted(e.timestamp for e in stream.index_entries)
    # The index of Matroska, FLV and MPEG files has keyframes only.
    if stream.frames and 2 * len(timestamps) >= stream.frames and len(timestamps) > 2:
        # Rounding changes the timestamps of a constant rate, for example to 33 and 34 ms.
        steps = np.diff(timestamps)
        return bool(steps.max() - steps.min() > max(1, 0.1 * float(np.median(steps))))
    average, guessed = float(_frame_rate(stream) or 0), float(stream.guessed_rate or 0)
    return bool(average and guessed and abs(average - guessed) > 0.01 * guessed)


def read_display_matrix(frame: av.VideoFrame) -> tuple[int, ...] | None:
    """Return FFmpeg's 3x3 display matrix of a frame, row by row; None if it has none."""
    matrix = get_side_data(frame).get(SideDataType.DISPLAYMATRIX)
    if matrix is None:
        return None
    return tuple(int(v) for v in np.frombuffer(bytes(matrix), np.int32))


def describe_stream(stream: av.stream.Stream) -> StreamInfo:
    """Summarize a stream for plans, warnings and `vidcolor probe`."""
    metadata, context = stream.metadata, stream.codec_context
    if context:
        codec = context.codec.canonical_name
    else:  # PyAV has no decoder for data and attachments.
        codec = str(getattr(stream, "name", None) or metadata.get("mimetype") or "unknown")
    detail = ""
    if stream.type == "audio" and context:
        audio: Any = context
        detail = f"{audio.sample_rate} Hz, {audio.layout.name}"
    elif stream.type == "data":
        detail = metadata.get("timecode", metadata.get("handler_name", ""))
    return StreamInfo(
        index=stream.index,
        kind=stream.type or "data",
        codec=codec,
        language=metadata.get("language"),
        title=metadata.get("title") or metadata.get("name") or metadata.get("filename"),
        is_cover_art=stream.type == "video" and is_cover_art(stream),
        detail=detail,
        roles=tuple(role for role in ROLES if stream.disposition & av.stream.Disposition[role]),
    )
