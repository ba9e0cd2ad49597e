"""Truncated films are recognized, and intact films with unusual headers are not taken for them."""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from tests.helpers.sync import set_edit_list
from vidcolor.media.decode import VideoReader
from vidcolor.media.probe import probe
from vidcolor.media.truncation import count_missing_bytes

TONE = ("-f", "lavfi", "-t", "2.4", "-i", "sine=440:r=48000")
H264 = ("libx264", "-g", "12", "-c:a", "aac")
CODECS = {
    "mkv": H264,
    "mp4": (*H264, "-movflags", "+faststart"),
    "m4v": (*H264, "-f", "mp4", "-movflags", "+dash+frag_keyframe+global_sidx"),
    "mov": (*H264, "-movflags", "+faststart+frag_keyframe+empty_moov"),
    "flv": ("flv1", "-g", "12", "-ar", "44100", "-c:a", "mp3"),
    "avi": ("mpeg4", "-g", "12", "-c:a", "mp3"),
    "mxf": ("mpeg2video", "-g", "12", "-c:a", "pcm_s16le"),
    "wmv": ("wmv2", "-g", "12", "-c:a", "wmav2"),
    "ogv": ("libtheora", "-g", "12", "-c:a", "libvorbis"),
    "webm": ("libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"),
}
LATE_VIDEO = {"vf": "setpts=PTS+0.5/TB"}
LATE_AUDIO = {"inputs": ("-itsoffset", "0.6", *TONE)}


def make(clip, suffix, **options):
    codec, *more = CODECS[suffix]
    settings = {"inputs": TONE, "frames": 60, "rate": Fraction(25), "vf": "null", **options}
    return clip(suffix, codec, "yuv420p", *more, "-map", "0", "-map", "1", **settings)


def find_damage(path):
    """Return the messages about damage of a film that is read to its end."""
    reader = VideoReader(path, probe(path).video)
    assert sum(1 for _ in reader.frames())
    assert reader.damage.is_damaged == bool(reader.damage.describe())
    return reader.damage.describe()


