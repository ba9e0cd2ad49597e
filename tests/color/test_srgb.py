"""The sRGB transfer function for arrays and tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vidcolor.color.lab import (
    gray_to_lightness,
    gray_to_lightness_array,
    lab_to_rgb,
    lab_to_rgb_array,
    rgb_to_lab,
    rgb_to_lab_array,
)
from vidcolor.color.srgb import (
    linear_to_srgb,
    linear_to_srgb_array,
    srgb_to_linear,
    srgb_to_linear_array,
)


@pytest.mark.parametrize(
    ("encoded", "linear"),
    [(0, 0), (0.04045, 0.0031308), (0.5, 0.2140411), (0.7353569, 0.5), (1, 1)],
)
def test_transfer_function_matches_published_values(encoded: float, linear: float) -> None:
    for decode in (
        srgb_to_linear_array(np.array([encoded])),
        srgb_to_linear(torch.tensor([encoded])),
    ):
        assert float(decode[0]) == pytest.approx(linear, abs=2e-7)
    for encode in (
        linear_to_srgb_array(np.array([linear])),
        linear_to_srgb(torch.tensor([linear])),
    ):
        assert float(encode[0]) == pytest.approx(encoded, abs=2e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_array_versions_keep_the_dtype(dtype: type) -> None:
    values = np.linspace(0, 1, 100, dtype=dtype)
    assert srgb_to_linear_array(values).dtype == linear_to_srgb_array(values).dtype == dtype
    assert np.allclose(linear_to_srgb_array(srgb_to_linear_array(values)), values, atol=1e-6)


def test_array_and_tensor_versions_agree() -> None:
    rgb = np.random.default_rng(0).random((3, 20, 30)).astype(np.float32)
    tensor = torch.from_numpy(rgb)[None]
    lightness, ab = rgb_to_lab_array(rgb)
    expected_lightness, expected_ab = rgb_to_lab(tensor)
    assert np.allclose(lightness, expected_lightness[0, 0], atol=1e-3)
    assert np.allclose(ab, expected_ab[0], atol=5e-3)
    assert np.allclose(gray_to_lightness_array(rgb), gray_to_lightness(tensor)[0], atol=1e-3)
    back = lab_to_rgb(expected_lightness, expected_ab, clip=False)[0]
    assert np.allclose(lab_to_rgb_array(lightness, ab[0], ab[1]), back, atol=1e-4)
