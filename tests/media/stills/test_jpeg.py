"""JPEG must keep its coded luma and its metadata."""

from __future__ import annotations

import io
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.helpers.stills import (
    HEIGHT,
    PROVENANCE,
    WIDTH,
    XMP,
    jpeg_segment,
    make_exif,
    open_image,
    read_jpeg_luma,
    smooth_chroma,
    srgb_profile,
)
from vidcolor.errors import InputError
from vidcolor.media.stills.registry import read_still, read_still_recipe, write_still
from vidcolor.provenance import DIGITAL_SOURCE_TYPE


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("quality", [50, 92, 100])
def test_gray_jpeg_keeps_its_luma_bit_for_bit(tmp_path, gray, quality, progressive):
    source, target = tmp_path / "a.jpg", tmp_path / "b.jpg"
    Image.fromarray(gray).save(source, quality=quality, progressive=progressive)
    still = read_still(source)
    assert (still.tint, still.bits, still.matrix.name) == ("gray", 8, "bt470bg")
    np.testing.assert_array_equal(still.luma, np.asarray(open_image(source)))
    assert write_still(target, still, *smooth_chroma(), provenance=PROVENANCE) == ()
    np.testing.assert_array_equal(read_jpeg_luma(target), still.luma)
    result = open_image(target)
    assert result.mode == "RGB"
    cb = np.asarray(result.convert("YCbCr"))[..., 1].astype(float)
    expected = 128 + 255 * smooth_chroma()[0]
    assert np.abs(cb - expected)[10:-10, 10:40].mean() < 3


