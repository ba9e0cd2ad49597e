"""Hint discs: the positions and colors of hints in stored pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.errors import UsageError
from vidcolor.hints.io import is_keep, parse_color
from vidcolor.imaging.geometry import swaps_axes, to_stored_position

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray
    from vidcolor.options import Hint

DEFAULT_RADIUS = 0.012
"""Radius of a hint that does not specify one, as a fraction of the short side. For 1920×1080 it is
13 pixels."""
MIN_RADIUS = 0.5
"""Minimum radius of a disc, in stored pixels. Smaller radii are raised to it."""


@dataclass(frozen=True, slots=True)
class HintDisc:
    """A disc whose pixels get a given color."""

    x: float
    """Distance of the center from the left edge, in stored pixels. The center of the first pixel is
    at 0.5."""
    y: float
    """Distance of the center from the top edge, in stored pixels."""
    radius: float
    """Radius, in stored pixels."""
    ab: tuple[float, float] | None
    """CIELAB a*, b*, without the lightness of the color. None keeps the automatic color."""
    color: str
    """The color as the user wrote it."""
    name: str
    """Name of the hint in messages."""


def place_hints(
    hints: Sequence[Hint], size: tuple[int, int], orientation: int = 1
) -> tuple[HintDisc, ...]:
    """Convert hints to discs in stored pixels.

    `size` is (H, W) of the stored pixels; `orientation` is that of EXIF, 1-8.

    Raises:
        UsageError: a hint lies outside the image, has a time or frame, or has an invalid color.
    """
    height, width = size[::-1] if swaps_axes(orientation) else size
    return tuple(_place_hint(hint, height, width, orientation) for hint in hints)


def _place_hint(hint: Hint, height: int, width: int, orientation: int) -> HintDisc:
    """Convert one hint to a disc; `height` and `width` are those of the displayed image."""
    if hint.time is not None or hint.frame is not None:
        raise UsageError(
            f"{hint.name}: time and frame apply to films only; remove them for a photo"
        )
    short_side = min(height, width)
    if hint.in_fractions:
        x, y = hint.x * width, hint.y * height
        radius = (hint.radius or DEFAULT_RADIUS) * short_side
        is_inside = 0 <= hint.x <= 1 and 0 <= hint.y <= 1
    else:
        # A pixel index denotes the center of the pixel.
        x, y = hint.x + 0.5, hint.y + 0.5
        radius = hint.radius or DEFAULT_RADIUS * short_side
        is_inside = 0 <= hint.x < width and 0 <= hint.y < height
    if not is_inside:
        limits = "0 to 1" if hint.in_fractions else f"{width}×{height}"
        raise UsageError(f"{hint.name}: x={hint.x:g}, y={hint.y:g} is outside the image ({limits})")
    if radius > max(height, width):
        raise UsageError(
            f"{hint.name}: radius {hint.radius:g} is larger than the image"
            + ("; it is a fraction of the short side" if hint.in_fractions else "")
        )
    ab = _parse_ab(hint)
    x, y = to_stored_position(x, y, (height, width), orientation)
    radius = max(radius, MIN_RADIUS)
    return HintDisc(x, y, radius, ab, hint.color, hint.name)


def _parse_ab(hint: Hint) -> tuple[float, float] | None:
    """Return a*, b* of a hint, or None if it keeps the automatic color."""
    if is_keep(hint.color):
        return None
    rgb = parse_color(hint.color)
    if rgb is None:
        raise UsageError(f"{hint.name}: {hint.color!r} is not a color; write #3b5f8a or steelblue")
    a, b = srgb_to_ab(np.array([[rgb]], np.uint8))[:, 0, 0]
    # All grays are one color, although their a*, b* differ by rounding errors.
    return round(float(a), 3), round(float(b), 3)


def srgb_to_ab(rgb: NDArray[np.uint8]) -> FloatArray:
    """Convert sRGB codes, (H, W, 3) uint8, to CIELAB a*, b*: (2, H, W) float32."""
    import torch

    from vidcolor.color.lab import rgb_to_lab

    planes = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))[None])
    with torch.inference_mode():
        ab: FloatArray = rgb_to_lab(planes.float() / 255)[1][0].numpy()
    return ab


def disc_distance(
    disc: HintDisc, shape: tuple[int, ...], scale: tuple[float, float] = (1.0, 1.0)
) -> FloatArray:
    """Return the distance of each pixel from the center of a disc, in radii of the disc.

    `scale` is grid pixels per stored pixel, vertical and horizontal. The result is (h, w) float32,
    at most 1 inside the disc. The nearest pixel always counts as inside.
    """
    rows = (np.arange(shape[0], dtype=np.float32) + 0.5) / scale[0] - disc.y
    columns = (np.arange(shape[1], dtype=np.float32) + 0.5) / scale[1] - disc.x
    distance: FloatArray = np.hypot(rows[:, None], columns[None]) / np.float32(disc.radius)
    # On a coarse grid a disc can lie between the pixel centers.
    if distance.min() > 1:
        distance[np.unravel_index(distance.argmin(), distance.shape)] = 1
    return distance


def fill_disc(disc: HintDisc, mask: FloatArray, size: tuple[int, int]) -> None:
    """Set a mask, (h, w) float32, to 1 in a disc, in place.

    `size` is H, W of the image in which the disc is placed.
    """
    scale = mask.shape[0] / size[0], mask.shape[1] / size[1]
    mask[disc_distance(disc, mask.shape, scale) <= 1] = 1
