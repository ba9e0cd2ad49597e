"""Proof that an encoder will do: one picture, written and read back in memory."""

from __future__ import annotations

import contextlib
import io
import re
from fractions import Fraction
from typing import TYPE_CHECKING

import av

from vidcolor.errors import UsageError
from vidcolor.media.encode import (
    MOVFLAGS,
    MUXERS,
    EncoderPlan,
    add_picture_stream,
    mend_decode_time,
    tag_picture,
)
from vidcolor.media.ffmpeg_log import ERROR, LogLine, ffmpeg_says, quiet_stderr
from vidcolor.media.frames import plane_array
from vidcolor.media.probe import FULL_RANGE, UNSPECIFIED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidcolor.media.probe import VideoInfo


class EncoderRefusedError(Exception):
    """An encoder or container that will not do, with the reason; another one may."""


def probe_encoder(plan: EncoderPlan, video: VideoInfo) -> tuple[str, ...]:
    """Write one gray picture in memory and read it back.

    Returns:
        What the result does not say although the plan wants it said, in sentences.

    Raises:
        RefusedError: it cannot be written so, or not read again.
        UsageError: the encoder does not know an option.
    """
    memory = io.BytesIO()
    with quiet_stderr(), ffmpeg_says() as said:
        flags = {"movflags": MOVFLAGS[plan.muxer]} if plan.muxer in MOVFLAGS else {}
        scratch = av.open(memory, "w", format=plan.muxer, container_options=flags)
        try:
            stream = add_picture_stream(scratch, plan, video)
            scratch.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            _close(scratch)
            raise EncoderRefusedError(_refusal(plan, video, error, said)) from error
    unknown = sorted(stream.codec_context.options) + _unknown_parameters(said)
    if unknown:
        _close(scratch)
        names = ", ".join(unknown)
        raise UsageError(f"{plan.encoder} has no option {names}; see `ffmpeg -h encoder=…`")
    try:
        for packet in (*stream.encode(_gray(plan, video)), *stream.encode(None)):
            mend_decode_time(packet)
            scratch.mux(packet)
        scratch.close()
        memory.seek(0)
        with av.open(memory, "r") as written:
            picture = next(written.decode(video=0))
            aspect = Fraction(written.streams.video[0].sample_aspect_ratio or 0)
    except (av.FFmpegError, StopIteration) as error:
        _close(scratch)
        raise EncoderRefusedError(_refusal(plan, video, error, [])) from error
    return tuple(_unsaid(plan, video, picture, aspect))


def _close(scratch: av.container.OutputContainer) -> None:
    with contextlib.suppress(av.FFmpegError):  # an MXF without a picture has no footer
        scratch.close()


def _gray(plan: EncoderPlan, video: VideoInfo) -> av.VideoFrame:
    picture = av.VideoFrame(video.width, video.height, plan.layout.name)
    for plane in picture.planes:
        plane_array(plane, plan.layout.bits)[:] = 1 << (plan.layout.bits - 1)
    tag_picture(picture, video)
    picture.pts = 0
    picture.time_base = plan.time_base
    return picture


def _unsaid(
    plan: EncoderPlan, video: VideoInfo, picture: av.VideoFrame, aspect: Fraction
) -> Iterator[str]:
    where = f"{plan.encoder} in {plan.muxer}"
    full = picture.format.name.startswith("yuvj") or picture.color_range == FULL_RANGE
    if full != video.coding.full_range:
        kind = "full" if video.coding.full_range else "limited"
        yield (
            f"{where} cannot say that the luma is {kind} range; say so where you open the film, "
            f"or move it with --range {'limited' if kind == 'full' else 'full'}"
        )
    wanted = video.sample_aspect_ratio
    if wanted and plan.muxer == "mxf" and aspect != wanted:  # Matroska gets it from ffmpeg
        yield f"{where} cannot say that pixels are {wanted.numerator}:{wanted.denominator}"
    if int(picture.colorspace) not in (video.matrix.code, UNSPECIFIED):
        yield f"{where} cannot say that the matrix is {video.matrix.name}; its color will be off"


def _unknown_parameters(said: list[LogLine]) -> list[str]:
    """What x264 and x265 could not make sense of inside their own parameter lists."""
    found = (re.search(r"option:? '?([\w-]+)", text) for _, _, text in said)
    return [match[1] for match in found if match]


def _refusal(plan: EncoderPlan, video: VideoInfo, error: Exception, said: list[LogLine]) -> str:
    if "format does not support" in str(error):
        held = _suffixes_for(plan.encoder)
        instead = f"name the output {held}" if held else "no container that we write does"
        return f"a {plan.muxer} file cannot hold {plan.encoder}; {instead}"
    reasons = [text.strip().rstrip(".") for level, _, text in said if level <= ERROR]
    options = ", ".join(f"{k}={v}" for k, v in plan.options.items()) or "no options"
    reason = reasons[0] if reasons else getattr(error, "strerror", None) or str(error)
    return (
        f"{plan.encoder} in {plan.muxer} refuses {video.width}x{video.height} "
        f"{plan.layout.name} ({options}): {reason}; choose another --encoder or --pix-fmt"
    )


def _suffixes_for(encoder: str) -> str:
    """The file names whose container holds what an encoder makes, in words."""
    suffixes = []
    for suffix, muxer in MUXERS.items():
        with av.open(io.BytesIO(), "w", format=muxer) as scratch:
            if encoder in scratch.supported_codecs:
                suffixes.append(suffix)
    return " or ".join(suffixes)
