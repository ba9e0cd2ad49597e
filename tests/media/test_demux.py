"""Demuxing despite errors, and correction of timestamp discontinuities."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import pytest

from tests.helpers.checks import read_film
from vidcolor.errors import InputError
from vidcolor.media.clocks import CLOCK_PERIOD_S, DiscontinuityCorrector
from vidcolor.media.demux import (
    MAX_CONSECUTIVE_ERRORS,
    DamageReport,
    demux_packets,
    find_origin_s,
    open_input,
)
from vidcolor.media.packets import PacketMuxer, watch_audio

TONE = ("-f", "lavfi", "-t", "1.6", "-i", "sine=440:r=48000")
ERROR = "error"


class FaultyContainer:
    """A container whose demuxer raises at some packets, as PyAV does."""

    def __init__(self, packets):
        self.format = type("Format", (), {"flags": 0, "name": "mov"})
        self.streams, self.name = (), "removed.mov"
        self._packets = iter(packets)

    def demux(self, _streams):
        for packet in self._packets:
            if packet == ERROR:
                raise av.InvalidDataError(1094995529, "Invalid data found")
            yield packet


def test_demuxing_continues_after_errors():
    damage = DamageReport()
    container = FaultyContainer([1, ERROR, 2, ERROR, ERROR, 3])
    assert list(demux_packets(container, [], damage)) == [1, 2, 3]
    assert damage.bad_packets == 3


def test_demuxing_ends_after_too_many_consecutive_errors():
    container = FaultyContainer([1, *[ERROR] * (MAX_CONSECUTIVE_ERRORS + 1), 2])
    assert list(demux_packets(container, [])) == [1]


class FakePacket:
    """The attributes of a packet that the corrector uses. Times are in seconds."""

    duration = 1

    def __init__(self, dts, index=0, time_base=Fraction(1)):
        self.time_base = time_base
        self.pts = self.dts = dts
        self.stream = type("Stream", (), {"index": index, "type": "video"})


def correct_dts(*dts, time_base=Fraction(1)):
    """Return the corrected DTS of packets, and the number of discontinuities."""
    corrector = DiscontinuityCorrector()
    packets = [FakePacket(d, time_base=time_base) for d in dts]
    for packet in packets:
        corrector.correct(packet)
    return [p.dts for p in packets], corrector.num_discontinuities


def test_backward_jump_continues_at_the_end_of_the_first_recording():
    assert correct_dts(5, 6, 7, 0, 1, 2) == ([5, 6, 7, 8, 9, 10], 1)


def test_recordings_of_less_than_a_second_are_joined():
    for length in (3, 10, 25):
        dts = [*range(length)] * 3
        joined = correct_dts(*dts, time_base=Fraction(1, 25))
        assert joined == ([*range(3 * length)], 2)


def test_short_gap_is_kept():
    assert correct_dts(0, 1, 7, 8) == ([0, 1, 7, 8], 0)


def test_jump_far_ahead_continues_at_the_end_of_the_first_recording():
    assert correct_dts(0, 1, 18000, 18001) == ([0, 1, 2, 3], 1)


def test_gap_of_one_stream_is_kept():
    corrector = DiscontinuityCorrector()
    packets = [FakePacket(n) for n in range(40)]
    packets[20:20] = [FakePacket(20, index=1)]
    packets = [FakePacket(0, index=1), *packets]
    expected = [p.dts for p in packets]
    for packet in packets:
        corrector.correct(packet)
    assert [p.dts for p in packets] == expected


def test_first_packet_of_an_earlier_recording_does_not_delay_the_others():
    corrector = DiscontinuityCorrector()
    audio = [FakePacket(dts, index=1) for dts in (7, 18000, 18001)]
    video = [FakePacket(dts) for dts in (18000, 18001, 18002)]
    for packet in (audio[0], *video, *audio[1:]):
        corrector.correct(packet)
    assert [p.dts for p in video] == [8, 9, 10]
    assert [p.dts for p in audio] == [7, 8, 9]


@pytest.mark.parametrize("order", ["new first", "new last"])
def test_stream_that_begins_in_a_later_recording_continues_at_the_end_of_the_first(order):
    corrector = DiscontinuityCorrector()
    first = [FakePacket(dts, index) for dts in range(5, 25) for index in (0, 1)]
    video = [FakePacket(dts) for dts in (5, 6)]
    audio = [FakePacket(dts, index=2) for dts in (5, 6)]
    pairs = (
        zip(audio, video, strict=True) if order == "new first" else zip(video, audio, strict=True)
    )
    for packet in (*first, *(p for pair in pairs for p in pair)):
        corrector.correct(packet)
    assert [p.dts for p in video] == [p.dts for p in audio] == [25, 26]


@pytest.mark.parametrize("is_joined", [False, True])
def test_first_packet_of_a_stream_waits_for_the_next_of_another(is_joined):
    """Audio is late in the file, or begins in the second recording, whose clock starts again."""
    corrector = DiscontinuityCorrector()
    video = [FakePacket(dts) for dts in ((0, 1, 2, 0, 1) if is_joined else range(5))]
    audio = [FakePacket(dts, index=1) for dts in (1, 2)]
    packets = [*video[:3], audio[0], video[3], audio[1], video[4]]
    processed = [p for packet in packets for p in corrector.process(packet)] + corrector.finish()
    assert processed == packets
    assert [p.dts for p in video] == [0, 1, 2, 3, 4]
    assert [p.dts for p in audio] == ([4, 5] if is_joined else [1, 2])


def test_streams_of_which_one_is_unwrapped_stay_in_sync():
    """FFmpeg adds the period of the clock to the stream that jumps, and not to a new stream."""
    corrector = DiscontinuityCorrector()
    first = [FakePacket(dts) for dts in range(40000, 40010)]
    audio = [FakePacket(Fraction(dts), index=1) for dts in (1, 2)]
    video = [FakePacket(dts + CLOCK_PERIOD_S) for dts in (1, 2)]
    for packet in (*first, *(p for pair in zip(audio, video, strict=True) for p in pair)):
        packet.time_base = Fraction(1)
        corrector.correct(packet)
    assert [p.dts for p in audio] == [40010, 40011]
    assert [round(p.dts) for p in video] == [40010, 40011]


def test_new_stream_at_the_end_of_the_first_recording_stays_there():
    corrector = DiscontinuityCorrector()
    packets = [FakePacket(5), FakePacket(5, 1), FakePacket(6), FakePacket(6, 1)]
    packets += [FakePacket(100), FakePacket(7, 2), FakePacket(101), FakePacket(100, 1)]
    for packet in packets:
        corrector.correct(packet)
    assert [p.dts for p in packets] == [5, 5, 6, 6, 7, 7, 8, 7]


def test_recordings_before_the_wrap_of_the_clock_are_joined():
    """FFmpeg returns negative timestamps before the wrap."""
    assert correct_dts(-3, -2, -1, -3, -2) == ([-3, -2, -1, 0, 1], 1)


def test_single_bad_dts_starts_no_new_timeline():
    for bad in (0, 99):
        corrected, discontinuities = correct_dts(5, 6, bad, 7, 8, 9)
        assert corrected[3:] == [7, 8, 9]
        assert discontinuities == 0
    # A DTS that is ahead by less than a jump of all streams, as at the start of a cut recording.
    assert correct_dts(0, 3, 1, 2, 3, time_base=Fraction(1, 25)) == ([0, 3, 1, 2, 3], 0)
    ahead = correct_dts(0, 1, 2, 9, 3, 4, 5, time_base=Fraction(1, 25))
    assert ahead == ([0, 1, 2, 9, 3, 4, 5], 0)


@pytest.mark.parametrize("second", [18000, 70000])
@pytest.mark.parametrize("order", ["video first", "video last"])
def test_programs_with_different_clocks_begin_together(second, order):
    corrector = DiscontinuityCorrector(Fraction(100))
    video = [FakePacket(dts) for dts in range(100, 110)]
    audio = [FakePacket(dts, index=1) for dts in range(second, second + 10)]
    if order == "video first":
        pairs = zip(video, audio, strict=True)
    else:
        pairs = zip(audio, video, strict=True)
    for packet in (p for pair in pairs for p in pair):
        corrector.correct(packet)
    assert [p.dts for p in video] == [*range(100, 110)]
    delay = audio[0].dts - video[0].dts
    assert delay == (order == "video first")
    assert [p.dts - delay for p in audio] == [*range(100, 110)]


def test_jump_of_one_program_keeps_its_streams_in_sync():
    """The clock of the other program, whose audio is stream 2, continues."""
    corrector = DiscontinuityCorrector(Fraction(100))
    video = [FakePacket(dts) for dts in (*range(100, 105), *range(300, 305))]
    audio = [FakePacket(dts, index=1) for dts in (*range(100, 105), *range(300, 305))]
    other = [FakePacket(dts, index=2) for dts in range(18000, 18010)]
    for packet in (p for group in zip(video, audio, other, strict=True) for p in group):
        corrector.correct(packet)
    assert [p.dts for p in audio] == [p.dts for p in video]
    steps = [after.dts - before.dts for before, after in itertools.pairwise(video)]
    assert steps == [1, 1, 1, 1, pytest.approx(1, abs=1), 1, 1, 1, 1]
    steps = [after.dts - before.dts for before, after in itertools.pairwise(other)]
    assert steps == [1] * 9


def test_subtitles_follow_the_clock_of_their_program():
    corrector = DiscontinuityCorrector(Fraction(100))
    subtitle = FakePacket(101, index=2)
    subtitle.stream.type = "subtitle"
    for packet in (FakePacket(18000, index=1), FakePacket(100), FakePacket(101), subtitle):
        corrector.correct(packet)
    assert subtitle.dts == 101


@pytest.mark.slow
def test_stream_of_a_later_recording_stays_in_sync(clip, colored, tmp_path):
    """The clock starts again, and the second part has another program map."""
    mpeg2 = ("-map", "0", "-map", "1", "-c:a", "mp2", "-output_ts_offset")
    first = clip("ts", "mpeg2video", "yuv420p", *mpeg2, "40000", inputs=TONE, frames=125)
    second = clip("ts", "mpeg2video", "yuv420p", "-streamid", "1:300", *mpeg2, "0", inputs=TONE,
                  frames=36)  # fmt: skip
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    film = colored(joined, "mp4")
    assert len(film.after.times) == 125 + 36
    assert min(film.after.times) == pytest.approx(0, abs=0.1)
    late = film.after.streams_of("audio")[1].packets[0][0]
    assert float(late) == pytest.approx(float(film.after.times[125]), abs=0.15)


@pytest.mark.parametrize(("codecs", "fails"), [(("mp2", "aac"), True), (("mp2", "ac3"), False)])
def test_change_of_an_audio_codec_is_named(clip, colored, tmp_path, codecs, fails):
    """The program map of the second part declares the codec of all packets."""
    parts = [
        clip("ts", "mpeg2video", "yuv420p", "-map", "0", "-map", "1", "-c:a", codec, inputs=TONE)
        for codec in codecs
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(p.read_bytes() for p in parts))
    changed: set[int] = set()
    with open_input(joined) as film:
        packets = demux_packets(film, [film.streams.audio[0]])
        assert any(p.stream.type == "audio" for p in watch_audio(packets, changed))
    assert changed == {1}
    if fails:
        with pytest.raises(InputError, match="or the codec changes; use --sound pcm or drop"):
            colored(joined, "mp4")


@pytest.mark.parametrize(("audio_s", "origin_s"), [(70, 70), (0, 71)])
def test_origin_is_the_start_of_the_recording_of_the_video(audio_s, origin_s):
    """Audio that begins up to a minute before the video has the same clock."""
    streams = [
        SimpleNamespace(type=kind, start_time=start, time_base=Fraction(1))
        for kind, start in (("video", 82 if audio_s else 71), ("audio", audio_s))
    ]
    film = SimpleNamespace(streams=streams, start_time=min(s.start_time for s in streams) * 10**6)
    film.format = SimpleNamespace(flags=av.format.Flags.ts_discont.value, name="mpegts")
    assert find_origin_s(film) == origin_s


class FussyTarget:
    """An output that rejects packets of some DTS, as MP4 does if the header of AAC is damaged."""

    format = type("Format", (), {"flags": 0})

    def __init__(self, rejected):
        self.rejected, self.muxed = rejected, []

    def mux(self, packet):
        if packet.dts in self.rejected:
            raise av.InvalidDataError(1094995529, "Invalid data found")
        self.muxed.append(packet.dts)


def test_damaged_packets_of_copied_streams_are_left_out():
    copy = type("Stream", (), {"index": 1, "type": "audio", "time_base": Fraction(1)})
    muxer, target = PacketMuxer(Path("film.ts")), FussyTarget({3, 4, 20})
    for dts in range(30):
        muxer.mux(target, FakePacket(dts, index=1), copy)
    assert target.muxed == [n for n in range(30) if n not in target.rejected]
    assert muxer.describe_damage() == [
        "video stream 1: 3 damaged packet(s) could not be copied and are left out"
    ]
    with pytest.raises(InputError, match=r"film\.ts: the packets of video before"):
        for dts in range(30, 60):
            muxer.mux(FussyTarget(range(30, 60)), FakePacket(dts, index=1), copy)


def test_audio_before_zero_moves_the_film(clip, colored):
    """MP4 would hide packets before 0."""
    source = clip("mkv", "libx264", "yuv420p", "-map", "0", "-map", "1", "-c:a", "ac3",
                  "-output_ts_offset", "-0.4", "-avoid_negative_ts", "disabled",
                  inputs=TONE, frames=12, vf="setpts=PTS+0.5/TB")  # fmt: skip
    film = colored(source, "mp4")
    film.assert_same_streams("audio", 0.001)
    audio = film.after.streams_of("audio")[0].packets
    assert audio[0][0] == pytest.approx(0, abs=0.001)
    film.assert_same_times(0.001)


@pytest.mark.parametrize("is_live", [False, True])
def test_joined_matroska_files_become_one_timeline(clip, colored, tmp_path, is_live):
    """Programs that record a stream in parts join them. The timestamps of each part begin at 0."""
    live = ("-f", "matroska", "-live", "1") if is_live else ()
    part = clip("mkv", "mpeg4", "yuv420p", "-map", "0", "-map", "1", "-c:a", "pcm_s16le", *live,
                inputs=("-f", "lavfi", "-t", "0.48", "-i", "sine=440:r=48000"),
                frames=12, rate=Fraction(25))  # fmt: skip
    joined = tmp_path / "joined.mkv"
    joined.write_bytes(part.read_bytes() * 2)
    film = colored(joined, "mp4")
    assert film.after.times == [Fraction(n, 25) for n in range(24)]
    with av.open(str(film.path)) as result:
        assert sum(f.samples for f in result.decode(audio=0)) == 2 * 23040
    assert any("timestamps jump 1 time(s)" in w for w in film.result.warnings)
    assert not film.result.damaged


@pytest.mark.parametrize(
    ("suffix", "options", "is_second"),
    [
        ("mp4", ("mpeg4",), True),
        ("mov", ("mpeg4", "-movflags", "+faststart"), True),
        ("flv", ("flv1",), True),
        ("mp4", ("mpeg4", "-movflags", "+frag_keyframe+empty_moov"), False),
        ("avi", ("mpeg4",), False),
    ],
)
def test_second_film_that_is_not_read_is_named(clip, tmp_path, suffix, options, is_second):
    """The parts of a stream for browsers are read as one film."""
    codec, *more = options
    data = clip(suffix, codec, "yuv420p", *more).read_bytes()
    for count in (1, 2):
        path = tmp_path / f"{count}.{suffix}"
        path.write_bytes(data * count)
        damage = DamageReport()
        with open_input(path) as film:
            assert list(demux_packets(film, [film.streams.video[0]], damage))
        is_named = count == 2 and is_second
        assert damage.has_second_film == damage.is_damaged == is_named
        assert any("another film follows" in text for text in damage.describe()) == is_named


@pytest.mark.slow
def test_concatenated_recordings_become_one_timeline(clip, colored, tmp_path):
    """Timestamps may restart within a DVD or a recording. Audio and video stay in sync."""
    part = clip("ts", "libx264", "yuv420p", "-map", "0", "-map", "1", "-c:a", "aac", inputs=TONE,
                frames=36)  # fmt: skip
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part.read_bytes() * 2)
    film = colored(joined, "mp4")
    assert len(film.after.times) == 72
    steps = [float(b - a) for a, b in zip(film.after.times, film.after.times[1:], strict=False)]
    assert min(steps) > 0.03 and max(steps) < 0.2
    audio = [float(t) for t, _ in film.after.streams_of("audio")[0].packets]
    part_audio = [float(t) for t, _ in read_film(part).streams_of("audio")[0].packets]
    assert len(audio) == 2 * len(part_audio)
    second_video = float(film.after.times[36] - film.after.times[0])
    second_audio = audio[len(part_audio)] - audio[0]
    assert second_audio == pytest.approx(second_video, abs=0.15)
    assert any("timestamps jump 1 time(s)" in w for w in film.result.warnings)
    assert not film.result.damaged
