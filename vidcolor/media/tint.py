"""Whether a source is gray, tinted in one color, or in color already."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

from vidcolor.color.tint import Tint, classify_tint
from vidcolor.color.ycbcr import MATRICES, Coding
from vidcolor.media.frames import chroma_arrays, luma_plane, pixel_layout, rgb_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

TINT_SAMPLES = 5
_SIZE = (64, 64)
_BT709 = MATRICES["bt709"]


def measure_tint(
    container: av.container.InputContainer, stream: av.VideoStream, first: av.VideoFrame
) -> Tint:
    """Gray, one tint over everything (sepia, toning), or color, from frames over the film."""
    frames = [first]
    duration, start = stream.duration, stream.start_time or 0
    if not duration and container.duration and stream.time_base:  # Matroska: only of the whole
        duration = int(Fraction(container.duration, av.time_base) / Fraction(stream.time_base))
    if duration and stream.frames != 1:
        for k in range(1, TINT_SAMPLES):
            frame = _frame_near(container, stream, start + duration * k // TINT_SAMPLES)
            if frame is not None:
                frames.append(frame)
    samples = [c for c in map(_small_picture, frames) if c is not None]
    if not samples:
        return "gray"
    luma, cb, cr = np.concatenate(samples, axis=1)
    return classify_tint(luma, np.stack([cb, cr], axis=-1))


def _frame_near(
    container: av.container.InputContainer, stream: av.VideoStream, pts: int
) -> av.VideoFrame | None:
    """A frame at the key frame before `pts`; None where the film cannot be searched."""
    try:
        container.seek(pts, stream=stream, backward=True)
        return next(container.decode(stream), None)
    except (av.FFmpegError, StopIteration, ValueError):
        return None


def _small_picture(frame: av.VideoFrame) -> NDArray[np.float32] | None:
    """Y', Cb, Cr of a coarse copy, (3, n), or None for gray formats."""
    import cv2

    layout = pixel_layout(frame.format.name)
    if layout.kind == "gray":
        return None
    if layout.kind == "rgb":
        rgb, bits = rgb_array(frame)
        small = cv2.resize(rgb, _SIZE, interpolation=cv2.INTER_AREA) / ((1 << bits) - 1)
        luma = small @ np.array([_BT709.kr, _BT709.kg, _BT709.kb])
        cb = (small[..., 2] - luma) / (2 * (1 - _BT709.kb))
        cr = (small[..., 0] - luma) / (2 * (1 - _BT709.kr))
        planes = [luma, cb, cr]
    else:
        full = layout.full_range
        codes = np.ascontiguousarray(luma_plane(frame, layout, _BT709))
        luma = Coding(layout.bits, full).luma_to_unit(codes)
        planes = [
            cv2.resize(plane, _SIZE, interpolation=cv2.INTER_AREA)
            for plane in (luma, *chroma_arrays(frame, layout, full))
        ]
    return np.stack(planes).reshape(3, -1).astype(np.float32)
