"""Clocks of MPEG recordings: correction of timestamps that jump or wrap."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av

MIN_BACKWARD_JUMP_S = Fraction(1, 10)
"""Minimum backward jump of a stream's DTS that counts as a discontinuity, in seconds."""
MIN_FORWARD_JUMP_S = 10
"""Minimum gap after which the timestamps of all streams continue that counts as a discontinuity, in
seconds. It is the default of the ffmpeg command."""
CLOCK_PERIOD_S = Fraction(2**33, 90000)
"""Time after which the clock of MPEG program and transport streams wraps, in seconds."""
MAX_LATE_START_S = 3
"""Maximum time by which a packet comes later in the file than packets of other streams with the
same DTS, in seconds. Otherwise it belongs to another recording or program."""
MAX_CERTAIN_DELAY_S = Fraction(1, 2)
"""Maximum delay of the first packet of a stream, as in `MAX_LATE_START_S`, that decides to which of
two recordings it belongs, in seconds."""
SAME_CLOCK_TOLERANCE_S = Fraction(1)
"""Maximum difference from the expected DTS of a packet that continues a clock, in seconds."""


def shift_timestamps(packet: av.Packet[Any], ticks: int) -> None:
    """Add ticks to the PTS and DTS of a packet."""
    if ticks:
        packet.pts = None if packet.pts is None else packet.pts + ticks
        packet.dts = None if packet.dts is None else packet.dts + ticks


@dataclass(slots=True)
class _StreamClock:
    """The clock of one stream between two discontinuities."""

    timeline: int
    """Index of the timeline, which is the number of discontinuities before it."""
    next_dts_s: Fraction
    """Expected DTS of the next packet as stored in the file, in seconds."""
    previous: _StreamClock | None = None
    """The clock before the last backward jump; None once that jump is confirmed."""
    expected_dts_s: Fraction | None = None
    """Expected DTS of the latest packet, in seconds. Its own may be far ahead by mistake."""


