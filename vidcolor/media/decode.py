"""A film's frames, in order, each with its luma and its own time stamp."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import av

from vidcolor.errors import InputError
from vidcolor.media.frames import gray_from_channel, luma_plane, pixel_layout
from vidcolor.media.packets import MAX_ERRORS_IN_A_ROW, may_jump, read_past_damage
from vidcolor.media.probe import FULL_RANGE, VideoInfo, open_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vidcolor.color.ycbcr import Plane
    from vidcolor.media.frames import PixelLayout
    from vidcolor.options import GrayFrom

SEEK_MARGIN_S = 3
"""How much earlier than asked to seek: MPEG program and transport streams land late."""
END_TOLERANCE_S = 0.2
"""How much too early a film may end before it counts as cut off; two frames at least."""

_layout = lru_cache(maxsize=32)(pixel_layout)


@dataclass(slots=True)
class Frame:
    """One picture of the film on its way through the pipeline."""

    index: int
    pts: int
    """In the source's time base."""
    duration: int
    """Until the next frame is shown, in the source's time base; 0 if unknown (the last frame)."""
    luma: Plane
    """(H, W) uint8 or uint16 code values at the source's depth."""
    picture: av.VideoFrame
    """The decoded frame: carries field flags, captions and side data to the encoder."""
    own_color: NDArray[np.uint8] | None = None
    """In a sequence, whose `picture` is blank: see `Still.own_color`."""


@dataclass(slots=True)
class Damage:
    """What was wrong with a source, as found while reading it."""

    bad_packets: int = 0
    corrupt_frames: int = 0
    repaired_stamps: int = 0
    splices: int = 0
    """How often the clock starts again: recordings that were put one behind the other."""
    missing_s: float = 0.0
    """How much earlier the film ends than it says."""
    notes: list[str] = field(default_factory=list)

    @property
    def is_damaged(self) -> bool:
        """Whether picture was lost (repaired time stamps alone are no loss)."""
        return bool(self.bad_packets or self.corrupt_frames or self.missing_s or self.notes)

    def describe(self) -> list[str]:
        """One sentence for each kind of damage."""
        said = list(self.notes)
        if self.bad_packets:
            said.append(f"{self.bad_packets} packets could not be decoded; their frames are lost")
        if self.corrupt_frames:
            said.append(f"{self.corrupt_frames} frames are damaged in the source")
        if self.missing_s:
            said.append(f"the film ends {self.missing_s:.1f} s too early; is it cut off?")
        if self.repaired_stamps:
            said.append(f"{self.repaired_stamps} time stamps were missing or repeated; mended")
        if self.splices:
            said.append(f"the clock falls back {self.splices} times; the parts were lined up")
        return said


class Reader(Protocol):
    """Where frames come from: a film or an image sequence."""

    damage: Damage
    warnings: dict[str, None]
    """What else there is to be said, each sentence once."""

    def frames(self) -> Iterator[Frame]:
        """Every frame, in order."""
        ...


