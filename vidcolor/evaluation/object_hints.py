"""Objects in color photographs that get another color by simulated hints.

An object is a region of one color in the ground truth; the gray image does not contain it. Its new
color is random, so that a generator can know it only from the hints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vidcolor.color.lab import lab_to_rgb_array, rgb_to_lab_array
from vidcolor.evaluation.variant import make_random_generator
from vidcolor.hints.discs import srgb_to_ab
from vidcolor.imaging.resize import limit_short_side, resize_area
from vidcolor.options import Hint
from vidcolor.segmentation.regions import find_region

if TYPE_CHECKING:
    from numpy.random import Generator

    from vidcolor.imaging.types import FloatArray, Rgb

REGION_SIDE = 128
"""Short side at which regions are searched, in pixels."""
AREA_LIMITS = (0.02, 0.35)
"""Minimum and maximum area of an object, as a share of the image."""
LIGHTNESS_LIMITS = (15.0, 90.0)
"""Minimum and maximum of the mean L* of an object. Darker and brighter ones have little chroma."""
CHROMA_LIMITS = (25.0, 45.0)
"""Minimum and maximum chroma of the new color, in a*b* units."""
MAX_HINTS = 100
"""Maximum number of hints in an object."""
_MARGIN = 2.5
"""Distance of hints from the border of the object, in pixels at `REGION_SIDE`."""
_MIN_POSITIONS = 40
"""Minimum number of pixels of an object at which a hint can be."""
_NUM_ATTEMPTS = 5
"""Maximum number of regions that are tried for an image."""


@dataclass(frozen=True, slots=True)
class RecoloredObject:
    """An object and the hints that give it another color."""

    mask: FloatArray
    """1 in the object and 0 elsewhere: (h, w) float32 with a short side of at most `REGION_SIDE`.
    """
    target_ab: tuple[float, float]
    """a*, b* of the new color."""
    hints: tuple[Hint, ...]
    """`MAX_HINTS` hints. The first one lies in the middle of the object, the others at random
    positions. The first n hints are the hints of an evaluation with n hints."""


def choose_object(ground_truth: Rgb, name: str) -> RecoloredObject | None:
    """Choose an object of an image, sRGB, (H, W, 3) uint8, and its new color.

    The name of the image determines the choice. The result is None if the image has no suitable
    region.
    """
    rng = make_random_generator(name)
    rgb = resize_area(ground_truth, limit_short_side(ground_truth.shape, REGION_SIDE))
    lightness, _ = rgb_to_lab_array(rgb.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
    for _ in range(_NUM_ATTEMPTS):
        mask = find_region(rgb, rng, area_limits=AREA_LIMITS)
        if mask is None:
            return None
        mean = float(lightness[mask > 0].mean())
        border_distance = compute_border_distance(mask)
        is_wide = (border_distance >= _MARGIN).sum() >= _MIN_POSITIONS
        if is_wide and LIGHTNESS_LIMITS[0] <= mean <= LIGHTNESS_LIMITS[1]:
            color, target_ab = draw_color(rng)
            return RecoloredObject(mask, target_ab, _draw_hints(border_distance, color, rng))
    return None


def compute_border_distance(mask: FloatArray) -> FloatArray:
    """Return the distance of each pixel of an object from its border and that of the image.

    The result is (h, w) float32 in pixels, 0 outside the object.
    """
    padded = np.pad((mask > 0.5).astype(np.uint8), 1)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1], np.float32)


def _draw_hints(border_distance: FloatArray, color: str, rng: Generator) -> tuple[Hint, ...]:
    height, width = border_distance.shape
    middle = np.unravel_index(int(border_distance.argmax()), border_distance.shape)
    positions = np.argwhere(border_distance >= _MARGIN)
    chosen = [middle, *positions[rng.integers(0, len(positions), MAX_HINTS - 1)]]
    return tuple(
        Hint(x=float(x + 0.5) / width, y=float(y + 0.5) / height, color=color, unit="fraction")
        for y, x in chosen
    )


def draw_color(rng: Generator) -> tuple[str, tuple[float, float]]:
    """Draw a color of random hue and a chroma in `CHROMA_LIMITS`: its hex code, and its a*, b*."""
    hue, chroma = rng.uniform(0, 2 * np.pi), rng.uniform(*CHROMA_LIMITS)
    return make_color(chroma * np.cos(hue), chroma * np.sin(hue))


def make_color(a: float, b: float) -> tuple[str, tuple[float, float]]:
    """Return the hex code of an sRGB color with about these a*, b*, and its exact a*, b*.

    The color has the lightness at which it is inside the gamut, or outside by the least.
    """
    lightness = np.arange(20, 96, dtype=np.float32)
    planes = (np.full_like(lightness, value) for value in (a, b))
    rgb = lab_to_rgb_array(lightness, *planes)
    excess = np.maximum(rgb.max(0) - 1, -rgb.min(0))
    codes = np.rint(255 * np.clip(rgb[:, excess.argmin()], 0, 1)).astype(np.uint8)
    exact_a, exact_b = srgb_to_ab(codes[None, None])[:, 0, 0]
    return "#" + bytes(codes).hex(), (float(exact_a), float(exact_b))