@pytest.mark.parametrize("options", [{}, LATE_VIDEO, LATE_AUDIO], ids=["plain", "video", "audio"])
@pytest.mark.parametrize("suffix", [s for s in CODECS if s != "ogv"])
def test_only_a_truncated_film_is_reported(clip, tmp_path, suffix, options):
    intact = make(clip, suffix, **options)
    assert find_damage(intact) == []
    truncated = tmp_path / intact.name
    truncated.write_bytes(intact.read_bytes()[: intact.stat().st_size * 6 // 10])
    assert any("truncated" in message for message in find_damage(truncated))


@pytest.mark.parametrize("suffix", [s for s in CODECS if s != "flv"])
def test_number_of_missing_bytes_is_exact(clip, tmp_path, suffix):
    intact = make(clip, suffix)
    data = intact.read_bytes()
    assert count_missing_bytes(intact) == 0
    truncated = tmp_path / intact.name
    truncated.write_bytes(data[:-2000])
    missing = count_missing_bytes(truncated)
    # The last part may be an index or a page of another size.
    assert 0 < missing <= 2000
    truncated.write_bytes(data + b"appended by another program")
    assert count_missing_bytes(truncated) == 0


def test_film_without_its_last_fragments_is_truncated(clip, tmp_path):
    """The index of a stream for browsers states how many bytes follow it."""
    data = make(clip, "m4v").read_bytes()
    last_fragment, seek_table = data.rindex(b"moof") - 4, data.rindex(b"mfra") - 4
    truncated = tmp_path / "truncated.m4v"
    truncated.write_bytes(data[:last_fragment])
    assert find_damage(truncated) == [
        f"the file is truncated: at least {seek_table - last_fragment} byte(s) are missing at its "
        "end"
    ]


@pytest.mark.parametrize(("duration_s", "is_cut"), [(9.0, False), (0.0, False), (2.4, True)])
def test_duration_of_flv_may_be_stale(clip, tmp_path, duration_s, is_cut):
    """Programs that cut or join films leave it unchanged. An incomplete tag is at a true end."""
    data = bytearray(make(clip, "flv").read_bytes())
    struct.pack_into(">d", data, data.index(b"duration") + 9, duration_s)
    path = tmp_path / "film.flv"
    path.write_bytes(data[: len(data) // 2] if is_cut else data)
    assert count_missing_bytes(path) == (None if is_cut else 0)
    assert any("truncated" in message for message in find_damage(path)) == is_cut


@pytest.mark.parametrize("tag", ["00:00:02.400", "00:00:02.900", "00:00:09.000", "00:00:00.000"])
@pytest.mark.parametrize("options", [{}, LATE_VIDEO], ids=["plain", "late video"])
def test_duration_tag_of_matroska_may_be_an_end_a_length_or_stale(clip, tmp_path, options, tag):
    data = bytearray(make(clip, "mkv", **options).read_bytes())
    positions = [i for i in range(len(data)) if data.startswith(b"DURATION", i)]
    assert len(positions) == 2
    for position in positions:
        value = data.index(b"00:00:0", position)
        data[value : value + len(tag)] = tag.encode()
    tagged = tmp_path / "tagged.mkv"
    tagged.write_bytes(data)
    assert find_damage(tagged) == []
    tagged.write_bytes(data[: len(data) * 6 // 10])
    assert any("truncated" in message for message in find_damage(tagged))


@pytest.mark.parametrize(
    "edits",
    [
        [(500, -1), (2400, 0)],
        [(500, -1), (1500, 700)],
        [(800, 0), (700, 1700)],
        [(9000, 0)],
        [(0, 0)],
    ],
    ids=["pause", "pause and start cut", "middle cut", "longer than the media", "no duration"],
)
def test_edit_list_is_not_taken_for_a_truncation(clip, tmp_path, edits):
    source = clip("mp4", H264[0], "yuv420p", *H264[1:], "-map", "0", "-map", "1", inputs=TONE,
                  frames=60, rate=Fraction(25))  # fmt: skip
    assert find_damage(set_edit_list(source, tmp_path / "edited.mp4", edits)) == []


def test_large_and_live_files_are_understood(tmp_path):
    """Sizes of 64 bits, several RIFF chunks, and sizes that a live recording leaves open."""
    box = b"\0\0\0\1mdat" + (116).to_bytes(8, "big") + bytes(100)
    riff = b"RIFF" + (92).to_bytes(4, "little") + b"AVI " + bytes(88)
    segment = b"\x1a\x45\xdf\xa3\x84" + bytes(4) + b"\x18\x53\x80\x67"
    files = {
        b"\0\0\0\x10ftypisom" + bytes(4) + box: 0,
        b"\0\0\0\x10ftypisom" + bytes(4) + box[:-40] + b"!": 39,
        riff + riff + b"!": 0,
        riff + riff[:-30] + b"!": 29,
        b"RIFF" + bytes(4) + b"AVI " + bytes(88) + b"!": None,
        segment + b"\x01" + b"\xff" * 7 + b"cluster": None,
        segment + b"\x88" + b"cluster!": 0,
        segment + b"\x89" + b"cluster!": 1,
        segment + b"\0" + b"damaged": None,
        riff[:40] + bytes(2000): None,
    }
    for number, (data, missing) in enumerate(files.items()):
        path = tmp_path / str(number)
        path.write_bytes(data)
        assert count_missing_bytes(path) == missing, data[:24]


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("trailer", [b"", b"film of a motion photo" * 99])
def test_end_of_an_image_is_that_of_its_first_picture(tmp_path, suffix, trailer):
    """The preview in the header ends as the image does."""
    path = tmp_path / f"a.{suffix}"
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
    image.save(path, exif=b"Exif\0\0preview\xff\xd9" if suffix == "jpg" else b"")
    data = path.read_bytes()
    path.write_bytes(data + trailer)
    assert count_missing_bytes(path) == 0
    for kept in (len(data) - 1, len(data) // 2):
        path.write_bytes(data[:kept])
        assert count_missing_bytes(path) > 0
