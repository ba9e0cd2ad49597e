"""What is in a film: read once, before anything is decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type as SideDataType

from vidcolor.color.tint import Tint
from vidcolor.color.ycbcr import Coding, Matrix, guess_matrix, matrix_from_code
from vidcolor.errors import InputError
from vidcolor.media.frames import PixelLayout, pixel_layout
from vidcolor.media.tint import measure_tint

UNSPECIFIED = 2
"""H.273 code of a primaries, transfer or matrix tag that says nothing."""
FULL_RANGE = 2
LIMITED_RANGE = 1
PLAUSIBLE_RATE = 240
"""Frames a second above which a container's average is doubted."""

_TEXT_DEMUXERS = ("tty", "bin", "xbin", "adf", "idf")
"""FFmpeg's renderers of text and text art, which take nearly any file for a film."""


@dataclass(frozen=True, slots=True)
class ColorTags:
    """H.273 codes as found in the source; 2 (range: 0) where it says nothing."""

    range: int
    primaries: int
    transfer: int
    matrix: int


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream of the source."""

    index: int
    kind: str
    """video, audio, subtitle, data or attachment."""
    codec: str
    language: str | None
    title: str | None
    cover: bool = False
    """A picture attached to the film (cover art), not its moving picture."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The picture stream that is colored."""

    index: int
    codec: str
    width: int
    height: int
    layout: PixelLayout
    coding: Coding
    """Depth and range of the luma that is taken from it."""
    matrix: Matrix
    """The source's matrix, or the one that players assume of its size."""
    tags: ColorTags
    time_base: Fraction
    rate: Fraction | None
    """Average frame rate; only for display and for tags, never for timing."""
    start_pts: int | None
    duration_s: float | None
    stated_end_s: float | None
    """Where this stream itself, not only the container, says that it ends; to notice cut files."""
    variable_rate: bool
    num_frames: int
    """As the container states; 0 if it does not."""
    sample_aspect_ratio: Fraction | None
    rotation_degrees: int
    """Counter-clockwise turn for display, 0-359."""
    display_matrix: tuple[int, ...] | None
    field_order: int
    interlaced: bool
    timecode: str | None
    tint: Tint
    language: str | None = None

    @property
    def quarter_turns(self) -> int:
        """Counter-clockwise quarter turns that bring the right edge up; mirroring is ignored.

        FFmpeg's display matrix maps stored (p, q) to q' = b p + d q, so the signs of b and d tell
        which stored edge is shown on top.
        """
        if self.display_matrix is None:
            return round(self.rotation_degrees / 90) % 4
        b, d = self.display_matrix[1], self.display_matrix[4]
        if abs(d) >= abs(b):
            return 0 if d >= 0 else 2
        return 3 if b > 0 else 1

    @property
    def estimated_frames(self) -> int | None:
        """Frames to expect, for progress alone."""
        if self.num_frames:
            return self.num_frames
        if self.duration_s and self.rate:
            return max(1, round(self.duration_s * self.rate))
        return None


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What probing saw of a film."""

    path: Path
    container: str
    """FFmpeg's name of the demuxer, e.g. ``matroska,webm``."""
    duration_s: float | None
    video: VideoInfo
    streams: tuple[StreamInfo, ...]
    num_chapters: int
    tags: dict[str, str] = field(default_factory=dict)


def open_source(path: Path, **options: Any) -> av.container.InputContainer:
    """Open a film for reading, or raise InputError in one line that says why not."""
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path}: is a directory; name a film, or give the directory by itself")
    try:
        container = _open(path, **options)
    except av.FFmpegError as error:
        raise InputError(
            f"{path}: not a film that FFmpeg can read ({error.strerror}); "
            "check that it is complete and really a video file"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror or error})") from error
    if container.format.name in _TEXT_DEMUXERS:
        container.close()
        raise InputError(f"{path}: is text, which FFmpeg would film; name a real film")
    return container


