"""The a*b* bins over which a generator predicts, and what it makes of such a distribution.

The bins are the points of a 10-unit grid that sRGB can show at some lightness (Zhang et al.,
"Colorful Image Colorization", 2016, counted 313 with another gamut and rounding). The network's
outputs are in the order of `gamut_bins`, so that order is part of every weights file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

SPACING = 10
"""Distance of neighboring bins in a*b* units."""

_ROWS = (
    (-90, 80, 80), (-80, 40, 80), (-70, 20, 90), (-60, 0, 90), (-50, -20, 90),
    (-40, -30, 90), (-30, -30, 90), (-20, -40, 90), (-10, -50, 90), (0, -60, 90),
    (10, -70, 80), (20, -70, 80), (30, -80, 80), (40, -90, 80), (50, -90, 70),
    (60, -100, 70), (70, -110, 70), (80, -110, 70), (90, -90, 0), (100, -70, -50),
)  # fmt: skip
"""(a*, first b*, last b*), both ends included.

A table rather than a computation: some bins are reached by a single corner of the gamut, and an
ulp on another machine must not shift the order that weights depend on.
`tests/color/test_bins.py` derives it from the gamut.
"""

NUM_BINS = sum((last - first) // SPACING + 1 for _, first, last in _ROWS)
"""260."""

DEFAULT_VIVIDNESS = 0.62
"""Temperature 0.38: Zhang et al.'s trade between averaged-out and spotty color."""
MIN_TEMPERATURE = 0.05
"""What vividness 1 means. Lower gives the same picture: by then one bin holds all the weight."""

CONFIDENCE_SCALE = 20.0
"""Expected error, in a*b* units, at which concentration is one half."""
UNSURE_GAIN = 0.14
"""Gain of chroma where nothing is sure, beyond 1; see `enlivened`."""
CONFIDENCE_RADIUS = 15.0
"""A color is right if it is no further from the truth than this, in a*b* units: to an eye, the
same name of a color, perhaps another shade."""
CALIBRATION_POINTS = 33
"""Length of the table that turns concentration into confidence."""


def gamut_bins() -> Tensor:
    """The bins' a*, b*: (260, 2) float32, by rising a*, then b*."""
    return torch.tensor(
        [(float(a), float(b)) for a, first, last in _ROWS for b in range(first, last + 1, SPACING)]
    )


def temperature(vividness: float | None = None) -> float:
    """Annealing temperature T for a vividness: T = 1 - vividness, at least `MIN_TEMPERATURE`.

    Args:
        vividness: 0 (the mean of what is plausible) to 1 (the likeliest color); None for 0.62.

    Raises:
        ValueError: vividness is not in [0, 1].
    """
    vividness = DEFAULT_VIVIDNESS if vividness is None else vividness
    if not 0 <= vividness <= 1:
        raise ValueError(f"vividness must be 0 to 1, not {vividness}")
    return max(1 - vividness, MIN_TEMPERATURE)


def color_of(logits: Tensor, bins: Tensor, vividness: float | None = None) -> tuple[Tensor, Tensor]:
    """Turn predicted distributions into color, and how much of them is near it.

    The color is the annealed mean: the mean of the bins under softmax(logits / T). The
    concentration is s^2 / (s^2 + D^2), where D^2 is the expected squared a*b* distance between that
    color and a color drawn from the distribution itself (T = 1), and s is `CONFIDENCE_SCALE`. So
    it is 1 where the network allows for one color only, 1/2 where it expects to be off by s. It is
    the network's opinion of itself; `calibrated` says how often such an opinion is right.

    Args:
        logits: (N, Q, h, w), any float type.
        bins: (Q, 2), a*, b* of each bin.
        vividness: see `temperature`.

    Returns:
        a*, b*, (N, 2, h, w) float32; and concentration, (N, 1, h, w) float32 in [0, 1].
    """
    t = temperature(vividness)
    # Bins last: one softmax row is then one stretch of memory, which is several times faster,
    # and a channels-last network hands the logits over in this order anyway.
    rows = logits.float().permute(0, 2, 3, 1)
    bins = bins.float()
    moments = torch.cat([bins, bins.square().sum(1, keepdim=True)], dim=1)
    ab = torch.softmax(rows / t, dim=-1) @ bins
    mean_a, mean_b, mean_square = (torch.softmax(rows, dim=-1) @ moments).unbind(-1)
    # E|q - ab|^2, expanded; rounding can leave it a hair below zero.
    cross = mean_a * ab[..., 0] + mean_b * ab[..., 1]
    spread = (mean_square - 2 * cross + ab.square().sum(-1)).clamp(min=0)
    concentration = CONFIDENCE_SCALE**2 / (CONFIDENCE_SCALE**2 + spread)
    return ab.permute(0, 3, 1, 2).contiguous(), concentration.unsqueeze(1)


