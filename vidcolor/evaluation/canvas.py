"""The canvas of a comparison: the placement of images A and B, and the formats of saved images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.errors import UsageError
from vidcolor.fileio import atomic_output

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from vidcolor.evaluation.options import Layout
    from vidcolor.imaging.types import Rgb

BACKGROUND = (18, 18, 21)
"""R'G'B' code values of empty areas, 0 to 255."""
MIN_WIPE_PERIOD_S, MAX_WIPE_PERIOD_S = 4.0, 8.0
"""Range of the wipe period in seconds. In one period the line moves from the center to the right,
to the left, and back to the center."""
_WIPE_AMPLITUDE = 0.36
"""Maximum distance of the wipe line from the center, as a fraction of the width."""

IMAGE_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""Pillow's format name for each extension of an image output."""
_MAX_SIDES = {"WEBP": 16383, "JPEG": 65500, "PNG": 65500}
"""Maximum width and height of an image in each format, in pixels."""
_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {"optimize": True},
    "JPEG": {"quality": 92, "subsampling": 0},
    "WEBP": {"quality": 90, "method": 4},
}


@dataclass(frozen=True, slots=True)
class Canvas:
    """A canvas for two images of one size. All sizes are even, as encoders for 4:2:0 require."""

    layout: Layout
    """Arrangement of the images."""
    panel_size: tuple[int, int]
    """Width and height of each image in pixels."""

    @property
    def gap(self) -> int:
        """Distance between the images in pixels; 0 for `wipe`."""
        return 0 if self.layout == "wipe" else _compute_gap(self.panel_size[0])

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the canvas in pixels."""
        width, height = self.panel_size
        if self.layout == "side":
            return 2 * width + self.gap, height
        return width, 2 * height + self.gap if self.layout == "stack" else height

    def compose(self, a: Rgb, b: Rgb, wipe_position: float = 0.5) -> Rgb:
        """Put images A and B, (H, W, 3) uint8 of the panel size, on the canvas.

        `wipe_position` is that of the line in the layout `wipe`, 0 (left) to 1 (right).
        """
        if self.layout == "wipe":
            return _compose_wipe(a, b, wipe_position)
        canvas = np.empty((*self.size[::-1], 3), np.uint8)
        canvas[:] = BACKGROUND
        canvas[: a.shape[0], : a.shape[1]] = a
        canvas[-b.shape[0] :, -b.shape[1] :] = b
        return canvas


def fit_canvas(layout: Layout, image_size: tuple[int, int], max_width: float) -> Canvas:
    """Return the largest canvas for two images that is at most `max_width` pixels wide.

    The panels keep the aspect ratio of `image_size`, which is the display width and height.
    """
    width = _round_down_to_even(max_width / 2 if layout == "side" else max_width)
    while layout == "side" and 2 * width + _compute_gap(width) > max_width and width > 2:
        width -= 2
    return Canvas(layout, (width, max(2, 2 * round(width * image_size[1] / image_size[0] / 2))))


def compute_natural_width(layout: Layout, image_size: tuple[int, int], max_width: int) -> int:
    """Return the canvas width at which the images keep their size, at most `max_width`."""
    width = _round_down_to_even(image_size[0])
    return min(max_width, 2 * width + _compute_gap(width) if layout == "side" else width)


def _compute_gap(panel_width: int) -> int:
    return 2 * max(1, round(panel_width / 200))


def _round_down_to_even(length: float) -> int:
    return max(2, 2 * int(length / 2))


def compute_wipe_position(time_s: float, duration_s: float) -> float:
    """Return the position of the wipe line, 0 (left) to 1 (right), at a time of a video.

    The line starts at the center and moves to the right first.
    """
    period_s = min(max(duration_s, MIN_WIPE_PERIOD_S), MAX_WIPE_PERIOD_S)
    return 0.5 + _WIPE_AMPLITUDE * math.sin(2 * math.pi * time_s / period_s)


def _compose_wipe(a: Rgb, b: Rgb, position: float) -> Rgb:
    """Return an image that shows A on the left and B on the right of a white line."""
    width = a.shape[1]
    x = round(position * width)
    composed = b.copy()
    composed[:, :x] = a[:, :x]
    half = max(1, round(width / 900))
    # Dark edges keep the white line visible in bright images.
    edges = composed[:, max(0, x - 2 * half) : x + 2 * half]
    edges[:] = (edges * 0.55).astype(np.uint8)
    composed[:, max(0, x - half) : x + half] = 240
    return composed


def get_image_format(path: Path) -> str:
    """Return Pillow's name of the format of an output file, by its extension.

    Raises:
        UsageError: the format cannot be written.
    """
    image_format = IMAGE_FORMATS.get(path.suffix.lower())
    if image_format is None:
        choices = ", ".join(IMAGE_FORMATS)
        raise UsageError(f"{path}: unknown image format; use one of {choices}")
    return image_format


def check_image_size(path: Path, size: tuple[int, int]) -> None:
    """Raise a `UsageError` if the format of an image output is too small for a size."""
    max_side = _MAX_SIDES[get_image_format(path)]
    if max(size) > max_side:
        raise UsageError(
            f"{path}: {size[0]}×{size[1]} exceeds the maximum of {max_side} for {path.suffix}; "
            "use a smaller --width or --count"
        )


def save_image(image: Image, path: Path) -> None:
    """Write an image in the format of its extension, atomically. An existing file is replaced.

    Raises:
        UsageError: the extension is none of `IMAGE_FORMATS`.
        OutputError: the file cannot be written.
    """
    image_format = get_image_format(path)
    with atomic_output(path) as partial:
        image.save(partial, format=image_format, **_SAVE_OPTIONS[image_format])
