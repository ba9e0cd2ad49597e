"""Classification of a film as gray, tinted or in color, from frames across its duration."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from vidcolor.color.tint import BLANK_RANGE, Tint, classify_tint, combine_tints
from vidcolor.color.ycbcr import MATRICES, Coding, rgb_to_ycbcr
from vidcolor.imaging.resize import resize_area
from vidcolor.media.frames import get_pixel_layout, read_chroma, read_luma, read_rgb
from vidcolor.media.video_decoder import VideoDecoder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray
    from vidcolor.media.cropping import Crop

NUM_TINT_SAMPLES = 5
"""Number of frames that are sampled over the duration of a film."""
_SAMPLE_SIZE = (64, 64)
"""Width and height of a sampled frame, in pixels."""
_SAMPLE_STEP, _MAX_DECODED_FRAMES = 50, 300
"""Maximum distance of the samples in a clip with one IDR frame, and the number of frames
that are decoded, which is more than the usual 250 frames between IDR frames."""
_OPAQUE = 255
"""Alpha of an opaque pixel at 8 bits."""
_BT709 = MATRICES["bt709"]


def sample_frames(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    first_frame: av.VideoFrame,
    crop: Crop | None = None,
) -> list[av.VideoFrame]:
    """Decode `NUM_TINT_SAMPLES` frames of a film, or fewer if it is not seekable.

    `first_frame` is already decoded, and all are cropped by `crop`. The read position of the
    container changes.
    """
    frames = [first_frame]
    duration, start = stream.duration, stream.start_time or 0
    if not duration and container.duration and stream.time_base:
        # Matroska states the duration of the container only.
        duration = int(Fraction(container.duration, av.time_base) / Fraction(stream.time_base))
    # Title cards and leaders can be gray in a color film, so one frame is not enough.
    if duration and stream.frames != 1:
        for k in range(1, NUM_TINT_SAMPLES):
            pts = start + duration * k // NUM_TINT_SAMPLES
            with contextlib.suppress(av.FFmpegError, StopIteration, ValueError):  # not seekable
                container.seek(pts, stream=stream, backward=True)
                frames.append(next(VideoDecoder(container, stream, crop=crop).frames()))
    if len(frames) > 1 and len({frame.pts for frame in frames}) == 1 and _is_blank(first_frame):
        # A short clip may have one IDR frame, and many begin with a fade from black.
        with contextlib.suppress(av.FFmpegError, ValueError):
            container.seek(start, stream=stream, backward=True)
            decoded = VideoDecoder(container, stream, crop=crop).frames()
            step = min(stream.frames // NUM_TINT_SAMPLES, _SAMPLE_STEP) or _SAMPLE_STEP
            frames += islice(decoded, step, _MAX_DECODED_FRAMES, step)
    return frames


def measure_tint(frames: Iterable[av.VideoFrame]) -> Tint:
    """Classify a film by frames of it as gray, tinted (sepia, toning) or in color."""
    samples = [s for s in map(_sample_ycbcr, frames) if s is not None]
    detailed = [s for s in samples if np.ptp(s[0]) >= BLANK_RANGE]
    return combine_tints([classify_tint(s[0], s[1:].T) for s in detailed or samples])


def has_transparent_pixels(frames: Iterable[av.VideoFrame]) -> bool:
    """Return whether a pixel of frames with an alpha plane is not opaque."""
    return any(bool((f.to_ndarray(format="rgba")[..., 3] < _OPAQUE).any()) for f in frames)


def _is_blank(frame: av.VideoFrame) -> bool:
    sample = _sample_ycbcr(frame)
    return sample is not None and bool(np.ptp(sample[0]) < BLANK_RANGE)


def _sample_ycbcr(frame: av.VideoFrame) -> FloatArray | None:
    """Return Y' in [0, 1] and Cb, Cr in [-0.5, 0.5] of n pixels, (3, n); None for gray formats."""
    layout = get_pixel_layout(frame.format.name)
    if layout.kind == "gray":
        return None
    if layout.kind == "rgb":
        rgb, bits = read_rgb(frame)
        small = resize_area(rgb, _SAMPLE_SIZE[::-1]) / ((1 << bits) - 1)
        planes: list[NDArray[Any]] = list(rgb_to_ycbcr(small, _BT709))
    else:
        full_range = layout.full_range
        codes = np.ascontiguousarray(read_luma(frame, layout, _BT709))
        luma = Coding(layout.bits, full_range).luma_to_unit(codes)
        chroma = read_chroma(frame, layout, full_range)
        planes = [resize_area(plane, _SAMPLE_SIZE[::-1]) for plane in (luma, *chroma)]
    return np.stack(planes).reshape(3, -1).astype(np.float32)
