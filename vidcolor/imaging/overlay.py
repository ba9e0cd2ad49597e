"""Color overlays: color with an alpha channel, which is blended over predicted color."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.imaging.resize import resize_linear

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray


class ColorOverlay(NamedTuple):
    """Color that is blended over a prediction, on any grid, in the same orientation."""

    ab: FloatArray
    """a*, b*: (2, h, w) float32."""
    alpha: FloatArray
    """(h, w) float32 in [0, 1]: 1 where only the color of the overlay is visible."""


def mix_overlays(
    a: ColorOverlay | None, b: ColorOverlay | None, share: float
) -> ColorOverlay | None:
    """Mix two overlays of one size; `share` is the weight of the second one, 0-1."""
    if a is None and b is None:
        return None
    given = a if b is None else b
    assert given is not None  # for the type checker
    total = np.zeros((3, *given.alpha.shape), np.float32)
    for overlay, weight in ((a, 1 - share), (b, share)):
        if overlay is not None:
            alpha = np.float32(weight) * overlay.alpha
            total += np.stack([*(overlay.ab * alpha), alpha])
    return ColorOverlay(total[:2] / np.maximum(total[2], 1e-6), total[2])


def composite_overlays(above: ColorOverlay, below: ColorOverlay) -> ColorOverlay:
    """Composite two overlays of one size with the "over" operator (Porter & Duff, 1984)."""
    alpha = above.alpha + below.alpha * (1 - above.alpha)
    share = above.alpha / np.maximum(alpha, 1e-6)
    return ColorOverlay(below.ab + share * (above.ab - below.ab), alpha)


def resize_overlay(overlay: ColorOverlay, shape: tuple[int, int]) -> ColorOverlay:
    """Resize an overlay to (height, width)."""
    # Premultiplied, so that color with alpha 0 has no influence on its neighbors.
    planes = [resize_linear(p, shape) for p in (*(overlay.ab * overlay.alpha), overlay.alpha)]
    return ColorOverlay(np.stack(planes[:2]) / np.maximum(planes[2], 1e-6), planes[2])


def extend_color(overlay: ColorOverlay, radius: int) -> FloatArray:
    """Return the color of an overlay, extended to transparent pixels near visible ones.

    They get the mean color of the visible pixels in the window of (2 `radius` + 1)² pixels, so that
    they have a color if alpha is smoothed.

    Returns:
        a*, b*: (2, h, w) float32; 0 away from all visible pixels.
    """
    import cv2

    planes = np.dstack([*(overlay.ab * overlay.alpha), overlay.alpha])
    side = 2 * radius + 1
    near = np.asarray(cv2.blur(planes, (side, side), borderType=cv2.BORDER_REPLICATE))
    # The small factor keeps the color of visible pixels.
    total = planes + np.float32(1e-4) * near
    color = total[..., :2] / np.maximum(total[..., 2:], 1e-8)
    return np.ascontiguousarray(color.transpose(2, 0, 1))
