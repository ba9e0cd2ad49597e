"""Previews of films and images: colors, size, orientation, and the frame at a given time."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import OpenEXR
import pytest
import tifffile
from PIL import Image

from tests.helpers.tiny_films import gray_ramp, make_film, make_flat_frame, red_ramp, rgb_to_codes
from vidcolor.color.ycbcr import MATRICES, Coding
from vidcolor.errors import InputError
from vidcolor.imaging.geometry import to_displayed
from vidcolor.media.frames import get_pixel_layout, view_plane
from vidcolor.media.preview import DisplayReader, make_yuv_frame, render_rgb
from vidcolor.media.preview_image import read_image_rgb

COLORS = [(200, 60, 50), (40, 180, 90), (50, 70, 210), (128, 128, 128), (235, 220, 40)]


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("preview") / "film.mp4"
    return DisplayReader(make_film(path, gray_ramp(2))).video


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "yuv444p12le"])
@pytest.mark.parametrize("name", ["bt709", "smpte170m", "bt2020nc"])
@pytest.mark.parametrize("full", [False, True])
def test_colors_are_exact_within_2_codes_for_every_matrix_and_range(video, pix_fmt, name, full):
    matrix, layout = MATRICES[name], get_pixel_layout(pix_fmt)
    coding = Coding(layout.bits, full)
    video = replace(video, matrix=matrix, coding=coding, layout=layout)
    for color in COLORS:
        frame = make_flat_frame(color, (64, 48), pix_fmt, matrix, coding)
        for size in ((64, 48), (30, 22), (100, 80)):
            rgb = render_rgb(frame, video, size)
            assert rgb.shape == (size[1], size[0], 3) and rgb.dtype == np.uint8
            assert np.abs(rgb[4:-4, 4:-4].astype(int) - color).max() <= 2


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pix_fmt", ["gray", "gray10le"])
def test_gray_is_exact_within_1_code_for_both_ranges(video, pix_fmt, full):
    layout = get_pixel_layout(pix_fmt)
    coding = Coding(layout.bits, full)
    video = replace(video, coding=coding, layout=layout)
    frame = make_flat_frame((90, 90, 90), (64, 48), pix_fmt, MATRICES["bt709"], coding)
    assert np.abs(render_rgb(frame, video, (32, 24)).astype(int) - 90).max() <= 1


def test_rgb_is_converted_to_the_codes_of_the_matrix():
    for matrix in (MATRICES["bt709"], MATRICES["smpte170m"]):
        for color in COLORS:
            rgb = np.empty((48, 64, 3), np.uint8)
            rgb[:] = color
            frame = make_yuv_frame(rgb, "yuv420p", matrix)
            expected = rgb_to_codes(color, matrix, Coding(8, full_range=False))
            for plane, code in zip(frame.planes, expected, strict=True):
                assert np.abs(view_plane(plane, 8).astype(int) - code).max() <= 1


def test_size_is_the_displayed_size(tmp_path):
    wide = DisplayReader(make_film(tmp_path / "w.mp4", gray_ramp(2), sar=Fraction(4, 3)))
    assert wide.size == (85, 48)
    turned = DisplayReader(
        make_film(tmp_path / "t.mp4", gray_ramp(2), sar=Fraction(4, 3), rotation=90)
    )
    assert turned.size == (48, 85)
    assert turned.frame_at(Fraction(0)).rgb(turned.size).shape == (85, 48, 3)


def test_rotation_by_90_degrees_displays_the_right_edge_on_top(video):
    frame = make_flat_frame((20, 20, 20), (64, 48), "yuv444p", MATRICES["bt709"], Coding(8, False))
    view_plane(frame.planes[0], 8)[:, 48:] = 230
    turned = replace(video, rotation_degrees=90, display_matrix=None)
    rgb = render_rgb(frame, turned, (48, 64))
    assert rgb[:10].min() > 200 and rgb[30:].max() < 60


def test_frame_at_a_time_is_the_displayed_frame(tmp_path):
    film = DisplayReader(make_film(tmp_path / "vfr.mp4", red_ramp(4), pts=[0, 1000, 7000, 8000]))
    for ticks, number in ((0, 0), (999, 1), (1000, 1), (6900, 1), (7000, 2), (8500, 3), (9999, 3)):
        red = film.frame_at(Fraction(ticks, 24000)).rgb((16, 16))[8, 8, 0]
        assert abs(int(red) - (100 + 8 * number)) <= 2, ticks


def test_duration_is_measured_if_the_header_has_none(tmp_path):
    film = DisplayReader(make_film(tmp_path / "film.mp4", gray_ramp(5), first_pts=12000))
    film.video = replace(film.video, duration_s=None)
    assert film.duration_s == Fraction(5000, 24000)
    assert next(film.frames()).time_s == 0


def test_images_are_upright_opaque_and_8_bit(tmp_path):
    turned = Image.new("RGB", (30, 20), (10, 20, 30))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    assert read_image_rgb(tmp_path / "turned.png").shape == (30, 20, 3)
    Image.fromarray(np.full((8, 9), 200 * 257, np.uint16)).save(tmp_path / "deep.png")
    assert np.all(read_image_rgb(tmp_path / "deep.png") == 200)
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert np.all(read_image_rgb(tmp_path / "clear.png") == 255)
    Image.new("P", (8, 8)).save(tmp_path / "palette.png")
    assert read_image_rgb(tmp_path / "palette.png").shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("codes", "options"),
    [
        (np.uint16(200 * 257), {"photometric": "miniswhite"}),
        (np.uint16(200 * 4095 // 255), {"bitspersample": 12}),
        (np.float32(200 / 255), {}),
        (np.int16(200 * 257 - 32768), {}),
        (np.int32(200), {}),
        (np.uint32(200 * 16843009), {}),
    ],
)
def test_tiff_has_the_levels_at_which_it_is_colorized(tmp_path, codes, options):
    """Pillow shows some of them black or inverted."""
    samples = np.full((20, 30), codes)
    if codes.dtype == np.int16:  # with negative values, black is the lowest one
        samples[0, 0] = -32768
    tifffile.imwrite(tmp_path / "a.tif", samples, **options)
    level = 55 if "photometric" in options else 200
    assert np.all(np.abs(read_image_rgb(tmp_path / "a.tif")[1:-1].astype(int) - level) <= 1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff_is_upright(tmp_path, orientation):
    stored = np.zeros((20, 30), np.uint8)
    stored[:4, :6] = 200
    tag = (274, 3, 1, orientation, True)
    tifffile.imwrite(tmp_path / "a.tif", stored, extratags=[tag])
    expected = np.repeat(to_displayed(stored, orientation)[..., None], 3, axis=-1)
    np.testing.assert_array_equal(read_image_rgb(tmp_path / "a.tif"), expected)


def test_transparent_parts_of_tiff_are_white_and_its_thumbnail_is_ignored(tmp_path):
    samples = np.full((20, 30, 2), 200, np.uint8)
    samples[:, :15, 1], samples[:, 15:, 1] = 0, 255
    for kind in ("unassalpha", "assocalpha"):
        if kind == "assocalpha":
            samples[:, :15, 0] = 0
        with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
            tiff.write(np.zeros((4, 6), np.uint8), subfiletype=1)
            tiff.write(
                samples, photometric="minisblack", planarconfig="contig", extrasamples=[kind]
            )
        rgb = read_image_rgb(tmp_path / "a.tif")
        assert np.all(rgb[:, :15] == 255) and np.all(rgb[:, 15:] == 200)


def test_film_scans_have_square_pixels_with_every_compression(tmp_path):
    """FFmpeg's decoder does not support ZSTD."""
    header = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZSTD_COMPRESSION,
              "pixelAspectRatio": 2.0}  # fmt: skip
    channels = {name: np.ones((16, 24), np.float16) for name in "RGB"}
    with OpenEXR.File(header, channels) as file:
        file.write(str(tmp_path / "wide.exr"))
    rgb = read_image_rgb(tmp_path / "wide.exr")
    assert rgb.shape == (16, 48, 3) and np.all(rgb == 255)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_the_intact_part_of_a_damaged_image_is_read_on_request(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    noise = np.random.default_rng(0).integers(90, 110, (64, 64), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="check that the file is complete"):
        read_image_rgb(path)
    rgb = read_image_rgb(path, allow_damaged=True)
    assert rgb.shape == (64, 64, 3) and np.abs(rgb[:8].astype(int) - 100).max() < 30


def test_unreadable_image_is_rejected_with_one_line(tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n but no image data")
    for path in (broken, tmp_path / "missing.png", tmp_path):
        with pytest.raises(InputError) as error:
            read_image_rgb(path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)
