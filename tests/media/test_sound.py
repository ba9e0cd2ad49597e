"""Sound is copied, converted to PCM of the same samples, or left out on request."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vidcolor.media.containers import CONTAINERS
from vidcolor.media.stream_plan import plan_streams

SAMPLE_REEL = Path(__file__).parents[2] / "samples" / "reel.mkv"
DURATION_S = 0.8
MAX_24_BIT_ERROR = 2**-23


def make_tones(layout: str = "stereo", rate: int = 48000) -> tuple[str, ...]:
    """Return input options of ffmpeg for a different tone in each channel."""
    count = av.AudioLayout(layout).nb_channels
    tones = "|".join(f"0.25*sin(2*PI*{300 + 110 * n}*t)" for n in range(count))
    return ("-f", "lavfi", "-t", str(DURATION_S), "-i", f"aevalsrc={tones}:s={rate}:c={layout}")


@pytest.fixture(scope="session")
def sounding(clip):
    """A factory of films with a sound track."""

    def make(codec: str, *options: str, layout="stereo", rate=48000, suffix="mkv") -> Path:
        video = {"ts": "mpeg2video", "avi": "mpeg4"}.get(suffix, "ffv1")
        return clip(suffix, video, "yuv420p", "-map", "0", "-map", "1", "-c:a", codec, *options,
                    "-metadata:s:a:0", "language=eng",
                    inputs=make_tones(layout, rate), frames=20, rate=Fraction(25))  # fmt: skip

    return make


def read_sound(path: Path, track: int = 0) -> tuple[float, np.ndarray]:
    """Return the start of sound in seconds after the video, and (channels, n) float samples."""
    resampler, chunks, start_s = av.AudioResampler("dblp"), [], None
    with av.open(str(path)) as container:
        stream, video = container.streams.audio[track], container.streams.video[0]
        video_start_s = (video.start_time or 0) * video.time_base
        for frame in container.decode(stream):
            if start_s is None:
                start_s = float((frame.pts or 0) * frame.time_base - video_start_s)
            for converted in resampler.resample(frame):
                # PyAV crashes if it converts a frame with eight planes to an array.
                planes = [np.frombuffer(p, "f8") for p in converted.planes[: stream.channels]]
                chunks.append(np.stack([plane[: converted.samples] for plane in planes]))
    return start_s or 0.0, np.concatenate(chunks, axis=1)


def assert_same_sound(before: Path, after: Path, tolerance: float) -> None:
    (start_s, expected), (after_s, samples) = read_sound(before), read_sound(after)
    assert after_s == pytest.approx(start_s, abs=1e-4)
    length = min(expected.shape[1], samples.shape[1])
    assert length > 0.95 * expected.shape[1]
    assert samples.shape[0] == expected.shape[0]
    assert abs(samples[:, :length] - expected[:, :length]).max() <= tolerance


STRICT = ("-strict", "-2")
"""Allows experimental encoders."""
FLOAT = ("-sample_fmt", "fltp")
CONVERTED = [
    ("libopus", (), {}, "mov", "pcm_s24le", "from opus to pcm_s24le, because mov does not support"),
    ("libopus", (), {"layout": "7.1"}, "mov", "pcm_s24le", "from opus to pcm_s24le"),
    ("aac", (), {"layout": "7.1"}, "mxf", "pcm_s24le", "from aac to pcm_s24le"),
    ("truehd", STRICT, {"layout": "5.1"}, "mov", "pcm_s24le", "from truehd to"),
    ("libvorbis", (), {"layout": "mono", "rate": 44100}, "mov", "pcm_s24le", "from vorbis to"),
    ("wavpack", FLOAT, {}, "mov", "pcm_f32le", "from wavpack to pcm_f32le"),
    ("wavpack", FLOAT, {}, "mxf", "pcm_s24le", "rounded to 24 bits"),
    ("flac", ("-sample_fmt", "s16"), {}, "mov", "pcm_s16le", "from flac to pcm_s16le"),
    ("flac", ("-sample_fmt", "s32"), {}, "mov", "pcm_s24le", "from flac to pcm_s24le"),
    ("flac", ("-sample_fmt", "s32", *STRICT), {}, "mov", "pcm_s32le", "from flac to pcm_s32le"),
    ("pcm_s32le", (), {}, "mxf", "pcm_s24le", "rounded to 24 bits"),
    ("wmav2", (), {}, "mp4", "pcm_s24le", "from wmav2 to pcm_s24le"),
    ("adpcm_ms", (), {"suffix": "avi"}, "mp4", "pcm_s24le", "from adpcm_ms to pcm_s24le"),
    ("dca", STRICT, {"suffix": "ts"}, "mxf", "pcm_s24le", "from dts to pcm_s24le"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "options", "source", "suffix", "codec", "note"), CONVERTED)
def test_sound_without_a_codec_tag_is_converted_to_pcm(
    sounding, colored, encoder, options, source, suffix, codec, note
):
    path = sounding(encoder, *options, **source)
    film = colored(path, suffix, purpose="editing")
    (stream,) = film.after.streams_of("audio")
    assert stream.codec == codec
    assert stream.language == film.before.streams_of("audio")[0].language or suffix == "mxf"
    (warning,) = (w for w in film.result.warnings if w.startswith("audio stream 1: converted"))
    assert note in warning
    assert not any("not kept: audio" in w for w in film.result.warnings)
    assert_same_sound(path, film.path, MAX_24_BIT_ERROR)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("source", [("aac",), ("pcm_f32le",)])
def test_sound_is_converted_on_request(sounding, colored, suffix, source):
    path = sounding(*source)
    film = colored(path, suffix, sound="pcm")
    is_pcm = source[0].startswith("pcm")
    assert film.after.streams_of("audio")[0].codec == (source[0] if is_pcm else "pcm_s24le")
    assert any("(--sound pcm)" in w for w in film.result.warnings) != is_pcm
    assert_same_sound(path, film.path, 0 if is_pcm else MAX_24_BIT_ERROR)


def test_sound_is_left_out_on_request(sounding, colored):
    film = colored(sounding("aac"), "mov", sound="drop")
    assert not film.after.streams_of("audio")
    assert "not kept: audio stream 1: left out (--sound drop)" in film.result.warnings


def test_sound_that_cannot_be_copied_as_requested_is_named(sounding, colored):
    film = colored(sounding("libopus"), "mov", sound="copy")
    assert not film.after.streams_of("audio")
    (warning,) = (w for w in film.result.warnings if w.startswith("not kept: audio stream 1: mov"))
    assert warning.endswith("leave out --sound copy to convert it to PCM")


def test_webm_keeps_sound_that_it_cannot_hold_as_pcm(sounding, colored):
    film = colored(sounding("libopus"), "webm", sound="pcm")
    film.assert_same_streams("audio", 0.001)
    assert any("webm does not support PCM" in w for w in film.result.warnings)


@pytest.mark.parametrize("muxer", ["mp4", "mov", "matroska"])
def test_all_sound_of_the_sample_reel_is_kept(muxer):
    decisions = plan_streams(SAMPLE_REEL, CONTAINERS[muxer])
    assert [(d.stream.kind, d.kept) for d in decisions] == [
        ("audio", True), ("audio", True), ("subtitle", True)
    ]  # fmt: skip
    assert decisions[1].stream.codec == "opus"
    assert (decisions[1].method == "pcm") == (muxer == "mov")


def test_sound_is_resampled_for_mxf(sounding, colored):
    path = sounding("libvorbis", layout="mono", rate=44100)
    film = colored(path, "mxf", purpose="editing")
    assert any("resampled from 44100 to 48000 Hz" in w for w in film.result.warnings)
    (before_s, before), (after_s, after) = read_sound(path), read_sound(film.path)
    assert after_s == before_s
    times = np.arange(2000, 30000) / 48000
    expected = np.interp(times, np.arange(before.shape[1]) / 44100, before[0])
    assert abs(after[0, 2000:30000] - expected).max() < 0.01


def test_pcm_without_a_channel_layout_is_kept_in_mp4(sounding, colored):
    """MP4 needs a layout, which AVI does not store."""
    path = sounding("pcm_s16le", suffix="avi")
    film = colored(path, "mp4")
    assert not any("audio" in w for w in film.result.warnings)
    assert_same_sound(path, film.path, 0)
    with av.open(str(film.path)) as container:
        assert container.streams.audio[0].layout.name == "stereo"


def test_packets_that_cannot_be_decoded_are_named_and_silent(sounding, colored, tmp_path):
    path = sounding("flac", "-sample_fmt", "s16")
    with av.open(str(path)) as container:
        packets = [bytes(p) for p in container.demux(audio=0) if p.size]
    damaged = tmp_path / "damaged.mkv"
    data = path.read_bytes()
    for packet in packets[3:5]:
        data = data.replace(packet, bytes(len(packet)))
    damaged.write_bytes(data)
    film = colored(damaged, "mov", purpose="editing")
    message = "audio stream 1: 2 packet(s) could not be decoded; they are silent in the result"
    assert message in film.result.warnings
    (_, intact), (_, samples) = read_sound(path), read_sound(film.path)
    assert samples.shape == intact.shape
    silent = ~samples.any(axis=0)
    assert silent.sum() >= 2 * 1024
    assert np.array_equal(samples[:, ~silent], intact[:, ~silent])


@pytest.mark.parametrize("layouts", [("5.1", "stereo"), ("stereo", "5.1")])
def test_channels_that_change_are_converted_with_a_warning(sounding, colored, tmp_path, layouts):
    """The channels of broadcasts change between programs and advertisements."""
    parts = [
        sounding("ac3", "-output_ts_offset", str(n * DURATION_S), layout=layout, suffix="ts")
        for n, layout in enumerate(layouts)
    ]
    source = tmp_path / "joined.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    film = colored(source, "mov", sound="pcm")
    _, samples = read_sound(film.path)
    assert samples.shape[1] == pytest.approx(2 * DURATION_S * 48000, abs=4000)
    for part in (samples[:2, 10000:20000], samples[:2, -20000:-10000]):
        assert abs(part).max() > 0.1
    assert any("channels or sample rate change" in w for w in film.result.warnings)


@pytest.mark.parametrize("suffix", ["mov", "mkv"])
def test_sample_rate_of_dv_that_changes_is_named_or_converted(clip, colored, tmp_path, suffix):
    """Camcorders record 48 kHz, or 32 kHz with four channels."""
    parts = [
        clip("dv", "dvvideo", "yuv420p", "-map", "0", "-map", "1", "-c:a", "pcm_s16le", "-f", "dv",
             inputs=make_tones(rate=rate), size=(720, 576), rate=Fraction(25), frames=5)
        for rate in (48000, 32000)
    ]  # fmt: skip
    source = tmp_path / "tape.dv"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    film = colored(source, suffix)
    assert any("its codec, sample rate or channels change" in w for w in film.result.warnings)
    film = colored(source, suffix, sound="pcm")
    assert any("all audio is converted to stereo, 48000 Hz" in w for w in film.result.warnings)
    assert not any("copied" in w for w in film.result.warnings)
    _, samples = read_sound(film.path)
    assert samples.shape[1] == pytest.approx(10 * 1920, abs=50)
    intact = colored(parts[0], suffix, sound="pcm")
    assert_same_sound(parts[0], intact.path, 0)


def test_packets_shorter_than_a_timestamp_keep_their_times(sounding, colored):
    """Matroska rounds to 1 ms. The packets of TrueHD are shorter, so their timestamps repeat."""
    path = sounding("truehd", *STRICT, layout="5.1")
    film = colored(path, "mkv")
    film.assert_same_streams("audio", 0.001)
    assert_same_sound(path, film.path, 0)
