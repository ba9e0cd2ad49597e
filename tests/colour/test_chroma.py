"""From a*, b* to Cb, Cr under a luma that stays."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vidcolor.colour.chroma import ab_to_cbcr, limit_to_gamut
from vidcolor.colour.lab import rgb_to_lab
from vidcolor.colour.ycbcr import MATRICES, rgb_of_ycbcr

seeds = st.integers(0, 2**32 - 1)
matrices = st.sampled_from(list(MATRICES.values()))


@settings(max_examples=25, deadline=None)
@given(seeds, matrices)
def test_colour_comes_back_as_predicted(seed: int, matrix) -> None:
    """Colours of real pixels, seen through luma alone and their own a*, b*, are found again."""
    rgb = np.random.default_rng(seed).uniform(0.05, 0.95, (3, 12, 12)).astype(np.float32)
    luma = np.tensordot(np.array([matrix.kr, matrix.kg, matrix.kb], np.float32), rgb, 1)
    _, ab = rgb_to_lab(torch.from_numpy(rgb)[None])
    cb, cr = ab_to_cbcr(ab[0].numpy(), luma, matrix)
    back = rgb_of_ycbcr(luma, cb, cr, matrix).transpose(2, 0, 1)
    assert np.percentile(np.abs(back - rgb), 95) < 0.02


def test_no_colour_is_no_chroma() -> None:
    luma = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    cb, cr = ab_to_cbcr(np.zeros((2, 8, 8), np.float32), luma, MATRICES["bt709"])
    assert np.abs(np.stack([cb, cr])).max() < 1e-3


@settings(max_examples=50, deadline=None)
@given(seeds, matrices)
def test_no_channel_clips(seed: int, matrix) -> None:
    rng = np.random.default_rng(seed)
    luma = rng.uniform(0, 1, (16, 16)).astype(np.float32)
    luma[0, 0], luma[0, 1] = 0, 1
    cb, cr = rng.uniform(-0.5, 0.5, (2, 16, 16)).astype(np.float32)
    hue = np.arctan2(cr, cb)
    limit_to_gamut(cb, cr, luma, matrix)
    rgb = rgb_of_ycbcr(luma, cb, cr, matrix)
    assert rgb.min() > -1e-4
    assert rgb.max() < 1 + 1e-4
    strong = np.hypot(cb, cr) > 1e-3
    assert np.allclose(np.arctan2(cr, cb)[strong], hue[strong], atol=1e-3)
    assert abs(cb[0, 0]) < 1e-5  # black and white have no colour
    assert abs(cr[0, 1]) < 1e-5


def test_colours_that_fit_are_left_alone() -> None:
    luma = np.full((4, 4), 0.5, np.float32)
    cb, cr = np.full((2, 4, 4), 0.1, np.float32)
    limit_to_gamut(cb, cr, luma, MATRICES["bt709"])
    assert np.allclose([cb, cr], 0.1)
