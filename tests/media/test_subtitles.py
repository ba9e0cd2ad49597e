"""Subtitles are copied or converted with their times, or named in a warning."""

from __future__ import annotations

import struct
from fractions import Fraction

import av
import pytest

from tests.helpers.clips import ffmpeg
from vidcolor.media.containers import CONTAINERS
from vidcolor.media.demux import PROBE_OPTIONS
from vidcolor.media.stream_plan import plan_streams

SUBTITLE_TIMES = [0.1, 0.7, 1.0]


SCC = """Scenarist_SCC V1.0

00:00:00:05\t9420 9420 94ae 94ae 9470 9470 c8e5 ecec ef80 942f 942f

00:00:00:10\t942c 942c
"""


def read_cue_times(path, number):
    """Return the start times of a subtitle stream in seconds, without MP4's empty packets."""
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[number]
        return [round(float(p.pts * p.time_base), 3) for p in container.demux(stream) if p.size > 2]


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


def test_late_subtitles_in_mxf_have_the_true_reason(rich):
    """Not that MXF cannot signal their offset from the video."""
    notes = {
        d.note for d in plan_streams(rich("mp4"), CONTAINERS["mxf"]) if d.stream.kind == "subtitle"
    }
    assert notes == {"mxf does not support mov_text"}


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
