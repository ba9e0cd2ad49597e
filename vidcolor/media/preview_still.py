"""Pictures for people to look at: upright, 8-bit sRGB."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.errors import InputError
from vidcolor.media.preview import DisplayReader

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

    from vidcolor.media.preview import Rgb

_FROM_FFMPEG = (".dpx", ".exr")


def picture_rgb(path: Path, at_least: tuple[int, int] | None = None) -> Rgb:
    """A picture as people see it: upright, in sRGB, transparent places white.

    Args:
        path: any picture that Pillow or FFmpeg reads; 16 bits become 8.
        at_least: (W, H) that is enough; large JPEGs are then decoded at a fraction.

    Returns:
        (H, W, 3) uint8.

    Raises:
        InputError: it cannot be read.
    """
    from PIL import UnidentifiedImageError

    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path}: is a directory; name a picture in it")
    if path.suffix.lower() in _FROM_FFMPEG:
        return _picture_by_ffmpeg(path)
    try:
        return _by_pillow(path, str(path), at_least)
    except UnidentifiedImageError:
        return _picture_by_ffmpeg(path)


def picture_rgb_of(data: bytes, name: str) -> Rgb:
    """The same of a picture's bytes, as archives hold them; not of DPX and OpenEXR.

    Args:
        data: a picture that Pillow reads.
        name: what errors call it.

    Raises:
        InputError: it cannot be read.
    """
    from PIL import UnidentifiedImageError

    try:
        return _by_pillow(io.BytesIO(data), name, None)
    except UnidentifiedImageError as error:
        raise InputError(
            f"{name}: not a picture that can be read; unpack and convert it"
        ) from error


def _by_pillow(file: Path | io.BytesIO, name: str, at_least: tuple[int, int] | None) -> Rgb:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                if at_least is not None:
                    image.draft(None, at_least)
                return np.array(_to_srgb(image))
    except UnidentifiedImageError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{name}: too large to be compared; scale it down first") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"{name}: cannot be decoded ({error}); is it complete?") from error


def _picture_by_ffmpeg(path: Path) -> Rgb:
    film = DisplayReader(path)
    return next(film.frames()).rgb(film.size)


def _to_srgb(image: Image.Image) -> Image.Image:
    """Upright 8-bit sRGB without alpha."""
    from PIL import ImageOps

    profile = image.info.get("icc_profile")
    upright = _eight_bit_image(ImageOps.exif_transpose(image))
    if "A" in upright.getbands() or "transparency" in upright.info:
        rgba = upright.convert("RGBA")
        white = rgba.copy()
        white.paste((255, 255, 255, 255), (0, 0, *rgba.size))
        white.alpha_composite(rgba)
        upright = white.convert("RGB")
    return _through_profile(upright, profile)


def _eight_bit_image(image: Image.Image) -> Image.Image:
    from PIL import Image

    if not image.mode.startswith("I"):
        return image
    codes = np.asarray(image).astype(np.float32)
    return Image.fromarray(np.clip(np.rint(codes / 257), 0, 255).astype(np.uint8))


def _through_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Colors from the picture's ICC profile to sRGB; a profile that does not fit is ignored."""
    from PIL import ImageCms

    if profile and image.mode in ("L", "RGB", "CMYK"):
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            srgb = ImageCms.createProfile("sRGB")
            managed = ImageCms.profileToProfile(image, own, srgb, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            managed = None
        if managed is not None:
            return managed
    return image.convert("RGB")
