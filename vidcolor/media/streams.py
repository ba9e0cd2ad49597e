"""The picture's company: sound, subtitles, chapters, attachments, time code and tags.

They are copied packet for packet. What the target container cannot hold is found out by asking
its muxer, on a scratch file in memory, before any work starts. Subtitles that are text are
converted where that is what it takes.
"""

from __future__ import annotations

import contextlib
import heapq
import io
import os
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import av

from vidcolor.errors import InputError
from vidcolor.media.ffmpeg_cli import ExtraStreams, can_copy, convert_subtitle
from vidcolor.media.languages import language_for
from vidcolor.media.packets import PacketSource, decode_time
from vidcolor.media.probe import StreamInfo, describe_stream, open_source, picture_stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_STREAM_OWN_TAGS = {"duration", "encoder", "bps", "number_of_frames", "number_of_bytes"}
_NAMES_TRACKS_BY_TITLE = ("mp4", "mov", "matroska", "webm")
_ATTACHMENT_MUXERS = ("matroska",)
_COVER_TYPES = {"png": "image/png", "mjpeg": "image/jpeg", "bmp": "image/bmp", "gif": "image/gif"}
_COVER_MUXERS = ("mp4", "matroska")
MXF_OFFSET_S = 0.02
"""By how much sound may begin off the picture where the container cannot say so."""
_TEXT_SUBTITLES = ("subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text")
_SUBTITLE_FOR = {
    "mp4": ("mov_text", "mp4"),
    "mov": ("mov_text", "mp4"),
    "matroska": ("subrip", "matroska"),
    "webm": ("webvtt", "webm"),
}
"""The text subtitles that a container holds, and the container of a file with these alone."""


@dataclass(frozen=True, slots=True)
class StreamDecision:
    """What becomes of one stream."""

    stream: StreamInfo
    kept: bool
    note: str
    """How it is kept, or why it cannot be."""
    way: Literal["copy", "convert", "append"] = "copy"
    """How: packet for packet beside the picture; converted (text subtitles); or packet for packet
    by the ffmpeg command in the end, because PyAV is stricter than the format."""


def plan_streams(path: Path, muxer: str) -> tuple[StreamDecision, ...]:
    """Decide for every stream but the picture whether `muxer` can hold it."""
    with open_source(path) as source:
        picture = picture_stream(source, path)
        others = [s for s in source.streams if s.index != picture.index]
        return tuple(_fate(path, s, describe_stream(s), muxer, picture) for s in others)


def _fate(
    path: Path, stream: av.stream.Stream, info: StreamInfo, muxer: str, picture: av.VideoStream
) -> StreamDecision:
    if info.kind == "attachment":
        held = muxer in _ATTACHMENT_MUXERS
        return StreamDecision(info, held, "copied" if held else f"{muxer} holds no attachments")
    if info.kind == "data":
        return _data_fate(stream, info, muxer)
    if info.cover:
        return _cover_fate(info, muxer)
    if info.kind == "video":
        return StreamDecision(info, False, "a second picture; only the largest is colored and kept")
    late = _seconds_after(stream, picture)
    if muxer == "mxf" and abs(late) > MXF_OFFSET_S:
        return StreamDecision(
            info, False, f"begins {late:+.2f} s from the picture; mxf cannot say so"
        )
    refusal = _refusal(stream, muxer)
    if refusal is None:
        return StreamDecision(info, True, "copied")
    if info.kind == "audio" and muxer == "matroska" and can_copy(path, stream.index, muxer):
        return StreamDecision(info, True, "copied", way="append")
    if info.kind == "subtitle" and info.codec in _TEXT_SUBTITLES and muxer in _SUBTITLE_FOR:
        codec = _SUBTITLE_FOR[muxer][0]
        return StreamDecision(info, True, f"converted from {info.codec} to {codec}", way="convert")
    return StreamDecision(info, False, refusal)


def _seconds_after(stream: av.stream.Stream, picture: av.VideoStream) -> float:
    """How much later than the picture a stream begins."""
    if stream.start_time is None or picture.start_time is None:
        return 0.0
    begins = stream.start_time * Fraction(stream.time_base or 0)
    return float(begins - picture.start_time * Fraction(picture.time_base or 0))


def _cover_fate(info: StreamInfo, muxer: str) -> StreamDecision:
    """Cover art is a stream of its own in MP4 and an attachment in Matroska."""
    if muxer not in _COVER_MUXERS or info.codec not in _COVER_TYPES:
        return StreamDecision(info, False, f"{muxer} holds no cover art of type {info.codec}")
    return StreamDecision(info, True, "cover art, copied")


