"""DPX must keep its code values and header fields."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from tests.helpers.stills import PROVENANCE, SHAPE, random_chroma
from vidcolor.media.stills.dpx import encode_dpx_file
from vidcolor.media.stills.registry import read_still, read_still_recipe, write_still


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_dpx_keeps_code_values_header_fields_and_recipe(tmp_path, bits):
    codes = np.random.default_rng(3).integers(0, 1 << bits, SHAPE)
    codes = codes.astype(np.uint8 if bits == 8 else np.uint16)
    data = bytearray(encode_dpx_file(np.dstack([codes] * 3), None, bits))
    data[160:167] = b"Archive"
    data[1664:1666] = b"EK"
    first, second, third = (tmp_path / f"{name}.dpx" for name in "abc")
    first.write_bytes(data)
    still = read_still(first)
    assert still.bits == bits
    np.testing.assert_array_equal(still.luma, codes)
    assert write_still(second, still, *random_chroma(), provenance=PROVENANCE) == ()
    assert read_still_recipe(second) == PROVENANCE.recipe
    result = second.read_bytes()
    assert result[160:167] == b"Archive" and result[1664:1666] == b"EK"
    again = read_still(second)
    np.testing.assert_array_equal(again.luma, codes)
    write_still(third, again, *random_chroma(), provenance=PROVENANCE)
    assert third.stat().st_size == second.stat().st_size, "the XMP packet must be replaced"
    write_still(tmp_path / "b.tif", still, *random_chroma(), provenance=PROVENANCE)
    assert read_still(tmp_path / "b.tif").bits == (8 if bits == 8 else 16)


def test_pixel_aspect_and_timecode_are_read_from_the_dpx_header(tmp_path):
    data = bytearray(encode_dpx_file(np.zeros((*SHAPE, 3), np.uint16), None, 10))
    data[1628:1636] = struct.pack("<II", 2000, 1000)
    data[1920:1924] = struct.pack("<I", 0x01020304)
    (tmp_path / "a.dpx").write_bytes(data)
    still = read_still(tmp_path / "a.dpx")
    assert (still.metadata.pixel_aspect, still.metadata.timecode) == (2, "01:02:03:04")


@pytest.mark.parametrize("orientation", [0, 2, 65535])
def test_the_orientation_of_the_dpx_header_is_kept_and_named(tmp_path, orientation):
    data = bytearray(encode_dpx_file(np.zeros((*SHAPE, 3), np.uint8), None, 8))
    data[768:770] = struct.pack("<H", orientation)
    (tmp_path / "a.dpx").write_bytes(data)
    still = read_still(tmp_path / "a.dpx")
    assert len(still.warnings) == (orientation == 2)
    write_still(tmp_path / "b.dpx", still, *random_chroma(), provenance=PROVENANCE)
    assert (tmp_path / "b.dpx").read_bytes()[768:770] == data[768:770]
