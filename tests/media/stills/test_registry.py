"""Luma, bit depth and metadata of every format must survive, and faults must be reported."""

from __future__ import annotations

import errno
import io
import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.helpers.stills import (
    MAKER_NOTE,
    PROVENANCE,
    WRITABLE_SUFFIXES,
    XMP,
    luma_bt709,
    make_exif,
    open_image,
    random_chroma,
    smooth_chroma,
    srgb_profile,
)
from vidcolor.errors import InputError, OutputError, UsageError
from vidcolor.media.stills import exif
from vidcolor.media.stills.exr import encode_exr_file
from vidcolor.media.stills.formats import is_still
from vidcolor.media.stills.registry import read_still, read_still_recipe, write_still
from vidcolor.media.stills.types import check_size


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".bmp"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_8_bit_luma_survives(tmp_path, gray, suffix, mode):
    if suffix == ".webp" and mode in "P1":
        mode = "RGB"
    source, target = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    image = Image.fromarray(gray).convert(mode)
    image.save(source, **({"lossless": True} if suffix == ".webp" else {}))
    still = read_still(source)
    np.testing.assert_array_equal(still.luma, np.asarray(image.convert("L")))
    assert still.tint == "gray" and still.bits == 8
    write_still(target, still, *random_chroma(), provenance=PROVENANCE)
    rgb = np.asarray(open_image(target).convert("RGB"))
    np.testing.assert_array_equal(luma_bt709(rgb, 8), still.luma)
    np.testing.assert_array_equal(read_still(target).luma, still.luma)
    assert mode == "1" or (rgb[..., 0] != rgb[..., 2]).any()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("color", [False, True])
