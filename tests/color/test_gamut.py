"""Conversion of a*, b* to Cb, Cr for a fixed luma, and gamut compression."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vidcolor.color.gamut import (
    GAMUT_KNEE,
    ab_to_cbcr,
    compress_to_gamut,
    limit_to_gamut,
)
from vidcolor.color.lab import rgb_to_lab
from vidcolor.color.ycbcr import MATRICES, ycbcr_to_rgb

seeds = st.integers(0, 2**32 - 1)
matrices = st.sampled_from(list(MATRICES.values()))


@settings(max_examples=25)
@given(seeds, matrices)
def test_ab_to_cbcr_recovers_real_colors(seed: int, matrix) -> None:
    rgb = np.random.default_rng(seed).uniform(0.05, 0.95, (3, 12, 12)).astype(np.float32)
    luma = np.tensordot(np.array([matrix.kr, matrix.kg, matrix.kb], np.float32), rgb, 1)
    _, ab = rgb_to_lab(torch.from_numpy(rgb)[None])
    cb, cr = ab_to_cbcr(ab[0].numpy(), luma, matrix)
    back = ycbcr_to_rgb(luma, cb, cr, matrix).transpose(2, 0, 1)
    assert np.percentile(np.abs(back - rgb), 95) < 0.02


def test_zero_ab_gives_zero_chroma() -> None:
    luma = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    cb, cr = ab_to_cbcr(np.zeros((2, 8, 8), np.float32), luma, MATRICES["bt709"])
    assert np.abs(np.stack([cb, cr])).max() < 1e-3


gains = st.floats(0, 3)


def make_strong_colors(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return random luma and chroma, including out-of-gamut colors, black and white."""
    rng = np.random.default_rng(seed)
    luma = rng.uniform(0, 1, (70, 16)).astype(np.float32)  # more rows than one band
    luma[0, 0], luma[0, 1] = 0, 1
    cb, cr = rng.uniform(-0.5, 0.5, (2, 70, 16)).astype(np.float32)
    return luma, cb, cr


@settings(max_examples=50)
@given(seeds, matrices, gains, st.sampled_from([compress_to_gamut, limit_to_gamut]))
def test_compressed_colors_stay_inside_the_gamut_and_keep_their_hue(
    seed: int, matrix, gain: float, compress
) -> None:
    luma, cb, cr = make_strong_colors(seed)
    hue = np.arctan2(cr, cb)
    cb *= gain
    cr *= gain
    compress(cb, cr, luma, matrix)
    rgb = ycbcr_to_rgb(luma, cb, cr, matrix)
    assert rgb.min() > -1e-5
    assert rgb.max() < 1 + 1e-5
    strong = np.hypot(cb, cr) > 1e-3
    assert np.allclose(np.arctan2(cr, cb)[strong], hue[strong], atol=1e-3)
    assert abs(cb[0, 0]) < 1e-5  # black and white are neutral
    assert abs(cr[0, 1]) < 1e-5


@settings(max_examples=50)
@given(seeds, matrices, gains, gains)
def test_compression_is_monotonic(seed: int, matrix, gain_a: float, gain_b: float) -> None:
    luma, cb, cr = make_strong_colors(seed)
    chroma = []
    for gain in sorted((gain_a, gain_b)):
        planes = np.stack([cb, cr]) * np.float32(gain)
        compress_to_gamut(planes[0], planes[1], luma, matrix)
        chroma.append(np.hypot(*planes))
    assert (chroma[1] >= chroma[0] * (1 - 1e-5)).all()
    if max(gain_a, gain_b) > 1.05 * min(gain_a, gain_b) > 0.05:
        inside = (luma > 0.05) & (luma < 0.95) & (np.hypot(cb, cr) > 0.05)
        assert (chroma[1][inside] > chroma[0][inside]).all(), "distinct colors stay distinct"


@settings(max_examples=25)
@given(seeds, matrices)
def test_colors_below_the_knee_do_not_change(seed: int, matrix) -> None:
    """The expected headroom is the largest factor that keeps every channel inside [0, 1]."""
    luma, cb, cr = make_strong_colors(seed)
    difference = ycbcr_to_rgb(np.zeros_like(luma), cb, cr, matrix)
    bound = np.where(difference > 0, 1 - luma[..., None], luma[..., None])
    headroom = (bound / np.maximum(np.abs(difference), 1e-9)).min(-1)
    for ratio in (0.3, 0.99 * GAMUT_KNEE, 1.0):
        before = np.stack([cb, cr]) * (ratio * headroom).astype(np.float32)
        after, limited = before.copy(), before.copy()
        compress_to_gamut(after[0], after[1], luma, matrix)
        limit_to_gamut(limited[0], limited[1], luma, matrix)
        assert np.allclose(limited, before, atol=2e-4)
        if ratio < GAMUT_KNEE:
            assert np.allclose(after, before, atol=2e-5)
        else:
            # At the surface of the gamut r = 1, and (r - k²) / (r + 1 - 2k) = 0.9 for k = 0.8.
            assert np.allclose(after, before * 0.9, atol=2e-4)


@pytest.mark.parametrize("num_strong", [0, 1, 40, 4000])
@pytest.mark.parametrize("shape", [(64, 72), (61, 71), (1, 8)])
def test_compression_does_not_depend_on_other_pixels(shape: tuple[int, int], num_strong) -> None:
    """Few strong colors are compressed by themselves, many together with all other pixels."""
    rng = np.random.default_rng(3)
    luma = rng.uniform(0.2, 0.8, shape).astype(np.float32)
    planes = rng.uniform(-0.02, 0.02, (2, *shape)).astype(np.float32)
    strong = rng.permutation(luma.size)[:num_strong]
    planes.reshape(2, -1)[:, strong] *= 20
    before, every_second = planes.copy(), planes[..., ::2]  # its rows are not contiguous
    compress_to_gamut(planes[0], planes[1], luma, MATRICES["bt709"])
    for n, value in enumerate(before.reshape(2, -1).T.copy()):
        if n % 37 and n not in strong[:20]:
            continue
        cb, cr = value.reshape(2, 1, 1).copy()
        compress_to_gamut(cb, cr, luma.reshape(-1)[n].reshape(1, 1), MATRICES["bt709"])
        assert np.array_equal((cb[0, 0], cr[0, 0]), planes.reshape(2, -1)[:, n])
    again = before[..., ::2]
    compress_to_gamut(again[0], again[1], luma[:, ::2], MATRICES["bt709"])
    assert np.array_equal(again, every_second)
