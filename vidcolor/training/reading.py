"""Decoding of training images: 8-bit sRGB, upright, without black bars, reduced."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.errors import OutputError
from vidcolor.fileio import describe_os_error
from vidcolor.imaging.resize import resize_area
from vidcolor.media.preview_image import read_image_rgb
from vidcolor.training.filtering import crop_black_bars

if TYPE_CHECKING:
    from vidcolor.imaging.types import Rgb


def read_image(path: Path, short_side: int) -> Rgb:
    """Read and reduce an image file.

    Args:
        path: a file in any format that Pillow or FFmpeg reads.
        short_side: see `reduce_image`.

    Returns:
        (h, w, 3) uint8 sRGB.

    Raises:
        InputError: the file cannot be decoded completely.
    """
    return reduce_image(read_image_rgb(path, min_size=(short_side, short_side)), short_side)


def read_member(name: str, content: bytes, short_side: int) -> Rgb:
    """Read and reduce an image of a tar shard.

    Args:
        name: name of the image in the shard; some formats are recognized by the extension.
        content: content of the file.
        short_side: see `reduce_image`.

    Returns:
        (h, w, 3) uint8 sRGB.

    Raises:
        InputError: the image cannot be decoded completely.
        OutputError: the temporary directory is full or missing.
    """
    try:
        # A shard and a directory must give the same dataset, so both decode from a file.
        with tempfile.NamedTemporaryFile(suffix=Path(name).suffix) as file:
            file.write(content)
            file.flush()
            return read_image(Path(file.name), short_side)
    except OSError as error:
        raise OutputError(f"{tempfile.gettempdir()}: {describe_os_error(error)}") from error


def reduce_image(rgb: Rgb, short_side: int) -> Rgb:
    """Crop black bars and downscale to a short side. Smaller images keep their size.

    Args:
        rgb: (H, W, 3) uint8.
        short_side: maximum short side in pixels.

    Returns:
        (H', W', 3) uint8, contiguous, with min(H', W') <= short_side.
    """
    rgb = crop_black_bars(rgb)
    height, width = rgb.shape[:2]
    scale = short_side / min(height, width)
    if scale >= 1:
        return np.ascontiguousarray(rgb)
    shape = (max(short_side, round(height * scale)), max(short_side, round(width * scale)))
    return resize_area(rgb, shape)
