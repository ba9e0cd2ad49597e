"""Reading and writing of WebP (RFC 9649) and BMP.

Pillow codes both formats completely, including their metadata.
"""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vidcolor.errors import InputError
from vidcolor.media.stills.types import (
    DEFAULT_QUALITY,
    DecodedImage,
    EncodedStill,
    StillFormat,
    StillMetadata,
    check_size,
)

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.media.stills.types import ColorizedStill

_LOSSLESS_EFFORT = 25
"""Compression effort of libwebp for lossless files, 0-100. It does not change the pixels."""


def read_webp(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode a WebP to 8-bit gray or R'G'B', because Pillow does not return its Y'CbCr planes.

    Args:
        path: the file.
        allow_damaged: ignored; a damaged WebP is always refused.

    Raises:
        InputError: the image exceeds `MAX_PIXELS` or Pillow's limit.
        OSError: the file cannot be read or is damaged.
    """
    from PIL.Image import DecompressionBombError
    from PIL.WebPImagePlugin import WebPImageFile

    data = path.read_bytes()
    try:
        image = WebPImageFile(io.BytesIO(data), str(path))
    except DecompressionBombError as error:  # Pillow's limit is lower than `MAX_PIXELS`
        raise InputError(f"{path}: {error}; convert it to PNG or TIFF") from None
    check_size(path, *image.size)
    decoded = DecodedImage.from_pillow(image, "webp")
    exif: bytes | None = image.info.get("exif")
    metadata = StillMetadata(
        exif=exif.removeprefix(b"Exif\0\0") if exif else None,
        icc=image.info.get("icc_profile"),
        xmp=image.info.get("xmp"),
    )
    is_animated = getattr(image, "n_frames", 1) > 1
    warnings = ("the image is animated: only the first frame is colorized",) if is_animated else ()
    lossless = _find_image_chunk(data) == b"VP8L"
    return replace(decoded, metadata=metadata, warnings=warnings, lossless=lossless)


def _find_image_chunk(data: bytes) -> bytes:
    """Return the name of the first chunk with pixels.

    It is ``VP8L`` (lossless), ``VP8 `` (lossy), or ``ANMF`` (animation frame).
    """
    at = 12  # after the RIFF header
    while at + 8 <= len(data) and data[at : at + 4] not in (b"VP8L", b"VP8 ", b"ANMF"):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2  # chunks are padded to even sizes
    return data[at : at + 4]


def read_webp_xmp(path: Path) -> bytes | None:
    """Return the XMP packet of a WebP, or None."""
    from PIL.WebPImagePlugin import WebPImageFile

    with path.open("rb") as file:
        packet: bytes | None = WebPImageFile(file, str(path)).info.get("xmp")
    return packet


def encode_webp(job: ColorizedStill) -> EncodedStill:
    """Encode a WebP, lossy only if the source is a lossy WebP."""
    from PIL import Image

    metadata, out = job.metadata, io.BytesIO()
    lossy = job.still.format == "webp" and not job.still.lossless
    options = {"exif": metadata.exif, "icc_profile": metadata.icc, "xmp": metadata.xmp}
    # `exact` keeps the color of transparent pixels, and with it their luma.
    Image.fromarray(job.samples(8)).save(
        out,
        "WEBP",
        lossless=not lossy,
        exact=True,
        quality=(job.quality or DEFAULT_QUALITY) if lossy else _LOSSLESS_EFFORT,
        **{k: v for k, v in options.items() if v},
    )
    return EncodedStill(out.getvalue())


def read_bmp(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode a BMP of any depth to 8-bit gray or R'G'B'.

    Args:
        path: the file.
        allow_damaged: ignored; a damaged BMP is always refused.

    Raises:
        InputError: the image exceeds `MAX_PIXELS`.
        OSError: the file cannot be read or is damaged.
    """
    from PIL.BmpImagePlugin import BmpImageFile

    image = BmpImageFile(io.BytesIO(path.read_bytes()), str(path))
    check_size(path, *image.size)
    dpi = image.info.get("dpi")
    metadata = StillMetadata(dpi=dpi if dpi and min(dpi) > 1 else None)
    return replace(DecodedImage.from_pillow(image, "bmp"), metadata=metadata)


def read_bmp_xmp(path: Path) -> None:
    """Return None, because BMP stores no XMP."""
    return


def encode_bmp(job: ColorizedStill) -> EncodedStill:
    """Encode an 8-bit BMP."""
    from PIL import Image

    out, dpi = io.BytesIO(), job.metadata.dpi
    options: dict[str, Any] = {"dpi": dpi} if dpi else {}
    Image.fromarray(job.rgb(8)).save(out, "BMP", **options)
    return EncodedStill(out.getvalue())


WEBP = StillFormat(
    name="webp",
    suffixes=(".webp",),
    signature=re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    read=read_webp,
    read_xmp=read_webp_xmp,
    encode=encode_webp,
    stores=frozenset({"exif", "xmp", "icc", "alpha", "orientation"}),
    max_bits=8,
    max_side=16383,
)
BMP = StillFormat(
    name="bmp",
    suffixes=(".bmp",),
    signature=re.compile(rb"BM"),
    read=read_bmp,
    read_xmp=read_bmp_xmp,
    encode=encode_bmp,
    max_bits=8,
)
