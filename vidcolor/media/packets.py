"""Packets of streams that are copied: trimmed, and without those that an edit list hides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from vidcolor.errors import InputError
from vidcolor.media.clocks import shift_timestamps
from vidcolor.media.demux import (
    allows_discontinuities,
    demux_packets,
    find_max_priming_s,
    seek_before,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_PACKET_SEEK_MARGIN_S = 5
"""Distance from the seek target of a copied stream to the start of a trim, in seconds."""
_AUDIO_FAMILIES = {
    **dict.fromkeys(("ac3", "eac3"), "AC-3"),
    **dict.fromkeys(("mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float"), "MPEG audio"),
    "aac": "AAC",
}
"""Codecs whose packets begin with the same bits, by FFmpeg's name of the decoder."""
_MAX_REJECTED = 10
"""Number of consecutive packets that may be damaged. After more, the codec has changed."""


@dataclass(frozen=True, slots=True)
class Trim:
    """A part of a film, in seconds of its timestamps, and the shift of these timestamps."""

    shift: Fraction
    """Seconds to subtract from every timestamp."""
    start: Fraction | None
    """Time before the shift of the first packets to keep."""
    end: Fraction | None
    """Time before the shift of the first packets to drop again."""


def read_packets(
    container: av.container.InputContainer, streams: Sequence[av.stream.Stream], trim: Trim
) -> Iterator[av.Packet[Any]]:
    """Yield the packets of some streams in file order, trimmed and with shifted timestamps.

    Packets that an edit list hides are dropped, except the encoder delay at the start of audio.
    """
    if not streams:
        return
    seek_before(container, streams[0], trim.start, _PACKET_SEEK_MARGIN_S)
    readers = {s.index: _StreamReader(s, trim) for s in streams}
    for packet in demux_packets(container, streams):
        reader = readers.get(packet.stream.index)
        if reader is not None and packet.size and reader.keeps(packet):
            yield reader.correct(packet)


def get_dts_s(packet: av.Packet[Any]) -> Fraction:
    """Return the DTS of a packet in seconds, or its PTS without a DTS, or 0 without both."""
    timestamp = packet.dts if packet.dts is not None else packet.pts
    return Fraction(0) if timestamp is None else timestamp * Fraction(packet.time_base or 0)


class PacketMuxer:
    """Muxes the packets that are copied from a film, without single damaged ones."""

    def __init__(self, source: Path) -> None:
        """Prepare for the packets of the film `source`."""
        self._source = source
        self._num_rejected: dict[str, int] = {}
        """Number of rejected packets, by name of the stream."""
        self._num_consecutive: dict[str, int] = {}
        """Number of rejected packets since the last that was muxed, by name of the stream."""
        self._min_dts: dict[int, int] = {}
        """Minimum DTS of the next packet of each stream of the output, in its time base."""

    def describe_damage(self) -> list[str]:
        """Return a message for each stream with damaged packets."""
        return [
            f"{name}: {count} damaged packet(s) could not be copied and are left out"
            for name, count in self._num_rejected.items()
        ]

    def mux(
        self,
        target: av.container.OutputContainer,
        packet: av.Packet[Any],
        copy: av.stream.Stream,
    ) -> None:
        """Mux a packet into the stream `copy`.

        Raises:
            InputError: too many packets in a row do not fit their stream.
        """
        name, kind = f"{packet.stream.type} stream {packet.stream.index}", packet.stream.type
        nonstrict: Any = av.format.Flags.ts_nonstrict.value
        self._raise_dts(packet, copy, is_equal_allowed=bool(target.format.flags & nonstrict))
        # The muxer empties the packet, also if it fails.
        packet.stream, time_s = copy, float(get_dts_s(packet))
        try:
            target.mux(packet)
        except OSError:  # such as a full disk
            raise
        except av.FFmpegError as error:
            self._num_rejected[name] = self._num_rejected.get(name, 0) + 1
            self._num_consecutive[name] = self._num_consecutive.get(name, 0) + 1
            if self._num_consecutive[name] <= _MAX_REJECTED:
                return
            remedy = "--sound pcm or drop" if kind == "audio" else "another container"
            raise InputError(
                f"{self._source}: the packets of {kind} before {time_s:.3f} s cannot be copied "
                f"({error.strerror}); they are damaged, or the codec changes; use {remedy}"
            ) from error
        self._num_consecutive[name] = 0

    def _raise_dts(
        self, packet: av.Packet[Any], copy: av.stream.Stream, is_equal_allowed: bool
    ) -> None:
        """Make the DTS of a packet at least as high as the previous one and the muxer require.

        Damaged files have a DTS that does not rise, and Matroska, which rounds to 1 ms: the packets
        of TrueHD are shorter.
        """
        unit, time_base = copy.time_base, packet.time_base
        if packet.dts is None or time_base is None or unit is None:
            return
        scale: Fraction | int = 1 if time_base == unit else Fraction(time_base) / Fraction(unit)
        dts, index = round(packet.dts * scale), copy.index
        min_dts = self._min_dts.get(index, dts)
        if dts < min_dts:
            pts = None if packet.pts is None else round(packet.pts * scale)
            packet.duration = round(int(packet.duration or 0) * scale)
            packet.time_base, packet.dts = unit, min_dts
            packet.pts = None if pts is None else max(pts, min_dts)
        self._min_dts[index] = max(dts, min_dts) + (not is_equal_allowed)


