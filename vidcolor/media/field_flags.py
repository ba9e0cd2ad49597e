"""Flags of interlaced frames, where only the container states the field order.

The decoders of some codecs for captures, such as UT Video, do not flag frames. Encoders then code
them as progressive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from av.filter import Graph

if TYPE_CHECKING:
    import av

_CODECS_WITHOUT_FLAGS = ("ffvhuff", "huffyuv", "magicyuv", "mjpeg", "png", "utvideo")
"""FFmpeg's names of decoders that do not apply the field order of the container."""
_FIELD_MODES = {2: "tff", 3: "bff", 4: "tff", 5: "bff"}
"""Mode of the filter setfield, by FFmpeg's `AVFieldOrder`. Decoders of uncompressed video also use
the field that is coded first."""


def find_field_mode(stream: av.VideoStream) -> str | None:
    """Return the mode of a `FieldFlagger`; None if the frames need none."""
    context = stream.codec_context
    if context.name not in _CODECS_WITHOUT_FLAGS:
        return None
    return _FIELD_MODES.get(int(context.field_order or 0))


class FieldFlagger:
    """Flags frames as interlaced. Planes are not copied; timestamps and side data are kept."""

    def __init__(self, mode: str) -> None:
        """Prepare for frames of any size and pixel format. `mode` is ``tff`` or ``bff``."""
        self._mode = mode
        self._graph: Graph | None = None
        self._key: tuple[int, int, str] | None = None

    def apply(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return a flagged frame, or `frame` itself if the decoder has flagged it."""
        if frame.interlaced_frame:
            return frame
        key = frame.width, frame.height, frame.format.name
        if self._graph is None or key != self._key:
            self._key, self._graph = key, self._build(frame)
        self._graph.vpush(frame)
        return self._graph.vpull()

    def _build(self, frame: av.VideoFrame) -> Graph:
        graph = Graph()
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        flags, sink = graph.add("setfield", self._mode), graph.add("buffersink")
        source.link_to(flags)
        flags.link_to(sink)
        graph.configure()
        return graph
