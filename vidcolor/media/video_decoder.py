"""Decoding of one video stream despite errors, with the cropping of its container."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av.container.core import Flags

from vidcolor.media.cropping import Cropper
from vidcolor.media.demux import (
    MAX_CONSECUTIVE_ERRORS,
    DamageReport,
    demux_packets,
    is_raw_dv,
    seek_before,
)
from vidcolor.media.field_flags import FieldFlagger, find_field_mode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidcolor.media.cropping import Crop

SEEK_MARGIN_S = 3
"""Distance from the seek target to the start of a trim, in seconds. Seeking in MPEG streams often
ends after the target."""
_WITHOUT_PTS = ("avi", "gxf", "mpegvideo")
"""FFmpeg's demuxers that read no PTS. Those that PyAV computes from the DTS of B-frames do not
rise, and that of the first frame of a raw MPEG-1 stream is too early."""
_MATROSKA = "matroska,webm"
_LONG_DELAY_CODECS = ("h264", "hevc")
"""Codecs of such files whose decoders may delay frames by more than one packet."""


class VideoDecoder:
    """Decodes a video stream from the current position of its container to the end."""

    def __init__(
        self,
        container: av.container.InputContainer,
        stream: av.VideoStream,
        damage: DamageReport | None = None,
        start_s: Fraction | None = None,
        crop: Crop | None = None,
    ) -> None:
        """Prepare to decode a stream of which no packet is decoded yet.

        Errors are counted in `damage`. Frames that are further than `SEEK_MARGIN_S` before
        `start_s`, in seconds of the stream's timestamps, are skipped where possible. `crop` is the
        result of `read_crop`.
        """
        self._container, self._stream = container, stream
        self._is_raw_mpeg = container.format.name == "mpegvideo"
        # The timestamps of a raw stream start with the first frame that is decoded.
        self._start = None if self._is_raw_mpeg else start_s
        self._damage = damage or DamageReport()
        self._cropper = None if crop is None else Cropper(crop)
        mode = find_field_mode(stream)
        self._flagger = None if mode is None else FieldFlagger(mode)
        self._lacks_pts = _lacks_pts(container, stream)
        self._delay: int | None = None
        """Ticks from the DTS of a packet to that of the packet for which the decoder returns the
        frame of the former; None until it is known, or if the film has PTS."""
        self._fed_dts: list[int] = []
        """DTS of the packets up to the first frame, if the film lacks PTS."""
        if self._lacks_pts:
            flag: Any = Flags.gen_pts.value
            container.flags &= ~flag
        # FFmpeg returns the value of the bitstream if the container states none.
        stated = Fraction(stream.sample_aspect_ratio or 0)
        is_stated = stated != self._read_aspect() and not is_raw_dv(container, stream)
        self._stated_aspect = stated if is_stated else None

    @property
    def sample_aspect_ratio(self) -> Fraction:
        """Width over height of a pixel in the latest packets; 0 if unknown.

        It changes up to some frames before the first frame that it applies to, which is a keyframe.
        """
        return self._read_aspect() if self._stated_aspect is None else self._stated_aspect

    def _read_aspect(self) -> Fraction:
        return Fraction(self._stream.codec_context.sample_aspect_ratio or 0)

    def frames(self) -> Iterator[av.VideoFrame]:
        """Yield the decoded frames, and skip packets that cannot be decoded."""
        for frame in self._restore_pts() if self._lacks_pts else self._decode():
            if self._flagger is not None:
                frame = self._flagger.apply(frame)
            yield frame if self._cropper is None else self._cropper.apply(frame)

    def _restore_pts(self) -> Iterator[av.VideoFrame]:
        """Yield the decoded frames with PTS from the DTS of their packets.

        A decoder outputs frames in the order of the DTS, some packets later, and the last frames
        have no DTS.
        """
        if self._start is not None:
            self._delay = self._measure_delay()
        last, step = None, 0
        for frame in self._decode():
            if self._delay is None and frame.dts is not None:
                self._delay = self._find_delay(int(frame.dts))
            if frame.dts is not None:
                frame.pts = frame.dts - (self._delay or 0)
            elif last is not None:
                frame.pts = last + (step or int(frame.duration or 1))
            if last is not None and frame.pts is not None and frame.pts > last:
                step = min(step or frame.pts - last, frame.pts - last)
            last = frame.pts
            yield frame

    def _measure_delay(self) -> int | None:
        """Return the delay at the start of the film, to which it is rewound."""
        first = VideoDecoder(self._container, self._stream)
        next(first.frames(), None)
        with contextlib.suppress(av.FFmpegError):
            self._container.seek(self._stream.start_time or 0, stream=self._stream)
        return first._delay

    def _find_delay(self, dts: int) -> int:
        """Return the delay of the decoder, in ticks; `dts` is that of the first frame."""
        context, fed = self._stream.codec_context, self._fed_dts
        if self._is_raw_mpeg:  # Its timestamps start before 0.
            return dts
        if not context.has_b_frames or len(fed) < 2:
            return 0
        # Leading B-frames that refer to a missing frame are packets without a frame.
        longest = len(fed) - 1 if context.name in _LONG_DELAY_CODECS else 1
        return min(dts, fed[longest]) - fed[0]

    def _decode(self) -> Iterator[av.VideoFrame]:
        seek_before(self._container, self._stream, self._start, SEEK_MARGIN_S)
        errors = 0
        demuxed = demux_packets(self._container, [self._stream], self._damage)
        packets = self._skip_to_start(demuxed)
        while errors < MAX_CONSECUTIVE_ERRORS:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                if self._lacks_pts and self._delay is None and packet.dts is not None:
                    self._fed_dts.append(int(packet.dts))
                av_frames = self._stream.decode(packet)
            except av.EOFError:
                return
            except av.FFmpegError:
                self._damage.bad_packets += 1
                errors += 1
                continue
            errors = 0
            yield from av_frames
        self._damage.messages.append("the rest of the video could not be decoded")

    def _skip_to_start(self, packets: Iterator[av.Packet[Any]]) -> Iterator[av.Packet[Any]]:
        """Yield the packets of the stream from the last keyframe before the start of the trim."""
        # The frames after the start depend on all packets since the last keyframe.
        gop: list[av.Packet[Any]] = []
        for packet in packets:
            # A packet without data repeats the previous frame, as in Theora. It ends the stream if
            # it has no timestamp either.
            is_repetition = not packet.size and packet.dts is not None
            if packet.stream is not self._stream or is_repetition:
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
        time_base = Fraction(packet.time_base or 0)
        return packet.dts * time_base < self._start - SEEK_MARGIN_S


def _lacks_pts(container: av.container.InputContainer, stream: av.VideoStream) -> bool:
    """Return whether the packets of a stream have no PTS, also where its container can store it.

    The tracks of Matroska that have a FourCC were copied from AVI, with their DTS.
    """
    name, context = container.format.name, stream.codec_context
    has_fourcc = bool(context.codec_tag.strip("\0"))
    return name in _WITHOUT_PTS or (name == _MATROSKA and has_fourcc)
