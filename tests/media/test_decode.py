"""Reading on past damage, and what is said of it; what cannot be read at all."""

from __future__ import annotations

import zipfile

import av
import numpy as np
import pytest

from tests.helpers.clips import ffmpeg
from vidcolor.errors import InputError
from vidcolor.media.decode import FilmReader
from vidcolor.media.packets import MAX_ERRORS_IN_A_ROW, read_past_damage
from vidcolor.media.probe import probe

TONE = ("-f", "lavfi", "-t", "1.6", "-i", "sine=440:r=48000")


def read(path):
    reader = FilmReader(path, probe(path).video)
    return list(reader.frames()), reader.damage


def spoil(source, target, begin, length, step=5):
    """A copy with every `step`th byte turned round from a share of the file on."""
    data = bytearray(source.read_bytes())
    first = int(len(data) * begin)
    for n in range(first, min(first + length, len(data)), step):
        data[n] ^= 0xFF
    target.write_bytes(data)
    return target


@pytest.fixture(scope="session")
def unreadable(tmp_path_factory, clip):
    directory = tmp_path_factory.mktemp("unreadable")
    made = {name: directory / f"{name}.mp4" for name in ("missing", "empty", "text", "zip", "cut")}
    made["empty"].write_bytes(b"")
    made["text"].write_text("no film, only words\n" * 500)
    with zipfile.ZipFile(made["zip"], "w") as archive:
        archive.writestr("a.txt", "hello" * 1000)
    made["cut"].write_bytes(clip("mp4", "libx264", "yuv420p").read_bytes()[:4000])
    made["directory"] = directory
    made["audio"] = directory / "audio.m4a"
    ffmpeg(*TONE, "-c:a", "aac", str(made["audio"]))
    made["cover"] = directory / "cover.mp3"
    ffmpeg(*TONE, "-f", "lavfi", "-i", "color=red:s=32x32:r=1:d=1", "-map", "0", "-map", "1",
           "-frames:v", "1", "-c:v", "png", "-disposition:v", "attached_pic",
           str(made["cover"]))  # fmt: skip
    made["frameless"] = directory / "frameless.mkv"
    with av.open(str(made["frameless"]), "w") as output:
        stream = output.add_stream("ffv1", rate=24)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        output.start_encoding()
    return made


UNREADABLE = {
    "missing": "no such file",
    "empty": "not a film",
    "text": "not a film",
    "zip": "not a film",
    "cut": "complete",
    "directory": "is a directory",
    "audio": "no video stream to color .found: audio.",
    "cover": "found: audio, cover art",
    "frameless": "not a film|no frame",
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_is_no_film_is_refused_in_one_line(unreadable, kind):
    with pytest.raises(InputError, match=UNREADABLE[kind]) as refused:
        probe(unreadable[kind])
    message = str(refused.value)
    assert message.startswith(f"{unreadable[kind]}: ")
    assert "\n" not in message


def test_a_whole_film_is_not_called_damaged(clip):
    for suffix, codec in (("mp4", "libx264"), ("ts", "libx264"), ("mpg", "mpeg2video")):
        frames, damage = read(clip(suffix, codec, "yuv420p", rate=25, frames=24))
        assert len(frames) == 24
        assert not damage.is_damaged
        assert damage.describe() == []


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_film_that_is_cut_off(clip, tmp_path, suffix):
    faststart = ("-movflags", "+faststart") if suffix == "mp4" else ()
    whole = clip(suffix, "libx264", "yuv420p", "-g", "12", *faststart, frames=48)
    part = tmp_path / f"part.{suffix}"
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    frames, damage = read(part)
    assert 10 < len(frames) < 40
    assert damage.is_damaged
    assert damage.missing_s == pytest.approx(2 - len(frames) / 24, abs=0.3)
    assert any("cut off" in said for said in damage.describe())


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "libx264"), ("avi", "mpeg4"), ("mpg", "mpeg2video")]
)
def test_damage_in_the_middle_costs_little(clip, tmp_path, suffix, codec):
    whole = clip(suffix, codec, "yuv420p", "-g", "8", rate=25, frames=40)
    frames, damage = read(spoil(whole, tmp_path / f"bad.{suffix}", 0.5, 3000))
    assert 25 <= len(frames) <= 40
    assert damage.is_damaged
    stamps = [f.pts for f in frames]
    assert stamps == sorted(set(stamps))


