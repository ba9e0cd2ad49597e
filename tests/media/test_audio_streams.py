"""Audio of every kind of source is copied, converted without loss, or named in a warning."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.helpers.clips import TWO_TONES
from vidcolor.media.containers import CONTAINERS
from vidcolor.media.demux import PROBE_OPTIONS
from vidcolor.media.stream_plan import plan_streams


def read_samples(path: Path) -> tuple[float, np.ndarray]:
    """Return the start of the audio relative to the video in seconds, and its samples."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
        video = container.streams.video[0]
        start_s = frames[0].pts * frames[0].time_base - video.start_time * video.time_base
    arrays = [f.to_ndarray().reshape(-1, order="F" if f.format.is_planar else "C") for f in frames]
    return float(start_s), np.concatenate(arrays)


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


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_encoder_delay_of_aac_is_kept_at_all_sample_rates(clip, colored, rate):
    """The first packet is hidden by an edit list, but the second is decoded with its data."""
    tone = ("-f", "lavfi", "-t", "0.8", "-i", f"sine=440:r={rate}")
    source = clip("mp4", "libx264", "yuv420p", "-map", "0", "-map", "1", "-c:a", "aac",
                  inputs=tone, frames=20, rate=Fraction(25))  # fmt: skip
    film = colored(source, "mp4")
    film.assert_same_streams("audio")
    sounds = []
    for path in (source, film.path):
        with av.open(str(path)) as container:
            sounds.append(np.hstack([f.to_ndarray() for f in container.decode(audio=0)]))
    assert np.array_equal(*sounds)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_pre_skip_of_opus_is_kept_if_it_is_long(clip, colored, tmp_path, suffix):
    """Decoders drop these samples, so that the packets before them must not be left out."""
    pre_skip, tone = 3840, ("-f", "lavfi", "-t", "0.6", "-i", "sine=440:r=48000")
    data = bytearray(clip("mp4", "libx264", "yuv420p", "-map", "0", "-map", "1", "-c:a", "libopus",
                          inputs=tone, frames=15, rate=Fraction(25)).read_bytes())  # fmt: skip
    struct.pack_into(">H", data, data.index(b"dOps") + 6, pre_skip)
    struct.pack_into(">i", data, data.rindex(b"elst") + 16, pre_skip)
    source = tmp_path / "in.mp4"
    source.write_bytes(data)
    film = colored(source, suffix)
    (before_s, before), (after_s, after) = read_samples(source), read_samples(film.path)
    assert after_s == pytest.approx(before_s, abs=0.001)
    assert len(before) - len(after) < 960, "less than one packet"


def test_titles_that_mxf_does_not_store_are_named(clip, colored):
    title = ("-metadata:s:a:0", "title=Commentary")
    source = clip("mkv", "ffv1", "yuv420p", "-map", "0", "-map", "1", "-c:a", "pcm_s16le", *title,
                  inputs=TWO_TONES[:6], frames=10, rate=Fraction(25))  # fmt: skip
    film = colored(source, "mxf", encoder="ffv1")
    text = "not kept: titles of streams that mxf cannot hold: Commentary of audio stream 1"
    assert text in film.result.warnings
    assert not any("titles" in w for w in colored(source, "mkv").result.warnings)