def enlivened(ab: Tensor, concentration: Tensor) -> Tensor:
    """Make up for some of the chroma that averaging loses.

    The mean of several colors is paler than each of them, so the less concentrated a distribution
    is, the more its color is raised: by `UNSURE_GAIN` at most. What is sure, a hint above all,
    stays as it is; so color that is handed on from frame to frame does not grow.

    Args:
        ab: a*, b*, (N, 2, h, w), from `color_of`.
        concentration: (N, 1, h, w) in [0, 1], from `color_of`.

    Returns:
        a*, b*, (N, 2, h, w) float32.
    """
    return ab * (1 + UNSURE_GAIN * (1 - concentration))


def uncalibrated() -> Tensor:
    """The table that leaves concentration as it is: (CALIBRATION_POINTS,) float32."""
    return torch.linspace(0, 1, CALIBRATION_POINTS)


def fit_calibration(concentration: Tensor, right: Tensor) -> Tensor:
    """Learn from pictures whose colors are known how often a concentration is right.

    Isotonic regression (pool adjacent violators; Zadrozny and Elkan, "Transforming Classifier
    Scores into Accurate Multiclass Probability Estimates", 2002) on the means of
    `CALIBRATION_POINTS` equal intervals, toward the uncalibrated where there is little evidence.

    Args:
        concentration: of each cell, from `color_of`; any shape.
        right: bool, same shape: the color was within `CONFIDENCE_RADIUS` of the truth.

    Returns:
        The table for `calibrated`: (CALIBRATION_POINTS,) float32 in [0, 1], never falling.
    """
    last = CALIBRATION_POINTS - 1
    nearest = (concentration.flatten().double().clamp(0, 1) * last).round().long().cpu()
    hits = right.flatten().double().cpu()
    # As good as this many cells that behave as the network believes.
    evidence = torch.full((CALIBRATION_POINTS,), 16.0, dtype=torch.float64)
    total = evidence * uncalibrated().double()
    evidence.index_add_(0, nearest, torch.ones_like(hits))
    total.index_add_(0, nearest, hits)
    blocks: list[list[float]] = []  # [sum, weight, points]
    for point in range(CALIBRATION_POINTS):
        blocks.append([float(total[point]), float(evidence[point]), 1])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            hit, weight, points = blocks.pop()
            blocks[-1] = [blocks[-1][0] + hit, blocks[-1][1] + weight, blocks[-1][2] + points]
    values = [hit / weight for hit, weight, points in blocks for _ in range(int(points))]
    return torch.tensor(values, dtype=torch.float32)


def calibrated(concentration: Tensor, table: Tensor) -> Tensor:
    """Confidence: the share of such cells whose color is right (see `CONFIDENCE_RADIUS`).

    Args:
        concentration: in [0, 1], any shape, from `color_of`.
        table: (CALIBRATION_POINTS,) float32, from `fit_calibration`; linear in between.

    Returns:
        In [0, 1], of the same shape.
    """
    place = concentration.clamp(0, 1) * (len(table) - 1)
    below = place.floor().clamp(max=len(table) - 2)
    index = below.long()
    return torch.lerp(table[index], table[index + 1], place - below)
