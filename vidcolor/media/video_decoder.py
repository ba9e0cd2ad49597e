"""Decoding of one video stream despite errors, with the cropping of its container."""

from __future__ import annotations

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
_WITHOUT_PTS = ("avi", "mpegvideo")
"""FFmpeg's demuxers that read no PTS. Those that PyAV computes from the DTS of B-frames do not
rise, and that of the first frame of a raw MPEG-1 stream is too early."""


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
        self._lacks_pts = container.format.name in _WITHOUT_PTS
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
        last_end, origin = None, None
        for frame in self._decode():
            if self._lacks_pts and (frame.pts is None or self._is_raw_mpeg):
                # A decoder outputs frames in the order of the DTS, and the last frames have none.
                frame.pts = last_end if frame.dts is None else frame.dts
            last_end = None if frame.pts is None else frame.pts + int(frame.duration or 1)
            if self._is_raw_mpeg and frame.pts is not None:
                # The DTS of the first frame is the delay of the decoder.
                origin = frame.pts if origin is None else origin
                frame.pts -= origin
            if self._flagger is not None:
                frame = self._flagger.apply(frame)
            yield frame if self._cropper is None else self._cropper.apply(frame)

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
