"""The a*b* bins that the embedded network predicts, and their conversion to color and confidence.

The bins are the points of a 10-unit grid that are inside the sRGB gamut at some lightness. Zhang
et al., "Colorful Image Colorization", 2016, use the same grid; with a different gamut and rounding
they count 313 bins. The network's outputs have the order of `gamut_bins`, so every weights file
depends on that order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from torch import Tensor

SPACING = 10
"""Distance between neighboring bins, in a*b* units."""

_ROWS = (
    (-90, 80, 80), (-80, 40, 80), (-70, 20, 90), (-60, 0, 90), (-50, -20, 90),
    (-40, -30, 90), (-30, -30, 90), (-20, -40, 90), (-10, -50, 90), (0, -60, 90),
    (10, -70, 80), (20, -70, 80), (30, -80, 80), (40, -90, 80), (50, -90, 70),
    (60, -100, 70), (70, -110, 70), (80, -110, 70), (90, -90, 0), (100, -70, -50),
)  # fmt: skip
"""(a*, first b*, last b*), both ends included.

This is a table and not a computation, because only a corner of the gamut reaches some bins, and a
rounding error on a different machine must not change the order that weights depend on.
`tests/color/test_bins.py` derives the table from the gamut.
"""

NUM_BINS = sum((last - first) // SPACING + 1 for _, first, last in _ROWS)
"""Number of bins: 260."""

TEMPERATURE = 0.38
"""Annealing temperature, a compromise of Zhang et al. between muted and blotchy color."""
HINTED_TEMPERATURE = 1.0
"""The same where hints determine the color. Hints decide between the plausible colors, so that the
mean is as vivid as the annealed mean, which would still prefer the colors of the prediction."""
FULL_HINT_PRECISION = 0.5
"""Precision of the hints of a cell from which they determine its color, in units of
1 / `hint_attention.HINT_SIGMA`²."""

CONFIDENCE_SCALE = 20.0
"""Expected error at which the concentration is 0.5, in a*b* units."""
CONFIDENCE_RADIUS = 15.0
"""Maximum error of a color that counts as correct, in a*b* units: observers would usually give it
the same color name."""
CALIBRATION_POINTS = 33
"""Number of entries of the table that maps concentration to confidence."""


def gamut_bins() -> Tensor:
    """Return a*, b* of all bins: (260, 2) float32, sorted by a*, then by b*."""
    return torch.tensor(
        [(float(a), float(b)) for a, first, last in _ROWS for b in range(first, last + 1, SPACING)]
    )


class DecodedColor(NamedTuple):
    """The color of each cell, and how certain it is; see `decode_bins`."""

    ab: Tensor
    """a*, b*: (N, 2, h, w) float32."""
    concentration: Tensor
    """Concentration of the distribution: (N, 1, h, w) float32 in [0, 1]."""
    expected_chroma: Tensor
    """Mean chroma of the distribution (T = 1), in a*b* units: (N, 1, h, w) float32. It is at least
    the chroma of the mean color."""
    hint_share: Tensor | None = None
    """How far hints determine the color, (N, 1, h, w) float32 in [0, 1]; None without hints."""


def decode_bins(logits: Tensor, bins: Tensor, hint_precision: Tensor | None = None) -> DecodedColor:
    """Convert predicted distributions to colors and to their concentration.

    The color is the annealed mean: the mean of the bins under softmax(logits / T). T is
    `TEMPERATURE`, and rises to `HINTED_TEMPERATURE` where hints determine the color. The
    concentration is s² / (s² + D²), where D² is the expected squared a*b* distance between that
    color and a color drawn from the distribution itself (T = 1), and s is `CONFIDENCE_SCALE`. It is
    1 where only one color has any probability, and 0.5 where the expected error is s.
    `apply_calibration` converts it to a confidence.

    `logits` are (N, Q, h, w) of any float type, `bins` are a*, b* of each bin, (Q, 2).
    `hint_precision` is that of `network.PredictedBins`, (N, 1, h, w) float32.
    """
    # With the bins in the last dimension each softmax row is contiguous, which is several times
    # faster. The logits of a channels-last network have this order already.
    rows = logits.float().permute(0, 2, 3, 1)
    bins = bins.float()
    square = bins.square().sum(1, keepdim=True)
    moments = torch.cat([bins, square, square.sqrt()], dim=1)
    hint_share: Tensor | None = None
    temperature: Tensor | float = TEMPERATURE
    if hint_precision is not None:
        hint_share = (hint_precision / FULL_HINT_PRECISION).clamp(max=1)
        rise = HINTED_TEMPERATURE - TEMPERATURE
        temperature = (TEMPERATURE + rise * hint_share).permute(0, 2, 3, 1)
    ab = torch.softmax(rows / temperature, dim=-1) @ bins
    mean_a, mean_b, mean_square, chroma = (torch.softmax(rows, dim=-1) @ moments).unbind(-1)
    # E|q - ab|², expanded; rounding can make it slightly negative.
    cross = mean_a * ab[..., 0] + mean_b * ab[..., 1]
    spread = (mean_square - 2 * cross + ab.square().sum(-1)).clamp(min=0)
    concentration = CONFIDENCE_SCALE**2 / (CONFIDENCE_SCALE**2 + spread)
    return DecodedColor(
        ab.permute(0, 3, 1, 2).contiguous(),
        concentration.unsqueeze(1),
        chroma.unsqueeze(1),
        hint_share,
    )


def identity_calibration() -> Tensor:
    """Return the table that maps concentration to itself: (CALIBRATION_POINTS,) float32."""
    # On the meta device, `linspace` imports SymPy, which takes as long as half of torch.
    return torch.linspace(0, 1, CALIBRATION_POINTS, device="cpu")


def fit_calibration(concentration: Tensor, correct: Tensor) -> Tensor:
    """Fit the calibration table on images whose colors are known.

    The method is isotonic regression by pooling adjacent violators (Zadrozny and Elkan,
    "Transforming Classifier Scores into Accurate Multiclass Probability Estimates", 2002). It
    operates on the means of `CALIBRATION_POINTS` equal intervals, regularized toward the identity.

    Args:
        concentration: one value for each cell, from `decode_bins`; any shape.
        correct: bool, same shape: the color was within `CONFIDENCE_RADIUS` of the truth.

    Returns:
        The table for `apply_calibration`: (CALIBRATION_POINTS,) float32 in [0, 1], non-decreasing.
    """
    last = CALIBRATION_POINTS - 1
    nearest = (concentration.flatten().double().clamp(0, 1) * last).round().long().cpu()
    hits = correct.flatten().double().cpu()
    # The regularization counts as much as this many cells that match the identity.
    evidence = torch.full((CALIBRATION_POINTS,), 16.0, dtype=torch.float64)
    total = evidence * identity_calibration().double()
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


def apply_calibration(concentration: Tensor, table: Tensor) -> Tensor:
    """Convert concentration to confidence, the probability that a color is correct.

    A color is correct if its error is at most `CONFIDENCE_RADIUS`. The table of `fit_calibration`
    is interpolated linearly.
    """
    position = concentration.clamp(0, 1) * (len(table) - 1)
    below = position.floor().clamp(max=len(table) - 2)
    index = below.long()
    return torch.lerp(table[index], table[index + 1], position - below)
