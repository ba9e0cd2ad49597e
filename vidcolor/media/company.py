"""The picture's company: sound, subtitles, chapters, attachments, time code and tags.

They are copied packet for packet. What the target container cannot hold is found out by asking
its muxer, on a scratch file in memory, before any work starts.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from vidcolor.media.probe import StreamInfo, describe_stream, open_source, picture_stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONTAINER_OWN_TAGS = {
    "major_brand",
    "minor_version",
    "compatible_brands",
    "encoder",
    "duration",
    "creation_time",
}
"""Tags that describe the source's file, not its content; `creation_time` is set back by hand."""
_STREAM_OWN_TAGS = {"duration", "encoder", "bps", "number_of_frames", "number_of_bytes"}
_NAMES_TRACKS_BY_TITLE = ("mp4", "mov", "matroska", "webm")
_ATTACHMENT_MUXERS = ("matroska",)


@dataclass(frozen=True, slots=True)
class StreamFate:
    """What becomes of one stream."""

    stream: StreamInfo
    kept: bool
    note: str
    """How it is kept, or why it cannot be."""


def plan_company(path: Path, muxer: str) -> tuple[StreamFate, ...]:
    """Decide for every stream but the picture whether `muxer` can hold it."""

    with open_source(path) as source:
        picture = picture_stream(source, path)
        others = [s for s in source.streams if s.index != picture.index]
        return tuple(_fate(s, describe_stream(s), muxer, picture) for s in others)


def _fate(
    stream: av.stream.Stream, info: StreamInfo, muxer: str, picture: av.VideoStream
) -> StreamFate:
    if info.kind == "attachment":
        held = muxer in _ATTACHMENT_MUXERS
        return StreamFate(info, held, "copied" if held else f"{muxer} holds no attachments")
    if info.kind == "data":
        return _data_fate(stream, info, muxer)
    if info.kind == "video" and not info.cover:
        return StreamFate(info, False, "a second picture; only the largest is coloured and kept")
    refusal = _refusal(stream, muxer, picture)
    if refusal is None:
        return StreamFate(info, True, "copied")
    return StreamFate(info, False, refusal)


def _data_fate(stream: av.stream.Stream, info: StreamInfo, muxer: str) -> StreamFate:
    """Time code is written anew from its value; chapter tracks come back with the chapters."""
    handler = stream.metadata.get("handler_name", "")
    if "timecode" in stream.metadata:
        held = muxer in ("mp4", "mov", "matroska", "mxf")
        return StreamFate(info, held, "time code, written anew" if held else "no time code track")
    if handler == "SubtitleHandler" or info.codec in ("bin_data", "text"):
        return StreamFate(info, True, "chapter titles, written anew")
    return StreamFate(info, False, f"{info.codec} data cannot be copied")


def _refusal(stream: av.stream.Stream, muxer: str, picture: av.VideoStream) -> str | None:
    """Why the muxer will not have a stream, or None if it will."""
    try:
        with av.open(io.BytesIO(), "w", format=muxer) as scratch:
            if muxer == "mxf":  # MXF wants a picture first
                rate = picture.average_rate or 25
                first = scratch.add_stream("mpeg2video", rate=Fraction(rate))
                first.width, first.height, first.pix_fmt = 64, 64, "yuv422p"
            copy_stream(scratch, stream, muxer)
            scratch.start_encoding()
    except (av.FFmpegError, ValueError) as error:
        codec = stream.codec_context.name if stream.codec_context else stream.type
        text = str(error)
        reason = "" if "does not support" in text else f" ({getattr(error, 'strerror', text)})"
        return f"{muxer} cannot hold {codec}{reason}"
    return None


def copy_stream(
    target: av.container.OutputContainer, stream: av.stream.Stream, muxer: str
) -> av.stream.Stream:
    """Add a stream that takes the source stream's packets, with its disposition and tags."""
    try:
        copy: Any = target.add_stream_from_template(stream)
    except av.codec.codec.UnknownCodecError:
        copy = target.add_stream_from_template(stream, opaque=True)
    copy.disposition = stream.disposition
    tags = {k: v for k, v in stream.metadata.items() if k.lower() not in _STREAM_OWN_TAGS}
    tags = {k: v for k, v in tags.items() if not k.upper().startswith("_STATISTICS")}
    if muxer in _NAMES_TRACKS_BY_TITLE and "name" in tags:
        tags.setdefault("title", tags["name"])  # MOV reads `name` and writes `title`
    copy.metadata.update(tags)
    return copy


