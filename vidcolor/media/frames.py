"""Planes of decoded frames as NumPy arrays.

swscale may convert luma between limited and full range implicitly. It is therefore used only to
unpack pixel formats without a luma plane.
"""

from __future__ import annotations

import ctypes
import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import av
import numpy as np
from av import VideoFrame as VideoFrame
from av.dictionary import Dictionary
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType

from vidcolor.color.srgb import linear_to_srgb_array
from vidcolor.color.ycbcr import Coding, rgb_to_luma_codes, ycbcr_to_rgb
from vidcolor.imaging.resize import resize_linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.color.ycbcr import Matrix
    from vidcolor.imaging.types import FloatArray, Plane
    from vidcolor.options import GrayFrom

FLOAT_BITS = 32
"""Bit depth that FFmpeg reports for float samples."""
MIN_RGB_BITS = 10
"""Minimum bit depth of luma that is computed from R'G'B'. It keeps all 8-bit grays distinct."""
_LOG2_SUBSAMPLING = {64: 0, 32: 1, 16: 2, 8: 3}
"""log2 of the chroma subsampling, by the number of chroma samples for 64 luma samples."""
_MSB_ALIGNED = ("p010", "p012", "p210", "p212", "p410", "p412", "y210", "y212")
"""Prefixes of formats whose unused bits are the lowest ones."""
_INTERLEAVED_LUMA = {
    **dict.fromkeys(("yuyv422", "yvyu422", "y210", "y212", "y216", "ya8", "ya16"), 0),
    "uyvy422": 1,
}
"""Position of luma among pairs of samples, by name of the format without its byte order."""
_BOTTOM_FIRST = 3
"""FFmpeg's `AV_FIELD_BB`: the bottom field is coded and displayed first."""
_MAX_SD_HEIGHT = 576
"""Height of standard definition in countries of 50 Hz, in pixels."""
_EXIF = 31
"""FFmpeg's `AV_FRAME_DATA_EXIF`."""


def _add_side_data_type(cls: type[SideDataType], value: int) -> SideDataType:
    """Return a new member of the enumeration for a type without a name."""
    member = object.__new__(cls)
    member._name_ = "EXIF" if value == _EXIF else f"UNKNOWN_{value}"
    member._value_ = value  # type: ignore[assignment]
    return cls._value2member_map_.setdefault(value, member)  # type: ignore[return-value]


# FFmpeg has more types of side data than PyAV names, such as EXIF of JPEG, PNG and TIFF. PyAV
# raises ValueError for all side data of such a frame.
SideDataType._missing_ = classmethod(_add_side_data_type)  # type: ignore[assignment]


def get_field_order(context: av.VideoCodecContext, frame: VideoFrame) -> int:
    """Return FFmpeg's `AVFieldOrder` of a stream, by its first frame; 0 if it is unknown."""
    # FFmpeg states it in each frame of DV only, and PyAV does not return it. IEC 61834 starts with
    # the bottom field.
    is_dv = context.name == "dvvideo" and frame.height <= _MAX_SD_HEIGHT
    unknown = _BOTTOM_FIRST if is_dv and frame.interlaced_frame else 0
    return int(context.field_order) or unknown


def list_side_data(frame: VideoFrame) -> set[str]:
    """Return the types of the side data of a frame, such as ``A53_CC``."""
    return {item.type.name for item in get_side_data(frame)}


def get_side_data(frame: VideoFrame) -> Any:
    """Return the side data of a frame without two faults of `frame.side_data` in PyAV 18.

    PyAV and FFmpeg both free the metadata of side data, as ICC profiles of PNG have, which ends the
    process. A reference that is never released keeps PyAV from that. And the property stores its
    result in the frame, a cycle that keeps the memory of the frame until a garbage collection.
    """
    side_data: Any = SideDataContainer(frame)  # type: ignore[call-arg]
    for item in side_data:
        for referent in gc.get_referents(item):
            if isinstance(referent, Dictionary) and len(referent):
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(referent))
    return side_data


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """The layout of an FFmpeg pixel format."""

    name: str
    """FFmpeg's name of the pixel format, such as ``yuv420p10le``."""
    kind: Literal["gray", "yuv", "rgb"]
    """Color model. `rgb` includes palettes and 1-bit formats, which have no luma plane either."""
    bits: int
    """Significant bits of a luma (or R, G, B) sample: 1 to 16, or 32 for float."""
    subsampling: tuple[int, int]
    """Horizontal and vertical chroma subsampling as log2: (1, 1) is 4:2:0."""
    full_range: bool
    """Whether the pixel format implies full range, such as `yuvj420p`."""
    alpha: bool

    @property
    def luma_bits(self) -> int:
        """Bit depth of the luma that `read_luma` returns: 8 to 16."""
        return min(16, max(MIN_RGB_BITS, self.bits)) if self.kind == "rgb" else self.bits


