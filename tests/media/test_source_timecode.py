"""The timecode of a film is that of its first frame, at the frame rate of its video."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from vidcolor.media.probe import probe

if TYPE_CHECKING:
    from pathlib import Path

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
