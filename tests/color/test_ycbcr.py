"""Code values, ranges and depths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcolor.color.ycbcr import (
    MATRICES,
    Coding,
    change_depth,
    default_matrix,
    rgb_to_luma_codes,
    matrix_from_code,
    ycbcr_to_rgb,
)

codings = st.builds(Coding, st.sampled_from([8, 9, 10, 12, 14, 16]), st.booleans())


@given(codings, st.sampled_from([8, 9, 10, 12, 14, 16]))
def test_deeper_luma_keeps_every_code(source: Coding, bits: int) -> None:
    codes = np.arange(1 << source.bits).astype(source.dtype)
    deeper = change_depth(codes, source, max(bits, source.bits))
    back = change_depth(deeper, Coding(max(bits, source.bits), source.full_range), source.bits)
    assert np.array_equal(back, codes)


@pytest.mark.parametrize(
    ("bits", "full", "black", "white"),
    [(8, False, 16, 235), (10, False, 64, 940), (12, False, 256, 3760), (10, True, 0, 1023)],
)
def test_black_and_white_are_those_of_the_standard(
    bits: int, full: bool, black: int, white: int
) -> None:
    coding = Coding(bits, full)
    assert coding.luma_to_unit(np.array([black, white])).tolist() == [0.0, 1.0]
    assert coding.unit_to_luma(np.array([0, 1], np.float32)).tolist() == [black, white]


@given(codings)
def test_chroma_stays_inside_its_range(coding: Coding) -> None:
    codes = coding.chroma_to_codes(np.array([-2, -0.5, 0, 0.5, 2], np.float32)).astype(int)
    assert codes[2] == coding.neutral
    assert codes.min() >= 0
    assert codes.max() < 1 << coding.bits
    if not coding.full_range and coding.bits == 8:
        assert codes.tolist() == [16, 16, 128, 240, 240]


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("matrix", MATRICES.values(), ids=lambda m: m.name)
def test_gray_rgb_becomes_its_own_code(bits: int, matrix) -> None:
    codes = np.arange(1 << bits, dtype=np.uint16)
    rgb = np.repeat(codes[:, None, None], 3, axis=-1)
    assert np.array_equal(rgb_to_luma_codes(rgb, matrix, bits, bits)[:, 0], codes)


def test_eight_bit_rgb_grays_stay_apart() -> None:
    rgb = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=-1)
    luma = rgb_to_luma_codes(rgb, MATRICES["bt709"], 8, 10)
    assert len(np.unique(luma)) == 256
    assert luma.max() == 1023


@given(st.sampled_from(list(MATRICES.values())), st.integers(0, 2**32 - 1))
def test_rgb_has_the_luma_it_was_made_with(matrix, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, cb, cr = rng.uniform(-0.5, 0.5, (3, 4, 4)).astype(np.float32)
    rgb = ycbcr_to_rgb(y, cb, cr, matrix)
    again = rgb @ np.array([matrix.kr, matrix.kg, matrix.kb], np.float32)
    assert np.allclose(again, y, atol=1e-5)


def test_untagged_sizes_are_guessed_as_players_do() -> None:
    assert default_matrix(720, 576).name == "smpte170m"
    assert default_matrix(1920, 1080).name == "bt709"
    assert matrix_from_code(1) == MATRICES["bt709"]
    assert matrix_from_code(0) is None