class DiscontinuityCorrector:
    """Maps the timestamps of concatenated MPEG recordings to one continuous timeline.

    The first stream whose DTS jumps backward, or far ahead of all streams, starts a new timeline
    after the end of all streams. The other streams switch to it when their own DTS jumps. This
    keeps audio and video in sync. A jump that the next packet reverts was a single bad timestamp
    and starts no timeline.

    Programs of a broadcast have clocks of their own. The streams of a second program are on a
    timeline that begins where the first of their packets is in the file.
    """

    def __init__(self, start_s: Fraction | None = None) -> None:
        """Prepare for the packets of a file, in file order.

        Args:
            start_s: DTS, in seconds and to within `MAX_LATE_START_S`, at which the program of the
                video begins; None for that of the first packet. The file may begin with packets of
                another program.
        """
        self.num_discontinuities = 0
        """Number of jumps of the timestamps so far."""
        self._offsets = [Fraction(0)]
        """Seconds to add to the timestamps of each timeline."""
        self._clocks: dict[int, _StreamClock] = {}
        """The current clock of each stream, by stream index."""
        self._start_s = start_s
        """Start of the first timeline; None once a stream is on it."""
        self._last_dts_s = start_s
        """DTS of the last packet of video or audio as stored in the file, in seconds."""
        self._undecided: list[av.Packet[Any]] = []
        """Packets of streams that begin; see `process`."""
        self._end = start_s
        """Latest end of a packet so far, in corrected seconds; None before the first."""

    def process(self, packet: av.Packet[Any]) -> list[av.Packet[Any]]:
        """Correct a packet, and return the packets whose timestamps are final, in file order.

        If the first packet of a stream is later in the file than others with the same DTS, it may
        be the first of another recording. The next packet of another stream then decides this.
        """
        if self._is_undecided(packet):
            self._undecided.append(packet)
            return []
        if packet.dts is None and not packet.size:  # The stream ends.
            return [*self.finish(), packet]
        self.correct(packet)
        if packet.stream.index not in self._clocks:
            return [packet]
        return [*self.finish(), packet]

    def finish(self) -> list[av.Packet[Any]]:
        """Correct and return the packets that were undecided."""
        packets, self._undecided = self._undecided, []
        for packet in packets:
            self.correct(packet)
        return packets

    def _is_undecided(self, packet: av.Packet[Any]) -> bool:
        index = packet.stream.index
        if any(index == undecided.stream.index for undecided in self._undecided):
            return True
        is_first = packet.stream.type in ("video", "audio") and index not in self._clocks
        if not is_first or packet.dts is None or packet.time_base is None or not self._clocks:
            return False
        dts_s = packet.dts * Fraction(packet.time_base) + self._find_wrap_s(packet)
        timeline = self._find_timeline(dts_s)
        if timeline is None:
            return False
        return dts_s < self._list_next_dts_s()[timeline] - MAX_CERTAIN_DELAY_S

    def correct(self, packet: av.Packet[Any]) -> None:
        """Move the timestamps of a packet to the continuous timeline."""
        if packet.time_base is None:
            return
        time_base, index = Fraction(packet.time_base), packet.stream.index
        wrap_s = self._find_wrap_s(packet)
        if packet.dts is not None and packet.stream.type in ("video", "audio"):
            dts_s = self._last_dts_s = packet.dts * time_base + wrap_s
            end_s = (packet.dts if packet.pts is None else packet.pts) * time_base + wrap_s
            duration_s = (packet.duration or 0) * time_base
            clock = self._update_clock(index, dts_s, end_s)
            clock.expected_dts_s, clock.next_dts_s = clock.next_dts_s, dts_s + duration_s
            timeline = clock.timeline
            end_s += duration_s + self._offsets[timeline]
            self._end = end_s if self._end is None else max(self._end, end_s)
        elif index in self._clocks:
            timeline = self._clocks[index].timeline
        else:
            fitting = None
            if packet.dts is not None:
                fitting = self._find_timeline(packet.dts * time_base + wrap_s)
            timeline = len(self._offsets) - 1 if fitting is None else fitting
        shift_timestamps(packet, round((self._offsets[timeline] + wrap_s) / time_base))

    def _find_wrap_s(self, packet: av.Packet[Any]) -> Fraction:
        """Return the periods to add to a DTS, in seconds, so that it is closest to the last one.

        FFmpeg takes some jumps of one stream, but not of the others, for a wrap of the clock.
        """
        if packet.dts is None or self._last_dts_s is None:
            return Fraction(0)
        distance_s = self._last_dts_s - packet.dts * Fraction(packet.time_base or 0)
        return CLOCK_PERIOD_S * round(distance_s / CLOCK_PERIOD_S)

    def _update_clock(self, index: int, dts_s: Fraction, pts_s: Fraction) -> _StreamClock:
        """Return the clock that a packet of stream `index` belongs to."""
        newest = len(self._offsets) - 1
        if index not in self._clocks:
            self._clocks[index] = self._start_clock(dts_s)
        clock = self._clocks[index]
        previous = clock.previous
        max_distance_s = min(SAME_CLOCK_TOLERANCE_S, abs(dts_s - clock.next_dts_s))
        if previous is not None and abs(dts_s - previous.next_dts_s) < max_distance_s:
            self._clocks[index] = previous  # The last jump was a single bad timestamp.
            if all(c.timeline < newest for c in self._clocks.values()):
                self._offsets.pop()
                self.num_discontinuities -= 1
        elif self._is_jump(clock, dts_s):
            timeline = self._find_timeline(dts_s, excluded=clock.timeline)
            if timeline is None:
                timeline = len(self._offsets)
                self._offsets.append((self._end or Fraction(0)) - pts_s)
                self.num_discontinuities += 1
            self._clocks[index] = _StreamClock(timeline, dts_s, previous=clock)
        elif previous is not None and dts_s - clock.next_dts_s < SAME_CLOCK_TOLERANCE_S:
            clock.previous = None  # The new clock continues, which confirms the jump.
        if self._clocks[index].timeline == 0:
            self._start_s = None
        return self._clocks[index]

    def _start_clock(self, dts_s: Fraction) -> _StreamClock:
        """Return the clock of a stream whose first packet has the DTS `dts_s`."""
        timeline = self._find_timeline(dts_s)
        if timeline is not None:
            return _StreamClock(timeline, dts_s)
        # The stream begins in another recording, so its DTS counts as a jump.
        newest = len(self._offsets) - 1
        return _StreamClock(newest, self._list_next_dts_s().get(newest, dts_s))

    def _find_timeline(self, dts_s: Fraction, excluded: int | None = None) -> int | None:
        """Return the newest timeline that a packet with the DTS `dts_s` fits; None if none does."""
        latest = self._list_next_dts_s()
        for timeline in sorted(latest.keys() - {excluded}, reverse=True):
            if -MAX_LATE_START_S <= dts_s - latest[timeline] <= MIN_FORWARD_JUMP_S:
                return timeline
        return None

    def _list_next_dts_s(self) -> dict[int, Fraction]:
        """Return the latest expected DTS of each timeline that a stream is on."""
        latest = {} if self._start_s is None else {0: self._start_s}
        for clock in self._clocks.values():
            expected = latest.get(clock.timeline, clock.next_dts_s)
            latest[clock.timeline] = max(expected, clock.next_dts_s)
        return latest

    def _is_jump(self, clock: _StreamClock, dts_s: Fraction) -> bool:
        expected = clock.next_dts_s if clock.expected_dts_s is None else clock.expected_dts_s
        if dts_s < min(expected, clock.next_dts_s - MIN_BACKWARD_JUMP_S):
            return True
        # A gap of one stream is not a jump.
        clocks = (c for c in self._clocks.values() if c.timeline == clock.timeline)
        return all(dts_s > c.next_dts_s + MIN_FORWARD_JUMP_S for c in clocks)
