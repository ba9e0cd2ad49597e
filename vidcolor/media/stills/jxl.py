"""Reading and writing of JPEG XL (ISO/IEC 18181) with imagecodecs. Results are lossless.

The boxes with EXIF and XMP are handled here, because imagecodecs codes only pixels. It rotates
images upright, and does not return the color space.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.imaging.geometry import to_displayed
from vidcolor.media.stills.boxes import iter_boxes, make_box
from vidcolor.media.stills.exif import reset_orientation
from vidcolor.media.stills.rgb import convert_depth
from vidcolor.media.stills.types import DecodedImage, EncodedStill, StillMetadata, check_size

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.media.stills.types import ColorizedStill

CODESTREAM_SIGNATURE = b"\xff\x0a"
FILE_SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
"""First bytes of a file with boxes."""
_EXIF, _XMP, _COMPRESSED = b"Exif", b"xml ", b"brob"
"""Types of boxes. A compressed one contains the type and data of Brotli (RFC 7932)."""
_CODESTREAM, _PARTIAL_CODESTREAM = b"jxlc", b"jxlp"
_ALPHA = 0
"""Type of an extra channel."""
_RGB, _GRAY, _D65, _SRGB_PRIMARIES, _SRGB_TRANSFER = 0, 1, 1, 1, 13
"""Values of color space, white point, primaries and transfer function."""
_ASPECTS = ((1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width and height that the codes 1 to 7 of an aspect ratio stand for."""


@dataclass(frozen=True, slots=True)
class _Header:
    width: int
    height: int
    bits: int
    color: str = ""
    """What describes the color if it is not stated as sRGB, or gray with its transfer function."""
    transfer_at: int | None = None
    """Number of bits before the 4 bits that state the transfer function; None if they are not
    present."""


class _BitReader:
    """Reads integers from the least significant bit on."""

    def __init__(self, data: bytes) -> None:
        self._bits, self.position = int.from_bytes(data, "little"), 0

    def read(self, count: int) -> int:
        value = (self._bits >> self.position) & ((1 << count) - 1)
        self.position += count
        return value

    def choose(self, *choices: tuple[int, int]) -> int:
        """Read a choice of two bits, each with an offset and the bits of a number to add."""
        offset, count = choices[self.read(2)]
        return offset + self.read(count)


