"""How sure the generator is, as a gray film in step with the colored one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.color.ycbcr import Coding
from vidcolor.media.encoders import EncoderRequest, plan_encoder
from vidcolor.media.frames import gray_picture, pixel_layout
from vidcolor.media.writer import muxer_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.film.plan import FilmPlan
    from vidcolor.media.encoders import EncoderPlan
    from vidcolor.media.probe import VideoInfo
    from vidcolor.media.writer import FilmWriter

_CODING = Coding(8, full_range=False)


def confidence_encoding(plan: FilmPlan, target: Path) -> tuple[EncoderPlan, VideoInfo]:
    """How such a film is written.

    Args:
        plan: the colored film's; size, timing and pixel aspect are the same.
        target: the confidence film's name, which says which container it is.

    Raises:
        UsageError: no container is called so.
    """
    video = replace(
        plan.video,
        coding=_CODING,
        layout=pixel_layout("yuv420p"),
        interlaced=False,
        field_order=1,
    )
    return plan_encoder(video, muxer_of(target), EncoderRequest()), video


class ConfidenceFilm:
    """Writes confidence as luma: black is a pure guess, white is certain."""

    def __init__(self, writer: FilmWriter, encoder: EncoderPlan, video: VideoInfo) -> None:
        """Prepare.

        Args:
            writer: made with `encoder` and `video`; closed by whoever opened it.
            encoder: see `confidence_encoding`.
            video: likewise.
        """
        self._writer, self._pix_fmt = writer, encoder.layout.name
        self._size = (video.width, video.height)

    def write(self, confidence: NDArray[np.float32], pts: int, duration: int) -> None:
        """Add one frame: (h, w) float32 in [0, 1] on any grid."""
        import cv2

        full: NDArray[Any] = cv2.resize(confidence, self._size, interpolation=cv2.INTER_LINEAR)
        codes = _CODING.unit_to_luma(np.clip(full, 0, 1).reshape(self._size[::-1]))
        self._writer.write(gray_picture(codes, self._pix_fmt), pts, duration)

    def finish(self) -> None:
        """Complete the file."""
        self._writer.finish()
