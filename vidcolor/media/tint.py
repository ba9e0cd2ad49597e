"""Classification of a film as gray, tinted or in color, from frames across its duration."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from functools import partial
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
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray
    from vidcolor.media.cropping import Crop

NUM_TINT_SAMPLES = 5
"""Number of frames that are sampled over the duration of a film."""
_SAMPLE_SIZE = (64, 64)
"""Width and height of a sampled frame, in pixels."""
_MIN_DIFFERENT = 3
"""Minimum number of different frames among the samples, which are IDR frames. If there are fewer,
frames between them are sampled, too."""
_SAMPLE_STEP, _MAX_DECODED_FRAMES = 50, 300
"""Maximum distance of these frames, and the number of frames that are decoded, which is more than
the usual 250 frames between IDR frames."""
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
    num_different = len({frame.pts for frame in frames})
    if stream.frames != 1 and num_different < _MIN_DIFFERENT and _may_be_in_color(frames):
        # A short clip may have one IDR frame, and many begin with a fade or a title.
        step = min(_estimate_num_frames(stream, duration) // NUM_TINT_SAMPLES, _SAMPLE_STEP)
        step = step or _SAMPLE_STEP
        seek_to_time = partial(container.seek, start, stream=stream, backward=True)
        seek_to_byte = partial(container.seek, 0, unsupported_byte_offset=True)  # raw streams
        for seek in (seek_to_time, seek_to_byte):
            with contextlib.suppress(av.FFmpegError, ValueError):
                seek()
                decoded = VideoDecoder(container, stream, crop=crop).frames()
                if sampled := list(islice(decoded, step, _MAX_DECODED_FRAMES, step)):
                    return frames + sampled
    return frames


def measure_tint(frames: Iterable[av.VideoFrame]) -> Tint:
    """Classify a film by frames of it as gray, tinted (sepia, toning) or in color."""
    samples = [s for s in map(_sample_ycbcr, frames) if s is not None]
    detailed = [s for s in samples if np.ptp(s[0]) >= BLANK_RANGE]
    return combine_tints([classify_tint(s[0], s[1:].T) for s in detailed or samples])


def has_transparent_pixels(frames: Iterable[av.VideoFrame]) -> bool:
    """Return whether a pixel of frames with an alpha plane is not opaque."""
    return any(bool((f.to_ndarray(format="rgba")[..., 3] < _OPAQUE).any()) for f in frames)


def _estimate_num_frames(stream: av.VideoStream, duration: int | None) -> int:
    """Return the number of frames of a film, given its duration in ticks; 0 if it is unknown."""
    if stream.frames or not (duration and stream.time_base and stream.average_rate):
        return stream.frames
    return int(duration * stream.time_base * stream.average_rate)


def _may_be_in_color(frames: Sequence[av.VideoFrame]) -> bool:
    """Return whether other frames of a film can be in color although these are not."""
    has_chroma = get_pixel_layout(frames[0].format.name).kind != "gray"
    return has_chroma and measure_tint(frames) != "color"


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
