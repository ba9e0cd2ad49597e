"""Writing of a film: encoding of the video, and muxing with copies of the other streams."""

from __future__ import annotations

import contextlib
import math
import os
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from vidcolor.errors import OutputError
from vidcolor.fileio import describe_os_error, temporary_path
from vidcolor.media.encode import EncoderPlan, add_video_stream, fix_dts, set_color_tags
from vidcolor.media.encoders import get_encoder
from vidcolor.media.ffmpeg_cli import remux_matroska
from vidcolor.system import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vidcolor.media.probe import VideoInfo
    from vidcolor.media.streams import StreamCopier

# SVT-AV1 prints a banner that no log level of FFmpeg suppresses.
os.environ.setdefault("SVT_LOG", "1")

_PICT_TYPE_NONE = 0
"""FFmpeg's `AV_PICTURE_TYPE_NONE`: the encoder chooses between I, P and B."""
_MAX_TIMESCALE = 2**31 - 1
"""Maximum timescale of MP4 and MOV, in ticks per second."""


class VideoWriter:
    """Encodes frames and muxes them with the other streams of a film.

    Use it as a context manager. If the body raises, the file is closed incomplete and the caller
    must delete it.
    """

    def __init__(
        self,
        path: Path,
        plan: EncoderPlan,
        video: VideoInfo,
        streams: StreamCopier | None = None,
        tags: dict[str, str] | None = None,
        shift_pts: int = 0,
        target: Path | None = None,
        is_segment: bool = False,
    ) -> None:
        """Open the output and write its header.

        Args:
            path: the file to write. The plan sets its container, not its file extension.
            plan: the result of `plan_encoder`.
            video: size, timing, color and orientation.
            streams: copies the other streams; None for video only.
            tags: metadata of the container.
            shift_pts: ticks of the video's time base to subtract from every timestamp.
            target: the final name of the file, for error messages.
            is_segment: whether the file is for `concat_segments`.

        Raises:
            OutputError: the file cannot be written. All methods except `abort` raise this as well.
        """
        self._path, self._name = path, target or path
        self._plan, self._video, self._streams = plan, video, streams
        self._shift, self._is_segment, self._has_encoded = shift_pts, is_segment, False
        needs_counter = plan.container.constant_rate or plan.time_base != video.time_base
        self._counter = _FrameCounter(plan, video) if needs_counter else None
        self._duration_fixer = _DurationFixer() if plan.container.edit_lists else None
        with self._convert_errors():
            self._container = av.open(
                str(path.absolute()),
                "w",
                format=plan.muxer,
                container_options=plan.container.add_tag_options(
                    self._container_options(), tags or ()
                ),
            )
        try:
            self._write_header(tags or {})
        except BaseException:
            self.abort()
            raise

    def _container_options(self) -> dict[str, str]:
        container, video = self._plan.container, self._video
        options = dict(container.options)
        if not self._is_segment:
            options |= container.final_options
        if not container.edit_lists:
            return options
        if self._counter is not None:
            # The timescale would otherwise come from the encoder's time base.
            options["video_track_timescale"] = str(video.time_base.denominator)
        timescales = self._streams.list_required_timescales() if self._streams else set()
        if ((video.start_pts or 0) - self._shift) * video.time_base * 1000 % 1:
            timescales.add(video.time_base.denominator)
        if timescales:
            timescale = math.lcm(1000, *timescales)
            if timescale > _MAX_TIMESCALE:
                timescale = max(timescales)
            options["movie_timescale"] = str(timescale)
        return options

    def _write_header(self, tags: dict[str, str]) -> None:
        with self._convert_errors():
            self._stream = add_video_stream(self._container, self._plan, self._video)
            if self._streams is not None:
                self._streams.describe_video(self._stream, self._plan.container)
            if self._video.timecode and not self._is_segment:
                self._stream.metadata["timecode"] = self._video.timecode
            if self._video.reel and "reel" in self._plan.container.holds:
                # The MOV muxer reads the tag of the stream, and the MXF muxer that of the file.
                self._stream.metadata["reel_name"] = self._video.reel
                self._container.metadata["reel_name"] = self._video.reel
            if language := self._video.language:
                code = self._plan.container.convert_language(language)
                self._stream.metadata["language"] = code
            self._container.metadata.update(tags)
            if self._streams is not None:
                self._streams.add_streams(self._container, self._plan.container, self._path)
            self._container.start_encoding()

    @contextlib.contextmanager
    def _convert_errors(self) -> Iterator[None]:
        """Raise errors of FFmpeg and of the file system as OutputError with the final name."""
        try:
            yield
        except OSError as error:
            raise OutputError(f"{self._name}: {describe_os_error(error)}") from error
        except av.FFmpegError as error:
            raise OutputError(
                f"{self._name}: {self._plan.encoder} or the {self._plan.muxer} muxer failed "
                f"({error.strerror}); try another --encoder or container"
            ) from error

    @property
    def has_global_header(self) -> bool:
        """Whether the container stores parameter sets in its header (`AVFMT_GLOBALHEADER`)."""
        flag: Any = av.format.Flags.global_header.value
        return bool(self._container.format.flags & flag)

    def describe_damage(self) -> list[str]:
        """Return messages about packets of other streams that could not be converted."""
        return [] if self._streams is None else self._streams.describe_damage()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.abort()

    def abort(self) -> None:
        """Close the incomplete file. Errors are ignored, because the first one is reported."""
        with contextlib.suppress(av.FFmpegError, OSError, ValueError):
            self._container.close()

    def write(self, frame: av.VideoFrame, pts: int, duration: int) -> None:
        """Encode and mux one frame in the plan's pixel format, which the writer modifies.

        `pts` and `duration`, which is 0 if unknown, are in the video's time base.
        """
        self._has_encoded = True
        pts -= self._shift
        set_color_tags(frame, self._video)
        # A decoded frame has the picture type of its source, which would force that of the encoder.
        frame.pict_type = _PICT_TYPE_NONE
        frame.pts, frame.duration = pts, max(0, duration)
        frame.time_base = self._plan.time_base
        if self._duration_fixer is not None:
            self._duration_fixer.add_frame(pts, duration)
        if self._counter is not None:
            frame.pts, frame.duration = self._counter.add_frame(pts, duration), 1
        with self._convert_errors():
            self._mux_encoded(self._stream.encode(frame))

    def write_packet(self, packet: av.Packet[Any], pts: int, dts: int, duration: int) -> None:
        """Mux one frame that is already encoded with the same plan.

        `pts`, `dts` and `duration` are in the video's time base, and DTS rise from packet to
        packet. The writer modifies the packet.
        """
        packet.stream = self._stream
        packet.time_base = self._video.time_base
        packet.pts, packet.dts = pts - self._shift, dts - self._shift
        packet.duration = max(1, duration)
        if self._duration_fixer is not None:
            self._duration_fixer.add_frame(pts - self._shift, duration)
        with self._convert_errors():
            self._mux(packet)

    def finish(self) -> None:
        """Flush the encoder, copy the rest of the other streams and write the trailer."""
        with self._convert_errors():
            if self._has_encoded:
                self._mux_encoded(self._stream.encode(None))
            if self._duration_fixer is not None:
                self._mux_in_order(self._duration_fixer.flush())
            if self._streams is not None:
                self._streams.copy_until(self._container, None)
            self._container.close()
            self._complete_matroska()

    def _complete_matroska(self) -> None:
        """Add the aspect ratio and extra streams to a Matroska file with the ffmpeg command."""
        plan, video, sar = self._plan, self._video, self._video.sample_aspect_ratio
        if self._is_segment:
            return
        is_stored = plan.container.aspect_ratio != "ffmpeg"
        display_aspect = None
        if sar and not is_stored and not get_encoder(plan.encoder).stores_aspect_ratio:
            display_aspect = Fraction(video.width, video.height) * sar
        extra_streams = None if self._streams is None else self._streams.extra_streams()
        if display_aspect is None and extra_streams is None:
            return
        completed = temporary_path(self._path.with_name(f"{self._path.name}.complete"))
        try:
            remux_matroska(self._path, completed, plan.muxer, display_aspect, extra_streams)
            replace_file(completed, self._path)
        finally:
            completed.unlink(missing_ok=True)

    def _mux_encoded(self, packets: list[av.Packet[Any]]) -> None:
        for packet in packets:
            fix_dts(packet)
            if self._counter is not None:
                self._counter.restore_timestamps(packet)
            self._mux(packet)

    def _mux(self, packet: av.Packet[Any]) -> None:
        fixer = self._duration_fixer
        self._mux_in_order(packet if fixer is None else fixer.delay(packet))

    def _mux_in_order(self, packet: av.Packet[Any] | None) -> None:
        """Mux a video packet after the packets of other streams that precede it."""
        if packet is None:
            return
        if self._streams is not None and packet.dts is not None:
            self._streams.copy_until(self._container, packet.dts * Fraction(packet.time_base or 0))
        self._container.mux(packet)


