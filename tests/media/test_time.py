"""Invariant 2: every frame once, in order, with its own time stamp."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from tests.helpers.checks import read_film
from vidcolor.errors import OutputError
from vidcolor.film.pipeline import colorize_film
from vidcolor.media.encode import mend_decode_time
from vidcolor.options import ColorizeOptions

UNEVEN = "settb=1/90000,setpts='(N+floor(N/3)*2+floor(N/7)*5)/24/TB'"
SLOW_THEN_FAST = "settb=1/90000,setpts='if(lt(N,4),N*10,36+N)/24/TB'"
LIMPING = "settb=1/90000,setpts='(N+if(between(N,5,10),0.4,0))/25/TB'"
PASS = ("-fps_mode", "passthrough", "-enc_time_base", "1/90000", "-video_track_timescale", "90000")
TONE = ("-f", "lavfi", "-t", "1.6", "-i", "sine=440:r=48000")
WITH_TONE = ("-map", "0", "-map", "1", "-c:a", "aac")


@pytest.mark.parametrize("rate", ["24000/1001", "25", "30000/1001", "18", "50", "1000/1001"])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_constant_rates(clip, colored, rate, suffix):
    film = colored(clip("mp4", "libx264", "yuv420p", rate=Fraction(rate)), suffix)
    film.expect_same_times(0.0005 if suffix == "mkv" else 0)
    assert film.after.shape["rate"] == pytest.approx(Fraction(rate), rel=1e-4)
    assert film.after.duration_s == pytest.approx(film.before.duration_s, abs=0.002)


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("mp4", {}),
        ("mov", {}),
        ("mp4", {"encoder": "libx265"}),
        ("mp4", {"encoder": "libsvtav1"}),
        ("mp4", {"encoder": "libvpx-vp9"}),
        ("mp4", {"encoder": "mpeg4"}),
        ("mp4", {"encoder": "mpeg2video"}),
        ("mov", {"purpose": "editing"}),
        ("mkv", {"purpose": "archive"}),
        ("webm", {}),
    ],
)
@pytest.mark.parametrize("pace", [UNEVEN, SLOW_THEN_FAST], ids=["uneven", "slow then fast"])
def test_variable_rate(clip, colored, suffix, options, pace):
    """Also with B-frames, and with encoders that only count frames; the duration holds too."""
    film = colored(clip("mp4", "libx264", "yuv420p", *PASS, vf=pace, frames=30), suffix, **options)
    film.expect_same_times(0.0005 if suffix in ("mkv", "webm") else 0)
    shown = float(film.after.times[-1] - film.after.times[0])
    with av.open(str(film.path)) as container:
        stream = container.streams.video[0]
        durations = [container.duration / av.time_base]
        if stream.duration:
            durations.append(float(stream.duration * stream.time_base))
    for duration in durations:
        assert shown < duration < shown + 0.2


@pytest.mark.parametrize(
    ("suffix", "options"), [("mp4", {}), ("mov", {"purpose": "editing"}), ("mkv", {})]
)
def test_the_last_picture_stands_as_long_as_it_did(clip, colored, tmp_path, suffix, options):
    """The end title of a silent film: one picture, shown for a second."""
    source = tmp_path / "title.mp4"
    with av.open(str(clip("mp4", "ffv1", "yuv420p"))) as old, av.open(str(source), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        packets = [p for p in old.demux(video=0) if p.size]
        packets[-1].duration = round(1 / packets[-1].time_base)
        for packet in packets:
            packet.stream = stream
            new.mux(packet)
    film = colored(source, suffix, **options)
    assert film.before.duration_s > 1.4
    assert film.after.duration_s == pytest.approx(film.before.duration_s, abs=0.01)
    assert not film.result.damaged


def test_a_container_that_counts_frames_refuses_a_variable_rate(clip, colored):
    source = clip("mkv", "ffv1", "yuv420p", *PASS[:4], vf=LIMPING, rate=Fraction(25))
    with pytest.raises(OutputError, match="constant frame rate"):
        colored(source, "mxf", encoder="mpeg2video")


@pytest.mark.parametrize("encoder", ["mpeg2video", "prores_ks", "ffv1", "libx264", "dnxhd"])
def test_mxf(clip, colored, encoder):
    source = clip("mov", "prores_ks", "yuv422p10le", *WITH_TONE[:-1], "pcm_s24le", inputs=TONE,
                  size=(256, 128), frames=24, rate=Fraction(25))  # fmt: skip
    if encoder == "mpeg2video":
        source = clip("mxf", encoder, "yuv422p", *WITH_TONE[:-1], "pcm_s24le", inputs=TONE,
                      frames=24, rate=Fraction(25))  # fmt: skip
    film = colored(source, "mxf", encoder=encoder)
    film.expect_same_times()
    assert film.after.of("audio")[0].codec == "pcm_s24le"


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("kind", ["late start", "late sound", "transport stream", "program stream"])
def test_start_offsets(clip, colored, suffix, kind):
    """Picture and sound begin when they did, to the tick; MPEG streams begin anywhere."""
    clips = {
        "late start": lambda: clip("mp4", "libx264", "yuv420p", *WITH_TONE, "-output_ts_offset",
                                   "0.3", inputs=TONE, frames=36),
        "late sound": lambda: clip("mp4", "libx264", "yuv420p", *WITH_TONE,
                                   inputs=("-itsoffset", "0.2513", *TONE), frames=36),
        "transport stream": lambda: clip("ts", "libx264", "yuv420p", *WITH_TONE, inputs=TONE,
                                         frames=36),
        "program stream": lambda: clip("mpg", "mpeg2video", "yuv420p", *WITH_TONE[:-1], "mp2",
                                       inputs=TONE, frames=36, rate=Fraction(25)),
    }  # fmt: skip
    film = colored(clips[kind](), suffix)
    rounding = Fraction(1, 2000) if suffix == "mkv" else Fraction(0)
    film.expect_same_times(rounding)
    before, after = film.before.of("audio")[0].packets, film.after.of("audio")[0].packets
    assert len(after) == len(before)
    worst = max(abs(a - b) for (a, _), (b, _) in zip(after, before, strict=True))
    assert worst <= rounding + Fraction(1, 40000), "a tick of the sound's own clock"


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("encoder", ["libx264", "libx265", "libsvtav1", "ffv1", "mpeg4"])
def test_very_short_films(clip, colored, encoder, frames):
    """x265 makes decoding times up when it has one or two pictures only, now and then."""
    source = clip("mp4", "ffv1", "yuv420p", frames=frames)
    colored(source, "mp4", encoder=encoder).expect_same_times()


def test_made_up_decoding_times_are_mended():
    for made_up in (-7036981793587225, 9187201950435737472, 1):
        packet = av.Packet(b"x")
        packet.pts, packet.dts, packet.time_base = 0, made_up, Fraction(1, 24)
        mend_decode_time(packet)
        assert packet.dts == 0


def test_sound_that_begins_before_zero_moves_nothing(clip, colored):
    """AAC's priming lies before 0; Matroska used to be moved by it as a whole."""
    source = clip("mp4", "libx264", "yuv420p", *WITH_TONE, inputs=TONE, frames=36)
    film = colored(source, "mkv")
    assert film.before.of("audio")[0].packets[0][0] < 0
    assert film.after.times[0] == 0
    film.expect_same_streams("audio", 0.001)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("source_suffix", ["mp4", "ts", "mkv"])