def _data_fate(stream: av.stream.Stream, info: StreamInfo, muxer: str) -> StreamDecision:
    """Time code is written anew from its value; chapter tracks come back with the chapters."""
    handler = stream.metadata.get("handler_name", "")
    if "timecode" in stream.metadata:
        held = muxer in ("mp4", "mov", "matroska", "mxf")
        return StreamDecision(
            info, held, "time code, written anew" if held else "no time code track"
        )
    titles = handler == "SubtitleHandler" or info.codec in ("bin_data", "text")
    if titles and stream.container.chapters():
        return StreamDecision(info, True, "chapter titles, written anew")
    return StreamDecision(info, False, f"{info.codec} data cannot be copied")


def _refusal(stream: av.stream.Stream, muxer: str) -> str | None:
    """Why the muxer will not have a stream, or None if it will."""
    codec = stream.codec_context.name if stream.codec_context else stream.type
    if muxer == "mxf" and stream.type == "subtitle":
        return f"mxf cannot hold {codec}"
    try:
        scratch = av.open(io.BytesIO(), "w", format=muxer)
    except ValueError:
        return f"{muxer} holds pictures alone"
    try:
        if muxer == "mxf":  # MXF wants a picture first
            first = scratch.add_stream("mpeg2video", rate=Fraction(25))
            first.width, first.height, first.pix_fmt = 64, 64, "yuv422p"
        copy_stream(scratch, stream, muxer)
        scratch.start_encoding()
    except (av.FFmpegError, ValueError) as error:
        if "format does not support" in str(error):
            return f"{muxer} cannot hold {codec}"
        return f"{muxer} cannot hold {codec} here; .mkv holds nearly everything"
    finally:
        with contextlib.suppress(av.FFmpegError):  # an MXF without a picture has no footer
            scratch.close()
    return None


def copy_stream(
    target: av.container.OutputContainer,
    stream: av.stream.Stream,
    muxer: str,
    described: av.stream.Stream | None = None,
) -> av.stream.Stream:
    """Add a stream that takes the source stream's packets, with its disposition and tags.

    Args:
        target: an output whose header is not yet written.
        stream: whose packets it will take.
        muxer: the output's format.
        described: the stream that disposition and tags come from, if another.
    """
    try:
        copy: Any = target.add_stream_from_template(stream)
    except av.codec.codec.UnknownCodecError:
        copy = target.add_stream_from_template(stream, opaque=True)
    stream = described or stream
    copy.disposition = stream.disposition
    tags = {k: v for k, v in stream.metadata.items() if k.lower() not in _STREAM_OWN_TAGS}
    tags = {k: v for k, v in tags.items() if not k.upper().startswith("_STATISTICS")}
    if muxer in _NAMES_TRACKS_BY_TITLE and "name" in tags:
        tags.setdefault("title", tags["name"])  # MOV reads `name` and writes `title`
    if "language" in tags:
        tags["language"] = language_for(tags["language"], muxer)
    copy.metadata.update(tags)
    added: av.stream.Stream = copy
    return added


