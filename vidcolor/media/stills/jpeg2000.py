"""Reading and writing of JPEG 2000 (ISO/IEC 15444-1), as JP2 files or as codestreams.

Pillow codes up to 8 bits, and OpenCV more. Results are lossless. The boxes of a JP2 file are
written here, because no library stores XMP, EXIF and a profile in it. Boxes that do not describe
the pixels, such as the XML of archives, are copied as they are.
"""

from __future__ import annotations

import io
import math
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vidcolor.errors import InputError, OutputError
from vidcolor.media.stills.boxes import iter_boxes, make_box
from vidcolor.media.stills.rgb import convert_depth, decode_16_bit_image
from vidcolor.media.stills.types import DecodedImage, EncodedStill, StillMetadata, check_size

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

    from vidcolor.media.stills.types import ColorizedStill

    Boxes = list[tuple[bytes, bytes]]
    """Type and content of each box; of a ``uuid`` box, the content begins with the identifier."""

FILE_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
"""First bytes of a JP2 or JPX file."""
CODESTREAM_SIGNATURE = b"\xff\x4f\xff\x51"
"""First bytes of a codestream: the markers SOC and SIZ."""
_UUIDS = {
    "xmp": bytes.fromhex("be7acfcb97a942e89c71999491e3afac"),
    "exif": b"JpgTiffExif->JP2",
    "iptc": bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"),
    "photoshop": bytes.fromhex("2c4c0100850440b9a03e562148d6dfeb"),
}
"""Identifiers of the ``uuid`` boxes of metadata, by the field of `StillMetadata`."""
_PARENTS = {b"jp2h", b"res "}
"""Boxes that contain boxes."""
_COPIED = {b"xml ", b"uuid", b"jp2i", b"uinf"}
"""Boxes that are copied if they are not in a field of `StillMetadata`."""
_CREDENTIALS = b"jumb"
"""Box of content credentials (C2PA)."""
_ENUMERATED, _PROFILE = 1, 2
"""Values of METH of the ``colr`` box."""
_SRGB, _SYCC = 16, 18
"""Values of EnumCS of the ``colr`` box."""
_RESOLUTIONS = (b"resc", b"resd")
"""Boxes of the resolution of the scan and of the display, in order of preference."""
_DPI_PER_METER = 10_000 / 254
"""Dots per meter of a resolution of 1 dpi."""
_MIN_DEEP_SIDE = 32
"""Minimum width and height of 16 bits, as OpenCV always halves an image five times."""


class _Header(NamedTuple):
    """The fields of the SIZ marker segment."""

    width: int
    height: int
    depths: tuple[int, ...]
    """Bits per sample of each channel, at most 16."""
    is_signed: bool


