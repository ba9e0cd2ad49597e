"""Still images of any format: reading as luma, and writing in color with all metadata.

The luma of a JPEG is the coded plane. R'G'B' files have no luma plane, so luma is computed with the
BT.709 matrix and rounded once. The result has exactly the same luma in lossless formats, whose
R'G'B' rounds back to it (see `rgb.compose_rgb_with_luma`), and in a JPEG that is made from a gray
JPEG, whose coded luma is copied. Other lossy results differ by their quantization. Pixels are never
rotated or scaled.
"""

from __future__ import annotations

import errno
import struct
import zlib
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING
from warnings import catch_warnings, simplefilter

import numpy as np

from vidcolor.color.tint import Tint, classify_tint
from vidcolor.color.ycbcr import rgb_to_ycbcr
from vidcolor.errors import InputError, OutputError, UsageError, VidcolorError
from vidcolor.fileio import atomic_output
from vidcolor.imaging.geometry import to_displayed
from vidcolor.imaging.resize import limit_short_side, resize_area
from vidcolor.media.stills.exif import move_resolution, read_orientation
from vidcolor.media.stills.formats import FORMATS, detect_format, find_output_format
from vidcolor.media.stills.previews import remove_previews
from vidcolor.media.stills.rgb import BT709, convert_depth, jfif_to_rgb, rgb_to_gray
from vidcolor.media.stills.types import SOURCE_RGB_SHORT_SIDE, ColorizedStill, Still, StillFormat
from vidcolor.provenance import can_merge, make_xmp_packet, read_recipe

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

    from vidcolor.imaging.types import FloatArray, Plane
    from vidcolor.media.stills.types import DecodedImage, StillMetadata
    from vidcolor.options import GrayFrom
    from vidcolor.provenance import Provenance

_TINT_SIDE = 64
"""Side of the square thumbnail for the classification of the tint, in pixels."""
_OS_ERRORS = {
    errno.ENOENT: "no such file",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EISDIR: "is a folder",
    errno.ENOTDIR: "part of the path is not a folder",
}
_FIELD_LABELS = {
    "exif": "EXIF",
    "icc": "the ICC profile",
    "photoshop": "Photoshop resources, which include IPTC captions",
    "iptc": "IPTC captions",
    "dpi": "the resolution",
    "pixel_aspect": "the pixel aspect ratio",
}
"""Names in warnings of the fields of `StillMetadata` that a format may not store."""


def read_still(
    path: Path,
    gray_from: GrayFrom = "luma",
    *,
    allow_damaged: bool = False,
    min_rgb_bits: int = 8,
    with_source_rgb: bool = False,
) -> Still:
    """Read an image of any format in `FORMATS`; the suffix is ignored.

    Args:
        path: file to read.
        gray_from: source of the luma. ``luma`` is the luma of the image. ``red``, ``green`` or
            ``blue`` is one channel, such as the cleanest one of a stained or toned print.
            ``lightest`` is the maximum of R', G', B' at each pixel. For all but ``luma``, JPEG is
            converted to R'G'B'.
        allow_damaged: accept a truncated JPEG or PNG, with a warning in `Still.warnings`.
        min_rgb_bits: minimum bit depth of luma that is computed from R'G'B'. If it exceeds the
            depth of the source, luma is rounded more finely than a single channel.
        with_source_rgb: whether to set `Still.source_rgb`.

    Returns:
        The still in the stored orientation, at the bit depth of the source or at `min_rgb_bits`.

    Raises:
        InputError: the file is missing, not an image, damaged, or larger than `MAX_PIXELS`.
    """
    fmt, image = _decode(path, allow_damaged)
    is_rgb = image.color_model == "rgb"
    bits = max(image.bits, min_rgb_bits) if is_rgb else image.bits
    return Still(
        path=path,
        luma=_extract_luma(image, gray_from, bits),
        bits=bits,
        matrix=BT709 if is_rgb else fmt.matrix,
        tint=_classify_image_tint(image),
        format=fmt.name,
        orientation=read_orientation(image.metadata.exif),
        alpha=None if image.alpha is None else convert_depth(image.alpha, image.bits, bits),
        lossless=image.lossless,
        metadata=image.metadata,
        source_bits=image.bits if image.bits < bits else None,
        warnings=image.warnings,
        jpeg_data=image.jpeg_data,
        source_rgb=_downscale_to_rgb(image, SOURCE_RGB_SHORT_SIDE) if with_source_rgb else None,
    )


