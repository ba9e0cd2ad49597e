"""Planes of decoded frames as arrays, without swscale between us and the luma.

swscale moves luma between ranges silently, so it is used for nothing but unpacking RGB layouts
that hold no luma plane anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import av
import numpy as np
from av import VideoFrame as VideoFrame

from vidcolor.color.ycbcr import Coding, luma_of_rgb, rgb_of_ycbcr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.color.ycbcr import Matrix, Plane
    from vidcolor.options import GrayFrom

FLOAT_BITS = 32
MIN_RGB_BITS = 10
"""Depth at which RGB is turned into luma at least, so that no two grays become one."""


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """What a pixel format says of the samples."""

    name: str
    kind: Literal["gray", "yuv", "rgb"]
    """`rgb` covers everything without a luma plane: palettes and 1-bit pictures too."""
    bits: int
    """Significant bits of a luma (or R, G, B) sample: 1 to 16, 32 for float."""
    subsampling: tuple[int, int]
    """log2 of how many luma samples share a chroma sample, across and down."""
    full_range: bool
    """True if the format itself means full range (`yuvj420p`)."""
    alpha: bool

    @property
    def luma_bits(self) -> int:
        """Depth of the luma that is taken from it, 8 to 16."""
        if self.kind == "rgb":
            return min(16, max(MIN_RGB_BITS, self.bits))
        return self.bits


def pixel_layout(pix_fmt: str) -> PixelLayout:
    """Describe an FFmpeg pixel format; ValueError if FFmpeg does not know it."""
    fmt = av.VideoFormat(pix_fmt)
    bits = max((c.bits for c in fmt.components), default=8)
    unpackable = fmt.has_palette or fmt.is_bit_stream or fmt.name.startswith(("xyz", "bayer"))
    rgb = fmt.is_rgb or unpackable or bits == FLOAT_BITS or "f16" in fmt.name
    gray = not rgb and fmt.name.startswith(("gray", "ya8", "ya16"))
    shift = (0, 0)
    if not rgb and not gray:
        shift = (_log2_ratio(fmt.chroma_width), _log2_ratio(fmt.chroma_height))
    return PixelLayout(
        name=fmt.name,
        kind="rgb" if rgb else "gray" if gray else "yuv",
        bits=bits,
        subsampling=shift,
        full_range=fmt.name.startswith("yuvj"),
        alpha=fmt.name.startswith(("yuva", "ya", "rgba", "bgra", "argb", "abgr", "gbrap", "vuya")),
    )


def _log2_ratio(chroma_size: Any) -> int:
    return {64: 0, 32: 1, 16: 2, 8: 3}.get(int(chroma_size(64)), 0)


def plane_array(plane: av.video.plane.VideoPlane, bits: int, samples: int = 1) -> NDArray[Any]:
    """A writable view of a plane: (H, W) or, for interleaved samples, (H, W × samples)."""
    return _rows(plane, np.uint8 if bits <= 8 else np.uint16)[:, : plane.width * samples]


def _rows(plane: Any, dtype: type[np.generic]) -> NDArray[Any]:
    """The whole plane with its padding; `Any` because PyAV does not say that it is a buffer."""
    rows: NDArray[Any] = np.frombuffer(plane, dtype)
    return rows.reshape(plane.height, -1)


def luma_plane(frame: VideoFrame, layout: PixelLayout, matrix: Matrix) -> Plane:
    """The frame's luma, at the depth `layout.luma_bits`.

    Where the format has a luma plane this is a view of it (do not write to it); RGB is converted
    once, in full range.

    Args:
        frame: a decoded frame.
        layout: the layout of its pixel format.
        matrix: luma weights for formats without a luma plane.

    Returns:
        (H, W) uint8 or uint16 code values.
    """
    if layout.kind == "rgb":
        rgb, bits = rgb_array(frame)
        return luma_of_rgb(rgb, matrix, bits, layout.luma_bits)
    interleaved = _interleaved_luma(frame.format.name)
    if interleaved is not None:
        first, step = interleaved
        samples = plane_array(frame.planes[0], layout.bits, step)
        luma = samples[:, first::step][:, : frame.width]
    else:
        if len(frame.planes) == 1 and layout.kind == "yuv":  # packed otherwise: unpack, same range
            deep = layout.bits > 8
            frame = frame.reformat(format=f"yuv444p{layout.bits}le" if deep else "yuv444p")
        luma = plane_array(frame.planes[0], layout.bits)
    if frame.format.is_big_endian and layout.bits > 8:
        luma = luma.byteswap()
    shift = _padding_bits(frame.format.name, layout.bits)
    return np.right_shift(luma, luma.dtype.type(shift)) if shift else luma


def _interleaved_luma(name: str) -> tuple[int, int] | None:
    """First sample and step of luma in layouts that interleave it with others."""
    if name in ("yuyv422", "yvyu422") or name.startswith(("y210", "y212", "y216")):
        return 0, 2
    if name == "uyvy422":
        return 1, 2
    if name.startswith("ya"):
        return 0, 2
    return None


def _padding_bits(name: str, bits: int) -> int:
    """Low bits that are padding in formats which store the sample at the top of a word."""
    if bits <= 8 or bits == 16:
        return 0
    msb_aligned = name.startswith(("p010", "p012", "p210", "p212", "p410", "p412", "y210", "y212"))
    return 16 - bits if msb_aligned or "msb" in name else 0


def rgb_array(frame: VideoFrame) -> tuple[NDArray[Any], int]:
    """A frame without luma plane as R'G'B' (H, W, 3), and its depth: 8 to 16 bits, full range.

    Float pictures (OpenEXR) hold linear light: they are sRGB-encoded to 16 bits.
    """
    layout = pixel_layout(frame.format.name)
    if layout.bits == FLOAT_BITS or "f16" in layout.name:
        return _encode_linear(frame), 16
    if layout.name.startswith("gbr") and layout.bits > 8:
        return _gbr_planes(frame, layout.bits), layout.bits
    deep = layout.bits > 8
    unpacked = frame.reformat(format="rgb48le" if deep else "rgb24")
    rgb = plane_array(unpacked.planes[0], 16 if deep else 8, 3)
    return rgb.reshape(frame.height, frame.width, 3), 16 if deep else 8


def _gbr_planes(frame: VideoFrame, bits: int) -> NDArray[Any]:
    green, blue, red = (plane_array(p, bits) for p in list(frame.planes)[:3])
    rgb = np.stack([red, green, blue], axis=-1)
    return rgb.byteswap() if frame.format.is_big_endian else rgb


def _encode_linear(frame: VideoFrame) -> NDArray[np.uint16]:
    """Linear light, float -> sRGB (IEC 61966-2-1), uint16; highlights above 1 clip."""
    name = frame.format.name
    dtype = np.float16 if "f16" in name else np.float32
    planes = [_rows(p, dtype)[:, : p.width] for p in frame.planes]
    order = planes if len(planes) < 3 else [planes[2], planes[0], planes[1]]
    linear = np.stack([np.clip(np.nan_to_num(p.astype(np.float32)), 0, 1) for p in order], axis=-1)
    if linear.shape[-1] < 3:
        linear = np.repeat(linear[..., :1], 3, axis=-1)
    curved = 1.055 * linear ** (1 / 2.4) - 0.055
    unit: NDArray[np.float32] = np.where(linear <= 0.0031308, 12.92 * linear, curved)
    return np.rint(unit * 65535).astype(np.uint16)


def gray_from_channel(
    frame: VideoFrame, layout: PixelLayout, coding: Coding, matrix: Matrix, channel: GrayFrom
) -> Plane:
    """Another luma than the recorded one: the cleanest channel of a tinted or faded print.

    Args:
        frame: a decoded frame.
        layout: the layout of its pixel format.
        coding: depth and range of the luma that is wanted.
        matrix: the matrix of the source.
        channel: ``red``, ``green``, ``blue``, or ``lightest``, the largest of the three.

    Returns:
        (H, W) code values in `coding`.
    """
    if layout.kind == "gray":
        return luma_plane(frame, layout, matrix)
    if layout.kind == "rgb":
        codes, bits = rgb_array(frame)
        rgb = codes.astype(np.float32) / np.float32((1 << bits) - 1)
    else:
        y = Coding(layout.bits, coding.full_range).luma_to_unit(luma_plane(frame, layout, matrix))
        cb, cr = chroma_arrays(frame, layout, coding.full_range)
        rgb = rgb_of_ycbcr(y, cb, cr, matrix)
    if channel == "lightest":
        picked = rgb.max(axis=-1)
    else:
        picked = rgb[..., ("red", "green", "blue").index(channel)]
    return coding.unit_to_luma(np.clip(picked, 0, 1).astype(np.float32))


def chroma_arrays(
    frame: VideoFrame, layout: PixelLayout, full_range: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cb and Cr of a Y'CbCr frame at luma resolution: (H, W) float32 in about [-0.5, 0.5]."""
    import cv2

    planar = frame
    if len(frame.planes) < 3:  # semi-planar or packed; chroma may pass through swscale
        depth = "" if layout.bits <= 8 else "10le" if layout.bits <= 10 else "16le"
        planar = frame.reformat(format=f"yuv444p{depth}")
    bits = planar.format.components[1].bits
    coding = Coding(bits, full_range)
    chroma: list[NDArray[np.float32]] = []
    for plane in list(planar.planes)[1:3]:
        codes = plane_array(plane, bits)
        if planar.format.is_big_endian and bits > 8:
            codes = codes.byteswap()
        unit = (codes.astype(np.float32) - coding.neutral) / np.float32(coding.chroma_span)
        full: NDArray[Any] = cv2.resize(unit, (frame.width, frame.height))
        chroma.append(full.reshape(frame.height, -1))
    return chroma[0], chroma[1]


