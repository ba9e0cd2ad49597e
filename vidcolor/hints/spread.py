"""Spreading of hint colors over objects.

After Yatziv & Sapiro, "Fast image and video colorization using chrominance blending" (IEEE TIP,
2006): every pixel blends the hint colors by geodesic distance, along which luma edges are long. The
prediction takes part as one more color at a constant distance, so it stays wherever no hint is
nearer than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.hints.discs import disc_distance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidcolor.hints.discs import HintDisc
    from vidcolor.imaging.types import FloatArray

REACH = 0.6
"""Unit of geodesic distance: this fraction of the short side of an image without edges."""
EDGE_STEP = 0.05
"""Luma difference between neighbors, on a grid of 128 rows, that is as long as `REACH`."""
TONE_DIFFERENCE = 0.3
"""Difference between the smoothed luma of pixel and disc that is as long as `REACH`."""
TEXTURE_WEIGHT = 0.7
"""Weight of the mean luma difference in the neighborhood, which is added to `EDGE_STEP`."""
WEIGHT_EXPONENT = 4
"""Exponent of the inverse distance weights. A high value makes whole objects change."""
MIN_DISTANCE = 0.12
"""Lower limit of the distance in the weights, in reaches."""
MAX_SWEEPS = 24
"""Maximum number of sweeps. Paths with more turns are overestimated."""
_TEXTURE_WINDOW = 11
"""Side of the averaging window for texture, in pixels."""
_TONE_WINDOW = 5
_DISCS_PER_SWEEP = 16
"""Number of discs that are swept together; limits memory."""
_FAR = 1e6
"""Initial cost of pixels outside a disc."""


def spread_colors(
    discs: Sequence[HintDisc],
    ab: FloatArray,
    luma: FloatArray,
    scale: tuple[float, float],
    reach: float = REACH,
) -> tuple[FloatArray, FloatArray]:
    """Blend hint colors into predicted color.

    Args:
        discs: hint discs.
        ab: predicted a*, b*: (2, h, w) float32.
        luma: Y' of the same pixels: (h, w) float32 in [0, 1].
        scale: grid pixels per stored pixel, vertical and horizontal.
        reach: distance at which hint and prediction have the same weight, as a fraction of the
            short side of an image without edges.

    Returns:
        a*, b*: (2, h, w) float32; and the weight of the hints in it: (h, w) float32 in [0, 1].
    """
    distances = geodesic_distances(discs, luma, scale) * np.float32(REACH / reach)
    weights = np.maximum(distances, MIN_DISTANCE) ** -WEIGHT_EXPONENT
    colors = np.array([disc.ab for disc in discs], np.float32)
    total = weights.sum(0)
    mean = np.einsum("khw,kc->chw", weights, colors) / total
    alpha = (total / (total + 1)).astype(np.float32)
    return (ab + alpha * (mean - ab)).astype(np.float32), alpha


def geodesic_distances(
    discs: Sequence[HintDisc], luma: FloatArray, scale: tuple[float, float]
) -> FloatArray:
    """Return the geodesic distance of every pixel from every disc, in reaches.

    Args:
        discs: K hint discs.
        luma: Y': (h, w) float32 in [0, 1].
        scale: grid pixels per stored pixel, vertical and horizontal.

    Returns:
        (K, h, w) float32; 0 in the disc.
    """
    import cv2

    costs = _step_costs(luma)
    tone = cv2.blur(luma, (_TONE_WINDOW, _TONE_WINDOW)).reshape(luma.shape)
    radii_away = np.stack([disc_distance(disc, luma.shape, scale) for disc in discs])
    radii = np.array([disc.radius * (scale[0] + scale[1]) / 2 for disc in discs], np.float32)
    reach = REACH * min(luma.shape)
    distances: FloatArray = (
        np.maximum(radii_away - 1, 0) * (radii / np.float32(reach))[:, None, None]
    )
    for n, away in enumerate(radii_away):
        distances[n] += ((tone - tone[away <= 1].mean()) / TONE_DIFFERENCE) ** 2
    for i in range(0, len(discs), _DISCS_PER_SWEEP):
        inside = radii_away[i : i + _DISCS_PER_SWEEP] <= 1
        distances[i : i + _DISCS_PER_SWEEP] += _path_costs(inside, *costs)
    return distances


def _step_costs(luma: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the cost of the luma edge between neighbors: horizontal, vertical.

    In texture (grass, lace, grain) a difference costs less, because it is not an object boundary.
    """
    import cv2

    smooth = cv2.medianBlur(luma, 3).reshape(luma.shape)
    differences = np.diff(smooth, axis=1), np.diff(smooth, axis=0)
    texture = np.zeros_like(luma)
    texture[:, 1:] += np.abs(differences[0])
    texture[1:] += np.abs(differences[1])
    window = (_TEXTURE_WINDOW, _TEXTURE_WINDOW)
    unit = EDGE_STEP + TEXTURE_WEIGHT * cv2.blur(texture, window).reshape(luma.shape)
    costs = (differences[0] / unit[:, 1:]) ** 2, (differences[1] / unit[1:]) ** 2
    return costs[0].astype(np.float32), costs[1].astype(np.float32)


def _path_costs(
    inside: NDArray[np.bool_], horizontal: FloatArray, vertical: FloatArray
) -> FloatArray:
    """Return the cost of the cheapest path from each disc to every pixel: (K, h, w)."""
    cost = np.where(inside, np.float32(0), np.float32(_FAR))
    along_rows, along_columns = _accumulate(horizontal, 1), _accumulate(vertical, 0)
    for _ in range(MAX_SWEEPS):
        before = cost.copy()
        _sweep(cost, along_rows, axis=2)
        _sweep(cost, along_columns, axis=1)
        if np.allclose(before, cost, rtol=0, atol=1e-3):
            break
    return cost


def _accumulate(costs: FloatArray, axis: int) -> NDArray[np.float64]:
    """Return the cost of the straight path from the first pixel along an axis."""
    padding = [(1, 0) if n == axis else (0, 0) for n in range(2)]
    return np.pad(np.cumsum(costs, axis=axis, dtype=np.float64), padding)


def _sweep(cost: FloatArray, path: NDArray[np.float64], axis: int) -> None:
    """Relax the cost of every pixel along its row or column, in both directions, in place.

    The cheapest path to j from any i before it costs min(cost[i] - path[i]) + path[j], which is a
    running minimum.
    """
    forward = np.minimum.accumulate(cost - path, axis=axis) + path
    backward = np.flip(np.minimum.accumulate(np.flip(cost + path, axis), axis=axis), axis) - path
    np.minimum(cost, np.minimum(forward, backward), out=cost, casting="same_kind")
