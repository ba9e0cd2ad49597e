"""The films that a run writes: the result, and the confidence of the generator as luma."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from vidcolor.color.ycbcr import Coding
from vidcolor.imaging.resize import resize_linear
from vidcolor.media.concat import plan_segment_encoder
from vidcolor.media.containers import SEQUENCE_MUXER, find_container
from vidcolor.media.encoder_plan import EncoderRequest, plan_encoder
from vidcolor.media.frames import get_pixel_layout, make_gray_frame
from vidcolor.media.hdr import HdrMetadata
from vidcolor.media.probe import PROGRESSIVE

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.film.plan import FilmPlan
    from vidcolor.imaging.types import FloatArray
    from vidcolor.media.encode import EncoderPlan
    from vidcolor.media.frames import VideoFrame
    from vidcolor.media.probe import VideoInfo

_CONFIDENCE_CODING = Coding(8, full_range=False)
"""Luma coding of a confidence film, which every player supports."""


@dataclass(frozen=True, slots=True)
class OutputFilm:
    """A film that is rendered in segments and joined."""

    name: Literal["video", "confidence"]
    target: Path
    encoder: EncoderPlan
    video: VideoInfo
    """The video stream as the encoder receives it."""
    segment_encoder: EncoderPlan
    """The same encoder in the container of the segments."""

    @property
    def file_name(self) -> str:
        """Name of the film in the directory of a segment."""
        return f"{self.name}{self.segment_encoder.container.extensions[0]}"


def plan_result_film(plan: FilmPlan) -> OutputFilm | None:
    """Choose the encoders of the result; None if it is an image sequence."""
    if plan.encoder.muxer == SEQUENCE_MUXER:
        return None
    video = plan.output_video
    segment_encoder = plan_segment_encoder(plan.encoder, video)
    return OutputFilm("video", plan.target, plan.encoder, video, segment_encoder)


def plan_confidence_film(plan: FilmPlan, target: Path) -> OutputFilm:
    """Choose the encoders of a confidence film, which has the size and timing of the result.

    Raises:
        UsageError: no container has the suffix of the target.
    """
    # The confidence is computed per frame, so an interlaced source gets a progressive film.
    video = replace(
        plan.video,
        coding=_CONFIDENCE_CODING,
        layout=get_pixel_layout("yuv420p"),
        interlaced=False,
        field_order=PROGRESSIVE,
        hdr_metadata=HdrMetadata(),
    )
    encoder = plan_encoder(video, find_container(target), EncoderRequest())
    return OutputFilm("confidence", target, encoder, video, plan_segment_encoder(encoder, video))


def make_confidence_frame(confidence: FloatArray, film: OutputFilm) -> VideoFrame:
    """Return a frame of a confidence film from (h, w) float32 in [0, 1] of any resolution."""
    resized = resize_linear(confidence, (film.video.height, film.video.width))
    codes = _CONFIDENCE_CODING.unit_to_luma(np.clip(resized, 0, 1))
    return make_gray_frame(codes, film.segment_encoder.layout.name)
