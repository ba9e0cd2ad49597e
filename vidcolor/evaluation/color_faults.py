"""Scores of frequent faults of predicted colors. They need no ground truth.

The scores measure the size of a fault, not whether colors are right: the ground truth has values
above 0 as well, which are the baseline, and a gray image has no faults. Images are reduced to a
short side of `MAX_SHORT_SIDE`. Distances are in units of `UNIT` of the short side, so that the
scores of large and small images are comparable.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.lab import rgb_to_lab_array
from vidcolor.imaging.resize import limit_short_side, resize_area

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray, Mask, Rgb

MAX_SHORT_SIDE = 256
"""Maximum short side of the images that are measured, in pixels."""
UNIT = 1 / MAX_SHORT_SIDE
"""Unit of distances, as a fraction of the short side: a pixel at `MAX_SHORT_SIDE`."""

BLOTCH_SIGMA = 6.0
"""Standard deviation of the Gaussian that removes differences of chroma smaller than blotches, in
units. It passes half of the amplitude at a period of 13 % of the short side."""
LUMA_SIGMA = 2.0
"""Standard deviation of the Gaussian that removes texture of L*, in units."""
FLAT_GRADIENT = 2.0
"""Gradient of L* or of sharp chroma at which a change of chroma counts half, per unit."""
MIN_CHROMA = 5.0
"""Addend to the mean chroma that limits the blotchiness of nearly gray images, in a*b* units."""

WARM_HUES = 25, 95
"""Range of the hues of sepia, from orange to yellow, in degrees."""
GRAY_CHROMA = 1.0
"""Mean chroma below which the hues of an image are undefined, in a*b* units."""

EDGE_GRADIENT = 4.0
"""Minimum gradient of L* at a strong edge, per unit."""
EDGE_DISTANCES = 2, 5
"""Minimum and maximum distance of a place beside an edge, in units."""
BESIDE_GRADIENT = 1.5
"""Maximum gradient of L* at a place beside an edge, per unit."""
BLEEDING_SIGMA = 2.0
"""Standard deviation of the Gaussian that removes noise and texture of chroma, in units."""
MIN_PLACES = 20
"""Minimum number of pixels at edges, and beside edges, for which bleeding is defined."""
MIN_EDGE_CHANGE = 0.05
"""Minimum gradient of chroma at edges for which bleeding is defined, in a*b* units per unit."""

BLOTCHINESS_DEFINITION = (
    "gradual change of a*, b* where neither luma nor an edge of chroma explains it: weighted root "
    f"mean square in percent of the mean chroma plus {MIN_CHROMA:g}, per 1/{MAX_SHORT_SIDE} of the "
    "short side"
)
BLEEDING_DEFINITION = (
    "mean gradient of a*, b* beside strong edges of L*, divided by that at the edges"
)
WARM_SHARE_DEFINITION = (
    f"share of the chroma with hues from {WARM_HUES[0]} to {WARM_HUES[1]} degrees; 1 for sepia. "
    "Compare it with that of the ground truth"
)


def compute_lab(rgb: Rgb) -> FloatArray:
    """Return L*, a*, b* of a reduced copy of an sRGB image, (H, W, 3) uint8: (h, w, 3) float32."""
    size = limit_short_side(rgb.shape, MAX_SHORT_SIDE)
    reduced = rgb if size == rgb.shape[:2] else resize_area(rgb, size)
    planes = np.ascontiguousarray(reduced.transpose(2, 0, 1), np.float32) / np.float32(255)
    lightness, (a, b) = rgb_to_lab_array(planes)
    return np.stack([lightness, a, b], axis=-1)


def measure_blotchiness(lab: FloatArray) -> float:
    """Measure gradual changes of color where neither luma nor an edge of chroma explains them.

    A blotch is a part of an object in another color than the rest: its border is soft and has no
    edge in luma. Let g be the gradient of (a*, b*) after a Gaussian of `BLOTCH_SIGMA`. It counts
    with the weight w = 1 / (1 + (l / t)²), where l is the largest gradient of L* nearby and t is
    `FLAT_GRADIENT`, and with the same function v of the largest gradient of sharp chroma nearby:
    objects of one luma and different colors have sharp borders. The score is 100 times the root of
    sum(w v g²) / sum(w), divided by the mean chroma plus `MIN_CHROMA`.

    `lab` is L*, a*, b*, (H, W, 3) float32. The result is the change of color per `UNIT` of the
    short side in percent of the chroma: 0 for uniform colors, about 3 for large blotches.
    """
    scale = _get_pixels_per_unit(lab)
    ab = np.ascontiguousarray(lab[..., 1:])
    luma = _measure_gradient(np.ascontiguousarray(lab[..., 0]), LUMA_SIGMA, scale)
    change = _measure_gradient(ab, BLOTCH_SIGMA, scale)
    flatness = _weight_flatness(_find_maximum_within(luma, LUMA_SIGMA * scale))
    sharp_chroma = _measure_gradient(ab, 1.0, scale)
    softness = _weight_flatness(_find_maximum_within(sharp_chroma, BLOTCH_SIGMA * scale))
    mean_square = float((flatness * softness * change * change).sum() / flatness.sum())
    return 100 * math.sqrt(mean_square) / (float(_measure_chroma(lab).mean()) + MIN_CHROMA)


def measure_warm_share(lab: FloatArray) -> float:
    """Measure how much of the chroma has the hues of sepia, `WARM_HUES`.

    The score is the sum of the chroma with these hues, divided by the sum of all chroma: 1 if
    everything is brown, about 0.5 for color photographs on average. `lab` is L*, a*, b*, (H, W, 3)
    float32. The result is NaN for a gray image.
    """
    chroma = _measure_chroma(lab)
    if float(chroma.mean()) < GRAY_CHROMA:
        return math.nan
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))
    is_warm = (hue > WARM_HUES[0]) & (hue < WARM_HUES[1])
    return float(chroma[is_warm].sum() / chroma.sum())


def measure_bleeding(lab: FloatArray) -> float:
    """Measure how much color changes beside strong edges of luma instead of at them.

    The score is the mean gradient of (a*, b*) at places beside an edge where luma is uniform,
    divided by the mean gradient at the edges: 0 if colors end exactly at edges, 1 if they change
    as much beside them. `lab` is L*, a*, b*, (H, W, 3) float32. The result is NaN for an image
    without strong edges or without a change of color at them.
    """
    scale = _get_pixels_per_unit(lab)
    luma = _measure_gradient(np.ascontiguousarray(lab[..., 0]), 1.0, scale)
    chroma = _measure_gradient(np.ascontiguousarray(lab[..., 1:]), BLEEDING_SIGMA, scale)
    is_edge = luma > EDGE_GRADIENT
    minimum, maximum = (_dilate(is_edge, distance * scale) for distance in EDGE_DISTANCES)
    is_beside = maximum & ~minimum & (luma < BESIDE_GRADIENT)
    if min(np.count_nonzero(is_edge), np.count_nonzero(is_beside)) < MIN_PLACES:
        return math.nan
    at_edges = float(chroma[is_edge].mean())
    if at_edges < MIN_EDGE_CHANGE:
        return math.nan
    return float(chroma[is_beside].mean()) / at_edges


def _get_pixels_per_unit(lab: FloatArray) -> float:
    return float(min(lab.shape[:2])) * UNIT


def _measure_chroma(lab: FloatArray) -> FloatArray:
    return np.asarray(np.hypot(lab[..., 1], lab[..., 2]))


def _measure_gradient(image: FloatArray, sigma: float, scale: float) -> FloatArray:
    """Return the length of the gradient per unit, of all channels together: (H, W) float32.

    `sigma` is the standard deviation of the Gaussian before it in units, and `scale` is the number
    of pixels per unit.
    """
    import cv2

    border = cv2.BORDER_REFLECT_101
    smooth = cv2.GaussianBlur(image, (0, 0), sigma * scale, borderType=border)
    squares: FloatArray = np.zeros(image.shape[:2], np.float32)
    for order in ((1, 0), (0, 1)):
        slope = cv2.Sobel(smooth, cv2.CV_32F, *order, scale=scale / 8, borderType=border)
        squares += np.square(np.asarray(slope)).reshape(*image.shape[:2], -1).sum(axis=-1)
    return np.asarray(np.sqrt(squares), np.float32)


def _weight_flatness(gradient: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.square(gradient / FLAT_GRADIENT)), np.float32)


def _find_maximum_within(image: FloatArray, radius: float) -> FloatArray:
    """Return the maximum in a square around every pixel: (H, W) float32. `radius` is in pixels."""
    import cv2

    side = 2 * max(1, round(radius)) + 1
    square = cv2.getStructuringElement(cv2.MORPH_RECT, (side, side))
    return np.asarray(cv2.dilate(image, square), np.float32)


def _dilate(mask: Mask, radius: float) -> Mask:
    """Return the pixels in a square around every pixel of a mask: (H, W) bool."""
    return _find_maximum_within(mask.astype(np.float32), radius) > 0
