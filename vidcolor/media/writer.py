"""The colored film: picture encoded, everything else copied beside it, tags as they were."""

from __future__ import annotations

import contextlib
import math
import os
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from vidcolor.errors import OutputError, UsageError
from vidcolor.fileio import describe_os_error
from vidcolor.media.encode import (
    MOVFLAGS,
    MUXERS,
    EncoderPlan,
    add_picture_stream,
    mend_decode_time,
    tag_picture,
)
from vidcolor.media.ffmpeg_cli import complete_matroska
from vidcolor.media.languages import language_for
from vidcolor.media.streams import temporary_beside

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vidcolor.media.probe import VideoInfo
    from vidcolor.media.streams import StreamCopier

os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 prints its banner past every log setting

_MATROSKA = ("matroska", "webm")
_STATE_ASPECT_IN_BITSTREAM = {
    "libx264", "libx265", "mpeg2video", "mpeg4", "h264_nvenc", "hevc_nvenc",
}  # fmt: skip
_MEANINGLESS_PICT_TYPE = 0
_MAX_TIMESCALE = 2**31 - 1


class FilmWriter:
    """Encodes pictures and muxes them with the film's other streams.

    Use as a context manager. Leaving it by an exception closes the file without complaint; what
    was written is then of no use and the caller removes it.
    """

    def __init__(
        self,
        path: Path,
        plan: EncoderPlan,
        video: VideoInfo,
        company: StreamCopier | None = None,
        tags: dict[str, str] | None = None,
        shift_pts: int = 0,
        target: Path | None = None,
        is_part: bool = False,
    ) -> None:
        """Open the output and write its header.

        Args:
            path: where to write; the container is the plan's, whatever the suffix.
            plan: what `plan_encoder` decided.
            video: the source's picture.
            company: copies the other streams; None for a silent film.
            tags: the container's tags.
            shift_pts: ticks of the source's time base that are taken off every time stamp.
            target: the final name, for messages.
            is_part: see `media.parts`; nobody but us reads it.

        Raises:
            OutputError: the file cannot be written, here or in any method.
        """
        self._path, self._name = path, target or path
        self._plan, self._video, self._company = plan, video, company
        self._shift, self._is_part, self._encodes = shift_pts, is_part, False
        counts = plan.constant_rate or plan.time_base != video.time_base
        self._counter = _FrameCounter(plan, video) if counts else None
        self._ending = _Ending() if plan.muxer in MOVFLAGS else None
        with self._explained():
            self._container = av.open(
                str(path.absolute()),
                "w",
                format=plan.muxer,
                container_options=self._container_options(),
            )
        try:
            self._write_header(tags or {})
        except BaseException:
            self._close_quietly()
            raise

    def _container_options(self) -> dict[str, str]:
        if self._plan.muxer in _MATROSKA:
            # or all streams would move until sound that begins before 0 (AAC, Vorbis) does not
            return {"avoid_negative_ts": "disabled"}
        if self._plan.muxer not in MOVFLAGS:
            return {}
        start = "" if self._is_part else "+faststart"  # it costs a second writing of all
        options = {"movflags": start + MOVFLAGS[self._plan.muxer]}
        if self._counter is not None:  # the encoder's own time base is no measure for the track's
            options["video_track_timescale"] = str(self._video.time_base.denominator)
        scales = self._company.clocks_off_the_millisecond() if self._company else set()
        base = self._video.time_base
        if ((self._video.start_pts or 0) - self._shift) * base * 1000 % 1:
            scales.add(base.denominator)
        if scales:  # the edit list that delays a stream counts in the movie's own time scale
            scale = math.lcm(1000, *scales)
            options["movie_timescale"] = str(scale if scale <= _MAX_TIMESCALE else max(scales))
        return options

    def _write_header(self, tags: dict[str, str]) -> None:
        with self._explained():
            self._stream = add_picture_stream(self._container, self._plan, self._video)
            if self._video.timecode and not self._shift:
                self._stream.metadata["timecode"] = self._video.timecode
            if self._video.language:
                language = language_for(self._video.language, self._plan.muxer)
                self._stream.metadata["language"] = language
            self._container.metadata.update(tags)
            if self._company is not None:
                self._company.add_streams(self._container, self._plan.muxer, beside=self._path)
            self._container.start_encoding()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """FFmpeg's errors as ours, with the name that the user knows."""
        try:
            yield
        except OSError as error:
            raise OutputError(f"{self._name}: {describe_os_error(error)}") from error
        except av.FFmpegError as error:
            raise OutputError(
                f"{self._name}: {self._plan.encoder} or the {self._plan.muxer} muxer failed "
                f"({error.strerror}); try another --encoder or container"
            ) from error

    def __enter__(self) -> FilmWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._close_quietly()

    def abandon(self) -> None:
        """Close the file as it is; it is of no use."""
        self._close_quietly()

    def write(self, picture: av.VideoFrame, pts: int, duration: int) -> None:
        """Encode one picture.

        Args:
            picture: in the plan's pixel format; belongs to the writer from now on.
            pts: in the source's time base.
            duration: in the source's time base; 0 if unknown.
        """
        self._encodes = True
        pts -= self._shift
        tag_picture(picture, self._video)
        picture.pict_type = _MEANINGLESS_PICT_TYPE  # or the source's I, P, B would be forced
        picture.pts, picture.duration = pts, max(0, duration)
        picture.time_base = self._plan.time_base
        if self._ending is not None:
            self._ending.note_picture(pts, duration)
        if self._counter is not None:
            picture.pts, picture.duration = self._counter.count(pts, duration), 1
        with self._explained():
            self._mux(self._stream.encode(picture))

    def copy(self, packet: av.Packet[Any], pts: int, dts: int, duration: int) -> None:
        """Take a picture that is encoded already, by the same plan, instead of one to encode.

        Args:
            packet: in the order of decoding; belongs to the writer from now on.
            pts: in the source's time base, like the two that follow.
            dts: when it is decoded; rising from packet to packet.
            duration: for how long it is shown.
        """
        packet.stream = self._stream
        packet.time_base = self._video.time_base
        packet.pts, packet.dts = pts - self._shift, dts - self._shift
        packet.duration = max(1, duration)
        if self._ending is not None:
            self._ending.note_picture(pts - self._shift, duration)
        with self._explained():
            self._mux_one(packet if self._ending is None else self._ending.delay(packet))

    def finish(self) -> None:
        """Flush the encoder, copy what is left of the other streams and write the trailer."""
        with self._explained():
            if self._encodes:
                self._mux(self._stream.encode(None))
            if self._ending is not None:
                self._mux_one(self._ending.last())
            if self._company is not None:
                self._company.copy_until(self._container, None)
            self._container.close()
            self._complete()

    def _complete(self) -> None:
        """Have ffmpeg add to a finished Matroska file what PyAV cannot put there."""
        plan, video = self._plan, self._video
        if plan.muxer not in _MATROSKA or self._is_part:
            return
        aspect = None
        if video.sample_aspect_ratio and plan.encoder not in _STATE_ASPECT_IN_BITSTREAM:
            aspect = Fraction(video.width, video.height) * video.sample_aspect_ratio
        appendix = None if self._company is None else self._company.appendix()
        if aspect is None and appendix is None:
            return
        completed = temporary_beside(self._path, "complete")
        try:
            complete_matroska(self._path, completed, plan.muxer, aspect, appendix)
            completed.replace(self._path)
        finally:
            completed.unlink(missing_ok=True)

    def _mux(self, packets: list[av.Packet[Any]]) -> None:
        for packet in packets:
            mend_decode_time(packet)
            if self._counter is not None:
                self._counter.restamp(packet)
            ready = packet if self._ending is None else self._ending.delay(packet)
            self._mux_one(ready)

    def _mux_one(self, packet: av.Packet[Any] | None) -> None:
        if packet is None:
            return
        if self._company is not None and packet.dts is not None:
            self._company.copy_until(self._container, packet.dts * Fraction(packet.time_base or 0))
        self._container.mux(packet)

    def _close_quietly(self) -> None:
        try:
            self._container.close()
        except (av.FFmpegError, OSError, ValueError):
            return  # the error that brought us here is the one to report


