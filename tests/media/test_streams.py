"""Streams other than the video are copied, converted, or named in a warning."""

from __future__ import annotations

import struct
from fractions import Fraction

import av
import pytest

from vidcolor.media.containers import CONTAINERS
from vidcolor.media.probe import probe
from vidcolor.media.stream_plan import plan_streams


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("mkv", {}),
        ("mp4", {}),
        ("mov", {}),
        ("mkv", {"purpose": "archive"}),  # The ffmpeg command adds the pixel aspect.
    ],
)
def test_all_streams_are_copied_into_the_same_container(rich, colored, suffix, options):
    film = colored(rich(suffix, vf="setsar=16/15"), suffix, **options)
    film.assert_same_times()
    for kind in ("audio", "subtitle", "attachment"):
        film.assert_same_streams(kind)
    assert len(film.after.streams_of("data")) == len(film.before.streams_of("data"))
    assert film.after.chapters == film.before.chapters
    assert film.after.properties["language"] == "ger"
    assert film.after.properties["timecode"] == film.before.properties["timecode"]
    assert [c.disposition for c in film.after.streams] == [
        c.disposition for c in film.before.streams
    ]
    assert_same_tags(film)
    assert not [w for w in film.result.warnings if "not kept" in w]


def assert_same_tags(film):
    replaced = {"encoder", "comment", "major_brand", "minor_version", "compatible_brands"}
    for name, value in film.before.tags.items():
        if name not in replaced:
            assert film.after.tags.get(name) == value, name
    assert film.after.tags["comment"].startswith("seen at the pier\n")


@pytest.mark.parametrize("end", [None, Fraction(1, 2), Fraction(6, 10)])
def test_chapter_without_duration_is_kept(clip, colored, tmp_path, end):
    times = ("START=0\nEND=500\ntitle=One", "START=500\nEND=500\ntitle=Mark")
    chapters = tmp_path / "chapters.txt"
    chapters.write_text(
        ";FFMETADATA1\n" + "".join(f"[CHAPTER]\nTIMEBASE=1/1000\n{t}\n" for t in times)
    )
    source = clip("mkv", "ffv1", "yuv420p", "-map", "0", "-map_chapters", "1",
                  inputs=("-i", str(chapters)), rate=Fraction(25), frames=25)  # fmt: skip
    film = colored(source, "mkv", end=end)
    assert film.before.chapters == [(0, 0.5, "One"), (0.5, 0.5, "Mark")]
    assert film.after.chapters == film.before.chapters[: 1 if end == Fraction(1, 2) else 2]


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_tags_in_windows_1252_are_decoded(clip, colored, tmp_path, suffix):
    source = clip("avi", "mpeg4", "yuv420p", "-metadata", "title=Gr--e um 8")
    old = tmp_path / "old.avi"
    old.write_bytes(source.read_bytes().replace(b"Gr--e um 8", "Größe um 8".encode("cp1252")))
    film = colored(old, suffix)
    with av.open(str(film.path)) as container:
        assert container.metadata["title"] == "Größe um 8"


@pytest.mark.slow
def test_unsupported_streams_chapters_and_tags_are_named_in_warnings(rich, colored):
    warnings = colored(rich("mkv"), "mov").result.warnings
    assert any("audio stream 1: converted from flac to pcm_s16le" in w for w in warnings)
    assert any("attachment stream 5" in w for w in warnings)
    warnings = colored(rich("mkv"), "mxf", encoder="mpeg2video").result.warnings
    assert any("chapters" in w for w in warnings)
    assert any("tags" in w and "title" in w for w in warnings)
    warnings = colored(rich("mp4"), "webm").result.warnings
    assert any("aac" in w for w in warnings)


