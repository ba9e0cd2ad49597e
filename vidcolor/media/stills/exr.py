"""Reading and writing of OpenEXR, a format of film scans in linear light.

The OpenEXR library codes the pixels. The attributes of the source are copied here as raw bytes: the
library decodes them, refuses a whole file for one invalid value, such as Latin-1 text, and cannot
write all of them unchanged. The layout follows "OpenEXR File Layout" (openexr.com), and the sRGB
curve IEC 61966-2-1.
"""

from __future__ import annotations

import contextlib
import io
import math
import struct
import sys
import threading
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.color.srgb import linear_to_srgb_array, srgb_to_linear_array
from vidcolor.errors import InputError
from vidcolor.media.stills.rgb import row_bands
from vidcolor.media.stills.smpte import decode_timecode, describe_loss, encode_timecode
from vidcolor.media.stills.types import DecodedImage, EncodedStill, StillMetadata, check_size

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray
    from vidcolor.media.stills.types import ColorizedStill

    Attribute = tuple[bytes, bytes, bytes]
    """Name, type and value, as stored in the file."""
    Position = tuple[bytes, slice, slice]
    """Name of an attribute, and positions of its type and value in the file."""

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
_TIMECODE, _REEL, _FRAME_RATE = b"timeCode", b"reelName", b"framesPerSecond"
"""Standard attributes that editing programs need to find the source."""
_WINDOWS = (b"dataWindow", b"displayWindow")
"""The attributes that declare the size of the image."""
_DECODING_LOCK = threading.Lock()
"""Held while the standard output is replaced, so that each thread restores it."""


