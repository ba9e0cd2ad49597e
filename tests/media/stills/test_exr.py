"""OpenEXR must keep 16-bit code values and attributes."""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
import pytest

from tests.helpers.stills import PROVENANCE, SHAPE, random_chroma
from vidcolor.media.stills.exr import encode_exr_file
from vidcolor.media.stills.registry import read_still, write_still


@pytest.mark.parametrize(
    ("value", "aspect"),
    [
        (struct.pack("<f", 1.5), Fraction(3, 2)),
        (struct.pack("<f", float("nan")), None),
        (struct.pack("<d", 1.5), None),
    ],
)
def test_exr_pixel_aspect_is_read_and_invalid_values_are_ignored(tmp_path, value, aspect):
    attribute = (b"pixelAspectRatio", b"float", value)
    data = encode_exr_file(np.zeros((*SHAPE, 3), np.uint16), None, (attribute,))
    (tmp_path / "a.exr").write_bytes(data)
    assert read_still(tmp_path / "a.exr").pixel_aspect == aspect


def test_exr_keeps_16_bit_code_values(tmp_path, deep):
    source = tmp_path / "a.exr"
    source.write_bytes(encode_exr_file(np.dstack([deep] * 3), None))
    still = read_still(source)
    np.testing.assert_array_equal(still.luma, deep)
    for target in (tmp_path / "b.exr", tmp_path / "b.png"):
        write_still(target, still, *random_chroma(), provenance=PROVENANCE)
        np.testing.assert_array_equal(read_still(target).luma, deep)
