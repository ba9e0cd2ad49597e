"""Decisions whether and how the streams of a film are kept, before work starts.

To find out which streams a container supports, they are added to an output in memory.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.stream import Discard

from vidcolor.media.demux import (
    PROBE_SIZE,
    demux_packets,
    find_video_stream,
    is_raw_dv,
    open_input,
)
from vidcolor.media.ffmpeg_cli import can_copy_stream
from vidcolor.media.pcm import MAX_UNNAMED_S, PcmFormat, add_pcm_stream, get_channel_layout
from vidcolor.media.probe import StreamInfo, describe_stream
from vidcolor.media.source_timecode import find_data_format
from vidcolor.media.streams import (
    COVER_TYPES,
    StreamDecision,
    add_stream_copy,
    add_trial_stream,
)

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.media.containers import Container
    from vidcolor.options import Sound

_TEXT_SUBTITLES = ("subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text")
_CODEC_LABELS = {"eia_608": "EIA-608 captions (c608)"}
"""Names in messages, where FFmpeg's name of the codec is not the common one."""
_24_BIT_CODECS = ("pcm_s24", "pcm_dvd", "pcm_bluray", "s302m", "truehd", "mlp", "dca", "dts")
"""Prefixes of the names of lossless codecs with at most 24 bits. Lossy DTS decodes to floats."""
_LINEAR_PCM = ("pcm_s", "pcm_u", "pcm_f")
"""Prefixes of the names of PCM codecs, without those that compress."""
_COMMON_RATE = 48000
"""Sample rate that every container supports. MXF supports no other."""
_PROBED_AUDIO_S = 2
"""Duration of the audio in which samples with more than 24 bits are searched, in seconds."""


def plan_streams(
    path: Path, container: Container, sound: Sound | None = None
) -> tuple[StreamDecision, ...]:
    """Decide for every stream of a film except its video whether a container supports it.

    `sound` is that of `ColorizeOptions`.

    Raises:
        InputError: the film cannot be read or has no video stream.
    """
    with open_input(path) as source:
        video = find_video_stream(source, path)
        others = [s for s in source.streams if s.index != video.index]
        return tuple(_decide(path, s, video, container, sound) for s in others)


def _decide(
    path: Path,
    stream: av.stream.Stream,
    video: av.VideoStream,
    container: Container,
    sound: Sound | None,
) -> StreamDecision:
    info, muxer = describe_stream(stream), container.muxer
    if info.kind == "attachment":
        if "attachments" in container.holds:
            return StreamDecision(info, True, "copied")
        return StreamDecision(info, False, f"{muxer} does not support attachments")
    if info.kind == "data":
        return _decide_data(path, stream, info, container)
    if info.is_cover_art:
        return _decide_cover_art(stream, info, container)
    if info.kind == "video":
        note = "second video stream; only the largest is colorized and kept"
        return StreamDecision(info, False, note)
    copy = _decide_copy(path, stream, info, video, container)
    if isinstance(stream, av.AudioStream):
        decision = _decide_audio(stream, copy, container, sound)
        if container.max_audio_offset_s is not None and decision.kept and _is_longer(stream, video):
            note = f"{decision.note}; audio before or after the video is left out"
            decision = replace(decision, note=f"{note}, because {muxer} does not support it")
        return decision
    if not copy.kept and info.codec in _TEXT_SUBTITLES and container.subtitle_format:
        note = f"converted from {info.codec} to {container.subtitle_format[0]}"
        return StreamDecision(info, True, note, method="convert")
    return copy


def _decide_cover_art(
    stream: av.stream.Stream, info: StreamInfo, container: Container
) -> StreamDecision:
    """Decide about cover art, which some containers store as an attachment and some as a stream."""
    is_supported = "cover art" in container.holds and info.codec in COVER_TYPES
    if is_supported and "attachments" not in container.holds:
        is_supported = _try_copy(stream, info.codec, container) is None
    if is_supported:
        return StreamDecision(info, True, "cover art, copied")
    return StreamDecision(info, False, f"{container.muxer} does not support {info.codec} cover art")