def _open(path: Path, **options: Any) -> av.container.InputContainer:
    opening: Any = av.open
    name = str(path.absolute())  # FFmpeg takes what stands before a colon for a protocol
    try:
        container = opening(name, metadata_errors="replace", **options)
    except TypeError:  # PyAV 19 has no metadata_errors any more
        container = opening(name, **options)
    opened: av.container.InputContainer = container
    return opened


def probe(path: Path) -> MediaInfo:
    """Read a film's description and its first frame.

    Raises:
        InputError: not readable, no video stream, or no frame that decodes.
    """
    with open_source(path) as container:
        stream = picture_stream(container, path)
        first = _first_frame(container, stream, path)
        tint = measure_tint(container, stream, first)
        return MediaInfo(
            path=path,
            container=container.format.name,
            duration_s=container.duration / av.time_base if container.duration else None,
            video=_video_info(stream, first, tint),
            streams=tuple(describe_stream(s) for s in container.streams),
            num_chapters=len(container.chapters()),
            tags=dict(container.metadata),
        )


def picture_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """The moving picture: the largest video stream that is no cover art."""
    films = [s for s in container.streams.video if not is_cover(s)]
    if not films:
        kinds = sorted({"cover art" if s.type == "video" else s.type for s in container.streams})
        kinds = kinds or ["nothing"]
        raise InputError(f"{path}: has no video stream to color (found: {', '.join(kinds)})")
    return max(films, key=lambda s: (s.codec_context.width or 0) * (s.codec_context.height or 0))


def is_cover(stream: av.stream.Stream) -> bool:
    """Whether a video stream is an attached picture."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _first_frame(
    container: av.container.InputContainer, stream: av.VideoStream, path: Path
) -> av.VideoFrame:
    try:
        for packet in container.demux(stream):
            try:
                for frame in packet.decode():
                    return frame
            except av.InvalidDataError:
                continue
    except av.FFmpegError as error:
        raise InputError(f"{path}: cannot be decoded ({error.strerror})") from error
    raise InputError(f"{path}: holds no frame that decodes; the file may be empty or cut off")


def _video_info(stream: av.VideoStream, first: av.VideoFrame, tint: Tint) -> VideoInfo:
    context = stream.codec_context
    layout = pixel_layout(first.format.name)
    tags = _color_tags(context, first)
    time_base = Fraction(stream.time_base) if stream.time_base else Fraction(1, 1000)
    sar = Fraction(stream.sample_aspect_ratio or context.sample_aspect_ratio or 0)
    known = matrix_from_code(tags.matrix) if layout.kind != "rgb" else None
    own_duration = _own_duration(stream, time_base)
    whole = _whole_duration(stream)
    start = (stream.start_time or 0) * time_base
    return VideoInfo(
        index=stream.index,
        codec=context.codec.canonical_name,
        width=first.width,
        height=first.height,
        layout=layout,
        coding=Coding(layout.luma_bits, _is_full_range(layout, tags)),
        matrix=known or guess_matrix(first.width, first.height),
        tags=tags,
        time_base=time_base,
        rate=_frame_rate(stream),
        start_pts=stream.start_time,
        duration_s=own_duration or (whole / av.time_base if whole else None),
        stated_end_s=own_duration if own_duration is None else own_duration + float(start),
        variable_rate=_has_variable_rate(stream),
        num_frames=stream.frames,
        sample_aspect_ratio=sar if sar not in (0, 1) else None,
        rotation_degrees=first.rotation % 360,
        display_matrix=_display_matrix(first),
        field_order=int(context.field_order),
        interlaced=bool(first.interlaced_frame),
        timecode=_timecode(stream),
        tint=tint,
        language=stream.metadata.get("language"),
    )


def _color_tags(context: av.VideoCodecContext, frame: av.VideoFrame) -> ColorTags:
    """What the frame says, and where it says nothing what the container says."""
    return ColorTags(
        range=int(frame.color_range) or int(context.color_range or 0),
        primaries=_tag(frame.color_primaries, context.color_primaries),
        transfer=_tag(frame.color_trc, context.color_trc),
        matrix=_tag(frame.colorspace, context.colorspace),
    )


def _tag(of_frame: object, of_stream: object) -> int:
    for value in (of_frame, of_stream):
        code = UNSPECIFIED if value is None else int(value)  # type: ignore[call-overload]
        if code != UNSPECIFIED:
            return int(code)
    return UNSPECIFIED


def _is_full_range(layout: PixelLayout, tags: ColorTags) -> bool:
    """Untagged gray and everything made from RGB is full range; untagged Y'CbCr is limited."""
    if layout.kind == "rgb" or layout.full_range:
        return True
    if tags.range == 0:
        return layout.kind == "gray"
    return tags.range == FULL_RANGE


