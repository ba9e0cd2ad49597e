"""Detection of the objects that hints lie on.

The generator knows what belongs together, such as a coat and its sleeves, but it also changes the
surroundings and similar objects. Luma edges bound an object, but also its folds. The object is the
intersection of both masks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.hints.discs import disc_distance
from vidcolor.hints.spread import REACH, spread_colors
from vidcolor.imaging.smoothstep import smoothstep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidcolor.hints.discs import HintDisc
    from vidcolor.imaging.types import FloatArray

CHANGE_LIMITS = (0.35, 0.7)
"""Change of the prediction toward the hint color, as a fraction of the distance from the base
prediction: the object does not include pixels below the first limit and includes those above the
second."""
MIN_COLOR_DISTANCE = 4.0
"""Minimum distance between hint and base prediction in the ratio above, in a*b* units. Hints that
are nearer cannot separate objects."""
REGION_REACH = 2 * REACH
"""Reach of `spread_colors` inside an object. It is longer than for hints alone, because the change
of the prediction bounds the object as well."""
WEIGHT_LIMITS = (0.12, 0.4)
"""Weight of the hint in `spread_colors`: outside the object below the first limit, inside above the
second."""
COMPONENT_THRESHOLD = 0.3
"""Mask value from which pixels connect the parts of an object."""
COLOR_WEIGHT = 0.5
"""Weight of the hint color in the color of the object; the rest is the hinted prediction."""


def find_hint_regions(
    discs: Sequence[HintDisc],
    base_ab: FloatArray,
    hinted_ab: FloatArray,
    luma: FloatArray,
    scale: tuple[float, float],
) -> tuple[FloatArray, FloatArray]:
    """Find the objects that hints lie on.

    Args:
        discs: hint discs.
        base_ab: a*, b* predicted without hints: (2, h, w) float32.
        hinted_ab: a*, b* predicted with hints: (2, h, w) float32.
        luma: Y' of the same pixels: (h, w) float32 in [0, 1].
        scale: grid pixels per stored pixel, vertical and horizontal.

    Returns:
        a*, b* of the objects: (2, h, w) float32; and their mask: (h, w) float32 in [0, 1].
    """
    ab, mask = hinted_ab.copy(), np.zeros(luma.shape, np.float32)
    for disc in discs:
        color = np.array(disc.ab, np.float32)[:, None, None]
        difference = color - base_ab
        length = np.maximum((difference * difference).sum(0), MIN_COLOR_DISTANCE**2)
        change = ((hinted_ab - base_ab) * difference).sum(0) / length
        _, weight = spread_colors([disc], hinted_ab, luma, scale, REGION_REACH)
        region = smoothstep(change, *CHANGE_LIMITS) * smoothstep(weight, *WEIGHT_LIMITS)
        region *= _select_component(region, disc_distance(disc, luma.shape, scale) <= 1)
        ab += np.float32(COLOR_WEIGHT) * region * (color - ab)
        mask = np.maximum(mask, region)
    return ab, mask


def _select_component(mask: FloatArray, inside: NDArray[np.bool_]) -> FloatArray:
    """Return 1 in the connected parts of a mask that a disc touches and at their edges, else 0."""
    import cv2

    binary = ((mask > COMPONENT_THRESHOLD) | inside).astype(np.uint8)
    _, labels = cv2.connectedComponents(binary, connectivity=4)
    touched = np.unique(labels[inside])
    component = np.isin(labels, touched[touched > 0]).astype(np.uint8)
    # The mask is soft at its edges, which lie below the threshold.
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    return np.asarray(cv2.dilate(component, kernel), np.float32)
