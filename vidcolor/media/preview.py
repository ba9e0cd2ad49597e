"""Previews of films: upright R'G'B' frames with square pixels.

These frames pass through swscale, which rounds, so they are not used for the luma of results.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.reformatter import Interpolation

from vidcolor.color.ycbcr import Coding, Matrix, get_default_matrix
from vidcolor.errors import InputError
from vidcolor.imaging.geometry import rotate_size
from vidcolor.imaging.resize import resize_area, resize_cubic
from vidcolor.media.decode import VideoReader
from vidcolor.media.encoder_plan import EncoderPlan, EncoderRequest, plan_encoder
from vidcolor.media.frames import get_pixel_layout, read_luma, read_rgb
from vidcolor.media.hdr import HdrMetadata
from vidcolor.media.probe import (
    FULL_RANGE,
    LIMITED_RANGE,
    PROGRESSIVE,
    ColorTags,
    VideoInfo,
    probe,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.imaging.types import Rgb
    from vidcolor.media.containers import Container
    from vidcolor.media.decode import Frame

SAME_TIME_S = Fraction(1, 500)
"""Maximum difference between times that count as equal, in seconds.

Matroska rounds timestamps to 1 ms. A time since the first frame contains two roundings.
"""
_SEARCH_BACK_S = (2, 30)
"""Ranges before a time to search for the displayed frame, in seconds. The short one is first."""
_ACCURATE = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


@dataclass(frozen=True, slots=True)
class DisplayFrame:
    """A decoded frame and its time since the first frame."""

    time_s: Fraction
    """Start of the frame in seconds since the film's first frame."""
    pts: int
    """Presentation timestamp in the source's time base."""
    duration: int
    av_frame: av.VideoFrame
    video: VideoInfo

    def rgb(self, size: tuple[int, int]) -> Rgb:
        """Return the upright frame, (H, W, 3) uint8, for `size` = (W, H)."""
        return render_rgb(self.av_frame, self.video, size)


class DisplayReader:
    """Reads frames of a film for display. Every pass opens the file again."""

    def __init__(self, path: Path) -> None:
        """Probe the film.

        Raises:
            InputError: the film cannot be read.
        """
        self.path = path
        self.info = probe(path)
        self.video = self.info.video
        self.origin_s = self.video.start_s
        """Source time of the first frame, in seconds."""

    @property
    def size(self) -> tuple[int, int]:
        """Displayed width and height."""
        return self.video.displayed_size

    @cached_property
    def duration_s(self) -> Fraction:
        """Duration in seconds. If the header does not contain it, the film is decoded once."""
        if self.video.duration_s:
            # FFmpeg counts durations in microseconds. The float is not exact.
            return Fraction(self.video.duration_s).limit_denominator(1_000_000)
        end = Fraction(0)
        for frame in self.frames():
            end = frame.time_s + frame.duration * self.video.time_base
        return end

    def frames(
        self, start_s: Fraction | None = None, end_s: Fraction | None = None
    ) -> Iterator[DisplayFrame]:
        """Yield the frames that start in [start_s, end_s), in seconds since the first frame."""
        reader = VideoReader(
            self.path,
            self.video,
            start_s=None if start_s is None else self.origin_s + start_s,
            end_s=None if end_s is None else self.origin_s + end_s,
        )
        for frame in reader.frames():
            time = frame.pts * self.video.time_base - self.origin_s
            yield DisplayFrame(time, frame.pts, frame.duration, frame.av_frame, self.video)

    def frame_at(self, time_s: Fraction) -> DisplayFrame:
        """Return the last frame that starts up to a time, in seconds since the first frame.

        Raises:
            InputError: no frame near this time can be decoded.
        """
        end = time_s + SAME_TIME_S
        for seconds in _SEARCH_BACK_S:
            start = max(Fraction(0), time_s - seconds)
            if last := deque(self.frames(start, end), maxlen=1):
                return last[0]
        later = next(self.frames(max(Fraction(0), time_s)), None)
        if later is None:
            raise InputError(f"{self.path}: no frame at {float(time_s):.3f} s; check the time")
        return later