def _decide_copy(
    path: Path,
    stream: av.stream.Stream,
    info: StreamInfo,
    video: av.VideoStream,
    container: Container,
) -> StreamDecision:
    """Decide whether audio or subtitles can be copied."""
    muxer, limit_s = container.muxer, container.max_audio_offset_s
    error = _try_copy(stream, info.codec, container)
    # PyAV has no properties of a stream whose codec FFmpeg does not know, such as APAC of iPhones.
    is_known = stream.codec_context is not None
    audio = stream if isinstance(stream, av.AudioStream) and is_known else None
    if audio and info.codec.startswith("pcm_") and get_channel_layout(audio, container) is None:
        error = f"{muxer} does not support PCM whose channels have no known order"
    offset_s = _start_offset_s(stream, video)
    if error is None and limit_s is not None and abs(offset_s) > limit_s:
        note = f"starts {offset_s:+.2f} s from the video; {muxer} cannot signal the offset"
        return StreamDecision(info, False, note)
    if error is None:
        return StreamDecision(info, True, "copied")
    if audio and not audio.sample_rate:
        note = "its parameters are unknown: FFmpeg did not find them in the first "
        return StreamDecision(info, False, f"{note}{PROBE_SIZE // 10**6} MB or 60 s")
    can_append = info.kind == "audio" and container.appends_audio
    if can_append and can_copy_stream(path, stream.index, muxer):
        return StreamDecision(info, True, "copied", method="append")
    return StreamDecision(info, False, error)


def _decide_audio(
    stream: av.AudioStream, copy: StreamDecision, container: Container, sound: Sound | None
) -> StreamDecision:
    """Convert audio to PCM if the user wants that, or if it cannot be copied."""
    info = copy.stream
    if sound == "drop":
        return StreamDecision(info, False, "left out (--sound drop)")
    if stream.codec_context is None:
        return copy
    # Where a container cannot signal an offset, decoded audio is aligned with the first frame.
    must_align = container.max_audio_offset_s is not None
    is_copied = copy.kept and not must_align
    is_pcm = info.codec.startswith(_LINEAR_PCM) and not _may_change_rate(stream)
    if is_copied and (sound != "pcm" or is_pcm):
        return copy
    formats = _list_pcm_formats(stream, container)
    pcm = next((f for f in formats if _supports_pcm(container, f)), None)
    is_same = pcm is not None and (pcm.codec, pcm.rate) == (info.codec, stream.sample_rate)
    if sound == "copy" and not (must_align and is_same):
        remedy = "" if copy.kept or pcm is None else "; leave out --sound copy to convert it to PCM"
        return StreamDecision(info, copy.kept, f"{copy.note}{remedy}", copy.method)
    if pcm is None:
        if sound == "pcm" and copy.kept:
            note = f"copied as {info.codec}; {container.muxer} does not support PCM"
            return StreamDecision(info, True, note, copy.method)
        return copy
    note = _describe_pcm(stream, pcm, is_rounded=pcm.codec != formats[0].codec)
    if sound == "pcm" and not is_same:
        note += " (--sound pcm)"
    elif not copy.kept and pcm.codec != info.codec:
        codec = stream.codec_context.codec.canonical_name
        note += f", because {container.muxer} does not support {codec}"
    elif pcm.rate != stream.sample_rate:
        note += f", because {container.muxer} does not support {stream.sample_rate} Hz"
    return StreamDecision(info, True, note, method="pcm", pcm=pcm)


def _may_change_rate(stream: av.AudioStream) -> bool:
    """Return whether the sample rate of PCM may change within the film."""
    container: Any = stream.container
    return any(is_raw_dv(container, video) for video in container.streams.video)


def _describe_pcm(stream: av.AudioStream, pcm: PcmFormat, is_rounded: bool) -> str:
    codec = stream.codec_context.codec.canonical_name
    rate, is_resampled = stream.sample_rate, pcm.rate != stream.sample_rate
    if codec == pcm.codec and not is_resampled:
        return "copied"
    changes = [
        (codec != pcm.codec, f"converted from {codec} to {pcm.codec}"),
        (is_resampled, f"resampled from {rate} to {pcm.rate} Hz"),
        (is_rounded, "rounded to 24 bits"),
    ]
    return ", ".join(text for applies, text in changes if applies)


def _list_pcm_formats(stream: av.AudioStream, container: Container) -> list[PcmFormat]:
    """Return PCM formats of the sample rate, and the depth of the source, and then lesser ones.

    Lossy codecs have no depth and are converted to 24 bits.
    """
    layout = get_channel_layout(stream, container) if stream.sample_rate else None
    if layout is None:
        return []
    kind, codec = stream.format.name.removesuffix("p"), stream.codec_context.codec
    is_deep = codec.lossless and not codec.name.startswith(_24_BIT_CODECS)
    codecs = ["pcm_s24le"]
    if codec.lossless and kind in ("u8", "s16"):
        codecs = ["pcm_s16le"]
    elif is_deep and kind in ("flt", "dbl"):
        codecs.insert(0, "pcm_f32le" if kind == "flt" else "pcm_f64le")
    elif is_deep and _has_more_than_24_bits(stream):
        codecs.insert(0, "pcm_s32le")
    rates = dict.fromkeys((stream.sample_rate, _COMMON_RATE))
    return [PcmFormat(codec, rate, layout) for codec in codecs for rate in rates]