class _FrameCounter:
    """Gives an encoder frame numbers for time stamps, and its packets the true stamps again.

    MPEG-2 and MPEG-4 encoders count in frames; MP4 and Matroska hold any time stamp all the same.
    """

    def __init__(self, plan: EncoderPlan, video: VideoInfo) -> None:
        self._plan, self._time_base = plan, video.time_base
        self._step = max(1, round(plan.time_base / video.time_base))
        self._stamps: dict[int, tuple[int, int]] = {}
        self._first: int | None = None
        self._next = 0

    def count(self, pts: int, duration: int) -> int:
        """The number of a picture that is shown at `pts`."""
        if self._first is None:
            self._first = pts
        number = self._next
        self._stamps[number] = (pts, max(duration, 1))
        self._next += 1
        return number

    def restamp(self, packet: av.Packet[Any]) -> None:
        """Turn a packet's frame numbers into the source's time stamps."""
        if packet.pts is None or packet.dts is None:
            return
        shown, decoded = int(packet.pts), int(packet.dts)
        packet.pts, packet.duration = self._stamps[shown]
        if decoded in self._stamps:
            packet.dts = self._stamps[decoded][0]
        else:  # before the first picture
            packet.dts = (self._first or 0) + decoded * self._step
        packet.time_base = self._time_base
        for number in [n for n in self._stamps if n < decoded]:
            del self._stamps[number]


