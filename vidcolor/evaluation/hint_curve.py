"""How much a person's hints help: true colors at random places, more and more of them.

After Zhang et al., "Real-Time User-Guided Image Colorization with Learned Deep Priors", 2017: a
hint is a patch of 7x7 pixels at 256, in the mean color of the original there. The first n hints of
a picture are always the same, so every point of the curve adds to the one before.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.evaluation.calibration import true_ab
from vidcolor.generators.predictor import HintArrays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.media.preview import Rgb

PATCH = 7
"""Side of a hint in pixels of a picture whose short side has `PATCH_AT`."""
PATCH_AT = 256


def true_hints(
    truths: Sequence[Rgb], names: Sequence[str], count: int, shape: tuple[int, ...]
) -> HintArrays:
    """Hints for a batch of pictures.

    Args:
        truths: the originals, each (H, W, 3) uint8.
        names: of the originals; they decide about the places.
        count: hints of each.
        shape: rows and columns of the proxy that the generator sees.
    """
    rows, columns = shape
    side = min(max(1, round(PATCH * min(shape) / PATCH_AT)), *shape)
    known = np.zeros((len(truths), 2, rows, columns), np.float32)
    density = np.zeros((len(truths), rows, columns), np.float32)
    for n, (truth, name) in enumerate(zip(truths, names, strict=True)):
        ab = true_ab(truth, shape)
        for top, left in _places(name, count, (rows - side + 1, columns - side + 1)):
            patch = slice(top, top + side), slice(left, left + side)
            known[n][:, *patch] = ab[:, *patch].mean((1, 2), keepdims=True)
            density[n][patch] = 1
    return HintArrays(known, density)


def _places(name: str, count: int, room: tuple[int, int]) -> list[tuple[int, int]]:
    """Top left corners, the same for a name on every machine."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    draws = np.random.default_rng(seed).random((count, 2))
    return [(int(y * room[0]), int(x * room[1])) for y, x in draws]
