"""Timestamps: the result contains every frame once, in order, with the PTS of the source."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest

from vidcolor.errors import OutputError
from vidcolor.media.encode import fix_dts

VARIABLE = "settb=1/90000,setpts='(N+floor(N/3)*2+floor(N/7)*5)/24/TB'"
SLOW_THEN_FAST = "settb=1/90000,setpts='if(lt(N,4),N*10,36+N)/24/TB'"
ONE_LATE_PART = "settb=1/90000,setpts='(N+if(between(N,5,10),0.4,0))/25/TB'"
PASSTHROUGH = (
    "-fps_mode",
    "passthrough",
    "-enc_time_base",
    "1/90000",
    "-video_track_timescale",
    "90000",
)
TONE = ("-f", "lavfi", "-t", "1.6", "-i", "sine=440:r=48000")
WITH_TONE = ("-map", "0", "-map", "1", "-c:a", "aac")


@pytest.mark.slow
@pytest.mark.parametrize("rate", ["24000/1001", "25", "30000/1001", "18", "50", "1000/1001"])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_constant_frame_rate_is_kept(clip, colored, rate, suffix):
    film = colored(clip("mp4", "libx264", "yuv420p", rate=Fraction(rate)), suffix)
    film.assert_same_times(0.0005 if suffix == "mkv" else 0)
    assert film.after.properties["rate"] == pytest.approx(Fraction(rate), rel=1e-4)
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
@pytest.mark.parametrize("timing", [VARIABLE, SLOW_THEN_FAST], ids=["variable", "slow then fast"])
def test_variable_frame_rate_is_kept(clip, colored, suffix, options, timing):
    """This includes outputs with B-frames, and encoders that accept frame numbers only."""
    film = colored(
        clip("mp4", "libx264", "yuv420p", *PASSTHROUGH, vf=timing, frames=30), suffix, **options
    )
    film.assert_same_times(0.0005 if suffix in ("mkv", "webm") else 0)
    last = float(film.after.times[-1] - film.after.times[0])
    with av.open(str(film.path)) as container:
        stream = container.streams.video[0]
        durations = [container.duration / av.time_base]
        if stream.duration:
            durations.append(float(stream.duration * stream.time_base))
    for duration in durations:
        assert last < duration < last + 0.2


@pytest.mark.parametrize(
    ("suffix", "options"), [("mp4", {}), ("mov", {"purpose": "editing"}), ("mkv", {})]
)
def test_duration_of_the_last_frame_is_kept(clip, colored, tmp_path, suffix, options):
    """The end title of a silent film may be one frame that lasts a second."""
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


def test_variable_frame_rate_is_rejected_by_mxf(clip, colored):
    """The time in the message counts from the first frame, as for ``--start``."""
    source = clip("mkv", "ffv1", "yuv420p", *PASSTHROUGH[:4], "-output_ts_offset", "100",
                  vf=ONE_LATE_PART, rate=Fraction(25))  # fmt: skip
    with pytest.raises(OutputError, match=r"constant frame rate.* at 0\.216 s"):
        colored(source, "mxf", encoder="mpeg2video")


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["mpeg2video", "prores_ks", "ffv1", "libx264", "dnxhd"])
def test_mxf_keeps_timestamps_and_audio(clip, colored, encoder):
    source = clip("mov", "prores_ks", "yuv422p10le", *WITH_TONE[:-1], "pcm_s24le", inputs=TONE,
                  size=(256, 128), frames=24, rate=Fraction(25))  # fmt: skip
    if encoder == "mpeg2video":
        source = clip("mxf", encoder, "yuv422p", *WITH_TONE[:-1], "pcm_s24le", inputs=TONE,
                      frames=24, rate=Fraction(25))  # fmt: skip
    film = colored(source, "mxf", encoder=encoder)
    film.assert_same_times()
    assert film.after.streams_of("audio")[0].codec == "pcm_s24le"


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("kind", ["late start", "late audio", "transport stream", "program stream"])
def test_start_of_video_and_audio_is_kept(clip, colored, suffix, kind):
    """The common start of MPEG streams, which may be any time, is subtracted."""
    clips = {
        "late start": lambda: clip("mp4", "libx264", "yuv420p", *WITH_TONE, "-output_ts_offset",
                                   "0.3", inputs=TONE, frames=36),
        "late audio": lambda: clip("mp4", "libx264", "yuv420p", *WITH_TONE,
                                   inputs=("-itsoffset", "0.2513", *TONE), frames=36),
        "transport stream": lambda: clip("ts", "libx264", "yuv420p", *WITH_TONE, inputs=TONE,
                                         frames=36),
        "program stream": lambda: clip("mpg", "mpeg2video", "yuv420p", *WITH_TONE[:-1], "mp2",
                                       inputs=TONE, frames=36, rate=Fraction(25)),
    }  # fmt: skip
    film = colored(clips[kind](), suffix)
    exact = Fraction(1, 90000) if "stream" in kind else Fraction(0)
    rounding = Fraction(1, 2000) if suffix == "mkv" else exact
    film.assert_same_times(rounding)
    before, after = (
        film.before.streams_of("audio")[0].packets,
        film.after.streams_of("audio")[0].packets,
    )
    assert len(after) == len(before)
    pairs = zip(after, before, strict=True)
    max_error = max(abs(a - b + film.shift_s) for (a, _), (b, _) in pairs)
    if "stream" in kind:
        assert abs(min(film.after.times[0], after[0][0])) <= rounding + Fraction(1, 40000)
    assert max_error <= rounding + Fraction(1, 40000), "one tick of the audio time base"


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("encoder", ["libx264", "libx265", "libsvtav1", "ffv1", "mpeg4"])
def test_film_of_few_frames_keeps_its_timestamps(clip, colored, encoder, frames):
    """With one or two frames, x265 sometimes returns an undefined DTS."""
    source = clip("mp4", "ffv1", "yuv420p", frames=frames)
    colored(source, "mp4", encoder=encoder).assert_same_times()


def test_implausible_dts_is_set_to_the_pts():
    for dts in (-7036981793587225, 9187201950435737472, 1):
        packet = av.Packet(b"x")
        packet.pts, packet.dts, packet.time_base = 0, dts, Fraction(1, 24)
        fix_dts(packet)
        assert packet.dts == 0


@pytest.mark.slow
def test_audio_before_zero_does_not_delay_the_video(clip, colored):
    """AAC priming has negative timestamps, which FFmpeg's Matroska muxer shifts by default."""
    source = clip("mp4", "libx264", "yuv420p", *WITH_TONE, inputs=TONE, frames=36)
    film = colored(source, "mkv")
    assert film.before.streams_of("audio")[0].packets[0][0] < 0
    assert film.after.times[0] == 0
    film.assert_same_streams("audio", 0.001)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("source_suffix", ["mp4", "ts", "mkv"])
