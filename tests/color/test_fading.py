"""Fading: removal of casts, and plausibility of colors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from vidcolor.color.fading import Fading, estimate_plausibility, measure_fading, restore
from vidcolor.color.lab import rgb_to_lab_array

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray


def make_scene(seed: int = 0) -> FloatArray:
    """Return a gray pattern with colored squares: R'G'B', (3, 40, 60) float32 in [0, 1]."""
    rng = np.random.default_rng(seed)
    gray = cv2.resize(
        rng.random((5, 7)).astype(np.float32), (60, 40), interpolation=cv2.INTER_CUBIC
    )
    rgb = np.repeat(np.clip(gray, 0.08, 0.92)[None], 3, axis=0)
    for _ in range(5):
        y, x = rng.integers(0, 30), rng.integers(0, 50)
        rgb[:, y : y + 10, x : x + 10] *= rng.uniform(0.4, 1.0, (3, 1, 1)).astype(np.float32)
    return rgb.astype(np.float32)


def fade_to_pink(rgb: FloatArray) -> FloatArray:
    """Simulate a print whose cyan dye has faded more than the others."""
    gain = np.array([0.5, 0.75, 0.65], np.float32).reshape(3, 1, 1)
    lift = np.array([0.42, 0.08, 0.15], np.float32).reshape(3, 1, 1)
    return np.clip(lift + gain * rgb, 0, 1)


def compute_mean_distance(a: FloatArray, b: FloatArray) -> float:
    return float(np.hypot(*(a - b)).mean())


def measure_confident(rgb: FloatArray, expected: FloatArray) -> Fading:
    """Measure fading with a prediction of confidence 0.7 everywhere."""
    return measure_fading(rgb, expected, np.full(rgb.shape[1:], 0.7, np.float32))


@pytest.mark.parametrize("seed", range(4))
def test_cast_is_removed(seed: int) -> None:
    true = make_scene(seed)
    _, ab = rgb_to_lab_array(true)
    faded = fade_to_pink(true)
    fading = measure_confident(faded, ab * 0.8)  # a correct but muted prediction
    restored = restore(fading, faded)
    assert compute_mean_distance(restored, ab) < 0.35 * compute_mean_distance(
        rgb_to_lab_array(faded)[1], ab
    )
    assert estimate_plausibility(fading, faded, restored).mean() > 0.3


def test_image_without_cast_does_not_change() -> None:
    true = make_scene(1)
    _, ab = rgb_to_lab_array(true)
    fading = measure_confident(true, np.zeros_like(ab))
    assert compute_mean_distance(restore(fading, true), ab) < 1.0


def test_light_of_one_hue_is_not_plausible() -> None:
    light = np.array([0.25, 0.1, 1.0], np.float32).reshape(3, 1, 1)
    rgb = make_scene(2).mean(0, keepdims=True) * light
    fading = measure_confident(rgb, np.zeros((2, 40, 60), np.float32))
    assert fading.variety < 0.05
    assert not estimate_plausibility(fading, rgb, restore(fading, rgb)).any()


def test_gray_is_not_plausible() -> None:
    gray = np.repeat(make_scene(3).mean(0, keepdims=True), 3, axis=0)
    fading = measure_confident(gray, np.full((2, 40, 60), 10, np.float32))
    assert not estimate_plausibility(fading, gray, restore(fading, gray)).any()


def test_dark_noise_and_clipped_channels_are_not_plausible() -> None:
    rgb = make_scene(0)
    rgb[:, :10] = 0.02
    rgb[0, 30:] = 1.0
    fading = measure_confident(rgb, np.zeros((2, 40, 60), np.float32))
    result = estimate_plausibility(fading, rgb, restore(fading, rgb))
    assert result[:10].max() == 0
    assert result[30:].max() == 0
    assert result[12:28].mean() > 0.3


def test_interpolation_is_linear_in_all_fields() -> None:
    a = Fading(np.zeros((17, 2), np.float32), 1.0, 0.0)
    b = Fading(np.full((17, 2), 10, np.float32), 1.4, 1.0)
    middle = a.interpolate(b, 0.25)
    assert middle.cast == pytest.approx(np.full((17, 2), 2.5))
    assert (middle.gain, middle.variety) == pytest.approx((1.1, 0.25))