class _StreamReader:
    """Selects and corrects the packets of one stream, which come in file order."""

    def __init__(self, stream: av.stream.Stream, trim: Trim) -> None:
        self._stream, self._trim = stream, trim
        self._in_priming = stream.type == "audio" and trim.start is None
        """Whether all packets so far are part of the encoder delay."""
        self._end: int | None = None
        """Timestamp after the last packet, if its samples can be cut."""
        context: Any = stream.codec_context
        self._is_pcm = context is not None and context.name.startswith("pcm_")
        self._max_priming_s = find_max_priming_s(stream)
        self._shifts: dict[Fraction, int] = {}
        """Ticks to add to timestamps, by time base."""

    def keeps(self, packet: av.Packet[Any]) -> bool:
        """Return whether a packet is visible and in the trim. Shorten subtitles at its edges."""
        self._in_priming &= packet.is_discard and self._is_near_start(packet)
        # FFmpeg also marks the last caption of MOV, which has no duration, as hidden.
        is_endless = packet.stream.type == "subtitle" and not packet.duration
        if packet.is_discard and not self._in_priming and not is_endless:
            return False
        return _trim_packet(packet, self._trim)

    def _is_near_start(self, packet: av.Packet[Any]) -> bool:
        start, pts = self._stream.start_time, packet.pts
        if start is None or pts is None:
            return False
        return (start - pts) * Fraction(packet.time_base or 0) <= self._max_priming_s

    def correct(self, packet: av.Packet[Any]) -> av.Packet[Any]:
        """Return a packet with shifted timestamps and without overlapping samples."""
        time_base = packet.time_base
        if time_base is not None:
            if time_base not in self._shifts:
                self._shifts[time_base] = -round(self._trim.shift / Fraction(time_base))
            shift_timestamps(packet, self._shifts[time_base])
        if packet.dts is None or not self._is_pcm:
            return packet
        return self._drop_overlap(packet, packet.dts)

    def _drop_overlap(self, packet: av.Packet[Any], dts: int) -> av.Packet[Any]:
        """Drop the samples of PCM before the end of the previous packet.

        The packets at the cuts of an edit list overlap. MP4 and MOV store PCM without timestamps,
        so that each overlap would delay all later samples.
        """
        stream: Any = self._stream
        is_sample_exact = packet.time_base == Fraction(1, getattr(stream, "sample_rate", 0) or 1)
        if not is_sample_exact:
            return packet
        duration, end = int(packet.duration or 0), self._end
        self._end = max(dts + duration, dts if end is None else end)
        overlap = 0 if end is None else end - dts
        if not 0 < overlap < duration or packet.size % duration:
            return packet
        rest = av.Packet(bytes(packet)[overlap * packet.size // duration :])
        rest.stream, rest.time_base = packet.stream, packet.time_base
        rest.pts = rest.dts = end
        rest.duration, rest.is_keyframe = duration - overlap, True
        return rest


def _trim_packet(packet: av.Packet[Any], trim: Trim) -> bool:
    """Return whether a packet is inside the trim. Shorten a subtitle that crosses its edge."""
    timestamp, is_subtitle = packet.pts, packet.stream.type == "subtitle"
    if timestamp is None:
        timestamp = packet.dts
    if trim.start is None and trim.end is None and not is_subtitle:
        return True
    if timestamp is None or packet.time_base is None:
        return True
    time_base = Fraction(packet.time_base)
    if trim.end is not None and timestamp * time_base >= trim.end:
        return False
    if not is_subtitle:
        return trim.start is None or timestamp * time_base >= trim.start
    # A subtitle is displayed for seconds, so it may start before the trim and end in it.
    begin, end = timestamp, timestamp + int(packet.duration or 0)
    # A film that is moved to 0 starts there.
    start = trim.shift if trim.start is None and trim.shift else trim.start
    if start is not None:
        begin = max(begin, math.ceil(start / time_base))
    if trim.end is not None:
        end = min(end, int(trim.end / time_base))
    if begin != timestamp and end <= begin:
        return False
    if (begin, end - begin) != (timestamp, int(packet.duration or 0)):
        packet.pts = packet.dts = begin
        packet.duration = max(0, end - begin)
    return True


def watch_audio(packets: Iterator[av.Packet[Any]], changed: set[int]) -> Iterator[av.Packet[Any]]:
    """Yield packets, and add the audio streams whose properties change to `changed`.

    These are the sample rate and the channels of AAC, whose packets lose their headers outside of
    transport streams, those of formats that state them again, such as DV, and the codec, as in
    joined recordings.
    """
    first: dict[int, bytes] = {}
    families: dict[int, str | None] = {}
    for packet in packets:
        index = packet.stream.index
        if index not in families:
            families[index] = _find_family(packet.stream)
        header = _read_adts_header(packet)
        if header and first.setdefault(index, header) != header:
            changed.add(index)
        if packet.has_sidedata("param_change") or _has_other_codec(packet, families[index]):
            changed.add(index)
        yield packet


def _find_family(stream: av.stream.Stream) -> str | None:
    """Return the family of an audio codec that may change within the stream, or None."""
    container: Any = stream.container
    if stream.codec_context is None or not allows_discontinuities(container):
        return None
    return _AUDIO_FAMILIES.get(stream.codec_context.name)


def _has_other_codec(packet: av.Packet[Any], expected: str | None) -> bool:
    """Return whether a packet of the codec family `expected` begins like another of these."""
    if expected is None or packet.size < 2:
        return False
    first, second = bytes(memoryview(packet)[:2])
    found = None
    if (first, second) == (0x0B, 0x77):
        found = "AC-3"
    elif first == 0xFF and second & 0xF0 == 0xF0:
        found = "MPEG audio" if second & 0x06 else "AAC"  # The bits are 0 in ADTS.
    return found not in (None, expected)


def _read_adts_header(packet: av.Packet[Any]) -> bytes | None:
    """Return the bits of sample rate and channels of AAC with headers (ISO/IEC 13818-7, 6.2.1)."""
    context = packet.stream.codec_context
    if context is None or context.name != "aac" or packet.size < 7:
        return None
    data = bytes(memoryview(packet)[:4])
    if data[0] != 0xFF or data[1] & 0xF6 != 0xF0:
        return None
    return bytes((data[2] & 0x3D, data[3] & 0xC0))
