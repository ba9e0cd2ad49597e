"""Decoding of damaged films, changes within a film, trims, and unreadable files."""

from __future__ import annotations

import struct
import zipfile
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from tests.helpers.clips import ffmpeg
from vidcolor.errors import InputError
from vidcolor.media.decode import VideoReader
from vidcolor.media.probe import probe

TONE = ("-f", "lavfi", "-t", "1.6", "-i", "sine=440:r=48000")


def read_frames(path):
    reader = VideoReader(path, probe(path).video)
    return list(reader.frames()), reader.damage


def corrupt(source, target, position, length, step=5):
    """Copy a file and invert every `step`th byte of a part.

    Args:
        source: the file.
        target: the copy.
        position: start of the part as a fraction of the file.
        length: length of the part in bytes.
        step: distance between inverted bytes.
    """
    data = bytearray(source.read_bytes())
    first = int(len(data) * position)
    for n in range(first, min(first + length, len(data)), step):
        data[n] ^= 0xFF
    target.write_bytes(data)
    return target


@pytest.fixture(scope="session")
def unreadable(tmp_path_factory, clip):
    """Files that cannot be colorized, by the kind of their defect."""
    directory = tmp_path_factory.mktemp("unreadable")
    names = ("missing", "empty", "text", "zip", "truncated")
    files = {name: directory / f"{name}.mp4" for name in names}
    files["empty"].write_bytes(b"")
    files["text"].write_text("a line of text\n" * 500)
    with zipfile.ZipFile(files["zip"], "w") as archive:
        archive.writestr("a.txt", "hello" * 1000)
    files["truncated"].write_bytes(clip("mp4", "libx264", "yuv420p").read_bytes()[:4000])
    matroska = clip("mkv", "ffv1", "yuv420p").read_bytes()
    files["unknown codec"] = directory / "unknown.mkv"
    files["unknown codec"].write_bytes(matroska.replace(b"V_FFV1", b"V_FFV9"))
    files["directory"] = directory
    files["audio"] = directory / "audio.m4a"
    ffmpeg(*TONE, "-c:a", "aac", str(files["audio"]))
    files["cover"] = directory / "cover.mp3"
    ffmpeg(*TONE, "-f", "lavfi", "-i", "color=red:s=32x32:r=1:d=1", "-map", "0", "-map", "1",
           "-frames:v", "1", "-c:v", "png", "-disposition:v", "attached_pic",
           str(files["cover"]))  # fmt: skip
    files["frameless"] = directory / "frameless.mkv"
    with av.open(str(files["frameless"]), "w") as output:
        stream = output.add_stream("ffv1", rate=24)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        output.start_encoding()
    return files


ERRORS = {
    "missing": "no such file",
    "empty": "is empty; get a complete copy",
    "text": "not a video",
    "zip": "not a video",
    "truncated": "check that the file is complete",
    "unknown codec": "FFmpeg has no decoder for this video",
    "directory": "is a directory",
    "audio": "no video stream to colorize .found: audio.",
    "cover": "found: audio, cover art",
    "frameless": "not a video|no frame",
}


@pytest.mark.parametrize("kind", ERRORS)
def test_unreadable_file_is_rejected_with_one_line(unreadable, kind):
    with pytest.raises(InputError, match=ERRORS[kind]) as error:
        probe(unreadable[kind])
    message = str(error.value)
    assert message.startswith(f"{unreadable[kind]}: ")
    assert "\n" not in message


