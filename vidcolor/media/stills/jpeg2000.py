"""Reading and writing of JPEG 2000 (ISO/IEC 15444-1), as JP2 files or as codestreams.

Pillow codes up to 8 bits, and OpenCV more. Results are lossless. The boxes of a JP2 file are
written here, because no library stores XMP, EXIF and a profile in it.
"""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.errors import InputError, OutputError
from vidcolor.media.stills.boxes import iter_boxes, make_box
from vidcolor.media.stills.rgb import convert_depth, decode_16_bit_image
from vidcolor.media.stills.types import DecodedImage, EncodedStill, StillMetadata, check_size

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.media.stills.types import ColorizedStill

FILE_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
"""First bytes of a JP2 or JPX file."""
CODESTREAM_SIGNATURE = b"\xff\x4f\xff\x51"
"""First bytes of a codestream: the markers SOC and SIZ."""
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF = b"JpgTiffExif->JP2"
"""Identifiers of the ``uuid`` boxes of XMP and EXIF."""
_PARENTS = {b"jp2h", b"res "}
"""Boxes that contain boxes."""
_ENUMERATED, _PROFILE = 1, 2
"""Values of METH of the ``colr`` box."""
_SRGB, _SYCC = 16, 18
"""Values of EnumCS of the ``colr`` box."""
_INCH_M = 0.0254
"""Length of an inch in meters, the unit of the resolution."""
_MIN_DEEP_SIDE = 32
"""Minimum width and height of 16 bits, as OpenCV always halves an image five times."""


def read_jpeg2000(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode a JPEG 2000 image. Up to 8 bits become 8 bits, and more become 16 bits."""
    from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

    data = path.read_bytes()
    boxes = _read_boxes(data)
    width, height, channels, bits, is_signed = _parse_header(data)
    check_size(path, width, height)
    if is_signed and bits > 8:  # OpenCV cannot read them
        raise InputError(
            f"{path}: JPEG 2000 with signed samples of {bits} bits is not supported; convert it to "
            "16-bit TIFF or PNG"
        )
    image = Jpeg2KImageFile(io.BytesIO(data))
    colr = boxes.get(b"colr", b"")
    deep = None
    if bits > 8 and colr[:7] != struct.pack(">BBBI", _ENUMERATED, 0, 0, _SYCC):
        deep = _decode_16_bit(data, channels)
    warnings: tuple[str, ...] = ()
    if deep is not None:
        codes = np.minimum(deep, (1 << bits) - 1) if bits < 16 else deep
        decoded = DecodedImage.from_samples(convert_depth(codes, bits, 16), 16)
    else:
        decoded = DecodedImage.from_pillow(image)
        if bits > 8:
            warnings = (f"Y'CbCr or alpha of {bits} bits is read as 8 bits",)
    metadata = StillMetadata(
        exif=boxes.get(_EXIF),
        icc=colr[3:] if colr[:1] == bytes([_PROFILE]) else None,
        xmp=boxes.get(_XMP),
        dpi=image.info.get("dpi"),
    )
    return replace(decoded, metadata=metadata, warnings=warnings)


def _decode_16_bit(data: bytes, channels: int) -> NDArray[np.uint16] | None:
    """Decode samples of more than 8 bits with OpenCV; None if it does not support them."""
    import cv2

    if channels == 2:  # gray with alpha
        return None
    log = cv2.utils.logging
    level = log.setLogLevel(log.LOG_LEVEL_SILENT)  # OpenCV prints the errors of damaged files
    try:
        deep = decode_16_bit_image(np.frombuffer(data, np.uint8))
    finally:
        log.setLogLevel(level)
    if deep is None:
        raise OSError("broken codestream")
    return deep


def _parse_header(data: bytes) -> tuple[int, int, int, int, bool]:
    """Return width, height, channels, bits per sample and signedness of the SIZ marker segment."""
    at = data.index(CODESTREAM_SIGNATURE)
    right, bottom, left, top = struct.unpack_from(">4I", data, at + 8)
    channels, precision = struct.unpack_from(">16xHB", data, at + 24)
    bits, is_signed = min((precision & 0x7F) + 1, 16), precision > 0x7F
    return right - left, bottom - top, channels, bits, is_signed


def read_jpeg2000_xmp(path: Path) -> bytes | None:
    """Return the XMP packet of a JP2 file, or None."""
    return _read_boxes(path.read_bytes()).get(_XMP)


def _read_boxes(data: bytes) -> dict[bytes, bytes]:
    """Return the contents of boxes by type, and of ``uuid`` boxes by identifier; the first wins."""
    boxes: dict[bytes, bytes] = {}
    if data.startswith(FILE_SIGNATURE):
        for name, view in iter_boxes(data, _PARENTS):
            content = b"" if name == b"jp2c" else bytes(view)  # the codestream is not copied
            key, content = (content[:16], content[16:]) if name == b"uuid" else (name, content)
            boxes.setdefault(key, content)
    return boxes


def encode_jp2(job: ColorizedStill) -> EncodedStill:
    """Encode a lossless JP2 file with XMP, EXIF, profile and resolution."""
    metadata, samples = job.metadata, job.samples()
    height, width, channels = samples.shape
    color = struct.pack(">BBBI", _ENUMERATED, 0, 0, _SRGB)
    if metadata.icc:
        color = bytes([_PROFILE, 0, 0]) + metadata.icc
    header = make_box(
        b"ihdr", struct.pack(">IIHBBBB", height, width, channels, job.bits - 1, 7, 0, 0)
    )
    header += make_box(b"colr", color)
    if channels == 4:  # three colors, and opacity of the whole image
        header += make_box(b"cdef", struct.pack(">13H", 4, 0, 0, 1, 1, 0, 2, 2, 0, 3, 3, 1, 0))
    if metadata.dpi:
        per_meter = [min(round(dpi / _INCH_M), 65535) for dpi in metadata.dpi[::-1]]
        resolution = struct.pack(">HHHHBB", per_meter[0], 1, per_meter[1], 1, 0, 0)
        header += make_box(b"res ", make_box(b"resc", resolution))
    file = FILE_SIGNATURE + make_box(b"ftyp", b"jp2 \0\0\0\0jp2 ") + make_box(b"jp2h", header)
    for key, value in ((_XMP, metadata.xmp), (_EXIF, metadata.exif)):
        if value:
            file += make_box(b"uuid", key + value)
    return file + make_box(b"jp2c", _encode_codestream(samples)), ()


def encode_codestream(job: ColorizedStill) -> EncodedStill:
    """Encode a lossless codestream, which has no metadata."""
    return _encode_codestream(job.rgb()), ()


def _encode_codestream(samples: NDArray[Any]) -> bytes:
    import cv2
    from PIL import Image

    if samples.dtype == np.uint8:
        out = io.BytesIO()
        Image.fromarray(samples).save(out, "JPEG2000", no_jp2=True, mct=1)
        return out.getvalue()
    if min(samples.shape[:2]) < _MIN_DEEP_SIDE:
        raise OutputError(
            f"JPEG 2000 of 16 bits needs at least {_MIN_DEEP_SIDE} pixels per side; write PNG"
        )
    bgr = samples[..., [2, 1, 0, *range(3, samples.shape[-1])]]
    lossless = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000]
    ok, encoded = cv2.imencode(".jp2", np.ascontiguousarray(bgr), lossless)
    if not ok:
        raise OutputError("the JPEG 2000 encoder failed; write PNG")
    data = encoded.tobytes()
    return data[data.index(CODESTREAM_SIGNATURE) :]
