"""Streams other than the video are copied, converted, or named in a warning."""

from __future__ import annotations

import hashlib
import os
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.helpers.clips import ffmpeg
from vidcolor.media.containers import CONTAINERS
from vidcolor.media.demux import PROBE_OPTIONS
from vidcolor.media.stream_plan import plan_streams

TWO_TONES = (
    *("-f", "lavfi", "-t", "1.668", "-i", "sine=440:r=48000"),
    *("-f", "lavfi", "-t", "1.668", "-i", "sine=660:r=44100"),
)
TRACKS = (
    *("-metadata:s:v:0", "language=ger"),
    *("-metadata:s:a:0", "language=eng", "-metadata:s:a:0", "title=Original"),
    *("-metadata:s:a:1", "language=fra", "-metadata:s:a:1", "title=Commentaire"),
    *("-disposition:a:0", "default", "-disposition:a:1", "comment"),
    *("-metadata:s:s:0", "language=deu", "-metadata:s:s:0", "title=Voll"),
    *("-disposition:s:0", "forced"),
)
SRT = """1
00:00:00,100 --> 00:00:00,600
Hallo <i>Welt</i>

2
00:00:00,700 --> 00:00:00,900
zwei
Zeilen

3
00:00:01,000 --> 00:00:01,400
Ende
"""
ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Serif,16

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.10,0:00:00.60,Default,,0,0,0,,{\\i1}Hallo{\\i0} Welt
Dialogue: 0,0:00:00.70,0:00:00.90,Default,,0,0,0,,zwei\\NZeilen
"""
TAGS = """;FFMETADATA1
title=Film
artist=Anonymous
comment=seen at the pier
date=1931
genre=Drama
copyright=PD
creation_time=2003-04-05T06:07:08.000000Z
[CHAPTER]
TIMEBASE=1/1000
START=0
END=500
title=Eins
[CHAPTER]
TIMEBASE=1/1000
START=500
END=1000
title=Zwei ä
[CHAPTER]
TIMEBASE=1/1000
START=1000
END=1668
title=Drei
"""
SUBTITLE_TIMES = [0.1, 0.7, 1.0]


@pytest.fixture(scope="session")
def extras(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files by extension: subtitles, tags, an image, and random bytes in place of a font."""
    directory = tmp_path_factory.mktemp("extras")
    files = {"srt": SRT, "ass": ASS, "txt": TAGS}
    for suffix, text in files.items():
        (directory / f"x.{suffix}").write_text(text)
    ffmpeg("-f", "lavfi", "-i", "color=red:s=32x32", "-frames:v", "1", str(directory / "x.png"))
    (directory / "x.ttf").write_bytes(bytes(range(256)) * 20)
    return {p.suffix[1:]: p for p in directory.iterdir()}


@pytest.fixture(scope="session")
def rich(clip, extras):
    """A factory of clips with audio, subtitles, chapters and tags.

    Matroska clips also have an attachment; others have a timecode.
    """

    def make(suffix: str, vf: str = "null") -> Path:
        inputs = (*TWO_TONES, "-i", str(extras["srt"]), "-i", str(extras["ass"]),
                  "-i", str(extras["txt"]))  # fmt: skip
        maps = [word for n in range(5) for word in ("-map", str(n))]
        maps += ["-map_metadata", "5", "-map_chapters", "5", *TRACKS]
        if suffix == "mkv":
            codecs = ("-c:a", "flac", "-c:s", "copy", "-attach", str(extras["ttf"]),
                   "-metadata:s:t:0", "mimetype=application/x-truetype-font",
                   "-metadata:s:t:0", "filename=Pier.ttf")  # fmt: skip
        else:
            codecs = ("-c:a", "aac", "-c:s", "mov_text", "-timecode", "01:00:00:00")
        return clip(suffix, "libx264", "yuv420p", *maps, *codecs, inputs=inputs, frames=40, vf=vf)

    return make


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "suffix", "codec"),
    [
        ("mkv", "mp4", "mov_text"),
        ("mkv", "mov", "mov_text"),
        ("mp4", "mkv", "subrip"),
        ("mov", "mkv", "subrip"),
        ("mkv", "webm", "webvtt"),
        ("mp4", "webm", "webvtt"),
    ],
)
def test_text_subtitles_are_converted_with_their_times(
    rich, colored, tmp_path, source, suffix, codec
):
    film = colored(rich(source), suffix)
    first, second = film.after.streams_of("subtitle")
    assert (first.codec, second.codec) == (codec, codec)
    assert first.title == "Voll"
    code = {"mov": "ger"}.get(suffix, "deu")  # QuickTime's code of German.
    # ffmpeg does not store this language in the MOV source.
    assert first.language == (None if source == "mov" else code)
    assert read_cue_times(film.path, 0) == SUBTITLE_TIMES
    assert read_cue_times(film.path, 1) == SUBTITLE_TIMES[:2]
    notes = [f.note for f in film.result.plan.streams if f.stream.kind == "subtitle"]
    assert all("converted" in note and codec in note for note in notes)
    assert [p.name for p in tmp_path.iterdir()] == [film.path.name], "temporary files are deleted"