def read_still_rgb(path: Path) -> tuple[NDArray[np.uint8], Fraction]:
    """Read an image for display: (H, W, 3) 8-bit R'G'B', upright, and the width over height of a
    pixel.

    Raises:
        InputError: as in `read_still`.
    """
    _, image = _decode(path, allow_damaged=False)
    rgb = _downscale_to_rgb(image, min(image.pixels.shape[:2]))
    upright = to_displayed(rgb, read_orientation(image.metadata.exif))
    return np.ascontiguousarray(upright), image.metadata.pixel_aspect or Fraction(1)


def read_still_pillow(path: Path, allow_damaged: bool = False) -> Image.Image:
    """Read an image for display: a Pillow image of 8 bits, upright, with its profile in `info`.

    Its mode is L or RGB, or LA or RGBA if the file has alpha. See `read_still` for `allow_damaged`.

    Raises:
        InputError: as in `read_still`.
    """
    from PIL import Image

    _, image = _decode(path, allow_damaged)
    channels = [_downscale_to_rgb(image, min(image.pixels.shape[:2]))]
    if image.color_model == "gray":
        channels = [channels[0][..., 0]]
    if image.alpha is not None:
        channels.append(convert_depth(image.alpha, image.bits, 8))
    samples = to_displayed(np.dstack(channels), read_orientation(image.metadata.exif))
    height, width, num_channels = samples.shape
    mode = ("L", "LA", "RGB", "RGBA")[num_channels - 1]
    stored_mode = {"LA": "La", "RGBA": "RGBa"}.get(mode, mode)
    if not image.metadata.premultiplied:
        stored_mode = mode
    picture = Image.frombytes(stored_mode, (width, height), samples.tobytes()).convert(mode)
    picture.info["icc_profile"] = image.metadata.icc
    return picture


def _decode(path: Path, allow_damaged: bool) -> tuple[StillFormat, DecodedImage]:
    try:
        fmt = detect_format(path)
        if fmt is None and path.stat().st_size == 0:
            raise InputError(f"{path}: is empty; get a complete copy")
        if fmt is None:
            labels = ", ".join(row.label for row in FORMATS.values())
            raise InputError(
                f"{path}: not a supported image ({labels}); convert it to one of these"
            )
        if fmt.missing_module:
            raise InputError(f"{path}: {fmt.missing_module}")
        with catch_warnings():
            simplefilter("ignore")  # libraries warn about faults that raise or are reported below
            return fmt, fmt.read(path, allow_damaged)
    except VidcolorError:
        raise
    except OSError as error:
        fault = _OS_ERRORS.get(error.errno or 0) or error.strerror or _to_one_line(error)
        advice = "" if error.errno else "; damaged: get a complete copy"
        raise InputError(f"{path}: {fault}{advice}") from error
    except _decoding_errors() as error:
        raise InputError(
            f"{path}: damaged or unsupported ({_to_one_line(error)}); get a complete copy, or save "
            "it again with the program that made it"
        ) from error


