"""Reading and writing of AVIF with Pillow, which converts it from and to R'G'B' of 8 bits.

imagecodecs, if it is installed, decodes more bits.
"""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from vidcolor.media.stills.types import (
    DEFAULT_QUALITY,
    DecodedImage,
    EncodedStill,
    StillMetadata,
    check_size,
    describe_lossy_luma,
    describe_lost_color_space,
)

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.media.stills.types import ColorizedStill


_COLOR_CODES = b"colrnclx"
"""Type of the property with color codes, and its kind."""


def read_avif(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode the first image to gray or R'G'B' of 8 bits, or 10 or 12 with imagecodecs."""
    from PIL.AvifImagePlugin import AvifImageFile

    data = path.read_bytes()
    image = AvifImageFile(io.BytesIO(data), str(path))
    check_size(path, *image.size)
    exif: bytes | None = image.info.get("exif")
    warnings: tuple[str, ...] = ()
    is_animated, bits = getattr(image, "n_frames", 1) > 1, _read_bits(data)
    if is_animated:
        warnings += (
            "the image is animated: only the first frame is colorized; to colorize all as a film, "
            "name it .avif",
        )
    if bits > 8 and not is_animated and find_spec("imagecodecs") is not None:
        import imagecodecs

        decoded = DecodedImage.from_samples(imagecodecs.avif_decode(data), bits)
    else:
        decoded = DecodedImage.from_pillow(image)
        if bits > 8:
            warnings += (f"AVIF of {bits} bits is read as 8 bits",)
    if not image.info.get("icc_profile"):
        warnings += describe_lost_color_space(*_read_color_codes(data))
    metadata = StillMetadata(
        exif=exif.removeprefix(b"Exif\0\0") if exif else None,
        icc=image.info.get("icc_profile"),
        xmp=image.info.get("xmp"),
    )
    return replace(decoded, metadata=metadata, warnings=warnings, lossless=False)


def _read_bits(data: bytes) -> int:
    """Return the bits per sample of the ``pixi`` property: version and flags, count, bits."""
    at = data.find(b"pixi")
    return data[at + 9] if 0 < at < len(data) - 9 else 8


def _read_color_codes(data: bytes) -> tuple[int, int]:
    """Return primaries and transfer of the ``colr`` property; unspecified (2) without one."""
    at = data.find(_COLOR_CODES)
    codes = data[at + len(_COLOR_CODES) :][:4]
    return struct.unpack(">HH", codes) if at > 0 and len(codes) == 4 else (2, 2)


def read_avif_xmp(path: Path) -> bytes | None:
    """Return the XMP packet of an AVIF, or None."""
    from PIL.AvifImagePlugin import AvifImageFile

    with path.open("rb") as file:
        packet: bytes | None = AvifImageFile(file, str(path)).info.get("xmp")
    return packet


def encode_avif(job: ColorizedStill) -> EncodedStill:
    """Encode 8-bit 4:4:4, with the highest quality if the source is no AVIF."""
    from PIL import Image

    metadata, out = job.metadata, io.BytesIO()
    quality = job.quality or (DEFAULT_QUALITY if job.still.format == "avif" else 100)
    options = {"exif": metadata.exif, "icc_profile": metadata.icc, "xmp": metadata.xmp}
    Image.fromarray(job.samples()).save(
        out,
        "AVIF",
        quality=quality,
        subsampling="4:4:4",
        **{k: v for k, v in options.items() if v},
    )
    return out.getvalue(), (describe_lossy_luma(quality),)
