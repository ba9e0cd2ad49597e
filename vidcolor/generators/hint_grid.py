"""Hints brought to the grid that a network takes them on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812

if TYPE_CHECKING:
    from torch import Tensor

    from vidcolor.generators.base import Hints

_BAYER = ((0, 8, 2, 10), (12, 4, 14, 6), (3, 11, 1, 9), (15, 7, 13, 5))


def on_grid(hints: Hints, grid: tuple[int, int], device: str) -> tuple[Tensor, Tensor]:
    """Resample hints.

    A cell's color is the mean of the hints in it, weighted by density; its density is the highest
    in it, as a single hinted pixel is meant to color its surroundings.

    Args:
        hints: on any grid.
        grid: height and width wanted.
        device: where the result shall lie.

    Returns:
        a*, b*: (N, 2, h, w), 0 where nothing is known; density: (N, 1, h, w) in [0, 1]; float32.
    """
    density = hints.density.to(device, torch.float32).clamp(0, 1)
    ab = hints.ab.to(device, torch.float32)
    # Where nothing is known ab may be anything, even NaN, which a product would keep.
    ab = torch.where(density > 0, ab, 0.0) * density
    weight = F.adaptive_avg_pool2d(density, grid)
    ab = F.adaptive_avg_pool2d(ab, grid) / weight.clamp(min=1e-8)
    return ab, F.adaptive_max_pool2d(density, grid)


def dithered(density: Tensor) -> Tensor:
    """Density as pixels that are known or not, for networks that know no third.

    Ordered dither (Bayer, "An optimum method for two-level rendition of continuous-tone pictures",
    1973): of an area of density d a share of d becomes 1, evenly spread, and always the same.

    Args:
        density: (N, 1, H, W) in [0, 1].

    Returns:
        0 or 1, the same shape.
    """
    height, width = density.shape[-2:]
    steps = torch.tensor(_BAYER, device=density.device, dtype=density.dtype)
    threshold = ((steps + 0.5) / 16).repeat(-(-height // 4), -(-width // 4))[:height, :width]
    return (density > threshold).to(density.dtype)
