"""Reading and writing of DPX (SMPTE 268M, now ST 268-1), the format of film scans.

FFmpeg codes the pixels. The header is handled here, because no library writes the film and
television fields, such as keycode and timecode, or user-defined data: FFmpeg writes only the first
1664 bytes. All offsets are those of the standard, in bytes from the start of the file.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.errors import InputError, OutputError
from vidcolor.media.stills.smpte import decode_timecode, describe_loss, encode_timecode
from vidcolor.media.stills.types import DecodedImage, EncodedStill, StillMetadata, check_size
from vidcolor.timecode import parse_frame_rate

if TYPE_CHECKING:
    from collections.abc import Mapping
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
_ORIENTATION_FIELD = slice(768, 770)
"""The direction of rows and columns: 0 is from the top left corner, 65535 is undefined."""
_UPRIGHT = (b"\0\0", b"\xff\xff")
_ORIENTATION_WARNING = (
    "the header says that the rows or columns are reversed; the image is colorized as stored, and "
    "only DPX results keep this field"
)
_COPIED_FIELDS = (
    slice(160, 660),  # creator, project and copyright
    _ORIENTATION_FIELD,
    slice(801, 803),  # transfer and colorimetry
    slice(1408, 1664),  # origin and input device
    slice(1664, 2048),  # film and television
)
"""Header fields that are copied from the source."""
_USER_ID = b"vidcolor".ljust(32, b"\0")
"""Identifier of user-defined data that vidcolor wrote and that holds only an XMP packet."""
_USER_ALIGNMENT = 4096
"""Multiple to which user-defined data is padded, in bytes."""
_REEL_FIELD = slice(1556, 1588)
"""The name of the input device. Editing programs read it as the name of the reel or tape."""
_FRAME_RATES = (1724, 1940)
"""Offsets of the frame rates of film and television: 32-bit floats."""
_PIXEL_ASPECT = 1628
"""Offset of the pixel aspect ratio: the horizontal and the vertical part."""
_TIMECODE = 1920
"""Offset of the timecode."""
_MAX_RATE = 1000
"""Maximum plausible frame rate, in frames per second."""
_UNDEFINED = 0xFFFFFFFF
"""Value of a 32-bit header field that is not set."""
_ALPHA_BITS = (8, 16)
"""Bit depths at which FFmpeg writes alpha."""


def read_dpx(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode a DPX of 8, 10, 12 or 16 bits to its code values; a damaged one is always refused.

    The transfer curve is ignored, with a warning if it is logarithmic. `StillMetadata.extras` is
    the header with the user-defined data.
    """
    data = path.read_bytes()
    if len(data) < _HEADER_BYTES:
        raise InputError(f"{path}: truncated DPX header; get a complete copy")
    check_size(path, *_read_integers(data, 772, 776))
    pixels, alpha, bits = _read_codes(_decode_frame(data))
    user_data = _read_user_data(data)
    is_own, rate = user_data[:32] == _USER_ID, _read_frame_rate(data)
    metadata = StillMetadata(
        extras=data[:_HEADER_BYTES] + (b"" if is_own else user_data),
        xmp=user_data[32:] if is_own else None,
        pixel_aspect=_read_pixel_aspect(data),
        timecode=decode_timecode(_read_integers(data, _TIMECODE)[0], rate),
        reel=_read_text(data[_REEL_FIELD]),
        frame_rate=rate,
    )
    warnings: tuple[str, ...] = (_LOG_WARNING,) if data[_TRANSFER_OFFSET] in _LOG_TRANSFERS else ()
    if data[_ORIENTATION_FIELD] not in _UPRIGHT:
        warnings += (_ORIENTATION_WARNING,)
    return DecodedImage(pixels, bits, alpha, metadata, warnings)


def read_dpx_xmp(path: Path) -> bytes | None:
    """Return the user-defined data of a DPX, which may contain an XMP packet, or None."""
    return _read_user_data(path.read_bytes()) or None


def encode_dpx(job: ColorizedStill) -> EncodedStill:
    """Encode a DPX at the bit depth of the still, with a warning if alpha is lost."""
    alpha = job.still.alpha if job.bits in _ALPHA_BITS else None
    metadata, losses = job.metadata, list[str]()
    fields = {} if metadata.extras else _make_fields(metadata, losses)
    header = metadata.extras or None
    data = encode_dpx_file(job.rgb(), alpha, job.bits, header, metadata.xmp, fields)
    if alpha is not job.still.alpha:
        losses.append(f"DPX of {job.bits} bits cannot store alpha")
    return data, tuple(losses)