def test_reading_ends_when_nothing_decodes_any_more(clip, tmp_path):
    whole = clip("mkv", "ffv1", "yuv420p", frames=40)
    data = bytearray(whole.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    bad = tmp_path / "zeros.mkv"
    bad.write_bytes(data)
    frames, damage = read(bad)
    assert 15 <= len(frames) < 40
    assert damage.is_damaged


class Stumbling:
    """A container whose demuxer fails at some packets, the way PyAV's does: by an exception."""

    def __init__(self, steps):
        self.format = type("Format", (), {"flags": 0})
        self.streams = ()
        self._steps = iter(steps)

    def demux(self, _streams):
        for step in self._steps:
            if step == "bad":
                raise av.InvalidDataError(1094995529, "Invalid data found")
            yield step


def test_demuxing_goes_on_after_errors_but_not_for_ever():
    mistakes = []
    container = Stumbling([1, "bad", 2, "bad", "bad", 3])
    assert list(read_past_damage(container, [], lambda: mistakes.append(1))) == [1, 2, 3]
    assert len(mistakes) == 3
    hopeless = Stumbling([1, *["bad"] * (MAX_ERRORS_IN_A_ROW + 1), 2])
    assert list(read_past_damage(hopeless, [])) == [1]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (dict(size=(64, 96)), "changes from 96x64 to 64x96 at 0.5.* s; .*-ss 0.5"),
        (dict(pix_fmt="yuv420p10le"), "pixel format changes from yuv420p to yuv420p10le"),
        (dict(more=("-color_range", "pc")), "between limited and full range"),
    ],
)
def test_a_film_that_becomes_another_is_refused_where_it_does(clip, tmp_path, second, said):
    pix_fmt, more = second.pop("pix_fmt", "yuv420p"), second.pop("more", ())
    stated = "setparams=colorspace=bt709"  # or x264 would not state the limited range either
    parts = [
        clip("ts", "libx264", "yuv420p", vf=stated),
        clip("ts", "libx264", pix_fmt, *more, vf=stated, **second),
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(p.read_bytes() for p in parts))
    with pytest.raises(InputError, match=said):
        read(joined)


def test_another_subsampling_midway_is_no_matter(clip, colored, tmp_path):
    """All chroma is ours, and the luma of both parts is of one kind."""
    parts = [clip("ts", "libx264", f) for f in ("yuv420p", "yuv422p")]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(p.read_bytes() for p in parts))
    film = colored(joined, "mkv", purpose="archive")
    assert len(film.after.frames) == 24
    film.expect_same_luma()


def test_a_broken_time_stamp_does_not_shift_the_rest(clip, tmp_path):
    """One packet of a transport stream claims to be from the beginning."""
    source = clip("ts", "libx264", "yuv420p", "-bf", "0", frames=40)
    with av.open(str(source)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        whole = [p.pts for p in packets]
        bad = tmp_path / "bad.ts"
        with av.open(str(bad), "w") as output:
            stream = output.add_stream_from_template(container.streams.video[0])
            for packet in packets:
                packet.stream = stream
                output.mux(packet)
    data = bytearray(bad.read_bytes())
    position = _pes_time_stamp(data, 20)
    data[position : position + 5] = b"\x21\x00\x05\x00\x01"
    bad.write_bytes(data)
    frames, _ = read(bad)
    stamps = np.diff([f.pts for f in frames])
    assert len(frames) in (len(whole) - 1, len(whole))
    assert (stamps > 0).all()
    assert stamps.max() < 90000 / 5, "the film goes on where it was"


def _pes_time_stamp(data, number):
    """Where the PTS of the n-th picture's PES header lies in a transport stream."""
    start = -1
    for _ in range(number):
        start = data.index(b"\x00\x00\x01\xe0", start + 1)
    return start + 9