def test_intact_film_is_not_reported_as_damaged(clip):
    for suffix, codec in (("mp4", "libx264"), ("ts", "libx264"), ("mpg", "mpeg2video")):
        frames, damage = read_frames(clip(suffix, codec, "yuv420p", rate=25, frames=24))
        assert len(frames) == 24
        assert not damage.is_damaged
        assert damage.describe() == []


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_truncated_film_reports_the_missing_time(clip, tmp_path, suffix):
    faststart = ("-movflags", "+faststart") if suffix == "mp4" else ()
    intact = clip(suffix, "libx264", "yuv420p", "-g", "12", *faststart, frames=48)
    truncated = tmp_path / f"truncated.{suffix}"
    truncated.write_bytes(intact.read_bytes()[: intact.stat().st_size * 6 // 10])
    frames, damage = read_frames(truncated)
    assert 10 < len(frames) < 40
    assert damage.is_damaged
    assert damage.missing_s == pytest.approx(2 - len(frames) / 24, abs=0.3)
    assert any("truncated" in message for message in damage.describe())


def test_packets_without_data_repeat_the_previous_frame(clip):
    """Theora stores no other data for a frame that does not change."""
    path = clip("ogv", "libtheora", "yuv420p", "-g", "12", frames=24, rate=25,
                vf="setpts='(N+if(gt(N,9),6,0))/25/TB'")  # fmt: skip
    frames, damage = read_frames(path)
    assert 24 <= len(frames) < 30
    assert damage.describe() == []


def write_element(name: str, content: bytes) -> bytes:
    """Return an element of EBML (RFC 8794); `name` is its ID in hex digits."""
    return bytes.fromhex(name) + struct.pack(">Q", 1 << 56 | len(content)) + content


def copy_to_matroska(source, target, size):
    """Copy the video of an AVI file as old versions of mkvmerge do, with its FourCC and its DTS."""
    frames = []
    with av.open(str(source)) as film:
        for packet in film.demux(film.streams.video[0]):
            time_ms = round((packet.dts or 0) * 40)
            block = b"\x81" + struct.pack(">hB", time_ms, 0x80 * packet.is_keyframe)
            frames.append(write_element("a3", block + bytes(packet)) if packet.size else b"")
    bitmap = struct.pack("<IiiHH4s20x", 40, *size, 1, 24, b"XVID")
    sides = zip(("b0", "ba"), size, strict=True)
    video = b"".join(write_element(name, struct.pack(">H", side)) for name, side in sides)
    track = {
        "d7": b"\1", "73c5": b"\1", "83": b"\1", "86": b"V_MS/VFW/FOURCC", "63a2": bitmap,
        "23e383": struct.pack(">I", 40_000_000), "e0": video,
    }  # fmt: skip
    entry = write_element("ae", b"".join(map(write_element, track, track.values())))
    cluster = write_element("1f43b675", write_element("e7", b"\0") + b"".join(frames))
    content = write_element("1654ae6b", entry) + cluster
    header = write_element("1a45dfa3", write_element("4282", b"matroska"))
    target.write_bytes(header + write_element("18538067", content))


@pytest.mark.parametrize(
    ("suffix", "codec", "options"),
    [
        ("avi", "libx264", ("-bf", "3", "-x264-params", "b-pyramid=2")),
        ("avi", "mpeg4", ("-bf", "2")),
        ("mkv", "mpeg4", ("-bf", "2")),
        ("gxf", "mpeg2video", ("-bf", "2")),
    ],
)
def test_frames_of_formats_without_pts_begin_at_zero(clip, tmp_path, suffix, codec, options):
    """The DTS are in the order of the output frames, but a decoder with B-frames is late."""
    size = (720, 576) if suffix == "gxf" else (96, 64)
    path = clip("avi" if suffix == "mkv" else suffix, codec, "yuv420p", *options, "-g", "4",
                rate=25, frames=6, size=size)  # fmt: skip
    if suffix == "mkv":
        copy_to_matroska(path, tmp_path / "a.mkv", size)
        path = tmp_path / "a.mkv"
    if suffix == "gxf":  # FFmpeg's demuxer returns EPERM at most ends
        data = path.read_bytes() + bytes(16)
        path = tmp_path / "a.gxf"
        path.write_bytes(data)
    frames, damage = read_frames(path)
    assert damage.describe() == []
    assert [f.pts * f.av_frame.time_base for f in frames] == [Fraction(n, 25) for n in range(6)]
    trimmed = VideoReader(path, probe(path).video, start_s=Fraction(4, 25)).frames()
    assert [f.pts for f in trimmed] == [f.pts for f in frames[4:]]


def test_cut_at_a_keyframe_of_avi_keeps_its_start(clip, tmp_path):
    """The B-frames before the first I-frame in the order of display cannot be decoded."""
    path = clip("avi", "mpeg4", "yuv420p", "-bf", "2", "-g", "6", rate=25, frames=20)
    ffmpeg("-ss", "0.3", "-i", str(path), "-c", "copy", str(tmp_path / "cut.avi"))
    frames, _ = read_frames(tmp_path / "cut.avi")
    assert [f.pts for f in frames[:3]] == [2, 3, 4]


@pytest.mark.parametrize(("suffix", "codec"), [("m2v", "mpeg2video"), ("m1v", "mpeg1video")])
def test_frames_of_raw_mpeg_start_at_zero_with_a_constant_duration(clip, suffix, codec):
    path = clip(suffix, codec, "yuv420p", "-bf", "2", rate=25, frames=9)
    frames, damage = read_frames(path)
    assert damage.describe() == []
    assert [f.pts * f.av_frame.time_base for f in frames] == [Fraction(n, 25) for n in range(9)]
    start_s = Fraction(1, 5)
    trimmed = VideoReader(path, probe(path).video, start_s=start_s).frames()
    assert [f.pts for f in trimmed] == [f.pts for f in frames[5:]]


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "libx264"), ("avi", "mpeg4"), ("mpg", "mpeg2video")]
)
def test_damage_in_the_middle_keeps_the_frames_around_it(clip, tmp_path, suffix, codec):
    intact = clip(suffix, codec, "yuv420p", "-g", "8", rate=25, frames=40)
    frames, damage = read_frames(corrupt(intact, tmp_path / f"bad.{suffix}", 0.5, 3000))
    assert 25 <= len(frames) <= 40
    assert damage.is_damaged
    pts = [f.pts for f in frames]
    assert pts == sorted(set(pts))