def _make_fields(metadata: StillMetadata, losses: list[str]) -> dict[int, bytes]:
    """Return header fields by offset for a source that is not DPX; add what does not fit to losses.

    They are little-endian.
    """
    fields = {}
    if metadata.reel:
        reel, size = metadata.reel.encode("ascii", "replace"), _REEL_FIELD.stop - _REEL_FIELD.start
        fields[_REEL_FIELD.start] = reel[:size].ljust(size, b"\0")
        if reel[:size].decode() != metadata.reel:
            stored = reel[:size].decode()
            losses.append(f"DPX stores the reel name {metadata.reel} as {stored}")
    rate, aspect = metadata.frame_rate, metadata.pixel_aspect
    if aspect:
        fields[_PIXEL_ASPECT] = struct.pack("<II", aspect.numerator, aspect.denominator)
    if rate:
        fields |= dict.fromkeys(_FRAME_RATES, struct.pack("<f", rate))
    if metadata.timecode:
        fields[_TIMECODE] = struct.pack("<I", encode_timecode(metadata.timecode, rate))
        losses += describe_loss(metadata.timecode, rate)
    return fields


def encode_dpx_file(
    rgb: NDArray[Any],
    alpha: NDArray[Any] | None,
    bits: int,
    header: bytes | None = None,
    xmp: bytes | None = None,
    fields: Mapping[int, bytes] | None = None,
) -> bytes:
    """Encode a DPX file with the film, camera and origin fields of a source.

    `rgb` is (H, W, 3) code values of 8, 10, 12 or 16 bits, and `alpha` (H, W) of 8 or 16 bits:
    uint8 or uint16. `header` is the 2048 bytes of the source's header and its user-defined data. It
    also sets the byte order, which is otherwise little-endian. `xmp` is appended to this data.
    `fields` are header fields that replace others, by offset.
    """
    order = "be" if header is not None and header[:4] == b"SDPX" else "le"
    if bits in (10, 12):
        pix_fmt, planes = f"gbrp{bits}{order}", [rgb[..., i] for i in (1, 2, 0)]
    else:
        samples = rgb if alpha is None else np.dstack([rgb, alpha])
        planes = [samples.reshape(samples.shape[0], -1)]
        names = ("rgb24", "rgba") if bits == 8 else (f"rgb48{order}", f"rgba64{order}")
        pix_fmt = names[alpha is not None]
    data = _encode_frame(pix_fmt, planes, rgb.shape[1])
    return _complete_header(data, header, xmp, fields or {})


def _decode_frame(data: bytes) -> av.VideoFrame:
    """Decode a file with FFmpeg's codec. It needs no demuxer, because a file is one packet."""
    import av

    context = av.CodecContext.create("dpx", "r")
    frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    if not frames:
        raise ValueError("the pixels cannot be decoded")
    frame: av.VideoFrame = frames[0]
    return frame


def _encode_frame(pix_fmt: str, planes: list[NDArray[Any]], width: int) -> bytes:
    """Encode (H, samples per row) planes in the plane order of an FFmpeg pixel format."""
    import av

    context: Any = av.CodecContext.create("dpx", "w")
    context.width, context.height, context.pix_fmt = width, planes[0].shape[0], pix_fmt
    context.time_base = Fraction(1, 25)  # required by FFmpeg; its value has no meaning here
    frame = av.VideoFrame(width, planes[0].shape[0], pix_fmt)
    for plane, codes in zip(frame.planes, planes, strict=True):
        _view_rows(plane, codes.dtype, pix_fmt)[:, : codes.shape[1]] = codes
    data = b"".join(bytes(p) for p in [*context.encode(frame), *context.encode(None)])
    if not data:
        raise OutputError("the dpx encoder returned no data")
    return data


