"""TIFF must be read in all depths, compressions, photometrics, layouts and orientations."""

from __future__ import annotations

import io
import struct
import sys
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.helpers.stills import (
    HEIGHT,
    PROVENANCE,
    SHAPE,
    WIDTH,
    luma_bt709,
    smooth_chroma,
)
from vidcolor.color.lab import rgb_to_lab_array
from vidcolor.errors import InputError
from vidcolor.media.stills.registry import read_still, write_still

UNIT = np.linspace(0, 1, HEIGHT * WIDTH).reshape(SHAPE)
"""A ramp over the whole range."""
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
NOT_IN_LIBTIFF = {("jpeg", "1"), ("jpeg", "P")}
"""Compressions of Pillow modes that libtiff cannot write."""
LAYOUTS = [{}, {"tile": (32, 48)}, {"rowsperstrip": 7}, {"bigtiff": True}, {"byteorder": ">"}]


def quantize(bits):
    return np.rint(UNIT * ((1 << bits) - 1)).astype(np.uint64)


def write_packed(path, codes, bits, photometric=1, fill_order=1, compression=1, size=None):
    """Write gray codes of any depth without padding between the samples of a row."""
    digits = (codes[..., None] >> np.arange(bits)[::-1].astype(np.uint64) & 1).astype(np.uint8)
    data = np.packbits(digits.reshape(len(codes), -1), axis=1).tobytes()
    if fill_order == 2:
        data = data.translate(REVERSED)
    height, width = codes.shape
    size = len(data) if size is None else size
    tags = [
        *((256, width), (257, height), (258, bits), (259, compression), (262, photometric)),
        *((266, fill_order), (273, 8), (277, 1), (278, height), (279, size)),
    ]
    directory = struct.pack("<H", len(tags))
    directory += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags) + bytes(4)
    data += b"\0" * (len(data) % 2)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory)


def assert_ramp(path, bits, error):
    """Check that a file is read as the ramp, at a depth and within an error relative to white."""
    still = read_still(path)
    assert still.bits == bits
    luma = still.luma / ((1 << bits) - 1)
    np.testing.assert_allclose(luma, UNIT, atol=error + 0.5 / ((1 << bits) - 1) + 1e-9)
    return still


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("bits", range(1, 16))
def test_every_depth_is_read(tmp_path, bits, photometric):
    codes = quantize(bits)
    if photometric == 0:
        codes = (1 << bits) - 1 - codes
    for fill_order in (1, 2):
        write_packed(tmp_path / "a.tif", codes, bits, photometric, fill_order)
        assert_ramp(tmp_path / "a.tif", 8 if bits <= 8 else 16, 0.5 / ((1 << bits) - 1))


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzma"])
@pytest.mark.parametrize("dtype", ["u4", "u8", "i1", "i2", "i4", "f2", "f4", "f8"])
def test_wide_signed_and_float_samples_are_scaled_with_a_warning(
    tmp_path, dtype, compression, photometric
):
    unit = 1 - UNIT if photometric == "miniswhite" else UNIT
    samples = unit.astype(dtype)
    if samples.dtype.kind != "f":
        low, high = (float(x) for x in (np.iinfo(dtype).min, np.iinfo(dtype).max))
        scaled = np.rint(low + unit * (high - low))
        samples = np.minimum(scaled, np.nextafter(high, 0) if dtype == "u8" else high).astype(dtype)
    for layout in LAYOUTS:
        tifffile.imwrite(
            tmp_path / "a.tif", samples, photometric=photometric, compression=compression, **layout
        )
        error = 0.001 if dtype == "f2" else 1 / 255 if dtype == "i1" else 1e-5
        still = assert_ramp(tmp_path / "a.tif", 8 if dtype == "i1" else 16, error)
        assert "taken as black" in still.warnings[0]


def test_float_samples_beyond_white_are_scaled_and_nan_is_black(tmp_path):
    samples = (UNIT * 4).astype(np.float32)
    samples[0, :2] = np.nan, -1
    tifffile.imwrite(tmp_path / "a.tif", samples)
    still = read_still(tmp_path / "a.tif")
    assert still.luma[0, 0] == still.luma[0, 1] == 0 and still.luma.max() == 65535
    assert still.warnings == ("samples are floating point: 0 is taken as black, 4 as white",)


def test_signed_samples_without_negative_values_have_black_at_zero(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.rint(UNIT * 32767).astype(np.int16))
    assert_ramp(tmp_path / "a.tif", 16, 1 / 32767)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("dtype", ["u4", "i4", "u8", "i8"])
