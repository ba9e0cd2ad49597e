"""Copy of audio, subtitles, chapters, attachments, timecode, cover art and tags to an output.

Streams are copied packet by packet. Text subtitles are converted if necessary, and audio to PCM.
"""

from __future__ import annotations

import contextlib
import heapq
import io
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import av

from vidcolor.errors import InputError
from vidcolor.fileio import temporary_path
from vidcolor.media.demux import DamageReport, find_origin_s, open_input
from vidcolor.media.ffmpeg_cli import ExtraStreams, convert_subtitle
from vidcolor.media.input_formats import list_whitelists
from vidcolor.media.packets import PacketMuxer, Trim, get_dts_s, read_packets, watch_audio
from vidcolor.media.pcm import PcmFormat, add_pcm_stream, convert_to_pcm, get_channel_layout
from vidcolor.media.source_timecode import REEL_TAGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from vidcolor.media.containers import Container
    from vidcolor.media.probe import StreamInfo

_ENCODING_TAGS = (
    *("duration", "encoder", "bps", "number_of_frames", "number_of_bytes", "file_package_umid"),
)
"""Stream metadata that describes the source's encoding or file and is not copied."""
_FILE_TAGS = {
    # "software" is the encoder in AVI. The video stream writes the timecode and the reel name.
    *("major_brand", "minor_version", "compatible_brands", "encoder", "software", "duration"),
    *("timecode", *REEL_TAGS, "uid", "generation_uid", "operational_pattern_ul", "company_name"),
    *("product_name", "product_uid", "product_version", "product_version_num"),
    *("application_platform", "toolkit_version_num", "modification_date"),
    *("material_package_umid", "file_package_umid"),
}
"""Tags that describe the source's file and not its content."""
_VIDEO_TAGS = ("timecode", *REEL_TAGS, "alpha_mode", "stereo_mode", "handler_name", "vendor_id")
"""Metadata of a video stream that the writer sets, or that describes how the source is stored."""
COVER_TYPES = {
    "png": ("image/png", "png"),
    "mjpeg": ("image/jpeg", "jpg"),
    "bmp": ("image/bmp", "bmp"),
    "gif": ("image/gif", "gif"),
}
"""MIME type and file name extension of cover art, by codec."""
_SAME_IN_MP4 = {"captions": "hearing_impaired", "descriptions": "visual_impaired"}
"""Roles for which MP4 has one code with another role, so that its streams have both."""
_DECODING_MARGIN_S = Fraction(1, 10)
"""Time before the start of converted audio that is decoded, in seconds: more than one packet."""


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
    pcm: PcmFormat | None = None
    """Format of converted audio."""


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
    if isinstance(stream, av.AudioStream) and stream.codec_context.name.startswith("pcm_"):
        copy.codec_context.layout = get_channel_layout(stream, container) or stream.layout
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
    stored, _ = _store_tags(container, tags)
    return sorted(key for key in tags if key.lower() not in stored)


def find_lost_roles(stream: StreamInfo, container: Container) -> list[str]:
    """Return the roles of a stream that a container cannot store."""
    kept = set(stream.roles) & set(container.roles)
    return [r for r in stream.roles if r not in kept and _SAME_IN_MP4.get(r) not in kept]


def find_shortened_languages(languages: Iterable[str], container: Container) -> dict[str, str]:
    """Return the languages (BCP 47) that a container does not store completely.

    Returns:
        What is stored instead, by language: a code of ISO 639-2, or an empty text for nothing.
    """
    if not container.trial_encoder:
        return {}
    shortened = {}
    for tag in dict.fromkeys(languages):
        code = container.convert_language(tag)
        _, stored = _store_tags(container, {}, code)
        if code not in ("", "und") and (not stored or "-" in tag):
            shortened[tag] = stored
    return shortened


def _store_tags(
    container: Container, tags: Mapping[str, str], language: str = ""
) -> tuple[set[str], str]:
    """Write tags and the language of a stream to a file in memory, and read them back.

    Returns:
        The lowercase names of the stored tags, and the language that was stored.
    """
    memory = io.BytesIO()
    options = container.add_tag_options({}, tags)
    with av.open(memory, "w", format=container.muxer, container_options=options) as output:
        stream = add_trial_stream(output, container)
        output.metadata.update(tags)
        if language:
            stream.metadata["language"] = language
        frame = av.VideoFrame(64, 64, "yuv420p")
        frame.pts = 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    memory.seek(0)
    with av.open(memory, options=list_whitelists()) as written:
        stored = written.streams.video[0].metadata.get("language", "")
        return {key.lower() for key in written.metadata}, "" if stored == "und" else stored


