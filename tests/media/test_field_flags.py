"""Interlaced captures in codecs that do not flag frames: the container states the field order."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest

TOP_FIRST, BOTTOM_FIRST = 2, 3
"""FFmpeg's `AVFieldOrder`."""


def read_flags(path):
    """Return the field order of a film, and whether each frame is flagged as interlaced."""
    with av.open(str(path)) as film:
        flags = [bool(frame.interlaced_frame) for frame in film.decode(video=0)]
        return int(film.streams.video[0].codec_context.field_order), flags


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt", "mode", "expected"),
    [
        ("mkv", "utvideo", "yuv422p", "tff", TOP_FIRST),
        ("mkv", "ffvhuff", "yuv422p", "bff", BOTTOM_FIRST),
        ("mov", "mjpeg", "yuvj422p", "tff", TOP_FIRST),
        ("mov", "png", "gray", "bff", BOTTOM_FIRST),
    ],
)
def test_field_order_of_the_container_is_kept(
    clip, colored, suffix, codec, pix_fmt, mode, expected
):
    order = {"tff": "tt", "bff": "bb"}[mode]
    source = clip(suffix, codec, pix_fmt, "-field_order", order, vf=f"setfield={mode}",
                  size=(96, 64), frames=4, rate=Fraction(25))  # fmt: skip
    assert not any(read_flags(source)[1])
    film = colored(source, "mp4")
    assert read_flags(film.path) == (expected, [True] * 4)
    archive = colored(source, "mkv", purpose="archive")
    archive.assert_same_luma()
    archive.assert_same_times()
    assert all(read_flags(archive.path)[1])


@pytest.mark.parametrize("codec", ["utvideo", "mjpeg"])
def test_progressive_frames_stay_progressive(clip, colored, codec):
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    source = clip("mkv", codec, pix_fmt, size=(96, 64), frames=4, rate=Fraction(25))
    film = colored(source, "mp4")
    assert not any(read_flags(film.path)[1])
