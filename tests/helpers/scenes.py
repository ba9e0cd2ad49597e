"""Synthetic color scenes, and their colors as CIELAB."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vidcolor.color.lab import rgb_to_lab


def draw_scene(seed: int, height: int = 300, width: int = 420) -> NDArray[np.uint8]:
    """Draw overlapping colored discs of many sizes: R'G'B', (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    scene = np.full((height, width, 3), 120, np.uint8)
    for radius in np.linspace(70, 4, 160).astype(int):
        center = int(rng.integers(width)), int(rng.integers(height))
        color = [int(c) for c in rng.integers(20, 235, 3)]
        cv2.circle(scene, center, int(radius), color, -1, cv2.LINE_AA)
    return scene


def to_gray(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the BT.709 luma of R'G'B': (H, W, 3) to (H, W) uint8."""
    return np.rint(rgb @ np.array([0.2126, 0.7152, 0.0722])).astype(np.uint8)


def to_lab(rgb: NDArray[np.uint8]) -> torch.Tensor:
    """Return the L*, a*, b* of R'G'B', (H, W, 3) uint8: (1, 3, H, W) float32."""
    planes = torch.from_numpy(rgb.transpose(2, 0, 1)[None].copy()).float() / 255
    return torch.cat(rgb_to_lab(planes), dim=1)
