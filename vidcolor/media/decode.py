"""Decoding of a film into frames in presentation order, each with its luma and its PTS."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from vidcolor.errors import InputError
from vidcolor.media.animations import ANIMATION_CODECS
from vidcolor.media.consistency import ConsistencyCheck
from vidcolor.media.demux import DamageReport, open_input
from vidcolor.media.frames import (
    get_pixel_layout,
    list_side_data,
    read_channel_as_luma,
    read_luma,
)
from vidcolor.media.truncation import count_missing_bytes, lasts_until
from vidcolor.media.video_decoder import VideoDecoder
from vidcolor.timecode import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import av
    import numpy as np
    from numpy.typing import NDArray

    from vidcolor.imaging.types import Plane
    from vidcolor.media.probe import VideoInfo
    from vidcolor.options import GrayFrom

END_TOLERANCE_S = 0.2
"""Maximum time between the last frame and the declared end of an intact film, in seconds; at least
two frames."""

# The layout is needed for every frame, and only few pixel formats occur.
_get_pixel_layout = lru_cache(maxsize=32)(get_pixel_layout)


@dataclass(slots=True)
class Frame:
    """A decoded frame and its luma."""

    index: int
    """Position in presentation order, from 0."""
    pts: int
    """Presentation timestamp in the source's time base."""
    duration: int
    """Time until the next frame, in the source's time base; 0 if unknown (the last frame)."""
    luma: Plane
    """(H, W) uint8 or uint16 code values at the source's bit depth."""
    av_frame: av.VideoFrame
    """The decoded frame. It carries field flags, captions and side data to the encoder."""
    source_rgb: NDArray[np.uint8] | None = None
    """The color of an image in a sequence, whose `av_frame` is blank; see `Still.source_rgb`."""


class FrameReader(ABC):
    """Reads the frames of a film or an image sequence, once from start to end."""

    def __init__(
        self,
        video: VideoInfo,
        gray_from: GrayFrom = "luma",
        start_s: Fraction | None = None,
        end_s: Fraction | None = None,
    ) -> None:
        """Prepare to read luma from the channel `gray_from`.

        `start_s` is the time of the first frame to keep, and `end_s` that of the first frame to
        drop again, in seconds of the source's timestamps.
        """
        self.damage = DamageReport()
        self.warnings: dict[str, None] = {}
        """Further warnings without duplicates: a dict that serves as an ordered set."""
        self.side_data: set[str] = set()
        """Types of the side data of the frames so far; see `VideoInfo.side_data`."""
        self._video, self._gray_from = video, gray_from
        self._start, self._end = start_s, end_s

    def frames(self) -> Iterator[Frame]:
        """Yield every frame in presentation order. A missing image leaves a gap in time.

        Raises:
            InputError: a property of the video changes within the source; see `ConsistencyCheck`.
        """
        # The duration of a frame is known when the next one is read.
        pending: Frame | None = None
        for frame in self._read():
            if pending is not None:
                pending.duration = frame.pts - pending.pts
                yield pending
            pending = frame
        if pending is not None:
            self._finish(pending)
            yield pending

    @abstractmethod
    def _read(self) -> Iterator[Frame]:
        """Yield the frames without their durations."""

    def _finish(self, last: Frame) -> None:  # noqa: B027, an optional step
        """Complete the last frame."""


