"""Cover art is copied or named in a warning."""

from __future__ import annotations

import hashlib

import pytest

from vidcolor.media.containers import CONTAINERS
from vidcolor.media.stream_plan import plan_streams


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "webm"])
@pytest.mark.parametrize("source", ["mp4", "mkv"])
def test_cover_art_is_kept_or_named_in_a_warning(clip, colored, extras, source, suffix):
    if source == "mp4":
        path = clip("mp4", "libx264", "yuv420p", "-map", "0", "-map", "1", "-c:v:1", "copy",
                    "-disposition:v:1", "attached_pic",
                    inputs=("-i", str(extras["png"])))  # fmt: skip
    else:
        path = clip("mkv", "libx264", "yuv420p", "-attach", str(extras["png"]),
                    "-metadata:s:t:0", "mimetype=image/png",
                    "-metadata:s:t:0", "filename=cover.png")  # fmt: skip
    film = colored(path, suffix)
    film.assert_same_times(0.0005)
    sha = hashlib.sha256(extras["png"].read_bytes()).hexdigest()[:16]
    covers = [c for c in film.after.streams_of("video") if c.disposition & 1024]
    if suffix in ("mp4", "mkv"):
        assert [packet_sha for c in covers for _, packet_sha in c.packets] == [sha]
    else:
        assert not covers
        assert any("cover art" in w for w in film.result.warnings)


@pytest.mark.parametrize(("muxer", "is_kept"), [("mp4", False), ("matroska", True)])
def test_cover_art_in_a_format_that_pyav_cannot_mux_is_named(clip, extras, muxer, is_kept):
    path = clip("mp4", "libx264", "yuv420p", "-map", "0", "-map", "1", "-c:v:1", "bmp",
                "-disposition:v:1", "attached_pic", inputs=("-i", str(extras["png"])))  # fmt: skip
    (cover,) = plan_streams(path, CONTAINERS[muxer])
    assert cover.stream.is_cover_art and cover.kept == is_kept
    assert cover.note == ("cover art, copied" if is_kept else "mp4 does not support bmp cover art")