def write_still(
    path: Path,
    still: Still,
    cb: FloatArray,
    cr: FloatArray,
    *,
    provenance: Provenance,
    quality: int | None = None,
) -> tuple[str, ...]:
    """Write a still with chroma, in the format of the suffix; see `find_output_format`.

    An existing file is replaced, but never the source. The result appears under its name only when
    it is complete and on disk. The provenance is written as XMP if the format stores it.

    Args:
        path: target.
        still: result of `read_still`.
        cb: (H, W) float32 in [-0.5, 0.5], relative to `still.matrix`. Colors outside the R'G'B'
            gamut are scaled toward gray.
        cr: like `cb`.
        provenance: how the color was made.
        quality: quality of JPEG and lossy WebP, 1 to 100. With None, luma of a JPEG source keeps
            its quantization table, the coded luma of a gray JPEG is copied without loss, and
            everything else is coded with `DEFAULT_QUALITY`.

    Returns:
        Warnings about data that the format cannot store.

    Raises:
        UsageError: the suffix is unknown, the format cannot store color, `path` is the source, or
            the image is too large for the format.
        ValueError: the shape of `cb` or `cr` differs from that of the luma.
        OutputError: the disk is full, permission is denied, or the encoder fails.
    """
    fmt = find_output_format(path)
    for plane in (cb, cr):
        if plane.shape != still.luma.shape:
            raise ValueError(f"{plane.shape=} differs from {still.luma.shape=}")
    if path.exists() and still.path.exists() and path.samefile(still.path):
        raise UsageError(f"{path}: is the source itself; choose another output")
    longest = max(still.luma.shape)
    if fmt.max_side is not None and longest > fmt.max_side:
        raise UsageError(
            f"{still.path}: {fmt.name.upper()} stores at most {fmt.max_side} pixels per "
            f"side, got {longest}; write PNG or TIFF"
        )
    metadata, warnings = _prepare_metadata(still, fmt, provenance)
    bits = next((bits for bits in fmt.bits if bits >= still.bits), fmt.bits[-1])
    job = ColorizedStill(still, cb, cr, metadata, bits, quality, provenance.declaration)
    assert fmt.encode is not None  # see `find_output_format`
    try:
        data, losses = fmt.encode(job)
    except VidcolorError:
        raise
    except _decoding_errors() as error:
        raise OutputError(
            f"{path}: the {fmt.name} encoder failed: {_to_one_line(error)}"
        ) from error
    with atomic_output(path) as partial:
        partial.write_bytes(data)
    return warnings + losses


def read_still_recipe(path: Path) -> str | None:
    """Return the recipe digest of an image that vidcolor wrote, else None.

    Only metadata is read. A damaged file may still have a recipe digest.
    """
    return read_recipe(read_still_xmp(path))


def read_still_xmp(path: Path) -> bytes | None:
    """Return the XMP packet of an image; None without one, or if the file cannot be read."""
    try:
        fmt = detect_format(path)
        return fmt.read_xmp(path) if fmt and fmt.read_xmp else None
    except _decoding_errors():
        return None


def _extract_luma(image: DecodedImage, gray_from: GrayFrom, bits: int) -> Plane:
    """Return the (H, W) plane to colorize, of `bits` bits."""
    pixels = image.pixels
    if image.color_model == "ycbcr" and gray_from != "luma":
        pixels = jfif_to_rgb(pixels)
    elif image.color_model != "rgb":
        luma: Plane = np.ascontiguousarray(pixels if pixels.ndim == 2 else pixels[..., 0])
        return luma
    return rgb_to_gray(pixels, gray_from, BT709, image.bits, bits)


