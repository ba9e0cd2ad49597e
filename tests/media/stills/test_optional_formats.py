"""HEIC, AVIF and JPEG XL must be read and written, and losses of luma must be named."""

from __future__ import annotations

import io
import re
import struct
import sys

import numpy as np
import pytest
from PIL import Image

from tests.helpers.stills import (
    PROVENANCE,
    SHAPE,
    XMP,
    luma_bt709,
    make_exif,
    open_image,
    random_chroma,
    smooth_chroma,
    srgb_profile,
)
from vidcolor.batch.discover import discover
from vidcolor.errors import InputError, UsageError
from vidcolor.film.plan import plan_film
from vidcolor.media.preview_image import read_image_rgb
from vidcolor.media.stills import exif, jxl
from vidcolor.media.stills.boxes import make_box
from vidcolor.media.stills.formats import FORMATS, STILL_SUFFIXES, register_format
from vidcolor.media.stills.registry import read_still, read_still_recipe, write_still
from vidcolor.media.stills.rgb import convert_depth
from vidcolor.media.stills.types import StillFormat
from vidcolor.options import ColorizeOptions

imagecodecs = pytest.importorskip("imagecodecs")
pillow_heif = pytest.importorskip("pillow_heif")
SUFFIXES = [".heic", ".avif", ".jxl"]


def write_heif(path, samples, **options):
    mode = {2: "L", 3: "RGB"}[samples.ndim] + (";16" if samples.dtype == np.uint16 else "")
    size = samples.shape[1::-1]
    image = pillow_heif.from_bytes(mode=mode, size=size, data=samples.tobytes())
    image.save(path, quality=-1, chroma=444, matrix_coefficients=0, **options)


@pytest.mark.parametrize(
    ("suffix", "bits"), [(".heic", 8), (".heic", 10), (".jxl", 8), (".jxl", 16)]
)
@pytest.mark.parametrize("alpha", [False, True])
def test_luma_of_lossless_sources_survives(tmp_path, deep, suffix, bits, alpha):
    codes = (deep >> 8).astype(np.uint8) if bits == 8 else deep
    top = np.iinfo(codes.dtype).max
    samples = np.dstack([codes, codes, codes, top - codes]) if alpha else codes
    if bits == 8:
        Image.fromarray(samples).save(tmp_path / "a.png")
    else:
        import cv2

        cv2.imwrite(str(tmp_path / "a.png"), samples)
    still = read_still(tmp_path / "a.png")
    warnings = write_still(tmp_path / f"b{suffix}", still, *random_chroma(), provenance=PROVENANCE)
    assert not [w for w in warnings if "loss" in w]
    colored = read_still(tmp_path / f"b{suffix}")
    assert colored.bits == bits
    np.testing.assert_array_equal(colored.luma, convert_depth(codes, still.bits, bits))
    if alpha:
        np.testing.assert_array_equal(colored.alpha, convert_depth(top - codes, still.bits, bits))
    assert colored.tint == "color"
    assert read_still_recipe(tmp_path / f"b{suffix}") == PROVENANCE.recipe


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
def test_lossy_results_keep_luma_closely_and_a_warning_names_the_loss(tmp_path, gray, suffix):
    source = tmp_path / f"a{suffix}"
    if suffix == ".avif":
        Image.fromarray(gray).save(source, quality=100)
    else:
        write_heif(source, gray)
    still = read_still(source)
    np.testing.assert_array_equal(still.luma, gray)
    warnings = write_still(tmp_path / f"b{suffix}", still, *smooth_chroma(), provenance=PROVENANCE)
    assert "quality 95" in warnings[-1] and ".png or .tif" in warnings[-1]
    rgb = np.asarray(open_image(tmp_path / f"b{suffix}")) if suffix == ".avif" else None
    luma = read_still(tmp_path / f"b{suffix}").luma if rgb is None else luma_bt709(rgb, 8)
    assert np.abs(luma.astype(int) - gray).mean() < 3
    assert not write_still(tmp_path / "b.png", still, *smooth_chroma(), provenance=PROVENANCE)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_metadata_and_the_display_orientation_survive(tmp_path, gray, suffix):
    image = Image.fromarray(np.dstack([gray] * 3))
    image.save(
        tmp_path / "a.jpg", exif=b"Exif\0\0" + make_exif(), xmp=XMP, icc_profile=srgb_profile()
    )
    source = read_still(tmp_path / "a.jpg")
    assert source.orientation == 6
    warnings = write_still(tmp_path / f"b{suffix}", source, *smooth_chroma(), provenance=PROVENANCE)
    result = read_still(tmp_path / f"b{suffix}")
    assert result.displayed_size == SHAPE
    tags = exif.parse_exif(result.metadata.exif)
    assert tags.entries[315].value == b"A. Photographer\0"
    assert b"Harbor" in result.metadata.xmp
    if suffix == ".jxl":
        assert "JXL cannot store the ICC profile" in warnings
    else:
        assert result.metadata.icc == srgb_profile()
    again = tmp_path / f"c{suffix}"
    write_still(again, result, *smooth_chroma(result.luma.shape), provenance=PROVENANCE)
    assert read_still(again).displayed_size == SHAPE


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("in_boxes", [False, True])
def test_jxl_of_every_depth_is_read(tmp_path, deep, bits, in_boxes):
    codes = deep >> (16 - bits)
    samples = codes.astype(np.uint8) if bits == 8 else codes
    data = imagecodecs.jpegxl_encode(
        samples, lossless=True, bitspersample=bits, usecontainer=in_boxes
    )
    (tmp_path / "a.jxl").write_bytes(data)
    still = read_still(tmp_path / "a.jxl")
    target = 8 if bits == 8 else 16
    expected = np.rint(codes * (((1 << target) - 1) / ((1 << bits) - 1)))
    np.testing.assert_array_equal(still.luma, expected)
    assert still.bits == target and still.tint == "gray"


