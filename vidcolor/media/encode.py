"""Encoding: setup of the video stream of an output, and in-memory tests of encoder plans."""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av.codec.context import Flags

from vidcolor.color.ycbcr import get_matrix
from vidcolor.errors import UsageError
from vidcolor.media.containers import CONTAINERS, Container
from vidcolor.media.encoders import get_encoder
from vidcolor.media.ffmpeg_library import ERROR, LogLine, capture_ffmpeg_log, silence_stderr
from vidcolor.media.frames import view_plane
from vidcolor.media.input_formats import list_whitelists
from vidcolor.media.probe import (
    FULL_RANGE,
    LIMITED_RANGE,
    UNSPECIFIED,
    read_display_matrix,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidcolor.media.frames import PixelLayout
    from vidcolor.media.probe import VideoInfo

MAX_REORDER_DELAY_S = 3600
"""Maximum plausible time from the DTS to the PTS of a packet, in seconds."""
_NOT_INTERLACED = (0, 1)
"""FFmpeg's `AVFieldOrder` codes of unknown and progressive."""
MIN_THREADS, MAX_THREADS, PIXELS_PER_THREAD = 2, 16, 1_000_000
"""Bounds of an encoder's thread count, and the pixels of a frame for each additional thread."""


class EncoderRejectedError(Exception):
    """An encoder or a muxer rejects a plan. Another plan may work."""


@dataclass(frozen=True, slots=True)
class EncoderPlan:
    """The container, encoder and pixel format of an output video stream."""

    muxer: str
    encoder: str
    layout: PixelLayout
    options: dict[str, str]
    time_base: Fraction
    """Time base of the encoder, in seconds."""
    full_range: bool
    """Whether the encoded luma is full range."""
    lossless_luma: bool = True
    """Whether all levels of the source's luma stay distinct."""
    warnings: tuple[str, ...] = ()
    """Warnings about properties of the source that the output loses."""

    @property
    def container(self) -> Container:
        """The row of the muxer."""
        return CONTAINERS[self.muxer]


def add_video_stream(
    container: av.container.OutputContainer, plan: EncoderPlan, video: VideoInfo
) -> av.VideoStream:
    """Add the video stream to an output, with every tag that the header must contain."""
    stream = container.add_stream(plan.encoder, rate=video.rate)
    if not isinstance(stream, av.VideoStream):
        raise TypeError(f"{plan.encoder} is not a video encoder")
    # The muxer of MOV sets it by itself, but that of Matroska does not.
    stream.disposition = av.stream.Disposition.default
    context = stream.codec_context
    context.width, context.height = video.width, video.height
    context.pix_fmt = plan.layout.name
    context.time_base = plan.time_base
    context.options = dict(plan.options)
    context.flags |= Flags.frame_duration
    context.thread_type = "AUTO"  # PyAV's default, SLICE, splits frames into slices.
    # The count depends on the size alone, because it changes the output of some encoders.
    extra_threads = round(video.width * video.height / PIXELS_PER_THREAD)
    context.thread_count = min(MAX_THREADS, MIN_THREADS + extra_threads)
    if video.sample_aspect_ratio:
        context.sample_aspect_ratio = video.sample_aspect_ratio
    set_color_tags(context, video)
    if codec_tag := plan.container.codec_tags.get(context.codec.canonical_name):
        context.codec_tag = codec_tag
    if video.field_order not in _NOT_INTERLACED:
        context.field_order = video.field_order
    is_coded = get_encoder(plan.encoder).interlacing == "coded"
    if video.interlaced and is_coded and signals_interlacing(plan):
        context.flags |= Flags.interlaced_dct | Flags.interlaced_me
    if video.display_matrix:
        stream.set_display_matrix(list(video.display_matrix))
    elif video.rotation_degrees:
        stream.set_display_rotation(video.rotation_degrees)
    return stream


def set_color_tags(target: av.VideoCodecContext | av.VideoFrame, video: VideoInfo) -> None:
    """Set the color tags of a stream or frame. ProRes writes its header from those of the frame."""
    target.color_range = FULL_RANGE if video.coding.full_range else LIMITED_RANGE
    target.colorspace = video.matrix.code
    target.color_primaries = video.tags.primaries
    target.color_trc = video.tags.transfer


def fix_dts(packet: av.Packet[Any]) -> None:
    """Set an implausible DTS to the PTS.

    With one or two frames, x265 returns a DTS from uninitialized memory.
    """
    if packet.dts is None or packet.pts is None:
        return
    delay = (packet.pts - packet.dts) * (packet.time_base or 0)
    if not 0 <= delay < MAX_REORDER_DELAY_S:
        packet.dts = packet.pts


def signals_interlacing(plan: EncoderPlan) -> bool:
    """Return whether a plan can flag encoded frames as interlaced."""
    encoder = get_encoder(plan.encoder)
    progressive = encoder.progressive_profiles
    if progressive and plan.options.get("profile", "").startswith(progressive):
        return False
    return bool(encoder.interlacing)


def probe_encoder(plan: EncoderPlan, video: VideoInfo) -> tuple[str, ...]:
    """Encode one gray frame into a container in memory and decode it again.

    Returns:
        Warnings about properties of the video that the output cannot signal.

    Raises:
        EncoderRejectedError: the frame cannot be encoded, muxed or decoded.
        UsageError: the encoder does not have one of the options.
    """
    memory = io.BytesIO()
    with silence_stderr(), capture_ffmpeg_log() as log:
        options = dict(plan.container.options)
        output = av.open(memory, "w", format=plan.muxer, container_options=options)
        try:
            stream = add_video_stream(output, plan, video)
            output.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            _close(output)
            raise EncoderRejectedError(_describe_rejection(plan, video, error, log)) from error
    # The encoder removes the options that it uses from the dictionary. Unknown names in
    # x264-params and x265-params are only logged.
    logged = (re.search(r"option:? '?([\w-]+)", text) for _, _, text in log)
    unknown = sorted(stream.codec_context.options) + [match[1] for match in logged if match]
    if unknown:
        _close(output)
        raise UsageError(
            f"{plan.encoder} has no option {', '.join(unknown)}; "
            f"see `ffmpeg -h encoder={plan.encoder}`"
        )
    # Decoding shows which tags the file really has.
    try:
        for packet in (*stream.encode(_make_probe_frame(plan, video)), *stream.encode(None)):
            fix_dts(packet)
            output.mux(packet)
        output.close()
        memory.seek(0)
        with av.open(memory, "r", options=list_whitelists()) as written:
            frame = next(written.decode(video=0))
            sar = Fraction(written.streams.video[0].sample_aspect_ratio or 0)
    except (av.FFmpegError, StopIteration) as error:
        _close(output)
        raise EncoderRejectedError(_describe_rejection(plan, video, error, [])) from error
    return tuple(_find_missing_signaling(plan, video, frame, sar))


def _close(output: av.container.OutputContainer) -> None:
    with contextlib.suppress(av.FFmpegError):  # MXF without a frame fails at its footer.
        output.close()


def _make_probe_frame(plan: EncoderPlan, video: VideoInfo) -> av.VideoFrame:
    frame = av.VideoFrame(video.width, video.height, plan.layout.name)
    for plane in frame.planes:
        view_plane(plane, plan.layout.bits)[:] = 1 << (plan.layout.bits - 1)
    set_color_tags(frame, video)
    frame.pts = 0
    frame.time_base = plan.time_base
    return frame


def _find_missing_signaling(
    plan: EncoderPlan, video: VideoInfo, frame: av.VideoFrame, sar: Fraction
) -> Iterator[str]:
    """Yield a warning for each property of the video that the written frame does not have."""
    output = f"{plan.encoder} in {plan.muxer}"
    full_range = frame.format.name.startswith("yuvj") or frame.color_range == FULL_RANGE
    if full_range != video.coding.full_range:
        kind, other = ("full", "limited") if video.coding.full_range else ("limited", "full")
        yield (
            f"{output} cannot signal {kind} range luma; set the range in the player or editor, "
            f"or convert it with --range {other}"
        )
    expected = video.sample_aspect_ratio
    if expected and plan.container.aspect_ratio == "encoder" and sar != expected:
        yield (
            f"{output} cannot signal a pixel aspect ratio of "
            f"{expected.numerator}:{expected.denominator}; set it in the player or editor"
        )
    if _get_orientation(video.display_matrix) != _get_orientation(read_display_matrix(frame)):
        yield (
            f"{output} cannot signal the orientation of the picture "
            f"({_describe_orientation(video)}); set it in the player or editor"
        )
    written, weights = get_matrix(int(frame.colorspace)), (video.matrix.kr, video.matrix.kb)
    # BT.601 has two codes.
    if int(frame.colorspace) != UNSPECIFIED and (
        written is None or (written.kr, written.kb) != weights
    ):
        yield f"{output} cannot signal matrix {video.matrix.name}; players will show wrong colors"


def _get_orientation(matrix: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return the rotation and mirroring of a display matrix: its entries a, b, c and d, rounded."""
    # Values of 16 fractional bits.
    return tuple(round(matrix[n] / 65536) for n in (0, 1, 3, 4)) if matrix else (1, 0, 0, 1)


def _describe_orientation(video: VideoInfo) -> str:
    a, b, c, d = _get_orientation(video.display_matrix)
    parts = ["mirrored"] if a * d - b * c < 0 else []
    if video.quarter_turns:
        parts.append(f"turned by {90 * video.quarter_turns}° counterclockwise")
    return ", ".join(parts)


def _describe_rejection(
    plan: EncoderPlan, video: VideoInfo, error: Exception, log: list[LogLine]
) -> str:
    """Return an error message for a rejected plan, with the reason that FFmpeg logged."""
    if "format does not support" in str(error):
        extensions = " or ".join(_find_extensions(plan.encoder))
        advice = (
            f"use an output ending in {extensions}" if extensions else "choose another --encoder"
        )
        return f"{plan.encoder} is not supported in {plan.muxer}; {advice}"
    reasons = [text.strip().rstrip(".") for level, _, text in log if level <= ERROR]
    options = ", ".join(f"{k}={v}" for k, v in plan.options.items()) or "no options"
    reason = reasons[0] if reasons else getattr(error, "strerror", None) or str(error)
    return (
        f"{plan.encoder} in {plan.muxer} rejects {video.width}x{video.height} "
        f"{plan.layout.name} ({options}): {reason}; "
        "choose another --encoder, --pix-fmt or --encoder-option"
    )


def _find_extensions(encoder: str) -> Iterator[str]:
    for container in CONTAINERS.values():
        if container.extensions:
            with av.open(io.BytesIO(), "w", format=container.muxer) as output:
                if encoder in output.supported_codecs:
                    yield from container.extensions