def add_trial_stream(output: av.container.OutputContainer, container: Container) -> Any:
    """Add the video stream of a test file. The container must have a `trial_encoder`."""
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
        audio_start: Fraction | None = None,
        audio_end: Fraction | None = None,
        video_index: int | None = None,
    ) -> None:
        """Open the source.

        `decisions` are those of `plan_streams`. See `Trim` for `shift`, `start` and `end`.
        `audio_start` and `audio_end` are the times after the shift of the first sample and at the
        end of converted audio, which silence fills; None for those of the source. `video_index` is
        the stream that the video of the output has its metadata from; None for no metadata.
        """
        self._path, self._decisions, self._video_index = path, decisions, video_index
        self._audio_start, self._audio_end = audio_start, audio_end
        self._trim = Trim(shift, start, end)
        self._muxer = PacketMuxer(path)
        self._cleanup = contextlib.ExitStack()
        self._source = self._cleanup.enter_context(open_input(path))
        self._copies: dict[av.stream.Stream, av.stream.Stream] = {}
        self._packets: Iterator[av.Packet[Any]] = iter(())
        self._pending: av.Packet[Any] | None = None
        self._pending_dts_s: Fraction | None = None  # computed once for each packet
        self._audio_damage: dict[int, DamageReport] = {}
        """Damage of converted audio, by index of the stream."""
        self._changed_audio: set[int] = set()
        """Indices of copied audio streams whose codec, sample rate or channels change."""

    def __enter__(self) -> StreamCopier:
        return self

    def __exit__(self, *exc: object) -> None:
        self._cleanup.close()

    def describe_damage(self) -> list[str]:
        """Return messages about packets that could not be decoded, and changes of channels."""
        messages = self._muxer.describe_damage()
        messages += [
            f"audio stream {index}: its codec, sample rate or channels change in the film, which "
            "the result cannot signal; use --sound pcm"
            for index in sorted(self._changed_audio)
        ]
        for index, damage in self._audio_damage.items():
            messages += [f"audio stream {index}: {text}" for text in damage.messages]
            if damage.bad_packets:
                messages.append(
                    f"audio stream {index}: {damage.bad_packets} packet(s) could not be decoded; "
                    "they are silent in the result"
                )
        return messages

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

    def describe_video(self, stream: av.VideoStream, container: Container) -> None:
        """Set the disposition and the metadata of the video of an output.

        The writer sets what `_VIDEO_TAGS` names.
        """
        if self._video_index is None:
            return
        _copy_description(self._source.streams[self._video_index], stream, container)
        stream.disposition |= av.stream.Disposition.default  # players start with this stream
        for name in list(stream.metadata):
            if name.lower() in _VIDEO_TAGS:
                del stream.metadata[name]

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
        packets = watch_audio(read_packets(self._source, copied, self._trim), self._changed_audio)
        self._packets = heapq.merge(packets, *converted, key=get_dts_s)

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
        assert decision.pcm is not None, "a decision to convert has a format"
        added = add_pcm_stream(target, decision.pcm)
        _copy_description(stream, added, container)
        self._copies[added] = added
        trim = self._trim
        if trim.start is not None and self._audio_start is not None:
            # The samples before the start are dropped after decoding.
            trim = replace(trim, start=trim.start - _DECODING_MARGIN_S)
        packets = read_packets(file, [stream], trim)
        damage = self._audio_damage[stream.index] = DamageReport()
        start_s, end_s, is_excerpt = self._audio_start, self._audio_end, trim.end is not None
        return convert_to_pcm(packets, stream, added, start_s, end_s, damage, is_excerpt)

    def _attach_cover_art(
        self, target: av.container.OutputContainer, stream: av.stream.Stream, codec: str
    ) -> None:
        with open_input(self._path) as container:
            packet = next(p for p in container.demux(stream.index) if p.size)
        mime_type, extension = COVER_TYPES[codec]
        name = stream.metadata.get("filename", f"cover.{extension}")
        target.add_attachment(name, mime_type, bytes(packet))

    def _shift_chapters(self) -> list[Any]:
        chapters, trim, origin_s = [], self._trim, find_origin_s(self._source)
        for chapter in self._source.chapters():
            time_base = Fraction(chapter["time_base"] or 0)
            start_s, end_s = chapter["start"] * time_base, chapter["end"] * time_base
            if start_s < origin_s:  # Some programs count chapters from the start of the film.
                start_s, end_s = start_s + origin_s, end_s + origin_s
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
            packet, self._pending = self._pending or next(self._packets, None), None
            if packet is None:
                return
            self._pending_dts_s = self._pending_dts_s or get_dts_s(packet)
            if time_s is not None and self._pending_dts_s > time_s:
                self._pending = packet  # for the next call
                return
            self._pending_dts_s = None
            self._muxer.mux(target, packet, self._copies[packet.stream])
