"""Still images of any format: recognize, read as luma, and write in color with all metadata.

The luma of JPEG is the coded plane. R'G'B' has no luma plane; there it is computed with BT.709 and
rounded once. The result has exactly that luma: as a plane if the format has one, otherwise in the
sense that its R'G'B' rounds back to it (see `rgb.compose_rgb_with_luma`). Pixels are never rotated
or scaled.
"""

from __future__ import annotations

import errno
import struct
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING
from warnings import catch_warnings, simplefilter

import numpy as np

from vidcolor.errors import InputError, OutputError, UsageError, VidcolorError
from vidcolor.fileio import atomic_output
from vidcolor.media.stills.basic import BMP, WEBP
from vidcolor.media.stills.dpx import DPX
from vidcolor.media.stills.exif import read_orientation
from vidcolor.media.stills.exr import EXR
from vidcolor.media.stills.jpeg import JPEG
from vidcolor.media.stills.png import PNG
from vidcolor.media.stills.rgb import (
    BT709,
    JFIF,
    classify_image_tint,
    convert_depth,
    downscale_to_rgb,
    jfif_to_rgb,
    rgb_to_gray,
)
from vidcolor.media.stills.tiff import TIFF
from vidcolor.media.stills.types import SOURCE_RGB_SHORT_SIDE, ColorizedStill, Still
from vidcolor.provenance import can_merge, make_xmp_packet, read_recipe

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.imaging.types import FloatArray, Plane
    from vidcolor.media.stills.types import DecodedImage, StillFormat, StillMetadata
    from vidcolor.options import GrayFrom
    from vidcolor.provenance import Provenance

    ExceptionTypes = tuple[type[Exception], ...]

FORMATS: tuple[StillFormat, ...] = (JPEG, PNG, TIFF, WEBP, BMP, DPX, EXR)
STILL_SUFFIXES = {suffix: fmt.name for fmt in FORMATS for suffix in fmt.suffixes}
"""The extensions of the formats, in lower case, with the name of the format."""

_BY_NAME = {fmt.name: fmt for fmt in FORMATS}
_SIGNATURE_BYTES = 16
_ICC_DATE = slice(24, 36)
_OS_ERRORS = {
    errno.ENOENT: "no such file",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EISDIR: "is a folder",
    errno.ENOTDIR: "part of the path is not a folder",
}
_FIELD_NAMES = {
    "exif": "EXIF",
    "icc": "the ICC profile",
    "photoshop": "Photoshop resources, which include IPTC captions",
    "iptc": "IPTC captions",
    "png_chunks": "PNG text and other PNG chunks",
    "jpeg_segments": "JPEG comments and other JPEG segments",
    "dpx_header": "the film fields of the DPX header",
    "exr_attributes": "the OpenEXR attributes",
}
"""Fields of `StillMetadata` that are reported if a format cannot store them."""


def is_still(path: Path) -> bool:
    """Whether the file has the signature of a format that `read_still` reads."""
    try:
        return _detect_format(path) is not None
    except OSError:
        return False


def read_still(
    path: Path,
    gray_from: GrayFrom = "luma",
    *,
    allow_damaged: bool = False,
    min_rgb_bits: int = 8,
    with_source_rgb: bool = False,
) -> Still:
    """Read a JPEG, PNG, TIFF, WebP, BMP, DPX or OpenEXR; the suffix is ignored.

    Args:
        path: file to read.
        gray_from: source of the luma: ``luma``, one channel (the cleanest of a stained or toned
            print), or ``lightest``, the maximum of R', G', B' at each pixel. JPEG is converted to
            R'G'B' for all but ``luma``.
        allow_damaged: accept a truncated JPEG or PNG, with a warning in `Still.warnings`.
        min_rgb_bits: minimum depth of luma that is computed from R'G'B'. A higher depth than the
            source's keeps differences that three channels of 8 bits can express.
        with_source_rgb: set `Still.source_rgb`.

    Returns:
        The still with pixels as stored, at the source's depth or at `min_rgb_bits`.

    Raises:
        InputError: the file is missing, not an image, damaged, or larger than `MAX_PIXELS`.
    """
    try:
        fmt = _detect_format(path)
        if fmt is None:
            raise InputError(
                f"{path}: not a supported image (JPEG, PNG, TIFF, WebP, BMP, DPX, OpenEXR); "
                "convert it to one of these"
            )
        with catch_warnings():
            simplefilter("ignore")  # libraries warn about faults that raise or are reported below
            image = fmt.read(path, allow_damaged)
    except VidcolorError:
        raise
    except OSError as error:
        advice = "" if error.errno else "; damaged: get a complete copy"
        raise InputError(f"{path}: {_describe_os_error(error)}{advice}") from error
    except _decoding_errors() as error:
        raise InputError(
            f"{path}: damaged or unsupported ({_to_one_line(error)}); get a complete copy, or save "
            "it again with the program that made it"
        ) from error
    still = _make_still(path, image, gray_from, min_rgb_bits)
    if not with_source_rgb:
        return still
    rgb = downscale_to_rgb(image.pixels, image.color_model, image.bits, SOURCE_RGB_SHORT_SIDE)
    return replace(still, source_rgb=rgb)


