"""Elements of Matroska files that FFmpeg does not return."""

from __future__ import annotations

import pytest

from vidcolor.media.matroska import describe_ordered_chapters

CHAPTERS, EDITION, VOID = b"\x10\x43\xa7\x70", b"\x45\xb9", b"\xec"
TAGS = (
    ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=200\ntitle=One\n"
    "[CHAPTER]\nTIMEBASE=1/1000\nSTART=200\nEND=500\ntitle=Two\n"
)


def encode_size(size):
    """Return a size in eight bytes (RFC 8794, section 6)."""
    return (1 << 56 | size).to_bytes(8)


def add_flag(data, flag):
    """Return a Matroska file with another edition of chapters, at its end."""
    ordered = b"\x45\xdd" + b"\x81" + bytes([flag])
    edition = EDITION + encode_size(len(ordered)) + ordered
    return data + CHAPTERS + encode_size(len(edition)) + edition


@pytest.mark.parametrize("flag", [0, 1])
def test_ordered_chapters_are_named(clip, colored, tmp_path, flag):
    tags = tmp_path / "tags.txt"
    tags.write_text(TAGS)
    # A live file has a segment of unknown size.
    source = clip("mkv", "ffv1", "yuv420p", "-map_chapters", "1", "-live", "1",
                  inputs=("-i", str(tags)))  # fmt: skip
    path = tmp_path / "ordered.mkv"
    path.write_bytes(add_flag(source.read_bytes(), flag))
    film = colored(path, "mkv", purpose="archive")
    assert len(film.after.chapters) == 2
    is_named = any("the order of ordered chapters" in w for w in film.result.warnings)
    assert is_named == bool(flag)


@pytest.mark.parametrize(
    "content", [b"", b"\x1a\x45\xdf\xa3", b"ftyp", b"\x1a\x45\xdf\xa3\x18\x53"]
)
def test_damaged_and_other_files_have_no_ordered_chapters(tmp_path, content):
    path = tmp_path / "in.mkv"
    path.write_bytes(content)
    assert describe_ordered_chapters(path) is None
