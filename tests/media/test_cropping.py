"""Cropping that the bitstream or the container states."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from tests.helpers.clips import ffmpeg
from vidcolor.media.decode import VideoReader
from vidcolor.media.probe import probe

PATH_TO_ENTRY = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")


def add_clean_aperture(source, target, values):
    """Copy an MP4 or MOV file whose `moov` is last, and add a `clap` box to its first track."""
    data = bytearray(source.read_bytes())
    start, end, parents = 0, len(data), []
    for name in PATH_TO_ENTRY:
        while data[start + 4 : start + 8] != name:
            start += struct.unpack_from(">I", data, start)[0]
        parents.append(start)
        end, start = start + struct.unpack_from(">I", data, start)[0], start + 8
    assert end <= len(data)
    entry = start + 8  # after the version and the number of entries
    box = struct.pack(">I4sIIIIiIiI", 40, b"clap", *values)
    data[entry + 86 : entry + 86] = box
    for position in (*parents, entry):
        size = struct.unpack_from(">I", data, position)[0]
        struct.pack_into(">I", data, position, size + len(box))
    target.write_bytes(data)
    return target


def read_luma(path):
    video = probe(path).video
    return np.stack([f.luma.copy() for f in VideoReader(path, video).frames()]), video


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "crop"),
    [
        ("libx264", "yuv420p", (6, 10, 2, 4)),
        ("libx264", "yuv420p10le", (2, 0, 0, 0)),
        ("libx264", "yuv444p", (3, 2, 5, 1)),
        ("libx265", "yuv420p", (6, 10, 2, 4)),
        ("libx265", "gray10le", (33, 1, 7, 9)),
    ],
)
def test_every_crop_of_a_bitstream_is_applied(clip, tmp_path, codec, pix_fmt, crop):
    """FFmpeg by default keeps columns at the left edge, so that lines of pixels are aligned."""
    log = ("-x265-params", "log-level=error") if codec == "libx265" else ()
    source = clip("mp4", codec, pix_fmt, *log, frames=4)
    left, right, top, bottom = crop
    edges = f"crop_left={left}:crop_right={right}:crop_top={top}:crop_bottom={bottom}"
    bsf = {"libx264": "h264_metadata", "libx265": "hevc_metadata"}[codec]
    path = tmp_path / "cropped.mkv"
    ffmpeg("-i", str(source), "-c", "copy", "-bsf:v", f"{bsf}={edges}", str(path))
    (full, _), (cropped, video) = read_luma(source), read_luma(path)
    assert (video.width, video.height) == (96 - left - right, 64 - top - bottom)
    np.testing.assert_array_equal(cropped, full[:, top : 64 - bottom, left : 96 - right])


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffixes"),
    [
        ("libx264", "yuv420p", ("mp4", "mov", "mkv")),
        ("prores_ks", "yuv422p10le", ("mov", "mkv")),
        ("v210", "yuv422p10le", ("mov", "mkv")),
        ("rawvideo", "uyvy422", ("mov",)),
    ],
)
@pytest.mark.parametrize("offsets", [(0, 0), (3, -5)])
def test_crop_of_a_container_is_applied(clip, tmp_path, codec, pix_fmt, suffixes, offsets):
    source = clip(suffixes[0], codec, pix_fmt, frames=4)
    full, _ = read_luma(source)
    # The width is 148/2 and the height 46, and the offsets are those of the center, in halves.
    dx, dy = (offset * 2 for offset in offsets)
    values = (148, 2, 46, 1, dx, 2, dy, 2)
    first = add_clean_aperture(source, tmp_path / f"clap.{suffixes[0]}", values)
    left, top = 11 + offsets[0], 9 + offsets[1]
    for suffix in suffixes:
        path = tmp_path / f"clap.{suffix}"
        if path != first:
            ffmpeg("-i", str(first), "-c", "copy", str(path))
        cropped, video = read_luma(path)
        assert (video.width, video.height) == (74, 46)
        np.testing.assert_array_equal(cropped, full[:, top : top + 46, left : left + 74])


@pytest.mark.parametrize(("height", "offset", "top"), [(46, 0, 10), (56, 0, 4), (47, 17, 16)])
def test_crop_of_interlaced_video_begins_with_the_same_field(clip, tmp_path, height, offset, top):
    """The clean apertures begin at the lines 9, 4 and 17. The offset is in half lines."""
    options = ("-flags", "+ildct", "-field_order", "bb")
    source = clip("mov", "prores_ks", "yuv422p10le", *options, frames=2, vf="setfield=bff")
    path = add_clean_aperture(source, tmp_path / "a.mov", (74, 1, height, 1, 0, 1, offset, 2))
    (full, _), (cropped, video) = read_luma(source), read_luma(path)
    assert (video.height, video.field_order) == (height, 5)
    np.testing.assert_array_equal(cropped, full[:, top : top + height, 11:85])


@pytest.mark.slow
def test_aspect_and_rotation_of_a_cropped_film_are_kept(clip, colored, tmp_path):
    rotated = tmp_path / "rotated.mp4"
    source = clip("mp4", "libx264", "yuv420p", vf="setsar=16/15")
    ffmpeg("-display_rotation", "90", "-i", str(source), "-c", "copy", str(rotated))
    path = add_clean_aperture(rotated, tmp_path / "clap.mp4", (74, 1, 46, 1, 0, 1, 0, 1))
    for suffix, purpose in (("mkv", "archive"), ("mov", "editing")):
        film = colored(path, suffix, purpose=purpose)
        assert "cropped to 74x46" in " ".join(film.result.warnings)
        luma, video = read_luma(film.path)
        assert (video.width, video.height) == (74, 46)
        assert video.sample_aspect_ratio == pytest.approx(16 / 15, rel=1e-4)
        assert video.quarter_turns == 1
        if purpose == "archive":
            np.testing.assert_array_equal(luma, read_luma(path)[0])


@pytest.mark.parametrize("values", [(400, 1, 46, 1, 0, 1, 0, 1), (74, 0, 46, 1, 0, 1, 0, 1)])
def test_impossible_crop_is_ignored(clip, tmp_path, values):
    path = add_clean_aperture(clip("mp4", "libx264", "yuv420p"), tmp_path / "clap.mp4", values)
    video = probe(path).video
    assert (video.width, video.height, video.crop) == (96, 64, None)