def read_cue_times(path, number):
    """Return the start times of a subtitle stream in seconds, without MP4's empty packets."""
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[number]
        return [round(float(p.pts * p.time_base), 3) for p in container.demux(stream) if p.size > 2]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_trim_shifts_chapters_and_subtitles(rich, colored, suffix):
    """A cue that crosses the start of the trim is shortened. The first frame is at 0.501 s."""
    film = colored(rich("mkv"), suffix, start=Fraction(1, 2), end=Fraction(12, 10))
    assert read_cue_times(film.path, 0) == [0.0, 0.199, 0.499]
    assert [(round(a, 3), round(b, 3), t) for a, b, t in film.after.chapters] == [
        (0.0, 0.499, "Zwei ä"),
        (0.499, 0.699, "Drei"),
    ]


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


SCC = """Scenarist_SCC V1.0

00:00:00:05\t9420 9420 94ae 94ae 9470 9470 c8e5 ecec ef80 942f 942f

00:00:00:10\t942c 942c
"""


@pytest.mark.parametrize(("suffix", "num_cues"), [("mov", 2), ("mov", 1), ("mkv", 2)])
def test_caption_tracks_are_kept_or_named_in_a_warning(clip, colored, tmp_path, suffix, num_cues):
    (tmp_path / "x.scc").write_text("\n\n".join(SCC.split("\n\n")[: 1 + num_cues]) + "\n")
    source = tmp_path / "captions.mov"
    ffmpeg("-i", str(clip("mov", "libx264", "yuv420p")), "-i", str(tmp_path / "x.scc"),
           "-map", "0", "-map", "1", "-c", "copy", str(source))  # fmt: skip
    film = colored(source, suffix)
    assert [s.codec for s in film.result.plan.info.streams] == ["h264", "eia_608"]
    kept = film.after.streams_of("subtitle")
    assert len(kept) == (suffix == "mov")
    named = "not kept: subtitle stream 1: matroska does not support EIA-608 captions (c608)"
    assert (named in film.result.warnings) == (suffix == "mkv")


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
    assert "bin_data data cannot be copied (SubtitleHandler)" in warning


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


def test_late_subtitles_in_mxf_have_the_true_reason(rich):
    """Not that MXF cannot signal their offset from the video."""
    notes = {
        d.note for d in plan_streams(rich("mp4"), CONTAINERS["mxf"]) if d.stream.kind == "subtitle"
    }
    assert notes == {"mxf does not support mov_text"}


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "codec", "audio_codec"),
    [
        ("avi", "mpeg4", "libmp3lame"),
        ("avi", "utvideo", "pcm_s16le"),
        ("avi", "mpeg4", "adpcm_ms"),
        ("mpg", "mpeg2video", "mp2"),
        ("vob", "mpeg2video", "ac3"),
        ("webm", "libvpx-vp9", "libvorbis"),
        ("ogv", "libtheora", "libvorbis"),
        ("wmv", "wmv2", "wmav2"),
        ("flv", "flv", "aac"),
        ("mov", "prores_ks", "pcm_s24be"),
        ("mkv", "libx264", "libopus"),
    ],
)
def test_audio_of_every_source_container_is_copied_into_matroska(
    clip, colored, suffix, codec, audio_codec
):
    """PyAV rejects WMA and ADPCM in Matroska, although the format supports them."""
    pix_fmt = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    path = clip(suffix, codec, pix_fmt, "-map", "0", "-map", "1", "-c:a", audio_codec,
                inputs=TWO_TONES[:6], frames=40, rate=Fraction(25))  # fmt: skip
    film = colored(path, "mkv", purpose="archive")
    film.assert_same_times(0.0005)
    film.assert_same_streams("audio", 0.001)