class _FrameCounter:
    """Gives frame numbers to encoders that accept nothing else (MPEG-2), and restores the PTS."""

    def __init__(self, plan: EncoderPlan, video: VideoInfo) -> None:
        self._time_base = video.time_base
        self._frame_duration = max(1, round(plan.time_base / video.time_base))
        self._timestamps: dict[int, tuple[int, int]] = {}
        """PTS and duration by frame number, until the frame's packet is muxed."""
        self._first_pts = 0
        self._next_number = 0

    def add_frame(self, pts: int, duration: int) -> int:
        """Assign a number to the next frame, store its timestamps and return the number."""
        number = self._next_number
        if number == 0:
            self._first_pts = pts
        self._timestamps[number] = (pts, max(duration, 1))
        self._next_number += 1
        return number

    def restore_timestamps(self, packet: av.Packet[Any]) -> None:
        """Convert the frame numbers of a packet to timestamps in the video's time base."""
        if packet.pts is None or packet.dts is None:
            return
        pts_number, dts_number = int(packet.pts), int(packet.dts)
        packet.pts, packet.duration = self._timestamps[pts_number]
        if dts_number in self._timestamps:
            packet.dts = self._timestamps[dts_number][0]
        else:  # Before the first frame.
            packet.dts = self._first_pts + dts_number * self._frame_duration
        packet.time_base = self._time_base
        for number in [n for n in self._timestamps if n < dts_number]:
            del self._timestamps[number]