def test_a_trim_keeps_the_wanted_frames_and_the_sound_in_step(clip, colored, suffix, source_suffix):
    source = clip(source_suffix, "libx264", "yuv420p", *WITH_TONE, "-g", "10", "-bf", "2",
                  inputs=TONE, frames=36)  # fmt: skip
    start, end = Fraction(7, 10), Fraction(13, 10)
    film = colored(source, suffix, start=start, end=end)
    origin = film.before.times[0]
    wanted = [n for n, t in enumerate(film.before.times) if start <= t - origin < end]
    assert film.result.num_frames == len(film.after.frames) == len(wanted)
    moved_by = film.before.times[wanted[0]] - film.after.times[0]
    assert float(moved_by) == pytest.approx(float(start), abs=0.001)
    for n, time in zip(wanted, film.after.times, strict=True):
        assert abs(film.before.times[n] - moved_by - time) <= Fraction(1, 1000)
    was = {sha: time for time, sha in film.before.of("audio")[0].packets}
    sound = film.after.of("audio")[0].packets
    if source_suffix != "ts":  # whose packets lose their ADTS headers
        offs = [float(was[sha] - moved_by - time) for time, sha in sound]
        assert max(map(abs, offs)) < 0.002
    assert float(sound[0][0] - film.after.times[0]) == pytest.approx(0, abs=0.03)
    assert float(sound[-1][0] - film.after.times[-1]) == pytest.approx(0, abs=0.05)


def test_recordings_behind_one_another_are_lined_up(clip, colored, tmp_path):
    """A DVD's or a recorder's file in which the clock starts again: nothing piles up."""
    part = clip("ts", "libx264", "yuv420p", *WITH_TONE, inputs=TONE, frames=36)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part.read_bytes() * 2)
    film = colored(joined, "mp4")
    assert len(film.after.times) == 72
    steps = [float(b - a) for a, b in zip(film.after.times, film.after.times[1:], strict=False)]
    assert min(steps) > 0.03 and max(steps) < 0.2
    sound = [float(t) for t, _ in film.after.of("audio")[0].packets]
    alone = [float(t) for t, _ in read_film(part).of("audio")[0].packets]
    assert len(sound) == 2 * len(alone)
    second_picture = float(film.after.times[36] - film.after.times[0])
    second_sound = sound[len(alone)] - sound[0]
    assert second_sound == pytest.approx(second_picture, abs=0.15)
    assert any("clock falls back" in w for w in film.result.warnings)
    assert not film.result.damaged


@pytest.mark.parametrize(
    ("suffix", "codec", "more"),
    [
        ("mp4", "libx264", ("-g", "100000", "-keyint_min", "100000", "-sc_threshold", "0")),
        ("mkv", "mpeg4", ("-g", "400")),
        ("ts", "libx264", ("-g", "100000", "-keyint_min", "100000", "-sc_threshold", "0")),
    ],
)
def test_a_trim_far_behind_its_key_frame_is_exact(clip, colored, suffix, codec, more):
    """Key frames may lie a minute apart; what a trim needs is decoded from the one before it."""
    source = clip(suffix, codec, "yuv420p", *more, rate=Fraction(4), frames=160)
    whole = colored(source, purpose="archive")
    part = colored(source, purpose="archive", start=Fraction(30))
    assert len(part.after.times) == 40
    assert np.array_equal(part.after.luma, whole.after.luma[-40:])


def test_a_raw_stream_is_trimmed_without_seeking(clip, flat, tmp_path):
    source, target = clip("h264", "libx264", "yuv420p", frames=50), tmp_path / "part.mkv"
    result = colorize_film(source, target, ColorizeOptions(start=Fraction(1)), colorizer=flat)
    assert 0 < result.num_frames < 50
