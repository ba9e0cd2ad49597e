"""Pictures and films with a white mark, whose place is known, and the mark in a screenshot.

A test looks for the mark on the screen, clicks it, and compares the hint that the server stored
with the place at which the mark was drawn. Nothing of the studio takes part in this measurement.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
from PIL import Image

from vidcolor.imaging.types import FloatArray, Uint8Array

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TICKS = 24000
"""Ticks per second of the time base of films."""
WHITE = 236
"""Least luma of the mark on a screen; everything else in a picture is darker than 160."""
_ORIENTATIONS = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90,
                 8: Image.Transpose.ROTATE_270, 5: Image.Transpose.TRANSPOSE}  # fmt: skip
"""The operation that turns an upright picture into the stored one, by EXIF orientation."""


@dataclass(frozen=True)
class Mark:
    """A white disc in a displayed picture; its center and radius are in pixels, as edges count."""

    x: float
    y: float
    radius: float


def draw(width: int, height: int, mark: Mark) -> Uint8Array:
    """Return a gray picture, (height, width) uint8, of soft shapes and the mark in a dark ring."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) + 0.5
    shapes = 90 + 30 * np.sin(x / width * 9) * np.cos(y / height * 7) + 12 * np.sin((x + y) / 23)
    distance = np.hypot(x - mark.x, y - mark.y)
    inside = np.clip(mark.radius + 0.5 - distance, 0, 1)
    ring = np.clip(2 * mark.radius + 0.5 - distance, 0, 1)
    picture = shapes * (1 - ring) + 30 * ring
    return np.rint(picture * (1 - inside) + 255 * inside).astype(np.uint8)


def write_photo(path: Path, width: int, height: int, mark: Mark, orientation: int = 1) -> Path:
    """Write a JPEG whose upright picture is `width` × `height`, stored as EXIF orientation says."""
    picture = Image.fromarray(draw(width, height, mark))
    if transpose := _ORIENTATIONS[orientation]:
        picture = picture.transpose(transpose)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(path, quality=97, exif=exif)
    return path


def write_film(
    path: Path,
    width: int,
    height: int,
    marks: Sequence[Mark],
    *,
    durations: Sequence[int] | None = None,
    sar: int = 1,
    rotation: int = 0,
    interlaced: bool = False,
) -> Path:
    """Write a lossless film whose upright picture with square pixels is `width` × `height`.

    Args:
        path: the film.
        width: displayed width, a multiple of 2 × `sar`.
        height: displayed height, a multiple of 2.
        marks: the mark in each frame.
        durations: duration of each frame in ticks; None for 1000 each.
        sar: width of a stored pixel, in units of its height.
        rotation: clockwise turn, in degrees, that displays the stored picture upright.
        interlaced: whether the frames are coded as two fields, top field first.
    """
    durations = durations or [1000] * len(marks)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", Fraction(1, TICKS)
        options = {"qp": "0", "bf": "0", "preset": "ultrafast"}
        stream.options = options | ({"x264-params": "tff=1"} if interlaced else {})
        stream.codec_context.color_range = 1
        stored = (width // sar, height)
        stream.width, stream.height = stored[::-1] if rotation % 180 else stored
        if sar != 1:
            stream.codec_context.sample_aspect_ratio = Fraction(sar)
        if rotation:
            stream.set_display_rotation(-rotation)
        pts = 0
        for mark, duration in zip(marks, durations, strict=True):
            shown = draw(width, height, mark)
            shown = cv2.resize(shown, stored, interpolation=cv2.INTER_AREA)
            codes = np.ascontiguousarray(np.rot90(shown, rotation // 90))
            chroma = np.full((codes.shape[0] // 2, codes.shape[1]), 128, np.uint8)
            luma = np.rint(16 + codes * (219 / 255)).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.vstack([luma, chroma]), "yuv420p")
            frame.pts, frame.time_base, frame.duration = pts, Fraction(1, TICKS), duration
            pts += duration
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def find_mark(luma: FloatArray) -> tuple[float, float]:
    """Return the center of the mark in a picture, in its pixels as edges count.

    Args:
        luma: (height, width) float32, code values 0-255. The color of the mark may be any; its luma
            is that of the source.

    Raises:
        AssertionError: there is no mark, or it may be cut off at an edge.
    """
    bright = (luma >= WHITE).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(bright)
    discs = [
        (area, left, top, width, height)
        for left, top, width, height, area in stats[1:].tolist()
        if 0.7 < width / height < 1.4 and 0.65 * width * height < area < 0.95 * width * height
    ]
    assert discs, "no white disc on the screen"
    _, left, top, width, height = max(discs)
    assert left > 0 and top > 0, "the mark is at an edge"
    assert left + width < luma.shape[1] and top + height < luma.shape[0], "the mark is at an edge"
    # Gray levels at the edge of the disc give the center to a fraction of a pixel.
    around = np.zeros_like(bright)
    around[top - 1 : top + height + 1, left - 1 : left + width + 1] = 1
    weights = np.clip(luma - 60, 0, None) * around
    y, x = np.mgrid[0 : luma.shape[0], 0 : luma.shape[1]] + 0.5
    total = weights.sum()
    return float((weights * x).sum() / total), float((weights * y).sum() / total)
