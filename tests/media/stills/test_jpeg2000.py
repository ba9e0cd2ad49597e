"""JPEG 2000 must be read and written in 8 and 16 bits, losslessly and with metadata."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from fractions import Fraction
from functools import partial

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from tests.helpers.stills import (
    HEIGHT,
    PROVENANCE,
    WIDTH,
    XMP,
    luma_bt709,
    make_exif,
    open_image,
    random_chroma,
    srgb_profile,
)
from vidcolor.errors import InputError, OutputError
from vidcolor.media.preview_image import read_image_rgb
from vidcolor.media.stills.boxes import make_box
from vidcolor.media.stills.jpeg2000 import CODESTREAM_SIGNATURE, FILE_SIGNATURE
from vidcolor.media.stills.registry import read_still, read_still_recipe, write_still
from vidcolor.photo import default_target

SIGNATURES = {".jp2": FILE_SIGNATURE, ".jpx": FILE_SIGNATURE, ".j2k": CODESTREAM_SIGNATURE}

LOSSLESS = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000]


def decode(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., 2::-1]


@pytest.mark.parametrize("suffix", SIGNATURES)
@pytest.mark.parametrize("bits", [8, 16])
def test_gray_luma_survives(tmp_path, gray, deep, bits, suffix):
    plane = gray if bits == 8 else deep
    source, target = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    Image.fromarray(plane).save(source, "JPEG2000", no_jp2=suffix == ".j2k")
    still = read_still(source)
    np.testing.assert_array_equal(still.luma, plane)
    assert still.bits == bits and still.tint == "gray" and not still.warnings
    write_still(target, still, *random_chroma(), provenance=PROVENANCE)
    assert target.read_bytes().startswith(SIGNATURES[suffix])
    np.testing.assert_array_equal(luma_bt709(decode(target), bits), plane)
    np.testing.assert_array_equal(read_still(target).luma, plane)
    if bits == 8:
        np.testing.assert_array_equal(np.asarray(open_image(target)), decode(target))


@pytest.mark.parametrize("mode", ["LA", "RGB", "RGBA"])
def test_8_bit_color_and_alpha_survive(tmp_path, gray, mode):
    rgba = np.dstack([gray, gray[::-1], gray[:, ::-1], gray.T.reshape(gray.shape)])
    image = Image.fromarray(rgba).convert(mode)
    image.save(tmp_path / "a.jp2")
    still = read_still(tmp_path / "a.jp2")
    expected = luma_bt709(np.asarray(image.convert("RGB")), 8)
    np.testing.assert_array_equal(still.luma, expected)
    write_still(tmp_path / "b.jp2", still, *random_chroma(), provenance=PROVENANCE)
    again = read_still(tmp_path / "b.jp2")
    np.testing.assert_array_equal(again.luma, expected)
    assert (again.alpha is None) == (mode == "RGB")
    if mode != "RGB":
        np.testing.assert_array_equal(again.alpha, rgba[..., 3])
        assert open_image(tmp_path / "b.jp2").mode == "RGBA"


def test_16_bit_color_with_alpha_is_read(tmp_path, deep):
    bgra = np.dstack([deep, deep[::-1], deep[:, ::-1], deep])
    cv2.imwrite(str(tmp_path / "a.jp2"), bgra, LOSSLESS)
    still = read_still(tmp_path / "a.jp2")
    np.testing.assert_array_equal(still.luma, luma_bt709(bgra[..., 2::-1], 16))
    np.testing.assert_array_equal(still.alpha, deep)


def test_16_bit_color_is_displayed(tmp_path, deep):
    """Pillow turns white into black."""
    deep[:4] = 65535
    cv2.imwrite(str(tmp_path / "a.jp2"), np.dstack([deep] * 3), LOSSLESS)
    rgb = read_image_rgb(tmp_path / "a.jp2")
    np.testing.assert_array_equal(rgb[..., 1], np.rint(deep / 257))


@pytest.mark.parametrize("pixel_format", ["gray10le", "gray12le", "gbrp12le", "yuv444p12le"])
def test_10_and_12_bit_images_have_white_at_the_top(tmp_path, pixel_format):
    encoder = av.CodecContext.create("jpeg2000", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, pixel_format
    encoder.time_base, encoder.options = Fraction(1), {"format": "jp2", "pred": "dwt53"}
    frame = av.VideoFrame(WIDTH, HEIGHT, pixel_format)
    white = (1 << frame.format.components[0].bits) - 1
    for plane in frame.planes:
        plane.update(np.full(plane.buffer_size // 2, white, "<u2").tobytes())
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    (tmp_path / "a.jp2").write_bytes(b"".join(map(bytes, packets)))
    still = read_still(tmp_path / "a.jp2")
    assert still.bits == (8 if pixel_format.startswith("yuv") else 16)
    if pixel_format.startswith("yuv"):
        assert "read as 8 bits" in still.warnings[0]
    else:
        assert still.luma.min() == 65535


def test_signed_samples_of_16_bits_are_refused_by_name(tmp_path, deep):
    Image.fromarray(deep).save(tmp_path / "a.j2k")
    data = bytearray((tmp_path / "a.j2k").read_bytes())
    data[42] |= 0x80  # the sign of the first component in the SIZ marker segment
    (tmp_path / "a.j2k").write_bytes(data)
    with pytest.raises(InputError, match="signed samples of 16 bits is not supported"):
        read_still(tmp_path / "a.j2k")


def test_small_images_are_written_in_8_bits_and_refused_in_16(tmp_path):
    for dtype in (np.uint8, np.uint16):
        Image.fromarray(np.arange(256).reshape(16, 16).astype(dtype)).save(tmp_path / "a.png")
        still = read_still(tmp_path / "a.png")
        job = partial(write_still, tmp_path / "b.jp2", still, *random_chroma((16, 16)))
        if dtype == np.uint8:
            job(provenance=PROVENANCE)
            np.testing.assert_array_equal(read_still(tmp_path / "b.jp2").luma, still.luma)
        else:
            with pytest.raises(OutputError, match="32 pixels"):
                job(provenance=PROVENANCE)


def test_metadata_survives(tmp_path, gray):
    profile = srgb_profile()
    Image.fromarray(gray).save(
        tmp_path / "a.webp", lossless=True, exif=make_exif(), icc_profile=profile, xmp=XMP
    )
    still = read_still(tmp_path / "a.webp")
    still = replace(still, metadata=replace(still.metadata, dpi=(600, 600)))
    write_still(tmp_path / "b.jp2", still, *random_chroma(), provenance=PROVENANCE)
    again = read_still(tmp_path / "b.jp2")
    assert again.metadata.icc == profile and b"Harbor" in again.metadata.xmp
    assert again.orientation == still.orientation
    np.testing.assert_allclose(again.metadata.dpi, 600, rtol=1e-3)
    assert read_still_recipe(tmp_path / "b.jp2") == PROVENANCE.recipe
    image = open_image(tmp_path / "b.jp2")
    np.testing.assert_allclose(image.info["dpi"], 600, rtol=1e-3)


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [(".jp2", ".jp2"), (".jpx", ".jpx"), (".j2k", ".png")]
    + [(s, s) for s in (".jpe", ".jfif", ".jif")],
)
def test_results_have_the_format_of_the_source(tmp_path, suffix, expected):
    assert default_target(tmp_path / f"a{suffix}").suffix == expected


def write_jp2(path, codestream, bits, channels, header=b"", boxes=b""):
    """Write a JP2 file with further boxes."""
    size = struct.pack(">IIHBBBB", HEIGHT, WIDTH, channels, bits - 1, 7, 0, 0)
    color = make_box(
        b"colr", struct.pack(">BBBI", 1, 0, 0, 16 if channels == 3 or b"pclr" in header else 17)
    )
    header = make_box(b"jp2h", make_box(b"ihdr", size) + color + header)
    start = FILE_SIGNATURE + make_box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    path.write_bytes(start + header + boxes + make_box(b"jp2c", codestream))


def encode(pixels):
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG2000", no_jp2=True)
    return encoded.getvalue()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", [1, 2, 4, 7])
def test_less_than_8_bits_have_white_at_the_top(tmp_path, gray, bits, channels):
    imagecodecs = pytest.importorskip("imagecodecs")
    codes = gray >> (8 - bits)
    samples = np.dstack([codes] * 3) if channels == 3 else codes
    codestream = imagecodecs.jpeg2k_encode(samples, level=0, codecformat="j2k", bitspersample=bits)
    write_jp2(tmp_path / "a.jp2", codestream, bits, channels)
    expected = np.rint(codes * (255 / ((1 << bits) - 1)))
    np.testing.assert_array_equal(read_still(tmp_path / "a.jp2").luma, expected)
    np.testing.assert_array_equal(read_image_rgb(tmp_path / "a.jp2")[..., 1], expected)


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_palettes_are_read(tmp_path, gray, bits):
    imagecodecs = pytest.importorskip("imagecodecs")
    codes, palette = gray >> (8 - bits), np.linspace(255, 0, 1 << bits).round().astype(np.uint8)
    entries = np.repeat(palette, 3).tobytes()
    header = make_box(b"pclr", struct.pack(">HB3B", len(palette), 3, 7, 7, 7) + entries)
    header += make_box(b"cmap", struct.pack(">" + "HBB" * 3, 0, 1, 0, 0, 1, 1, 0, 1, 2))
    codestream = imagecodecs.jpeg2k_encode(codes, level=0, codecformat="j2k", bitspersample=bits)
    write_jp2(tmp_path / "a.jp2", codestream, bits, 1, header)
    np.testing.assert_array_equal(read_still(tmp_path / "a.jp2").luma, palette[codes])


@pytest.mark.parametrize("dpi", [(72, 72), (300, 299.5), (2400, 2400), (4800, 9600.5), (96000, 1)])
def test_any_resolution_survives(tmp_path, still, dpi):
    still = replace(still, metadata=replace(still.metadata, dpi=dpi))
    write_still(tmp_path / "b.jp2", still, *random_chroma(), provenance=PROVENANCE)
    assert read_still(tmp_path / "b.jp2").metadata.dpi == pytest.approx(dpi, rel=1e-4)
    assert open_image(tmp_path / "b.jp2").info["dpi"] == pytest.approx(dpi, rel=1e-4)


def test_the_resolution_of_the_scan_precedes_that_of_the_display(tmp_path, gray):
    scan, display = (
        make_box(kind, struct.pack(">HHHHbb", dpi, 254, dpi, 254, 4, 4))
        for kind, dpi in ((b"resc", 600), (b"resd", 72))
    )
    for boxes, dpi in ((display + scan, 600), (scan, 600), (display, 72), (b"", None)):
        write_jp2(
            tmp_path / "a.jp2", encode(gray), 8, 1, make_box(b"res ", boxes) if boxes else b""
        )
        found = read_still(tmp_path / "a.jp2").metadata.dpi
        assert found is dpi is None or found == pytest.approx((dpi, dpi))


def test_boxes_of_archives_survive(tmp_path, gray):
    xml = make_box(b"xml ", b"<mix><scanner>A</scanner></mix>")
    geo = make_box(b"uuid", bytes(range(16)) + b"place")
    captions = b"\x1c\x02\x78\0\x04Pier"
    iptc = make_box(b"uuid", bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38") + captions)
    credentials = make_box(b"jumb", b"c2pa")
    source, target = tmp_path / "a.jp2", tmp_path / "b.jp2"
    write_jp2(source, encode(gray), 8, 1, boxes=xml + geo + iptc + credentials)
    still = read_still(source)
    assert still.metadata.iptc == captions
    assert [text for text in still.warnings if "C2PA" in text] == list(still.warnings) != []
    assert write_still(target, still, *random_chroma(), provenance=PROVENANCE) == ()
    data = target.read_bytes()
    assert all(data.count(box) == 1 for box in (xml, geo, iptc)) and b"jumb" not in data
    assert read_still(target).metadata.extras == still.metadata.extras
    warnings = write_still(tmp_path / "b.tif", still, *random_chroma(), provenance=PROVENANCE)
    assert warnings == ("TIFF cannot store XML and other JP2 boxes",)
    assert read_still(tmp_path / "b.tif").metadata.iptc == captions
