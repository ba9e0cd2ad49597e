"""Copy of audio, subtitles, chapters, attachments, timecode, cover art and tags to an output.

Streams are copied packet by packet. To find out which of them a container supports, they are added
to an output in memory before work starts. Text subtitles are converted if necessary, and
audio to PCM.
"""

from __future__ import annotations

import contextlib
import heapq
import io
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import av
from av.stream import Discard

from vidcolor.errors import InputError
from vidcolor.fileio import temporary_path
from vidcolor.media.demux import (
    PROBE_SIZE,
    Trim,
    find_video_stream,
    get_dts_s,
    open_input,
    read_packets,
)
from vidcolor.media.ffmpeg_cli import ExtraStreams, can_copy_stream, convert_subtitle
from vidcolor.media.pcm import add_pcm_stream, convert_to_pcm, find_pcm_codec
from vidcolor.media.probe import StreamInfo, describe_stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from vidcolor.media.containers import Container

_ENCODING_TAGS = ("duration", "encoder", "bps", "number_of_frames", "number_of_bytes")
"""Stream metadata that describes the source's encoding and is not copied."""
_FILE_TAGS = {
    # "software" is the encoder in AVI. The video stream writes the timecode.
    *("major_brand", "minor_version", "compatible_brands", "encoder", "software", "duration"),
    *("timecode", "uid", "generation_uid", "operational_pattern_ul", "company_name"),
    *("product_name", "product_uid", "product_version", "product_version_num"),
    *("application_platform", "toolkit_version_num", "modification_date"),
    *("material_package_umid", "file_package_umid"),
}
"""Tags that describe the source's file and not its content."""
_COVER_TYPES = {
    "png": ("image/png", "png"),
    "mjpeg": ("image/jpeg", "jpg"),
    "bmp": ("image/bmp", "bmp"),
    "gif": ("image/gif", "gif"),
}
"""MIME type and file name extension of cover art, by codec."""
_TEXT_SUBTITLES = ("subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text")


@dataclass(frozen=True, slots=True)
class StreamDecision:
    """The decision whether and how a stream of the source is kept."""

    stream: StreamInfo
    kept: bool
    note: str
    """How the stream is kept, or why it is not."""
    method: Literal["copy", "convert", "append", "pcm"] = "copy"
    """Copy packet by packet with the video; convert text subtitles to another codec; append by the
    ffmpeg command afterwards, because PyAV rejects some codecs that the format supports; or convert
    audio to PCM."""


def plan_streams(path: Path, container: Container) -> tuple[StreamDecision, ...]:
    """Decide for every stream of a film except its video whether a container supports it.

    Raises:
        InputError: the film cannot be read or has no video stream.
    """
    with open_input(path) as source:
        video = find_video_stream(source, path)
        others = [s for s in source.streams if s.index != video.index]
        return tuple(_decide(path, s, video, container) for s in others)


def _decide(
    path: Path, stream: av.stream.Stream, video: av.VideoStream, container: Container
) -> StreamDecision:
    info, muxer = describe_stream(stream), container.muxer
    if info.kind == "attachment":
        if "attachments" in container.holds:
            return StreamDecision(info, True, "copied")
        return StreamDecision(info, False, f"{muxer} does not support attachments")
    if info.kind == "data":
        return _decide_data(stream, info, container)
    if info.is_cover_art:
        if "cover art" in container.holds and info.codec in _COVER_TYPES:
            return StreamDecision(info, True, "cover art, copied")
        return StreamDecision(info, False, f"{muxer} does not support {info.codec} cover art")
    if info.kind == "video":
        note = "second video stream; only the largest is colorized and kept"
        return StreamDecision(info, False, note)
    offset_s, limit_s = _start_offset_s(stream, video), container.max_audio_offset_s
    if limit_s is not None and abs(offset_s) > limit_s:
        note = f"starts {offset_s:+.2f} s from the video; {muxer} cannot signal the offset"
        return StreamDecision(info, False, note)
    error = _try_copy(stream, container)
    if error is None:
        return StreamDecision(info, True, "copied")
    if isinstance(stream, av.AudioStream) and not stream.sample_rate:
        note = "its parameters are unknown: FFmpeg did not find them in the first "
        return StreamDecision(info, False, f"{note}{PROBE_SIZE // 10**6} MB or 60 s")
    can_append = info.kind == "audio" and container.appends_audio
    if can_append and can_copy_stream(path, stream.index, muxer):
        return StreamDecision(info, True, "copied", method="append")
    if info.kind == "subtitle" and info.codec in _TEXT_SUBTITLES and container.subtitle_format:
        note = f"converted from {info.codec} to {container.subtitle_format[0]}"
        return StreamDecision(info, True, note, method="convert")
    if isinstance(stream, av.AudioStream) and (codec := find_pcm_codec(stream, container)):
        note = f"converted from {info.codec} to {codec}"
        return StreamDecision(info, True, note, method="pcm")
    return StreamDecision(info, False, error)


