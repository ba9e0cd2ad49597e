"""Chroma upsampling: sizes, edges, and fidelity to the means of the cells."""

import numpy as np
import pytest

from tests.helpers.scenes import draw_scene
from vidcolor.color.ycbcr import MATRICES, rgb_to_ycbcr
from vidcolor.imaging.chroma_upsampling import ChromaUpsampler
from vidcolor.imaging.resize import resize_area


@pytest.mark.parametrize("size", [(240, 320), (64, 64), (17, 31), (1, 1), (3, 200)])
@pytest.mark.parametrize("grid", [(16, 20), (1, 1), (1, 50)])
def test_constant_chroma_does_not_depend_on_luma(
    size: tuple[int, int], grid: tuple[int, int]
) -> None:
    rng = np.random.default_rng(1)
    luma, guide = (rng.uniform(0, 1, shape).astype(np.float32) for shape in (grid, size))
    upsampled = ChromaUpsampler()(np.full((2, *grid), 0.2, np.float32), luma, guide)
    assert upsampled.shape == (2, *size)
    assert np.allclose(upsampled, 0.2, atol=1e-5)


def make_step(column: int, left: float, right: float) -> np.ndarray:
    """Return a plane of (256, 256) with two values, which meet at a column."""
    row = np.where(np.arange(256) < column, left, right).astype(np.float32)
    return row[None].repeat(256, 0)


@pytest.mark.parametrize("column", [128, 130, 133])  # at the edge of a cell and inside
def test_two_colors_meet_at_the_luma_edge_without_a_halo(column: int) -> None:
    guide = make_step(column, 0.2, 0.8)
    truth = np.stack([make_step(column, -0.1, 0.1), make_step(column, 0.05, -0.02)])
    grid = (32, 32)
    chroma = np.stack([resize_area(plane, grid) for plane in truth])
    upsampled = ChromaUpsampler()(chroma, resize_area(guide, grid), guide)
    error = np.abs(upsampled - truth) / np.array([0.2, 0.07])[:, None, None]
    # A guided filter of chroma that was interpolated to the proxy leaves 0.13 to 0.19 here.
    assert error.max() < 0.03


def test_an_edge_without_a_luma_edge_stays_where_it_is() -> None:
    truth = make_step(128, -0.1, 0.1)
    chroma = np.stack([resize_area(truth, (32, 32))] * 2)
    flat = np.full((256, 256), 0.5, np.float32)
    upsampled = ChromaUpsampler()(chroma, resize_area(flat, (32, 32)), flat)[0]
    assert np.abs(upsampled - truth)[:, np.abs(np.arange(256) - 127.5) > 8].max() < 0.02
    # Mean-preserving interpolation overshoots by a sixth of the step.
    assert upsampled.min() > -0.14 and upsampled.max() < 0.14


def to_planes(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the luma and the chroma of R'G'B': (H, W), (2, H, W) float32."""
    luma, cb, cr = rgb_to_ycbcr(rgb.astype(np.float32) / 255, MATRICES["bt709"])
    return luma, np.stack([cb, cr])


@pytest.mark.parametrize("seed", [1, 2])
def test_true_chroma_on_a_coarse_grid_is_restored(seed: int) -> None:
    """A guided filter of radius 6 on the proxy reaches 8 dB, bilinear interpolation 9 dB."""
    luma, truth = to_planes(draw_scene(seed, 288, 384))
    chroma = np.stack([resize_area(plane, (36, 48)) for plane in truth])
    upsampled = ChromaUpsampler()(chroma, resize_area(luma, (36, 48)), luma)
    gain = 10 * np.log10(np.square(truth).mean() / np.square(upsampled - truth).mean())
    assert gain > 13.5
    assert np.hypot(*upsampled).mean() > 0.95 * np.hypot(*truth).mean()
    means = np.stack([resize_area(plane, (36, 48)) for plane in upsampled])
    assert np.abs(means - chroma).mean() < 0.03 * np.abs(chroma).mean()