def write_still(
    path: Path,
    still: Still,
    cb: FloatArray,
    cr: FloatArray,
    *,
    provenance: Provenance,
    quality: int | None = None,
) -> tuple[str, ...]:
    """Write a still with chroma, in the format of the suffix.

    An existing file is replaced, but never the source. The result appears under its name only when
    it is complete and on disk.

    Args:
        path: target; see `STILL_SUFFIXES`.
        still: from `read_still`.
        cb: (H, W) float32 in [-0.5, 0.5], relative to `still.matrix`. Colors outside the R'G'B'
            gamut are scaled toward gray.
        cr: the same for Cr.
        provenance: how the color was made; written as XMP if the format stores it.
        quality: quality of JPEG and lossy WebP, 1 to 100. None: luma of a JPEG source keeps its
            quantization (the coded luma of a gray JPEG is copied without loss), and the rest is
            coded with quality 95.

    Returns:
        Warnings about what the format could not store.

    Raises:
        UsageError: unknown suffix, the path of the source, or an image too large for the format.
        OutputError: the disk is full, permission is denied, or the encoder fails.
    """
    name = STILL_SUFFIXES.get(path.suffix.lower())
    if name is None:
        raise UsageError(f"{path}: unsupported image format; use {', '.join(STILL_SUFFIXES)}")
    for plane in (cb, cr):
        if plane.shape != still.luma.shape:
            raise ValueError(f"{plane.shape=} differs from {still.luma.shape=}")
    if path.exists() and still.path.exists() and path.samefile(still.path):
        raise UsageError(f"{path}: is the source itself; choose another output")
    metadata, warnings = _replace_gray_profile(still.metadata)
    if metadata.xmp and not can_merge(metadata.xmp):
        warnings += ("the source's XMP is broken and is replaced",)
    metadata = replace(metadata, xmp=make_xmp_packet(provenance, metadata.xmp))
    job = ColorizedStill(still, cb, cr, metadata, quality, provenance.sentence)
    errors: ExceptionTypes = (*_decoding_errors(), OSError)
    try:
        data, losses = _encode(job, _BY_NAME[name])
    except VidcolorError:
        raise
    except errors as error:
        raise OutputError(f"{path}: the {name} encoder failed: {_to_one_line(error)}") from error
    with atomic_output(path) as partial:
        partial.write_bytes(data)
    return warnings + losses


def read_still_recipe(path: Path) -> str | None:
    """Return the recipe digest of an image that vidcolor wrote, else None.

    Reads metadata as far as the file is whole, and decodes no pixels.
    """
    errors: ExceptionTypes = (*_decoding_errors(), OSError)
    try:
        fmt = _detect_format(path)
        xmp = fmt.read_xmp(path) if fmt else None
    except errors:
        return None
    return read_recipe(xmp)