def test_compressed_boxes_of_jxl_are_read(tmp_path, gray):
    data = bytes(imagecodecs.jpegxl_encode(gray, lossless=True, usecontainer=True))
    packed = bytes(imagecodecs.brotli_encode(XMP))
    data += len(packed + b"....brobxml ").to_bytes(4, "big") + b"brobxml " + packed
    (tmp_path / "a.jxl").write_bytes(data)
    assert read_still(tmp_path / "a.jxl").metadata.xmp == XMP


@pytest.mark.parametrize("alpha", [False, True])
def test_jxl_of_16_bits_is_written_as_srgb(tmp_path, deep, alpha):
    samples = np.dstack([deep] * (4 if alpha else 3))
    (tmp_path / "a.jxl").write_bytes(imagecodecs.jpegxl_encode(samples, lossless=True))
    source = read_still(tmp_path / "a.jxl")
    assert source.warnings == ("the color space is not kept: colors are read as sRGB",)  # linear
    write_still(tmp_path / "b.jxl", source, *random_chroma(), provenance=PROVENANCE)
    result = read_still(tmp_path / "b.jxl")
    assert not result.warnings
    np.testing.assert_array_equal(result.luma, deep)


@pytest.mark.parametrize("profile", [None, srgb_profile()])
def test_the_profile_of_jxl_is_named(tmp_path, gray, profile):
    jpeg = io.BytesIO()
    Image.fromarray(np.dstack([gray] * 3)).save(jpeg, "JPEG", icc_profile=profile)
    data = imagecodecs.jpegxl_encode_jpeg(jpeg.getvalue())
    (tmp_path / "a.jxl").write_bytes(data)
    expected = ("the ICC profile is not kept: colors are read as sRGB",) if profile else ()
    assert read_still(tmp_path / "a.jxl").warnings == expected


def test_jxl_of_floats_and_animations_are_read_with_a_warning(tmp_path, gray):
    unit = (gray / 255).astype(np.float32)
    (tmp_path / "f.jxl").write_bytes(imagecodecs.jpegxl_encode(unit, lossless=True))
    still = read_still(tmp_path / "f.jxl")
    np.testing.assert_allclose(still.luma / 65535, unit, atol=1e-4)
    assert "floating point" in still.warnings[0]
    frames = np.stack([np.dstack([gray] * 3)] * 2)
    (tmp_path / "a.jxl").write_bytes(imagecodecs.jpegxl_encode(frames, lossless=True))
    still = read_still(tmp_path / "a.jxl")
    np.testing.assert_array_equal(still.luma, gray)
    assert "animated" in still.warnings[0]


def test_heif_of_10_bits_and_several_images_are_read(tmp_path, deep, gray):
    write_heif(tmp_path / "a.heic", (deep >> 6) << 6)
    still = read_still(tmp_path / "a.heic")
    np.testing.assert_array_equal(still.luma, deep >> 6)
    file = pillow_heif.from_bytes(mode="L", size=SHAPE[::-1], data=gray.tobytes())
    file.add_frombytes("L", SHAPE[::-1], gray.tobytes())
    file.save(tmp_path / "b.heic", quality=-1)
    assert "2 images: only the primary" in read_still(tmp_path / "b.heic").warnings[0]


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        ((1, 13), None),
        ((2, 2), None),
        ((12, 13), ""),
        ((9, 16), "HDR (PQ) "),
        ((9, 18), "HDR (HLG) "),
    ],
)
def test_a_color_space_that_is_not_kept_is_named(tmp_path, gray, codes, kind):
    color = dict(zip(("color_primaries", "transfer_characteristics"), codes, strict=True))
    write_heif(tmp_path / "a.heic", np.dstack([gray] * 3), **color)
    Image.fromarray(gray).save(tmp_path / "a.avif")
    box = re.compile(rb"(?<=colrnclx)....", re.DOTALL)
    encoded = box.sub(struct.pack(">HH", *codes), (tmp_path / "a.avif").read_bytes())
    (tmp_path / "a.avif").write_bytes(encoded)
    expected = (f"the {kind}color space is not kept: colors are read as sRGB",)
    for name in ("a.heic", "a.avif"):
        assert read_still(tmp_path / name).warnings == (() if kind is None else expected)


