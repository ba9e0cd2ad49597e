"""How far a person's color reaches in a picture: what the generator makes of it, within edges.

The generator knows what belongs together, a coat with its sleeves, but colors its surroundings and
things of a kind as well; luma edges bound a thing, but also its folds. Where both agree, the thing
is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.smoothstep import smoothstep
from vidcolor.hints.discs import disc_distance
from vidcolor.hints.spread import REACH, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidcolor.hints.discs import HintDisc

    Array = NDArray[np.float32]

TURNED = (0.35, 0.7)
"""Share of the way from the guess to the hint's color that the generator must go to mean the same
thing, hardly and surely."""
LEAST_TURN = 4.0
"""a*b* units below which a hint says nothing that the generator did not."""
FAR = 2 * REACH
"""Reach within luma edges; twice that of hints alone, as the generator has its say as well."""
BOUND = (0.12, 0.4)
"""Share, by `spread`, of a hint in what it reaches: hardly and surely."""
FOUND = 0.3
"""Where a thing's parts hang together."""
EVEN = 0.5
"""How far a thing takes the hint's own color, beside what the generator made of it."""


def hint_region(
    spots: Sequence[HintDisc], guess: Array, told: Array, luma: Array, scale: tuple[float, float]
) -> tuple[Array, Array]:
    """Find the things that hints lie on.

    Args:
        spots: discs of known color.
        guess: a*, b* as the generator says by itself: (2, h, w) float32.
        told: a*, b* after it was told: (2, h, w) float32.
        luma: Y' of the same pixels: (h, w) float32 in [0, 1].
        scale: pixels of this grid to a stored pixel, down and across.

    Returns:
        a*, b* of the things: (2, h, w) float32; and where they are: (h, w) float32 in [0, 1].
    """
    ab, where = told.copy(), np.zeros(luma.shape, np.float32)
    for spot in spots:
        color = np.array(spot.ab, np.float32)[:, None, None]
        way = color - guess
        length = np.maximum((way * way).sum(0), LEAST_TURN**2)
        gone = ((told - guess) * way).sum(0) / length
        _, share = spread([spot], told, luma, scale, FAR)
        here = smoothstep(gone, *TURNED) * smoothstep(share, *BOUND)
        here *= _around(here, disc_distance(spot, luma.shape, scale) <= 1)
        ab += np.float32(EVEN) * here * (color - ab)
        where = np.maximum(where, here)
    return ab, where


def _around(where: Array, inside: NDArray[np.bool_]) -> Array:
    """The connected parts of what is found that a disc touches, with their soft edges: 0 or 1."""
    import cv2

    found = ((where > FOUND) | inside).astype(np.uint8)
    _, labels = cv2.connectedComponents(found, connectivity=4)
    touched = np.unique(labels[inside])
    part = np.isin(labels, touched[touched > 0]).astype(np.uint8)
    edge = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    return np.asarray(cv2.dilate(part, edge), np.float32)
