"""Decoding of a film into frames in presentation order, each with its luma and its PTS."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import av

from vidcolor.errors import InputError
from vidcolor.media.demux import (
    MAX_CONSECUTIVE_ERRORS,
    DamageReport,
    demux_packets,
    open_input,
    seek_before,
)
from vidcolor.media.frames import get_pixel_layout, read_channel_as_luma, read_luma
from vidcolor.media.probe import FULL_RANGE, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vidcolor.imaging.types import Plane
    from vidcolor.options import GrayFrom

SEEK_MARGIN_S = 3
"""Distance from the seek target to the start of a trim, in seconds. Seeking in MPEG streams often
ends after the target."""
END_TOLERANCE_S = 0.2
"""Maximum time between the last frame and the declared end of an intact film, in seconds; at least
two frames."""
_ANIMATION_CODECS = {"gif", "apng"}
"""Codecs whose files store the duration of each frame. That of the last frame is exact."""

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


class FrameReader:
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
        self._video, self._gray_from = video, gray_from
        self._start, self._end = start_s, end_s

    def frames(self) -> Iterator[Frame]:
        """Yield every frame in presentation order. A missing image leaves a gap in time.

        Raises:
            InputError: frame size, bit depth or range changes within the source.
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

    def _read(self) -> Iterator[Frame]:
        """Yield the frames without their durations."""
        raise NotImplementedError

    def _finish(self, last: Frame) -> None:
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

    def _decode(self) -> Iterator[av.VideoFrame]:
        """Yield the decoded frames, and skip packets that cannot be decoded."""
        with open_input(self._path) as container:
            stream = next(s for s in container.streams.video if s.index == self._video.index)
            stream.thread_type = "AUTO"  # PyAV's default, SLICE, rarely uses several threads
            seek_before(container, stream, self._start, SEEK_MARGIN_S)
            errors = 0
            demuxed = demux_packets(container, [stream], self.damage)
            packets = self._skip_to_start(demuxed, stream)
            while errors < MAX_CONSECUTIVE_ERRORS:
                try:
                    packet = next(packets, None)
                    if packet is None:
                        return
                    av_frames = stream.decode(packet)
                except av.EOFError:
                    return
                except av.FFmpegError:
                    self.damage.bad_packets += 1
                    errors += 1
                    continue
                errors = 0
                yield from av_frames
            self.damage.messages.append("the rest of the video could not be decoded")

    def _skip_to_start(
        self, packets: Iterator[av.Packet[Any]], stream: av.VideoStream
    ) -> Iterator[av.Packet[Any]]:
        """Yield the packets of the stream from the last keyframe before the start of the trim."""
        # The frames after the start depend on all packets since the last keyframe.
        gop: list[av.Packet[Any]] = []
        for packet in packets:
            if packet.stream is not stream:
                continue
            if self._is_before_start(packet):
                if packet.is_keyframe:
                    gop.clear()
                gop.append(packet)
                continue
            yield from gop
            gop.clear()
            yield packet

    def _is_before_start(self, packet: av.Packet[Any]) -> bool:
        """Return whether another keyframe may come between a packet and the start of the trim."""
        if self._start is None or not packet.size or packet.dts is None:
            return False
        return packet.dts * self._video.time_base < self._start - SEEK_MARGIN_S

    def _read(self) -> Iterator[Frame]:
        """Yield the frames inside the trim with strictly rising PTS."""
        last_pts: int | None = None
        index = 0
        for av_frame in self._decode():
            pts = last_pts = self._repair_pts(av_frame, last_pts)
            time = pts * self._video.time_base
            if self._start is not None and time < self._start:
                continue
            if self._end is not None and time >= self._end:  # PTS rise, so no frame follows
                return
            self._check_size(av_frame, time)
            self.damage.corrupt_frames += bool(av_frame.is_corrupt)
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
        if stored and self._video.codec in _ANIMATION_CODECS:
            nominal = stored
        last.duration = nominal
        time_base, declared_end = self._video.time_base, self._video.declared_end_s
        if declared_end is None or self._end is not None:
            return
        end = float((last.pts + max(nominal, stored)) * time_base)
        # A longer duration is used only if it matches the declared end of the stream.
        if stored > nominal and abs(end - declared_end) <= 2 * float(nominal * time_base):
            last.duration = stored
        tolerance = max(END_TOLERANCE_S, 2 / float(self._video.rate or 25))
        if end < declared_end - tolerance:
            self.damage.missing_s = declared_end - end

    def _check_size(self, av_frame: av.VideoFrame, time: Fraction) -> None:
        video = self._video
        if (av_frame.width, av_frame.height) == (video.width, video.height):
            return
        elapsed = float(time - (video.start_pts or 0) * video.time_base)
        raise InputError(
            f"{self._path}: the frame size changes from {video.width}x{video.height} to "
            f"{av_frame.width}x{av_frame.height} at {elapsed:.3f} s; split the file there "
            f"(ffmpeg -ss {elapsed:.3f} -i … -c copy …) and colorize the parts separately"
        )

    def _read_luma(self, av_frame: av.VideoFrame) -> Plane:
        layout, video = _get_pixel_layout(av_frame.format.name), self._video
        if layout.luma_bits != video.coding.bits:
            raise InputError(
                f"{self._path}: the pixel format changes from {video.layout.name} to "
                f"{layout.name}; split the file there and colorize the parts separately"
            )
        tagged = FULL_RANGE if layout.full_range else int(av_frame.color_range or 0)
        is_full = tagged == FULL_RANGE
        if layout.kind != "rgb" and tagged and is_full != video.coding.full_range:
            raise InputError(
                f"{self._path}: luma changes between limited and full range; "
                "split the file there and colorize the parts separately"
            )
        if self._gray_from == "luma":
            return read_luma(av_frame, layout, video.matrix)
        return read_channel_as_luma(av_frame, layout, video.coding, video.matrix, self._gray_from)