def get_pixel_layout(pix_fmt: str) -> PixelLayout:
    """Return the layout of an FFmpeg pixel format.

    Raises:
        ValueError: FFmpeg does not know the pixel format.
    """
    fmt = av.VideoFormat(pix_fmt)
    bits = max((c.bits for c in fmt.components), default=8)
    # FFmpeg does not flag most of these formats as RGB, but they have no luma plane.
    needs_unpacking = fmt.has_palette or fmt.is_bit_stream or fmt.name.startswith(("xyz", "bayer"))
    rgb = fmt.is_rgb or needs_unpacking or bits == FLOAT_BITS or "f16" in fmt.name
    gray = not rgb and fmt.name.startswith(("gray", "ya8", "ya16"))
    subsampling = (0, 0)
    if not rgb and not gray:
        horizontal, vertical = int(fmt.chroma_width(64)), int(fmt.chroma_height(64))
        subsampling = _LOG2_SUBSAMPLING.get(horizontal, 0), _LOG2_SUBSAMPLING.get(vertical, 0)
    return PixelLayout(
        name=fmt.name,
        kind="rgb" if rgb else "gray" if gray else "yuv",
        bits=bits,
        subsampling=subsampling,
        full_range=fmt.name.startswith("yuvj"),
        alpha=fmt.name.startswith(("yuva", "ya", "rgba", "bgra", "argb", "abgr", "gbrap", "vuya")),
    )


def view_plane(plane: av.video.plane.VideoPlane, bits: int, samples: int = 1) -> NDArray[Any]:
    """Return a writable view of a plane with interleaved samples, without the padding of its lines.

    Returns:
        (H, W * samples) code values: uint8 up to 8 bits, otherwise uint16.
    """
    return _view_lines(plane, np.uint8 if bits <= 8 else np.uint16)[:, : plane.width * samples]


def _view_lines(plane: Any, dtype: type[np.generic]) -> NDArray[Any]:
    """`plane` is `Any` because PyAV does not annotate planes as buffers."""
    lines: NDArray[Any] = np.frombuffer(plane, dtype)
    return lines.reshape(plane.height, -1)


def _to_native_order(codes: NDArray[Any], frame: VideoFrame) -> NDArray[Any]:
    is_swapped = frame.format.is_big_endian and codes.dtype == np.uint16
    return codes.byteswap() if is_swapped else codes


def read_luma(
    frame: VideoFrame, layout: PixelLayout, matrix: Matrix, rgb_full_range: bool = True
) -> Plane:
    """Return the luma of a frame at the bit depth `layout.luma_bits`.

    If the pixel format has a luma plane, the result is usually a view of it, so the caller must not
    modify it. R'G'B' is converted with one rounding by the luma weights of `matrix`, to full range
    or to limited range.

    Returns:
        (H, W) uint8 or uint16 code values.
    """
    if layout.kind == "rgb":
        rgb, bits = read_rgb(frame)
        return rgb_to_luma_codes(rgb, matrix, bits, layout.luma_bits, rgb_full_range)
    name, bits = frame.format.name, layout.bits
    position = _INTERLEAVED_LUMA.get(name.removesuffix("le").removesuffix("be"))
    if position is not None:
        luma = view_plane(frame.planes[0], bits, 2)[:, position::2][:, : frame.width]
    else:
        # Other packed formats: swscale unpacks them and keeps the range, because both are Y'CbCr.
        if len(frame.planes) == 1 and layout.kind == "yuv":
            frame = frame.reformat(format=f"yuv444p{bits}le" if bits > 8 else "yuv444p")
        luma = view_plane(frame.planes[0], bits)
    luma = _to_native_order(luma, frame)
    if 8 < bits < 16 and (name.startswith(_MSB_ALIGNED) or "msb" in name):
        luma = np.right_shift(luma, luma.dtype.type(16 - bits))
    return luma


def read_rgb(frame: VideoFrame) -> tuple[NDArray[Any], int]:
    """Return the R'G'B' values of a frame without a luma plane.

    Float frames (OpenEXR) hold linear light. They are clipped to [0, 1] and encoded with the sRGB
    curve (IEC 61966-2-1) at 16 bits.

    Returns:
        R'G'B' code values, (H, W, 3), full range; and their bit depth, 8 to 16.
    """
    layout = get_pixel_layout(frame.format.name)
    if layout.bits == FLOAT_BITS or "f16" in layout.name:
        return _encode_linear(frame), 16
    if layout.name.startswith("gbr") and layout.bits > 8:
        green, blue, red = (view_plane(p, layout.bits) for p in list(frame.planes)[:3])
        return _to_native_order(np.stack([red, green, blue], axis=-1), frame), layout.bits
    bits, pix_fmt = (16, "rgb48le") if layout.bits > 8 else (8, "rgb24")
    unpacked = frame.reformat(format=pix_fmt)
    rgb = view_plane(unpacked.planes[0], bits, 3)
    return rgb.reshape(frame.height, frame.width, 3), bits


