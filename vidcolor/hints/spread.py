"""From discs of known color to color over the objects that they lie on.

After Yatziv & Sapiro, "Fast image and video colorization using chrominance blending" (IEEE TIP,
2006): every pixel blends the known colors by their distance along the picture, where crossing a
luma edge is a long way. What the generator says takes part as one more color, at a constant
distance: it holds wherever no hint is nearer than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.hints.discs import disc_distance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidcolor.hints.discs import HintDisc

    Array = NDArray[np.float32]

REACH = 0.6
"""Distance that counts as 1, in short sides of an even picture."""
EDGE = 0.05
"""Step of Y' between neighbors (on the grid of 128 rows) that is as long a way as `REACH`."""
TONE = 0.3
"""Difference of smoothed Y' from the disc's that is as long a way as `REACH`."""
TEXTURE = 0.7
"""How much of the mean change around (across and down) is added to `EDGE`."""
FALL_OFF = 4
"""Power of the distance by which weights fall; high, so that whole objects turn."""
NEAREST = 0.12
"""Distance below which nothing gets nearer, in reaches."""
ROUNDS = 24
"""Sweeps in each direction; paths with more turns than that count as longer."""
_WINDOW = 11
_TONE_WINDOW = 5
_CHUNK = 16
_FARTHEST = 1e6


def spread(
    spots: Sequence[HintDisc],
    ab: Array,
    luma: Array,
    scale: tuple[float, float],
    reach: float = REACH,
) -> tuple[Array, Array]:
    """Blend known color into predicted color.

    Args:
        spots: discs of known color.
        ab: a*, b* as the generator says: (2, h, w) float32.
        luma: Y' of the same pixels: (h, w) float32 in [0, 1].
        scale: pixels of this grid to a stored pixel, down and across.
        reach: distance at which a hint and the generator weigh the same, in short sides of an even
            picture.

    Returns:
        a*, b*: (2, h, w) float32; and the hints' share in it: (h, w) float32 in [0, 1].
    """
    away = distances(spots, luma, scale) * np.float32(REACH / reach)
    weights = np.maximum(away, NEAREST) ** -FALL_OFF
    colors = np.array([spot.ab for spot in spots], np.float32)
    total = weights.sum(0)
    known = np.einsum("khw,kc->chw", weights, colors) / total
    share = (total / (total + 1)).astype(np.float32)
    return (ab + share * (known - ab)).astype(np.float32), share


def distances(spots: Sequence[HintDisc], luma: Array, scale: tuple[float, float]) -> Array:
    """How far every pixel is from every spot along the picture, in reaches.

    Args:
        spots: K of them.
        luma: Y': (h, w) float32 in [0, 1].
        scale: pixels of this grid to a stored pixel, down and across.

    Returns:
        (K, h, w) float32: 0 in the middle of the discs.
    """
    import cv2

    steps = _steps(luma)
    tone = cv2.blur(luma, (_TONE_WINDOW, _TONE_WINDOW)).reshape(luma.shape)
    away = np.stack([disc_distance(spot, luma.shape, scale) for spot in spots])
    pixels = np.array([spot.radius * (scale[0] + scale[1]) / 2 for spot in spots], np.float32)
    reach = REACH * min(luma.shape)
    far: Array = np.maximum(away - 1, 0) * (pixels / np.float32(reach))[:, None, None]
    for n, apart in enumerate(away):
        far[n] += ((tone - tone[apart <= 1].mean()) / TONE) ** 2
    for i in range(0, len(spots), _CHUNK):
        far[i : i + _CHUNK] += _edges_crossed(away[i : i + _CHUNK] <= 1, *steps)
    return far


def _steps(luma: Array) -> tuple[Array, Array]:
    """What each step from a pixel to the next one costs for the edge between: across, down.

    Amid texture (grass, lace, grain) a step counts for less, as it does to the eye.
    """
    import cv2

    smooth = cv2.medianBlur(luma, 3).reshape(luma.shape)
    rises = np.diff(smooth, axis=1), np.diff(smooth, axis=0)
    busy = np.zeros_like(luma)
    busy[:, 1:] += np.abs(rises[0])
    busy[1:] += np.abs(rises[1])
    busy = EDGE + TEXTURE * cv2.blur(busy, (_WINDOW, _WINDOW)).reshape(luma.shape)
    costs = (rises[0] / busy[:, 1:]) ** 2, (rises[1] / busy[1:]) ** 2
    return costs[0].astype(np.float32), costs[1].astype(np.float32)


def _edges_crossed(inside: NDArray[np.bool_], across: Array, down: Array) -> Array:
    """Cost of the cheapest way out of each disc to every pixel: (K, h, w)."""
    cost = np.where(inside, np.float32(0), np.float32(_FARTHEST))
    rows, columns = _running(across, 1), _running(down, 0)
    for _ in range(ROUNDS):
        before = cost.copy()
        _sweep(cost, rows, axis=2)
        _sweep(cost, columns, axis=1)
        if np.allclose(before, cost, rtol=0, atol=1e-3):
            break
    return cost


def _running(steps: Array, axis: int) -> NDArray[np.float64]:
    """Cost of the way from the first pixel, along an axis."""
    ahead = [(1, 0) if n == axis else (0, 0) for n in range(2)]
    return np.pad(np.cumsum(steps, axis=axis, dtype=np.float64), ahead)


def _sweep(far: Array, way: NDArray[np.float64], axis: int) -> None:
    """Let every pixel be reached along its row or column, both ways, in place.

    The shortest way to j from any i before it is min(far[i] - way[i]) + way[j]: a running minimum.
    """
    ahead = np.minimum.accumulate(far - way, axis=axis) + way
    back = np.flip(np.minimum.accumulate(np.flip(far + way, axis), axis=axis), axis) - way
    np.minimum(far, np.minimum(ahead, back), out=far, casting="same_kind")