def test_gray_of_8_and_16_bits_in_wider_integers_has_its_levels(tmp_path, dtype, bits):
    """Pillow stores its mode I so."""
    tifffile.imwrite(tmp_path / "a.tif", quantize(bits).astype(dtype))
    still = assert_ramp(tmp_path / "a.tif", 16, 0.5 / ((1 << bits) - 1))
    assert still.warnings[0].endswith(f"{(1 << bits) - 1} as white")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzma"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_rgb_with_alpha_is_read_in_every_layout(tmp_path, dtype, compression, planar, layout):
    top = np.iinfo(dtype).max
    rgba = np.random.default_rng(0).integers(0, top, (*SHAPE, 4), endpoint=True).astype(dtype)
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.moveaxis(rgba, -1, 0) if planar == "separate" else rgba,
        photometric="rgb", planarconfig=planar, compression=compression, extrasamples=[2],
        predictor=compression == "zlib", **layout,
    )  # fmt: skip
    still = read_still(tmp_path / "a.tif")
    expected = luma_bt709(rgba[..., :3], 8 * rgba.itemsize)
    np.testing.assert_array_equal(still.luma, expected)
    np.testing.assert_array_equal(still.alpha, rgba[..., 3])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"])
@pytest.mark.parametrize(
    "compression", ["tiff_lzw", "zstd", "lzma", "packbits", "tiff_adobe_deflate", "jpeg"]
)
def test_compressions_of_8_bit_images_are_read(tmp_path, gray, compression, mode):
    if (compression, mode) in NOT_IN_LIBTIFF:
        return
    image = Image.fromarray(gray)
    if mode == "LAB":
        image = Image.merge("LAB", [image, *[Image.new("L", image.size, 128)] * 2])
    elif mode in ("CMYK", "YCbCr"):
        image = image.convert("RGB").convert(mode)
    else:
        image = image.convert(mode)
    image.save(tmp_path / "a.tif", compression=compression)
    luma = read_still(tmp_path / "a.tif").luma
    if mode == "1":
        assert set(np.unique(luma)) == {0, 255}
        gray = np.asarray(image) * np.uint8(255)
    difference = np.abs(luma.astype(int) - gray)
    limit = {"LAB": 16, "YCbCr": 3}.get(mode, 0) + (30 if compression == "jpeg" else 0)
    assert difference.max() <= limit


@pytest.mark.parametrize("predictor", [1, 2])
@pytest.mark.parametrize("compression", [5, 8])
@pytest.mark.parametrize("channels", [1, 3])
def test_compressions_of_16_bit_images_are_read(tmp_path, deep, compression, predictor, channels):
    image = deep if channels == 1 else np.dstack([deep, deep[::-1], deep[:, ::-1]])
    cv2.imwrite(
        str(tmp_path / "a.tif"), image,
        [cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_PREDICTOR, predictor],
    )  # fmt: skip
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert (tiff.pages[0].compression, tiff.pages[0].predictor) == (compression, predictor)
    expected = deep if channels == 1 else luma_bt709(image[..., ::-1], 16)
    np.testing.assert_array_equal(read_still(tmp_path / "a.tif").luma, expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_predictor_for_floats_is_read(tmp_path, channels):
    image = np.repeat(UNIT.astype(np.float32)[..., None], channels, axis=-1)
    cv2.imwrite(
        str(tmp_path / "a.tif"), image,
        [cv2.IMWRITE_TIFF_COMPRESSION, 5, cv2.IMWRITE_TIFF_PREDICTOR, 3],
    )  # fmt: skip
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.pages[0].predictor == 3
    assert_ramp(tmp_path / "a.tif", 16, 1e-4)


@pytest.mark.parametrize("compression", ["packbits", "tiff_lzw", "zstd", "lzma"])
def test_16_bit_gray_of_pillow_is_read(tmp_path, deep, compression):
    Image.fromarray(deep).save(tmp_path / "a.tif", compression=compression)
    np.testing.assert_array_equal(read_still(tmp_path / "a.tif").luma, deep)


def write_directory(path, gray, data, numbers):
    """Write a TIFF with one strip and three 16-bit values behind it, to which 0 refers."""
    data += b"\0" * (len(data) % 2)
    values = 8 + len(data)
    tags = {256: gray.shape[1], 257: gray.shape[0], 273: 8, 278: gray.shape[0], 279: len(data)}
    tags = {tag: (4, 1, value) for tag, value in tags.items()} | numbers
    entries = b"".join(
        struct.pack("<HHII", tag, kind, count, value or values)
        for tag, (kind, count, value) in sorted(tags.items())
    )
    path.write_bytes(
        b"II*\0" + struct.pack("<I", values + 6) + data + struct.pack("<3H", 8, 8, 8)
        + struct.pack("<H", len(tags)) + entries + bytes(4)
    )  # fmt: skip


@pytest.mark.parametrize("compression", [1, 8])
@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2)])
def test_ycbcr_with_subsampled_chroma_is_read(tmp_path, gray, subsampling, compression):
    across, down = subsampling
    blocks = gray.reshape(len(gray) // down, down, -1, across).swapaxes(1, 2)
    blocks = blocks.reshape(*blocks.shape[:2], -1)
    chroma = np.full((*blocks.shape[:2], 2), 128, np.uint8)
    data = np.concatenate([blocks, chroma], axis=-1).tobytes()
    data = zlib.compress(data) if compression == 8 else data
    numbers = {258: (3, 3, 0), 259: (3, 1, compression), 262: (3, 1, 6), 277: (3, 1, 3)}
    numbers[530] = (3, 2, across | down << 16)
    write_directory(tmp_path / "a.tif", gray, data, numbers)
    np.testing.assert_array_equal(read_still(tmp_path / "a.tif").luma, gray)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_old_jpeg_compression_is_read(tmp_path, gray, channels):
    encoded = io.BytesIO()
    image = Image.fromarray(gray).convert("RGB" if channels == 3 else "L")
    image.save(encoded, "JPEG", quality=95, subsampling=0)
    data = encoded.getvalue()
    numbers = {258: (3, channels, 0 if channels == 3 else 8), 259: (3, 1, 6)}
    numbers |= {262: (3, 1, 6 if channels == 3 else 1), 277: (3, 1, channels), 512: (3, 1, 1)}
    numbers |= {513: (4, 1, 8), 514: (4, 1, len(data)), 530: (3, 2, 1 | 1 << 16)}
    write_directory(tmp_path / "a.tif", gray, data, numbers)
    still = read_still(tmp_path / "a.tif")
    np.testing.assert_allclose(still.luma, np.asarray(image.convert("L")), atol=12)
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes().replace(data[:3], bytes(3)))
    with pytest.raises(InputError):
        read_still(tmp_path / "a.tif")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "zstd", "group4", "jpeg"])