def test_16_bit_luma_survives(tmp_path, deep, suffix, color):
    source, target = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    pixels = np.dstack([deep, deep[::-1], deep]) if color else deep
    cv2.imwrite(str(source), pixels[..., ::-1] if color else pixels)  # OpenCV writes TIFF with LZW
    still = read_still(source)
    expected = luma_bt709(pixels, 16) if color else deep
    np.testing.assert_array_equal(still.luma, expected)
    assert still.bits == 16
    write_still(target, still, *random_chroma(), provenance=PROVENANCE)
    rgb = cv2.imread(str(target), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert rgb.dtype == np.uint16
    np.testing.assert_array_equal(luma_bt709(rgb, 16), expected)
    np.testing.assert_array_equal(read_still(target).luma, expected)


def test_gray_from_selects_a_channel_or_the_lightest(tmp_path, gray):
    color = np.stack([gray, gray // 2, 255 - gray], -1)
    Image.fromarray(color).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_still(tmp_path / "a.png", "green").luma, gray // 2)
    np.testing.assert_array_equal(read_still(tmp_path / "a.png", "lightest").luma, color.max(-1))
    Image.fromarray(color).save(tmp_path / "a.jpg", quality=100, subsampling=0)
    red = read_still(tmp_path / "a.jpg", "red")
    np.testing.assert_array_equal(red.luma, np.asarray(open_image(tmp_path / "a.jpg"))[..., 0])


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp"])
def test_writing_a_16_bit_source_in_an_8_bit_format_gives_a_warning(tmp_path, deep, suffix):
    cv2.imwrite(str(tmp_path / "a.png"), deep)
    target, still = tmp_path / f"b{suffix}", read_still(tmp_path / "a.png")
    warnings = write_still(target, still, *smooth_chroma(), provenance=PROVENANCE)
    assert any("stores 8 bits: luma is rounded from 16 bits" in line for line in warnings)
    assert np.abs(read_still(target).luma - deep / 257.0).mean() < 3


def test_lossy_webp_stays_lossy(tmp_path, gray):
    Image.fromarray(gray).save(tmp_path / "a.webp", quality=80)
    still = read_still(tmp_path / "a.webp")
    assert not still.lossless
    write_still(tmp_path / "b.webp", still, *smooth_chroma(), provenance=PROVENANCE)
    assert not read_still(tmp_path / "b.webp").lossless


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_alpha_survives(tmp_path, gray, suffix):
    alpha = gray[::-1].copy()
    Image.fromarray(np.dstack([gray, gray, gray, alpha])).save(tmp_path / "a.png")
    target, still = tmp_path / f"b{suffix}", read_still(tmp_path / "a.png")
    write_still(target, still, *random_chroma(), provenance=PROVENANCE)
    result = read_still(target)
    np.testing.assert_array_equal(result.alpha, alpha)
    np.testing.assert_array_equal(result.luma, gray)


def test_alpha_that_jpeg_cannot_store_is_reported(tmp_path, gray):
    Image.fromarray(np.dstack([gray, gray])).convert("LA").save(tmp_path / "a.png")
    target, still = tmp_path / "b.jpg", read_still(tmp_path / "a.png")
    warnings = write_still(target, still, *smooth_chroma(), provenance=PROVENANCE)
    assert warnings == ("JPEG cannot store alpha",)


def test_sepia_is_classified_as_tinted_and_not_as_color(tmp_path, gray):
    sepia = np.clip(gray[..., None] * np.array([1.0, 0.85, 0.65]), 0, 255).astype(np.uint8)
    Image.fromarray(sepia).save(tmp_path / "s.png")
    Image.fromarray(sepia).save(tmp_path / "s.jpg", quality=70)
    assert read_still(tmp_path / "s.png").tint == "tinted"
    assert read_still(tmp_path / "s.jpg").tint == "tinted"
    color = np.stack([gray, gray[::-1], np.roll(gray, 20, 1)], -1)
    Image.fromarray(color).save(tmp_path / "c.png")
    assert read_still(tmp_path / "c.png").tint == "color"


@pytest.mark.parametrize("target_suffix", [".tif", ".png", ".jpg", ".webp"])
@pytest.mark.parametrize("source_suffix", [".tif", ".png", ".jpg", ".webp"])
def test_exif_xmp_and_profile_survive_between_formats(tmp_path, gray, source_suffix, target_suffix):
    source, target = tmp_path / f"a{source_suffix}", tmp_path / f"b{target_suffix}"
    Image.fromarray(np.dstack([gray] * 3)).save(tmp_path / "0.png")
    bare = read_still(tmp_path / "0.png")
    metadata = replace(
        bare.metadata, exif=make_exif(), icc=srgb_profile(), xmp=XMP, dpi=(600.0, 600.0)
    )
    described = replace(bare, metadata=metadata)
    write_still(source, described, *smooth_chroma(), provenance=PROVENANCE)
    write_still(target, read_still(source), *smooth_chroma(), provenance=PROVENANCE)
    still = read_still(target)
    directory = exif.parse_exif(still.metadata.exif)
    assert still.orientation == 6
    assert directory.entries[315].value.rstrip(b"\0") == b"A. Photographer"
    assert directory.children[exif.EXIF_IFD].entries[37500].value == MAKER_NOTE
    assert still.metadata.icc == srgb_profile()
    assert b"Harbor" in still.metadata.xmp and read_still_recipe(target) == PROVENANCE.recipe
    if target_suffix != ".webp" and source_suffix != ".webp":
        assert still.metadata.dpi == pytest.approx((600, 600), rel=1e-3)
    assert open_image(target).getexif()[315] == "A. Photographer"


@pytest.mark.parametrize("suffix", WRITABLE_SUFFIXES)
def test_the_resolution_survives_or_its_loss_is_named(tmp_path, still, suffix):
    target = tmp_path / f"b{suffix}"
    for block in (None, make_exif()):
        described = replace(still, metadata=replace(still.metadata, exif=block, dpi=(600.0, 600.0)))
        warnings = write_still(target, described, *smooth_chroma(), provenance=PROVENANCE)
        result = read_still(target).metadata
        dpi = result.dpi or exif.parse_exif(result.exif).dpi
        is_named = f"{read_still(target).format.upper()} cannot store the resolution" in warnings
        assert is_named if dpi is None else dpi == pytest.approx((600, 600), rel=1e-3)
        assert dpi is None or not is_named


def test_a_gray_profile_is_replaced_by_srgb_with_a_warning(tmp_path, gray):
    profile = bytearray(srgb_profile())
    profile[16:20] = b"GRAY"
    Image.fromarray(gray).save(tmp_path / "a.png", icc_profile=bytes(profile))
    target, still = tmp_path / "b.png", read_still(tmp_path / "a.png")
    warnings = write_still(target, still, *random_chroma(), provenance=PROVENANCE)
    assert "sRGB" in warnings[0]
    assert read_still(target).metadata.icc[16:20] == b"RGB "


def test_broken_xmp_is_replaced_with_a_warning(tmp_path, still):
    target = tmp_path / "b.png"
    broken = replace(still, metadata=replace(still.metadata, xmp=b"<x:xmpmeta"))
    warnings = write_still(target, broken, *random_chroma(), provenance=PROVENANCE)
    assert "XMP" in warnings[0]
    assert read_still_recipe(target) == PROVENANCE.recipe


def png_chunk(name, body):
    """Return an encoded PNG chunk."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def test_images_are_refused_if_their_declared_size_exceeds_the_limit(tmp_path, gray):
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
    exr = bytearray(encode_exr_file(np.zeros((4, 4, 3), np.uint16), None))
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


def test_a_scan_of_240_million_pixels_passes_the_size_check():
    check_size(Path("scan.tif"), 20_000, 12_000)


@pytest.mark.parametrize("suffix", WRITABLE_SUFFIXES)
def test_truncated_files_are_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    pixels = np.random.default_rng(4).integers(0, 256, (200, 300)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "0.png")
    still = read_still(tmp_path / "0.png")
    write_still(path, still, *random_chroma((200, 300)), provenance=PROVENANCE)
    data = path.read_bytes()
    for share in (0.05, 0.5, 0.95):
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(InputError) as caught:
            read_still(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
        assert "complete copy" in str(caught.value) and "Errno" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("deep", [False, True])
def test_truncated_jpeg_and_png_are_read_if_damage_is_allowed(tmp_path, suffix, deep):
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
    assert still.jpeg_data is None


@pytest.mark.slow
@settings(max_examples=150, derandomize=True)
@given(st.data())
def test_random_damage_raises_only_input_errors(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    if not folder.exists():
        folder.mkdir()
        Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(folder / "0.png")
        still = read_still(folder / "0.png")
        for suffix in WRITABLE_SUFFIXES:
            target = folder / f"whole{suffix}"
            write_still(target, still, *random_chroma((16, 16)), provenance=PROVENANCE)
    suffix = data.draw(st.sampled_from(WRITABLE_SUFFIXES))
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


def test_files_that_are_not_images_are_refused(tmp_path):
    for name, body in (
        ("one.png", b"?"),
        ("text.jpg", b"hello there"),
        ("a.mp4", b"\0\0\0\x18ftyp"),
    ):
        (tmp_path / name).write_bytes(body)
        with pytest.raises(InputError, match="not a supported image"):
            read_still(tmp_path / name)
        assert not is_still(tmp_path / name)
    (tmp_path / "empty.png").touch()
    with pytest.raises(InputError, match=r"empty\.png: is empty"):
        read_still(tmp_path / "empty.png")
    with pytest.raises(InputError, match="no such file"):
        read_still(tmp_path / "missing.png")
    with pytest.raises(InputError, match="is a folder"):
        read_still(tmp_path)


def test_the_content_and_not_the_suffix_decides_the_format(tmp_path, gray):
    Image.fromarray(gray).save(tmp_path / "a.jpg", "PNG")
    assert read_still(tmp_path / "a.jpg").format == "png"
    assert is_still(tmp_path / "a.jpg")


def test_an_unknown_suffix_lists_the_supported_ones(tmp_path, still):
    with pytest.raises(UsageError, match=r"a\.gif: .*\.dpx.*, \.png, \.pnm, \.ppm, "):
        write_still(tmp_path / "a.gif", still, *random_chroma(), provenance=PROVENANCE)


def test_the_source_is_never_replaced(tmp_path, still):
    (tmp_path / "link.png").symlink_to(still.path)
    for path in (still.path, tmp_path / "link.png"):
        with pytest.raises(UsageError, match="source itself"):
            write_still(path, still, *random_chroma(), provenance=PROVENANCE)


def test_an_image_beyond_the_maximum_size_of_webp_is_refused(tmp_path):
    Image.new("L", (16384, 1)).save(tmp_path / "a.png")
    still = read_still(tmp_path / "a.png")
    with pytest.raises(UsageError, match="16383"):
        write_still(tmp_path / "b.webp", still, *random_chroma((1, 16384)), provenance=PROVENANCE)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_failed_write_keeps_the_old_file_and_leaves_no_temporary_file(
    tmp_path, still, monkeypatch, code
):
    target = tmp_path / "b.png"
    target.write_bytes(b"older")

    def fail(_):
        assert any(p.name.startswith(".") and ".partial" in p.name for p in tmp_path.iterdir())
        raise OSError(code, "no")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError) as caught:
        write_still(target, still, *random_chroma(), provenance=PROVENANCE)
    assert "\n" not in str(caught.value) and str(target) in str(caught.value)
    assert target.read_bytes() == b"older"
    assert not [p for p in tmp_path.iterdir() if ".partial" in p.name]


def test_an_interrupted_write_leaves_no_file(tmp_path, still, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_still(tmp_path / "b.png", still, *random_chroma(), provenance=PROVENANCE)
    assert [p.name for p in tmp_path.iterdir()] == ["source.png"]


def test_a_missing_or_read_only_folder_is_reported(tmp_path, still):
    target = tmp_path / "missing" / "a.png"
    with pytest.raises(OutputError, match=r"(?i)no such"):
        write_still(target, still, *random_chroma(), provenance=PROVENANCE)
    read_only = Path("/sys")  # read-only even for root, who may ignore permission bits
    with pytest.raises(OutputError, match=r"/sys/a\.png"):
        write_still(read_only / "a.png", still, *random_chroma(), provenance=PROVENANCE)


def test_long_and_non_ascii_names_are_written(tmp_path, still):
    for stem in ("x" * 250, "Ünï çødé ☂", "-rf", "a%03d", "ж" * 120):
        target = tmp_path / f"{stem}.png"
        write_still(target, still, *random_chroma(), provenance=PROVENANCE)
        assert target.exists()


def test_equal_input_gives_equal_files(tmp_path, still):
    for suffix in WRITABLE_SUFFIXES:
        for name in ("one", "two"):
            target = tmp_path / f"{name}{suffix}"
            write_still(target, still, *smooth_chroma(), provenance=PROVENANCE)
        first = (tmp_path / f"one{suffix}").read_bytes()
        assert first == (tmp_path / f"two{suffix}").read_bytes(), suffix