class FilmReader:
    """Decodes the picture of one film, once through."""

    def __init__(
        self,
        path: Path,
        video: VideoInfo,
        gray_from: GrayFrom = "luma",
        start_s: Fraction | None = None,
        end_s: Fraction | None = None,
    ) -> None:
        """Prepare to read.

        Args:
            path: the film.
            video: what `probe` saw of it.
            gray_from: what the luma is made from.
            start_s: seconds of the source's clock before which frames are left out.
            end_s: seconds of the source's clock from which on frames are left out.
        """
        self.damage = Damage()
        self.warnings: dict[str, None] = {}
        self._path, self._video, self._gray_from = path, video, gray_from
        self._start, self._end = start_s, end_s

    def frames(self) -> Iterator[Frame]:
        """Yield every frame in the order of display.

        Raises:
            InputError: the picture's size changes on the way.
        """
        waiting: Frame | None = None
        for frame in self._stamped(self._decode()):
            if waiting is not None:
                waiting.duration = frame.pts - waiting.pts
                yield waiting
            waiting = frame
        if waiting is not None:
            waiting.duration = self._last_step(waiting)
            self._note_early_end(waiting)
            yield waiting

    def _decode(self) -> Iterator[av.VideoFrame]:
        """Decoded pictures, past whatever does not decode."""
        with open_source(self._path) as container:
            stream = next(s for s in container.streams.video if s.index == self._video.index)
            stream.thread_type = "AUTO"
            self._seek(container, stream)
            errors = 0
            packets = self._worth_decoding(
                read_past_damage(container, [stream], self._note_bad_packet, self._note_splice),
                stream,
            )
            while errors < MAX_ERRORS_IN_A_ROW:
                try:
                    packet = next(packets, None)
                    if packet is None:
                        return
                    pictures = stream.decode(packet)
                except av.EOFError:
                    return
                except av.FFmpegError:
                    self._note_bad_packet()
                    errors += 1
                    continue
                errors = 0
                yield from pictures
            self.damage.notes.append("the rest of the film could not be read")

    def _worth_decoding(
        self, packets: Iterator[av.Packet[Any]], stream: av.VideoStream
    ) -> Iterator[av.Packet[Any]]:
        """The picture's packets, from the last key frame before a trim on."""
        held: list[av.Packet[Any]] = []
        for packet in packets:
            if packet.stream is not stream:
                continue
            if self._is_before(packet):
                if packet.is_keyframe:
                    held.clear()
                held.append(packet)
                continue
            yield from held
            held.clear()
            yield packet

    def _seek(self, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        """Near the start of a trim, where the format has one clock from beginning to end."""
        if self._start is not None and not may_jump(container):
            pts = int((self._start - SEEK_MARGIN_S) / self._video.time_base)
            if pts > (self._video.start_pts or 0):
                with contextlib.suppress(av.FFmpegError):  # raw streams: read from the start
                    container.seek(pts, stream=stream, backward=True)

    def _is_before(self, packet: av.Packet[Any]) -> bool:
        """Whether a trim begins so much later that another key frame may come before it."""
        if self._start is None or not packet.size or packet.dts is None:
            return False
        return packet.dts * self._video.time_base < self._start - SEEK_MARGIN_S

    def _note_splice(self) -> None:
        self.damage.splices += 1

    def _note_bad_packet(self) -> None:
        self.damage.bad_packets += 1

    def _stamped(self, pictures: Iterator[av.VideoFrame]) -> Iterator[Frame]:
        """Frames with strictly rising time stamps, inside the wanted time."""
        last: int | None = None
        index = 0
        for picture in pictures:
            pts = self._next_stamp(picture, last)
            last = pts
            time = pts * self._video.time_base
            if self._start is not None and time < self._start:
                continue
            if self._end is not None and time >= self._end:
                return
            self._check_size(picture, time)
            self.damage.corrupt_frames += bool(picture.is_corrupt)
            yield Frame(index, pts, 0, self._luma(picture), picture)
            index += 1

    def _next_stamp(self, picture: av.VideoFrame, last: int | None) -> int:
        if picture.pts is not None and (last is None or picture.pts > last):
            return int(picture.pts)
        self.damage.repaired_stamps += 1
        if last is None:
            return self._video.start_pts or 0
        return last + (1 if picture.pts is not None else self._nominal_step(picture))

    def _nominal_step(self, picture: av.VideoFrame) -> int:
        if self._video.rate:
            return max(1, round(1 / (self._video.rate * self._video.time_base)))
        return int(picture.duration or 1)

    def _last_step(self, last: Frame) -> int:
        """How long the last frame stands: as it says, if the film's stated end says so too."""
        step, stated = self._nominal_step(last.picture), self._video.stated_end_s
        own = int(last.picture.duration or 0)
        if own <= step or stated is None or self._end is not None:
            return step
        ends_s = float((last.pts + own) * self._video.time_base)
        agreed = abs(ends_s - stated) <= 2 * float(step * self._video.time_base)
        return own if agreed else step

    def _check_size(self, picture: av.VideoFrame, time: Fraction) -> None:
        video = self._video
        if (picture.width, picture.height) == (video.width, video.height):
            return
        since = float(time - (video.start_pts or 0) * video.time_base)
        raise InputError(
            f"{self._path}: the picture changes from {video.width}x{video.height} to "
            f"{picture.width}x{picture.height} at {since:.3f} s; "
            f"cut it there first (ffmpeg -ss {since:.3f} -i … -c copy …), then color the parts"
        )

    def _luma(self, picture: av.VideoFrame) -> Plane:
        layout, video = _layout(picture.format.name), self._video
        if layout.luma_bits != video.coding.bits:
            raise InputError(
                f"{self._path}: the pixel format changes from {video.layout.name} to "
                f"{layout.name} on the way; color the parts by themselves"
            )
        if _states_other_range(picture, layout, video):
            raise InputError(
                f"{self._path}: the luma changes between limited and full range on the way; "
                "color the parts by themselves"
            )
        if self._gray_from == "luma":
            return luma_plane(picture, layout, video.matrix)
        return gray_from_channel(picture, layout, video.coding, video.matrix, self._gray_from)

    def _note_early_end(self, last: Frame) -> None:
        stated = self._video.stated_end_s
        if stated is None or self._end is not None:
            return
        end = float(
            (last.pts + max(last.duration, last.picture.duration or 0)) * self._video.time_base
        )
        tolerance = max(END_TOLERANCE_S, 2 / float(self._video.rate or 25))
        if end < stated - tolerance:
            self.damage.missing_s = stated - end


def _states_other_range(picture: av.VideoFrame, layout: PixelLayout, video: VideoInfo) -> bool:
    """Whether a picture says of itself that its codes mean something else than the film's."""
    if layout.kind == "rgb":
        return False
    stated = FULL_RANGE if layout.full_range else int(picture.color_range or 0)
    return stated != 0 and (stated == FULL_RANGE) != video.coding.full_range