def _view_rows(plane: Any, dtype: np.dtype[Any], pix_fmt: str) -> NDArray[Any]:
    """Return a writable view of a plane of a frame: (H, samples per row with padding)."""
    dtype = dtype.newbyteorder(">" if pix_fmt.endswith("be") else "<")
    rows: NDArray[Any] = np.frombuffer(plane, dtype)
    return rows.reshape(plane.height, plane.line_size // dtype.itemsize)


def _read_codes(frame: av.VideoFrame) -> tuple[NDArray[Any], NDArray[Any] | None, int]:
    """Return (H, W) gray or (H, W, 3) R'G'B', (H, W) alpha or None, and the bit depth."""
    name, components = frame.format.name, frame.format.components
    bits, n = components[0].bits, len(components)
    dtype = np.dtype(np.uint8 if bits <= 8 else np.uint16)
    is_planar = name.startswith("gbr")  # planes in the order G, B, R, alpha
    if not is_planar and (not name.startswith(("gray", "rgb")) or n == 2):
        raise ValueError(f"pixel format {name} is not supported")
    width = frame.width if is_planar else frame.width * n
    planes = [_view_rows(p, dtype, name)[:, :width].astype(dtype) for p in frame.planes]
    if is_planar:
        rgb = np.stack([planes[2], planes[0], planes[1]], -1)
        return rgb, planes[3] if n > 3 else None, bits
    if n == 1:
        return planes[0], None, bits
    packed = planes[0].reshape(frame.height, frame.width, n)
    return packed[..., :3].copy(), packed[..., 3].copy() if n == 4 else None, bits


def _complete_header(
    data: bytes, header: bytes | None, xmp: bytes | None, fields: Mapping[int, bytes]
) -> bytes:
    """Replace the 1664-byte header of FFmpeg's file by a complete header and user-defined data."""
    (start,) = _read_integers(data, 4)
    # All bits set means that a field is not defined.
    head = bytearray(data[:_CORE_HEADER_BYTES].ljust(_HEADER_BYTES, b"\xff"))
    user_data = b""
    if header is not None:
        user_data = header[_HEADER_BYTES:]
        if header[:4] == data[:4]:  # fields of the other byte order cannot be copied
            for part in _COPIED_FIELDS:
                head[part] = header[part]
    for offset, value in fields.items():
        head[offset : offset + len(value)] = value
    if xmp:
        user_data = (user_data or _USER_ID) + xmp
    padded = user_data.ljust(-(-len(user_data) // _USER_ALIGNMENT) * _USER_ALIGNMENT, b"\0")
    pixel_offset = _HEADER_BYTES + len(padded)
    for at, number in (
        (4, pixel_offset),  # offset of the image data
        (16, pixel_offset + len(data) - start),  # file size
        (24, _CORE_HEADER_BYTES),
        (28, _INDUSTRY_HEADER_BYTES),
        (32, len(user_data)),
        (808, pixel_offset),  # offset of the first image element
    ):
        struct.pack_into(_byte_order(data) + "I", head, at, number)
    return bytes(head) + padded + data[start:]


def _byte_order(dpx: bytes) -> str:
    return ">" if dpx[:4] == b"SDPX" else "<"


def _read_integers(dpx: bytes, *offsets: int) -> tuple[int, ...]:
    return tuple(struct.unpack_from(_byte_order(dpx) + "I", dpx, at)[0] for at in offsets)


def _read_user_data(dpx: bytes) -> bytes:
    """Return the user-defined data of a file: an identifier of 32 bytes, then the data."""
    start, size = _read_integers(dpx, 4, 32)  # offset of the pixels, size of the user-defined data
    if not _HEADER_BYTES < start < len(dpx) or not 32 < size <= start - _HEADER_BYTES:
        return b""
    return dpx[_HEADER_BYTES : _HEADER_BYTES + size]


def _read_pixel_aspect(dpx: bytes) -> Fraction | None:
    """Return the width of a pixel divided by its height; None if square or not defined."""
    horizontal, vertical = _read_integers(dpx, _PIXEL_ASPECT, _PIXEL_ASPECT + 4)
    if _UNDEFINED in (horizontal, vertical) or not vertical:
        return None
    aspect = Fraction(horizontal, vertical)
    return aspect if 0 < aspect != 1 else None


def _read_frame_rate(dpx: bytes) -> Fraction | None:
    """Return the frame rate of film, or else of television; None if both are undefined."""
    for offset in _FRAME_RATES:
        (rate,) = struct.unpack_from(_byte_order(dpx) + "f", dpx, offset)
        if 1 <= rate <= _MAX_RATE:  # NaN means that the field is undefined.
            return parse_frame_rate(str(Fraction(rate).limit_denominator(1001)))
    return None


def _read_text(field: bytes) -> str | None:
    """Return the text of a field; None if it is empty or undefined."""
    text = field.partition(b"\0")[0].partition(b"\xff")[0]
    return text.decode("ascii", "replace").strip() or None