class _Ending:
    """Holds the last packet back until the film's duration is known, and makes it fit.

    MP4 and MOV add up the time between decodings. With B-frames and a variable rate that is not
    the time between pictures, unless the last packet makes up the difference.
    """

    def __init__(self) -> None:
        self._held: av.Packet[Any] | None = None
        self._first_pts: int | None = None
        self._end_pts: int | None = None
        self._first_dts: int | None = None

    def note_picture(self, pts: int, duration: int) -> None:
        """Learn when a picture is shown, in the source's time base; in any order."""
        self._first_pts = pts if self._first_pts is None else min(self._first_pts, pts)
        end = pts + max(duration, 1)
        self._end_pts = end if self._end_pts is None else max(self._end_pts, end)

    def delay(self, packet: av.Packet[Any]) -> av.Packet[Any] | None:
        """Take a packet, give the one before it."""
        if self._first_dts is None:
            self._first_dts = packet.dts
        ready, self._held = self._held, packet
        return ready

    def last(self) -> av.Packet[Any] | None:
        """The last packet, with the duration that makes the sum right."""
        packet = self._held
        if packet is None or packet.dts is None or self._first_dts is None:
            return packet
        shown = (self._end_pts or 0) - (self._first_pts or 0)
        packet.duration = max(1, shown - (packet.dts - self._first_dts))
        return packet


def check_rate(plan: EncoderPlan, video: VideoInfo, pts: Sequence[int], target: Path) -> None:
    """Refuse time stamps that a container which counts in frames cannot hold.

    Args:
        plan: what `plan_encoder` decided.
        video: the source's picture.
        pts: of every picture, in the source's time base.
        target: the final name, for messages.

    Raises:
        OutputError: the film has no constant frame rate.
    """
    if not plan.constant_rate:
        return
    # a Matroska source rounds to 1 ms, an AVI counts in whole frames
    slack = min(max(video.time_base, Fraction(1, 1000)), plan.time_base / 4)
    for number, stamp in enumerate(pts):
        since = (stamp - pts[0]) * video.time_base
        if abs(number * plan.time_base - since) > slack:
            raise OutputError(
                f"{target}: {plan.muxer} needs one constant frame rate, and the source departs "
                f"from it at {float(stamp * video.time_base):.3f} s; choose another container"
            )


def muxer_of(path: Path) -> str:
    """The container that a file name asks for.

    Raises:
        UsageError: no container we write ends so.
    """
    muxer = MUXERS.get(path.suffix.lower())
    if muxer is None:
        raise UsageError(
            f"{path}: cannot write a film called {path.suffix or 'without suffix'}; "
            f"use one of {', '.join(MUXERS)}"
        )
    return muxer
