"""Packets of a film as they are: read past damage, cut to a time, moved in time."""

from __future__ import annotations

import contextlib
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from vidcolor.media.probe import open_source
from vidcolor.media.splices import Splices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

MAX_ERRORS_IN_A_ROW = 200
"""Packets that fail one after another before the rest of a film is given up."""
_SEEK_MARGIN_S = 5


class PacketSource:
    """Streams of one file, packet for packet. It decodes nothing."""

    def __init__(
        self, path: Path, shift: Fraction, start: Fraction | None, end: Fraction | None
    ) -> None:
        """Open a file.

        Args:
            path: the file.
            shift: seconds that are taken off every time stamp.
            start: seconds (of the file's clock) before which packets are left out.
            end: seconds from which on packets are left out.
        """
        self.container = open_source(path)
        self._shift, self._start, self._end = shift, start, end

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def packets(self, streams: Sequence[av.stream.Stream]) -> Iterator[av.Packet[Any]]:
        """The wanted packets of some streams, in the order of the file."""
        if not streams:
            return
        self._seek(streams[0])
        wanted = {s.index for s in streams}
        last: dict[int, int] = {}
        for packet in read_past_damage(self.container, streams):
            index = packet.stream.index
            if packet.size and index in wanted and self._wanted(packet):
                self._move(packet)
                _keep_rising(packet, last.get(index))
                if packet.dts is not None:
                    last[index] = packet.dts
                yield packet

    def _seek(self, stream: av.stream.Stream) -> None:
        """Near the start of a trim; reading from the beginning is slower but as right."""
        if self._start is not None and stream.time_base and not may_jump(self.container):
            pts = int((self._start - _SEEK_MARGIN_S) / Fraction(stream.time_base))
            if pts > (stream.start_time or 0):
                with contextlib.suppress(av.FFmpegError):  # raw streams: read from the start
                    self.container.seek(pts, stream=stream, backward=True)

    def _wanted(self, packet: av.Packet[Any]) -> bool:
        """Whether a packet lies inside the cut; a subtitle that reaches into it is shortened."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None or packet.time_base is None:
            return True
        base = Fraction(packet.time_base)
        if self._end is not None and stamp * base >= self._end:
            return False
        if packet.stream.type == "subtitle":
            return self._fit_subtitle(packet, base)
        return self._start is None or stamp * base >= self._start

    def _fit_subtitle(self, packet: av.Packet[Any], base: Fraction) -> bool:
        begin = int(packet.pts if packet.pts is not None else packet.dts or 0)
        stop = begin + int(packet.duration or 0)
        first = begin if self._start is None else max(begin, math.ceil(self._start / base))
        last = stop if self._end is None else min(stop, int(self._end / base))
        if first != begin and last <= first:
            return False
        if (first, last) != (begin, stop):
            packet.pts = packet.dts = first
            packet.duration = max(0, last - first)
        return True

    def _move(self, packet: av.Packet[Any]) -> None:
        if not self._shift or packet.time_base is None:
            return
        ticks = round(self._shift / Fraction(packet.time_base))
        packet.pts = None if packet.pts is None else packet.pts - ticks
        packet.dts = None if packet.dts is None else packet.dts - ticks


def _keep_rising(packet: av.Packet[Any], last: int | None) -> None:
    """Muxers refuse a stream whose decoding times do not rise; damaged files have such."""
    if last is not None and packet.dts is not None and packet.dts <= last:
        packet.dts = last + 1
        if packet.pts is not None:
            packet.pts = max(packet.pts, packet.dts)


def may_jump(container: av.container.InputContainer) -> bool:
    """Whether the format allows the clock to start again midway: MPEG streams, as on DVDs."""
    flag: Any = av.format.Flags.ts_discont.value
    return bool(container.format.flags & flag)


def read_past_damage(
    container: av.container.InputContainer,
    streams: Sequence[av.stream.Stream],
    on_error: Callable[[], None] | None = None,
    on_splice: Callable[[], None] | None = None,
) -> Iterator[av.Packet[Any]]:
    """Demux, going on after errors (`MAX_ERRORS_IN_A_ROW`) and over jumps of the clock.

    Where the clock may jump, all pictures and sound are read whatever `streams` says, so that
    everyone who reads the file finds the same jumps; packets of other streams come out too.
    """
    spliced = Splices(on_splice) if may_jump(container) else None
    if spliced is not None:
        streams = [s for s in container.streams if s.type in ("video", "audio") or s in streams]
    errors = 0
    packets = container.demux(list(streams))
    while errors < MAX_ERRORS_IN_A_ROW:
        try:
            packet = next(packets)
        except (StopIteration, av.EOFError):
            return
        except av.FFmpegError:
            errors += 1
            if on_error is not None:
                on_error()
            packets = container.demux(list(streams))  # an error ends PyAV's iterator
            continue
        errors = 0
        if spliced is not None:
            spliced.join(packet)
        yield packet


def decode_time(packet: av.Packet[Any]) -> Fraction:
    """When a packet is due, in seconds."""
    stamp = packet.dts if packet.dts is not None else packet.pts
    return Fraction(0) if stamp is None else stamp * Fraction(packet.time_base or 0)
