"""PBM, PGM, PPM and TGA must be read in all kinds, and written in color."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.helpers.stills import PROVENANCE, luma_bt709, open_image, random_chroma
from vidcolor.errors import InputError, UsageError
from vidcolor.media.stills.registry import read_still, write_still
from vidcolor.photo import default_target


@pytest.mark.parametrize("suffix", [".pgm", ".ppm", ".tga"])
def test_8_bit_images_survive(tmp_path, gray, suffix):
    mode = "RGB" if suffix == ".ppm" else "L"
    Image.fromarray(gray).convert(mode).save(tmp_path / f"a{suffix}")
    still = read_still(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(still.luma, gray)
    assert still.bits == 8 and default_target(still.path).suffix == ".png"
    target = tmp_path / f"b{suffix.replace('g', 'p') if suffix == '.pgm' else suffix}"
    write_still(target, still, *random_chroma(), provenance=PROVENANCE)
    np.testing.assert_array_equal(luma_bt709(np.asarray(open_image(target)), 8), gray)
    np.testing.assert_array_equal(read_still(target).luma, gray)


@pytest.mark.parametrize("white", [300, 1023, 4095, 65535])
@pytest.mark.parametrize("magic", ["P2", "P3", "P5", "P6"])
def test_pnm_of_more_than_8_bits_is_read(tmp_path, deep, magic, white):
    codes = (deep.astype(np.int64) * white // 65535).astype(">u2")
    samples = np.dstack([codes] * 3) if magic in ("P3", "P6") else codes
    text = " ".join(map(str, samples.ravel())).encode()
    header = f"{magic}\n# scan\n{codes.shape[1]} {codes.shape[0]}\n{white}\n".encode()
    path = tmp_path / "a.pnm"
    path.write_bytes(header + (samples.astype(">u2").tobytes() if magic in ("P5", "P6") else text))
    still = read_still(path)
    assert still.bits == 16
    np.testing.assert_array_equal(still.luma, np.rint(codes * (65535 / white)))
    write_still(tmp_path / "b.ppm", still, *random_chroma(), provenance=PROVENANCE)
    rgb = cv2.imread(str(tmp_path / "b.ppm"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    np.testing.assert_array_equal(luma_bt709(rgb, 16), still.luma)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="damaged"):
        read_still(path)


def test_bitmaps_are_read_and_color_is_not_written_as_gray(tmp_path, gray):
    image = Image.fromarray(gray).convert("1")
    image.save(tmp_path / "a.pbm")
    still = read_still(tmp_path / "a.pbm")
    np.testing.assert_array_equal(still.luma, np.asarray(image) * np.uint8(255))
    with pytest.raises(UsageError, match="gray only"):
        write_still(tmp_path / "b.pgm", still, *random_chroma(), provenance=PROVENANCE)


@pytest.mark.parametrize("compression", [None, "tga_rle"])
@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA"])
def test_all_kinds_of_tga_are_read(tmp_path, gray, mode, compression):
    image = Image.fromarray(np.dstack([gray, gray, gray, 255 - gray])).convert(mode)
    image.save(tmp_path / "a.tga", compression=compression)
    still = read_still(tmp_path / "a.tga")
    assert still.format == "tga"
    np.testing.assert_array_equal(still.luma, np.asarray(image.convert("RGB"))[..., 1])
    assert (still.alpha is not None) == ("A" in mode)


def test_webp_above_the_limit_of_pillow_is_refused_in_plain_words(tmp_path, monkeypatch):
    Image.new("L", (40, 40)).save(tmp_path / "a.webp")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(InputError, match="WebP of more than 178 million pixels") as error:
        read_still(tmp_path / "a.webp")
    assert "decompression" not in str(error.value)