def _start_offset_s(stream: av.stream.Stream, video: av.VideoStream) -> float:
    """Return the start time of a stream relative to the video, in seconds."""
    if stream.start_time is None or video.start_time is None:
        return 0.0
    start_s = stream.start_time * Fraction(stream.time_base or 0)
    return float(start_s - video.start_time * Fraction(video.time_base or 0))


def _decide_data(
    stream: av.stream.Stream, info: StreamInfo, container: Container
) -> StreamDecision:
    """Decide about a data stream. Muxers write timecode and chapter titles without its packets."""
    if "timecode" in stream.metadata:
        if "timecode" in container.holds:
            return StreamDecision(info, True, "timecode, rewritten")
        return StreamDecision(info, False, f"{container.muxer} does not support timecode")
    # FFmpeg converts the tracks with chapter titles of MP4 and MOV to chapters and discards them.
    if stream.discard == Discard.all and stream.container.chapters():
        return StreamDecision(info, True, "chapter titles, rewritten")
    handler = f" ({info.detail})" if info.detail else ""
    return StreamDecision(info, False, f"{info.codec} data cannot be copied{handler}")


def _try_copy(stream: av.stream.Stream, container: Container) -> str | None:
    """Add a stream to an output in memory. Return the error message, or None on success."""
    muxer = container.muxer
    codec = stream.codec_context.name if stream.codec_context else stream.type
    try:
        output = av.open(io.BytesIO(), "w", format=muxer)
    except ValueError:
        return f"{muxer} supports video only"
    try:
        if stream.type == "subtitle" and "subtitles" not in container.holds:
            return f"{muxer} does not support {codec}"
        if container.trial_encoder:
            _add_trial_stream(output, container)
        add_stream_copy(output, stream, container)
        output.start_encoding()
    except (av.FFmpegError, ValueError) as error:
        if "format does not support" in str(error):
            return f"{muxer} does not support {codec}"
        return f"{muxer} rejects this {codec} stream; use .mkv, which supports most codecs"
    finally:
        with contextlib.suppress(av.FFmpegError):  # MXF without a frame fails at its footer.
            output.close()
    return None


def add_stream_copy(
    target: av.container.OutputContainer,
    stream: av.stream.Stream,
    container: Container,
    metadata_from: av.stream.Stream | None = None,
) -> av.stream.Stream:
    """Add a stream to an output that takes the packets of a source stream.

    Disposition and metadata are those of `metadata_from`, or of `stream`.
    """
    try:
        copy: Any = target.add_stream_from_template(stream)
    except av.codec.codec.UnknownCodecError:  # PyAV has no encoder, but a copy needs none.
        copy = target.add_stream_from_template(stream, opaque=True)
    _copy_description(metadata_from or stream, copy, container)
    added: av.stream.Stream = copy
    return added


