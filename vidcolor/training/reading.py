"""Pictures as they are kept for training: 8-bit sRGB, upright, without bars, small."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.errors import OutputError
from vidcolor.fileio import describe_os_error
from vidcolor.media.preview_still import picture_rgb
from vidcolor.training.filtering import without_bars

if TYPE_CHECKING:
    from vidcolor.training.filtering import Rgb


def read_picture(path: Path, short_side: int) -> Rgb:
    """A picture file, reduced.

    Args:
        path: any picture that Pillow or FFmpeg reads.
        short_side: see `reduced`.

    Raises:
        InputError: it cannot be decoded to its end.
    """
    return reduced(picture_rgb(path, at_least=(short_side, short_side)), short_side)


def read_member(name: str, content: bytes, short_side: int) -> Rgb:
    """A picture out of a shard, reduced.

    Args:
        name: its name in the shard; the suffix tells some formats.
        content: the file's bytes.
        short_side: see `reduced`.

    Raises:
        InputError: it cannot be decoded to its end.
        OutputError: the folder for temporary files is full or missing.
    """
    try:
        # By way of a file: so it is decoded exactly as the same picture in a folder is.
        with tempfile.NamedTemporaryFile(suffix=Path(name).suffix) as file:
            file.write(content)
            file.flush()
            return read_picture(Path(file.name), short_side)
    except OSError as error:
        raise OutputError(f"{tempfile.gettempdir()}: {describe_os_error(error)}") from error


def reduced(rgb: Rgb, short_side: int) -> Rgb:
    """Trim black bars and scale down to a short side; what is smaller stays as it is.

    Args:
        rgb: (H, W, 3) uint8.
        short_side: pixels.

    Returns:
        (H', W', 3) uint8, contiguous, with min(H', W') <= short_side.
    """
    import cv2

    rgb = without_bars(rgb)
    height, width = rgb.shape[:2]
    scale = short_side / min(height, width)
    if scale >= 1:
        return np.ascontiguousarray(rgb)
    size = (max(short_side, round(width * scale)), max(short_side, round(height * scale)))
    small = cv2.resize(np.ascontiguousarray(rgb), size, interpolation=cv2.INTER_AREA)
    return small.astype(np.uint8, copy=False)
