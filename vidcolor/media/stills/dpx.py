"""Reading and writing of DPX (SMPTE 268M, now ST 268-1), the format of film scans.

FFmpeg codes the pixels. The header is handled here, because FFmpeg writes only its first 1664
bytes. It writes neither the film and television fields, such as keycode and timecode, nor
user-defined data. All offsets are those of the standard, in bytes from the start of the file.
"""

from __future__ import annotations

import re
import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.errors import InputError
from vidcolor.media.stills.av_codec import decode_frame, encode_frame, view_rows
from vidcolor.media.stills.types import (
    DecodedImage,
    EncodedStill,
    StillFormat,
    StillMetadata,
    check_size,
)

if TYPE_CHECKING:
    from pathlib import Path

    import av
    from numpy.typing import NDArray

    from vidcolor.media.stills.types import ColorizedStill

_HEADER_BYTES = 2048
"""Size of the generic and the industry-specific header. User-defined data follows."""
_CORE_HEADER_BYTES = 1664
"""Size of the generic header, which FFmpeg writes."""
_INDUSTRY_HEADER_BYTES = 384
"""Size of the industry-specific header: film and television fields."""
_TRANSFER_OFFSET = 801
"""Offset of the transfer characteristic of the first image element."""
_LOG_TRANSFERS = (1, 3)
"""Codes of the transfer characteristics printing density and logarithmic."""
_LOG_WARNING = (
    "the code values are logarithmic densities, which are colorized as if they were video; convert "
    "to video gamma first for natural color"
)
_COPIED_FIELDS = (slice(160, 660), slice(801, 803), slice(1408, 1664), slice(1664, 2048))
"""Header fields that are copied from the source: creator, project and copyright; transfer and
colorimetry; orientation; film and television."""
_USER_ID = b"vidcolor".ljust(32, b"\0")
"""Identifier of user-defined data that vidcolor wrote and that holds only an XMP packet."""
_USER_ALIGNMENT = 4096
"""Multiple to which user-defined data is padded, in bytes."""
_UNDEFINED = 0xFFFFFFFF
"""Value of a 32-bit header field that is not set."""
_ALPHA_BITS = (8, 16)
"""Bit depths at which FFmpeg writes alpha."""


