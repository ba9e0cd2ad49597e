"""Films for people to look at: R'G'B', upright, square pixels.

For previews and comparisons only. What comes from here went through swscale, which rounds; no
result's luma may.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.reformatter import Interpolation

from vidcolor.color.ycbcr import Coding, Matrix, guess_matrix
from vidcolor.errors import InputError
from vidcolor.media.decode import FilmReader
from vidcolor.media.encoders import EncoderPlan, EncoderRequest, plan_encoder
from vidcolor.media.frames import luma_plane, pixel_layout, rgb_array
from vidcolor.media.probe import LIMITED_RANGE, ColorTags, VideoInfo, probe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Rgb = NDArray[np.uint8]

SAME_TIME_S = Fraction(1, 500)
"""Frames that begin this close to each other are taken for simultaneous: Matroska rounds to 1 ms,
and so does its start."""
_LOOK_BACK_S = (2, 30)
"""How far before a wanted moment to look for the frame that is shown then."""
_EXACT = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


@dataclass(frozen=True, slots=True)
class DisplayFrame:
    """A frame on its film's own clock."""

    time_s: Fraction
    """Since the film's first frame."""
    pts: int
    duration: int
    picture: av.VideoFrame
    video: VideoInfo

    def rgb(self, size: tuple[int, int]) -> Rgb:
        """The frame upright: (H, W, 3) uint8 for `size` = (W, H)."""
        return frame_rgb(self.picture, self.video, size)


