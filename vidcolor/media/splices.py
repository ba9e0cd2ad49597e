"""Recordings that follow one another in one MPEG stream, each with a clock of its own."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import av

JUMP_BACK_S = Fraction(1, 10)
"""By how much a stream's clock must fall back to be taken for that of another recording."""
SAME_CLOCK_S = 1
"""How near a clock comes back to where it was if a single time stamp was bad."""


@dataclass(slots=True)
class _Clock:
    """One stream's own time."""

    recording: int
    due: Fraction
    """When its next packet is due, as stated in the file."""
    before: _Clock | None = None
    """What held before it last fell back."""


class Splices:
    """Puts the packets of all recordings on the clock of the first, one recording behind the other.

    The first stream whose clock falls back begins a recording, behind the end of all streams; the
    others join it when theirs fall back, so that sound and picture stay in step.
    """

    def __init__(self, on_splice: Callable[[], None] | None = None) -> None:
        """Begin with the first recording; `on_splice` is called for every further one."""
        self._on_splice = on_splice
        self._offsets = [Fraction(0)]
        self._clocks: dict[int, _Clock] = {}
        self._end = Fraction(0)
        """Of what came so far, on the common clock."""

    def join(self, packet: av.Packet[Any]) -> None:
        """Move a packet onto the common clock."""
        if packet.dts is None or packet.time_base is None:
            return
        base = Fraction(packet.time_base)
        decoded = packet.dts * base
        shown = (packet.dts if packet.pts is None else packet.pts) * base
        length = (packet.duration or 0) * base
        if packet.stream.type in ("video", "audio"):
            clock = self._clock_at(packet.stream.index, decoded, shown)
            clock.due = decoded + length
            offset = self._offsets[clock.recording]
            self._end = max(self._end, shown + length + offset)
        else:
            offset = self._offsets[-1]
        ticks = round(offset / base)
        packet.dts += ticks
        packet.pts = None if packet.pts is None else packet.pts + ticks

    def _clock_at(self, index: int, decoded: Fraction, shown: Fraction) -> _Clock:
        clock = self._clocks.setdefault(index, _Clock(len(self._offsets) - 1, decoded))
        before = clock.before
        if before is not None and abs(decoded - before.due) < SAME_CLOCK_S:
            self._clocks[index] = before  # it was one bad time stamp
            if all(c.recording < len(self._offsets) - 1 for c in self._clocks.values()):
                self._offsets.pop()
        elif decoded < clock.due - JUMP_BACK_S:
            if clock.recording == len(self._offsets) - 1:
                self._offsets.append(self._end - shown)
                if self._on_splice is not None:
                    self._on_splice()
            self._clocks[index] = _Clock(len(self._offsets) - 1, decoded, before=clock)
        elif before is not None and decoded - clock.due < SAME_CLOCK_S:
            clock.before = None  # the new clock goes on: it is one
        return self._clocks[index]
