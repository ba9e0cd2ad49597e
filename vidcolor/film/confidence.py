"""How sure the generator is, as a grey film in step with the coloured one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.colour.ycbcr import Coding
from vidcolor.media.encode import EncoderRequest, plan_encoder
from vidcolor.media.planes import grey_picture, pixel_layout
from vidcolor.media.write import FilmWriter, muxer_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.film.plan import FilmPlan


class ConfidenceFilm:
    """Writes confidence as luma: black is a pure guess, white is certain."""

    def __init__(self, path: Path, target: Path, plan: FilmPlan) -> None:
        """Open the film.

        Args:
            path: where to write.
            target: its final name, which says which container it is.
            plan: the coloured film's plan; size, timing and pixel aspect are the same.
        """
        coding = Coding(8, full_range=False)
        video = replace(
            plan.video,
            coding=coding,
            layout=pixel_layout("yuv420p"),
            interlaced=False,
            field_order=1,
        )
        encoder = plan_encoder(video, muxer_of(target), EncoderRequest())
        self._coding, self._pix_fmt = coding, encoder.layout.name
        self._size = (video.width, video.height)
        self._writer = FilmWriter(path, encoder, video, shift_pts=plan.shift_pts, target=target)

    def __enter__(self) -> ConfidenceFilm:
        self._writer.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._writer.__exit__(*exc)

    def write(self, confidence: NDArray[np.float32], pts: int, duration: int) -> None:
        """Add one frame: (h, w) float32 in [0, 1] on any grid."""
        import cv2

        full: NDArray[Any] = cv2.resize(confidence, self._size, interpolation=cv2.INTER_LINEAR)
        codes = self._coding.unit_to_luma(np.clip(full, 0, 1).reshape(self._size[::-1]))
        self._writer.write(grey_picture(codes, self._pix_fmt), pts, duration)

    def finish(self) -> None:
        """Complete the file."""
        self._writer.finish()
