"""Still pictures: read one as luma, write it back in color with everything it came with.

JPEG's luma is the codec's own plane; R'G'B' has none, so there it is BT.709's, rounded once. What
is written has that same luma: as a plane where the format has one, and else in the sense that
R'G'B' rounds back to it (`stills.rgb.rgb_with_luma`). Pixels are never turned or scaled.
"""

from __future__ import annotations

import errno
import struct
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING
from warnings import catch_warnings, simplefilter

import numpy as np

from vidcolor.color.ycbcr import MATRICES
from vidcolor.errors import InputError, OutputError, UsageError, VidcolorError
from vidcolor.fileio import atomic_output
from vidcolor.media.stills import decode
from vidcolor.media.stills.dpx_exr import read_dpx, read_exr
from vidcolor.media.stills.encode import JFIF, Coloring, encode, with_rgb_profile
from vidcolor.media.stills.exif import orientation_of
from vidcolor.media.stills.rgb import gray_of_rgb, rgb_of_jpeg, small_rgb, tint_of, to_depth
from vidcolor.media.stills.types import (
    MAX_PIXELS,
    OWN_COLOR_SIDE,
    Picture,
    Still,
    StillMetadata,
)
from vidcolor.provenance import can_merge, read_recipe, xmp_packet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.color.ycbcr import Plane
    from vidcolor.options import GrayFrom
    from vidcolor.provenance import Provenance

    Failures = tuple[type[Exception], ...]

__all__ = [
    "MAX_PIXELS",
    "STILL_SUFFIXES",
    "Still",
    "StillMetadata",
    "is_still",
    "read_still",
    "read_still_recipe",
    "write_still",
]

STILL_SUFFIXES = {
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".png": "png",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".webp": "webp",
    ".bmp": "bmp",
    ".dpx": "dpx",
    ".exr": "exr",
}
"""What can be written, by suffix in lower case, with the format's name."""

_READERS: dict[str, Callable[[Path, bool], Picture]] = {
    "jpeg": decode.read_jpeg,
    "png": decode.read_png,
    "tiff": decode.read_tiff,
    "webp": decode.read_webp,
    "bmp": decode.read_bmp,
    "dpx": read_dpx,
    "exr": read_exr,
}
_MAGIC = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"BM", "bmp"),
    (b"SDPX", "dpx"),
    (b"XPDS", "dpx"),
    (b"v/1\x01", "exr"),
)
_PLAIN_REASONS = {
    errno.ENOENT: "there is no such file",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "no room is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EISDIR: "it is a folder",
    errno.ENOTDIR: "part of the path is not a folder",
}


def is_still(path: Path) -> bool:
    """Whether the file begins like a picture that `read_still` knows."""
    try:
        return _format_of(path) is not None
    except OSError:
        return False


def read_still(
    path: Path,
    gray_from: GrayFrom = "luma",
    *,
    allow_damaged: bool = False,
    least_rgb_bits: int = 8,
    own_color: bool = False,
) -> Still:
    """Read a picture: JPEG, PNG, TIFF, WebP, BMP, DPX or OpenEXR, whatever its suffix says.

    Args:
        path: the file; only read.
        gray_from: what the luma is taken from: ``luma``, one channel (the cleanest of a stained or
            toned print), or ``lightest``, the largest of R', G', B' at each pixel. JPEG is turned
            into R'G'B' for all but ``luma``.
        allow_damaged: take a JPEG or PNG that is cut off, with a warning in `Still.warnings`.
        least_rgb_bits: of luma that is made from R'G'B', so that three channels of 8 bits do not
            lose what they tell apart.
        own_color: fill `Still.own_color`.

    Returns:
        The still; pixels as stored, at the source's depth or at `least_rgb_bits`.

    Raises:
        InputError: missing, not a picture, damaged, or larger than `MAX_PIXELS`.
    """
    broken = _broken()
    try:
        name = _format_of(path)
        if name is None:
            raise InputError(
                f"{path}: not a picture that can be read "
                "(JPEG, PNG, TIFF, WebP, BMP, DPX, OpenEXR); convert it to one of these"
            )
        with catch_warnings():
            simplefilter("ignore")  # what matters of them raises, or ends up in ours
            picture = _READERS[name](path, allow_damaged)
    except VidcolorError:
        raise
    except OSError as error:
        advice = "" if error.errno else "; it is damaged: get a whole copy"
        raise InputError(f"{path}: {_reason(error)}{advice}") from error
    except broken as error:
        raise InputError(
            f"{path}: damaged or of an unknown kind ({_one_line(error)}); get a whole copy, "
            "or save it anew with the program it came from"
        ) from error
    still = _still_of(path, picture, gray_from, least_rgb_bits)
    if not own_color:
        return still
    small = small_rgb(picture.pixels, picture.kind, JFIF, picture.bits, OWN_COLOR_SIDE)
    return replace(still, own_color=small)