def test_wma_audio_is_trimmed_like_the_video(clip, colored):
    path = clip("wmv", "wmv2", "yuv420p", "-map", "0", "-map", "1", "-c:a", "wmav2",
                inputs=TWO_TONES[:6], frames=40, rate=Fraction(25))  # fmt: skip
    film = colored(path, "mkv", start=Fraction(1, 2), end=Fraction(1))
    audio = [float(t) for t, _ in film.after.streams_of("audio")[0].packets]
    first = float(film.after.times[0])
    assert audio and audio[0] == pytest.approx(first, abs=0.06)
    assert audio[-1] < first + 0.55


def test_ffmpeg_command_opens_files_whose_names_are_not_utf8(clip, colored, tmp_path):
    path = clip("wmv", "wmv2", "yuv420p", "-map", "0", "-map", "1", "-c:a", "wmav2",
                inputs=TWO_TONES[:6], frames=10, rate=Fraction(25), vf="setsar=16/15")  # fmt: skip
    source = path.rename(tmp_path / os.fsdecode(b"caf\xe9.wmv"))
    film = colored(source, "mkv", purpose="archive")
    film.assert_same_streams("audio", 0.001)
    assert film.after.properties["sar"] == Fraction(16, 15)


@pytest.mark.parametrize("start", [None, Fraction(12, 25)])
def test_audio_with_an_offset_is_aligned_in_mxf(clip, colored, start):
    """MXF cannot signal the offset, so silence precedes the audio."""
    inputs = ("-itsoffset", "0.25", *TWO_TONES[:6])
    path = clip("mov", "prores_ks", "yuv422p10le", "-map", "0", "-map", "1", "-c:a", "pcm_s16le",
                inputs=inputs, frames=30, rate=Fraction(25))  # fmt: skip
    film = colored(path, "mxf", encoder="prores_ks", start=start)
    (_, before), (_, after) = read_samples(path), read_samples(film.result.target)
    silence = np.zeros(12000, before.dtype)
    expected = np.concatenate([silence, before])[round((start or 0) * 48000) :]
    length = min(len(expected), len(after))
    assert length > 24000
    assert np.array_equal(after[:length], expected[:length])
    assert not any("not kept" in w for w in film.result.warnings)


def test_audio_after_damage_is_copied(clip, colored, tmp_path):
    path = clip("mpg", "mpeg2video", "yuv420p", "-map", "0", "-map", "1", "-c:a", "mp2",
                inputs=TWO_TONES[:6], frames=40, rate=Fraction(25))  # fmt: skip
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    for n in range(middle, middle + 5000, 5):
        data[n] ^= 0xFF
    damaged = tmp_path / "damaged.mpg"
    damaged.write_bytes(data)
    film = colored(damaged, "mkv")
    assert film.result.damaged
    expected = [float(t) for t, _ in film.before.streams_of("audio")[0].packets]
    audio = [float(t) for t, _ in film.after.streams_of("audio")[0].packets]
    assert len(audio) == len(expected)
    assert audio == sorted(audio)