def render_rgb(frame: av.VideoFrame, video: VideoInfo, size: tuple[int, int]) -> Rgb:
    """Convert a decoded frame for display, with a maximum error of 2 code values.

    Returns:
        (H, W, 3) uint8, upright and contiguous, for `size` = (W, H).
    """
    stored_size = rotate_size(size, video.quarter_turns)
    layout = get_pixel_layout(frame.format.name)
    if layout.kind == "rgb":
        codes, bits = read_rgb(frame)
        if bits > 8:
            codes = np.rint(codes * np.float32(255 / ((1 << bits) - 1))).astype(np.uint8)
        pixels = resize_rgb(codes, stored_size)
    elif layout.kind == "gray":
        unit = video.coding.luma_to_unit(read_luma(frame, layout, video.matrix))
        gray = resize_rgb(Coding(8, full_range=True).unit_to_luma(unit), stored_size)
        pixels = np.repeat(gray[..., None], 3, axis=-1)
    else:
        kernel = Interpolation.AREA if stored_size[0] * 2 <= frame.width else Interpolation.BICUBIC
        # Without these arguments, swscale assumes BT.601 for untagged frames of every size.
        converted = frame.reformat(
            width=stored_size[0],
            height=stored_size[1],
            format="rgb24",
            src_colorspace=video.matrix.code,
            src_color_range=FULL_RANGE if video.coding.full_range else LIMITED_RANGE,
            dst_color_range=FULL_RANGE,
            interpolation=_ACCURATE | kernel,
        )
        pixels = converted.to_ndarray().astype(np.uint8, copy=False)
    return np.ascontiguousarray(np.rot90(pixels, video.quarter_turns))


def render_source_rgb(frame: Frame, video: VideoInfo, size: tuple[int, int]) -> Rgb:
    """Convert a frame with its source's color for display, like `render_rgb`.

    A frame of a sequence keeps the size of `source_rgb`.
    """
    if frame.source_rgb is None:
        return render_rgb(frame.av_frame, video, size)
    return np.ascontiguousarray(np.rot90(frame.source_rgb, video.quarter_turns))


def resize_rgb(pixels: NDArray[Any], size: tuple[int, int]) -> Rgb:
    """Resize 8-bit code values, (H, W) or (H, W, 3), to `size` = (W, H).

    Reduction averages the area of each new pixel. Enlargement is bicubic.
    """
    height, width = pixels.shape[:2]
    if (width, height) == size:
        return pixels.astype(np.uint8)
    reduces = size[0] <= width and size[1] <= height
    resize = resize_area if reduces else resize_cubic
    return resize(pixels.astype(np.uint8), size[::-1])


def describe_preview(source: VideoInfo, size: tuple[int, int], tags: ColorTags) -> VideoInfo:
    """Describe an 8-bit video of frames that `render_rgb` returns.

    Time base, frame rate and language are those of `source`, primaries and transfer of `tags`.
    """
    matrix = get_default_matrix(*size)
    return replace(
        source,
        width=size[0],
        height=size[1],
        layout=get_pixel_layout("yuv420p"),
        coding=Coding(8, full_range=False),
        matrix=matrix,
        tags=ColorTags(LIMITED_RANGE, tags.primaries, tags.transfer, matrix.code),
        sample_aspect_ratio=None,
        rotation_degrees=0,
        display_matrix=None,
        field_order=PROGRESSIVE,
        interlaced=False,
        timecode=None,
        reel=None,
        hdr_metadata=HdrMetadata(),
    )


def plan_preview_encoder(video: VideoInfo, container: Container) -> EncoderPlan:
    """Plan a fast encoder that every player supports: H.264, or AV1 in WebM.

    Raises:
        UsageError: the container supports neither.
    """
    if container.encoders:
        return plan_encoder(video, container, EncoderRequest())
    request = EncoderRequest(
        encoder="libx264", options=(("crf", "18"), ("preset", "fast")), pix_fmt="yuv420p"
    )
    return plan_encoder(video, container, request)


def make_yuv_frame(rgb: Rgb, pix_fmt: str, matrix: Matrix) -> av.VideoFrame:
    """Convert (H, W, 3) uint8 R'G'B' to a limited-range Y'CbCr frame."""
    source = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    return source.reformat(
        format=pix_fmt,
        dst_colorspace=matrix.code,
        src_color_range=FULL_RANGE,
        dst_color_range=LIMITED_RANGE,
        interpolation=_ACCURATE | Interpolation.BICUBIC,
    )
