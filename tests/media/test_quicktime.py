"""Tracks of MOV and MP4 files."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from vidcolor.media.quicktime import describe_edit_speeds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.checks import ColorizedFilm
    from tests.helpers.clips import ClipMaker


def test_speed_of_edits_is_named(
    clip: ClipMaker, colored: Callable[..., ColorizedFilm], tmp_path: Path
) -> None:
    source, slow = clip("mov", "libx264", "yuv420p", frames=4), tmp_path / "slow.mov"
    assert describe_edit_speeds(source) is None
    data = bytearray(source.read_bytes())
    struct.pack_into(">i", data, data.index(b"elst") + 20, 0x8000)
    slow.write_bytes(data)
    (warning,) = colored(slow, "mp4").result.warnings
    assert "not kept: the speed of parts of the edit list (0.5 instead of 1)" in warning


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"moov" * 9,
        struct.pack(">I4sQ", 1, b"\x67d\0\n", 1 << 63),
        struct.pack(">I4sI4s", 24, b"moov", 16, b"trak") + bytes(8),
    ],
)
def test_damaged_and_other_files_have_no_speeds(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mov"
    path.write_bytes(content)
    assert describe_edit_speeds(path) is None
