"""The canvas of a comparison: the placement of its images, and the formats of saved images."""

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
    """A canvas for images of one size. All sizes are even, as encoders for 4:2:0 require."""

    layout: Layout
    """Arrangement of the images."""
    panel_size: tuple[int, int]
    """Width and height of each image in pixels."""
    num_images: int = 2
    """Number of images; 2 for `wipe`."""

    @property
    def gap(self) -> int:
        """Distance between the images in pixels; 0 for `wipe`."""
        return 0 if self.layout == "wipe" else _compute_gap(self.panel_size[0])

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the canvas in pixels."""
        width, height = self.panel_size
        if self.layout == "side":
            return _compute_total(width, self.gap, self.num_images), height
        if self.layout == "stack":
            return width, _compute_total(height, self.gap, self.num_images)
        return width, height

    def compose(self, *images: Rgb, wipe_position: float = 0.5) -> Rgb:
        """Put images, (H, W, 3) uint8 of the panel size, on the canvas.

        `wipe_position` is that of the line in the layout `wipe`, 0 (left) to 1 (right).
        """
        if self.layout == "wipe":
            a, b = images
            return _compose_wipe(a, b, wipe_position)
        canvas = np.empty((*self.size[::-1], 3), np.uint8)
        canvas[:] = BACKGROUND
        width, height = self.panel_size
        for n, image in enumerate(images):
            x = n * (width + self.gap) if self.layout == "side" else 0
            y = n * (height + self.gap) if self.layout == "stack" else 0
            canvas[y : y + height, x : x + width] = image
        return canvas


def fit_canvas(
    layout: Layout, image_size: tuple[int, int], max_width: float, num_images: int = 2
) -> Canvas:
    """Return the largest canvas for some images that is at most `max_width` pixels wide.

    The panels keep the aspect ratio of `image_size`, which is the display width and height.
    """
    columns = num_images if layout == "side" else 1
    width = _round_down_to_even(max_width / columns)
    while _compute_total(width, _compute_gap(width), columns) > max_width and width > 2:
        width -= 2
    panel_size = width, max(2, 2 * round(width * image_size[1] / image_size[0] / 2))
    return Canvas(layout, panel_size, num_images)


def compute_natural_width(
    layout: Layout, image_size: tuple[int, int], max_width: int, num_images: int = 2
) -> int:
    """Return the canvas width at which the images keep their size, at most `max_width`."""
    width = _round_down_to_even(image_size[0])
    columns = num_images if layout == "side" else 1
    return min(max_width, _compute_total(width, _compute_gap(width), columns))


def _compute_total(length: int, gap: int, count: int) -> int:
    return count * length + (count - 1) * gap


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
