"""R'G'B' must have exactly the given luma."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.stills import luma_bt709
from vidcolor.color.ycbcr import MATRICES, rgb_to_luma_codes
from vidcolor.media.stills.rgb import compose_rgb_with_luma, convert_depth


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([8, 10, 12, 16]),
    st.sampled_from(["bt709", "bt470bg"]),
    st.sampled_from([0.0, 0.01, 0.1, 0.5]),
)
def test_rgb_rounds_back_to_luma_exactly(seed, bits, name, max_chroma):
    rng, matrix = np.random.default_rng(seed), MATRICES[name]
    top = (1 << bits) - 1
    luma = rng.integers(0, top + 1, (40, 50)).astype(np.uint8 if bits == 8 else np.uint16)
    luma[0, :4] = 0, 1, top - 1, top
    cb, cr = (rng.uniform(-max_chroma, max_chroma, luma.shape).astype(np.float32) for _ in "br")
    rgb = compose_rgb_with_luma(luma, cb, cr, matrix, bits)
    assert rgb.dtype == luma.dtype and rgb.max() <= top
    exact = rgb.astype(np.int64) @ np.round([matrix.kr * 1e4, matrix.kg * 1e4, matrix.kb * 1e4])
    np.testing.assert_array_equal((exact + 5000) // 10000, luma)
    assert np.abs(exact - luma * 1e4).max() < 4900, "float32 arithmetic must round the same way"
    np.testing.assert_array_equal(rgb_to_luma_codes(rgb, matrix, bits, bits), luma)


def test_every_8_bit_luma_survives_a_grid_of_chroma():
    cb, cr = np.meshgrid(np.linspace(-0.5, 0.5, 101), np.linspace(-0.5, 0.5, 101))
    cb, cr = cb.astype(np.float32), cr.astype(np.float32)
    for code in range(0, 256, 5):
        luma = np.full(cb.shape, code, np.uint8)
        rgb = compose_rgb_with_luma(luma, cb, cr, MATRICES["bt709"], 8)
        np.testing.assert_array_equal(luma_bt709(rgb, 8), luma)


def test_color_inside_the_gamut_keeps_its_strength():
    luma = np.full((4, 4), 128, np.uint8)
    cb, cr = np.full((4, 4), -0.1, np.float32), np.full((4, 4), 0.1, np.float32)
    rgb = compose_rgb_with_luma(luma, cb, cr, MATRICES["bt709"], 8)[0, 0].astype(float)
    assert rgb[0] - 128 == pytest.approx(0.1 * 1.5748 * 255, abs=1)
    assert rgb[2] - 128 == pytest.approx(-0.1 * 1.8556 * 255, abs=1.1)


def test_depth_conversion_maps_white_to_white_and_rounds_to_nearest():
    codes = np.array([[0, 1, 128, 255]], np.uint8)
    np.testing.assert_array_equal(convert_depth(codes, 8, 16), [[0, 257, 32896, 65535]])
    deep = np.array([[0, 128, 129, 65535]], np.uint16)
    np.testing.assert_array_equal(convert_depth(deep, 16, 8), [[0, 0, 1, 255]])
