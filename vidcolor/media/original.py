"""The color that frames came with, small and upright: for whoever looks at it beside the luma."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.media.preview import frame_rgb

if TYPE_CHECKING:
    from vidcolor.media.decode import Frame
    from vidcolor.media.preview import Rgb
    from vidcolor.media.probe import VideoInfo


def original_rgb(frame: Frame, video: VideoInfo, size: tuple[int, int]) -> Rgb:
    """A frame as it came, within 2 of 255 codes.

    Args:
        frame: of a film, or of a sequence that is read with its own color.
        video: the one that it is of.
        size: (W, H) upright; frames of sequences come at the size that they were kept at.

    Returns:
        (H, W, 3) uint8 sRGB, contiguous.
    """
    if frame.own_color is None:
        return frame_rgb(frame.picture, video, size)
    return np.ascontiguousarray(np.rot90(frame.own_color, video.quarter_turns))
