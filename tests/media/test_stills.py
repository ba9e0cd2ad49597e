"""Pictures in every format, both ways: luma, depth, and what rides along."""

from __future__ import annotations

import errno
import io
import os
import struct
import zlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from vidcolor.color.ycbcr import MATRICES, luma_of_rgb
from vidcolor.errors import InputError, OutputError, UsageError
from vidcolor.media import stills
from vidcolor.media.stills import STILL_SUFFIXES, exif, read_still, read_still_recipe, write_still
from vidcolor.media.stills.dpx_exr import exr_bytes
from vidcolor.media.stills.rgb import rgb_with_luma
from vidcolor.provenance import DIGITAL_SOURCE_TYPE, Provenance

MARK = Provenance("0.1.0", "embedded", "ab" * 32, "cd" * 32)
H, W = 50, 66
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/" dc:title="Harbor"/></rdf:RDF></x:xmpmeta>'
)
MAKER_NOTE = b"ACME\0" + bytes(range(200))


@pytest.fixture
def gray():
    """Steps over the whole range, and some noise: (H, W) uint8 with 0 and 255 in it."""
    ramp = np.linspace(0, 255, W)[None, :] * np.linspace(1, 0.4, H)[:, None]
    noise = np.random.default_rng(0).normal(0, 6, (H, W))
    gray = np.clip(ramp + noise, 0, 255).astype(np.uint8)
    gray[0, :2] = 0, 255
    return gray


@pytest.fixture
def deep():
    """(H, W) uint16 that no 8-bit picture could stand for."""
    deep = np.random.default_rng(1).integers(0, 65536, (H, W)).astype(np.uint16)
    deep[0, :2] = 0, 65535
    return deep


def chroma(shape=(H, W), seed=2):
    rng = np.random.default_rng(seed)
    return tuple(rng.uniform(-0.5, 0.5, shape).astype(np.float32) for _ in range(2))


def smooth_chroma(shape=(H, W)):
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return 0.1 * np.sin(x / 20), 0.1 * np.cos(y / 15)


def exif_block():
    """EXIF with orientation, artist, a sub-directory and a maker's note, in Motorola order."""
    main = exif.Directory(">")
    main.add(exif.ORIENTATION, 3, 6)
    main.add_bytes(315, 2, b"A. Photographer\0")
    main.add_bytes(306, 2, b"1936:05:01 12:00:00\0")
    sub = exif.Directory(">")
    sub.add_bytes(37500, 7, MAKER_NOTE)
    sub.add(33437, 5, 28, 10)
    main.children[exif.EXIF_IFD] = sub
    return exif.exif_bytes(main)


@cache
def srgb_profile():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def opened(path):
    return Image.open(io.BytesIO(path.read_bytes()))


def jpeg_y(path):
    image = opened(path)
    image.draft("L", image.size)
    return np.asarray(image)


def luma709(rgb, bits):
    return luma_of_rgb(rgb, MATRICES["bt709"], bits, bits)


def color_path(tmp_path, suffix):
    return tmp_path / f"colored{suffix}"