def _copy_description(stream: av.stream.Stream, copy: Any, container: Container) -> None:
    """Copy the disposition and the metadata of a stream."""
    copy.disposition = stream.disposition
    # Matroska's statistics describe the packets of the source, too.
    tags = {
        key: value
        for key, value in stream.metadata.items()
        if key.lower() not in _ENCODING_TAGS and not key.upper().startswith("_STATISTICS")
    }
    if "titles" in container.holds and "name" in tags:
        tags.setdefault("title", tags["name"])  # FFmpeg reads MOV titles as `name`.
    if "language" in tags:
        tags["language"] = container.convert_language(tags["language"])
    copy.metadata.update(tags)


def read_content_tags(path: Path) -> dict[str, str]:
    """Return the tags of a film's container that describe the film.

    Raises:
        InputError: the file cannot be opened.
    """
    with open_input(path) as source:
        return filter_content_tags(source.metadata)


def filter_content_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that describe the film and not the file."""
    return {k: v for k, v in tags.items() if k.lower() not in _FILE_TAGS}


def find_unsupported_tags(tags: Mapping[str, str], container: Container) -> list[str]:
    """Return the sorted names of the tags that a container cannot store.

    The tags are written to a file in memory and read back.
    """
    if not tags or not container.trial_encoder:
        return []
    memory = io.BytesIO()
    options = container.add_tag_options({}, tags)
    with av.open(memory, "w", format=container.muxer, container_options=options) as output:
        stream = _add_trial_stream(output, container)
        output.metadata.update(tags)
        frame = av.VideoFrame(64, 64, "yuv420p")
        frame.pts = 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    memory.seek(0)
    with av.open(memory) as written:
        stored = {key.lower() for key in written.metadata}
    return sorted(key for key in tags if key.lower() not in stored)


def _add_trial_stream(output: av.container.OutputContainer, container: Container) -> Any:
    stream: Any = output.add_stream(container.trial_encoder, rate=Fraction(25))
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    return stream


class StreamCopier:
    """Copies the other streams of a film into an output, interleaved with the video.

    It opens the source a second time, independently of the decoder. Otherwise packets of one would
    accumulate in memory while the other reads ahead. Use it as a context manager, which deletes
    the temporary files of converted subtitles.
    """

    def __init__(
        self,
        path: Path,
        decisions: tuple[StreamDecision, ...],
        shift: Fraction = Fraction(0),
        start: Fraction | None = None,
        end: Fraction | None = None,
    ) -> None:
        """Open the source. `decisions` are those of `plan_streams`; see `Trim` for the others."""
        self._path, self._decisions = path, decisions
        self._trim = Trim(shift, start, end)
        self._cleanup = contextlib.ExitStack()
        self._source = self._cleanup.enter_context(open_input(path))
        self._copies: dict[av.stream.Stream, av.stream.Stream] = {}
        self._packets: Iterator[av.Packet[Any]] = iter(())
        self._pending: av.Packet[Any] | None = None

    def __enter__(self) -> StreamCopier:
        return self

    def __exit__(self, *exc: object) -> None:
        self._cleanup.close()

    def extra_streams(self) -> ExtraStreams | None:
        """Return the streams that the ffmpeg command must append to the finished output."""
        indices = tuple(d.stream.index for d in self._decisions if d.kept and d.method == "append")
        if not indices:
            return None
        return ExtraStreams(self._path, indices, self._trim)

    def list_required_timescales(self) -> set[int]:
        """Return the timescales (ticks per second) of streams that do not start on a millisecond.

        The edit lists of MP4 and MOV store the exact start only in these timescales.
        """
        timescales = set()
        for decision in self._decisions:
            stream = self._source.streams[decision.stream.index]
            is_timed = stream.type in ("audio", "subtitle") and stream.time_base
            if not decision.kept or not is_timed:
                continue
            time_base = Fraction(stream.time_base or 1)
            start_s = (stream.start_time or 0) * time_base
            if self._trim.shift or start_s * 1000 % 1:  # The default timescale is 1000.
                timescales.add(time_base.denominator)
        return timescales

    def add_streams(
        self, target: av.container.OutputContainer, container: Container, output_path: Path
    ) -> None:
        """Add the kept streams and chapters to an output whose header is not yet written.

        Temporary files are created beside `output_path`, the file that is written.
        """
        copied, converted = [], []
        for decision in self._decisions:
            stream = self._source.streams[decision.stream.index]
            if not decision.kept or stream.type == "data" or decision.method == "append":
                continue
            if decision.method == "pcm":
                converted.append(self._add_pcm(target, decision, container))
            elif decision.method == "convert":
                converted.append(self._add_converted(target, stream, container, output_path))
            elif decision.stream.is_cover_art and "attachments" in container.holds:
                self._attach_cover_art(target, stream, decision.stream.codec)
            else:
                self._copies[stream] = add_stream_copy(target, stream, container)
                if stream.type != "attachment":  # The header contains attachments.
                    copied.append(stream)
        chapters = self._shift_chapters()
        if chapters:
            target.set_chapters(chapters)
        self._packets = heapq.merge(
            read_packets(self._source, copied, self._trim), *converted, key=get_dts_s
        )

    def _add_converted(
        self,
        target: av.container.OutputContainer,
        stream: av.stream.Stream,
        container: Container,
        output_path: Path,
    ) -> Iterator[av.Packet[Any]]:
        """Convert a subtitle stream, add it to the output and return its packets."""
        converted_path = temporary_path(
            output_path.with_name(f"{output_path.name}.subtitle{stream.index}")
        )
        self._cleanup.callback(converted_path.unlink, missing_ok=True)
        codec, muxer = container.subtitle_format or ("", "")
        convert_subtitle(self._path, stream.index, converted_path, codec, muxer)
        try:
            file = self._cleanup.enter_context(open_input(converted_path))
        except InputError:  # Some containers cannot be read back if the stream has no packets.
            return iter(())
        converted = file.streams[0]
        self._copies[converted] = add_stream_copy(target, converted, container, stream)
        return read_packets(file, [converted], self._trim)

    def _add_pcm(
        self,
        target: av.container.OutputContainer,
        decision: StreamDecision,
        container: Container,
    ) -> Iterator[av.Packet[Any]]:
        """Add a stream of PCM to the output and return its packets."""
        file = self._cleanup.enter_context(open_input(self._path))
        stream: Any = file.streams[decision.stream.index]
        codec = find_pcm_codec(stream, container)
        assert codec is not None  # It was found when the decision was made.
        added = add_pcm_stream(target, stream, codec)
        _copy_description(stream, added, container)
        self._copies[added] = added
        return convert_to_pcm(read_packets(file, [stream], self._trim), stream, added)

    def _attach_cover_art(
        self, target: av.container.OutputContainer, stream: av.stream.Stream, codec: str
    ) -> None:
        with open_input(self._path) as container:
            packet = next(p for p in container.demux(stream.index) if p.size)
        mime_type, extension = _COVER_TYPES[codec]
        name = stream.metadata.get("filename", f"cover.{extension}")
        target.add_attachment(name, mime_type, bytes(packet))

    def _shift_chapters(self) -> list[Any]:
        chapters, trim = [], self._trim
        for chapter in self._source.chapters():
            time_base = Fraction(chapter["time_base"] or 0)
            start_s, end_s = chapter["start"] * time_base, chapter["end"] * time_base
            is_mark = start_s == end_s
            start_s = start_s if trim.start is None else max(start_s, trim.start)
            end_s = end_s if trim.end is None else min(end_s, trim.end)
            # A chapter without a duration is a mark.
            if start_s < end_s or (is_mark and start_s == end_s != trim.end):
                start = int((start_s - trim.shift) / time_base)
                end = int((end_s - trim.shift) / time_base)
                chapters.append({**chapter, "start": start, "end": end})
        return chapters

    def copy_until(self, target: av.container.OutputContainer, time_s: Fraction | None) -> None:
        """Mux all packets of other streams with a DTS up to a time; None for all that remain."""
        while True:
            packet = self._pending or next(self._packets, None)
            self._pending = None
            if packet is None:
                return
            if time_s is not None and get_dts_s(packet) > time_s:
                self._pending = packet  # for the next call
                return
            packet.stream = self._copies[packet.stream]
            target.mux(packet)
