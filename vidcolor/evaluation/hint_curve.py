"""Hints with true colors, for measuring how much hints improve a prediction.

Hints are simulated as by Zhang et al., "Real-Time User-Guided Image Colorization with Learned Deep
Priors", SIGGRAPH 2017: a hint is a square patch at a random position, with the mean color of the
ground truth there. The first n hints of an image are always the same, so that each point of the
hint curve extends the hints of the previous one.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.evaluation.calibration import compute_mean_ab
from vidcolor.generators.predictor import HintArrays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.imaging.types import Rgb

PATCH_SIDE = 7
"""Side of a hint patch in pixels, for a proxy whose short side is `REFERENCE_SIDE`."""
REFERENCE_SIDE = 256
"""Short side of the proxy for which `PATCH_SIDE` is given, in pixels. Patches scale with the
proxy."""


def sample_hints(
    ground_truth: Sequence[Rgb], names: Sequence[str], count: int, shape: tuple[int, ...]
) -> HintArrays:
    """Return hints with true colors for a batch of images.

    Args:
        ground_truth: the images in their true colors, each (H, W, 3) uint8.
        names: the names of the images. A name determines the positions of the hints.
        count: number of hints in each image.
        shape: rows H' and columns W' of the generator's proxy.

    Returns:
        a*, b*: (N, 2, H', W') float32; density: (N, H', W') float32, 1 in the patches and 0
        elsewhere.
    """
    rows, columns = shape
    side = min(max(1, round(PATCH_SIDE * min(shape) / REFERENCE_SIDE)), *shape)
    hint_ab = np.zeros((len(ground_truth), 2, rows, columns), np.float32)
    density = np.zeros((len(ground_truth), rows, columns), np.float32)
    for n, (rgb, name) in enumerate(zip(ground_truth, names, strict=True)):
        ab = compute_mean_ab(rgb, shape)
        for top, left in _sample_positions(name, count, (rows - side + 1, columns - side + 1)):
            patch = slice(top, top + side), slice(left, left + side)
            hint_ab[n][:, *patch] = ab[:, *patch].mean((1, 2), keepdims=True)
            density[n][patch] = 1
    return HintArrays(hint_ab, density)


def _sample_positions(name: str, count: int, limits: tuple[int, int]) -> list[tuple[int, int]]:
    """Return y, x of the top left corners of patches; they depend on the name only."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    samples = np.random.default_rng(seed).random((count, 2))
    return [(int(y * limits[0]), int(x * limits[1])) for y, x in samples]