def test_joined_jpeg_decodes_the_same_in_pillow_opencv_and_ffmpeg(tmp_path, gray):
    import av

    source, target = tmp_path / "a.jpg", tmp_path / "b.jpg"
    Image.fromarray(gray).save(source, quality=90, restart_marker_blocks=3)
    write_still(target, read_still(source), *smooth_chroma(), provenance=PROVENANCE)
    by_pillow = np.asarray(open_image(target).convert("RGB")).astype(int)
    by_cv = cv2.imread(str(target))[..., ::-1].astype(int)
    assert np.abs(by_pillow - by_cv).max() <= 2
    with av.open(str(target)) as container:
        by_av = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert np.abs(by_pillow - by_av).mean() < 2


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_luma_of_a_color_jpeg_is_the_coded_plane(tmp_path, gray, subsampling):
    source = tmp_path / "a.jpg"
    color = np.stack([gray, gray // 2, 255 - gray], -1)
    Image.fromarray(color).save(source, quality=80, subsampling=subsampling)
    still = read_still(source)
    np.testing.assert_array_equal(still.luma, read_jpeg_luma(source))
    assert still.tint == "color"


def test_luma_of_a_gray_jpeg_with_chroma_scans_changes_only_slightly(tmp_path, gray):
    source, target = tmp_path / "a.jpg", tmp_path / "b.jpg"
    Image.fromarray(np.dstack([gray] * 3)).save(source, quality=85)
    still = read_still(source)
    assert still.tint == "gray"
    write_still(target, still, *smooth_chroma(), provenance=PROVENANCE)
    error = np.abs(read_jpeg_luma(target).astype(int) - still.luma)
    assert (error > 0).mean() < 0.1 and error.mean() < 0.15


def test_luma_is_encoded_again_if_a_quality_is_given(tmp_path, gray):
    source = tmp_path / "a.jpg"
    Image.fromarray(gray).save(source, quality=100)
    still = read_still(source)
    sizes = []
    for quality in (None, 30):
        target = tmp_path / f"q{quality}.jpg"
        write_still(target, still, *smooth_chroma(), provenance=PROVENANCE, quality=quality)
        sizes.append(target.stat().st_size)
    assert sizes[1] < sizes[0] / 2


def test_changed_luma_is_encoded_and_not_copied_from_the_source(tmp_path, gray):
    source, target = tmp_path / "a.jpg", tmp_path / "b.jpg"
    Image.fromarray(gray).save(source, quality=95)
    still = read_still(source)
    darker = replace(still, luma=(still.luma // 2))
    write_still(target, darker, *smooth_chroma(), provenance=PROVENANCE)
    assert np.abs(read_jpeg_luma(target).astype(int) - darker.luma).max() < 12


def test_jpeg_metadata_survives(tmp_path, gray):
    source, target = tmp_path / "a.jpg", tmp_path / "b.jpg"
    exif, icc = make_exif(), srgb_profile()
    Image.fromarray(gray).save(
        source, exif=b"Exif\0\0" + exif, icc_profile=icc, dpi=(300, 300), xmp=XMP, comment=b"box 7"
    )
    still = read_still(source)
    assert still.orientation == 6 and still.luma.shape == (HEIGHT, WIDTH)
    assert write_still(target, still, *smooth_chroma(), provenance=PROVENANCE) == ()
    result = read_still(target)
    assert result.metadata.exif == exif, "equal bytes keep the offsets in a MakerNote valid"
    assert result.metadata.icc == icc
    assert result.metadata.dpi == (300, 300)
    assert result.metadata.extras == still.metadata.extras != ()
    assert b"Harbor" in result.metadata.xmp
    assert DIGITAL_SOURCE_TYPE.encode() in result.metadata.xmp
    assert read_still_recipe(target) == PROVENANCE.recipe and read_still_recipe(source) is None


def test_iptc_captions_survive_from_jpeg_to_tiff_and_back(tmp_path, gray):
    plain = io.BytesIO()
    Image.fromarray(gray).save(plain, "JPEG")
    caption = b"8BIM\x04\x04\0\0\0\0\0\x0c\x1c\x02\x78\0\x07Harbor"
    segment = jpeg_segment(0xED, b"Photoshop 3.0\0" + caption)
    source, tiff, jpeg = tmp_path / "a.jpg", tmp_path / "b.tif", tmp_path / "c.jpg"
    source.write_bytes(plain.getvalue()[:2] + segment + plain.getvalue()[2:])
    write_still(tiff, read_still(source), *smooth_chroma(), provenance=PROVENANCE)
    write_still(jpeg, read_still(tiff), *smooth_chroma(), provenance=PROVENANCE)
    assert caption in jpeg.read_bytes()


def test_content_credentials_that_cannot_be_kept_are_reported(tmp_path, gray):
    plain = io.BytesIO()
    Image.fromarray(gray).save(plain, "JPEG")
    segment = jpeg_segment(0xEB, b"JP\0\0c2pa")
    (tmp_path / "a.jpg").write_bytes(plain.getvalue()[:2] + segment * 2 + plain.getvalue()[2:])
    warnings = read_still(tmp_path / "a.jpg").warnings
    assert warnings == ("content credentials (C2PA) are not kept: they describe other pixels",)


def test_cmyk_jpeg_is_converted_to_rgb_with_a_warning(tmp_path, gray):
    source = tmp_path / "a.jpg"
    Image.fromarray(np.dstack([255 - gray] * 3 + [np.zeros_like(gray)]), "CMYK").save(source)
    still = read_still(source)
    assert "CMYK" in still.warnings[0] and still.matrix.name == "bt709"
    assert np.abs(still.luma.astype(int) - gray).mean() < 4


@pytest.mark.parametrize("bits", [8, 16])
def test_loss_of_a_lossless_source_is_named(tmp_path, deep, bits):
    imagecodecs = pytest.importorskip("imagecodecs")
    codes = deep if bits == 16 else (deep >> 8).astype(np.uint8)
    data = imagecodecs.jpeg8_encode(codes, lossless=True, bitspersample=bits)
    (tmp_path / "a.jpg").write_bytes(data)
    still = read_still(tmp_path / "a.jpg")
    np.testing.assert_array_equal(still.luma, codes)
    chroma = smooth_chroma()
    warnings = write_still(tmp_path / "b.jpg", still, *chroma, provenance=PROVENANCE)
    assert "luma is encoded with loss (quality 95)" in warnings[-1]
    assert not write_still(tmp_path / "b.png", still, *chroma, provenance=PROVENANCE)


@pytest.mark.parametrize("channels", [1, 3])
def test_12_bits_are_read(tmp_path, deep, channels, monkeypatch):
    imagecodecs = pytest.importorskip("imagecodecs")
    codes = deep >> 4
    samples = np.dstack([codes] * 3) if channels == 3 else codes
    data = imagecodecs.jpeg8_encode(samples, level=100, bitspersample=12)
    (tmp_path / "a.jpg").write_bytes(data)
    still = read_still(tmp_path / "a.jpg")
    assert still.bits == 16 and not still.lossless
    assert np.abs(still.luma / 65535 - codes / 4095).max() < 0.01
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(InputError, match=r"JPEG of 12 bits needs .* imagecodecs; pip"):
        read_still(tmp_path / "a.jpg")


def test_data_after_the_image_is_named(tmp_path, gray):
    """Phones append the film of a motion photo; some cameras pad their files."""
    source = tmp_path / "a.jpg"
    Image.fromarray(gray).save(source)
    image = source.read_bytes()
    film = b"mpvd\0\0\0\x18ftypmp42" + bytes(range(200))
    rows = {
        film: (f"not kept: a film of {len(film)} bytes after the image",),
        b"SEFH": ("not kept: data of 4 bytes after the image",),
        bytes(4096): (),
    }
    for trailer, warnings in rows.items():
        source.write_bytes(image + trailer)
        assert read_still(source).warnings == warnings


@pytest.mark.parametrize("restarts", [0, 1])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_without_its_end_marker_is_complete(tmp_path, gray, mode, restarts):
    source = tmp_path / "a.jpg"
    Image.fromarray(gray).convert(mode).save(source, restart_marker_rows=restarts)
    whole, data = read_still(source), source.read_bytes()
    source.write_bytes(data[:-2])
    still = read_still(source)
    np.testing.assert_array_equal(still.luma, whole.luma)
    assert still.warnings == () and (still.jpeg_data is None) == (mode == "RGB")
    write_still(tmp_path / "b.jpg", still, *smooth_chroma(), provenance=PROVENANCE)
    if mode == "L":
        np.testing.assert_array_equal(read_jpeg_luma(tmp_path / "b.jpg"), whole.luma)
    for lost in (3, 20, 300):
        source.write_bytes(data[:-lost])
        with pytest.raises(InputError, match="truncated JPEG"):
            read_still(source)


def test_bytes_between_segments_are_skipped(tmp_path, gray):
    """Some programs leave a wrong number of bytes there. All decoders skip them."""
    source, target = tmp_path / "a.jpg", tmp_path / "b.jpg"
    Image.fromarray(gray).save(source, dpi=(300, 300))
    data = source.read_bytes()
    at = data.index(b"\xff\xdb")
    for stray in (b"\0\0", b"\xff\0", b"\xff\xff\xff", b"\xff\xd1 "):
        source.write_bytes(data[:at] + stray + data[at:])
        still = read_still(source)
        assert still.metadata.dpi == (300, 300)
        write_still(target, still, *smooth_chroma(), provenance=PROVENANCE)
        np.testing.assert_array_equal(read_jpeg_luma(target), read_jpeg_luma(source))
