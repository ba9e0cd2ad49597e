"""CIELAB conversion: published values, inverses and numerical properties."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vidcolor.color.lab import (
    gray_to_lightness,
    lab_to_rgb,
    lab_to_rgb_array,
    lab_to_rgb_with_slope,
    lightness_to_gray,
    rgb_to_lab,
)
from vidcolor.color.srgb import linear_to_srgb, srgb_to_linear

# CIELAB (D65, 2°) of sRGB colors as published by Lindbloom, to two decimals.
REFERENCE = {
    (255, 255, 255): (100.00, 0.00, 0.00),
    (0, 0, 0): (0.00, 0.00, 0.00),
    (255, 0, 0): (53.24, 80.09, 67.20),
    (0, 255, 0): (87.73, -86.18, 83.18),
    (0, 0, 255): (32.30, 79.19, -107.86),
    (255, 255, 0): (97.14, -21.55, 94.48),
    (0, 255, 255): (91.11, -48.09, -14.13),
    (255, 0, 255): (60.32, 98.23, -60.82),
    (128, 128, 128): (53.59, 0.00, 0.00),
}


def make_pixel(rgb):
    return torch.tensor(rgb, dtype=torch.float32).view(1, 3, 1, 1) / 255


@pytest.mark.parametrize(("rgb", "lab"), REFERENCE.items())
def test_lab_matches_published_values(rgb, lab):
    lightness, ab = rgb_to_lab(make_pixel(rgb))
    assert lightness.item() == pytest.approx(lab[0], abs=0.01)
    # Published tables were computed with matrices that differ in the last digit.
    assert ab.flatten().tolist() == pytest.approx(lab[1:], abs=0.02)


@settings(max_examples=50)
@given(st.lists(st.tuples(*[st.floats(0, 1, width=32)] * 3), min_size=1, max_size=20))
def test_lab_to_rgb_inverts_rgb_to_lab(colors):
    rgb = torch.tensor(colors).T.reshape(1, 3, 1, -1)
    back = lab_to_rgb(*rgb_to_lab(rgb))
    assert (back - rgb).abs().max() < 2e-4


@settings(max_examples=50)
@given(st.floats(0, 1, width=32))
def test_lightness_to_gray_inverts_gray_to_lightness(value):
    gray = torch.full((1, 1, 1, 1), value)
    lightness, ab = rgb_to_lab(gray.expand(1, 3, 1, 1))
    assert gray_to_lightness(gray).item() == pytest.approx(lightness.item(), abs=1e-4)
    assert ab.abs().max() < 2e-3
    assert lightness_to_gray(gray_to_lightness(gray)).item() == pytest.approx(value, abs=1e-5)


def test_transfer_functions_are_continuous_and_increasing():
    x = torch.linspace(0, 1, 100_001)
    for curve in (srgb_to_linear, linear_to_srgb, gray_to_lightness):
        step = curve(x).diff()
        assert (step > -1e-5).all() and step.max() < 0.01


def test_out_of_gamut_colors_are_clipped_on_request():
    lightness, ab = torch.full((1, 1, 1, 1), 50.0), torch.tensor([110.0, -110.0]).view(1, 2, 1, 1)
    assert lab_to_rgb(lightness, ab, clip=False).min() < 0
    assert lab_to_rgb(lightness, ab).min() == 0


def test_image_does_not_depend_on_its_batch():
    rgb = torch.rand(5, 3, 37, 41, generator=torch.Generator().manual_seed(0))
    original = rgb.clone()
    for batch, single in zip(rgb_to_lab(rgb), rgb_to_lab(rgb[2:3]), strict=True):
        # The last bits differ: torch computes powers in SIMD vectors, and the remainder by scalars.
        torch.testing.assert_close(batch[2:3], single, atol=1e-4, rtol=0)
    assert torch.equal(rgb, original)


def test_half_precision_input_gives_float32():
    lightness, ab = rgb_to_lab(torch.rand(1, 3, 4, 4).half())
    assert lightness.dtype == ab.dtype == torch.float32


def test_gradient_is_finite_at_black():
    lightness, ab = torch.zeros(1, 1, 1, 1), torch.zeros(1, 2, 1, 1, requires_grad=True)
    lab_to_rgb(lightness, ab, clip=False).sum().backward()
    assert torch.isfinite(ab.grad).all()


def test_slope_is_the_derivative_by_lightness():
    lightness = np.linspace(1, 99, 197, dtype=np.float32)
    for a, b in ((0, 0), (30, -20), (-25, 40)):
        planes = np.full_like(lightness, a), np.full_like(lightness, b)
        rgb, slope = lab_to_rgb_with_slope(lightness, *planes)
        assert np.abs(rgb - lab_to_rgb_array(lightness, *planes)).max() < 1e-6
        step = 0.02
        above, below = (lab_to_rgb_array(lightness + s, *planes) for s in (step, -step))
        difference = np.abs((above - below) / (2 * step) - slope)
        # At the few kinks of both curves the difference quotient is a mean of two slopes.
        assert np.sort(difference.ravel())[:-12].max() < 1e-3
