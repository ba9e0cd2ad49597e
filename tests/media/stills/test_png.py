"""PNG must keep bit depth, alpha and metadata chunks, and damage must be detected."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from tests.helpers.stills import PROVENANCE, open_image, random_chroma
from vidcolor.errors import InputError
from vidcolor.media.stills.png import SIGNATURE, encode_chunk
from vidcolor.media.stills.registry import read_still, write_still


def test_png_text_survives(tmp_path, gray):
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "Harbor")
    info.add_itxt("Author", "Ā. Ñ", lang="en", zip=True)
    source, target = tmp_path / "a.png", tmp_path / "b.png"
    Image.fromarray(gray).save(source, pnginfo=info, dpi=(300, 300))
    write_still(target, read_still(source), *random_chroma(), provenance=PROVENANCE)
    image = open_image(target)
    image.load()
    assert image.text["Title"] == "Harbor" and image.text["Author"] == "Ā. Ñ"
    assert image.info["dpi"] == pytest.approx((300, 300), rel=1e-3)


def test_a_transparent_color_becomes_alpha(tmp_path, gray, deep):
    for plane in (gray, deep):
        key = int(plane[5, 5])
        Image.fromarray(plane).save(tmp_path / "key.png", transparency=key)
        still = read_still(tmp_path / "key.png")
        np.testing.assert_array_equal(still.alpha == 0, plane == key)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_transparent_gray_of_few_bits_becomes_alpha(tmp_path, gray, bits):
    codes = gray >> (8 - bits)
    digits = np.unpackbits(codes[..., None], axis=-1)[..., 8 - bits :].reshape(len(codes), -1)
    rows = np.pad(np.packbits(digits, axis=1), ((0, 0), (1, 0)))  # each row begins with its filter
    size = struct.pack(">IIBBBBB", gray.shape[1], gray.shape[0], bits, 0, 0, 0, 0)
    for key in (0, (1 << bits) - 1):
        chunks = {b"IHDR": size, b"tRNS": struct.pack(">H", key)}
        chunks |= {b"IDAT": zlib.compress(rows.tobytes()), b"IEND": b""}
        encoded = b"".join(encode_chunk(*chunk) for chunk in chunks.items())
        (tmp_path / "key.png").write_bytes(SIGNATURE + encoded)
        still = read_still(tmp_path / "key.png")
        np.testing.assert_array_equal(still.luma, codes * (255 // ((1 << bits) - 1)))
        np.testing.assert_array_equal(still.alpha, np.where(codes == key, 0, 255))


def test_libpng_prints_no_warning_about_a_profile(tmp_path, deep, capfd):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(deep).save(tmp_path / "a.png", icc_profile=profile)  # of R'G'B' for gray
    still = read_still(tmp_path / "a.png")
    np.testing.assert_array_equal(still.luma, deep)
    assert still.metadata.icc == profile and not capfd.readouterr().err


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_alpha_survives(tmp_path, deep, suffix):
    cv2.imwrite(str(tmp_path / "a.png"), np.dstack([deep, deep, deep, deep[::-1]]))
    target = tmp_path / f"b{suffix}"
    still = read_still(tmp_path / "a.png")
    write_still(target, still, *random_chroma(), provenance=PROVENANCE)
    np.testing.assert_array_equal(read_still(target).alpha, deep[::-1])


def test_a_flipped_bit_is_detected(tmp_path, gray):
    Image.fromarray(gray).save(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(InputError, match="wrong checksum"):
        read_still(tmp_path / "a.png")
