"""Regions of one color in color photographs: the true masks for training and evaluation.

A color photograph shows which pixels belong together: connected pixels of about one color.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator

    from vidcolor.imaging.types import FloatArray, Rgb

AREA_LIMITS = (0.01, 0.5)
"""Default minimum and maximum area of a region, as a share of the image."""
COLOR_TOLERANCES = (5.0, 14.0)
"""Range of the maximum distance from the color of the seed, in a*b* units."""
LUMA_TOLERANCES = (25.0, 60.0)
"""Range of the maximum difference from the L* of the seed. It is wide, because folds and shade
belong to an object."""


def find_region(
    rgb: Rgb,
    rng: Generator,
    tries: int = 8,
    area_limits: tuple[float, float] = AREA_LIMITS,
) -> FloatArray | None:
    """Find a random connected region of about one color.

    The region is grown from a random seed pixel. The sizes of the filters suit images with a short
    side of about 128 pixels.

    Args:
        rgb: sRGB, (h, w, 3) uint8.
        rng: the source of seeds and tolerances.
        tries: maximum number of seeds.
        area_limits: minimum and maximum area of the region, as a share of the image.

    Returns:
        (h, w) float32 in {0, 1}; None if no seed has a region of an allowed area.
    """
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    smooth = np.stack([cv2.bilateralFilter(lab[..., c].copy(), 7, 12, 5) for c in (1, 2)])
    luma = cv2.GaussianBlur(lab[..., 0], (0, 0), 1.5)
    height, width = luma.shape
    for _ in range(tries):
        y, x = int(rng.integers(height)), int(rng.integers(width))
        seed = smooth[:, y, x][:, None, None]
        color = ((smooth - seed) ** 2).sum(0) / rng.uniform(*COLOR_TOLERANCES) ** 2
        light = (np.abs(luma - lab[y, x, 0]) / rng.uniform(*LUMA_TOLERANCES)) ** 2
        similar = (color + light < 1).astype(np.uint8)
        similar = cv2.morphologyEx(similar, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        similar[y, x] = 1
        _, labels = cv2.connectedComponents(similar, connectivity=4)
        region = (labels == labels[y, x]).astype(np.uint8)
        region = cv2.morphologyEx(region, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
        if area_limits[0] < region.mean() < area_limits[1]:
            return region.astype(np.float32)
    return None