def read_jpeg2000(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode a JPEG 2000 image. Up to 8 bits become 8 bits, and more become 16 bits.

    `StillMetadata.extras` has type and content of the boxes that are copied as they are.
    """
    from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

    data = path.read_bytes()
    boxes, header = _read_boxes(data), _parse_header(data)
    check_size(path, header.width, header.height)
    bits = header.depths[0]
    if header.is_signed and bits > 8:  # OpenCV cannot read them
        raise InputError(
            f"{path}: JPEG 2000 with signed samples of {bits} bits is not supported; convert it to "
            "16-bit TIFF or PNG"
        )
    colr = _find_box(boxes, b"colr") or b""
    deep = None
    if bits > 8 and colr[:7] != struct.pack(">BBBI", _ENUMERATED, 0, 0, _SYCC):
        deep = _decode_16_bit(data, len(header.depths))
    metadata, warnings = _read_metadata(boxes, colr)
    if deep is not None:
        codes = np.minimum(deep, (1 << bits) - 1) if bits < 16 else deep
        decoded = DecodedImage.from_samples(convert_depth(codes, bits, 16), 16)
    else:
        image = Jpeg2KImageFile(io.BytesIO(data))
        decoded = DecodedImage.from_pillow(_scale_to_white(image, header.depths))
        if bits > 8:
            warnings += (f"Y'CbCr or alpha of {bits} bits is read as 8 bits",)
    return replace(decoded, metadata=metadata, warnings=warnings)


def _scale_to_white(image: Image.Image, depths: tuple[int, ...]) -> Image.Image:
    """Scale channels of less than 8 bits to 0-255; Pillow shifts them, so that white is gray."""
    if min(depths) >= 8:
        return image
    table: list[int] = []
    for bits in depths[: len(image.getbands())]:
        top, shift = (1 << min(bits, 8)) - 1, max(8 - bits, 0)
        # The indices of a palette are not scaled.
        gain = 1.0 if image.mode == "P" else 255 / top
        table += [round((code >> shift) * gain) for code in range(256)]
    return image.point(table)


def _read_metadata(boxes: Boxes, colr: bytes) -> tuple[StillMetadata, tuple[str, ...]]:
    """Return the metadata of a file, and warnings about parts that cannot be kept."""
    fields: dict[str, Any] = {
        name: _find_box(boxes, b"uuid", uuid) for name, uuid in _UUIDS.items()
    }
    known = tuple(_UUIDS.values())
    extras = tuple(
        (kind, content)
        for kind, content in boxes
        if kind in _COPIED and not (kind == b"uuid" and content.startswith(known))
    )
    metadata = StillMetadata(
        **fields,
        icc=colr[3:] if colr[:1] == bytes([_PROFILE]) else None,
        dpi=next(filter(None, (_parse_dpi(_find_box(boxes, k)) for k in _RESOLUTIONS)), None),
        extras=extras,
    )
    if _find_box(boxes, _CREDENTIALS) is None:
        return metadata, ()
    return metadata, ("content credentials (C2PA) are not kept: they describe other pixels",)


def _parse_dpi(box: bytes | None) -> tuple[float, float] | None:
    """Return the horizontal and vertical resolution of a box; None if it is missing or invalid."""
    if box is None or len(box) < 10:
        return None
    # Numerator, denominator and decimal exponent of the dots per meter; vertical values are first.
    v, v_divisor, h, h_divisor, v_exponent, h_exponent = struct.unpack(">HHHHbb", box[:10])
    if not (v and v_divisor and h and h_divisor):
        return None
    per_meter = h / h_divisor * 10.0**h_exponent, v / v_divisor * 10.0**v_exponent
    return per_meter[0] / _DPI_PER_METER, per_meter[1] / _DPI_PER_METER


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


def _parse_header(data: bytes) -> _Header:
    at = data.index(CODESTREAM_SIGNATURE)
    right, bottom, left, top = struct.unpack_from(">4I", data, at + 8)
    (channels,) = struct.unpack_from(">H", data, at + 40)
    # Precision and subsampling of each channel.
    precisions = struct.unpack_from(f">{3 * channels}B", data, at + 42)[::3]
    depths = tuple(min((value & 0x7F) + 1, 16) for value in precisions)
    return _Header(right - left, bottom - top, depths, precisions[0] > 0x7F)


def read_jpeg2000_xmp(path: Path) -> bytes | None:
    """Return the XMP packet of a JP2 file, or None."""
    return _find_box(_read_boxes(path.read_bytes()), b"uuid", _UUIDS["xmp"])


def _read_boxes(data: bytes) -> Boxes:
    """Return the boxes of a JP2 file; none of a codestream."""
    if not data.startswith(FILE_SIGNATURE):
        return []
    boxes = iter_boxes(data, _PARENTS)
    return [(kind, bytes(view)) for kind, view in boxes if kind != b"jp2c"]  # not the codestream


def _find_box(boxes: Boxes, kind: bytes, prefix: bytes = b"") -> bytes | None:
    """Return the content after a prefix of the first box of a type; None if there is none."""
    found = (content for name, content in boxes if name == kind and content.startswith(prefix))
    content = next(found, None)
    return None if content is None else content[len(prefix) :]


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
        header += make_box(b"res ", make_box(b"resc", _encode_resolution(*metadata.dpi)))
    file = FILE_SIGNATURE + make_box(b"ftyp", b"jp2 \0\0\0\0jp2 ") + make_box(b"jp2h", header)
    for name, uuid in _UUIDS.items():
        if value := getattr(metadata, name):
            file += make_box(b"uuid", uuid + value)
    file += b"".join(make_box(*box) for box in metadata.extras)
    return file + make_box(b"jp2c", _encode_codestream(samples)), ()


def _encode_resolution(horizontal: float, vertical: float) -> bytes:
    """Return the content of a resolution box for dots per inch, which are exact if integers."""
    exponents = [math.floor(math.log10(65535 / dpi)) for dpi in (vertical, horizontal)]
    digits = [
        round(dpi * 10.0**exponent)  # of 16 bits
        for dpi, exponent in zip((vertical, horizontal), exponents, strict=True)
    ]
    # 1 dpi is 10⁴/254 dots per meter.
    return struct.pack(">HHHHbb", digits[0], 254, digits[1], 254, *(4 - e for e in exponents))


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
