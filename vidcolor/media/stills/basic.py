"""Reading and writing of WebP (RFC 9649), BMP, TGA, PGM and PPM (Netpbm), and reading of GIF.

Pillow codes them with their metadata, except PGM and PPM of more than 8 bits.
"""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.errors import InputError
from vidcolor.media.stills.types import (
    DEFAULT_QUALITY,
    DecodedImage,
    EncodedStill,
    StillMetadata,
    check_size,
)

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.media.stills.types import ColorizedStill

_LOSSLESS_EFFORT = 25
"""Compression effort of libwebp for lossless files, 0-100. It does not change the pixels."""
_ANIMATED_WEBP = (
    "the image is animated: only the first frame is colorized; to colorize all as a film, name it "
    ".webp"
)
_PNM_HEADER = re.compile(rb"P([2356])" + rb"(?:\s|#[^\n]*\n)+(\d+)" * 3 + rb"\s")
"""Header of gray (2, 5) and R'G'B' (3, 6) files, as text (2, 3) or binary: width, height, white."""


def read_webp(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode a WebP to 8-bit gray or R'G'B'; Pillow does not return its Y'CbCr planes."""
    from PIL.Image import DecompressionBombError
    from PIL.WebPImagePlugin import WebPImageFile

    data = path.read_bytes()
    try:
        image = WebPImageFile(io.BytesIO(data), str(path))
    except DecompressionBombError:  # Pillow's limit is lower than `MAX_PIXELS`
        raise InputError(
            f"{path}: a WebP of more than 178 million pixels is not supported; convert it to PNG "
            "or TIFF"
        ) from None
    check_size(path, *image.size)
    decoded = DecodedImage.from_pillow(image)
    exif: bytes | None = image.info.get("exif")
    metadata = StillMetadata(
        exif=exif.removeprefix(b"Exif\0\0") if exif else None,
        icc=image.info.get("icc_profile"),
        xmp=image.info.get("xmp"),
    )
    is_animated = getattr(image, "n_frames", 1) > 1
    warnings = (_ANIMATED_WEBP,) if is_animated else ()
    lossless = _find_image_chunk(data) == b"VP8L"
    return replace(decoded, metadata=metadata, warnings=warnings, lossless=lossless)


def _find_image_chunk(data: bytes) -> bytes:
    """Return the name of the first chunk with pixels: ``VP8L`` (lossless), ``VP8 `` or ``ANMF``."""
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
    Image.fromarray(job.samples()).save(
        out,
        "WEBP",
        lossless=not lossy,
        exact=True,
        quality=(job.quality or DEFAULT_QUALITY) if lossy else _LOSSLESS_EFFORT,
        **{k: v for k, v in options.items() if v},
    )
    return out.getvalue(), ()


def read_bmp(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode a BMP of any depth to 8-bit gray or R'G'B'."""
    from PIL.BmpImagePlugin import BmpImageFile

    image = BmpImageFile(io.BytesIO(path.read_bytes()), str(path))
    check_size(path, *image.size)
    dpi = image.info.get("dpi")
    metadata = StillMetadata(dpi=dpi if dpi and min(dpi) > 1 else None)
    return replace(DecodedImage.from_pillow(image), metadata=metadata)


def encode_bmp(job: ColorizedStill) -> EncodedStill:
    """Encode an 8-bit BMP without alpha."""
    from PIL import Image

    out, dpi = io.BytesIO(), job.metadata.dpi
    Image.fromarray(job.rgb()).save(out, "BMP", **({"dpi": dpi} if dpi else {}))
    return out.getvalue(), ()


def read_gif(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode the first frame of a GIF to 8-bit gray or R'G'B', with alpha if it has one."""
    from PIL.GifImagePlugin import GifImageFile

    image = GifImageFile(io.BytesIO(path.read_bytes()), str(path))
    check_size(path, *image.size)
    return DecodedImage.from_pillow(image)


def read_tga(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode a TGA of any kind to 8-bit gray or R'G'B', with alpha if it has one."""
    from PIL.TgaImagePlugin import TgaImageFile

    image = TgaImageFile(io.BytesIO(path.read_bytes()), str(path))
    check_size(path, *image.size)
    return DecodedImage.from_pillow(image)


def encode_tga(job: ColorizedStill) -> EncodedStill:
    """Encode an 8-bit TGA with run lengths."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(job.samples()).save(out, "TGA", compression="tga_rle")
    return out.getvalue(), ()


def read_pnm(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode a PBM, PGM or PPM: 8 bits if white is at most 255, else 16 bits."""
    from PIL.PpmImagePlugin import PpmImageFile

    data = path.read_bytes()
    header = _PNM_HEADER.match(data)
    if header is None or int(header[4]) <= 255:
        image = PpmImageFile(io.BytesIO(data), str(path))
        check_size(path, *image.size)
        return DecodedImage.from_pillow(image)
    kind, width, height, white = (int(group) for group in header.groups())
    check_size(path, width, height)
    shape = (height, width, 3) if kind in (3, 6) else (height, width)
    count, body = int(np.prod(shape)), data[header.end() :]
    if kind in (5, 6):
        codes = np.frombuffer(body, ">u2", count)
    else:
        codes = np.array(body.split()[:count], np.uint16)
    if white < 65535:
        codes = np.rint(np.minimum(codes, white) * (65535 / white))
    return DecodedImage.from_samples(codes.astype(np.uint16).reshape(shape), 16)


def encode_ppm(job: ColorizedStill) -> EncodedStill:
    """Encode a binary PPM of 8 or 16 bits."""
    rgb = job.rgb()
    header = f"P6\n{rgb.shape[1]} {rgb.shape[0]}\n{(1 << job.bits) - 1}\n".encode()
    return header + rgb.astype(rgb.dtype.newbyteorder(">")).tobytes(), ()
