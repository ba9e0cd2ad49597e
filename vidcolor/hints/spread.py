"""Spreading of hint colors over objects.

The method follows Yatziv & Sapiro, "Fast image and video colorization using chrominance blending"
(IEEE TIP, 2006). Every pixel gets the mean of the hint colors, weighted by inverse geodesic
distance, in which crossing a luma edge is expensive. The prediction is one more color at a constant
distance of 1, so it prevails where no hint is nearer.

OpenCV and NumPy have no geodesic distance transform. Here it is computed by alternating sweeps, as
in Toivanen, "New geodesic distance transforms for gray-scale images" (Pattern Recognition Letters,
1996).
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
"""Unit of geodesic distance, called a reach. In an image without edges it is this fraction of the
short side. At a distance of one reach, hint and prediction have the same weight."""
EDGE_STEP = 0.05
"""Difference of Y', in [0, 1], between neighboring pixels without texture that costs one reach. The
cost is quadratic. The value was chosen on a grid of 128 rows."""
TONE_DIFFERENCE = 0.3
"""Difference between the smoothed Y', in [0, 1], of a pixel and of a disc that adds one reach to
their distance. The addition is quadratic."""
TEXTURE_WEIGHT = 0.7
"""Factor of the mean luma difference in the neighborhood, which is added to `EDGE_STEP`. A higher
value makes edges in texture cheaper."""
WEIGHT_EXPONENT = 4
"""Exponent of the inverse distance in the weights. A high value gives an object one color up to its
edges."""
MIN_DISTANCE = 0.12
"""Minimum distance in the weights, in reaches. It limits the weight of a hint near its disc."""
MAX_SWEEPS = 24
"""Maximum number of sweeps along rows and columns. Beyond it, the cost of paths with more turns is
overestimated."""
_TEXTURE_WINDOW = 11
"""Side of the averaging window for texture, in pixels."""
_TONE_WINDOW = 5
"""Side of the averaging window for smoothed luma, in pixels."""
_DISCS_PER_SWEEP = 16
"""Maximum number of discs whose costs are computed together. It limits memory."""
_FAR = 1e6
"""Initial cost of the pixels outside a disc, in reaches. It is far above the cost of any usual
path."""


def spread_colors(
    discs: Sequence[HintDisc],
    ab: FloatArray,
    luma: FloatArray,
    scale: tuple[float, float],
    reach: float = REACH,
) -> tuple[FloatArray, FloatArray]:
    """Blend hint colors into predicted color.

    Args:
        ab: predicted a*, b*: (2, h, w) float32.
        luma: Y' of the same pixels: (h, w) float32 in [0, 1].
        scale: grid pixels per stored pixel, vertical and horizontal.
        reach: distance in an image without edges at which hint and prediction have the same weight,
            as a fraction of the short side.

    Returns:
        a*, b*: (2, h, w) float32; and the weight of the hints: (h, w) float32 in [0, 1].
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
    """Return the geodesic distance of each pixel from each of K discs, in reaches: (K, h, w).

    It is the sum of the straight distance from the edge of the disc, the squared difference of
    tone, and the cost of the luma edges along the cheapest path. In the disc, only the difference
    of tone is not 0. `luma` and `scale` are those of `spread_colors`.
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
    # A slow gradient has no edges, so the tone must separate what it connects.
    for n, away in enumerate(radii_away):
        distances[n] += ((tone - tone[away <= 1].mean()) / TONE_DIFFERENCE) ** 2
    for i in range(0, len(discs), _DISCS_PER_SWEEP):
        inside = radii_away[i : i + _DISCS_PER_SWEEP] <= 1
        distances[i : i + _DISCS_PER_SWEEP] += _path_costs(inside, *costs)
    return distances


def _step_costs(luma: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the cost of the luma edge between neighboring pixels, in reaches."""
    import cv2

    # In texture (grass, lace) a difference costs less, because it is not an object boundary.
    # The median removes grain and keeps edges.
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
    """Return the cost of the cheapest path from each disc to every pixel, in reaches."""
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
    """Return the cost of the straight path from the first pixel along an axis: (h, w) float64."""
    # float64, because `_sweep` subtracts and adds these sums again.
    padding = [(1, 0) if n == axis else (0, 0) for n in range(2)]
    return np.pad(np.cumsum(costs, axis=axis, dtype=np.float64), padding)


def _sweep(cost: FloatArray, path: NDArray[np.float64], axis: int) -> None:
    """Relax the cost of every pixel along its row or column, in both directions, in place."""
    # The cheapest path to j from any i before it costs min(cost[i] - path[i]) + path[j]. This is a
    # running minimum, so NumPy computes it for all rows or columns together.
    forward = np.minimum.accumulate(cost - path, axis=axis) + path
    backward = np.flip(np.minimum.accumulate(np.flip(cost + path, axis), axis=axis), axis) - path
    np.minimum(cost, np.minimum(forward, backward), out=cost, casting="same_kind")
