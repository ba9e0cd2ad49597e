"""Conversion of audio to PCM, for containers that do not support the codec of the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import av

from vidcolor.media.audio_alignment import AudioAligner
from vidcolor.media.demux import DamageReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from fractions import Fraction

    from vidcolor.media.containers import Container

MAX_UNNAMED_S = 0.1
"""Maximum duration of audio beyond the video that is dropped without a warning, in seconds: the
encoder delay and the rest of the last packet."""
_SAMPLE_FORMATS = {
    "pcm_s16le": "s16",
    "pcm_s24le": "s32",
    "pcm_s32le": "s32",
    "pcm_f32le": "flt",
    "pcm_f64le": "dbl",
}
"""Sample format that the encoder of each PCM codec takes."""


_DEFAULT_LAYOUTS = (
    *("", "mono", "stereo", "2.1", "4.0", "5.0", "5.1", "6.1", "7.1"),
    *([""] * 7),
    "hexadecagonal",
)
"""FFmpeg's default layout by number of channels; empty if it has none."""


@dataclass(frozen=True, slots=True)
class PcmFormat:
    """The format of converted audio."""

    codec: str
    """FFmpeg's name of the codec."""
    rate: int
    """Samples per second."""
    layout: str
    """FFmpeg's name of the channel layout."""


def get_channel_layout(stream: av.AudioStream, container: Container) -> str | None:
    """Return the channel layout for PCM in a container; None if it needs one and none is known.

    AVI and Matroska store PCM without a layout. FFmpeg's default for the number of channels is
    then used if the container needs one.
    """
    name = stream.layout.name
    if not container.needs_channel_layout or not name.endswith(" channels"):
        return name
    count = stream.layout.nb_channels
    return (_DEFAULT_LAYOUTS[count] if count < len(_DEFAULT_LAYOUTS) else "") or None


def add_pcm_stream(output: av.container.OutputContainer, pcm: PcmFormat) -> av.AudioStream:
    """Add a stream of PCM to an output."""
    added: Any = output.add_stream(pcm.codec, rate=pcm.rate)
    added.layout = pcm.layout
    added.format = _SAMPLE_FORMATS[pcm.codec]
    return added  # type: ignore[no-any-return]


def convert_to_pcm(
    packets: Iterable[av.Packet[Any]],
    source: av.AudioStream,
    target: av.AudioStream,
    start_s: Fraction | None = None,
    end_s: Fraction | None = None,
    damage: DamageReport | None = None,
    is_excerpt: bool = False,
) -> Iterator[av.Packet[Any]]:
    """Decode the packets of `source` and yield those of `target`.

    `start_s` is the time of the first sample; None for the first sample of the source. Audio that
    ends before `end_s` is continued with silence; the muxer leaves out what follows. That, packets
    that cannot be decoded, and changes of the channels are recorded in `damage`. For an excerpt,
    `packets` end with it, except the rest of the last.
    """
    damage = damage or DamageReport()
    aligner, converter = AudioAligner(start_s), _FrameConverter(target, damage)
    last = av.AudioFrame(target.format.name, target.layout.name, 1)
    last.sample_rate = target.rate
    is_first = True
    for frame in _decode(packets, source, damage):
        if frame is None:
            # Timestamps may be too inexact to show that one packet is missing.
            for silence in aligner.insert_silence(last, 0 if is_first else last.samples):
                yield from target.encode(silence)
            continue
        for converted in converter.convert(frame):
            last, is_first = converted, False
            for aligned in aligner.align(converted):
                yield from target.encode(aligned)  # This also changes the sample rate.
    if end_s is not None:
        excess_s = aligner.measure_excess_s(end_s, last.sample_rate)
        if excess_s > MAX_UNNAMED_S and not is_excerpt:
            damage.messages.append(
                f"{excess_s:.1f} s after the end of the video are left out, because the container "
                "does not support them"
            )
        for silence in aligner.fill(end_s, last):
            yield from target.encode(silence)
    yield from target.encode(None)


def _decode(
    packets: Iterable[av.Packet[Any]], source: av.AudioStream, damage: DamageReport
) -> Iterator[av.AudioFrame | None]:
    """Yield the decoded frames, and None for each packet that cannot be decoded."""
    for packet in packets:
        try:
            yield from source.decode(packet)
        except av.EOFError:
            return
        except av.FFmpegError:
            damage.bad_packets += 1
            yield None
    yield from source.decode(None)


class _FrameConverter:
    """Converts frames to the sample format and the channels of a stream.

    The samples of all channels are then in one plane. PyAV crashes if it converts a frame with
    eight planes to an array.
    """

    def __init__(self, target: av.AudioStream, damage: DamageReport) -> None:
        self._target, self._damage = (target.format.name, target.layout.name), damage
        self._num_channels = target.channels
        self._rate: int | None = None
        """Sample rate of the first frame. Later frames may have another, and other channels."""
        self._source: tuple[str, str, int] | None = None
        """Sample format, channel layout and sample rate of the latest frame."""
        self._resampler: av.AudioResampler | None = None

    def convert(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        self._rate = self._rate or frame.sample_rate
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or source != self._source:
            self._source = source
            self._record_change(frame)
            self._resampler = av.AudioResampler(*self._target, self._rate)
        pts, time_base = frame.pts, frame.time_base
        converted = self._resampler.resample(frame)
        if frame.sample_rate == self._rate and len(converted) == 1 and time_base is not None:
            # The resampler rounds timestamps to a unit that suggests a precision they do not have.
            converted[0].pts, converted[0].time_base = pts, time_base
        return converted

    def _record_change(self, frame: av.AudioFrame) -> None:
        channels, rate = frame.layout.nb_channels, frame.sample_rate
        if (channels, rate) != (self._num_channels, self._rate) and not self._damage.messages:
            self._damage.messages.append(
                f"channels or sample rate change within the film; all audio is converted to "
                f"{self._target[1]}, {self._rate} Hz"
            )