def _detect_format(path: Path) -> StillFormat | None:
    """Return the format of a file by its signature.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_SIGNATURE_BYTES)
    return next((fmt for fmt in FORMATS if fmt.signature.match(head)), None)


def _make_still(path: Path, image: DecodedImage, gray_from: GrayFrom, min_rgb_bits: int) -> Still:
    bits = max(image.bits, min_rgb_bits) if image.color_model == "rgb" else image.bits
    alpha = None if image.alpha is None else convert_depth(image.alpha, image.bits, bits)
    is_jfif = image.format == "jpeg" and image.color_model != "rgb"
    return Still(
        path=path,
        luma=_extract_luma(image, gray_from, bits),
        bits=bits,
        matrix=JFIF if is_jfif else BT709,
        tint=classify_image_tint(image.pixels, image.color_model, image.bits),
        format=image.format,
        orientation=read_orientation(image.metadata.exif),
        alpha=alpha,
        lossless=image.lossless,
        metadata=image.metadata,
        warnings=image.warnings,
        jpeg_data=image.jpeg_data,
    )


def _extract_luma(image: DecodedImage, gray_from: GrayFrom, bits: int) -> Plane:
    """Return the plane to colorize at a bit depth; gray and Y'CbCr keep their own depth."""
    pixels = image.pixels
    if image.color_model == "gray":
        luma: Plane = np.ascontiguousarray(pixels)
        return luma
    if image.color_model == "ycbcr":
        if gray_from == "luma":
            luma = np.ascontiguousarray(pixels[..., 0])
            return luma
        pixels = jfif_to_rgb(pixels)
    return rgb_to_gray(pixels, gray_from, BT709, image.bits, bits)


def _replace_gray_profile(metadata: StillMetadata) -> tuple[StillMetadata, tuple[str, ...]]:
    """Replace an ICC profile for gray, which cannot describe color, by sRGB."""
    if not metadata.icc or metadata.icc[16:20] != b"GRAY":
        return metadata, ()
    from PIL import ImageCms

    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    srgb[_ICC_DATE] = bytes(12)  # otherwise the same request would give other bytes a second later
    warning = "the source's ICC profile is for gray: the result has an sRGB profile instead"
    return replace(metadata, icc=bytes(srgb)), (warning,)


def _encode(job: ColorizedStill, fmt: StillFormat) -> tuple[bytes, tuple[str, ...]]:
    """Encode a file; returns its bytes and warnings about what the format cannot store.

    Raises:
        UsageError: the format cannot store an image of this size.
        OutputError: the encoder failed.
    """
    longest = max(job.still.luma.shape)
    if fmt.max_side is not None and longest > fmt.max_side:
        raise UsageError(
            f"{job.still.path}: {fmt.name.upper()} stores at most {fmt.max_side} pixels per "
            f"side, got {longest}; write PNG or TIFF"
        )
    data, warnings = fmt.encode(job)
    return data, _list_losses(job, fmt) + warnings


def _list_losses(job: ColorizedStill, fmt: StillFormat) -> tuple[str, ...]:
    still, stores, name = job.still, fmt.stores, fmt.name.upper()
    lost = [
        label
        for key, label in _FIELD_NAMES.items()
        if getattr(job.metadata, key) and key not in stores
    ]
    if still.alpha is not None and "alpha" not in stores:
        lost.append("alpha")
    if still.orientation != 1 and "orientation" not in stores:
        lost.append("the orientation: the result is not rotated for display")
    if "xmp" not in stores:
        lost.append("the note (XMP) that its color is predicted")
    warnings = [f"{name} cannot store {item}" for item in lost]
    if still.bits > fmt.max_bits:
        warnings.append(
            f"{name} stores {fmt.max_bits} bits: luma is rounded from {still.bits} bits"
        )
    return tuple(warnings)


def _describe_os_error(error: OSError) -> str:
    return _OS_ERRORS.get(error.errno or 0) or error.strerror or _to_one_line(error)


def _to_one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _decoding_errors() -> ExceptionTypes:
    """Return what decoders and encoders raise for damaged files; other errors are bugs."""
    import av
    import cv2
    from PIL.Image import DecompressionBombError

    of_libraries = (struct.error, zlib.error, cv2.error, av.FFmpegError, DecompressionBombError)
    of_python = (ValueError, SyntaxError, KeyError, IndexError, TypeError, EOFError, OverflowError)
    return (*of_libraries, *of_python)
