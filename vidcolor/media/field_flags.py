"""Flags of interlaced frames, where only the container states the field order.

The decoders of some codecs for captures, such as UT Video, do not flag frames. Encoders then code
them as progressive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.media.frame_filter import FrameFilter

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
        self._mode, self._filter = mode, FrameFilter("setfield")

    def apply(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return a flagged frame, or `frame` itself if the decoder has flagged it."""
        return frame if frame.interlaced_frame else self._filter.apply(frame, self._mode)
