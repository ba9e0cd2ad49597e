"""The timecode of a film is that of its first frame, at the frame rate of its video."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from vidcolor.media.demux import open_input
from vidcolor.media.probe import probe
from vidcolor.media.source_timecode import find_timecode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.checks import ColorizedFilm
    from tests.helpers.clips import ClipMaker

NTSC_60 = Fraction(60000, 1001)


def make_clip(clip: ClipMaker, timecode: str, rate: Fraction) -> bytearray:
    path = clip("mov", "prores_ks", "yuv422p10le", "-timecode", timecode, rate=rate)
    return bytearray(path.read_bytes())


def find_all(data: bytearray, pattern: bytes) -> list[int]:
    found = [-1]
    while (at := data.find(pattern, found[-1] + 1)) >= 0:
        found.append(at)
    return found[1:]


@pytest.mark.parametrize(("edited", "expected"), [((0, 1), "01:00:00:03"), ((0,), "01:00:00:00")])
def test_start_that_an_edit_list_hides_is_counted(
    clip: ClipMaker, tmp_path: Path, edited: tuple[int, ...], expected: str
) -> None:
    """The edit lists of the video and of the timecode are independent."""
    data = make_clip(clip, "01:00:00:00", Fraction(24))
    for number in edited:
        at = find_all(data, b"elst")[number]
        struct.pack_into(">Ii", data, at + 12, 9 * 1000 // 24, 3 * 512)  # of 12288 ticks
    path = tmp_path / "a.mov"
    path.write_bytes(data)
    assert probe(path).video.timecode == expected


@pytest.mark.parametrize(
    ("track_fps", "value", "flags", "expected"),
    [
        (30, 107892 + 15, 1, "01:00:00;30"),  # cameras of 60 frames per second
        (30, 108000 + 15, 0, "01:00:00:30"),
        (60, 215784 + 31, 1, "01:00:00;31"),
    ],
)
def test_timecode_of_another_frame_rate_is_converted(
    clip: ClipMaker, tmp_path: Path, track_fps: int, value: int, flags: int, expected: str
) -> None:
    data = make_clip(clip, "01:00:00;30", NTSC_60)
    entry = next(n for n in find_all(data, b"tmcd") if data[n + 20 : n + 24] == b"\0\0\xea\x60")
    struct.pack_into(">IIIB", data, entry + 16, flags, track_fps * 1000, 1001, track_fps)
    sample = data.index(struct.pack(">I", 215784 + 30))
    struct.pack_into(">I", data, sample, value)
    path = tmp_path / "a.mov"
    path.write_bytes(data)
    assert probe(path).video.timecode == expected


@pytest.mark.parametrize(
    ("suffix", "codec", "rate", "timecode", "expected"),
    [
        ("ts", "mpeg2video", Fraction(25), "10:00:00:00", "10:00:00:00"),
        ("mpg", "mpeg1video", Fraction(24), "01:00:00:23", "01:00:00:23"),
        ("mpg", "mpeg2video", Fraction(30000, 1001), "00:59:59;20", "00:59:59;20"),
        ("mkv", "mpeg2video", Fraction(25), "10:00:00:00", "10:00:00:00"),
        ("ts", "mpeg2video", Fraction(25), "00:00:00:00", None),
    ],
)
def test_timecode_of_gop_headers_is_that_of_the_first_frame(
    clip: ClipMaker, suffix: str, codec: str, rate: Fraction, timecode: str, expected: str | None
) -> None:
    options = ("-gop_timecode", timecode, "-bf", "2", "-g", "6")
    video = probe(clip(suffix, codec, "yuv420p", *options, rate=rate)).video
    assert video.timecode == expected


@pytest.mark.parametrize("suffix", ["ts", "m2v"])
def test_timecode_of_a_recording_that_begins_within_a_gop(
    clip: ClipMaker, colored: Callable[..., ColorizedFilm], tmp_path: Path, suffix: str
) -> None:
    """The B-frames before its first I-frame, with number 6, cannot be decoded."""
    options = ("-gop_timecode", "10:00:00:00", "-bf", "2", "-g", "6", "-sc_threshold", "0")
    data = clip(suffix, "mpeg2video", "yuv420p", *options, rate=Fraction(25)).read_bytes()
    path = tmp_path / f"a.{suffix}"
    start = find_all(bytearray(data), b"\0\0\1\xb8")[1] - 64
    path.write_bytes(data[start // 188 * 188 if suffix == "ts" else start :])
    film = colored(path, "mov")
    assert film.after.properties["timecode"] == "10:00:00:06"
    assert len(film.after.frames) == 6


@pytest.mark.parametrize(
    ("rate", "frames", "expected"),
    [
        (Fraction(25), "\x12", "10:56:34:12"),
        (Fraction(30000, 1001), "\x52", "10:56:34;12"),
        (Fraction(50), "\x12", "10:56:34:24"),
        (Fraction(25), "\x7f", None),
    ],
)
def test_timecode_of_avchd_cameras(
    clip: ClipMaker, rate: Fraction, frames: str, expected: str | None
) -> None:
    """They write it in packs of DV in user data: here, another pack is before the timecode."""
    packs = f"MDPM\2\x70abcd\x13{frames}\x34\x56\x10"
    data = f"h264_metadata=sei_user_data=17ee8c60-f84d-11d9-8cd6-0800200c9a66+{packs}"
    path = clip("mts", "libx264", "yuv420p", "-f", "mpegts", "-bsf:v", data, rate=rate, frames=9)
    assert probe(path).video.timecode == expected


def test_timecode_of_gop_headers_with_pulldown_is_ignored(clip: ClipMaker, tmp_path: Path) -> None:
    """It counts 30 frames per second, of which the film has 24."""
    source = clip("m2v", "mpeg2video", "yuv420p", "-gop_timecode", "10:00:00:00", rate=Fraction(24))
    data = bytearray(source.read_bytes())
    for at in find_all(data, b"\0\0\1\xb3"):
        data[at + 7] = data[at + 7] & 0xF0 | 4
    path = tmp_path / "a.m2v"
    path.write_bytes(data)
    with open_input(path) as container:
        stream = container.streams.video[0]
        assert find_timecode(path, container, stream, Fraction(24000, 1001)) is None
        assert find_timecode(path, container, stream, Fraction(30000, 1001)) == "10:00:00:00"
