"""Static HDR metadata of video (HDR10): the mastering display and the content light levels."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from av.sidedata.sidedata import Type as SideDataType

from vidcolor.media.frames import get_side_data

if TYPE_CHECKING:
    from collections.abc import Iterable

    import av

_NUM_DISPLAY_VALUES = 10
_MAX_LIGHT_LEVEL = 65535
"""Maximum that the bitstreams of H.264, H.265 and AV1 hold, in cd/m²."""


@dataclass(frozen=True, slots=True)
class MasteringDisplay:
    """The color volume of the display that a video was graded on (SMPTE ST 2086)."""

    red: tuple[Fraction, Fraction]
    """CIE 1931 x and y, as of `green`, `blue` and `white`. 0 to 1."""
    green: tuple[Fraction, Fraction]
    blue: tuple[Fraction, Fraction]
    white: tuple[Fraction, Fraction]
    min_luminance: Fraction
    """In cd/m²."""
    max_luminance: Fraction
    """In cd/m², above `min_luminance`."""


@dataclass(frozen=True, slots=True)
class HdrMetadata:
    """Metadata that applies to every frame of a video."""

    mastering_display: MasteringDisplay | None = None
    """None if the video has none, or an incomplete one."""
    light_level: tuple[int, int] | None = None
    """Maximum luminance of a pixel and of the average of a frame (MaxCLL, MaxFALL), in cd/m², 0 to
    65535. 0 is unknown. None if the video has none."""


def read_hdr_metadata(frames: Iterable[av.VideoFrame]) -> HdrMetadata:
    """Return the metadata of frames of a video. Values that differ among the frames are None."""
    displays, levels = set(), set()
    for frame in frames:
        side_data = get_side_data(frame)
        if data := side_data.get(SideDataType.MASTERING_DISPLAY_METADATA):
            displays.add(_parse_mastering_display(bytes(data)))
        if data := side_data.get(SideDataType.CONTENT_LIGHT_LEVEL):
            levels.add(_parse_light_level(bytes(data)))
    return HdrMetadata(
        displays.pop() if len(displays) == 1 else None, levels.pop() if len(levels) == 1 else None
    )


def _parse_mastering_display(data: bytes) -> MasteringDisplay | None:
    """Parse FFmpeg's `AVMasteringDisplayMetadata`."""
    integers = struct.unpack_from(f"{2 * _NUM_DISPLAY_VALUES + 2}i", data)
    *pairs, has_primaries, has_luminance = integers
    numerators, denominators = pairs[::2], pairs[1::2]
    if not (has_primaries and has_luminance and all(denominators)):
        return None
    values = [Fraction(n, d) for n, d in zip(numerators, denominators, strict=True)]
    red, green, blue, white = zip(values[0:8:2], values[1:8:2], strict=True)
    min_luminance, max_luminance = values[8:]
    if not all(0 <= value <= 1 for value in values[:8]) or not 0 <= min_luminance < max_luminance:
        return None
    return MasteringDisplay(red, green, blue, white, min_luminance, max_luminance)


def _parse_light_level(data: bytes) -> tuple[int, int] | None:
    """Parse FFmpeg's `AVContentLightMetadata`."""
    content, frame_average = struct.unpack_from("2I", data)
    return (content, frame_average) if max(content, frame_average) <= _MAX_LIGHT_LEVEL else None