def test_the_video_of_a_motion_photo_is_named(tmp_path, gray):
    write_heif(tmp_path / "a.heic", gray)
    with (tmp_path / "a.heic").open("ab") as file:
        file.write(make_box(b"mpvd", bytes(100)))
    assert read_still(tmp_path / "a.heic").warnings == (
        "the video of the motion photo is not kept",
    )


def test_a_photo_of_a_phone_is_read_upright(tmp_path, gray):
    pillow_heif.register_heif_opener()
    Image.fromarray(np.dstack([gray] * 3)).save(
        tmp_path / "a.heic", format="HEIF", exif=b"Exif\0\0" + make_exif(), quality=-1
    )
    still = read_still(tmp_path / "a.heic")
    assert still.orientation == 1 and still.luma.shape == SHAPE[::-1]
    difference = np.rot90(gray, 3).astype(int) - still.luma
    assert np.abs(difference).max() <= 2
    assert b"A. Photographer" in still.metadata.exif


@pytest.mark.parametrize("bits", [10, 12])
def test_avif_of_more_than_8_bits_is_read_or_named(tmp_path, deep, bits, monkeypatch):
    codes = deep >> (16 - bits)
    data = imagecodecs.avif_encode(np.dstack([codes] * 3), level=100, bitspersample=bits)
    (tmp_path / "a.avif").write_bytes(data)
    still = read_still(tmp_path / "a.avif")
    assert still.bits == bits and not still.warnings
    np.testing.assert_array_equal(still.luma, codes)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    still = read_still(tmp_path / "a.avif")
    assert still.warnings == (f"AVIF of {bits} bits is read as 8 bits",)
    assert np.abs(still.luma.astype(int) - (deep >> 8)).max() <= 2


def test_a_format_without_its_module_is_named_with_the_remedy(tmp_path, still):
    format_ = StillFormat(
        name="fake", label="Fake", suffixes=(".fake",), signature=re.compile(b"FAKE"),
        read=jxl.read_jxl, encode=jxl.encode_jxl, bits=(8,), module="no_such_module",
        remedy="install it",
    )  # fmt: skip
    register_format(format_)
    try:
        (tmp_path / "a.fake").write_bytes(b"FAKE")
        with pytest.raises(
            InputError, match="Fake needs the Python module no_such_module; install"
        ):
            read_still(tmp_path / "a.fake")
        with pytest.raises(UsageError, match="Fake needs the Python module"):
            write_still(tmp_path / "b.fake", still, *random_chroma(), provenance=PROVENANCE)
    finally:
        del FORMATS["fake"], STILL_SUFFIXES[".fake"]


def test_orientation_of_exif_is_reset_without_other_changes():
    block = make_exif()
    reset = exif.reset_orientation(block)
    assert exif.read_orientation(reset) == 1
    assert sum(a != b for a, b in zip(block, reset, strict=True)) == 1
    assert exif.reset_orientation(b"") == b""


def test_files_without_their_library_are_left_out_of_folders(tmp_path, monkeypatch):
    album = tmp_path / "album"
    album.mkdir()
    Image.new("L", (8, 8)).save(album / "a.png")
    (album / "IMG_1.HEIC").touch()
    (album / "b.jxl").touch()
    for module in ("pillow_heif", "imagecodecs"):
        monkeypatch.setitem(sys.modules, module, None)
    left_out = []
    tasks = discover([album], None, None, ColorizeOptions(), left_out)
    assert [task.source.name for task in tasks] == ["a.png"]
    assert [(item.path.name, item.is_expected) for item in left_out] == [
        ("IMG_1.HEIC", False), ("b.jxl", False)]  # fmt: skip
    assert left_out[0].reason.startswith(".heic: HEIC needs the Python module pillow_heif; pip")


def test_images_of_these_formats_are_read_upright_for_reports(tmp_path, gray):
    still = tmp_path / "a.jpg"
    Image.fromarray(gray).save(still, exif=b"Exif\0\0" + make_exif())
    for suffix in SUFFIXES:
        write_still(
            tmp_path / f"b{suffix}", read_still(still), *smooth_chroma(), provenance=PROVENANCE
        )
        assert read_image_rgb(tmp_path / f"b{suffix}").shape == (*SHAPE[::-1], 3)


def test_a_target_without_its_library_is_refused_before_the_work(tmp_path, monkeypatch, clip):
    source = clip("mkv", "ffv1", "gray", frames=2)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(UsageError, match="JPEG XL needs the Python module imagecodecs"):
        plan_film(source, tmp_path / "f_%d.jxl", ColorizeOptions())
