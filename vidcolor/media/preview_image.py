"""Previews of image files: upright 8-bit sRGB."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.errors import InputError
from vidcolor.fileio import check_source
from vidcolor.media.preview import DisplayReader, resize_rgb
from vidcolor.media.stills.formats import detect_format, is_still
from vidcolor.media.stills.registry import read_still_pillow, read_still_rgb

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

    from vidcolor.imaging.types import Rgb


_OWN_FORMATS = ("tiff", "jp2", "j2k")
"""Formats that Pillow opens, but shows wrongly. In TIFF, it scales floats and integers of 10, 12,
14 and 32 bits otherwise, ignores that white is 0, and takes a thumbnail for the image. In JPEG
2000, it turns white of more than 8 bits black and of less gray, and ignores the orientation."""


def read_image_rgb(
    path: Path, min_size: tuple[int, int] | None = None, *, allow_damaged: bool = False
) -> Rgb:
    """Read an image file for display: (H, W, 3) uint8, upright, in sRGB, on a white background.

    Pillow, the readers of `vidcolor.media.stills` or FFmpeg decode it. Larger JPEG files than
    `min_size` (width and height) are decoded at a reduced size of at least `min_size`. With
    `allow_damaged`, an image is returned as far as `read_still` can read it.

    Raises:
        InputError: the image cannot be read.
    """
    from PIL import UnidentifiedImageError

    check_source(path)
    if path.is_dir():
        raise InputError(f"{path}: is a directory; name an image file in it")
    fmt = detect_format(path)
    if fmt is not None and fmt.name in _OWN_FORMATS:
        return np.array(_convert_to_srgb(read_still_pillow(path, allow_damaged)))
    try:
        return _decode_with_pillow(path, str(path), min_size)
    except UnidentifiedImageError:
        if is_still(path):
            rgb, aspect = read_still_rgb(path)
            return resize_rgb(rgb, (round(rgb.shape[1] * aspect), rgb.shape[0]))
        reader = DisplayReader(path)
        return next(reader.frames()).rgb(reader.size)
    except InputError:
        if fmt is None or not allow_damaged:
            raise
        return np.array(_convert_to_srgb(read_still_pillow(path, allow_damaged)))


def decode_image_rgb(data: bytes, name: str) -> Rgb:
    """Decode an image in memory that Pillow can read, like `read_image_rgb`.

    Raises:
        InputError: the image cannot be read.
    """
    from PIL import UnidentifiedImageError

    try:
        return _decode_with_pillow(io.BytesIO(data), name, None)
    except UnidentifiedImageError as error:
        raise InputError(
            f"{name}: not an image in a supported format; extract and convert it"
        ) from error


def _decode_with_pillow(
    file: Path | io.BytesIO, name: str, min_size: tuple[int, int] | None
) -> Rgb:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Scans of photos can exceed the size from which Pillow warns.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                if min_size is not None:
                    image.draft(None, min_size)
                return np.array(_convert_to_srgb(image))
    except UnidentifiedImageError:  # an OSError, but callers try another decoder then
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{name}: image is too large; reduce its size first") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(
            f"{name}: cannot decode image ({error}); check that the file is complete"
        ) from error


def _convert_to_srgb(image: Image.Image) -> Image.Image:
    """Return the upright image in 8-bit sRGB without alpha. An unsuitable profile is ignored."""
    from PIL import Image, ImageCms, ImageOps

    profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):
        codes = np.asarray(upright).astype(np.float32)  # 16 bits; 257 is 65535 / 255
        upright = Image.fromarray(np.clip(np.rint(codes / 257), 0, 255).astype(np.uint8))
    if "A" in upright.getbands() or "transparency" in upright.info:
        rgba = upright.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        white.alpha_composite(rgba)
        upright = white.convert("RGB")
    if profile and upright.mode in ("L", "RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(upright, source, srgb, outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return upright.convert("RGB")
