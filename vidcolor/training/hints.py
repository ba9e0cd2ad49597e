"""Hints to train with, drawn from the true color: what people, flow and faded originals give.

The distribution follows what a trained network is used for: nothing (automatic color), a few
small spots (a person; Zhang et al., "Real-Time User-Guided Image Colorization with Learned Deep
Priors", 2017), a dense region (color that optical flow brought from another frame), and all of a
picture, distorted (an original that has faded). Density says how far a hint is to be believed:
the lower it is, the further from the truth the color is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.errors import UsageError

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

MAX_SPOTS = 60
MAX_SPOT_SIDE = 4
"""Cells; at stride 4, spots of 4 to 16 pixels."""
NOISE_SIGMA = 2.0
"""a*b* units by which half of the certain hints are off, as a person's are."""
DOUBT_SIGMA = 12.0
"""a*b* units by which a flow's hints of density near 0 would be off; less in proportion above."""


@dataclass(frozen=True, slots=True)
class HintOptions:
    """Which share of the pictures gets which hints; the rest gets none."""

    spots: float = 0.36
    regions: float = 0.13
    faded: float = 0.06
    mean_spots: float = 14.0
    """Mean number of spots, before the limit of `MAX_SPOTS`."""

    def __post_init__(self) -> None:
        shares = (self.spots, self.regions, self.faded)
        if min(shares) < 0 or sum(shares) > 1 + 1e-9:
            raise UsageError(
                f"shares of hints must be at least 0 and add up to at most 1: {shares}"
            )
        if self.mean_spots < 1:
            raise UsageError(f"the mean number of hints must be at least 1, not {self.mean_spots}")


def draw_hints(ab: Array, rng: Generator, options: HintOptions) -> tuple[Array, Array]:
    """Hints for one picture.

    Args:
        ab: the truth on the output grid: (2, h, w) float32.
        rng: decides; equal generators give equal hints.
        options: shares of the kinds.

    Returns:
        Hinted a*, b*, (2, h, w) float32, 0 where there is no hint; density, (1, h, w) in [0, 1].
    """
    kind = rng.random()
    if kind < options.spots:
        hints, density = _spots(ab, rng, options.mean_spots)
    elif kind < options.spots + options.regions:
        hints, density = _region(ab, rng)
    elif kind < options.spots + options.regions + options.faded:
        hints, density = _faded(ab, rng)
    else:
        return np.zeros_like(ab), np.zeros_like(ab[:1])
    return np.where(density > 0, hints, 0).astype(np.float32), density.astype(np.float32)


def _spots(ab: Array, rng: Generator, mean: float) -> tuple[Array, Array]:
    """Small squares of the mean true color below them, as a person would place them."""
    _, height, width = ab.shape
    hints, density = np.zeros_like(ab), np.zeros_like(ab[:1])
    for _ in range(min(MAX_SPOTS, int(rng.geometric(1 / mean)))):
        side = min(int(rng.integers(1, MAX_SPOT_SIDE + 1)), height, width)
        top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
        place = np.s_[:, top : top + side, left : left + side]
        hints[place] = ab[place].mean(axis=(1, 2), keepdims=True)
        density[place] = 1
    if rng.random() < 0.5:
        hints = hints + _white(ab, rng, NOISE_SIGMA)
    return hints, density


def _region(ab: Array, rng: Generator) -> tuple[Array, Array]:
    """A fifth to all of the picture, in blobs: where flow finds its way from a colored frame."""
    _, height, width = ab.shape
    blobs = _clouds(rng, height, width)
    inside = blobs <= np.quantile(blobs, rng.uniform(0.2, 1.0))
    trust = 1.0 if rng.random() < 0.5 else rng.uniform(0.4, 1.0)
    hints = ab
    if trust < 1 or rng.random() < 0.5:
        sigma = NOISE_SIGMA + DOUBT_SIGMA * (1 - trust)
        # Half of it over whole areas: flow that errs, errs coherently.
        clouds = np.stack([_clouds(rng, height, width) for _ in range(2)])
        hints = ab + np.float32(sigma * 0.7) * clouds + _white(ab, rng, sigma * 0.7)
    return hints, (inside * trust)[None].astype(np.float32)


def _faded(ab: Array, rng: Generator) -> tuple[Array, Array]:
    """All of the picture as an old print shows it: pale, with a cast, uneven and noisy."""
    _, height, width = ab.shape
    cast = rng.normal(0, 8, (2, 1, 1))
    clouds = np.stack([_clouds(rng, height, width) for _ in range(2)])
    hints = ab * rng.uniform(0.15, 0.9) + cast + 3 * clouds + _white(ab, rng, rng.uniform(0, 4))
    return hints.astype(np.float32), np.full_like(ab[:1], rng.uniform(0.1, 0.6))


def _white(ab: Array, rng: Generator, sigma: float) -> Array:
    return rng.standard_normal(ab.shape, np.float32) * np.float32(sigma)


def _clouds(rng: Generator, height: int, width: int) -> Array:
    """Smooth noise, (height, width), of mean about 0 and standard deviation about 1."""
    import cv2

    coarse = rng.standard_normal(tuple(rng.integers(3, 9, 2)), np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth, np.float32).reshape(height, width)
