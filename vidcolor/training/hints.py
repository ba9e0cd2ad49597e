"""Simulated hints for training, drawn from the true color.

The distribution follows the uses of the network: no hints (automatic colorization), a few small
points (given by a person; Zhang et al., "Real-Time User-Guided Image Colorization with Learned Deep
Priors", 2017), a dense region (propagated along optical flow from another frame), and the whole
image with distorted color (a faded original). The density is the reliability of a hint: at a lower
density the drawn color differs more from the true color.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.imaging.resize import resize_cubic

if TYPE_CHECKING:
    from numpy.random import Generator

    from vidcolor.imaging.types import FloatArray

MAX_POINTS, MEAN_POINTS = 60, 14.0
"""Maximum number of point hints in an image, and their mean number before this limit."""
MAX_POINT_SIDE = 4
"""Maximum side of a point hint in cells. A cell has 4 x 4 pixels."""
NOISE_SIGMA = 2.0
"""Standard deviation of the error of point hints in a*b* units; half of the hints have an error."""
UNRELIABLE_SIGMA = 12.0
"""Additional error of region hints at density 0, in a*b* units; it falls linearly to 0 at
density 1."""
SHARES = (0.36, 0.13, 0.06)
"""Shares of the images with points, a region, and distorted color; all other images have no hints.
"""


def draw_hints(
    ab: FloatArray, rng: Generator, shares: tuple[float, float, float] = SHARES
) -> tuple[FloatArray, FloatArray]:
    """Draw the hints of one image, given its true a*, b*, (2, h, w) float32, and the `SHARES`.

    Returns:
        Hint a*, b*, (2, h, w) float32, 0 where there is no hint; density, (1, h, w) float32 in
        [0, 1].
    """
    kind, limit = rng.random(), 0.0
    for draw, share in zip((_draw_points, _draw_region, _draw_faded), shares, strict=True):
        limit += share
        if kind < limit:
            hints, density = draw(ab, rng)
            return np.where(density > 0, hints, 0).astype(np.float32), density.astype(np.float32)
    return np.zeros_like(ab), np.zeros_like(ab[:1])


def _draw_points(ab: FloatArray, rng: Generator) -> tuple[FloatArray, FloatArray]:
    """Draw small squares with the mean true color, as a person gives them."""
    _, height, width = ab.shape
    hints, density = np.zeros_like(ab), np.zeros_like(ab[:1])
    for _ in range(min(MAX_POINTS, int(rng.geometric(1 / MEAN_POINTS)))):
        side = min(int(rng.integers(1, MAX_POINT_SIDE + 1)), height, width)
        top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
        cells = np.s_[:, top : top + side, left : left + side]
        hints[cells] = ab[cells].mean(axis=(1, 2), keepdims=True)
        density[cells] = 1
    if rng.random() < 0.5:
        hints = hints + _white_noise(ab, rng, NOISE_SIGMA)
    return hints, density


def _draw_region(ab: FloatArray, rng: Generator) -> tuple[FloatArray, FloatArray]:
    """Draw a region of blobs that covers 20 % to 100 % of the image, as flow propagates it."""
    _, height, width = ab.shape
    blobs = _smooth_noise(rng, height, width)
    inside = blobs <= np.quantile(blobs, rng.uniform(0.2, 1.0))
    density = 1.0 if rng.random() < 0.5 else rng.uniform(0.4, 1.0)
    hints = ab
    if density < 1 or rng.random() < 0.5:
        sigma = NOISE_SIGMA + UNRELIABLE_SIGMA * (1 - density)
        # Half of the error is smooth, because errors of flow affect whole areas.
        smooth = np.stack([_smooth_noise(rng, height, width) for _ in range(2)])
        hints = ab + np.float32(sigma * 0.7) * smooth + _white_noise(ab, rng, sigma * 0.7)
    return hints, (inside * density)[None].astype(np.float32)


def _draw_faded(ab: FloatArray, rng: Generator) -> tuple[FloatArray, FloatArray]:
    """Distort the whole image as in an old print: pale, uneven, with a cast and noise."""
    _, height, width = ab.shape
    cast = rng.normal(0, 8, (2, 1, 1))
    smooth = np.stack([_smooth_noise(rng, height, width) for _ in range(2)])
    hints = (
        ab * rng.uniform(0.15, 0.9) + cast + 3 * smooth + _white_noise(ab, rng, rng.uniform(0, 4))
    )
    return hints.astype(np.float32), np.full_like(ab[:1], rng.uniform(0.1, 0.6))


def _white_noise(ab: FloatArray, rng: Generator, sigma: float) -> FloatArray:
    return rng.standard_normal(ab.shape, np.float32) * np.float32(sigma)


def _smooth_noise(rng: Generator, height: int, width: int) -> FloatArray:
    """Return smooth noise, (height, width), with mean about 0 and standard deviation about 1."""
    coarse = rng.standard_normal(tuple(rng.integers(3, 9, 2)), np.float32)
    return resize_cubic(coarse, (height, width))
