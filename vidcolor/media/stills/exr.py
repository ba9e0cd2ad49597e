"""Reading and writing of OpenEXR, a format of film scans in linear light.

FFmpeg codes the pixels. The header is handled here, because the attributes of the source must
survive and FFmpeg writes only its own attributes. The layout follows "OpenEXR File Layout"
(openexr.com), and the sRGB curve IEC 61966-2-1.
"""

from __future__ import annotations

import re
import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.color.srgb import linear_to_srgb_array, srgb_to_linear_array
from vidcolor.errors import InputError
from vidcolor.media.stills.av_codec import decode_frame, encode_frame, view_rows
from vidcolor.media.stills.rgb import row_bands
from vidcolor.media.stills.types import (
    DecodedImage,
    EncodedStill,
    StillFormat,
    StillMetadata,
    check_size,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray
    from vidcolor.media.stills.types import ColorizedStill

    Attribute = tuple[bytes, bytes, bytes]
    """Name, type and value, as stored in the file."""

_DATA_WINDOW = b"dataWindow\0box2i\0"
"""Name and type of the attribute with the image size."""
_MAX_HEADER_BYTES = 65536
"""Number of bytes at the start of a file in which the data window must begin."""
_NOT_SCAN_LINES = 0x1A00
"""Bits of the version field for tiles, deep data and several parts."""
_CODING_ATTRIBUTES = frozenset(
    (
        *(b"channels", b"compression", b"dataWindow", b"displayWindow", b"lineOrder"),
        *(b"screenWindowCenter", b"screenWindowWidth", b"tiles", b"type", b"name", b"version"),
        *(b"chunkCount", b"preview", b"maxSamplesPerPixel", b"view", b"multiView"),
        *(b"dwaCompressionLevel", b"zipCompressionLevel", b"deepImageState", b"writer"),
    )
)
"""Attributes that describe the coding of one file and are not copied to another file."""
_MAX_NAME_BYTES = 31
"""Maximum length of an attribute name. Attributes with longer names, which require a version flag,
are left out."""
_COMMENTS = b"comments"
"""Standard attribute for free text. The provenance is stored there."""
_PIXEL_ASPECT = b"pixelAspectRatio"
_SQUARE_PIXELS = (_PIXEL_ASPECT, b"float", struct.pack("<f", 1))
"""The attribute of square pixels, which is not copied because it is the default."""
_MAX_ASPECT_DENOMINATOR = 1000
"""Maximum denominator of the fraction that replaces a float pixel aspect."""
_BLOCK_LINES = {3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}
"""Scan lines in a block, by compression: ZIP, PIZ, PXR24, B44, B44A, DWAA, DWAB; 1 for others."""


def read_exr(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode an OpenEXR. Linear light is clipped to [0, 1] and sRGB-encoded at 16 bits.

    Args:
        path: the file.
        allow_damaged: ignored; a damaged OpenEXR is always refused.

    Raises:
        InputError: the file is truncated, or the image exceeds `MAX_PIXELS`.
        ValueError: the pixels are damaged.
    """
    data = path.read_bytes()
    at = data.find(_DATA_WINDOW, 0, _MAX_HEADER_BYTES)
    box = data[at + len(_DATA_WINDOW) + 4 :][:16] if at >= 0 else b""
    if len(box) < 16:
        raise InputError(f"{path}: OpenEXR without a data window; get a complete copy")
    left, top, right, bottom = struct.unpack("<4i", box)
    check_size(path, right - left + 1, bottom - top + 1)
    if not _has_all_blocks(data):
        raise InputError(f"{path}: truncated OpenEXR; get a complete copy")
    frame = decode_frame("exr", data)
    dtype = np.dtype(np.float16 if "f16" in frame.format.name else np.float32)
    planes = [view_rows(p, dtype)[:, : p.width] for p in frame.planes]
    # FFmpeg returns the planes in the order G, B, R, alpha.
    color = planes if len(planes) < 3 else [planes[2], planes[0], planes[1]]
    warnings: tuple[str, ...] = ()
    if max(float(np.nanmax(p)) for p in color) > 1:
        warnings = ("light above 1.0 is clipped",)
    alpha = None
    if len(planes) in (2, 4):
        alpha = np.rint(np.clip(planes[-1], 0, 1) * 65535).astype(np.uint16)
    metadata = _read_metadata(data)
    if len(planes) < 3:
        gray = srgb_encode(planes[0])
        return DecodedImage(gray, "gray", 16, "exr", alpha, metadata, warnings)
    rgb = np.stack([srgb_encode(p) for p in color], axis=-1)
    return DecodedImage(rgb, "rgb", 16, "exr", alpha, metadata, warnings)


def read_exr_comments(path: Path) -> bytes | None:
    """Return the comments attribute of an OpenEXR, which may contain a recipe digest, or None."""
    found = _parse_header(path.read_bytes())[0].get(_COMMENTS)
    return found[1] if found else None


def encode_exr(job: ColorizedStill) -> EncodedStill:
    """Encode an OpenEXR in 32-bit float linear light, with the attributes of the source."""
    samples = job.samples(16)
    alpha = samples[..., 3] if samples.shape[-1] > 3 else None
    attributes = job.metadata.exr_attributes
    return EncodedStill(encode_exr_file(samples[..., :3], alpha, attributes, job.comment))


def encode_exr_file(
    rgb: NDArray[np.uint16],
    alpha: NDArray[np.uint16] | None,
    attributes: tuple[Attribute, ...] = (),
    comment: str = "",
) -> bytes:
    """Encode an OpenEXR file in 32-bit float linear light.

    Args:
        rgb: (H, W, 3) uint16, sRGB-encoded codes.
        alpha: (H, W) uint16, linear codes, or None.
        attributes: attributes of the source; see `StillMetadata.exr_attributes`.
        comment: text that is appended to the comments attribute.

    Returns:
        The contents of the file.
    """
    planes, pix_fmt = [srgb_decode(rgb[..., i]) for i in (1, 2, 0)], "gbrpf32le"
    if alpha is not None:
        planes.append(alpha.astype(np.float32) / np.float32(65535))
        pix_fmt = "gbrapf32le"
    return _insert_attributes(encode_frame("exr", pix_fmt, planes), attributes, comment)


def _read_metadata(data: bytes) -> StillMetadata:
    """Return the attributes that do not describe the coding."""
    attributes = [
        (name, kind, value)
        for name, (kind, value) in _parse_header(data)[0].items()
        if name not in _CODING_ATTRIBUTES
    ]
    kept = tuple(attribute for attribute in attributes if attribute != _SQUARE_PIXELS)
    return StillMetadata(exr_attributes=kept, pixel_aspect=_find_pixel_aspect(kept))


def _find_pixel_aspect(attributes: tuple[Attribute, ...]) -> Fraction | None:
    """Return the width of a pixel divided by its height; None if square, missing or invalid."""
    for name, _, value in attributes:
        if name == _PIXEL_ASPECT:
            try:
                aspect = Fraction(struct.unpack("<f", value)[0])
            except (struct.error, ValueError, OverflowError):  # wrong size, NaN, infinite
                return None
            aspect = aspect.limit_denominator(_MAX_ASPECT_DENOMINATOR)
            return aspect if 0 < aspect != 1 else None
    return None


def _parse_header(data: bytes) -> tuple[dict[bytes, tuple[bytes, bytes]], int]:
    """Parse the first header of a file.

    Returns:
        Type and value of each attribute by name, and the offset after the header.
    """
    attributes, at = {}, 8  # after magic number and version
    while data[at : at + 1] not in (b"\0", b""):
        name = data[at : data.index(b"\0", at)]
        at += len(name) + 1
        kind = data[at : data.index(b"\0", at)]
        at += len(kind) + 1
        (size,) = struct.unpack("<i", data[at : at + 4])
        attributes[name] = (kind, data[at + 4 : at + 4 + max(size, 0)])
        at += 4 + max(size, 0)
    return attributes, at + 1


def _locate_offset_table(data: bytes) -> tuple[int, int]:
    """Return the offset of the block offset table of a scan-line file, and the number of blocks."""
    attributes, at = _parse_header(data)
    _, top, _, bottom = struct.unpack("<4i", attributes[b"dataWindow"][1])
    lines = _BLOCK_LINES.get(attributes[b"compression"][1][0], 1)
    return at, -(-(bottom - top + 1) // lines)


def _has_all_blocks(data: bytes) -> bool:
    """Whether a file has all its blocks, which FFmpeg does not check.

    Only scan-line files are checked; the result for others is True.
    """
    if int.from_bytes(data[4:8], "little") & _NOT_SCAN_LINES:
        return True
    at, num_blocks = _locate_offset_table(data)
    # A block starts with its first line and the size of its data, 4 bytes each.
    last = max(struct.unpack(f"<{num_blocks}Q", data[at : at + 8 * num_blocks]))
    size = int.from_bytes(data[last + 4 : last + 8], "little")
    return bool(last + 8 + size <= len(data))


def _insert_attributes(data: bytes, attributes: tuple[Attribute, ...], comment: str) -> bytes:
    """Add attributes to the header of a file, and shift its block offsets accordingly."""
    header, _ = _parse_header(data)
    at, num_blocks = _locate_offset_table(data)
    offsets = struct.unpack(f"<{num_blocks}Q", data[at : at + 8 * num_blocks])
    header |= {name: (kind, value) for name, kind, value in attributes}
    comments = header.get(_COMMENTS, (b"", b""))[1].decode("utf-8", "replace")
    if comment not in comments:
        header[_COMMENTS] = (b"string", f"{comments}\n{comment}".strip().encode())
    encoded = b"".join(
        name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value
        for name, (kind, value) in header.items()
        if len(name) <= _MAX_NAME_BYTES
    )
    shift = 8 + len(encoded) + 1 - at
    table = struct.pack(f"<{num_blocks}Q", *(offset + shift for offset in offsets))
    return data[:8] + encoded + b"\0" + table + data[at + 8 * num_blocks :]


def srgb_encode(linear: NDArray[Any]) -> NDArray[np.uint16]:
    """Encode linear light as 16-bit sRGB.

    Args:
        linear: (H, W) float16 or float32 linear light; clipped to [0, 1], and NaN becomes 0.

    Returns:
        (H, W) uint16.
    """
    out = np.empty(linear.shape, np.uint16)
    for rows in row_bands(linear.shape[0]):
        light = np.clip(np.nan_to_num(linear[rows].astype(np.float64)), 0, 1)
        out[rows] = np.rint(linear_to_srgb_array(light) * 65535)
    return out


def srgb_decode(codes: NDArray[Any]) -> FloatArray:
    """Decode 16-bit sRGB to linear light.

    Args:
        codes: (H, W) uint16.

    Returns:
        (H, W) float32 linear light in [0, 1].
    """
    out = np.empty(codes.shape, np.float32)
    for rows in row_bands(codes.shape[0]):
        out[rows] = srgb_to_linear_array(codes[rows] / 65535)
    return out


EXR = StillFormat(
    name="exr",
    suffixes=(".exr",),
    signature=re.compile(rb"v/1\x01"),
    read=read_exr,
    read_xmp=read_exr_comments,
    encode=encode_exr,
    stores=frozenset({"alpha", "xmp", "exr_attributes"}),
)