def write_still(
    path: Path,
    still: Still,
    cb: NDArray[np.float32],
    cr: NDArray[np.float32],
    *,
    mark: Provenance,
    quality: int | None = None,
) -> tuple[str, ...]:
    """Write a still with chroma, in the format that the suffix names.

    An existing file is replaced, so ask first; the source itself never is. The result appears
    under its name only when it is complete and on the disk.

    Args:
        path: target; see `STILL_SUFFIXES`.
        still: what `read_still` gave.
        cb: (H, W) float32 in [-0.5, 0.5], relative to `still.matrix`.
        cr: the same. What R'G'B' cannot show is drawn toward gray.
        mark: how the color came about; written as XMP where the format has it.
        quality: of JPEG and lossy WebP, 1 to 100. None: luma of a JPEG source is coded as the
            source codes it (a gray JPEG's own data is copied, so nothing is lost), the rest at 95.

    Returns:
        Warnings: what the format could not hold.

    Raises:
        UsageError: unknown suffix, the source's own path, or too large for the format.
        OutputError: no room, no permission, or a failing encoder.
    """
    name = STILL_SUFFIXES.get(path.suffix.lower())
    if name is None:
        raise UsageError(
            f"{path}: pictures are written as {', '.join(STILL_SUFFIXES)}; choose one of these"
        )
    for plane in (cb, cr):
        if plane.shape != still.luma.shape:
            raise ValueError(f"{plane.shape=} differs from {still.luma.shape=}")
    if path.exists() and still.path.exists() and path.samefile(still.path):
        raise UsageError(f"{path}: is the source itself, which is never replaced; name another")
    metadata, warnings = with_rgb_profile(still.metadata)
    if metadata.xmp and not can_merge(metadata.xmp):
        warnings += ("its XMP is broken and could not be added to: replaced by the mark alone",)
    metadata = replace(metadata, xmp=xmp_packet(mark, metadata.xmp))
    broken: Failures = (*_broken(), OSError)
    try:
        data, losses = encode(Coloring(still, cb, cr, metadata, quality, mark.sentence), name)
    except VidcolorError:
        raise
    except broken as error:
        raise OutputError(f"{path}: the {name} encoder failed: {_one_line(error)}") from error
    with atomic_output(path) as partial:
        partial.write_bytes(data)
    return warnings + losses


def read_still_recipe(path: Path) -> str | None:
    """The recipe digest of a picture that vidcolor wrote; None for any other file, or none.

    Reads metadata only as far as the file is whole; does not decode pixels.
    """
    broken: Failures = (*_broken(), OSError)
    try:
        name = _format_of(path)
        xmp = decode.xmp_of(path, name) if name else None
    except broken:
        return None
    return read_recipe(xmp)


def _format_of(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(16)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)


def _still_of(path: Path, picture: Picture, gray_from: GrayFrom, least_rgb_bits: int) -> Still:
    bits = max(picture.bits, least_rgb_bits) if picture.kind == "rgb" else picture.bits
    alpha = None if picture.alpha is None else to_depth(picture.alpha, picture.bits, bits)
    bt709 = MATRICES["bt709"]
    matrix = JFIF if picture.kind == "ycc" else bt709
    tint = tint_of(picture.pixels, picture.kind, bt709, picture.bits)
    jpeg_like = picture.format == "jpeg" and picture.kind != "rgb"
    return Still(
        path=path,
        luma=_luma_of(picture, gray_from, bits),
        bits=bits,
        matrix=JFIF if jpeg_like else matrix,
        tint=tint,
        format=picture.format,
        orientation=orientation_of(picture.metadata.exif),
        alpha=alpha,
        lossless=picture.lossless,
        metadata=picture.metadata,
        warnings=picture.warnings,
        jpeg=picture.jpeg,
    )


def _luma_of(picture: Picture, gray_from: GrayFrom, bits: int) -> Plane:
    pixels = picture.pixels
    if picture.kind == "gray":
        luma: Plane = np.ascontiguousarray(pixels)
        return luma
    if picture.kind == "ycc":
        if gray_from == "luma":
            luma = np.ascontiguousarray(pixels[..., 0])
            return luma
        pixels = rgb_of_jpeg(pixels, JFIF)
    return gray_of_rgb(pixels, gray_from, MATRICES["bt709"], picture.bits, bits)


def _reason(error: OSError) -> str:
    return _PLAIN_REASONS.get(error.errno or 0) or error.strerror or _one_line(error)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _broken() -> Failures:
    """What the decoders raise about a damaged file; anything else is a fault of ours."""
    import av
    import cv2
    from PIL.Image import DecompressionBombError

    of_files = (struct.error, zlib.error, cv2.error, av.FFmpegError, DecompressionBombError)
    of_python = (ValueError, SyntaxError, KeyError, IndexError, TypeError, EOFError, OverflowError)
    return (*of_files, *of_python)
