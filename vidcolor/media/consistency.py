"""Properties that must not change within a film, because its result states them once."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from vidcolor.color.ycbcr import Coding
from vidcolor.media.frames import PixelLayout, get_pixel_layout
from vidcolor.media.probe import HDR_TRANSFERS, UNSPECIFIED, is_full_range

if TYPE_CHECKING:
    import av

    from vidcolor.media.probe import VideoInfo

MAX_REORDERED_FRAMES = 16
"""Maximum number of frames that a decoder holds back to reorder them (H.264, H.265)."""


@lru_cache(maxsize=64)
def _get_coding(pix_fmt: str, range_tag: int) -> tuple[PixelLayout, Coding]:
    layout = get_pixel_layout(pix_fmt)
    return layout, Coding(layout.luma_bits, is_full_range(layout, range_tag))


class ConsistencyCheck:
    """Compares the frames of a film, in order, with its first frame."""

    def __init__(self, video: VideoInfo) -> None:
        """Prepare for the frames of the film that `video` describes."""
        self._video = video
        self._is_hdr = video.tags.transfer in HDR_TRANSFERS
        self._num_other_aspect = 0

    def find_change(self, frame: av.VideoFrame, aspect: Fraction) -> str | None:
        """Return what has changed at a frame; None if nothing has.

        Frame size, pixel aspect ratio, rotation, bit depth, range and HDR are compared. `aspect` is
        `VideoDecoder.sample_aspect_ratio` when the frame was decoded.
        """
        video = self._video
        if (frame.width, frame.height) != (video.width, video.height):
            old, new = f"{video.width}x{video.height}", f"{frame.width}x{frame.height}"
            return f"the frame size changes from {old} to {new}"
        expected = video.sample_aspect_ratio or Fraction(1)
        if self._has_other_aspect(frame, (aspect or 1) != expected):
            return f"the pixel aspect ratio changes from {_ratio(expected)} to {_ratio(aspect)}"
        # Most frames of H.264 and H.265 with a rotation repeat none.
        if frame.rotation and frame.rotation % 360 != video.rotation_degrees:
            old, new = f"{video.rotation_degrees}°", f"{frame.rotation % 360}°"
            return f"the rotation changes from {old} to {new}"
        range_tag = int(frame.color_range or 0) or video.tags.range
        layout, coding = _get_coding(frame.format.name, range_tag)
        if coding.bits != video.coding.bits:
            return f"the pixel format changes from {video.layout.name} to {layout.name}"
        # R'G'B' is always full range, but its luma is read in the range of the result.
        if layout.kind != "rgb" and coding.full_range != video.coding.full_range:
            return "luma changes between limited and full range"
        transfer = int(frame.color_trc)
        if transfer != UNSPECIFIED and (transfer in HDR_TRANSFERS) != self._is_hdr:
            return "the film changes between SDR and HDR"
        return None

    def _has_other_aspect(self, frame: av.VideoFrame, is_other: bool) -> bool:
        """Return whether a changed aspect ratio of the latest packets applies to a frame."""
        self._num_other_aspect = self._num_other_aspect + 1 if is_other else 0
        # The decoder holds frames back that precede the keyframe of the change.
        return is_other and (frame.key_frame or self._num_other_aspect > MAX_REORDERED_FRAMES)


def _ratio(aspect: Fraction) -> str:
    return f"{aspect.numerator}:{aspect.denominator}" if aspect else "1:1"
