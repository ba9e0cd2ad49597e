"""The confidence film: the confidence of the generator as luma, with the timing of the result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.ycbcr import Coding
from vidcolor.imaging.resize import resize_linear
from vidcolor.media.containers import find_container
from vidcolor.media.encoder_plan import EncoderRequest, plan_encoder
from vidcolor.media.frames import get_pixel_layout, make_gray_frame

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.film.plan import FilmPlan
    from vidcolor.imaging.types import FloatArray
    from vidcolor.media.encode import EncoderPlan
    from vidcolor.media.probe import VideoInfo
    from vidcolor.media.writer import VideoWriter

_CODING = Coding(8, full_range=False)
"""Luma coding of a confidence film, which every player supports."""
_PROGRESSIVE = 1
"""FFmpeg's code for progressive field order."""


def plan_confidence_encoder(plan: FilmPlan, target: Path) -> tuple[EncoderPlan, VideoInfo]:
    """Choose the encoder of a confidence film.

    Args:
        plan: plan of the colorized film. Size, timing and pixel aspect ratio stay the same.
        target: path of the confidence film; its suffix selects the container.

    Returns:
        The encoder, and the video stream as the encoder receives it.

    Raises:
        UsageError: no container has this suffix.
    """
    # The confidence is computed per frame, so an interlaced source gets a progressive film.
    video = replace(
        plan.video,
        coding=_CODING,
        layout=get_pixel_layout("yuv420p"),
        interlaced=False,
        field_order=_PROGRESSIVE,
    )
    return plan_encoder(video, find_container(target), EncoderRequest()), video


class ConfidenceWriter:
    """Writes confidence maps as luma: 0 is black, 1 is white."""

    def __init__(self, writer: VideoWriter, encoder: EncoderPlan, video: VideoInfo) -> None:
        """Wrap an open writer.

        Args:
            writer: writer that was opened with `encoder` and `video`. The caller closes it.
            encoder: from `plan_confidence_encoder`.
            video: from `plan_confidence_encoder`.
        """
        self._writer, self._pix_fmt = writer, encoder.layout.name
        self._shape = (video.height, video.width)

    def write(self, confidence: FloatArray, pts: int, duration: int) -> None:
        """Write one frame.

        Args:
            confidence: (h, w) float32 in [0, 1], at any resolution.
            pts: presentation timestamp, in the source's time base.
            duration: duration in the same time base.
        """
        resized = resize_linear(confidence, self._shape)
        codes = _CODING.unit_to_luma(np.clip(resized, 0, 1))
        self._writer.write(make_gray_frame(codes, self._pix_fmt), pts, duration)

    def finish(self) -> None:
        """Encode the remaining frames and complete the file."""
        self._writer.finish()