def _frame_rate(stream: av.VideoStream) -> Fraction | None:
    """The average rate; raw DV states its clock's instead, and then the guessed one is right."""
    average, guessed = Fraction(stream.average_rate or 0), Fraction(stream.guessed_rate or 0)
    if average > PLAUSIBLE_RATE >= guessed:
        average = guessed
    return average or guessed or None


def _timecode(stream: av.VideoStream) -> str | None:
    """Of the first frame: MOV states it for the picture, MXF and DV for the file."""
    for tags in (stream.metadata, stream.container.metadata):
        for key, value in tags.items():
            if key.lower() == "timecode":
                return str(value)
    return None


def _own_duration(stream: av.VideoStream, time_base: Fraction) -> float | None:
    """Seconds that the stream itself claims to last."""
    if stream.duration:
        return float(stream.duration * time_base)
    stated = _parse_clock(stream.metadata.get("DURATION", ""))
    whole = _whole_duration(stream)
    if stated is None and whole and len(stream.container.streams) == 1:
        return whole / av.time_base
    return stated


def _whole_duration(stream: av.VideoStream) -> int | None:
    """Of the container, in `av.time_base`."""
    container: Any = stream.container
    duration: int | None = container.duration
    return duration


def _has_variable_rate(stream: av.VideoStream) -> bool:
    """Whether frames last differently long: by the index where there is one, else by the rates."""
    stamps = sorted(e.timestamp for e in stream.index_entries)
    if len(stamps) > 2:
        steps = np.diff(stamps)
        return bool(steps.max() - steps.min() > max(1, 0.1 * float(np.median(steps))))
    average, guessed = float(_frame_rate(stream) or 0), float(stream.guessed_rate or 0)
    return bool(average and guessed and abs(average - guessed) > 0.01 * guessed)


def _parse_clock(text: str) -> float | None:
    """Matroska's DURATION tag, ``00:01:02.345000000``, in seconds."""
    parts = text.split(":")
    try:
        hours, minutes, seconds = (float(p) for p in parts)
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds


def _display_matrix(frame: av.VideoFrame) -> tuple[int, ...] | None:
    riding: Any = frame.side_data
    try:
        side = riding.get(SideDataType.DISPLAYMATRIX)
    except ValueError:  # a kind of side data that PyAV has no name for, such as EXIF
        return None
    if side is None:
        return None
    return tuple(int(v) for v in np.frombuffer(bytes(side), np.int32))


def describe_stream(stream: av.stream.Stream) -> StreamInfo:
    """One stream in words, for plans, warnings and `vidcolor probe`."""
    meta = stream.metadata
    handler = meta.get("handler_name", "")
    title = meta.get("title") or meta.get("name") or meta.get("filename")
    codec = stream.codec_context.name if stream.codec_context else stream_codec(stream)
    detail = ""
    if stream.type == "audio":
        context: Any = stream.codec_context
        detail = f"{context.sample_rate} Hz, {context.layout.name}"
    elif stream.type == "data":
        detail = meta.get("timecode", handler)
    return StreamInfo(
        index=stream.index,
        kind=stream.type or "data",
        codec=codec,
        language=meta.get("language"),
        title=title,
        cover=stream.type == "video" and is_cover(stream),
        detail=detail,
    )


def stream_codec(stream: av.stream.Stream) -> str:
    """The codec's name where PyAV has no decoder for it (data, attachments)."""
    return str(getattr(stream, "name", None) or stream.metadata.get("mimetype") or "unknown")
