"""Outlines of masks, for drawing them over a picture of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from vidcolor.imaging.resize import resize_linear

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray

    Polygon = list[tuple[float, float]]

LEVEL = 0.5
"""Value of a mask, 0 to 1, at its outline."""
MAX_POLYGONS, MAX_CORNERS = 16, 160
"""Maximum numbers of polygons of an outline, and of corners of each."""
MIN_AREA = 2e-4
"""Minimum area of a polygon, as a fraction of the picture."""
OUTLINE_SIDE = 600
"""Short side to which a mask is enlarged before its outline is traced, in pixels."""


def trace_outline(mask: FloatArray) -> list[Polygon]:
    """Return the polygons around a mask, holes included: even-odd filling gives the region.

    Args:
        mask: (h, w) float32 in [0, 1].

    Returns:
        Lists of corners (x, y), as fractions of width and height.
    """
    scale = max(1, round(OUTLINE_SIDE / min(mask.shape)))
    shape = mask.shape[0] * scale, mask.shape[1] * scale
    large = (resize_linear(mask, shape) >= LEVEL).astype(np.uint8)
    # Contours run through pixel centers. The margin closes those at the edge of the picture.
    padded = np.pad(large, 1)
    contours, _ = cv2.findContours(padded, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    areas = [cv2.contourArea(contour) for contour in contours]
    ranked = sorted(zip(areas, range(len(contours)), strict=True), reverse=True)
    least = MIN_AREA * large.size
    kept = [number for area, number in ranked[:MAX_POLYGONS] if area >= least]
    return [_simplify(contours[number], shape, scale) for number in kept]


def _simplify(contour: Any, shape: tuple[int, int], scale: int) -> Polygon:
    tolerance = 0.4 * scale
    polygon = cv2.approxPolyDP(contour, tolerance, True)
    while len(polygon) > MAX_CORNERS:
        tolerance *= 1.4
        polygon = cv2.approxPolyDP(contour, tolerance, True)
    corners = (polygon[:, 0].astype(float) - 0.5) / np.array(shape[::-1])  # -1 for the margin
    return [(round(float(x), 5), round(float(y), 5)) for x, y in np.clip(corners, 0, 1)]


def find_innermost(mask: FloatArray) -> tuple[float, float]:
    """Return the point of a mask, (h, w) float32 in [0, 1], that is farthest from its outline.

    The point is in fractions (x, y); that of an object stays on it, which its center may not.
    """
    binary = (mask > LEVEL).astype(np.uint8)
    distance = cv2.distanceTransform(np.pad(binary, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(int(distance.argmax()), distance.shape)
    return (float(column) + 0.5) / mask.shape[1], (float(row) + 0.5) / mask.shape[0]
