"""Guided upsampling: sizes, luma edges and chroma location."""

import numpy as np
import pytest

from vidcolor.imaging.guided_filter import GuidedUpsampler


@pytest.mark.parametrize("size", [(240, 320), (64, 64), (17, 31), (1, 1), (3, 200)])
def test_upsampler_accepts_any_size(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    proxy = rng.uniform(0, 1, (64, 80)).astype(np.float32)
    guide = rng.uniform(0, 1, size).astype(np.float32)
    upsampled = GuidedUpsampler()(np.full((2, 16, 20), 0.2, np.float32), proxy, guide)
    assert upsampled.shape == (2, *size)
    assert np.allclose(upsampled, 0.2, atol=1e-4)  # constant chroma does not depend on luma


def test_chroma_edge_follows_the_luma_edge() -> None:
    """Coarse chroma does not contain the exact position of an edge. The guide restores it."""
    proxy = np.where(np.arange(128) < 66, 0.2, 0.8).astype(np.float32)[None].repeat(128, 0)
    guide = np.where(np.arange(512) < 264, 0.2, 0.8).astype(np.float32)[None].repeat(512, 0)
    coarse = np.zeros((2, 32, 32), np.float32)
    coarse[0] = np.where(np.arange(32) < 16, -0.1, 0.1)
    coarse[0, :, 16] = -0.02  # the cell that contains the edge
    upsampled = GuidedUpsampler()(coarse, proxy, guide)[0, 256]
    step = np.abs(np.diff(upsampled))
    assert int(step.argmax()) == 263
    assert step[263] > 0.1
    assert np.delete(step, 263).max() < 0.02


def test_left_sited_chroma_is_sampled_further_left() -> None:
    """4:2:0 chroma samples lie on even luma columns."""
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None].repeat(64, 0)
    chroma = np.stack([ramp[::4, ::4], -ramp[::4, ::4]]) * np.float32(0.2)
    flat = np.full((64, 64), 0.5, np.float32)  # without edges
    guide = np.full((256, 256), 0.5, np.float32)
    centered = GuidedUpsampler()(chroma, flat, guide)[0, :, 60:200]
    left = GuidedUpsampler()(chroma, flat, guide, left_offset=0.25)[0, :, 60:200]
    slope = float(np.diff(centered, axis=1).mean())
    assert slope > 0
    assert np.allclose(centered - left, 0.25 * slope, rtol=0.02)


def test_chroma_does_not_overshoot_at_edges() -> None:
    proxy = np.where(np.arange(128) < 66, 0.2, 0.8).astype(np.float32)[None].repeat(128, 0)
    guide = np.where(np.arange(512) < 264, 0.2, 0.8).astype(np.float32)[None].repeat(512, 0)
    coarse = np.zeros((2, 32, 32), np.float32)
    coarse[0] = np.where(np.arange(32) < 16, -0.1, 0.1)
    coarse[0, :, 16] = -0.02
    upsampled = GuidedUpsampler()(coarse, proxy, guide)[0]
    assert upsampled.min() >= -0.105
    assert upsampled.max() <= 0.105