def gray_picture(luma: NDArray[np.uint8], pix_fmt: str) -> VideoFrame:
    """A new 8-bit frame with this luma, (H, W), and neutral chroma."""
    picture = VideoFrame(luma.shape[1], luma.shape[0], pix_fmt)
    for plane in picture.planes:
        plane_array(plane, 8)[:] = 128
    plane_array(picture.planes[0], 8)[:] = luma
    return picture


def picture_with_chroma(
    frame: VideoFrame, pix_fmt: str, luma: Plane, chroma: tuple[Plane, Plane]
) -> VideoFrame:
    """A frame of `pix_fmt` with this luma and these chroma planes.

    If the decoded frame already has that format its own memory is used; otherwise a new frame
    takes its place. What rides on it (field flags, captions, side data) stays either way.

    Args:
        frame: the decoded frame.
        pix_fmt: a planar Y'CbCr format, native byte order.
        luma: (H, W) code values; skipped if it is the frame's own plane.
        chroma: Cb and Cr, in the format's chroma size.
    """
    layout = pixel_layout(pix_fmt)
    if frame.format.name == pix_fmt:
        own = np.shares_memory(luma, plane_array(frame.planes[0], layout.bits))
        keep = None if own else luma.copy()
        frame.make_writable()
        picture = frame
    else:
        keep = luma
        picture = _empty_like(frame, pix_fmt)
    planes = list(picture.planes)
    if keep is not None:
        plane_array(planes[0], layout.bits)[:] = keep
    for plane, codes in zip(planes[1:3], chroma, strict=True):
        plane_array(plane, layout.bits)[:] = codes
    if len(planes) > 3:
        plane_array(planes[3], layout.bits)[:] = (1 << layout.bits) - 1
    return picture


def _empty_like(frame: VideoFrame, pix_fmt: str) -> VideoFrame:
    """A new frame of another format, every plane yet to be written.

    Frames made in Python carry neither field flags nor side data; where there are any, swscale
    makes the frame, which copies them. What it puts into the planes is written over.
    """
    if frame.interlaced_frame or len(frame.side_data):
        converted = frame.reformat(format=pix_fmt, interpolation="POINT")
        if converted.format.name == pix_fmt and converted is not frame:
            return converted
    picture = VideoFrame(frame.width, frame.height, pix_fmt)
    picture.color_range = frame.color_range
    return picture
