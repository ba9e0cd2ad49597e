"""Where colors end: edges of chroma, and whether they lie where the original's do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]
    Mask = NDArray[np.bool_]

STRONGEST = 0.1
"""Share of a picture's pixels whose gradient may be an edge: of each picture's own, as predicted
color is paler than true color but should change in the same places."""
FAINTEST = 0.5
"""a*b* units a pixel below which a gradient is no edge, whatever the rest of the picture is: a step
of one code in an 8-bit chroma plane, smoothed, comes to some 0.4."""
SMOOTHING = 1.0
"""Deviation in pixels of the Gaussian that noise and the steps of 8 bits are smoothed with."""
TOLERANCE = 2
"""Pixels by which an edge may lie beside the other picture's."""


class EdgeAgreement(NamedTuple):
    """How well edges agree with the original's, each in [0, 1]."""

    precision: float
    """Share of its edge pixels that lie on the original's; NaN if it has none."""
    recall: float
    """Share of the original's edge pixels that it has; NaN if the original has none."""
    f1: float
    """Their harmonic mean; 0 if only one has edges, NaN if the original has none."""


def chroma_edges(ab: Array) -> Mask:
    """Thin lines along which chroma changes most.

    Length of the gradient (over both channels) of smoothed a*b*; pixels that are the greatest
    across the edge, and among the picture's `STRONGEST`.

    Args:
        ab: a*, b*, (H, W, 2) float32.

    Returns:
        (H, W) bool.
    """
    import cv2

    smooth = np.asarray(cv2.GaussianBlur(ab, (0, 0), SMOOTHING), np.float32)
    across, down = (
        np.asarray(cv2.Sobel(smooth, cv2.CV_32F, *order, scale=1 / 8), np.float32).reshape(ab.shape)
        for order in ((1, 0), (0, 1))
    )
    strength: Array = np.sqrt((across * across + down * down).sum(axis=-1))
    floor = max(float(np.quantile(strength, 1 - STRONGEST)), FAINTEST)
    edges: Mask = _is_crest(strength, across, down) & (strength > floor)
    return edges


def _is_crest(strength: Array, across: Array, down: Array) -> Mask:
    """Pixels not exceeded by their neighbors across the edge (which of four ways that is, the
    structure tensor of both channels tells: Di Zenzo, 1986).
    """
    xx, yy = (across * across).sum(axis=-1), (down * down).sum(axis=-1)
    angle = np.arctan2(2 * (across * down).sum(axis=-1), xx - yy) / 2
    way = np.rint(angle / (math.pi / 4)).astype(int) % 4
    padded = np.pad(strength, 1)
    crest = np.zeros(strength.shape, bool)
    height, width = strength.shape
    for n, (x, y) in enumerate(((1, 0), (1, 1), (0, 1), (-1, 1))):
        one = padded[1 + y : 1 + y + height, 1 + x : 1 + x + width]
        other = padded[1 - y : 1 - y + height, 1 - x : 1 - x + width]
        crest |= (way == n) & (strength >= one) & (strength > other)
    return crest


def edge_agreement(edges: Mask, truth: Mask) -> EdgeAgreement:
    """Compare edges, within `TOLERANCE` pixels.

    Args:
        edges: of what is judged, (H, W); see `chroma_edges`.
        truth: of the original.
    """
    if not truth.any():
        return EdgeAgreement(math.nan, math.nan, math.nan)
    if not edges.any():
        return EdgeAgreement(math.nan, 0.0, 0.0)
    precision = float(_widened(truth)[edges].mean())
    recall = float(_widened(edges)[truth].mean())
    both = precision + recall
    return EdgeAgreement(precision, recall, 2 * precision * recall / both if both else 0.0)


def _widened(edges: Mask) -> Mask:
    import cv2

    side = 2 * TOLERANCE + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(edges.astype(np.uint8), disc)).astype(bool)
