"""Conversion of audio to PCM, for containers that do not support the codec of the source."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

import av

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vidcolor.media.containers import Container

_PCM_CODECS = {"u8": "pcm_s16le", "s16": "pcm_s16le"}
"""PCM codec by decoded sample format. All others have up to 24 bits, or come from lossy codecs."""
_FORMATS = {"pcm_s16le": "s16", "pcm_s24le": "s32"}


def find_pcm_codec(stream: av.AudioStream, container: Container) -> str | None:
    """Return the PCM codec that a container supports for a stream, or None.

    PCM of other carriers, such as DVD, is always converted; other codecs only for editing.
    """
    is_pcm = stream.codec_context.name.startswith(("pcm_", "s302m"))
    if not stream.sample_rate or not (is_pcm or "editing" in container.purposes):
        return None
    codec = _PCM_CODECS.get(stream.format.name.removesuffix("p"), "pcm_s24le")
    with contextlib.suppress(av.FFmpegError, ValueError):
        output = av.open(io.BytesIO(), "w", format=container.muxer)
        with contextlib.suppress(av.FFmpegError):  # MXF without a frame fails at its footer.
            if container.trial_encoder:
                video: Any = output.add_stream(container.trial_encoder, rate=25)
                video.width = video.height = 64
                video.pix_fmt = "yuv420p"
            add_pcm_stream(output, stream, codec)
            output.start_encoding()
            return codec
    return None


def add_pcm_stream(
    output: av.container.OutputContainer, stream: av.AudioStream, codec: str
) -> av.AudioStream:
    """Add a stream of PCM with the sample rate and the channels of another stream."""
    added: Any = output.add_stream(codec, rate=stream.sample_rate)
    added.layout = stream.layout
    added.format = _FORMATS[codec]
    return added  # type: ignore[no-any-return]


def convert_to_pcm(
    packets: Iterable[av.Packet[Any]], source: av.AudioStream, target: av.AudioStream
) -> Iterator[av.Packet[Any]]:
    """Decode the packets of `source` and yield those of `target`."""
    for packet in packets:
        with contextlib.suppress(av.InvalidDataError):  # The result has a gap, like the source.
            for frame in source.decode(packet):
                yield from target.encode(frame)
    for frame in source.decode(None):
        yield from target.encode(frame)
    yield from target.encode(None)
