"""Audio and video stay in sync, whatever the clock and the edit list of the source."""

from __future__ import annotations

import struct
from fractions import Fraction

import av
import pytest

from tests.helpers.sync import find_onsets, make_sync_film, set_edit_list

WRAP_S = 2**33 / 90000
"""Time at which the clock of MPEG streams starts again, in seconds."""
FRAME_S = 1 / 25
ENCODER_DELAY_S = 0.03
MIDDLE_CUT = [(800, 0), (1200, 1700)]
PAUSE_AND_START_CUT = [(500, -1), (2000, 720)]
THREE_PARTS = [(600, 760), (600, 1760), (600, 2760)]
MPEG2 = ("-c:v", "mpeg2video", "-c:a", "mp2")
DVD = ("-c:v", "mpeg2video", "-c:a", "ac3")
H264 = ("-c:v", "libx264", "-g", "25", "-bf", "2", "-c:a", "aac")
BLU_RAY = ("-c:v", "mpeg2video", "-c:a", "pcm_bluray", "-ac", "2")
PROGRAM_MAPS = {1: 0x1000, 2: 0x1010}
"""PIDs of the program maps, by number of the program."""
PCM = ("-c:v", "libx264", "-g", "25", "-bf", "2", "-c:a", "pcm_s16le")


def count_packets(path, kind):
    """Return the number of visible packets of the first stream of a kind."""
    with av.open(str(path)) as film:
        packets = film.demux(getattr(film.streams, kind)[0])
        return sum(p.size > 0 and not p.is_discard for p in packets)


def assert_in_sync(source, target):
    """Assert that flashes and beeps are as far from each other as in the source."""
    (flashes, beeps), (new_flashes, new_beeps) = find_onsets(source), find_onsets(target)
    assert len(new_flashes) == len(flashes) > 0
    assert len(new_beeps) == len(beeps) == len(flashes)
    before = [beep - flash for flash, beep in zip(flashes, beeps, strict=True)]
    after = [beep - flash for flash, beep in zip(new_flashes, new_beeps, strict=True)]
    assert after == pytest.approx(before, abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "codecs", "clock_s", "result", "options"),
    [
        ("ts", MPEG2, 18000, "mp4", {}),
        ("ts", H264, WRAP_S - 2.5, "mkv", {"purpose": "archive"}),
        ("m2ts", H264, 18000, "mov", {"purpose": "editing"}),
        ("m2ts", BLU_RAY, WRAP_S - 2, "mxf", {"encoder": "ffv1"}),
        ("vob", DVD, WRAP_S - 1, "mp4", {}),
        ("mkv", H264, 18000, "mkv", {}),
    ],
)
def test_clock_may_start_anywhere(colored, tmp_path, suffix, codecs, clock_s, result, options):
    source = make_sync_film(tmp_path / f"in.{suffix}", *codecs, "-output_ts_offset", str(clock_s))
    film = colored(source, result, **options)
    assert film.result.num_frames == len(film.after.times) == 40
    starts = [film.after.times[0], film.after.streams_of("audio")[0].packets[0][0]]
    assert min(starts) == pytest.approx(0, abs=ENCODER_DELAY_S)
    assert film.after.duration_s == pytest.approx(1.6, abs=0.1)
    assert_in_sync(source, film.path)
    if result in ("mp4", "mkv"):
        assert count_packets(film.path, "audio") == count_packets(source, "audio")


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_subtitles_and_chapters_of_any_clock_are_in_sync(clip, colored, tmp_path, suffix):
    subtitles, chapters = tmp_path / "in.srt", tmp_path / "in.txt"
    subtitles.write_text("1\n00:00:00,400 --> 00:00:00,800\nOne\n")
    chapters.write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=One\n")
    # The ffmpeg command does not add the offset to chapters.
    source = clip("mkv", "libx264", "yuv420p", "-map", "0", "-map", "1", "-map_chapters", "2",
                  "-output_ts_offset", "18000", frames=30, rate=Fraction(25),
                  inputs=("-i", str(subtitles), "-i", str(chapters)))  # fmt: skip
    film = colored(source, suffix)
    assert [chapter[:2] for chapter in film.after.chapters] == [(0.0, 1.0)]
    with av.open(str(film.path)) as result:
        packets = [p for p in result.demux(result.streams.subtitles) if p.size > 2]
        assert [p.pts * p.time_base for p in packets] == [Fraction(2, 5)]
        assert [p.duration * p.time_base for p in packets] == [Fraction(2, 5)]