class DisplayReader:
    """A film to be looked at. Opens the file anew for every pass; holds nothing open."""

    def __init__(self, path: Path) -> None:
        """Probe the film.

        Raises:
            InputError: it cannot be read.
        """
        self.path = path
        self.info = probe(path)
        self.video = self.info.video
        self.origin_s = (self.video.start_pts or 0) * self.video.time_base
        self._measured: Fraction | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as displayed."""
        video = self.video
        width = round(video.width * (video.sample_aspect_ratio or 1))
        upright = video.quarter_turns % 2 == 0
        return (width, video.height) if upright else (video.height, width)

    @property
    def duration_s(self) -> Fraction:
        """Seconds from the first frame to the end; found by reading where the file is silent."""
        if self.video.duration_s:
            return Fraction(self.video.duration_s).limit_denominator(1_000_000)
        if self._measured is None:
            end = Fraction(0)
            for shown in self.frames():
                end = shown.time_s + shown.duration * self.video.time_base
            self._measured = end
        return self._measured

    def frames(
        self, start_s: Fraction | None = None, end_s: Fraction | None = None
    ) -> Iterator[DisplayFrame]:
        """Frames that begin in [start, end), seconds since the first frame."""
        reader = FilmReader(
            self.path,
            self.video,
            start_s=None if start_s is None else self.origin_s + start_s,
            end_s=None if end_s is None else self.origin_s + end_s,
        )
        for frame in reader.frames():
            time = frame.pts * self.video.time_base - self.origin_s
            yield DisplayFrame(time, frame.pts, frame.duration, frame.picture, self.video)

    def at(self, time_s: Fraction) -> DisplayFrame:
        """The frame that is shown at a moment: the last that began before it.

        Raises:
            InputError: nothing can be decoded near it.
        """
        just_after = time_s + SAME_TIME_S
        for back in _LOOK_BACK_S:
            earlier = self.frames(max(Fraction(0), time_s - back), just_after)
            found = deque(earlier, maxlen=1)
            if found:
                return found[0]
        first = next(self.frames(max(Fraction(0), time_s)), None)
        if first is None:
            raise InputError(f"{self.path}: has no picture at {float(time_s):.3f} s")
        return first


def frame_rgb(frame: av.VideoFrame, video: VideoInfo, size: tuple[int, int]) -> Rgb:
    """A decoded frame as people see it, within 2 of 255 codes.

    Args:
        frame: as decoded.
        video: says matrix, range and orientation.
        size: (W, H) upright.

    Returns:
        (H, W, 3) uint8, contiguous.
    """
    stored = size if video.quarter_turns % 2 == 0 else size[::-1]
    layout = pixel_layout(frame.format.name)
    if layout.kind == "rgb":
        pixels = _resized(_eight_bits(*rgb_array(frame)), stored)
    elif layout.kind == "gray":
        unit = video.coding.luma_to_unit(luma_plane(frame, layout, video.matrix))
        gray = _resized(Coding(8, full_range=True).unit_to_luma(unit), stored)
        pixels = np.repeat(gray[..., None], 3, axis=-1)
    else:
        viewed = frame.reformat(
            width=stored[0],
            height=stored[1],
            format="rgb24",
            src_colorspace=video.matrix.code,
            src_color_range=2 if video.coding.full_range else 1,
            dst_color_range=2,
            interpolation=_filter(frame.width, stored[0]),
        )
        pixels = viewed.to_ndarray().astype(np.uint8, copy=False)
    return np.ascontiguousarray(np.rot90(pixels, video.quarter_turns))


def _filter(width: int, wanted: int) -> Interpolation:
    return _EXACT | (Interpolation.AREA if wanted * 2 <= width else Interpolation.BICUBIC)


def _eight_bits(codes: NDArray[Any], bits: int) -> Rgb:
    if bits == 8:
        return codes.astype(np.uint8)
    return np.rint(codes * np.float32(255 / ((1 << bits) - 1))).astype(np.uint8)


def _resized(pixels: NDArray[Any], size: tuple[int, int]) -> Rgb:
    import cv2

    height, width = pixels.shape[:2]
    if (width, height) == size:
        return pixels.astype(np.uint8)
    smaller = size[0] <= width and size[1] <= height
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return cv2.resize(pixels.astype(np.uint8), size, interpolation=how).astype(np.uint8)


def scale(rgb: Rgb, size: tuple[int, int]) -> Rgb:
    """(H, W, 3) to another (W, H)."""
    return _resized(rgb, size)


def viewing_video(like: VideoInfo, size: tuple[int, int], tags: ColorTags) -> VideoInfo:
    """The description of an 8-bit film of what `frame_rgb` gives, on the clock of `like`.

    Args:
        like: says time base, rate and language.
        size: (W, H) of the film.
        tags: primaries and transfer are taken from it.
    """
    matrix = guess_matrix(*size)
    return replace(
        like,
        width=size[0],
        height=size[1],
        layout=pixel_layout("yuv420p"),
        coding=Coding(8, full_range=False),
        matrix=matrix,
        tags=ColorTags(LIMITED_RANGE, tags.primaries, tags.transfer, matrix.code),
        sample_aspect_ratio=None,
        rotation_degrees=0,
        display_matrix=None,
        field_order=1,
        interlaced=False,
        timecode=None,
    )


def plan_viewing(video: VideoInfo, muxer: str) -> EncoderPlan:
    """A quick, good-looking encode that every player shows: H.264, or AV1 in WebM.

    Raises:
        UsageError: the container takes neither.
    """
    if muxer == "webm":
        return plan_encoder(video, muxer, EncoderRequest())
    request = EncoderRequest(
        encoder="libx264", options=(("crf", "18"), ("preset", "fast")), pix_fmt="yuv420p"
    )
    return plan_encoder(video, muxer, request)


def frame_of_rgb(rgb: Rgb, pix_fmt: str, matrix: Matrix) -> av.VideoFrame:
    """(H, W, 3) uint8 as a limited-range Y'CbCr frame."""
    source = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    return source.reformat(
        format=pix_fmt,
        dst_colorspace=matrix.code,
        src_color_range=2,
        dst_color_range=1,
        interpolation=_EXACT | Interpolation.BICUBIC,
    )


def ffmpeg_libraries() -> dict[str, str]:
    """The versions of the FFmpeg libraries at work: ``{"libavcodec": "62.28.102", …}``."""
    return {name: ".".join(map(str, v)) for name, v in sorted(av.library_versions.items())}