def film_tags(path: Path) -> dict[str, str]:
    """The container's tags that belong to the film."""
    with open_source(path) as source:
        tags = dict(source.metadata)
    kept = {k: v for k, v in tags.items() if k.lower() not in _CONTAINER_OWN_TAGS}
    if "creation_time" in tags:
        kept["creation_time"] = tags["creation_time"]
    return kept


class Company:
    """Copies the other streams into an output, in step with the picture.

    It reads the source a second time, on its own, so that neither reader ever waits for the other
    and nothing piles up in memory. It decodes nothing.
    """

    def __init__(
        self,
        path: Path,
        fates: tuple[StreamFate, ...],
        shift: Fraction = Fraction(0),
        start: Fraction | None = None,
        end: Fraction | None = None,
    ) -> None:
        """Prepare to copy.

        Args:
            path: the source.
            fates: what `plan_company` decided.
            shift: seconds that are taken off every time stamp.
            start: seconds (source time) before which packets are left out.
            end: seconds (source time) from which on packets are left out.
        """
        self._source = open_source(path)
        self._kept = {f.stream.index for f in fates if f.kept}
        self._shift, self._start, self._end = shift, start, end
        self._copies: dict[int, av.stream.Stream] = {}
        self._packets: Iterator[av.Packet] = iter(())
        self._waiting: av.Packet | None = None
        self.num_packets: dict[int, int] = {}

    def __enter__(self) -> Company:
        return self

    def __exit__(self, *exc: object) -> None:
        self._source.close()

    def add_streams(self, target: av.container.OutputContainer, muxer: str) -> None:
        """Add the kept streams and chapters to an output whose header is not yet written."""
        packeted = []
        for stream in self._source.streams:
            if stream.index not in self._kept or stream.type == "data":
                continue
            self._copies[stream.index] = copy_stream(target, stream, muxer)
            if stream.type != "attachment":
                packeted.append(stream)
        chapters = self._moved_chapters()
        if chapters:
            target.set_chapters(chapters)
        if packeted:
            self._seek(packeted[0])
            self._packets = self._demux(packeted)

    def _seek(self, stream: av.stream.Stream) -> None:
        """Near the start of a trim; reading from the beginning is slower but as right."""
        if self._start is not None and stream.time_base:
            pts = int((self._start - 5) / Fraction(stream.time_base))
            if pts > (stream.start_time or 0):
                self._source.seek(pts, stream=stream, backward=True)

    def _moved_chapters(self) -> list[Any]:
        moved = []
        for chapter in self._source.chapters():
            base = Fraction(chapter["time_base"])
            begin, end = chapter["start"] * base, chapter["end"] * base
            if self._start is not None:
                begin = max(begin, self._start)
            if self._end is not None:
                end = min(end, self._end)
            if begin >= end:
                continue
            ticks = int(self._shift / base)
            start, stop = int(begin / base) - ticks, int(end / base) - ticks
            moved.append({**chapter, "start": start, "end": stop})
        return moved

    def _demux(self, streams: list[av.stream.Stream]) -> Iterator[av.Packet]:
        packets = self._source.demux(streams)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.EOFError):
                return
            except av.FFmpegError:
                return  # the picture's reader meets the same damage and reports it
            if packet.size == 0 or not self._wanted(packet):
                continue
            self._move(packet)
            yield packet

    def _wanted(self, packet: av.Packet) -> bool:
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None or packet.time_base is None:
            return True
        at = stamp * Fraction(packet.time_base)
        after_start = self._start is None or at >= self._start
        return after_start and (self._end is None or at < self._end)

    def _move(self, packet: av.Packet) -> None:
        if not self._shift or packet.time_base is None:
            return
        ticks = round(self._shift / Fraction(packet.time_base))
        packet.pts = None if packet.pts is None else packet.pts - ticks
        packet.dts = None if packet.dts is None else packet.dts - ticks

    def copy_until(self, target: av.container.OutputContainer, time_s: Fraction | None) -> None:
        """Write the packets up to a time of the output, in seconds; None for all that is left."""
        while True:
            packet = self._waiting or next(self._packets, None)
            self._waiting = None
            if packet is None:
                return
            if time_s is not None and _decode_time(packet) > time_s:
                self._waiting = packet
                return
            index = packet.stream.index
            self.num_packets[index] = self.num_packets.get(index, 0) + 1
            packet.stream = self._copies[index]
            target.mux(packet)


def _decode_time(packet: av.Packet) -> Fraction:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return Fraction(0) if stamp is None else stamp * Fraction(packet.time_base or 0)
