"""Sample planes for the tests of still images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.stills import HEIGHT, SHAPE, WIDTH
from vidcolor.media.stills.registry import read_still
from vidcolor.media.stills.types import Still


@pytest.fixture
def gray() -> np.ndarray:
    """A ramp over the whole range with noise: (H, W) uint8 that contains 0 and 255."""
    ramp = np.linspace(0, 255, WIDTH)[None, :] * np.linspace(1, 0.4, HEIGHT)[:, None]
    noise = np.random.default_rng(0).normal(0, 6, SHAPE)
    gray = np.clip(ramp + noise, 0, 255).astype(np.uint8)
    gray[0, :2] = 0, 255
    return gray


@pytest.fixture
def deep() -> np.ndarray:
    """Random (H, W) uint16 that contains 0 and 65535."""
    deep = np.random.default_rng(1).integers(0, 65536, SHAPE).astype(np.uint16)
    deep[0, :2] = 0, 65535
    return deep


@pytest.fixture
def still(tmp_path: Path, gray: np.ndarray) -> Still:
    """A gray 8-bit PNG, read."""
    Image.fromarray(gray).save(tmp_path / "source.png")
    return read_still(tmp_path / "source.png")