def _encode_linear(frame: VideoFrame) -> NDArray[np.uint16]:
    dtype = np.float16 if "f16" in frame.format.name else np.float32
    planes = [_view_lines(p, dtype)[:, : p.width] for p in frame.planes]
    # FFmpeg stores planar RGB in the order G, B, R.
    order = planes if len(planes) < 3 else [planes[2], planes[0], planes[1]]
    linear = np.stack([np.clip(np.nan_to_num(p.astype(np.float32)), 0, 1) for p in order], axis=-1)
    if linear.shape[-1] < 3:  # gray
        linear = np.repeat(linear[..., :1], 3, axis=-1)
    return np.rint(linear_to_srgb_array(linear) * 65535).astype(np.uint16)


def read_channel_as_luma(
    frame: VideoFrame, layout: PixelLayout, coding: Coding, matrix: Matrix, channel: GrayFrom
) -> Plane:
    """Return one color channel of a frame as luma.

    One channel of a tinted or faded print can have less damage than the stored luma. ``lightest``
    is the maximum of the three.

    Returns:
        (H, W) code values in `coding`.
    """
    if layout.kind == "gray":
        return read_luma(frame, layout, matrix)
    if layout.kind == "rgb":
        codes, bits = read_rgb(frame)
        rgb = codes.astype(np.float32) / np.float32((1 << bits) - 1)
    else:
        y = Coding(layout.bits, coding.full_range).luma_to_unit(read_luma(frame, layout, matrix))
        cb, cr = read_chroma(frame, layout, coding.full_range)
        rgb = ycbcr_to_rgb(y, cb, cr, matrix)
    if channel == "lightest":
        values = rgb.max(axis=-1)
    else:
        values = rgb[..., ("red", "green", "blue").index(channel)]
    return coding.unit_to_luma(np.clip(values, 0, 1).astype(np.float32))


def read_chroma(
    frame: VideoFrame, layout: PixelLayout, full_range: bool
) -> tuple[FloatArray, FloatArray]:
    """Return Cb and Cr of a Y'CbCr frame, resized to luma resolution.

    Returns:
        Cb and Cr, each (H, W) float32, nominally in [-0.5, 0.5].
    """
    planar = frame
    if len(frame.planes) < 3:  # Semi-planar or packed. Chroma may pass through swscale.
        depth = "" if layout.bits <= 8 else "10le" if layout.bits <= 10 else "16le"
        planar = frame.reformat(format=f"yuv444p{depth}")
    bits = planar.format.components[1].bits
    coding = Coding(bits, full_range)
    chroma: list[FloatArray] = []
    for plane in list(planar.planes)[1:3]:
        codes = _to_native_order(view_plane(plane, bits), planar)
        unit = (codes.astype(np.float32) - coding.neutral) / np.float32(coding.chroma_span)
        chroma.append(resize_linear(unit, (frame.height, frame.width)))
    return chroma[0], chroma[1]


def make_gray_frame(luma: NDArray[np.uint8], pix_fmt: str) -> VideoFrame:
    """Return a frame with (H, W) uint8 luma and neutral chroma, in a planar 8-bit format."""
    frame = VideoFrame(luma.shape[1], luma.shape[0], pix_fmt)
    for plane in frame.planes:
        view_plane(plane, 8)[:] = 128
    view_plane(frame.planes[0], 8)[:] = luma
    return frame


def compose_frame(
    frame: VideoFrame, pix_fmt: str, luma: Plane, chroma: tuple[Plane, Plane]
) -> VideoFrame:
    """Return a frame with the given luma and chroma planes and the metadata of a decoded frame.

    If the decoded frame already has the pixel format, its own buffers are used. Otherwise a new
    frame is made. Field flags and side data such as captions are kept either way.

    `frame` must not be used afterwards. `pix_fmt` is a planar Y'CbCr format in native byte order.
    `luma` (H, W) is not copied if it is a view of the frame's own plane. `chroma` is Cb and Cr in
    the chroma size of `pix_fmt`.
    """
    layout = get_pixel_layout(pix_fmt)
    if frame.format.name == pix_fmt:
        is_own_plane = np.shares_memory(luma, view_plane(frame.planes[0], layout.bits))
        # Copy before make_writable(), which may replace the buffers that `luma` views.
        new_luma = None if is_own_plane else luma.copy()
        frame.make_writable()
        composed = frame
    else:
        new_luma = luma
        composed = _make_empty_like(frame, pix_fmt)
    planes = list(composed.planes)
    if new_luma is not None:
        view_plane(planes[0], layout.bits)[:] = new_luma
    for plane, codes in zip(planes[1:3], chroma, strict=True):
        view_plane(plane, layout.bits)[:] = codes
    if len(planes) > 3:  # The alpha plane must be opaque.
        view_plane(planes[3], layout.bits)[:] = (1 << layout.bits) - 1
    return composed


def _make_empty_like(frame: VideoFrame, pix_fmt: str) -> VideoFrame:
    """Return a frame of another pixel format, with planes that the caller must fill."""
    # Only swscale can copy field flags and side data. The caller overwrites its samples.
    if frame.interlaced_frame or len(get_side_data(frame)):
        converted = frame.reformat(format=pix_fmt, interpolation="POINT")
        if converted.format.name == pix_fmt and converted is not frame:
            return converted
    empty = VideoFrame(frame.width, frame.height, pix_fmt)
    empty.color_range = frame.color_range
    return empty
