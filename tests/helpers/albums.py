"""Small directories of synthetic color images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def colorful(seed: int, size: tuple[int, int] = (120, 160)) -> NDArray[np.uint8]:
    """Return a distinct image for each seed: smooth color patches with texture, (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(0, 256, (6, 8, 3)).astype(np.float32)
    soft = cv2.resize(patches, size[::-1], interpolation=cv2.INTER_CUBIC)
    texture = rng.normal(0, 12, (*size, 1))
    return np.clip(soft + texture, 0, 255).astype(np.uint8)


def save(path: Path, rgb: NDArray[np.uint8]) -> Path:
    """Write an image in the format of its extension."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path)
    return path


def make_album(folder: Path, count: int = 10, first: int = 0) -> Path:
    """Write `count` images to a directory."""
    for seed in range(first, first + count):
        save(folder / f"{seed:03d}.png", colorful(seed))
    return folder