class _DurationFixer:
    """Delays packets by one and corrects the duration of the last."""

    # MP4 and MOV compute the duration of a track from DTS. With B-frames and a variable frame rate
    # the result differs from the sum of frame durations, unless the last packet compensates.

    def __init__(self) -> None:
        self._pending: av.Packet[Any] | None = None
        self._first_pts: float = math.inf
        self._end_pts: float = -math.inf
        self._first_dts: int | None = None

    def add_frame(self, pts: int, duration: int) -> None:
        """Record PTS and duration of a frame in the video's time base. The order is arbitrary."""
        self._first_pts = min(self._first_pts, pts)
        self._end_pts = max(self._end_pts, pts + max(duration, 1))

    def delay(self, packet: av.Packet[Any]) -> av.Packet[Any] | None:
        """Store a packet and return the previous one; None for the first."""
        if self._first_dts is None:
            self._first_dts = packet.dts
        previous, self._pending = self._pending, packet
        return previous

    def flush(self) -> av.Packet[Any] | None:
        """Return the last packet, with a duration that corrects the duration of the track."""
        packet = self._pending
        if packet is not None and packet.dts is not None and self._first_dts is not None:
            track_duration = int(self._end_pts - self._first_pts)
            packet.duration = max(1, track_duration - (packet.dts - self._first_dts))
        return packet


def check_constant_rate(
    plan: EncoderPlan, video: VideoInfo, pts: Sequence[int], target: Path
) -> None:
    """Check that the frame rate of a film with the given PTS is constant if it must be.

    Raises:
        OutputError: the container stores a frame rate only, and the film's is not constant.
    """
    if not plan.container.constant_rate:
        return
    # A Matroska source rounds to 1 ms. An AVI source counts in whole frames.
    tolerance = min(max(video.time_base, Fraction(1, 1000)), plan.time_base / 4)
    for number, timestamp in enumerate(pts):
        elapsed = (timestamp - pts[0]) * video.time_base
        if abs(number * plan.time_base - elapsed) > tolerance:
            time_s = (timestamp - (video.start_pts or 0)) * video.time_base
            raise OutputError(
                f"{target}: {plan.muxer} requires a constant frame rate, and the source deviates "
                f"from it at {float(time_s):.3f} s; choose another container"
            )