class StreamCopier:
    """Copies the other streams into an output, in step with the picture.

    It reads the source a second time, on its own, so that neither reader ever waits for the other
    and nothing piles up in memory. Converted subtitles come from files of their own, which are
    made when the output is opened and removed when this is closed.
    """

    def __init__(
        self,
        path: Path,
        fates: tuple[StreamDecision, ...],
        shift: Fraction = Fraction(0),
        start: Fraction | None = None,
        end: Fraction | None = None,
    ) -> None:
        """Prepare to copy.

        Args:
            path: the source.
            fates: what `plan_streams` decided.
            shift: seconds that are taken off every time stamp.
            start: seconds (source time) before which packets are left out.
            end: seconds (source time) from which on packets are left out.
        """
        self._path, self._fates = path, fates
        self._shift, self._start, self._end = shift, start, end
        self._cleanup = contextlib.ExitStack()
        self._main = self._open(path)
        self._source = self._main.container
        self._copies: dict[av.stream.Stream, av.stream.Stream] = {}
        self._packets: Iterator[av.Packet[Any]] = iter(())
        self._waiting: av.Packet[Any] | None = None

    def _open(self, path: Path) -> PacketSource:
        source = PacketSource(path, self._shift, self._start, self._end)
        self._cleanup.callback(source.close)
        return source

    def __enter__(self) -> StreamCopier:
        return self

    def __exit__(self, *exc: object) -> None:
        self._cleanup.close()

    def appendix(self) -> ExtraStreams | None:
        """What the ffmpeg command must add when the output is complete."""
        indices = tuple(f.stream.index for f in self._fates if f.kept and f.way == "append")
        if not indices:
            return None
        return ExtraStreams(self._path, indices, self._shift, self._start, self._end)

    def clocks_off_the_millisecond(self) -> set[int]:
        """Ticks a second of the kept streams that do not start on a whole millisecond."""
        clocks = set()
        for fate in self._fates:
            stream = self._source.streams[fate.stream.index]
            if not fate.kept or stream.type not in ("audio", "subtitle") or not stream.time_base:
                continue
            base = Fraction(stream.time_base)
            begins = (stream.start_time or 0) * base
            if self._shift or begins * 1000 % 1:
                clocks.add(base.denominator)
        return clocks

    def add_streams(
        self, target: av.container.OutputContainer, muxer: str, beside: Path | None = None
    ) -> None:
        """Add the kept streams and chapters to an output whose header is not yet written.

        Args:
            target: the output.
            muxer: its format.
            beside: the file that is written; temporary files go beside it.
        """
        from_main = []
        readers = []
        for fate in self._fates:
            stream = self._source.streams[fate.stream.index]
            if not fate.kept or stream.type == "data" or fate.way == "append":
                continue
            if fate.way == "convert":
                readers.append(self._add_converted(target, stream, muxer, beside or self._path))
            elif fate.stream.cover and muxer in _ATTACHMENT_MUXERS:
                self._attach_cover(target, stream, fate.stream.codec)
            else:
                self._copies[stream] = copy_stream(target, stream, muxer)
                if stream.type != "attachment":
                    from_main.append(stream)
        chapters = self._moved_chapters()
        if chapters:
            target.set_chapters(chapters)
        self._packets = heapq.merge(self._main.packets(from_main), *readers, key=decode_time)

    def _add_converted(
        self,
        target: av.container.OutputContainer,
        stream: av.stream.Stream,
        muxer: str,
        beside: Path,
    ) -> Iterator[av.Packet[Any]]:
        """Convert one subtitle stream; its packets, to be copied like the others."""
        codec, container = _SUBTITLE_FOR[muxer]
        made = temporary_beside(beside, f"subtitle{stream.index}")
        self._cleanup.callback(made.unlink, missing_ok=True)
        convert_subtitle(self._path, stream.index, made, codec, container)
        try:
            source = self._open(made)
        except InputError:  # nobody speaks: some containers cannot be read back without a packet
            return iter(())
        converted = source.container.streams[0]
        self._copies[converted] = copy_stream(target, converted, muxer, described=stream)
        return source.packets([converted])

    def _attach_cover(
        self, target: av.container.OutputContainer, stream: av.stream.Stream, codec: str
    ) -> None:
        with open_source(self._path) as container:
            picture = next(p for p in container.demux(stream.index) if p.size)
        kind = _COVER_TYPES[codec]
        suffix = "jpg" if codec == "mjpeg" else codec
        name = stream.metadata.get("filename", f"cover.{suffix}")
        target.add_attachment(name, kind, bytes(picture))

    def _moved_chapters(self) -> list[Any]:
        moved = []
        for chapter in self._source.chapters():
            base = Fraction(chapter["time_base"] or 0)
            begin, end = chapter["start"] * base, chapter["end"] * base
            if self._start is not None:
                begin = max(begin, self._start)
            if self._end is not None:
                end = min(end, self._end)
            if begin >= end:
                continue
            start, stop = int((begin - self._shift) / base), int((end - self._shift) / base)
            moved.append({**chapter, "start": start, "end": stop})
        return moved

    def copy_until(self, target: av.container.OutputContainer, time_s: Fraction | None) -> None:
        """Write the packets up to a time of the output, in seconds; None for all that is left."""
        while True:
            packet = self._waiting or next(self._packets, None)
            self._waiting = None
            if packet is None:
                return
            if time_s is not None and decode_time(packet) > time_s:
                self._waiting = packet
                return
            packet.stream = self._copies[packet.stream]
            target.mux(packet)


def temporary_beside(partial: Path, purpose: str) -> Path:
    """A further temporary file beside `partial`, named so that `published` clears it away too."""
    name = partial.name.removesuffix(".partial")
    stem, _, owner = name.rpartition(".")
    if not owner.isdigit():
        stem, owner = f".{name}", str(os.getpid())
    return partial.with_name(f"{stem}.{purpose}.{owner}.partial")