@pytest.mark.parametrize("suffix", ["mov", "mkv", "mp4"])
def test_tags_of_iphones_are_kept_or_named_in_a_warning(clip, colored, suffix):
    tags = {
        "title": "Reel",
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.creationdate": "2024-05-06T07:08:09+0200",
        "com.apple.quicktime.location.ISO6709": "+48.1-011.5/",
    }
    metadata = [a for key, value in tags.items() for a in ("-metadata", f"{key}={value}")]
    source = clip("mov", "libx264", "yuv420p", "-movflags", "use_metadata_tags", *metadata)
    film = colored(source, suffix)
    with av.open(str(film.path)) as container:
        written = {key.lower(): value for key, value in container.metadata.items()}
    lost = {key for key, value in tags.items() if written.get(key.lower()) != value}
    assert "comment" in written or "vidcolor" in written
    assert lost == (set(tags) - {"title"} if suffix == "mp4" else set())
    warnings = " ".join(film.result.warnings)
    assert all(key in warnings for key in lost) and bool(lost) == ("not kept: tags" in warnings)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_telemetry_beside_chapters_is_named_in_a_warning(rich, colored, tmp_path, suffix):
    """The handler of the first subtitle track becomes that of GoPro's telemetry."""
    data = rich("mp4").read_bytes()
    handler = data.rindex(b"sbtl", 0, data.index(b"tx3g"))
    data = data[:handler] + b"meta" + data[handler + 4 :]
    telemetry = tmp_path / "telemetry.mp4"
    telemetry.write_bytes(data.replace(b"tx3g", b"gpmd", 1))
    film = colored(telemetry, suffix)
    assert film.after.chapters == film.before.chapters != []
    (warning,) = (w for w in film.result.warnings if w.startswith("not kept: data stream"))
    assert "gpmd data cannot be copied (SubtitleHandler)" in warning


@pytest.mark.parametrize(("rate", "frame"), [(Fraction(25), 12), (Fraction(50), 24)])
def test_camera_data_with_a_timecode_is_named(clip, tmp_path, rate, frame):
    """FFmpeg reads the timecode in the rtmd tracks of Sony cameras, which have other data, too."""
    timecode = clip("mov", "mpeg4", "yuv420p", "-timecode", "01:00:00:00", rate=rate, frames=2)
    camera = tmp_path / "camera.mov"
    data = timecode.read_bytes()
    at = data.rindex(b"stsd")
    data = data[:at] + data[at:].replace(b"tmcd", b"rtmd", 1)
    data = bytearray(data.replace(b"mhlrtmcd", b"mhlrmeta") + bytes(13) + bytes((1, 2, 3, 0, 12)))
    struct.pack_into(">I", data, data.rindex(b"stco") + 12, len(data) - 18)
    camera.write_bytes(data)
    for path, is_kept in ((timecode, True), (camera, False)):
        (decision,) = plan_streams(path, CONTAINERS["mov"])
        assert decision.kept == is_kept
    assert decision.note == "rtmd data cannot be copied (TimeCodeHandler)"
    assert probe(camera).video.timecode == f"01:02:03:{frame}"


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov", "mxf"])
@pytest.mark.parametrize("source", ["mov", "mxf"])
def test_timecode_is_kept(clip, colored, source, suffix):
    rate = Fraction(30000, 1001)
    codec, code = ("prores_ks", "00:59:58;12") if source == "mov" else ("mpeg2video", "10:00:00;02")
    path = clip(source, codec, "yuv422p10le" if source == "mov" else "yuv422p", "-timecode", code,
                rate=rate, frames=24)  # fmt: skip
    film = colored(path, suffix, purpose="editing")
    timecode = film.after.properties["timecode"] or film.after.tags.get("timecode")
    assert timecode == code


@pytest.mark.parametrize("suffix", ["mkv", "mov"])
def test_title_and_dispositions_of_the_video_are_kept(clip, colored, suffix):
    described = ("-metadata:s:v", "title=Main feature", "-disposition:v", "default+original")
    film = colored(clip("mkv", "libx264", "yuv420p", *described), suffix)
    with av.open(film.path) as result:
        stream = result.streams.video[0]
        assert stream.metadata.get("title", stream.metadata.get("name")) == "Main feature"
        assert suffix != "mkv" or stream.disposition & av.stream.Disposition.original