def test_trim_keeps_its_frames_and_the_audio_in_sync(clip, colored, suffix, source_suffix):
    source = clip(source_suffix, "libx264", "yuv420p", *WITH_TONE, "-g", "10", "-bf", "2",
                  inputs=TONE, frames=36)  # fmt: skip
    start, end = Fraction(7, 10), Fraction(13, 10)
    film = colored(source, suffix, start=start, end=end)
    origin = film.before.times[0]
    numbers = [n for n, t in enumerate(film.before.times) if start <= t - origin < end]
    assert film.result.num_frames == len(film.after.frames) == len(numbers)
    assert film.after.times[0] == 0
    shift = film.before.times[numbers[0]]
    for n, time in zip(numbers, film.after.times, strict=True):
        assert abs(film.before.times[n] - shift - time) <= Fraction(1, 1000)
    pts_by_sha = {sha: time for time, sha in film.before.streams_of("audio")[0].packets}
    audio = film.after.streams_of("audio")[0].packets
    if source_suffix != "ts":  # The ADTS headers of MPEG-TS are removed.
        errors = [float(pts_by_sha[sha] - shift - time) for time, sha in audio]
        assert max(map(abs, errors)) < 0.002
    assert float(audio[0][0] - film.after.times[0]) == pytest.approx(0, abs=0.03)
    assert float(audio[-1][0] - film.after.times[-1]) == pytest.approx(0, abs=0.05)
