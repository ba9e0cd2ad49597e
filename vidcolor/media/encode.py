"""The picture stream of an output, as planned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import av
from av.codec.context import Flags

if TYPE_CHECKING:
    from fractions import Fraction

    from vidcolor.media.frames import PixelLayout
    from vidcolor.media.probe import VideoInfo

MOVFLAGS = {"mp4": "+write_colr", "mov": "+write_colr"}
"""Without it these say range and matrix only where primaries and transfer are known too."""

MUXERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
    ".mxf": "mxf",
}
"""Containers that a film can be written to, by suffix."""

MAX_REORDER_S = 3600
"""No picture is decoded so much earlier than it is shown."""

CONSTANT_RATE_MUXERS = ("mxf",)
_INTERLACING_ENCODERS = ("libx264", "mpeg2video", "mpeg4", "prores_ks", "dnxhd", "h264_nvenc")
_FIELD_FLAG_ENCODERS = (*_INTERLACING_ENCODERS, "ffv1")
_PROGRESSIVE = (0, 1)
FEWEST_THREADS, MOST_THREADS = 2, 16
PIXELS_PER_THREAD = 1_000_000


@dataclass(frozen=True, slots=True)
class EncoderPlan:
    """How the picture is written."""

    muxer: str
    encoder: str
    layout: PixelLayout
    options: dict[str, str]
    time_base: Fraction
    lossless_luma: bool
    """False if the user's pixel format has fewer bits than the source's luma."""
    warnings: tuple[str, ...] = field(default=())

    @property
    def constant_rate(self) -> bool:
        """Whether the container itself counts frames and knows no time stamps."""
        return self.muxer in CONSTANT_RATE_MUXERS


def add_picture_stream(
    container: av.container.OutputContainer, plan: EncoderPlan, video: VideoInfo
) -> av.VideoStream:
    """Add the picture to an output, with every tag that must be known before the header."""
    stream = container.add_stream(plan.encoder, rate=video.rate)
    if not isinstance(stream, av.VideoStream):
        raise TypeError(f"{plan.encoder} makes no pictures")
    context = stream.codec_context
    context.width, context.height = video.width, video.height
    context.pix_fmt = plan.layout.name
    context.time_base = plan.time_base
    context.options = dict(plan.options)
    context.flags |= Flags.frame_duration
    context.thread_type = "AUTO"  # PyAV's own default cuts pictures into slices
    context.thread_count = encoder_threads(video)
    if video.sample_aspect_ratio:
        context.sample_aspect_ratio = video.sample_aspect_ratio
    context.color_range = 2 if video.coding.full_range else 1
    context.colorspace = video.matrix.code
    context.color_primaries = video.tags.primaries
    context.color_trc = video.tags.transfer
    _mark_fields(context, plan, video)
    if video.display_matrix:
        stream.set_display_matrix(list(video.display_matrix))
    elif video.rotation_degrees:
        stream.set_display_rotation(video.rotation_degrees)
    return stream


def encoder_threads(video: VideoInfo) -> int:
    """Threads of an encoder; by the picture's size alone, as their number changes the last bits."""
    more = round(video.width * video.height / PIXELS_PER_THREAD)
    return min(MOST_THREADS, FEWEST_THREADS + more)


def tag_picture(picture: av.VideoFrame, video: VideoInfo) -> None:
    """Say of a picture what the stream says: ProRes writes its header from the picture."""
    picture.color_range = 2 if video.coding.full_range else 1
    picture.colorspace = video.matrix.code
    picture.color_primaries = video.tags.primaries
    picture.color_trc = video.tags.transfer


def mend_decode_time(packet: av.Packet[Any]) -> None:
    """Set a decoding time right that an encoder made up.

    In a film of one or two pictures x265 takes it from memory that it never wrote to.
    """
    if packet.dts is None or packet.pts is None:
        return
    ahead = (packet.pts - packet.dts) * (packet.time_base or 0)
    if not 0 <= ahead < MAX_REORDER_S:
        packet.dts = packet.pts


def _mark_fields(context: av.VideoCodecContext, plan: EncoderPlan, video: VideoInfo) -> None:
    if video.field_order not in _PROGRESSIVE:
        context.field_order = video.field_order
    if video.interlaced and plan.encoder in _INTERLACING_ENCODERS and marks_fields(plan):
        context.flags |= Flags.interlaced_dct | Flags.interlaced_me


def marks_fields(plan: EncoderPlan) -> bool:
    """Whether the encoded pictures say that they are interlaced; DNxHR knows whole frames only."""
    frames_only = plan.encoder == "dnxhd" and plan.options.get("profile", "").startswith("dnxhr")
    return plan.encoder in _FIELD_FLAG_ENCODERS and not frames_only
