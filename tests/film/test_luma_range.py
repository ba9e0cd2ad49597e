"""Luma range of results: conversions on request and for editing, and its tags."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.helpers.checks import read_film
from tests.helpers.clips import ffmpeg
from vidcolor.color.ycbcr import Coding, recode
from vidcolor.film.api import colorize_sequence
from vidcolor.options import ColorizeOptions

GRAYS = np.tile(np.arange(256, dtype=np.uint8), (64, 1))


@pytest.mark.slow
@pytest.mark.parametrize("luma_range", ["source", "limited", "full"])
@pytest.mark.parametrize("pix_fmt", ["gray", "yuv420p10le"])
def test_luma_range_changes_only_on_request(clip, colored, pix_fmt, luma_range):
    film = colored(clip("mkv", "ffv1", pix_fmt), purpose="archive", range=luma_range)
    source = film.result.plan.video.coding
    full = source.full_range if luma_range == "source" else luma_range == "full"
    expected = recode(film.before.luma, source, Coding(source.bits, full))
    assert np.array_equal(film.after.luma, expected)
    assert film.after.color["range"] == (2 if full else 1)
    has_warning = any("--range" in w for w in film.result.warnings)
    assert has_warning == (full != source.full_range)


def test_prores_frames_are_tagged_with_the_assumed_matrix(clip, colored):
    """ProRes takes the matrix in its header from the frames, not from the stream."""
    film = colored(clip("mkv", "ffv1", "gray10le"), "mov", purpose="editing", range="limited")
    assert all(int(f.colorspace) == film.result.plan.video.matrix.code for f in film.after.frames)


def write_gray_ramp(path, pix_fmt, *options):
    """Write a film with all 8-bit levels in full range."""
    ffmpeg("-f", "rawvideo", "-pix_fmt", "gray", "-s", "256x64", "-r", "25", "-i", "-",
           "-vf", f"scale=in_range=pc:out_range=pc,format={pix_fmt}", *options, str(path),
           stdin=GRAYS.tobytes() * 2)  # fmt: skip
    return path


@pytest.mark.parametrize(
    ("suffix", "pix_fmt", "options"),
    [
        ("mkv", "gray", ("-c:v", "ffv1")),
        ("mkv", "bgr0", ("-c:v", "ffv1")),
        ("mov", "rgb24", ("-c:v", "png")),
        ("mp4", "yuvj420p", ("-c:v", "libx264", "-qp", "0")),
    ],
)
def test_luma_for_editing_is_an_invertible_map_of_full_range(
    colored, tmp_path, suffix, pix_fmt, options
):
    source = write_gray_ramp(tmp_path / f"ramp.{suffix}", pix_fmt, *options)
    film = colored(source, "mkv", purpose="editing", encoder="ffv1")
    assert film.after.color["range"] == 1
    assert film.result.plan.info.video.coding.full_range
    luma = film.after.luma[0]
    assert np.array_equal(luma, np.rint(64 + GRAYS * (876 / 255)))
    assert np.array_equal(recode(luma, Coding(10, False), Coding(8, True)), GRAYS)


def test_prores_of_a_full_range_source_has_its_contrast(colored, tmp_path):
    """An independent conversion to R'G'B' shows the levels of the source."""
    source = write_gray_ramp(tmp_path / "ramp.avi", "yuvj422p", "-c:v", "mjpeg", "-q:v", "1")
    film = colored(source, "mov", purpose="editing")
    assert film.after.color["range"] == 1
    rgb = film.after.frames[0].to_ndarray(format="rgb24").astype(float)
    shown = rgb @ np.array([0.299, 0.587, 0.114])
    assert abs(shown - film.before.luma[0]).max() < 4


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_photographs_become_limited_range_for_editing(flat, tmp_path, mode):
    (tmp_path / "scan").mkdir()
    for number in range(2):
        Image.fromarray(GRAYS).convert(mode).save(tmp_path / "scan" / f"{number}.png")
    options = ColorizeOptions(purpose="editing", encoder="ffv1", fps="25")
    result = colorize_sequence(tmp_path / "scan", tmp_path / "a.mkv", options, colorizer=flat)
    after = read_film(result.target)
    assert after.color["range"] == 1
    assert np.array_equal(recode(after.luma[0], Coding(10, False), Coding(8, True)), GRAYS)
