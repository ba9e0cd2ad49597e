"""Fading: a cast that is found and undone, and color that tells nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from vidcolor.color.fading import Fading, plausibility, measure_fading, restore
from vidcolor.color.lab import rgb_to_lab_array

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray


def scene(seed: int = 0) -> FloatArray:
    """Grays of all tones and some colored things: R'G'B' (3, 40, 60)."""
    rng = np.random.default_rng(seed)
    gray = cv2.resize(
        rng.random((5, 7)).astype(np.float32), (60, 40), interpolation=cv2.INTER_CUBIC
    )
    rgb = np.repeat(np.clip(gray, 0.08, 0.92)[None], 3, axis=0)
    for _ in range(5):
        y, x = rng.integers(0, 30), rng.integers(0, 50)
        rgb[:, y : y + 10, x : x + 10] *= rng.uniform(0.4, 1.0, (3, 1, 1)).astype(np.float32)
    return rgb.astype(np.float32)


def gone_pink(rgb: FloatArray) -> FloatArray:
    """The cyan dye has faded, and some of the others."""
    gain = np.array([0.5, 0.75, 0.65], np.float32).reshape(3, 1, 1)
    lift = np.array([0.42, 0.08, 0.15], np.float32).reshape(3, 1, 1)
    return np.clip(lift + gain * rgb, 0, 1)


def apart(a: FloatArray, b: FloatArray) -> float:
    return float(np.hypot(*(a - b)).mean())


def measured(rgb: FloatArray, expected: FloatArray) -> Fading:
    return measure_fading(rgb, expected, np.full(rgb.shape[1:], 0.7, np.float32))


@pytest.mark.parametrize("seed", range(4))
def test_a_cast_is_undone(seed: int) -> None:
    true = scene(seed)
    _, ab = rgb_to_lab_array(true)
    faded = gone_pink(true)
    fading = measured(faded, ab * 0.8)  # a generator that is right, and timid
    restored = restore(fading, faded)
    assert apart(restored, ab) < 0.35 * apart(rgb_to_lab_array(faded)[1], ab)
    assert plausibility(fading, faded, restored).mean() > 0.3


def test_what_has_no_cast_is_left_alone() -> None:
    true = scene(1)
    _, ab = rgb_to_lab_array(true)
    fading = measured(true, np.zeros_like(ab))
    assert apart(restore(fading, true), ab) < 1.0


def test_a_light_of_one_hue_tells_nothing() -> None:
    light = np.array([0.25, 0.1, 1.0], np.float32).reshape(3, 1, 1)
    lit = scene(2).mean(0, keepdims=True) * light
    fading = measured(lit, np.zeros((2, 40, 60), np.float32))
    assert fading.variety < 0.05
    assert not plausibility(fading, lit, restore(fading, lit)).any()


def test_gray_tells_nothing() -> None:
    gray = np.repeat(scene(3).mean(0, keepdims=True), 3, axis=0)
    fading = measured(gray, np.full((2, 40, 60), 10, np.float32))
    assert not plausibility(fading, gray, restore(fading, gray)).any()


def test_noise_in_the_dark_and_clipped_light_are_not_believed() -> None:
    rgb = scene(0)
    rgb[:, :10] = 0.02
    rgb[0, 30:] = 1.0
    fading = measured(rgb, np.zeros((2, 40, 60), np.float32))
    belief = plausibility(fading, rgb, restore(fading, rgb))
    assert belief[:10].max() == 0
    assert belief[30:].max() == 0
    assert belief[12:28].mean() > 0.3


def test_between_two_fadings() -> None:
    a = Fading(np.zeros((17, 2), np.float32), 1.0, 0.0)
    b = Fading(np.full((17, 2), 10, np.float32), 1.4, 1.0)
    middle = a.toward(b, 0.25)
    assert middle.cast == pytest.approx(np.full((17, 2), 2.5))
    assert (middle.gain, middle.variety) == pytest.approx((1.1, 0.25))