def read_exr(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode an OpenEXR to its display window; a damaged one is always refused.

    Linear light is clipped to [0, 1] and sRGB-encoded at 16 bits. `StillMetadata.extras` has the
    attributes that do not describe the coding.
    """
    data = bytearray(path.read_bytes())
    attributes = []
    for name, kind, value in _parse_header(data)[0]:
        if name in _WINDOWS:
            left, top, right, bottom = struct.unpack("<4i", data[value])
            check_size(path, right - left + 1, bottom - top + 1)
        elif name not in _CODING_ATTRIBUTES:
            attribute = name, bytes(data[kind]), bytes(data[value])
            if attribute != _SQUARE_PIXELS:
                attributes.append(attribute)
            # The library must not decode the attribute.
            if name != _PIXEL_ASPECT:
                data[kind] = b"?" * len(data[kind])
            elif len(attribute[2]) == len(_SQUARE_PIXELS[2]):
                data[value] = _SQUARE_PIXELS[2]
    planes, warnings = _decode_planes(path, data)
    alpha = planes.pop("a", None)
    if alpha is not None:
        # float16 has no 65535.
        alpha = np.rint(np.clip(alpha.astype(np.float32), 0, 1) * 65535).astype(np.uint16)
    if max(float(np.nanmax(plane)) for plane in planes.values()) > 1:
        warnings += ("light above 1.0 is clipped",)
    codes = [srgb_encode(plane) for plane in planes.values()]
    pixels = codes[0] if len(codes) == 1 else np.stack(codes, axis=-1)
    return DecodedImage(pixels, 16, alpha, _make_metadata(attributes), warnings)


def _make_metadata(attributes: list[Attribute]) -> StillMetadata:
    values = {name: value for name, _, value in attributes}
    rate = _read_rational(values.get(_FRAME_RATE, b""))
    word = int.from_bytes(values.get(_TIMECODE, b"\xff" * 4)[:4], "little")
    return StillMetadata(
        extras=tuple(attributes),
        pixel_aspect=_find_pixel_aspect(attributes),
        timecode=decode_timecode(word, rate),
        reel=values.get(_REEL, b"").decode("utf-8", "replace").strip("\0 ") or None,
        frame_rate=rate,
    )


def _read_rational(value: bytes) -> Fraction | None:
    """Return a positive fraction; None if it is invalid."""
    if len(value) != 8:
        return None
    numerator, denominator = struct.unpack("<iI", value)
    return Fraction(numerator, denominator) if numerator > 0 and denominator else None


def read_exr_comments(path: Path) -> bytes | None:
    """Return the comments attribute of an OpenEXR, which may contain a recipe digest, or None."""
    data = path.read_bytes()
    header, _ = _parse_header(data)
    return next((data[value] for name, _, value in header if name == _COMMENTS), None)


def encode_exr(job: ColorizedStill) -> EncodedStill:
    """Encode an OpenEXR in 32-bit float linear light, with the attributes of the source."""
    samples, metadata = job.samples(), job.metadata
    alpha = samples[..., 3] if samples.shape[-1] > 3 else None
    if metadata.extras:
        attributes, losses = metadata.extras, []
    else:
        attributes = _make_attributes(metadata)
        losses = describe_loss(metadata.timecode, metadata.frame_rate)
    return encode_exr_file(samples[..., :3], alpha, attributes, job.comment), tuple(losses)


def _make_attributes(metadata: StillMetadata) -> tuple[Attribute, ...]:
    """Return the attributes of a source that is not OpenEXR."""
    attributes, rate = [], metadata.frame_rate
    if metadata.pixel_aspect:
        attributes.append((_PIXEL_ASPECT, b"float", struct.pack("<f", metadata.pixel_aspect)))
    if rate:
        value = struct.pack("<iI", rate.numerator, rate.denominator)
        attributes.append((_FRAME_RATE, b"rational", value))
    if metadata.timecode:
        word = encode_timecode(metadata.timecode, rate)
        attributes.append((_TIMECODE, b"timecode", struct.pack("<II", word, 0)))
    if metadata.reel:
        attributes.append((_REEL, b"string", metadata.reel.encode()))
    return tuple(attributes)


def encode_exr_file(
    rgb: NDArray[np.uint16],
    alpha: NDArray[np.uint16] | None,
    attributes: tuple[Attribute, ...] = (),
    comment: str = "",
) -> bytes:
    """Encode an OpenEXR file in 32-bit float linear light.

    `rgb` is (H, W, 3) uint16 sRGB, and `alpha` is linear, (H, W) uint16. The attributes are those
    of `read_exr`. `comment` is appended to the comments attribute.
    """
    import OpenEXR

    channels = {name: srgb_decode(rgb[..., i]) for i, name in enumerate("RGB")}
    if alpha is not None:
        channels["A"] = alpha.astype(np.float32) / np.float32(65535)
    out = io.BytesIO()
    header = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.NO_COMPRESSION}
    with OpenEXR.File(header, channels) as file:
        file.write(out)
    return _insert_attributes(out.getvalue(), attributes, comment, num_blocks=rgb.shape[0])


def _decode_planes(path: Path, data: bytearray) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """Return the planes r, g, b or y, and a if there is one, of the first part that has color.

    Each is (H, W) float16 or float32, of the size of the display window. Also return warnings.
    """
    import OpenEXR

    try:
        with (
            _DECODING_LOCK,
            contextlib.redirect_stdout(_OtherThreads(sys.stdout)),
            OpenEXR.File(io.BytesIO(data), separate_channels=True) as file,
        ):
            # The library prints a warning about a part that it cannot read, and leaves it out.
            if not file.parts:
                raise InputError(f"{path}: truncated or damaged OpenEXR; get a complete copy")
            parts = [(_read_part(part), len(part.channels)) for part in file.parts]
    except (RuntimeError, MemoryError) as error:
        raise ValueError(str(error)) from error
    planes, num_channels = next((part for part in parts if part[0]), ({}, 0))
    if not planes:
        raise InputError(
            f"{path}: an OpenEXR without float channels R, G, B or Y; save it with these channels"
        )
    warnings: tuple[str, ...] = ()
    if len(parts) > 1:
        warnings += (f"the file has {len(parts)} parts: only one is colorized",)
    if num_channels > len(planes):
        warnings += (f"not kept: {num_channels - len(planes)} extra channel(s)",)
    return planes, warnings


def _read_part(part: Any) -> dict[str, NDArray[Any]]:
    """Return the planes of a part; see `_decode_planes`. It is empty without float color."""
    planes = {name.lower(): channel.pixels for name, channel in part.channels.items()}
    names = next((n for n in ("rgb", "y") if planes.keys() >= set(n)), "")
    if not names or any(planes[n].dtype.kind != "f" for n in names):
        return {}
    windows = part.header["dataWindow"], part.header["displayWindow"]
    return {name: _crop(planes[name], *windows) for name in (*names, "a") if name in planes}


def _crop(plane: NDArray[Any], data_window: Any, display_window: Any) -> NDArray[Any]:
    """Return the plane of the display window; it is 0 outside the data window."""
    (left, top), (right, bottom) = np.subtract(data_window, display_window[0])
    if plane.shape != (bottom - top + 1, right - left + 1):
        raise ValueError("subsampled channels are not supported")
    width, height = np.subtract(display_window[1], display_window[0]) + 1
    if (left, top, height, width) == (0, 0, *plane.shape):
        return plane
    canvas = np.zeros((height, width), plane.dtype)
    y, x = max(top, 0), max(left, 0)
    inside = plane[y - top :, x - left :][: max(height - y, 0), : max(width - x, 0)]
    canvas[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return canvas


class _OtherThreads:
    """A text stream that ignores what the current thread writes."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._thread = stream, threading.get_ident()

    def write(self, text: str) -> int:
        is_muted = threading.get_ident() == self._thread
        return len(text) if is_muted else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _find_pixel_aspect(attributes: list[Attribute]) -> Fraction | None:
    """Return the width of a pixel divided by its height; None if square, missing or invalid."""
    value = next((value for name, _, value in attributes if name == _PIXEL_ASPECT), b"")
    aspect = struct.unpack("<f", value)[0] if len(value) == 4 else 0.0
    if not 0 < aspect < math.inf:
        return None
    fraction = Fraction(aspect).limit_denominator(_MAX_ASPECT_DENOMINATOR)
    return fraction if 0 < fraction != 1 else None


def _parse_header(data: bytes | bytearray) -> tuple[list[Position], int]:
    """Return the positions of the attributes of the first header, and the end of the header."""
    attributes, at = [], 8  # after magic number and version
    while data[at : at + 1] not in (b"\0", b""):
        name_end = data.index(b"\0", at)
        kind_end = data.index(b"\0", name_end + 1)
        (size,) = struct.unpack_from("<i", data, kind_end + 1)
        name, at = bytes(data[at:name_end]), kind_end + 5 + max(size, 0)
        attributes.append((name, slice(name_end + 1, kind_end), slice(kind_end + 5, at)))
    return attributes, at + 1


def _insert_attributes(
    data: bytes, attributes: tuple[Attribute, ...], comment: str, num_blocks: int
) -> bytes:
    """Add attributes to the header of a file, and shift its block offsets accordingly."""
    parsed, at = _parse_header(data)
    offsets = np.frombuffer(data, "<u8", num_blocks, at)
    header = {name: (data[kind], data[value]) for name, kind, value in parsed}
    header |= {name: (kind, value) for name, kind, value in attributes}
    comments = header.get(_COMMENTS, (b"", b""))[1].decode("utf-8", "replace")
    if comment not in comments:
        header[_COMMENTS] = (b"string", f"{comments}\n{comment}".strip().encode())
    encoded = b"".join(
        b"%b\0%b\0%b%b" % (name, kind, struct.pack("<i", len(value)), value)
        for name, (kind, value) in header.items()
        if len(name) <= _MAX_NAME_BYTES
    )
    table = offsets + np.uint64(8 + len(encoded) + 1 - at)
    blocks = memoryview(data)[at + table.nbytes :]
    return b"".join((data[:8], encoded, b"\0", table.tobytes(), blocks))


def srgb_encode(linear: NDArray[Any]) -> NDArray[np.uint16]:
    """Encode (H, W) linear light, clipped to [0, 1], as 16-bit sRGB; NaN becomes 0."""
    out = np.empty(linear.shape, np.uint16)
    for rows in row_bands(linear.shape[0]):
        light = np.clip(np.nan_to_num(linear[rows].astype(np.float64)), 0, 1)
        out[rows] = np.rint(linear_to_srgb_array(light) * 65535)
    return out


def srgb_decode(codes: NDArray[Any]) -> FloatArray:
    """Decode (H, W) 16-bit sRGB to float32 linear light in [0, 1]."""
    out = np.empty(codes.shape, np.float32)
    for rows in row_bands(codes.shape[0]):
        out[rows] = srgb_to_linear_array(codes[rows] / 65535)
    return out