def _classify_image_tint(image: DecodedImage) -> Tint:
    """Classify a thumbnail of an image with `classify_tint`; averaging removes noise."""
    if image.color_model == "gray":
        return "gray"
    # Skipping pixels first saves most of the time for large scans.
    stride = max(1, min(image.pixels.shape[:2]) // (16 * _TINT_SIDE))
    strided = np.ascontiguousarray(image.pixels[::stride, ::stride])
    small = resize_area(strided, (_TINT_SIDE, _TINT_SIDE))
    unit = small.reshape(-1, 3).astype(np.float32) / ((1 << image.bits) - 1)
    if image.color_model == "ycbcr":
        return classify_tint(unit[:, 0], unit[:, 1:] - np.float32(128 / 255))
    y, cb, cr = rgb_to_ycbcr(unit, BT709)
    return classify_tint(y, np.stack([cb, cr], axis=-1))


def _downscale_to_rgb(image: DecodedImage, short_side: int) -> NDArray[np.uint8]:
    """Average an image to a short side, and convert it to (h, w, 3) 8-bit R'G'B'."""
    shape = limit_short_side(image.pixels.shape, short_side)
    small = resize_area(image.pixels, shape).reshape(*shape, -1)
    codes = convert_depth(small, image.bits, 8)
    if image.color_model == "gray":
        return np.repeat(codes, 3, axis=-1)
    return jfif_to_rgb(codes) if image.color_model == "ycbcr" else codes


def _is_premultiplied(still: Still) -> bool:
    """Return whether colors are premultiplied with alpha, and a pixel is not opaque."""
    alpha = still.alpha
    if alpha is None or not still.metadata.premultiplied:
        return False
    return bool((alpha < np.iinfo(alpha.dtype).max).any())


def _prepare_metadata(
    still: Still, fmt: StillFormat, provenance: Provenance
) -> tuple[StillMetadata, tuple[str, ...]]:
    """Return the metadata to write, and warnings about data that is replaced or lost."""
    metadata, warnings = remove_previews(still.metadata), []
    # A profile for gray cannot describe color.
    if metadata.icc and metadata.icc[16:20] == b"GRAY":
        metadata = replace(metadata, icc=_make_srgb_profile())
        warnings.append(
            "the source's ICC profile is for gray; the result has an sRGB profile instead"
        )
    if "exif" in fmt.stores and "dpi" not in fmt.stores:
        exif, dpi = move_resolution(metadata.exif, metadata.dpi)
        metadata = replace(metadata, exif=exif, dpi=dpi)
    if metadata.xmp and not can_merge(metadata.xmp):
        warnings.append("the source's XMP is broken and is replaced")
    lost = [
        label
        for key, label in _FIELD_LABELS.items()
        if getattr(metadata, key) and key not in fmt.stores
    ]
    if metadata.extras and still.format != fmt.name:
        lost.append(FORMATS[still.format].extras_label)
        metadata = replace(metadata, extras=())
    if still.alpha is not None and "alpha" not in fmt.stores:
        lost.append("alpha")
    elif _is_premultiplied(still) and "premultiplied" not in fmt.stores:
        lost.append("colors that are premultiplied with alpha: transparent parts look darker")
    if still.orientation != 1 and "orientation" not in fmt.stores:
        lost.append("the orientation: the result is not rotated for display")
    if not fmt.stores_provenance:
        lost.append("the note (XMP) that its color is predicted")
    name = fmt.name.upper()
    warnings += [f"{name} cannot store {item}" for item in lost]
    if still.bits > fmt.bits[-1]:
        warnings.append(
            f"{name} stores {fmt.bits[-1]} bits: luma is rounded from {still.bits} bits"
        )
    return replace(metadata, xmp=make_xmp_packet(provenance, metadata.xmp)), tuple(warnings)


def _make_srgb_profile() -> bytes:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Bytes 24 to 35 are the creation date (ICC.1). The current time would make results differ.
    return profile[:24] + bytes(12) + profile[36:]


def _to_one_line(error: BaseException) -> str:
    """Return the message of an error in one line of at most 200 characters, or its type."""
    text = getattr(error, "strerror", None) or str(error)  # FFmpeg's code of an error is long
    return " ".join(text.split())[:200] or type(error).__name__


def _decoding_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that decoders and encoders raise for damaged files."""
    import lzma

    import av
    import cv2
    from PIL.Image import DecompressionBombError

    library = (struct.error, zlib.error, lzma.LZMAError, cv2.error, av.FFmpegError)
    # Pillow, tifffile and the parsers here raise these for unexpected values in a file, and
    # ImportError for a compression that needs a package.
    value = (ValueError, SyntaxError, LookupError, TypeError, AttributeError, ArithmeticError)
    state = (EOFError, OSError, RuntimeError, ImportError, DecompressionBombError)
    return (*library, *value, *state)
