"""Y'CbCr: code values, ranges, bit depths and matrices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcolor.color.ycbcr import (
    MATRICES,
    Coding,
    Matrix,
    change_depth,
    get_default_matrix,
    get_matrix,
    planes_to_ycbcr,
    recode,
    rgb_to_luma_codes,
    rgb_to_ycbcr,
    ycbcr_to_rgb,
)

codings = st.builds(Coding, st.sampled_from([8, 9, 10, 12, 14, 16]), st.booleans())


@given(codings, st.sampled_from([8, 9, 10, 12, 14, 16]))
def test_greater_depth_is_reversible(source: Coding, bits: int) -> None:
    codes = np.arange(1 << source.bits).astype(source.dtype)
    deeper = change_depth(codes, source, max(bits, source.bits))
    back = change_depth(deeper, Coding(max(bits, source.bits), source.full_range), source.bits)
    assert np.array_equal(back, codes)


@pytest.mark.parametrize(
    ("bits", "full", "black", "white"),
    [(8, False, 16, 235), (10, False, 64, 940), (12, False, 256, 3760), (10, True, 0, 1023)],
)
def test_black_and_white_have_their_standard_codes(
    bits: int, full: bool, black: int, white: int
) -> None:
    coding = Coding(bits, full)
    assert coding.luma_to_unit(np.array([black, white])).tolist() == [0.0, 1.0]
    assert coding.unit_to_luma(np.array([0, 1], np.float32)).tolist() == [black, white]


@pytest.mark.parametrize(
    ("full", "bits_in", "bits_out", "code", "expected"),
    [
        (False, 8, 10, 16, 64), (False, 8, 10, 235, 940), (False, 8, 10, 128, 512),
        (False, 8, 10, 0, 0), (False, 8, 10, 255, 1020), (False, 8, 16, 235, 60160),
        (False, 10, 12, 940, 3760), (False, 10, 8, 64, 16), (False, 10, 8, 940, 235),
        (False, 10, 8, 66, 17), (False, 10, 8, 65, 16), (False, 10, 8, 1023, 255),
        (True, 8, 10, 0, 0), (True, 8, 10, 255, 1023), (True, 8, 10, 128, 514),
        (True, 8, 16, 1, 257), (True, 8, 16, 255, 65535), (True, 8, 16, 128, 32896),
        (True, 10, 16, 1023, 65535), (True, 10, 16, 512, 32800), (True, 10, 8, 512, 128),
        (True, 16, 8, 65535, 255), (True, 16, 10, 32800, 512),
    ],
)  # fmt: skip
def test_change_depth_gives_the_codes_of_the_standards(
    full: bool, bits_in: int, bits_out: int, code: int, expected: int
) -> None:
    """BT.709 and BT.2020 define the codes of limited range at each depth as multiples."""
    source = Coding(bits_in, full)
    luma = np.array([[code]], source.dtype)
    changed = change_depth(luma, source, bits_out)
    assert changed.dtype == Coding(bits_out, full).dtype
    assert changed.tolist() == [[expected]]


@pytest.mark.parametrize(
    ("source", "target", "code", "expected"),
    [
        (Coding(8, True), Coding(8, False), 0, 16), (Coding(8, True), Coding(8, False), 255, 235),
        (Coding(8, True), Coding(10, False), 255, 940), (Coding(8, False), Coding(8, True), 16, 0),
        (Coding(8, False), Coding(8, True), 235, 255), (Coding(8, False), Coding(8, True), 4, 0),
        (Coding(8, False), Coding(10, True), 235, 1023),
        (Coding(10, True), Coding(10, False), 1023, 940),
    ],
)  # fmt: skip
def test_recode_maps_black_and_white(
    source: Coding, target: Coding, code: int, expected: int
) -> None:
    assert recode(np.array([[code]], source.dtype), source, target).tolist() == [[expected]]


@pytest.mark.parametrize(
    ("bits", "limited_bits"), [(8, 10), (8, 12), (9, 10), (10, 12), (12, 14), (12, 16), (14, 16)]
)
def test_limited_range_with_more_bits_is_invertible(bits: int, limited_bits: int) -> None:
    full, limited = Coding(bits, True), Coding(limited_bits, False)
    codes = np.arange(1 << bits).astype(full.dtype)
    converted = recode(codes, full, limited)
    exact = np.rint(codes * (limited.luma_span / full.luma_span) + limited.black)
    assert np.array_equal(converted, exact)
    assert np.array_equal(recode(converted, limited, full), codes)


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=lambda m: m.name)
def test_luma_of_8_bit_gray_rgb_in_limited_range_is_invertible(matrix: Matrix) -> None:
    codes = np.arange(256, dtype=np.uint8)
    rgb = np.repeat(codes[:, None, None], 3, axis=-1)
    luma = rgb_to_luma_codes(rgb, matrix, 8, 10, full_range=False)[:, 0]
    assert np.array_equal(luma, np.rint(codes * (876 / 255) + 64))
    assert np.array_equal(recode(luma, Coding(10, False), Coding(8, True)), codes)


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=lambda m: m.name)
def test_rgb_to_ycbcr_inverts_ycbcr_to_rgb(matrix: Matrix) -> None:
    rng = np.random.default_rng(0)
    planes = rng.uniform(-0.4, 0.4, (3, 5, 7)).astype(np.float32)
    rgb = ycbcr_to_rgb(*planes, matrix)
    for result in (rgb_to_ycbcr(rgb, matrix), planes_to_ycbcr(*np.moveaxis(rgb, -1, 0), matrix)):
        assert np.allclose(np.stack(result), planes, atol=1e-6)


@given(codings)
def test_chroma_codes_stay_inside_the_range(coding: Coding) -> None:
    codes = coding.chroma_to_codes(np.array([-2, -0.5, 0, 0.5, 2], np.float32)).astype(int)
    assert codes[2] == coding.neutral
    assert codes.min() >= 0
    assert codes.max() < 1 << coding.bits
    if not coding.full_range and coding.bits == 8:
        assert codes.tolist() == [16, 16, 128, 240, 240]


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("matrix", MATRICES.values(), ids=lambda m: m.name)
def test_gray_rgb_keeps_its_code(bits: int, matrix) -> None:
    codes = np.arange(1 << bits, dtype=np.uint16)
    rgb = np.repeat(codes[:, None, None], 3, axis=-1)
    assert np.array_equal(rgb_to_luma_codes(rgb, matrix, bits, bits)[:, 0], codes)


def test_8_bit_grays_stay_distinct_at_10_bits() -> None:
    rgb = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=-1)
    luma = rgb_to_luma_codes(rgb, MATRICES["bt709"], 8, 10)
    assert len(np.unique(luma)) == 256
    assert luma.max() == 1023


@given(st.sampled_from(list(MATRICES.values())), st.integers(0, 2**32 - 1))
def test_ycbcr_to_rgb_keeps_luma(matrix, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, cb, cr = rng.uniform(-0.5, 0.5, (3, 4, 4)).astype(np.float32)
    rgb = ycbcr_to_rgb(y, cb, cr, matrix)
    luma = rgb @ np.array([matrix.kr, matrix.kg, matrix.kb], np.float32)
    assert np.allclose(luma, y, atol=1e-5)


def test_untagged_video_gets_the_matrix_that_players_assume() -> None:
    assert get_default_matrix(720, 576).name == "smpte170m"
    assert get_default_matrix(1920, 1080).name == "bt709"
    assert get_matrix(1) == MATRICES["bt709"]
    assert get_matrix(0) is None
