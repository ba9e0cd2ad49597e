"""Detection of the objects that hints lie on.

Two masks are computed for each hint. The first marks the pixels whose prediction the hint changes.
The generator recognizes connected parts, such as a coat and its sleeves, but the hint also changes
its predictions for the surroundings and for similar objects. The second mask ends at luma edges,
but these also lie inside an object, such as the folds of a coat. The object is the intersection of
both masks.
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
"""Change of the prediction toward the hint color, as a fraction of the distance between base
prediction and hint color. The mask is 0 up to the first limit and 1 from the second."""
MIN_COLOR_DISTANCE = 4.0
"""Minimum distance between base prediction and hint color by which the change is divided, in a*b*
units. Smaller distances are raised to it, because such hints cannot separate objects."""
REGION_REACH = 2 * REACH
"""Reach of `spread_colors` inside an object, as a fraction of the short side. It is longer than
`REACH`, because the change of the prediction also limits the mask."""
WEIGHT_LIMITS = (0.12, 0.4)
"""Weight of the hint in `spread_colors`, 0-1. The mask is 0 up to the first limit and 1 from the
second."""
COMPONENT_THRESHOLD = 0.3
"""Mask value, 0-1, above which neighboring pixels belong to one connected component."""
COLOR_WEIGHT = 0.5
"""Weight of the hint color in the color of the object, 0-1. The hinted prediction has the remaining
weight, so that its variations within the object are kept."""


def find_hint_regions(
    discs: Sequence[HintDisc],
    base_ab: FloatArray,
    hinted_ab: FloatArray,
    luma: FloatArray,
    scale: tuple[float, float],
) -> tuple[FloatArray, FloatArray]:
    """Find the objects that hints lie on.

    Args:
        base_ab, hinted_ab: a*, b* predicted without and with hints: (2, h, w) float32.
        luma: Y' of the same pixels: (h, w) float32 in [0, 1].
        scale: grid pixels per stored pixel, vertical and horizontal.

    Returns:
        `hinted_ab` with the hint colors blended into the objects, and the mask of the objects,
        (h, w) float32 in [0, 1].
    """
    ab, mask = hinted_ab.copy(), np.zeros(luma.shape, np.float32)
    for disc in discs:
        color = np.array(disc.ab, np.float32)[:, None, None]
        difference = color - base_ab
        # The projection onto the line from the base prediction to the hint color, relative to the
        # length of that line.
        length = np.maximum((difference * difference).sum(0), MIN_COLOR_DISTANCE**2)
        change = ((hinted_ab - base_ab) * difference).sum(0) / length
        _, weight = spread_colors([disc], hinted_ab, luma, scale, REGION_REACH)
        region = smoothstep(change, *CHANGE_LIMITS) * smoothstep(weight, *WEIGHT_LIMITS)
        region *= _select_component(region, disc_distance(disc, luma.shape, scale) <= 1)
        ab += np.float32(COLOR_WEIGHT) * region * (color - ab)
        mask = np.maximum(mask, region)
    return ab, mask


def _select_component(mask: FloatArray, inside: NDArray[np.bool_]) -> FloatArray:
    """Return the connected components of a mask that a disc touches."""
    import cv2

    binary = ((mask > COMPONENT_THRESHOLD) | inside).astype(np.uint8)
    _, labels = cv2.connectedComponents(binary, connectivity=4)
    touched = np.unique(labels[inside])
    component = np.isin(labels, touched[touched > 0]).astype(np.uint8)
    # The soft edges of the mask lie below the threshold and must not be cut off.
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    return np.asarray(cv2.dilate(component, kernel), np.float32)
