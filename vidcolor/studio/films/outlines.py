"""Outlines of masks, for drawing them over a picture of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from vidcolor.imaging.resize import resize_linear

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray

LEVEL = 0.5
"""Value of a mask, 0 to 1, at its outline."""
SCALE = 4
"""Enlargement of a mask before its outline is followed, so that the outline is smooth."""
TOLERANCE = 0.75
"""Maximum distance of a simplified outline, in pixels of the enlarged mask."""
MIN_AREA = 2e-4
"""Minimum area of a separate part that is drawn, as a share of the picture."""
_DIGITS = 4

Outline = list[list[list[float]]]
"""Closed lines of points (x, y), as fractions of width and height."""


def trace_outline(mask: FloatArray) -> Outline:
    """Return the outlines of a mask, (h, w) float32 in [0, 1], also those of its holes."""
    height, width = mask.shape[0] * SCALE, mask.shape[1] * SCALE
    binary = (resize_linear(mask, (height, width)) > LEVEL).astype(np.uint8)
    # A border makes outlines at the edges of the picture closed.
    padded = np.pad(binary, 1)
    contours, _ = cv2.findContours(padded, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    outline: Outline = []
    for contour in contours:
        if cv2.contourArea(contour) < MIN_AREA * height * width:
            continue
        points = cv2.approxPolyDP(contour, TOLERANCE, closed=True)[:, 0].astype(float) - 0.5
        points = np.clip(points / (width, height), 0, 1)
        outline.append([[round(float(v), _DIGITS) for v in point] for point in points])
    return outline


def find_innermost(mask: FloatArray) -> tuple[float, float]:
    """Return the point of a mask, (h, w) float32 in [0, 1], that is farthest from its outline.

    The point is in fractions (x, y); that of an object stays on it, which its center may not.
    """
    binary = (mask > LEVEL).astype(np.uint8)
    distance = cv2.distanceTransform(np.pad(binary, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(int(distance.argmax()), distance.shape)
    return (float(column) + 0.5) / mask.shape[1], (float(row) + 0.5) / mask.shape[0]
