"""Reading and writing of HEIC and HEIF (ISO/IEC 23008-12) with HEVC, through pillow-heif.

The library rotates images upright and returns R'G'B', not the coded Y'CbCr.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.media.stills.boxes import iter_boxes
from vidcolor.media.stills.exif import reset_orientation
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


_MOTION_PHOTO = b"mpvd"
"""Type of the box with the video of a motion photo (Google)."""


def read_heif(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode the primary image to its code values of 8, 10 or 12 bits."""
    import pillow_heif

    data = path.read_bytes()
    file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False, bgr_mode=False)
    check_size(path, *file.size)
    samples, bits = np.asarray(file), 8
    if samples.dtype == np.uint16:  # the library shifts the codes to 16 bits
        bits = int(file.info["bit_depth"])
        samples = samples >> (16 - bits)
    decoded = DecodedImage.from_samples(samples, bits)
    warnings: tuple[str, ...] = (
        (f"the file has {len(file)} images: only the primary one is colorized",)
        if len(file) > 1
        else ()
    )
    if any(name == _MOTION_PHOTO for name, _ in iter_boxes(data)):
        warnings += ("the video of the motion photo is not kept",)
    profile = file.info.get("nclx_profile")
    if profile and not file.info.get("icc_profile"):
        warnings += describe_lost_color_space(
            profile["color_primaries"], profile["transfer_characteristics"]
        )
    return replace(decoded, metadata=_read_metadata(file.info), warnings=warnings, lossless=False)


def _read_metadata(info: dict[str, bytes | None]) -> StillMetadata:
    exif = (info.get("exif") or b"").removeprefix(b"Exif\0\0")
    return StillMetadata(
        exif=reset_orientation(exif) if exif else None,
        icc=info.get("icc_profile"),
        xmp=info.get("xmp"),
    )


def read_heif_xmp(path: Path) -> bytes | None:
    """Return the XMP packet of a HEIF, or None."""
    import pillow_heif

    packet: bytes | None = pillow_heif.open_heif(path).info.get("xmp")
    return packet


def encode_heif(job: ColorizedStill) -> EncodedStill:
    """Encode 8 or 10 bits: lossy 4:4:4 if the source is a HEIF or a quality is given."""
    import pillow_heif

    metadata, samples = job.metadata, np.ascontiguousarray(job.samples())
    mode = "RGBA" if samples.shape[-1] == 4 else "RGB"
    if job.bits > 8:
        samples, mode = samples << (16 - job.bits), f"{mode};16"
    height, width = samples.shape[:2]
    image = pillow_heif.from_bytes(mode=mode, size=(width, height), data=samples.tobytes())
    options = {"exif": metadata.exif, "xmp": metadata.xmp, "icc_profile": metadata.icc}
    if options["exif"]:
        options["exif"] = b"Exif\0\0" + options["exif"]
    out = io.BytesIO()
    given = {key: value for key, value in options.items() if value}
    if job.still.format == "heif" or job.quality is not None:
        quality = job.quality or DEFAULT_QUALITY
        image.save(out, quality=quality, chroma=444, **given)
        return out.getvalue(), (describe_lossy_luma(quality),)
    # Matrix 0 codes R'G'B' without conversion.
    image.save(out, quality=-1, chroma=444, matrix_coefficients=0, **given)
    return out.getvalue(), ()