@pytest.mark.slow
def test_recordings_with_different_clocks_become_one_timeline(colored, tmp_path):
    parts = [
        make_sync_film(tmp_path / f"{clock}.ts", *MPEG2, "-output_ts_offset", clock)
        for clock in ("20", "18000", "60")
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    film = colored(joined, "mp4")
    assert film.result.warnings == (
        "the timestamps jump 2 time(s); all recordings and programs were moved to one timeline",
    )
    flashes, beeps = find_onsets(film.path)
    assert len(flashes) == len(beeps) == 3
    assert beeps == pytest.approx(flashes, abs=0.005)
    assert film.after.duration_s == pytest.approx(4.8, abs=0.1)


def interleave_programs(first, second, target):
    """Interleave the packets of two transport streams with programs 1 and 2, and write a new PAT.

    The program association table (ISO/IEC 13818-1, 2.4.4.3) names the PIDs of the program maps.
    """
    size = 188
    entries = b"".join(struct.pack(">HH", n, 0xE000 | pid) for n, pid in PROGRAM_MAPS.items())
    table = struct.pack(">BHHBBB", 0, 0xB000 | (len(entries) + 9), 1, 0xC1, 0, 0) + entries
    header = b"\x47\x40\x00\x10\x00"
    pat = (header + table + struct.pack(">I", compute_crc(table))).ljust(size, b"\xff")
    packets = []
    for data in (first.read_bytes(), second.read_bytes()):
        count = len(data) // size
        packets += [(n / count, data[n * size : (n + 1) * size]) for n in range(count)]
    packets.sort(key=lambda packet: packet[0])
    kept = (data for _, data in packets if struct.unpack_from(">H", data, 1)[0] & 0x1FFF > 0x1F)
    target.write_bytes(pat + b"".join(kept))
    return target


def compute_crc(data):
    """Return the CRC of a section of a transport stream (ISO/IEC 13818-1, annex A)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc


@pytest.mark.slow
@pytest.mark.parametrize("clocks", [("100", "18000"), ("18000", "100")])
def test_programs_with_different_clocks_stay_in_sync(colored, tmp_path, clocks):
    """The second program is a radio program."""
    parts = [
        make_sync_film(
            tmp_path / f"{number}.ts", *MPEG2, "-output_ts_offset", clock,
            "-mpegts_service_id", str(number), "-mpegts_pmt_start_pid", str(program_map),
            "-mpegts_start_pid", str(0x100 * number), *(("-vn",) if number == 2 else ()),
        )
        for (number, program_map), clock in zip(PROGRAM_MAPS.items(), clocks, strict=True)
    ]  # fmt: skip
    film = colored(interleave_programs(*parts, tmp_path / "in.ts"), "mp4")
    starts = [film.after.times[0], *(a.packets[0][0] for a in film.after.streams_of("audio"))]
    assert len(starts) == 3
    assert starts == pytest.approx([0, 0, 0], abs=0.1)
    assert len(film.after.times) == 40
    assert_in_sync(parts[0], film.path)


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "codecs", "unit"), [("ts", MPEG2, 188), ("vob", DVD, 2048)])
def test_recording_that_begins_anywhere_in_the_stream(colored, tmp_path, suffix, codecs, unit):
    """Its first frames cannot be decoded, and the timestamps of its first packets repeat."""
    whole = make_sync_film(tmp_path / f"whole.{suffix}", *codecs, "-output_ts_offset", "500",
                           duration_s=3.4)  # fmt: skip
    data = whole.read_bytes()
    source = tmp_path / f"in.{suffix}"
    source.write_bytes(data[len(data) * 2 // 5 // unit * unit :])
    film = colored(source, "mp4")
    assert film.result.num_frames == len(film.after.times) > 30
    flashes, beeps = find_onsets(film.path)
    assert len(flashes) >= 1
    assert beeps[-1] == pytest.approx(flashes[-1], abs=0.005)
    assert film.after.streams_of("audio")[0].packets[0][0] == pytest.approx(0, abs=0.05)


@pytest.fixture(scope="module")
def uncut(tmp_path_factory):
    """Films in MP4 with AAC and in MOV with PCM."""
    directory = tmp_path_factory.mktemp("uncut")
    return {
        "mp4": make_sync_film(directory / "uncut.mp4", *H264, duration_s=3.5),
        "mov": make_sync_film(directory / "uncut.mov", *PCM, duration_s=3.5),
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edits", "num_frames", "source_suffix", "suffix"),
    [
        (MIDDLE_CUT, 50, "mp4", "mp4"),
        (MIDDLE_CUT, 50, "mov", "mxf"),
        (PAUSE_AND_START_CUT, 50, "mp4", "mkv"),
        (PAUSE_AND_START_CUT, 50, "mov", "mov"),
        (THREE_PARTS, 45, "mp4", "mp4"),
        (THREE_PARTS, 45, "mov", "mov"),
        (THREE_PARTS, 45, "mov", "mxf"),
    ],
)
def test_edit_list_hides_what_it_cuts(
    uncut, colored, tmp_path, edits, num_frames, source_suffix, suffix
):
    source = set_edit_list(uncut[source_suffix], tmp_path / f"in.{source_suffix}", edits)
    film = colored(source, suffix, **({"encoder": "ffv1"} if suffix == "mxf" else {}))
    assert not film.result.damaged
    assert len(film.after.times) == len(film.before.times) == num_frames
    assert_in_sync(source, film.path)


@pytest.mark.parametrize(
    ("suffix", "audio_s", "message"),
    [
        ("mov", "0.3", None),
        ("mov", "3", "copied; audio before or after the video is left out"),
        ("mkv", "0.3", None),
        ("mkv", "3", "audio stream 1: 1.8 s after the end of the video are left out"),
    ],
)
def test_frames_without_audio_are_kept_in_mxf(clip, colored, suffix, audio_s, message):
    """FFmpeg's muxer writes as many frames as there is audio for."""
    tone = ("-f", "lavfi", "-t", audio_s, "-i", "sine=440:r=48000")
    source = clip(suffix, "mpeg4", "yuv420p", "-map", "0", "-map", "1", "-c:a", "pcm_s16le",
                  inputs=tone, frames=30, rate=Fraction(25))  # fmt: skip
    film = colored(source, "mxf", encoder="ffv1")
    assert len(film.after.times) == 30
    warnings = " ".join(film.result.warnings)
    assert ("left out" in warnings) == (message is not None)
    assert (message or "") in warnings
    with av.open(str(film.path)) as result:
        assert sum(f.samples for f in result.decode(audio=0)) == 30 * 1920


@pytest.mark.slow
@pytest.mark.parametrize("source_suffix", ["ts", "mp4"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_trim_of_any_clock_and_edit_list_is_in_sync(
    uncut, colored, tmp_path, suffix, source_suffix
):
    if source_suffix == "ts":
        clock = str(WRAP_S - 2.2)
        source = make_sync_film(tmp_path / "in.ts", *H264, "-output_ts_offset", clock)
    else:
        source = set_edit_list(uncut["mp4"], tmp_path / "in.mp4", [(800, 0), (1300, 1700)])
    film = colored(source, suffix, start=Fraction(3, 5), end=Fraction(7, 5))
    assert film.result.num_frames == len(film.after.times) == 20
    assert film.after.times[0] == pytest.approx(0, abs=FRAME_S)
    flashes, beeps = find_onsets(film.path)
    assert len(flashes) == 1
    assert beeps == pytest.approx(flashes, abs=0.02)