def read_dpx(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode a DPX of 8, 10, 12 or 16 bits to its code values.

    The transfer curve is ignored, with a warning if it is logarithmic.

    Args:
        path: the file.
        allow_damaged: ignored; a damaged DPX is always refused.

    Raises:
        InputError: the header is truncated, or the image exceeds `MAX_PIXELS`.
        ValueError: the pixels are damaged, or their layout is not supported.
    """
    data = path.read_bytes()
    if len(data) < _HEADER_BYTES:
        raise InputError(f"{path}: truncated DPX header; get a complete copy")
    width, height = struct.unpack(_byte_order(data) + "II", data[772:780])
    check_size(path, width, height)
    pixels, alpha, bits = _read_codes(decode_frame("dpx", data))
    user_data = read_user_data(data)
    is_own = user_data[:32] == _USER_ID
    metadata = StillMetadata(
        dpx_header=data[:_HEADER_BYTES] + (b"" if is_own else user_data),
        xmp=user_data[32:] if is_own else None,
        pixel_aspect=_read_pixel_aspect(data),
        timecode=_read_timecode(data),
    )
    return DecodedImage(
        pixels,
        "gray" if pixels.ndim == 2 else "rgb",
        bits,
        "dpx",
        alpha,
        metadata,
        warnings=(_LOG_WARNING,) if data[_TRANSFER_OFFSET] in _LOG_TRANSFERS else (),
    )


def read_user_data(dpx: bytes) -> bytes:
    """Return the user-defined data of a DPX file: an identifier of 32 bytes, then the data.

    Args:
        dpx: contents of the file.

    Returns:
        The data with its identifier; empty if there is none.
    """
    order = _byte_order(dpx)
    # Offset of the pixels, and size of the user-defined data.
    start, size = (struct.unpack(order + "I", dpx[at : at + 4])[0] for at in (4, 32))
    if not _HEADER_BYTES < start < len(dpx) or not 32 < size <= start - _HEADER_BYTES:
        return b""
    return dpx[_HEADER_BYTES : _HEADER_BYTES + size]


def read_dpx_xmp(path: Path) -> bytes | None:
    """Return the user-defined data of a DPX, which may contain an XMP packet, or None."""
    return read_user_data(path.read_bytes()) or None


def encode_dpx(job: ColorizedStill) -> EncodedStill:
    """Encode a DPX at the bit depth of the still, with a warning if alpha is lost."""
    still = job.still
    drops_alpha = still.bits not in _ALPHA_BITS
    header, xmp = job.metadata.dpx_header, job.metadata.xmp
    data = encode_dpx_file(
        job.rgb(still.bits), None if drops_alpha else still.alpha, still.bits, header, xmp
    )
    if drops_alpha and still.alpha is not None:
        return EncodedStill(data, (f"DPX of {still.bits} bits cannot store alpha",))
    return EncodedStill(data)


def encode_dpx_file(
    rgb: NDArray[Any],
    alpha: NDArray[Any] | None,
    bits: int,
    header: bytes | None = None,
    xmp: bytes | None = None,
) -> bytes:
    """Encode a DPX file with the film, camera and origin fields of a source.

    Args:
        rgb: (H, W, 3) code values: uint8 for 8 bits, else uint16.
        alpha: (H, W) with the dtype of `rgb`, or None; supported with 8 and 16 bits.
        bits: bit depth: 8, 10, 12 or 16.
        header: the 2048 bytes of the source's header and its user-defined data, or None. The byte
            order of the result is that of the source, or else little-endian.
        xmp: packet that is appended to the user-defined data, or None.

    Returns:
        The contents of the file.
    """
    end = "be" if header is not None and header[:4] == b"SDPX" else "le"
    if bits in (10, 12):
        planes = [rgb[..., 1], rgb[..., 2], rgb[..., 0]]
        return _complete_header(encode_frame("dpx", f"gbrp{bits}{end}", planes), header, xmp)
    samples = rgb if alpha is None else np.dstack([rgb, alpha])
    if bits == 8:
        pix_fmt = "rgb24" if alpha is None else "rgba"
    else:
        pix_fmt = ("rgb48" if alpha is None else "rgba64") + end
    data = encode_frame("dpx", pix_fmt, [samples.reshape(samples.shape[0], -1)])
    return _complete_header(data, header, xmp)


def _complete_header(data: bytes, header: bytes | None, xmp: bytes | None) -> bytes:
    """Replace the 1664-byte header of FFmpeg's file by a complete header and user-defined data."""
    order = _byte_order(data)
    start = struct.unpack(order + "I", data[4:8])[0]
    # All bits set means that a field is not defined.
    head = bytearray(data[:_CORE_HEADER_BYTES].ljust(_HEADER_BYTES, b"\xff"))
    user_data = b""
    if header is not None:
        user_data = header[_HEADER_BYTES:]
        if header[:4] == data[:4]:  # fields of the other byte order cannot be copied
            for part in _COPIED_FIELDS:
                head[part] = header[part]
    if xmp:
        user_data = (user_data or _USER_ID) + xmp
    padded = user_data.ljust(-(-len(user_data) // _USER_ALIGNMENT) * _USER_ALIGNMENT, b"\0")
    pixel_offset = _HEADER_BYTES + len(padded)
    for at, value in (
        (4, pixel_offset),  # offset of the image data
        (16, pixel_offset + len(data) - start),  # file size
        (24, _CORE_HEADER_BYTES),
        (28, _INDUSTRY_HEADER_BYTES),
        (32, len(user_data)),
        (808, pixel_offset),  # offset of the first image element
    ):
        struct.pack_into(order + "I", head, at, value)
    return bytes(head) + padded + data[start:]


def _byte_order(header: bytes) -> str:
    """Return the byte order of a DPX file, as in `struct`."""
    return ">" if header[:4] == b"SDPX" else "<"


def _read_pixel_aspect(header: bytes) -> Fraction | None:
    """Return the width of a pixel divided by its height; None if square or not defined."""
    horizontal, vertical = struct.unpack(_byte_order(header) + "II", header[1628:1636])
    if _UNDEFINED in (horizontal, vertical) or not vertical:
        return None
    aspect = Fraction(horizontal, vertical)
    return aspect if 0 < aspect != 1 else None


def _read_timecode(header: bytes) -> str | None:
    """Return the SMPTE timecode, stored as eight binary-coded decimal digits; None if undefined."""
    (code,) = struct.unpack(_byte_order(header) + "I", header[1920:1924])
    digits = f"{code:08x}"
    if code == _UNDEFINED or not digits.isdecimal():
        return None
    return ":".join(digits[n : n + 2] for n in range(0, 8, 2))


def _read_codes(frame: av.VideoFrame) -> tuple[NDArray[Any], NDArray[Any] | None, int]:
    """Return the code values of a decoded DPX frame in native byte order.

    Returns:
        (H, W) gray or (H, W, 3) R'G'B', uint8 or uint16; (H, W) alpha or None; and the bit depth.

    Raises:
        ValueError: the pixel format is not supported.
    """
    name, components = frame.format.name, frame.format.components
    bits = components[0].bits
    native = np.dtype(np.uint8 if bits <= 8 else np.uint16)
    dtype = native.newbyteorder(">" if name.endswith("be") else "<")
    if name.startswith("gbr"):  # planes in the order G, B, R, alpha
        planes = [view_rows(p, dtype)[:, : p.width].astype(native) for p in frame.planes]
        rgb = np.stack([planes[2], planes[0], planes[1]], -1)
        return rgb, planes[3] if len(planes) > 3 else None, bits
    if not name.startswith(("gray", "rgb")) or len(components) == 2:
        raise ValueError(f"pixel format {name} is not supported")
    n = len(components)
    packed = view_rows(frame.planes[0], dtype)[:, : frame.width * n].astype(native)
    if n == 1:
        return packed, None, bits
    packed = packed.reshape(frame.height, frame.width, n)
    alpha = packed[..., 3].copy() if n == 4 else None
    return packed[..., :3].copy(), alpha, bits


DPX = StillFormat(
    name="dpx",
    suffixes=(".dpx",),
    signature=re.compile(rb"SDPX|XPDS"),
    read=read_dpx,
    read_xmp=read_dpx_xmp,
    encode=encode_dpx,
    stores=frozenset({"alpha", "dpx_header", "xmp"}),
)