def _has_more_than_24_bits(stream: av.AudioStream) -> bool:
    """Return whether a stream that decodes to 32-bit integers uses the low 8 bits."""
    if stream.codec_context.name.startswith("pcm_s32"):
        return True
    num_samples, is_silent = 0, True
    source: Any = stream.container
    for packet in demux_packets(source, [stream]):
        if packet.stream is not stream:
            continue
        with contextlib.suppress(av.FFmpegError):
            for frame in stream.decode(packet):
                for plane in frame.planes[: stream.channels]:
                    samples = np.frombuffer(plane, np.int32)[: frame.samples]
                    if (samples & 0xFF).any():
                        return True
                    is_silent = is_silent and not samples.any()
                num_samples += frame.samples
        if num_samples > _PROBED_AUDIO_S * stream.sample_rate:
            break
    return is_silent  # The depth of silence is unknown.


def _supports_pcm(container: Container, pcm: PcmFormat) -> bool:
    with contextlib.suppress(av.FFmpegError, ValueError):
        output = av.open(io.BytesIO(), "w", format=container.muxer)
        with contextlib.suppress(av.FFmpegError):  # MXF without a frame fails at its footer.
            if container.trial_encoder:
                add_trial_stream(output, container)
            add_pcm_stream(output, pcm)
            output.start_encoding()
            return True
    return False


def _is_longer(stream: av.AudioStream, video: av.VideoStream) -> bool:
    """Return whether audio starts before the video or ends after it, according to the header."""
    offset_s = _start_offset_s(stream, video)
    if offset_s < -MAX_UNNAMED_S or not stream.duration or not video.duration:
        return offset_s < -MAX_UNNAMED_S
    length_s = float(stream.duration * Fraction(stream.time_base or 0))
    video_length_s = float(video.duration * Fraction(video.time_base or 0))
    return offset_s + length_s > video_length_s + MAX_UNNAMED_S


def _start_offset_s(stream: av.stream.Stream, video: av.VideoStream) -> float:
    """Return the start time of a stream relative to the video, in seconds."""
    if stream.start_time is None or video.start_time is None:
        return 0.0
    start_s = stream.start_time * Fraction(stream.time_base or 0)
    return float(start_s - video.start_time * Fraction(video.time_base or 0))


def _decide_data(
    path: Path, stream: av.stream.Stream, info: StreamInfo, container: Container
) -> StreamDecision:
    """Decide about a data stream. Muxers write timecode and chapter titles without its packets."""
    sample_format = find_data_format(path, stream)
    if "timecode" in stream.metadata and sample_format in (None, "tmcd"):
        if "timecode" in container.holds:
            return StreamDecision(info, True, "timecode, rewritten")
        return StreamDecision(info, False, f"{container.muxer} does not support timecode")
    # FFmpeg converts the tracks with chapter titles of MP4 and MOV to chapters and discards them.
    if stream.discard == Discard.all and stream.container.chapters():
        return StreamDecision(info, True, "chapter titles, rewritten")
    handler = stream.metadata.get("handler_name")
    note = f"{sample_format or info.codec} data cannot be copied"
    return StreamDecision(info, False, f"{note} ({handler})" if handler else note)


def _try_copy(stream: av.stream.Stream, codec: str, container: Container) -> str | None:
    """Add a stream to an output in memory. Return the error message, or None on success."""
    muxer, label = container.muxer, _CODEC_LABELS.get(codec, codec)
    try:
        output = av.open(io.BytesIO(), "w", format=muxer)
    except ValueError:
        return f"{muxer} supports video only"
    try:
        if stream.type == "subtitle" and "subtitles" not in container.holds:
            return f"{muxer} does not support {label}"
        if container.trial_encoder:
            add_trial_stream(output, container)
        add_stream_copy(output, stream, container)
        output.start_encoding()
    except (av.FFmpegError, ValueError) as error:
        if "format does not support" in str(error):
            return f"{muxer} does not support {label}"
        if stream.codec_context is None:  # such as teletext
            return f"FFmpeg has no decoder for this {stream.type}, and PyAV cannot copy it"
        remedy = "" if muxer == "matroska" else "; use .mkv, which supports most codecs"
        return f"{muxer} rejects this {label} stream{remedy}"
    finally:
        with contextlib.suppress(av.FFmpegError):  # MXF without a frame fails at its footer.
            output.close()
    return None