def read_jxl(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode the first frame. Up to 8 bits become 8 bits, and more become 16 bits."""
    import imagecodecs

    data = path.read_bytes()
    boxes = _read_boxes(data)
    header = _parse_header(boxes[_CODESTREAM])
    check_size(path, header.width, header.height)
    samples = imagecodecs.jpegxl_decode(data)
    warnings: tuple[str, ...] = ()
    if samples.ndim == 4 or (samples.ndim == 3 and samples.shape[-1] > 4):
        samples = samples[0]
        warnings += (
            "the image is animated: only the first frame is colorized; to colorize all as a film, "
            "convert it to an animated PNG (.apng)",
        )
    if samples.dtype.kind == "f":
        samples = np.rint(np.clip(np.nan_to_num(samples), 0, 1) * 65535).astype(np.uint16)
        warnings += ("samples are floating point: 0 is taken as black, 1 as white",)
        bits = 16
    else:
        bits = 8 if samples.dtype == np.uint8 else 16
        samples = convert_depth(samples, min(header.bits, bits), bits)
    if samples.ndim == 3 and samples.shape[-1] == 1:
        samples = samples[..., 0]
    if header.color:
        warnings += (f"{header.color} is not kept: colors are read as sRGB",)
    exif = boxes.get(_EXIF, b"")[4:]  # after the offset of the TIFF header
    metadata = StillMetadata(exif=reset_orientation(exif) if exif else None, xmp=boxes.get(_XMP))
    return replace(DecodedImage.from_samples(samples, bits), metadata=metadata, warnings=warnings)


def _read_boxes(data: bytes) -> dict[bytes, bytes]:
    """Return the contents of boxes by type; the codestream, which may be in parts, too."""
    if data.startswith(CODESTREAM_SIGNATURE):
        return {_CODESTREAM: data}
    boxes: dict[bytes, bytes] = {}
    for name, view in iter_boxes(data):
        content = bytes(view)
        if name == _COMPRESSED:
            import imagecodecs

            name, content = content[:4], bytes(imagecodecs.brotli_decode(content[4:]))
        if name == _PARTIAL_CODESTREAM:
            name, content = _CODESTREAM, content[4:]  # after the number of the part
        boxes.setdefault(name, content)
    return boxes


def _parse_header(codestream: bytes) -> _Header:
    """Parse size, depth and color of the codestream (ISO/IEC 18181-1, SizeHeader and others)."""
    reader = _BitReader(codestream[2:64])
    width, height = _read_size(reader)
    if reader.read(1):  # all metadata have their defaults
        return _Header(width, height, 8)
    if reader.read(1):  # further fields
        reader.read(3)  # orientation
        if reader.read(1):
            _read_size(reader)  # intrinsic size
        if reader.read(1) or reader.read(1):  # a preview or an animation
            return _Header(width, height, 16)
    bits = _read_depth(reader) or 16
    reader.read(1)  # whether 16 bits suffice for decoding
    for _ in range(reader.choose((0, 0), (1, 0), (2, 4), (1, 12))):
        _skip_extra_channel(reader)
    reader.read(1)  # XYB
    return _Header(width, height, bits, *_read_color(reader))


def _read_depth(reader: _BitReader) -> int:
    """Read the bits per sample; 0 for floating point."""
    if reader.read(1):
        reader.choose((32, 0), (16, 0), (24, 0), (1, 6))
        reader.read(4)  # bits of the exponent
        return 0
    return reader.choose((8, 0), (10, 0), (12, 0), (1, 6))


def _skip_extra_channel(reader: _BitReader) -> None:
    if reader.read(1):  # alpha of 8 bits
        return
    kind = _read_enum(reader)
    _read_depth(reader)
    reader.choose((0, 0), (3, 0), (4, 0), (1, 3))  # subsampling
    for _ in range(reader.choose((0, 0), (0, 4), (16, 5), (48, 10))):
        reader.read(8)  # name
    if kind == _ALPHA:
        reader.read(1)  # premultiplied


def _read_color(reader: _BitReader) -> tuple[str, int | None]:
    """Read the ColorEncoding bundle; return `_Header.color` and `_Header.transfer_at`."""
    if reader.read(1):  # sRGB
        return "", None
    has_icc, space = reader.read(1), _read_enum(reader)
    if has_icc:
        return "the ICC profile", None
    other = "the color space"
    if space not in (_RGB, _GRAY) or _read_enum(reader) != _D65:
        return other, None
    if space == _RGB and _read_enum(reader) != _SRGB_PRIMARIES:
        return other, None
    if reader.read(1):  # a gamma
        return other, None
    at = reader.position + 2  # after the choice of the offset
    return "" if _read_enum(reader) == _SRGB_TRANSFER else other, at


def _read_enum(reader: _BitReader) -> int:
    return reader.choose((0, 0), (1, 0), (2, 4), (18, 6))


def _read_size(reader: _BitReader) -> tuple[int, int]:
    is_small = reader.read(1)

    def read_side() -> int:
        if is_small:
            return 8 * (1 + reader.read(5))
        return reader.choose((1, 9), (1, 13), (1, 18), (1, 30))

    height = read_side()
    aspect = reader.read(3)
    if not aspect:
        return read_side(), height
    across, down = _ASPECTS[aspect - 1]
    return height * across // down, height


def read_jxl_xmp(path: Path) -> bytes | None:
    """Return the XMP packet of a JPEG XL, or None."""
    return _read_boxes(path.read_bytes()).get(_XMP)


def encode_jxl(job: ColorizedStill) -> EncodedStill:
    """Encode a lossless file of 8 or 16 bits with EXIF and XMP."""
    import imagecodecs

    # Readers ignore the orientation in EXIF.
    samples = np.ascontiguousarray(to_displayed(job.samples(), job.still.orientation))
    data = bytes(imagecodecs.jpegxl_encode(samples, lossless=True, usecontainer=True))
    codestream = _read_boxes(data)[_CODESTREAM]
    data = data.replace(codestream, _tag_as_srgb(codestream), 1)
    if job.metadata.exif:
        data += make_box(_EXIF, bytes(4) + reset_orientation(job.metadata.exif))
    if job.metadata.xmp:
        data += make_box(_XMP, job.metadata.xmp)
    return data, ()


def _tag_as_srgb(codestream: bytes) -> bytes:
    """Correct the transfer function: imagecodecs declares 16 bits as linear."""
    at = _parse_header(codestream).transfer_at
    if at is None:
        return codestream
    head = int.from_bytes(codestream[2:64], "little")
    head = head & ~(0b1111 << at) | (_SRGB_TRANSFER - 2) << at
    return codestream[:2] + head.to_bytes(len(codestream[2:64]), "little") + codestream[64:]