# --- luma in R'G'B' -----------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([8, 10, 12, 16]),
    st.sampled_from(["bt709", "bt470bg"]),
    st.sampled_from([0.0, 0.01, 0.1, 0.5]),
)
def test_rgb_rounds_back_to_luma_exactly(seed, bits, name, size):
    rng, matrix = np.random.default_rng(seed), MATRICES[name]
    top = (1 << bits) - 1
    luma = rng.integers(0, top + 1, (40, 50)).astype(np.uint8 if bits == 8 else np.uint16)
    luma[0, :4] = 0, 1, top - 1, top
    cb, cr = (rng.uniform(-size, size, luma.shape).astype(np.float32) for _ in range(2))
    rgb = rgb_with_luma(luma, cb, cr, matrix, bits)
    assert rgb.dtype == luma.dtype and rgb.max() <= top
    exact = rgb.astype(np.int64) @ np.round([matrix.kr * 1e4, matrix.kg * 1e4, matrix.kb * 1e4])
    np.testing.assert_array_equal((exact + 5000) // 10000, luma)
    assert np.abs(exact - luma * 1e4).max() < 4900, "a reader with float maths must round the same"
    np.testing.assert_array_equal(luma_of_rgb(rgb, matrix, bits, bits), luma)


def test_every_8_bit_luma_under_a_grid_of_chroma():
    cb, cr = np.meshgrid(np.linspace(-0.5, 0.5, 101), np.linspace(-0.5, 0.5, 101))
    cb, cr = cb.astype(np.float32), cr.astype(np.float32)
    for code in range(0, 256, 5):
        luma = np.full(cb.shape, code, np.uint8)
        rgb = rgb_with_luma(luma, cb, cr, MATRICES["bt709"], 8)
        np.testing.assert_array_equal(luma709(rgb, 8), luma)


def test_color_inside_the_gamut_is_not_weakened():
    luma = np.full((4, 4), 128, np.uint8)
    cb, cr = np.full((4, 4), -0.1, np.float32), np.full((4, 4), 0.1, np.float32)
    rgb = rgb_with_luma(luma, cb, cr, MATRICES["bt709"], 8)[0, 0].astype(float)
    assert rgb[0] - 128 == pytest.approx(0.1 * 1.5748 * 255, abs=1)
    assert rgb[2] - 128 == pytest.approx(-0.1 * 1.8556 * 255, abs=1.1)


# --- JPEG ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("quality", [50, 92, 100])
def test_gray_jpeg_keeps_its_luma_bit_for_bit(tmp_path, gray, quality, progressive):
    source, target = tmp_path / "a.jpg", color_path(tmp_path, ".jpg")
    Image.fromarray(gray).save(source, quality=quality, progressive=progressive)
    still = read_still(source)
    assert (still.tint, still.bits, still.matrix.name) == ("gray", 8, "bt470bg")
    np.testing.assert_array_equal(still.luma, np.asarray(opened(source)))
    assert write_still(target, still, *smooth_chroma(), mark=MARK) == ()
    np.testing.assert_array_equal(jpeg_y(target), still.luma)
    colored = opened(target)
    assert colored.mode == "RGB"
    cb = np.asarray(colored.convert("YCbCr"))[..., 1].astype(float)
    wanted = 128 + 255 * smooth_chroma()[0]
    assert np.abs(cb - wanted)[10:-10, 10:40].mean() < 3


def test_joined_jpeg_is_read_by_other_decoders_too(tmp_path, gray):
    import av

    source, target = tmp_path / "a.jpg", color_path(tmp_path, ".jpg")
    Image.fromarray(gray).save(source, quality=90, restart_marker_blocks=3)
    write_still(target, read_still(source), *smooth_chroma(), mark=MARK)
    by_pillow = np.asarray(opened(target).convert("RGB")).astype(int)
    by_cv = cv2.imread(str(target))[..., ::-1].astype(int)
    assert np.abs(by_pillow - by_cv).max() <= 2
    with av.open(str(target)) as container:
        by_av = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert np.abs(by_pillow - by_av).mean() < 2


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_y_plane_is_the_decoders_own(tmp_path, gray, subsampling):
    source = tmp_path / "a.jpg"
    color = np.stack([gray, gray // 2, 255 - gray], -1)
    Image.fromarray(color).save(source, quality=80, subsampling=subsampling)
    still = read_still(source)
    np.testing.assert_array_equal(still.luma, jpeg_y(source))
    assert still.tint == "color"


def test_color_coded_gray_jpeg_nearly_keeps_its_luma(tmp_path, gray):
    source, target = tmp_path / "a.jpg", color_path(tmp_path, ".jpg")
    Image.fromarray(np.dstack([gray] * 3)).save(source, quality=85)
    still = read_still(source)
    assert still.tint == "gray"
    write_still(target, still, *smooth_chroma(), mark=MARK)
    off = np.abs(jpeg_y(target).astype(int) - still.luma)
    assert (off > 0).mean() < 0.1 and off.mean() < 0.15


def test_given_quality_recodes(tmp_path, gray):
    source = tmp_path / "a.jpg"
    Image.fromarray(gray).save(source, quality=100)
    still = read_still(source)
    sizes = []
    for quality in (None, 30):
        write_still(
            tmp_path / f"q{quality}.jpg", still, *smooth_chroma(), mark=MARK, quality=quality
        )
        sizes.append((tmp_path / f"q{quality}.jpg").stat().st_size)
    assert sizes[1] < sizes[0] / 2


def test_changed_luma_is_not_replaced_by_the_sources_scan(tmp_path, gray):
    source, target = tmp_path / "a.jpg", color_path(tmp_path, ".jpg")
    Image.fromarray(gray).save(source, quality=95)
    still = read_still(source)
    darker = replace(still, luma=(still.luma // 2))
    write_still(target, darker, *smooth_chroma(), mark=MARK)
    assert np.abs(jpeg_y(target).astype(int) - darker.luma).max() < 12


def test_jpeg_metadata_survives(tmp_path, gray):
    source, target = tmp_path / "a.jpg", color_path(tmp_path, ".jpg")
    exif, icc = exif_block(), srgb_profile()
    Image.fromarray(gray).save(
        source, exif=b"Exif\0\0" + exif, icc_profile=icc, dpi=(300, 300), xmp=XMP, comment=b"box 7"
    )
    still = read_still(source)
    assert still.orientation == 6 and still.luma.shape == (H, W)
    assert write_still(target, still, *smooth_chroma(), mark=MARK) == ()
    back = read_still(target)
    assert back.metadata.exif == exif, "byte for byte, so that makers' offsets hold"
    assert back.metadata.icc == icc
    assert back.metadata.dpi == (300, 300)
    assert back.metadata.jpeg_segments == still.metadata.jpeg_segments != ()
    assert b"Harbor" in back.metadata.xmp and DIGITAL_SOURCE_TYPE.encode() in back.metadata.xmp
    assert read_still_recipe(target) == MARK.recipe and read_still_recipe(source) is None


def test_iptc_captions_go_from_jpeg_to_tiff_and_back(tmp_path, gray):
    plain = io.BytesIO()
    Image.fromarray(gray).save(plain, "JPEG")
    caption = b"8BIM\x04\x04\0\0\0\0\0\x0c\x1c\x02\x78\0\x07Harbor"
    body = b"Photoshop 3.0\0" + caption
    segment = b"\xff\xed" + struct.pack(">H", len(body) + 2) + body
    source = tmp_path / "a.jpg"
    source.write_bytes(plain.getvalue()[:2] + segment + plain.getvalue()[2:])
    write_still(tmp_path / "b.tif", read_still(source), *smooth_chroma(), mark=MARK)
    write_still(tmp_path / "c.jpg", read_still(tmp_path / "b.tif"), *smooth_chroma(), mark=MARK)
    assert caption in (tmp_path / "c.jpg").read_bytes()


def test_cmyk_jpeg_is_taken_as_rgb_with_a_warning(tmp_path, gray):
    source = tmp_path / "a.jpg"
    Image.fromarray(np.dstack([255 - gray] * 3 + [np.zeros_like(gray)]), "CMYK").save(source)
    still = read_still(source)
    assert "CMYK" in still.warnings[0] and still.matrix.name == "bt709"
    assert np.abs(still.luma.astype(int) - gray).mean() < 4


def test_gray_from_another_channel(tmp_path, gray):
    color = np.stack([gray, gray // 2, 255 - gray], -1)
    Image.fromarray(color).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_still(tmp_path / "a.png", "green").luma, gray // 2)
    np.testing.assert_array_equal(read_still(tmp_path / "a.png", "lightest").luma, color.max(-1))
    Image.fromarray(color).save(tmp_path / "a.jpg", quality=100, subsampling=0)
    red = read_still(tmp_path / "a.jpg", "red")
    np.testing.assert_array_equal(red.luma, np.asarray(opened(tmp_path / "a.jpg"))[..., 0])


# --- R'G'B' formats -----------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".bmp"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_8_bits_both_ways(tmp_path, gray, suffix, mode):
    if suffix == ".webp" and mode in "P1":
        mode = "RGB"
    source, target = tmp_path / f"a{suffix}", color_path(tmp_path, suffix)
    image = Image.fromarray(gray).convert(mode)
    image.save(source, **({"lossless": True} if suffix == ".webp" else {}))
    still = read_still(source)
    np.testing.assert_array_equal(still.luma, np.asarray(image.convert("L")))
    assert still.tint == "gray" and still.bits == 8
    write_still(target, still, *chroma(), mark=MARK)
    rgb = np.asarray(opened(target).convert("RGB"))
    np.testing.assert_array_equal(luma709(rgb, 8), still.luma)
    np.testing.assert_array_equal(read_still(target).luma, still.luma)
    assert mode == "1" or (rgb[..., 0] != rgb[..., 2]).any()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("color", [False, True])
def test_16_bits_both_ways(tmp_path, deep, suffix, color):
    source, target = tmp_path / f"a{suffix}", color_path(tmp_path, suffix)
    pixels = np.dstack([deep, deep[::-1], deep]) if color else deep
    cv2.imwrite(str(source), pixels[..., ::-1] if color else pixels)  # TIFF: LZW
    still = read_still(source)
    wanted = luma709(pixels, 16) if color else deep
    np.testing.assert_array_equal(still.luma, wanted)
    assert still.bits == 16
    write_still(target, still, *chroma(), mark=MARK)
    rgb = cv2.imread(str(target), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert rgb.dtype == np.uint16
    np.testing.assert_array_equal(luma709(rgb, 16), wanted)
    np.testing.assert_array_equal(read_still(target).luma, wanted)


@pytest.mark.parametrize("kw", [{}, {"compression": "zlib"}, {"byteorder": ">"}, {"bigtiff": True}])
def test_tiff_kinds(tmp_path, deep, kw):
    source, target = tmp_path / "a.tif", color_path(tmp_path, ".tif")
    tifffile.imwrite(source, deep, photometric="minisblack", **kw)
    still = read_still(source)
    np.testing.assert_array_equal(still.luma, deep)
    write_still(target, still, *chroma(), mark=MARK)
    np.testing.assert_array_equal(luma709(tifffile.imread(target), 16), deep)


def test_tiff_planar_min_is_white_and_pages(tmp_path, deep, gray):
    planar = np.stack([deep, deep[::-1], deep])
    tifffile.imwrite(tmp_path / "p.tif", planar, photometric="rgb", planarconfig="separate")
    wanted = luma709(np.moveaxis(planar, 0, -1), 16)
    np.testing.assert_array_equal(read_still(tmp_path / "p.tif").luma, wanted)
    for pixels in (deep, gray):
        tifffile.imwrite(tmp_path / "w.tif", pixels, photometric="miniswhite")
        top = np.iinfo(pixels.dtype).max
        np.testing.assert_array_equal(read_still(tmp_path / "w.tif").luma, top - pixels)
    tifffile.imwrite(tmp_path / "m.tif", np.stack([gray, gray // 2]), photometric="minisblack")
    still = read_still(tmp_path / "m.tif")
    np.testing.assert_array_equal(still.luma, gray)
    assert "2 pages" in still.warnings[0]
    Image.fromarray(gray).convert("1").save(tmp_path / "fax.tif", compression="group4")
    assert set(np.unique(read_still(tmp_path / "fax.tif").luma)) == {0, 255}


def test_float_tiff_and_camera_raw_are_refused(tmp_path, gray):
    tifffile.imwrite(tmp_path / "f.tif", gray.astype(np.float32))
    with pytest.raises(InputError, match="convert it to 16-bit"):
        read_still(tmp_path / "f.tif")
    tifffile.imwrite(tmp_path / "d.tif", gray, subfiletype=1)
    with pytest.raises(InputError, match="camera raw"):
        read_still(tmp_path / "d.tif")


@pytest.mark.parametrize("target_suffix", [".tif", ".png", ".jpg", ".webp"])
@pytest.mark.parametrize("source_suffix", [".tif", ".png", ".jpg", ".webp"])
def test_exif_xmp_and_profile_between_formats(tmp_path, gray, source_suffix, target_suffix):
    source, target = tmp_path / f"a{source_suffix}", color_path(tmp_path, target_suffix)
    Image.fromarray(np.dstack([gray] * 3)).save(tmp_path / "0.png")
    first = read_still(tmp_path / "0.png")
    metadata = replace(
        first.metadata, exif=exif_block(), icc=srgb_profile(), xmp=XMP, dpi=(600.0, 600.0)
    )
    write_still(source, replace(first, metadata=metadata), *smooth_chroma(), mark=MARK)
    write_still(target, read_still(source), *smooth_chroma(), mark=MARK)
    still = read_still(target)
    block = exif.parse_exif(still.metadata.exif)
    assert still.orientation == 6
    assert block.entries[315].value.rstrip(b"\0") == b"A. Photographer"
    assert block.children[exif.EXIF_IFD].entries[37500].value == MAKER_NOTE
    assert still.metadata.icc == srgb_profile()
    assert b"Harbor" in still.metadata.xmp and read_still_recipe(target) == MARK.recipe
    if target_suffix != ".webp" and source_suffix != ".webp":
        assert still.metadata.dpi == pytest.approx((600, 600), rel=1e-3)
    assert opened(target).getexif()[315] == "A. Photographer"


def test_png_texts_and_tiff_descriptions_survive(tmp_path, gray, deep):
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "Harbor")
    info.add_itxt("Author", "Ā. Ñ", lang="en", zip=True)
    Image.fromarray(gray).save(tmp_path / "a.png", pnginfo=info, dpi=(300, 300))
    write_still(tmp_path / "b.png", read_still(tmp_path / "a.png"), *chroma(), mark=MARK)
    image = opened(tmp_path / "b.png")
    image.load()
    assert image.text["Title"] == "Harbor" and image.text["Author"] == "Ā. Ñ"
    assert image.info["dpi"] == pytest.approx((300, 300), rel=1e-3)
    tifffile.imwrite(
        tmp_path / "a.tif", deep, photometric="minisblack", metadata=None, description="Pier, 1936",
        datetime="1936:05:01 12:00:00", software="Scanner", resolution=(1200, 1200),
        resolutionunit=2, extratags=[(315, 2, 0, "A. P.", True)],
    )  # fmt: skip
    write_still(tmp_path / "b.tif", read_still(tmp_path / "a.tif"), *chroma(), mark=MARK)
    with tifffile.TiffFile(tmp_path / "b.tif") as tiff:
        tags = {t.name: t.value for t in tiff.pages[0].tags}
    assert tags["ImageDescription"] == "Pier, 1936" and tags["Artist"] == "A. P."
    assert tags["Software"] == "Scanner" and tags["DateTime"].startswith("1936")
    assert tags["XResolution"][0] / tags["XResolution"][1] == 1200


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_alpha_survives(tmp_path, gray, suffix):
    alpha = gray[::-1].copy()
    Image.fromarray(np.dstack([gray, gray, gray, alpha])).save(tmp_path / "a.png")
    target = color_path(tmp_path, suffix)
    write_still(target, read_still(tmp_path / "a.png"), *chroma(), mark=MARK)
    back = read_still(target)
    np.testing.assert_array_equal(back.alpha, alpha)
    np.testing.assert_array_equal(back.luma, gray)


def test_deep_alpha_and_transparent_colors(tmp_path, deep, gray):
    cv2.imwrite(str(tmp_path / "a.png"), np.dstack([deep, deep, deep, deep[::-1]]))
    for suffix in (".png", ".tif"):
        target = color_path(tmp_path, suffix)
        write_still(target, read_still(tmp_path / "a.png"), *chroma(), mark=MARK)
        np.testing.assert_array_equal(read_still(target).alpha, deep[::-1])
    Image.fromarray(gray).save(tmp_path / "key.png", transparency=int(gray[5, 5]))
    keyed = read_still(tmp_path / "key.png")
    np.testing.assert_array_equal(keyed.alpha == 0, gray == gray[5, 5])


def test_alpha_that_jpeg_cannot_hold_is_named(tmp_path, gray):
    Image.fromarray(np.dstack([gray, gray])).convert("LA").save(tmp_path / "a.png")
    said = write_still(
        color_path(tmp_path, ".jpg"), read_still(tmp_path / "a.png"), *chroma(), mark=MARK
    )
    assert said == ("JPEG has no place for transparency",)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp"])
def test_deep_source_to_an_8_bit_container_warns(tmp_path, deep, suffix):
    cv2.imwrite(str(tmp_path / "a.png"), deep)
    target = color_path(tmp_path, suffix)
    said = write_still(target, read_still(tmp_path / "a.png"), *smooth_chroma(), mark=MARK)
    assert any("8 bits" in line for line in said)
    assert np.abs(read_still(target).luma - deep / 257.0).mean() < 3


def test_gray_profile_is_replaced_and_said(tmp_path, gray):
    profile = bytearray(srgb_profile())
    profile[16:20] = b"GRAY"
    Image.fromarray(gray).save(tmp_path / "a.png", icc_profile=bytes(profile))
    target = color_path(tmp_path, ".png")
    said = write_still(target, read_still(tmp_path / "a.png"), *chroma(), mark=MARK)
    assert "sRGB" in said[0]
    assert read_still(target).metadata.icc[16:20] == b"RGB "


def test_lossy_webp_stays_lossy(tmp_path, gray):
    Image.fromarray(gray).save(tmp_path / "a.webp", quality=80)
    still = read_still(tmp_path / "a.webp")
    assert not still.lossless
    write_still(tmp_path / "b.webp", still, *smooth_chroma(), mark=MARK)
    assert not read_still(tmp_path / "b.webp").lossless


# --- film scans ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_dpx_both_ways(tmp_path, bits):
    from vidcolor.media.stills.dpx_exr import dpx_bytes

    codes = np.random.default_rng(3).integers(0, 1 << bits, (H, W))
    codes = codes.astype(np.uint8 if bits == 8 else np.uint16)
    data = bytearray(dpx_bytes(np.dstack([codes] * 3), None, bits))
    data[160:167] = b"Archive"
    data[1664:1666] = b"EK"
    (tmp_path / "a.dpx").write_bytes(data)
    still = read_still(tmp_path / "a.dpx")
    assert still.bits == bits
    np.testing.assert_array_equal(still.luma, codes)
    assert write_still(tmp_path / "b.dpx", still, *chroma(), mark=MARK) == ()
    assert read_still_recipe(tmp_path / "b.dpx") == MARK.recipe
    again = read_still(tmp_path / "b.dpx")
    write_still(tmp_path / "c.dpx", again, *chroma(), mark=MARK)
    assert (tmp_path / "c.dpx").stat().st_size == (tmp_path / "b.dpx").stat().st_size
    np.testing.assert_array_equal(read_still(tmp_path / "b.dpx").luma, codes)
    back = (tmp_path / "b.dpx").read_bytes()
    assert back[160:167] == b"Archive" and back[1664:1666] == b"EK"
    write_still(tmp_path / "b.tif", still, *chroma(), mark=MARK)
    assert read_still(tmp_path / "b.tif").bits == (8 if bits == 8 else 16)


def test_exr_both_ways(tmp_path, deep):
    (tmp_path / "a.exr").write_bytes(exr_bytes(np.dstack([deep] * 3), None))
    still = read_still(tmp_path / "a.exr")
    np.testing.assert_array_equal(still.luma, deep)
    write_still(tmp_path / "b.exr", still, *chroma(), mark=MARK)
    np.testing.assert_array_equal(read_still(tmp_path / "b.exr").luma, deep)
    write_still(tmp_path / "b.png", still, *chroma(), mark=MARK)
    np.testing.assert_array_equal(read_still(tmp_path / "b.png").luma, deep)


# --- tint ---------------------------------------------------------------------------------------


def test_tint_tells_sepia_from_color(tmp_path, gray):
    sepia = np.clip(gray[..., None] * np.array([1.0, 0.85, 0.65]), 0, 255).astype(np.uint8)
    Image.fromarray(sepia).save(tmp_path / "s.png")
    Image.fromarray(sepia).save(tmp_path / "s.jpg", quality=70)
    assert read_still(tmp_path / "s.png").tint == "tinted"
    assert read_still(tmp_path / "s.jpg").tint == "tinted"
    color = np.stack([gray, gray[::-1], np.roll(gray, 20, 1)], -1)
    Image.fromarray(color).save(tmp_path / "c.png")
    assert read_still(tmp_path / "c.png").tint == "color"


# --- refusals -----------------------------------------------------------------------------------


def png_chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def test_bombs_are_refused_by_their_declared_size(tmp_path, gray):
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    packed = png_chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
    bomb = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + packed + png_chunk(b"IEND", b"")
    (tmp_path / "b.png").write_bytes(bomb)
    jpeg = io.BytesIO()
    Image.fromarray(gray).save(jpeg, "JPEG")
    data = bytearray(jpeg.getvalue())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 65000, 65000)
    (tmp_path / "b.jpg").write_bytes(data)
    dpx = bytearray(4096)
    dpx[:4], dpx[772:780] = b"SDPX", struct.pack(">II", 60000, 60000)
    (tmp_path / "b.dpx").write_bytes(dpx)
    exr = bytearray(exr_bytes(np.zeros((4, 4, 3), np.uint16), None))
    at = exr.index(b"dataWindow\0box2i\0") + 21
    exr[at : at + 16] = struct.pack("<4i", 0, 0, 60000, 60000)
    (tmp_path / "b.exr").write_bytes(exr)
    tifffile.imwrite(tmp_path / "b.tif", gray)
    with tifffile.TiffFile(tmp_path / "b.tif", mode="r+b") as tiff:
        tiff.pages[0].tags["ImageWidth"].overwrite(2**31)
    for name in ("b.png", "b.jpg", "b.dpx", "b.exr", "b.tif"):
        with pytest.raises(InputError, match=r"300 million") as caught:
            read_still(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_large_scans_pass_the_size_check():
    from vidcolor.media.stills.types import check_size

    check_size(Path("scan.tif"), 20_000, 12_000)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".bmp", ".dpx", ".exr"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_truncated_files_are_named(tmp_path, suffix, share):
    path = tmp_path / f"a{suffix}"
    pixels = np.random.default_rng(4).integers(0, 256, (200, 300)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "0.png")
    write_still(path, read_still(tmp_path / "0.png"), *chroma((200, 300)), mark=MARK)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError) as caught:
        read_still(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert "whole copy" in str(caught.value)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("deep", [False, True])
def test_damaged_files_are_read_if_allowed(tmp_path, suffix, deep):
    pixels = np.random.default_rng(4).integers(1, 256, (200, 300))
    pixels = (pixels * 257).astype(np.uint16) if deep else pixels.astype(np.uint8)
    path = tmp_path / f"a{suffix}"
    if suffix == ".jpg":
        Image.fromarray((pixels & 255).astype(np.uint8)).save(path)
    else:
        cv2.imwrite(str(path), np.dstack([pixels] * 3))
    whole = read_still(path).luma
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    still = read_still(path, allow_damaged=True)
    assert still.warnings and still.luma.shape == whole.shape
    np.testing.assert_array_equal(still.luma[:80], whole[:80])
    assert still.jpeg is None


def test_flipped_bit_in_a_png_is_noticed(tmp_path, gray):
    Image.fromarray(gray).save(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(InputError, match="check sum"):
        read_still(tmp_path / "a.png")


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_random_damage_never_escapes_as_another_error(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    if not folder.exists():
        folder.mkdir()
        Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(folder / "0.png")
        still = read_still(folder / "0.png")
        for suffix in (".jpg", ".png", ".tif", ".webp", ".bmp", ".dpx", ".exr"):
            write_still(folder / f"whole{suffix}", still, *chroma((16, 16)), mark=MARK)
    suffix = data.draw(st.sampled_from([".jpg", ".png", ".tif", ".webp", ".bmp", ".dpx", ".exr"]))
    body = bytearray((folder / f"whole{suffix}").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    path = folder / f"broken{suffix}"
    path.write_bytes(body)
    for allow_damaged in (False, True):
        try:
            read_still(path, allow_damaged=allow_damaged)
        except InputError as error:
            assert "\n" not in str(error)
    read_still_recipe(path)


def test_what_is_no_picture(tmp_path):
    for name, body in (
        ("empty.png", b""),
        ("text.jpg", b"hello there"),
        ("a.mp4", b"\0\0\0\x18ftyp"),
    ):
        (tmp_path / name).write_bytes(body)
        with pytest.raises(InputError, match="not a picture"):
            read_still(tmp_path / name)
        assert not stills.is_still(tmp_path / name)
    with pytest.raises(InputError, match="no such file"):
        read_still(tmp_path / "missing.png")
    with pytest.raises(InputError, match="folder"):
        read_still(tmp_path)


def test_format_is_told_by_content_not_by_suffix(tmp_path, gray):
    Image.fromarray(gray).save(tmp_path / "a.jpg", "PNG")
    assert read_still(tmp_path / "a.jpg").format == "png"
    assert stills.is_still(tmp_path / "a.jpg")


# --- the file in its place ----------------------------------------------------------------------


@pytest.fixture
def still(tmp_path, gray):
    Image.fromarray(gray).save(tmp_path / "source.png")
    return read_still(tmp_path / "source.png")


def test_unknown_suffix_lists_the_choices(tmp_path, still):
    with pytest.raises(UsageError, match=r"\.png.*\.dpx"):
        write_still(tmp_path / "a.gif", still, *chroma(), mark=MARK)


def test_source_is_never_replaced(tmp_path, still):
    (tmp_path / "link.png").symlink_to(still.path)
    for path in (still.path, tmp_path / "link.png"):
        with pytest.raises(UsageError, match="source itself"):
            write_still(path, still, *chroma(), mark=MARK)


def test_webp_of_more_than_its_size_limit(tmp_path):
    Image.new("L", (16384, 1)).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match="16383"):
        write_still(
            tmp_path / "b.webp", read_still(tmp_path / "a.png"), *chroma((1, 16384)), mark=MARK
        )


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_failed_write_leaves_nothing(tmp_path, still, monkeypatch, code):
    target = color_path(tmp_path, ".png")
    target.write_bytes(b"older")

    def fail(_):
        assert any(p.name.startswith(".") and ".partial" in p.name for p in tmp_path.iterdir())
        raise OSError(code, "no")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match=r"the disk is full|cannot be written") as caught:
        write_still(target, still, *chroma(), mark=MARK)
    assert "\n" not in str(caught.value) and str(target) in str(caught.value)
    assert target.read_bytes() == b"older"
    assert not [p for p in tmp_path.iterdir() if ".partial" in p.name]


def test_interrupted_write_leaves_nothing(tmp_path, still, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_still(color_path(tmp_path, ".png"), still, *chroma(), mark=MARK)
    assert [p.name for p in tmp_path.iterdir()] == ["source.png"]


def test_read_only_or_missing_folder(tmp_path, still):
    with pytest.raises(OutputError, match="No such"):
        write_still(tmp_path / "no" / "a.png", still, *chroma(), mark=MARK)
    nobody_writes = Path("/sys")  # not even the superuser, whom mode bits do not stop
    with pytest.raises(OutputError, match="cannot be written"):
        write_still(nobody_writes / "a.png", still, *chroma(), mark=MARK)


def test_long_names_and_names_that_are_not_ascii(tmp_path, still):
    for stem in ("x" * 250, "Ünï çødé ☂", "-rf", "a%03d", "ж" * 120):
        target = tmp_path / f"{stem}.png"
        write_still(target, still, *chroma(), mark=MARK)
        assert target.exists()


def test_same_input_gives_the_same_bytes(tmp_path, still):
    for suffix in STILL_SUFFIXES:
        for name in ("one", "two"):
            write_still(tmp_path / f"{name}{suffix}", still, *smooth_chroma(), mark=MARK)
        first = (tmp_path / f"one{suffix}").read_bytes()
        assert first == (tmp_path / f"two{suffix}").read_bytes(), suffix


def test_broken_xmp_is_replaced_and_said(tmp_path, still):
    broken = replace(still, metadata=replace(still.metadata, xmp=b"<x:xmpmeta"))
    said = write_still(color_path(tmp_path, ".png"), broken, *chroma(), mark=MARK)
    assert "XMP" in said[0]
    assert read_still_recipe(color_path(tmp_path, ".png")) == MARK.recipe
