"""Files are closed before they are renamed or deleted, as Windows requires."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from vidcolor.errors import OutputError
from vidcolor.media.demux import open_input
from vidcolor.media.writer import VideoWriter

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux")

_EVENTS = ("os.rename", "os.remove", "os.link")
_recorded: list[list[str]] = []
"""Lists to which the audit hook adds files that are renamed or deleted while they are open."""


def _list_open_files() -> set[str]:
    names = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            names.add(str(descriptor.readlink()))
        except OSError:  # the descriptor of the listing itself
            continue
    return names


def _check_event(event: str, arguments: tuple[object, ...]) -> None:
    if _recorded and event in _EVENTS:
        paths = [os.path.realpath(str(a)) for a in arguments if isinstance(a, (str, os.PathLike))]
        open_files = _list_open_files()
        # filelock deletes its file while it holds the lock, except on Windows.
        _recorded[-1].extend(p for p in paths if p in open_files and not p.endswith(".lock"))


sys.addaudithook(_check_event)


@pytest.fixture
def still_open():
    """Files that were renamed or deleted while this process had them open."""
    _recorded.append([])
    yield _recorded[-1]
    _recorded.pop()


def test_the_check_finds_an_open_file(clip, tmp_path, still_open):
    path = tmp_path / "open.mkv"
    path.write_bytes(clip().read_bytes())
    with open_input(path):
        path.rename(tmp_path / "renamed.mkv")
    assert still_open == [str(path)]


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("mp4", {}),  # subtitles are converted in a temporary file
        ("mkv", {"purpose": "archive"}),  # the ffmpeg command adds the pixel aspect ratio
        ("mxf", {}),
    ],
)
def test_colorizing_closes_files(clip, colored, tmp_path, still_open, suffix, options):
    subtitles = tmp_path / "subtitles.srt"
    subtitles.write_text("1\n00:00:00,100 --> 00:00:00,300\nMill\n")
    source = clip("mkv", "ffv1", "yuv420p", "-aspect", "2:1", inputs=("-i", str(subtitles)))
    colored(source, suffix, **options)
    assert still_open == []


def test_failed_muxing_closes_files(clip, colored, monkeypatch, still_open):
    def fail(*_: object) -> None:
        raise OutputError("disk full")

    monkeypatch.setattr(VideoWriter, "write_packet", fail)
    with pytest.raises(OutputError, match="disk full"):
        colored(clip(), "mov")
    assert still_open == []