class VideoReader(FrameReader):
    """Decodes the video stream of one film."""

    def __init__(
        self,
        path: Path,
        video: VideoInfo,
        gray_from: GrayFrom = "luma",
        start_s: Fraction | None = None,
        end_s: Fraction | None = None,
    ) -> None:
        """Prepare to decode the film; see `FrameReader`."""
        super().__init__(video, gray_from, start_s, end_s)
        self._path = path

    def _decode(self) -> Iterator[tuple[av.VideoFrame, Fraction]]:
        """Yield the decoded frames, each with the pixel aspect ratio of the latest packets."""
        with open_input(self._path) as container:
            stream = next(s for s in container.streams.video if s.index == self._video.index)
            stream.thread_type = "AUTO"  # PyAV's default, SLICE, rarely uses several threads
            decoder = VideoDecoder(container, stream, self.damage, self._start, self._video.crop)
            for av_frame in decoder.frames():
                yield av_frame, decoder.sample_aspect_ratio

    def _read(self) -> Iterator[Frame]:
        """Yield the frames inside the trim with strictly rising PTS."""
        last_pts: int | None = None
        index = 0
        check = ConsistencyCheck(self._video)
        for av_frame, aspect in self._decode():
            previous = last_pts
            pts = last_pts = self._repair_pts(av_frame, last_pts)
            time = pts * self._video.time_base
            if self._start is not None and time < self._start:
                continue
            if self._end is not None and time >= self._end:  # PTS rise, so no frame follows
                return
            if change := check.find_change(av_frame, aspect):
                raise InputError(self._describe_change(change, previous, pts, index))
            self.damage.corrupt_frames += bool(av_frame.is_corrupt)
            self.side_data |= list_side_data(av_frame)
            yield Frame(index, pts, 0, self._read_luma(av_frame), av_frame)
            index += 1

    def _repair_pts(self, av_frame: av.VideoFrame, last_pts: int | None) -> int:
        """Return the PTS of a frame, replaced if it is missing or does not rise."""
        if av_frame.pts is not None and (last_pts is None or av_frame.pts > last_pts):
            return int(av_frame.pts)
        self.damage.repaired_timestamps += 1
        if last_pts is None:
            return self._video.start_pts or 0
        # A repeated PTS increases by one tick only, so that the next frame can keep its PTS.
        return last_pts + (1 if av_frame.pts is not None else self._nominal_duration(av_frame))

    def _nominal_duration(self, av_frame: av.VideoFrame) -> int:
        """Return the duration of a frame at the average frame rate, in the source's time base."""
        if self._video.rate:
            return max(1, round(1 / (self._video.rate * self._video.time_base)))
        return int(av_frame.duration or 1)

    def _finish(self, last: Frame) -> None:
        """Set the duration, and record the missing time if the film ends before its end."""
        nominal, stored = self._nominal_duration(last.av_frame), int(last.av_frame.duration or 0)
        if stored and self._video.codec in ANIMATION_CODECS:
            nominal = stored
        last.duration = nominal
        if self._end is not None:
            return
        time_base, declared_ends = self._video.time_base, self._video.declared_ends_s
        end = float((last.pts + max(nominal, stored)) * time_base)
        # A longer duration is used only if it matches a declared end.
        tolerance = 2 * float(nominal * time_base)
        if stored > nominal and any(abs(end - d) <= tolerance for d in declared_ends):
            last.duration = stored
        self._check_end(end)

    def _check_end(self, end: float) -> None:
        """Record the missing time if the file was truncated; `end` is the end of the last frame."""
        tolerance = max(END_TOLERANCE_S, 2 / float(self._video.rate or 25))
        declared_end = min(self._video.declared_ends_s, default=end)
        num_missing = count_missing_bytes(self._path)
        if num_missing:
            self.damage.missing_bytes = num_missing
        if end < declared_end - tolerance and num_missing != 0:
            is_certain = num_missing is not None
            if is_certain or not lasts_until(self._path, declared_end - tolerance):
                self.damage.missing_s = declared_end - end

    def _describe_change(self, change: str, previous: int | None, pts: int, index: int) -> str:
        """Return an error message with a time after the previous frame and up to this one."""
        origin, time_base = self._video.start_pts or 0, self._video.time_base
        time = (pts - origin) * time_base
        place = format_time(Fraction(int(time * 1000), 1000))
        if previous is not None and parse_time(place) <= (previous - origin) * time_base:
            place = f"{float(time - (pts - previous) * time_base / 2):.6f}"
        frame = "" if self._start else f" (frame {index})"
        return (
            f"{self._path}: {change} at {place}{frame}; colorize the parts separately, "
            f"with --end {place} and with --start {place}"
        )

    def _read_luma(self, av_frame: av.VideoFrame) -> Plane:
        layout, video = _get_pixel_layout(av_frame.format.name), self._video
        if self._gray_from == "luma":
            return read_luma(av_frame, layout, video.matrix, video.coding.full_range)
        return read_channel_as_luma(av_frame, layout, video.coding, video.matrix, self._gray_from)
