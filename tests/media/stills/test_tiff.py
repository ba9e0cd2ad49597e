"""TIFF must be read in its usual variants, and keep its bit depth and tags."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.helpers.stills import PROVENANCE, luma_bt709, random_chroma, srgb_profile
from vidcolor.errors import InputError
from vidcolor.media.stills.registry import read_still, write_still

GRAY_PALETTE = np.stack([np.arange(256, dtype=np.uint16) * 257] * 3)


@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib"}, {"byteorder": ">"}, {"bigtiff": True}]
)
def test_16_bit_luma_survives_in_every_container_variant(tmp_path, deep, options):
    source, target = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(source, deep, photometric="minisblack", **options)
    still = read_still(source)
    np.testing.assert_array_equal(still.luma, deep)
    write_still(target, still, *random_chroma(), provenance=PROVENANCE)
    np.testing.assert_array_equal(luma_bt709(tifffile.imread(target), 16), deep)


def test_planar_rgb_is_read(tmp_path, deep):
    planes = np.stack([deep, deep[::-1], deep])
    tifffile.imwrite(tmp_path / "p.tif", planes, photometric="rgb", planarconfig="separate")
    expected = luma_bt709(np.moveaxis(planes, 0, -1), 16)
    np.testing.assert_array_equal(read_still(tmp_path / "p.tif").luma, expected)


def test_gray_with_white_as_zero_is_inverted(tmp_path, deep, gray):
    for plane in (deep, gray):
        tifffile.imwrite(tmp_path / "w.tif", plane, photometric="miniswhite")
        top = np.iinfo(plane.dtype).max
        np.testing.assert_array_equal(read_still(tmp_path / "w.tif").luma, top - plane)


def test_only_the_first_of_several_pages_is_read_with_a_warning(tmp_path, gray):
    tifffile.imwrite(tmp_path / "m.tif", np.stack([gray, gray // 2]), photometric="minisblack")
    still = read_still(tmp_path / "m.tif")
    np.testing.assert_array_equal(still.luma, gray)
    assert "2 pages" in still.warnings[0]


def test_only_the_first_pages_of_a_very_long_file_are_examined(tmp_path, gray):
    pages = np.broadcast_to(gray[:4, :4], (1200, 4, 4))
    tifffile.imwrite(tmp_path / "m.tif", pages, photometric="minisblack", metadata=None)
    assert "at least 1000 pages" in read_still(tmp_path / "m.tif").warnings[0]


def test_fax_compression_is_read(tmp_path, gray):
    Image.fromarray(gray).convert("1").save(tmp_path / "fax.tif", compression="group4")
    assert set(np.unique(read_still(tmp_path / "fax.tif").luma)) == {0, 255}


def test_camera_raw_is_refused(tmp_path, gray):
    tifffile.imwrite(tmp_path / "d.tif", gray, subfiletype=1)
    with pytest.raises(InputError, match="camera raw"):
        read_still(tmp_path / "d.tif")


def test_tiff_descriptions_survive(tmp_path, deep):
    source, target = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(
        source, deep, photometric="minisblack", metadata=None, description="Pier, 1936",
        datetime="1936:05:01 12:00:00", software="Scanner", resolution=(1200, 1200),
        resolutionunit=2, extratags=[(315, 2, 0, "A. P.", True)],
    )  # fmt: skip
    write_still(target, read_still(source), *random_chroma(), provenance=PROVENANCE)
    with tifffile.TiffFile(target) as tiff:
        tags = {t.name: t.value for t in tiff.pages[0].tags}
    assert tags["ImageDescription"] == "Pier, 1936" and tags["Artist"] == "A. P."
    assert tags["Software"] == "Scanner" and tags["DateTime"].startswith("1936")
    assert tags["XResolution"][0] / tags["XResolution"][1] == 1200


@pytest.mark.parametrize(
    ("planes", "options", "program"),
    [
        ((), {}, ""),
        ((3,), {"photometric": "minisblack"}, ""),
        ((2, 3), {"photometric": "rgb", "planarconfig": "separate"}, ""),
        ((), {"metadata": {"axes": "YX"}}, "tifffile"),
        ((), {"imagej": True}, "ImageJ"),
        ((3,), {"imagej": True}, "ImageJ"),
        ((2,), {"ome": True}, "OME"),
        ((16,), {"volumetric": True, "tile": (16, 16, 16)}, ""),
    ],
)
def test_descriptions_of_the_stored_pixels_are_not_copied(tmp_path, deep, planes, options, program):
    """Programs for stacks would read the result wrongly by the description of its source."""
    source, target = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(source, np.broadcast_to(deep, (*planes, *deep.shape)).copy(), **options)
    still = read_still(source)
    named = [text for text in still.warnings if "description of the stored pixels" in text]
    assert named == [f"not kept: the {program} description of the stored pixels"] * bool(program)
    write_still(target, still, *random_chroma(), provenance=PROVENANCE)
    np.testing.assert_array_equal(luma_bt709(tifffile.imread(target), 16), deep)
    with tifffile.TiffFile(target) as tiff:
        assert not {270, 32997, 50838, 50839} & {tag.code for tag in tiff.pages.first.tags}


def test_the_description_by_a_person_survives_beside_that_of_a_program(tmp_path, gray):
    """Libraries such as tifffile write both under the same tag."""
    source, target = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(source, gray, description="Pier, 1936")
    write_still(target, read_still(source), *random_chroma(), provenance=PROVENANCE)
    with tifffile.TiffFile(target) as tiff:
        assert tiff.pages.first.description == "Pier, 1936"


@pytest.mark.parametrize("tag", [254, 255])
@pytest.mark.parametrize("mode", ["L", "P"])
def test_a_preview_before_the_image_is_not_colorized(tmp_path, gray, mode, tag):
    pixels, path = Image.fromarray(gray).convert(mode), tmp_path / "a.tif"
    # Old programs write SubfileType: 2 is a preview.
    kind = {"subfiletype": 1} if tag == 254 else {"extratags": [(255, 3, 1, 2, True)]}
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(gray[::4, ::4], metadata=None, **kind)
        options = {} if mode == "L" else {"photometric": "palette", "colormap": GRAY_PALETTE}
        tiff.write(
            np.asarray(pixels), metadata=None, extratags=[(315, 2, 0, "A. P.", True)], **options
        )
    still = read_still(path)
    np.testing.assert_array_equal(still.luma, gray)
    assert not still.warnings
    assert b"A. P." in still.metadata.exif


@pytest.mark.parametrize(("photometric", "channels"), [(32803, 1), (34892, 3)])
def test_sensor_data_is_refused(tmp_path, gray, photometric, channels):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(gray, subfiletype=1)
        samples = gray if channels == 1 else np.dstack([gray] * 3)
        tiff.write(samples, photometric=photometric, planarconfig="contig")
    with pytest.raises(InputError, match="camera raw file; develop it"):
        read_still(tmp_path / "a.tif")


def test_layers_of_photoshop_are_named(tmp_path, deep):
    layers = b"Adobe Photoshop Document Data Block\0" + bytes(8)
    tags = [(37724, 7, len(layers), layers, True)]
    tifffile.imwrite(tmp_path / "a.tif", deep, metadata=None, extratags=tags)
    still = read_still(tmp_path / "a.tif")
    np.testing.assert_array_equal(still.luma, deep)
    assert still.warnings == ("not kept: the layers of Photoshop",)


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "YCbCr"])
@pytest.mark.parametrize("compression", ["raw", "jpeg"])
def test_the_profile_is_kept(tmp_path, gray, mode, compression):
    if (compression, mode) == ("jpeg", "P"):  # libtiff cannot write it
        return
    profile = srgb_profile()
    image = Image.fromarray(gray).convert("RGB").convert(mode)
    image.save(tmp_path / "a.tif", compression=compression, icc_profile=profile)
    assert read_still(tmp_path / "a.tif").metadata.icc == profile
