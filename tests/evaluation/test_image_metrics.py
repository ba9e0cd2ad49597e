"""PSNR, SSIM, CIEDE2000, luma error and chroma edges of single images."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.albums import colorful
from vidcolor.evaluation.image_metrics import (
    detect_chroma_edges,
    edge_f1,
    image_delta_e,
    image_psnr,
    image_ssim,
    max_luma_error,
    ssim,
)


def test_equal_images_have_perfect_metrics() -> None:
    rgb = colorful(1, (40, 50))
    assert image_ssim(rgb, rgb) == pytest.approx(1)
    assert image_delta_e(rgb, rgb) == 0
    assert max_luma_error(rgb, rgb) == 0


def test_different_images_have_low_ssim() -> None:
    assert image_ssim(colorful(1, (96, 128)), colorful(2, (96, 128))) < 0.5


def test_psnr_of_a_constant_difference_matches_the_formula() -> None:
    rgb = np.clip(colorful(1, (40, 50)), 10, 245)
    assert image_psnr(rgb + 10, rgb) == pytest.approx(20 * math.log10(25.5), abs=0.01)


def test_luma_error_is_that_of_the_matrix_that_changes_less() -> None:
    rgb = np.full((4, 4, 3), 128, np.uint8)
    shifted = rgb.copy()
    shifted[..., 0] += 10
    assert max_luma_error(shifted, rgb) == pytest.approx(2.126, abs=1e-3)  # BT.601 gives 2.99


def test_ssim_of_images_smaller_than_the_window_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 11x11"):
        ssim(torch.zeros(1, 3, 10, 20), torch.zeros(1, 3, 10, 20))


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.floats(0, 0.5), st.floats(0, 0.5))
def test_edge_f1_is_symmetric_and_in_range(seed: int, density: float, other: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random((20, 24)) < density, rng.random((20, 24)) < other
    forward, backward = edge_f1(a, b), edge_f1(b, a)
    if a.any() and b.any():
        assert 0 <= forward <= 1
        assert forward == pytest.approx(backward)
        assert edge_f1(a, a) == 1


def test_edges_are_where_color_changes() -> None:
    ab = np.zeros((40, 60, 2), np.float32)
    ab[:, 30:] = (20, -10)
    edges = detect_chroma_edges(ab)
    assert edges[5:-5, 28:32].any(axis=1).all()
    assert not edges[:, :26].any()


def test_quantization_steps_are_not_edges() -> None:
    codes = (np.arange(60) // 6).astype(np.float32)
    ab = np.tile(codes[None, :, None] * (0.9, 0.4), (40, 1, 1)).astype(np.float32)
    assert not detect_chroma_edges(ab).any()