@pytest.fixture(scope="session")
def late(clip):
    """A factory of films whose audio begins after the 5 MB that FFmpeg probes by default."""

    def make(suffix: str, codec: str = "mpeg2video", audio: str = "ac3") -> Path:
        intra = ("-g", "1", "-qscale:v", "1", "-q:a", "2")
        inputs = ("-itsoffset", "2", *TWO_TONES[:6])
        return clip(suffix, codec, "yuv420p", "-map", "0", "-map", "1", "-c:a", audio, *intra,
                    inputs=inputs, size=(352, 288), frames=75, rate=Fraction(25),
                    vf="noise=alls=90:allf=t")  # fmt: skip

    return make


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "codec", "audio"),
    [("ts", "mpeg2video", "ac3"), ("vob", "mpeg2video", "mp2"), ("flv", "flv", "libmp3lame")],
)
def test_audio_that_begins_late_is_kept(late, colored, suffix, codec, audio):
    path = late(suffix, codec, audio)
    assert path.stat().st_size > 8_000_000
    film = colored(path, "mkv")
    film.assert_same_streams("audio", 0.001)
    assert not any("not kept" in w for w in film.result.warnings)


@pytest.mark.slow
def test_audio_without_known_parameters_is_named(late, colored, monkeypatch):
    monkeypatch.setitem(PROBE_OPTIONS, "probesize", "1000000")
    warnings = colored(late("ts"), "mkv").result.warnings
    assert any("parameters are unknown: FFmpeg did not find them" in w for w in warnings)


@pytest.mark.parametrize(
    ("suffix", "codec", "tag", "unknown"),
    [("mp4", "ac3", b"ac-3", b"apac"), ("mkv", "flac", b"A_FLAC", b"A_FOOO")],
)
def test_audio_of_an_unknown_codec_is_named(clip, colored, tmp_path, suffix, codec, tag, unknown):
    """iPhones record APAC beside AAC; encrypted audio is unknown, too."""
    source = clip(suffix, "libx264", "yuv420p", "-map", "0", "-map", "1", "-c:a", codec,
                  inputs=TWO_TONES[:6], frames=4)  # fmt: skip
    path = tmp_path / source.name
    path.write_bytes(source.read_bytes().replace(tag, unknown))
    named = "FFmpeg has no decoder for this audio, and PyAV cannot copy it"
    for muxer in ("matroska", "mov", "mxf", "webm"):
        for sound in (None, "pcm", "copy"):
            (audio,) = plan_streams(path, CONTAINERS[muxer], sound)
            assert (audio.kept, audio.note) == (False, named)
    warnings = colored(path, "mov").result.warnings
    assert f"not kept: audio stream 1: {named}" in warnings