def test_all_orientations_are_read_as_stored(tmp_path, gray, compression, mode):
    if (compression, mode == "1") == ("group4", False) or (compression, mode) in NOT_IN_LIBTIFF:
        return
    image = Image.fromarray(gray).convert("RGB").convert(mode)
    for orientation in range(1, 9):
        image.save(tmp_path / "a.tif", compression=compression, tiffinfo={274: orientation})
        still = read_still(tmp_path / "a.tif")
        assert still.orientation == orientation and still.luma.shape == SHAPE
        expected = np.asarray(image.convert("L")).astype(int)
        assert np.abs(still.luma - expected).mean() < 6


def test_a_page_without_samples_is_refused(tmp_path):
    for bits in (8, 12):
        write_packed(tmp_path / "a.tif", quantize(bits), bits, size=0)
        with pytest.raises(InputError, match="no samples"):
            read_still(tmp_path / "a.tif")


def test_gray_with_two_more_channels_is_gray(tmp_path, gray):
    image = np.dstack([gray, gray // 2, gray // 3])
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack", planarconfig="contig")
    still = read_still(tmp_path / "a.tif")
    np.testing.assert_array_equal(still.luma, gray)
    assert still.tint == "gray"


@pytest.mark.parametrize("mode", ["L", "P"])
@pytest.mark.parametrize("compression", ["tiff_lzw", "zstd", "lzma"])
def test_damaged_strips_are_refused(tmp_path, gray, compression, mode, capfd):
    Image.fromarray(gray).convert(mode).save(tmp_path / "a.tif", compression=compression)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        offset, size = tiff.pages[0].dataoffsets[0], tiff.pages[0].databytecounts[0]
    data = bytearray((tmp_path / "a.tif").read_bytes())
    data[offset + 4 : offset + size] = bytes(size - 4)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        read_still(tmp_path / "a.tif")
    assert capfd.readouterr().err == "", "libtiff must not print"


@pytest.mark.parametrize("compression", [34712, 34887, 50002, 60000])
def test_unknown_compressions_are_refused(tmp_path, gray, compression):
    for bits, codes in ((8, gray.astype(np.uint64)), (16, quantize(16))):
        write_packed(tmp_path / "a.tif", codes, bits, compression=compression)
        with pytest.raises(InputError):
            read_still(tmp_path / "a.tif")


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_cmyk_of_every_depth_is_read(tmp_path, dtype, compression, planar):
    top = np.iinfo(dtype).max
    gray = np.rint(UNIT * top).astype(dtype)
    for inks in ([top, top, top, gray], [gray, gray, gray, top]):  # 0 is no ink
        cmyk = top - np.stack(np.broadcast_arrays(*inks), axis=0 if planar == "separate" else -1)
        path = tmp_path / "a.tif"
        tifffile.imwrite(
            path, cmyk.astype(dtype), photometric="separated", planarconfig=planar,
            compression=compression,
        )  # fmt: skip
        still = assert_ramp(path, 8 * gray.itemsize, 1 / top)
        assert "CMYK or Lab" in still.warnings[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("photometric", ["cielab", "icclab"])
def test_lab_of_every_depth_is_read(tmp_path, dtype, photometric):
    top, is_icc = np.iinfo(dtype).max, photometric == "icclab"
    rgb = np.stack([UNIT, UNIT[::-1], np.full_like(UNIT, 0.5)]).astype(np.float32)
    lightness, ab = rgb_to_lab_array(rgb)
    scale = 256 if dtype == np.uint16 else 1
    white = 0xFF00 if is_icc and dtype == np.uint16 else top
    codes = np.stack([lightness * (white / 100), *(ab * scale + (is_icc * (top + 1) / 2))], -1)
    codes = np.rint(codes).astype(np.int64).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", codes, photometric=photometric, compression="zlib")
    still = read_still(tmp_path / "a.tif")
    expected = (rgb * np.float32([[[0.2126]], [[0.7152]], [[0.0722]]])).sum(axis=0)
    np.testing.assert_allclose(still.luma / top, expected, atol=0.02 if dtype == np.uint8 else 1e-3)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("compression", "arguments"),
    [
        ("jpeg2000", {"level": 0}), ("lerc", {}), ("jpegxl", {"lossless": True}),
        ("jpegxr", {"level": 1.0}), ("png", {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_rare_compressions_are_read(tmp_path, dtype, compression, arguments, channels):
    pytest.importorskip("imagecodecs")
    gray = np.rint(UNIT * np.iinfo(dtype).max).astype(dtype)
    samples = np.dstack([gray] * 3) if channels == 3 else gray
    for layout in ({}, {"tile": (32, 48)}):
        tifffile.imwrite(
            tmp_path / "a.tif", samples, compression=compression, compressionargs=arguments,
            photometric="rgb" if channels == 3 else "minisblack", **layout,
        )  # fmt: skip
        assert_ramp(tmp_path / "a.tif", 8 * gray.itemsize, 0.5 / 255)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_of_12_bits_is_read(tmp_path, channels, monkeypatch):
    pytest.importorskip("imagecodecs")
    codes = quantize(12).astype(np.uint16)
    samples = np.dstack([codes] * 3) if channels == 3 else codes
    tifffile.imwrite(
        tmp_path / "a.tif", samples, photometric="rgb" if channels == 3 else "minisblack",
        compression="jpeg", compressionargs={"bitspersample": 12, "level": 100},
    )  # fmt: skip
    assert_ramp(tmp_path / "a.tif", 16, 0.01)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(InputError, match=r"12-bit JPEG compression needs .* imagecodecs; pip"):
        read_still(tmp_path / "a.tif")


def test_infrared_of_a_film_scanner_is_no_alpha(tmp_path, deep):
    rgb_and_infrared = np.dstack([deep] * 4)
    for kind, is_alpha in ((0, False), (1, True), (2, True)):
        tifffile.imwrite(
            tmp_path / "a.tif", rgb_and_infrared, photometric="rgb", extrasamples=[kind]
        )
        still = read_still(tmp_path / "a.tif")
        np.testing.assert_array_equal(still.luma, deep)
        assert (still.alpha is not None) is is_alpha
        assert still.warnings == (() if is_alpha else ("not kept: 1 extra channel(s)",))


@pytest.mark.parametrize("kind", [1, 2], ids=["premultiplied", "straight"])
def test_premultiplied_colors_are_kept_or_named(tmp_path, deep, kind):
    alpha = np.full_like(deep, 40000)
    named = (
        "PNG cannot store colors that are premultiplied with alpha: transparent parts look darker"
    )
    for opacity, is_named in ((alpha, kind == 1), (np.full_like(deep, 65535), False)):
        samples = np.dstack([deep, deep, deep, opacity])
        tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", extrasamples=[kind])
        still = read_still(tmp_path / "a.tif")
        warnings = write_still(tmp_path / "b.png", still, *smooth_chroma(), provenance=PROVENANCE)
        assert (named in warnings) == is_named
        assert write_still(tmp_path / "b.tif", still, *smooth_chroma(), provenance=PROVENANCE) == ()