def test_reading_ends_when_the_rest_does_not_decode(clip, tmp_path):
    intact = clip("mkv", "ffv1", "yuv420p", frames=40)
    data = bytearray(intact.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    zeros = tmp_path / "zeros.mkv"
    zeros.write_bytes(data)
    frames, damage = read_frames(zeros)
    assert 15 <= len(frames) < 40
    assert damage.is_damaged


@pytest.mark.slow
def test_change_of_subsampling_is_accepted(clip, colored, tmp_path):
    """All chroma is replaced, and the luma of both parts has the same size and depth."""
    parts = [clip("ts", "libx264", f) for f in ("yuv420p", "yuv422p")]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(p.read_bytes() for p in parts))
    film = colored(joined, "mkv", purpose="archive")
    assert len(film.after.frames) == 24
    film.assert_same_luma()


def test_single_bad_timestamp_does_not_shift_later_frames(clip, tmp_path):
    """One packet of a transport stream has a PTS from the start of the film."""
    source = clip("ts", "libx264", "yuv420p", "-bf", "0", frames=40)
    with av.open(str(source)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        num_packets = len(packets)
        bad = tmp_path / "bad.ts"
        with av.open(str(bad), "w") as output:
            stream = output.add_stream_from_template(container.streams.video[0])
            for packet in packets:
                packet.stream = stream
                output.mux(packet)
    data = bytearray(bad.read_bytes())
    position = find_pes_pts(data, 20)
    data[position : position + 5] = b"\x21\x00\x05\x00\x01"
    bad.write_bytes(data)
    frames, _ = read_frames(bad)
    steps = np.diff([f.pts for f in frames])
    assert len(frames) in (num_packets - 1, num_packets)
    assert (steps > 0).all()
    assert steps.max() < 90000 / 5


def find_pes_pts(data, number):
    """Return the position of the PTS in the PES header of the n-th video packet."""
    start = -1
    for _ in range(number):
        start = data.index(b"\x00\x00\x01\xe0", start + 1)
    return start + 9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "codec", "more"),
    [
        ("mp4", "libx264", ("-g", "100000", "-keyint_min", "100000", "-sc_threshold", "0")),
        ("mkv", "mpeg4", ("-g", "400")),
        ("ts", "libx264", ("-g", "100000", "-keyint_min", "100000", "-sc_threshold", "0")),
    ],
)
def test_trim_far_after_its_keyframe_is_exact(clip, suffix, codec, more):
    """All frames between the last keyframe and the start of the trim must be decoded."""
    source = clip(suffix, codec, "yuv420p", *more, rate=Fraction(4), frames=160)
    video = probe(source).video
    start_s = (video.start_pts or 0) * video.time_base + 30
    all_frames = list(VideoReader(source, video).frames())
    trimmed = list(VideoReader(source, video, start_s=start_s).frames())
    assert len(trimmed) == 40
    for expected, frame in zip(all_frames[-40:], trimmed, strict=True):
        assert frame.pts == expected.pts
        np.testing.assert_array_equal(frame.luma, expected.luma)


def test_raw_stream_is_trimmed_without_seeking(clip):
    source = clip("h264", "libx264", "yuv420p", frames=50)
    reader = VideoReader(source, probe(source).video, start_s=Fraction(1))
    assert 0 < len(list(reader.frames())) < 50


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".avif"])
@pytest.mark.parametrize("last_ms", [40, 100, 1500])
def test_the_last_frame_of_an_animation_keeps_its_duration(tmp_path, suffix, last_ms):
    durations = [100, 200, 300, 100, last_ms]
    ramp = np.tile(np.arange(96, dtype=np.uint8), (64, 1))
    first, *others = (Image.fromarray(np.roll(ramp, 9 * shift, 1)) for shift in range(5))
    path = tmp_path / f"a{suffix}"
    first.save(path, save_all=True, append_images=others, duration=durations, loop=0)
    frames, damage = read_frames(path)
    time_base = probe(path).video.time_base
    assert [float(frame.duration * time_base * 1000) for frame in frames] == durations
    assert not damage.missing_s
