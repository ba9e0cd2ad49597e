"""Where hints lie in the pixels as stored, and what color they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.errors import UsageError
from vidcolor.hints.io import rgb_of_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidcolor.options import Hint

    Array = NDArray[np.float32]

DEFAULT_RADIUS = 0.012
"""Of a hint that says none, as a share of the short side: 13 pixels of 1080."""


@dataclass(frozen=True, slots=True)
class HintDisc:
    """A disc of known color."""

    x: float
    """In stored pixels from the left edge; the first pixel's center is at 0.5."""
    y: float
    radius: float
    """In stored pixels."""
    ab: tuple[float, float]
    """CIELAB a*, b*."""
    color: str
    """As the person wrote it."""
    name: str
    """What messages call it."""


def place_hints(
    hints: Sequence[Hint], size: tuple[int, int], orientation: int = 1
) -> tuple[HintDisc, ...]:
    """Place hints in a picture.

    Args:
        hints: places in the picture as displayed.
        size: (H, W) of the stored pixels.
        orientation: EXIF's, 1-8: how a viewer turns and mirrors them.

    Raises:
        UsageError: a hint lies outside, is of a film, or names no color.
    """
    height, width = size if orientation < 5 else size[::-1]
    return tuple(_spot(hint, height, width, orientation) for hint in hints)


def _spot(hint: Hint, height: int, width: int, orientation: int) -> HintDisc:
    if hint.time is not None or hint.frame is not None:
        raise UsageError(f"{hint.name}: names a moment of a film, and this is a picture")
    short = min(height, width)
    if hint.in_fractions:
        x, y = hint.x * width, hint.y * height
        radius = (hint.radius or DEFAULT_RADIUS) * short
        inside = 0 <= hint.x <= 1 and 0 <= hint.y <= 1
    else:
        x, y = hint.x + 0.5, hint.y + 0.5
        radius = hint.radius or DEFAULT_RADIUS * short
        inside = 0 <= hint.x < width and 0 <= hint.y < height
    if not inside:
        where = f"x={hint.x:g}, y={hint.y:g}"
        if hint.in_fractions:
            raise UsageError(f"{hint.name}: {where} lies outside the picture (0 to 1)")
        raise UsageError(f"{hint.name}: {where} lies outside the picture ({width}×{height})")
    if radius > max(height, width):
        raise UsageError(
            f"{hint.name}: radius {hint.radius:g} is larger than the picture"
            + ("; it is a share of the short side here" if hint.in_fractions else "")
        )
    rgb = rgb_of_name(hint.color)
    if rgb is None:
        raise UsageError(f"{hint.name}: {hint.color!r} is no color; write #3b5f8a or steelblue")
    u, v = _stored(x, y, height, width, orientation)
    a, b = ab_of_rgb(np.array([[rgb]], np.uint8))[:, 0, 0]
    radius = max(radius, 0.5)  # the pixel itself at least
    return HintDisc(u, v, radius, (float(a), float(b)), hint.color, hint.name)


def _stored(x: float, y: float, height: int, width: int, orientation: int) -> tuple[float, float]:
    """Displayed position -> stored position; height and width are the displayed picture's."""
    left, top = width - x, height - y
    return {
        2: (left, y),
        3: (left, top),
        4: (x, top),
        5: (y, x),
        6: (y, left),
        7: (top, left),
        8: (top, x),
    }.get(orientation, (x, y))


def ab_of_rgb(rgb: NDArray[np.uint8]) -> Array:
    """a*, b* of sRGB codes: (H, W, 3) uint8 -> (2, H, W) float32."""
    import torch

    from vidcolor.color.lab import rgb_to_lab

    planes = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))[None])
    with torch.inference_mode():
        ab: Array = rgb_to_lab(planes.float() / 255)[1][0].numpy()
    return ab


def disc_distance(
    spot: HintDisc, shape: tuple[int, ...], scale: tuple[float, float] = (1.0, 1.0)
) -> Array:
    """How far each pixel lies from a spot's center, in radii, on any grid.

    Args:
        spot: where.
        shape: (h, w) of the grid.
        scale: the grid's pixels to a stored pixel, down and across.

    Returns:
        (h, w) float32; at most 1 inside the disc. At least one pixel of the grid, the nearest,
        counts as inside.
    """
    rows = (np.arange(shape[0], dtype=np.float32) + 0.5) / scale[0] - spot.y
    columns = (np.arange(shape[1], dtype=np.float32) + 0.5) / scale[1] - spot.x
    away: Array = np.hypot(rows[:, None], columns[None]) / np.float32(spot.radius)
    if away.min() > 1:
        away[np.unravel_index(away.argmin(), away.shape)] = 1
    return away
