"""The source while it is colored: any run of its frames, the same whoever reads it and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.errors import InputError
from vidcolor.film.analysis import frame_checksum

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from vidcolor.film.plan import FilmPlan
    from vidcolor.film.sources import FrameSource
    from vidcolor.media.decode import Frame


class SegmentReader:
    """Reads runs of a film's frames.

    A run that begins where the last one ended is read on. Else the reader jumps there. Where the
    frames that it then finds are not those that the planning pass saw (some formats land late, some
    count anew from there), the film is read from its beginning instead: slower, and right.
    """

    def __init__(self, plan: FilmPlan, read: FrameSource) -> None:
        """Prepare.

        Args:
            plan: of a film that has been looked through.
            read: opens the film.
        """
        self._plan, self._read = plan, read
        self._stream: Iterator[Frame] | None = None
        self._next = 0
        self._may_jump, self._jumped = True, False

    def frames(self, first: int, last: int) -> Generator[Frame, None, None]:
        """Frames by number, from `first` up to, without, `last`; each lasts as planned.

        Raises:
            InputError: the film is not what it was when it was planned.
        """
        if self._stream is None or self._next != first:
            self._open(first)
        pts, end_pts = self._plan.pts, self._plan.seen.end_pts
        for number in range(first, last):
            frame = self._take(number)
            frame.index = number
            frame.duration = (pts[number + 1] if number + 1 < len(pts) else end_pts) - frame.pts
            yield frame

    def close(self) -> None:
        """Let go of the film."""
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()
        self._stream = None

    def _open(self, first: int) -> None:
        """Have `first` be the frame that comes next."""
        self.close()
        plan = self._plan
        self._jumped = first > 0 and self._may_jump
        start = plan.pts[first] * plan.video.time_base if self._jumped else plan.start_s
        reader = self._read(start, plan.end_s)
        self._stream, self._next = reader.frames(), first if self._jumped else 0
        while self._next < first:
            self._take(self._next)

    def _take(self, number: int) -> Frame:
        """The next frame, which should be this one."""
        assert self._stream is not None  # _open has seen to it
        frame = next(self._stream, None)
        if self._jumped and not self._is_right(frame, number):
            self._may_jump = False
            self._open(number)
            return self._take(number)
        if frame is None or frame.pts != self._plan.pts[number]:
            raise InputError(
                f"{self._plan.info.path}: frame {number} is not the one that was there when the "
                "film was looked through; has it changed since?"
            )
        self._next = number + 1
        return frame

    def _is_right(self, frame: Frame | None, number: int) -> bool:
        """Whether a frame is the one that was seen; damaged ones may look otherwise every time."""
        seen = self._plan.seen
        if frame is None or frame.pts != seen.pts[number]:
            return False
        return frame_checksum(frame.luma) == seen.prints[number]