def add_subpicture(vob: bytes, time_s: float) -> bytes:
    """Return a DVD file with a subtitle stream, whose only packet is in the last quarter."""
    rle, offset = bytes(16), 20
    commands = bytes.fromhex("03321004fff00500000700000706")
    commands += struct.pack(">HH", 4, 8) + b"\x01\xff"
    end = offset + 4 + len(commands)
    body = rle + struct.pack(">HH", 0, end) + commands + struct.pack(">HH", 90, end) + b"\x02\xff"
    unit = struct.pack(">HH", 4 + len(body), offset) + body
    pts = int(time_s * 90000)
    stamp = [0x21 | pts >> 29 & 14, pts >> 22 & 255, pts >> 14 & 254 | 1, pts >> 7 & 255]
    payload = b"\x81\x80\x05" + bytes([*stamp, pts << 1 & 254 | 1]) + b"\x20" + unit
    packet = b"\0\0\1\xbd" + struct.pack(">H", len(payload)) + payload
    position = vob.find(b"\0\0\1\xba", len(vob) * 3 // 4)
    return vob[:position] + packet + vob[position:]


@pytest.mark.slow
@pytest.mark.parametrize("probe_size", [None, "1000000"])
def test_dvd_subtitle_that_begins_late_is_kept_or_named(
    late, colored, tmp_path, monkeypatch, probe_size
):
    source = tmp_path / "dvd.vob"
    source.write_bytes(add_subpicture(late("vob", audio="mp2").read_bytes(), 2.5))
    if probe_size:
        monkeypatch.setitem(PROBE_OPTIONS, "probesize", probe_size)
    film = colored(source, "mkv")
    assert len(film.after.streams_of("subtitle")) == (probe_size is None)
    named = any("a stream begins after the first" in w for w in film.result.warnings)
    assert named == (probe_size is not None)


def read_samples(path: Path) -> tuple[float, np.ndarray]:
    """Return the start of the audio relative to the video in seconds, and its samples."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
        video = container.streams.video[0]
        start_s = frames[0].pts * frames[0].time_base - video.start_time * video.time_base
    arrays = [f.to_ndarray().reshape(-1, order="F" if f.format.is_planar else "C") for f in frames]
    return float(start_s), np.concatenate(arrays)


@pytest.mark.parametrize(
    ("source", "options", "result", "purpose"),
    [
        ("vob", ("pcm_dvd",), "mkv", "archive"),
        ("vob", ("pcm_dvd", "-sample_fmt:a", "s32"), "mxf", "editing"),
        ("m2ts", ("pcm_bluray", "-sample_fmt:a", "s32"), "mov", "editing"),
        ("ts", ("s302m", "-strict", "-2"), "mp4", "delivery"),
    ],
)
def test_pcm_of_other_carriers_keeps_its_samples(clip, colored, source, options, result, purpose):
    tone = ("-f", "lavfi", "-t", "1.6", "-i", "sine=440:r=48000")
    path = clip(source, "mpeg2video", "yuv420p", "-map", "0", "-map", "1", "-ac", "2",
                "-c:a", *options, inputs=tone, frames=40, rate=Fraction(25))  # fmt: skip
    film = colored(path, result, purpose=purpose)
    assert not any("not kept" in w for w in film.result.warnings)
    (before_s, before), (after_s, after) = read_samples(path), read_samples(film.result.target)
    assert after_s == pytest.approx(before_s, abs=0.001)
    assert before.dtype == after.dtype
    assert np.array_equal(before, after)


def test_audio_that_mov_does_not_support_is_converted_for_editing(clip, colored):
    path = clip("mkv", "libx264", "yuv420p", "-map", "0", "-map", "1", "-c:a", "libopus",
                inputs=TWO_TONES[:6], frames=40, rate=Fraction(25))  # fmt: skip
    film = colored(path, "mov", purpose="editing", start=Fraction(1, 2), end=Fraction(1))
    (stream,) = film.after.streams_of("audio")
    assert stream.codec == "pcm_s24le"
    start_s, samples = read_samples(film.result.target)
    assert abs(start_s) < 0.021
    assert samples.size == pytest.approx(24000, abs=2000)


@pytest.mark.slow
def test_audio_of_a_later_program_map_is_kept(clip, colored, tmp_path):
    parts = [
        clip("ts", "mpeg2video", "yuv420p", "-map", "0", *maps, "-g", "1", "-qscale:v", "1",
             "-c:a", "ac3", "-output_ts_offset", offset, inputs=TWO_TONES, size=(352, 288),
             frames=50, rate=Fraction(25), vf="noise=alls=90:allf=t")
        for offset, maps in (("0", ("-map", "1")), ("2", ("-map", "1", "-map", "2")))
    ]  # fmt: skip
    source = tmp_path / "joined.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    film = colored(source, "mkv")
    assert not any("not kept" in w for w in film.result.warnings)
    first, second = (len(s.packets) for s in film.after.streams_of("audio"))
    assert first > second > 40


@pytest.mark.parametrize(("second", "is_named"), [(("-ar", "44100"), True), ((), False)])
def test_change_of_the_sample_rate_of_aac_is_named(clip, colored, tmp_path, second, is_named):
    """MP4 and Matroska store the sample rate and channels of AAC once."""
    sine = ("-f", "lavfi", "-t", "0.5", "-i", "sine=440:r=48000")
    path = tmp_path / "joined.ts"
    parts = [
        clip("ts", "libx264", "yuv420p", "-c:a", "aac", *more, inputs=sine, rate=Fraction(25))
        for more in ((), second)
    ]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    for suffix in ("mp4", "mkv"):
        warnings = " ".join(colored(path, suffix).result.warnings)
        assert ("audio stream 1: its codec, sample rate or channels change" in warnings) == is_named
