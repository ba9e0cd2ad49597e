"""OpenEXR must keep 16-bit code values and attributes, and faults must be reported."""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import OpenEXR
import pytest

from tests.helpers.stills import PROVENANCE, SHAPE, random_chroma
from vidcolor.errors import InputError
from vidcolor.media.stills.exr import encode_exr_file, srgb_encode
from vidcolor.media.stills.registry import read_still, read_still_recipe, write_still

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@pytest.mark.parametrize(
    ("value", "aspect"),
    [
        (struct.pack("<f", 1.5), Fraction(3, 2)),
        (struct.pack("<f", float("nan")), None),
        (struct.pack("<d", 1.5), None),
    ],
)
def test_exr_pixel_aspect_is_read_and_invalid_values_are_ignored(tmp_path, value, aspect):
    attribute = (b"pixelAspectRatio", b"float", value)
    data = encode_exr_file(np.zeros((*SHAPE, 3), np.uint16), None, (attribute,))
    (tmp_path / "a.exr").write_bytes(data)
    assert read_still(tmp_path / "a.exr").metadata.pixel_aspect == aspect


def test_exr_keeps_16_bit_code_values(tmp_path, deep):
    source = tmp_path / "a.exr"
    source.write_bytes(encode_exr_file(np.dstack([deep] * 3), None))
    still = read_still(source)
    np.testing.assert_array_equal(still.luma, deep)
    for target in (tmp_path / "b.exr", tmp_path / "b.png"):
        write_still(target, still, *random_chroma(), provenance=PROVENANCE)
        np.testing.assert_array_equal(read_still(target).luma, deep)


def write_exr(path: Path, channels: dict[str, NDArray[Any]], **header: Any) -> Path:
    """Write an OpenEXR with the library."""
    fields = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION, **header}
    with OpenEXR.File(fields, dict(channels)) as file:  # the library changes the dict
        file.write(str(path))
    return path


def make_planes(names: str, dtype: str = "f2") -> dict[str, NDArray[Any]]:
    """Return random planes of linear light in [0, 1]."""
    rng = np.random.default_rng(5)
    return {name: rng.uniform(0, 1, SHAPE).astype(dtype) for name in names}


@pytest.mark.parametrize("names", ["Y", "YA", "RGB", "RGBA"])
@pytest.mark.parametrize("dtype", ["f2", "f4"])
def test_channels_become_gray_or_color_with_alpha(tmp_path, names, dtype):
    planes = make_planes(names, dtype)
    still = read_still(write_exr(tmp_path / "a.exr", planes))
    assert still.tint == ("gray" if names[0] == "Y" else "color")
    if names[0] == "Y":
        np.testing.assert_array_equal(still.luma, srgb_encode(planes["Y"]))
    assert (still.alpha is not None) == names.endswith("A")
    if still.alpha is not None:
        np.testing.assert_allclose(still.alpha / 65535, planes["A"], atol=1e-5)
    assert still.warnings == ()


@pytest.mark.parametrize("names", ["YZ", "RGBAIZ"])
def test_further_channels_are_named(tmp_path, names):
    still = read_still(write_exr(tmp_path / "a.exr", make_planes(names)))
    number = len(names.strip("RGBAY"))
    assert still.warnings == (f"not kept: {number} extra channel(s)",)


@pytest.mark.parametrize(
    ("window", "rows", "columns"),
    [
        (((10, 20), (75, 69)), slice(0, 50), slice(0, 66)),
        (((0, 0), (99, 89)), slice(20, 70), slice(10, 76)),
        (((15, 30), (54, 59)), slice(-10, 40), slice(-5, 61)),
        (((200, 200), (239, 229)), slice(-180, -130), slice(-190, -124)),
    ],
)
def test_the_display_window_is_read(tmp_path, window, rows, columns):
    """The data window starts at x = 10, y = 20; the slices are its place in the display window."""
    data_window = (np.array((10, 20), "i4"), np.array((75, 69), "i4"))
    display_window = tuple(np.array(corner, "i4") for corner in window)
    planes = make_planes("Y")
    path = write_exr(
        tmp_path / "a.exr", planes, dataWindow=data_window, displayWindow=display_window
    )
    width, height = np.subtract(window[1], window[0]) + 1
    expected = np.pad(srgb_encode(planes["Y"]), 300)[
        300 - rows.start : 300 - rows.start + height, 300 - columns.start :
    ][:, :width]
    np.testing.assert_array_equal(read_still(path).luma, expected)


def test_attributes_that_the_library_cannot_decode_survive(tmp_path):
    attributes = (
        (b"owner", b"string", b"caf\xe9"),
        (b"keyCode", b"keycode", struct.pack("<7i", 1, -2, 3, 4, 500, 6, 64)),
        (b"scanner", b"vendorType", b"\1\2\3"),
    )
    data = encode_exr_file(np.zeros((*SHAPE, 3), np.uint16), None, attributes)
    (tmp_path / "a.exr").write_bytes(data)
    write_still(
        tmp_path / "b.exr", read_still(tmp_path / "a.exr"), *random_chroma(), provenance=PROVENANCE
    )
    assert read_still(tmp_path / "b.exr").metadata.extras[:3] == attributes


def test_the_first_part_with_color_is_read_with_a_warning(tmp_path):
    planes = make_planes("Y")
    fields = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}
    parts = [
        OpenEXR.Part({**fields, "name": name}, dict(channels))
        for name, channels in (("depth", make_planes("Z", "f4")), ("beauty", planes))
    ]
    with OpenEXR.File(parts) as file:
        file.write(str(tmp_path / "a.exr"))
    still = read_still(tmp_path / "a.exr")
    np.testing.assert_array_equal(still.luma, srgb_encode(planes["Y"]))
    assert still.warnings == ("the file has 2 parts: only one is colorized",)


@pytest.mark.parametrize("dtype", ["f2", "u4"])
def test_an_exr_without_color_is_refused(tmp_path, dtype):
    planes = {"Z" if dtype == "f2" else "Y": make_planes("Z")["Z"].astype(dtype)}
    with pytest.raises(InputError, match="without float channels"):
        read_still(write_exr(tmp_path / "a.exr", planes))


@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_truncated_exr_is_refused_and_nothing_is_printed(tmp_path, capsys, tiled, share):
    options = {"tiles": OpenEXR.TileDescription(), "type": OpenEXR.tiledimage} if tiled else {}
    path = write_exr(tmp_path / "a.exr", make_planes("RGB"), **options)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    for allow_damaged in (False, True):
        with pytest.raises(InputError, match="damaged"):
            read_still(path, allow_damaged=allow_damaged)
    assert not capsys.readouterr().out
    assert read_still_recipe(path) is None


def test_other_threads_can_print_while_an_exr_is_decoded(tmp_path, capsys):
    path = write_exr(tmp_path / "a.exr", make_planes("RGB"))
    path.write_bytes(path.read_bytes()[:-100])

    def read(_: int) -> None:
        with pytest.raises(InputError):
            read_still(path)

    with ThreadPoolExecutor(4) as threads:
        done = threads.map(read, range(40))
        for n in range(200):
            print(n)
        list(done)
    assert capsys.readouterr().out.split() == [str(n) for n in range(200)]
