"""What an editing program needs to replace the source by the result must survive.

These are the timecode, the reel name and the exact frame rate.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import OpenEXR
import pytest

from tests.helpers.checks import read_film
from vidcolor.errors import UsageError
from vidcolor.film.api import colorize_film, colorize_sequence
from vidcolor.media.probe import probe
from vidcolor.options import ColorizeOptions
from vidcolor.timecode import parse_frame_rate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.checks import ColorizedFilm
    from tests.helpers.clips import ClipMaker
    from vidcolor.colorizer import Colorizer

REEL = "A001_C002"
NTSC = Fraction(30000, 1001)
CODECS = {
    "mov": ("prores_ks", "yuv422p10le"),
    "mxf": ("mpeg2video", "yuv422p"),
    "mkv": ("ffv1", "yuv420p"),
    "mp4": ("mpeg4", "yuv420p"),
}
"""Encoder and pixel format of the sources, by container."""


def make_source(
    clip: ClipMaker, suffix: str, timecode: str, rate: Fraction, frames: int = 12
) -> Path:
    reel = ("-metadata", f"reel_name={REEL}", "-metadata:s:v", f"reel_name={REEL}")
    return clip(suffix, *CODECS[suffix], "-timecode", timecode, *reel, rate=rate, frames=frames)


def read_dpx_fields(path: Path) -> tuple[str, str, float]:
    """Return the digits of the timecode, the input device and the frame rate of a DPX file."""
    data = path.read_bytes()
    (code,) = struct.unpack_from("<I", data, 1920)
    (rate,) = struct.unpack_from("<f", data, 1724)
    return f"{code:08x}", data[1556:1588].rstrip(b"\0").decode(), rate


def read_exr_fields(path: Path) -> tuple[str, str, float]:
    """Return the same of an OpenEXR file, read by the OpenEXR library."""
    with OpenEXR.File(str(path)) as file:
        header: Any = file.header()  # It is empty after the file is closed.
        code, rate = header["timeCode"], header["framesPerSecond"]
        times = f"{code.hours:02d}{code.minutes:02d}{code.seconds:02d}"
        frames = int(str(code.frame), 16) | 0x40 * code.dropFrame
        return f"{times}{frames:02x}", header["reelName"], float(rate)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mov", "mxf", "mkv", "webm"])
@pytest.mark.parametrize("source", ["mov", "mxf", "mkv"])
def test_timecode_and_reel_survive_in_every_container(
    clip: ClipMaker, colored: Callable[..., ColorizedFilm], source: str, suffix: str
) -> None:
    path = make_source(clip, source, "00:59:59;24", NTSC)
    film = colored(path, suffix)
    video = probe(film.path).video
    assert (video.timecode, video.reel, video.rate) == ("00:59:59;24", REEL, NTSC)
    assert not any("timecode" in text or "reel" in text for text in film.result.warnings)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "timecode", "start", "expected"),
    [
        (NTSC, "00:59:59;24", Fraction(1, 5), "01:00:00;00"),
        (NTSC, "01:08:59;24", Fraction(1, 5), "01:09:00;02"),
        (Fraction(60000, 1001), "00:00:59;54", Fraction(1, 10), "00:01:00;04"),
        (Fraction(24), "23:59:59:20", Fraction(1, 4), "00:00:00:02"),
        (Fraction(24000, 1001), "01:00:00:00", Fraction(1, 4), "01:00:00:06"),
        (Fraction(25), "10:00:00:20", Fraction(1, 5), "10:00:01:00"),
        (Fraction(50), "10:00:00:40", Fraction(1, 5), "10:00:01:00"),
        (Fraction(18), "01:00:00:16", Fraction(1, 6), "01:00:01:01"),
    ],
)
def test_start_moves_the_timecode(
    clip: ClipMaker,
    colored: Callable[..., ColorizedFilm],
    rate: Fraction,
    timecode: str,
    start: Fraction,
    expected: str,
) -> None:
    film = colored(make_source(clip, "mov", timecode, rate), "mov", start=start)
    assert film.after.properties["timecode"] == expected
    assert film.after.properties["rate"] == rate
    assert film.result.warnings == ()


def test_trimmed_matroska_source_keeps_the_count_of_frames(
    clip: ClipMaker, colored: Callable[..., ColorizedFilm]
) -> None:
    """Its timestamps are rounded to 1 ms."""
    film = colored(make_source(clip, "mkv", "01:00:00;02", NTSC), "mov", start=Fraction(1, 4))
    assert film.after.properties["timecode"] == "01:00:00;10"


@pytest.mark.slow
@pytest.mark.parametrize("target", ["mov", "mkv"])
@pytest.mark.parametrize(("suffix", "delay"), [("avi", 0), ("mkv", 0), ("mkv", 0.3), ("mov", 0.3)])
def test_trim_starts_with_its_first_frame(
    clip: ClipMaker,
    colored: Callable[..., ColorizedFilm],
    suffix: str,
    delay: float,
    target: str,
) -> None:
    """A gap before it, such as from 0.2 s to 0.2002 s, would count as a frame of the timecode."""
    tone = ("-itsoffset", f"{-delay}", "-f", "lavfi", "-t", "1", "-i", "sine=r=48000")
    maps = ("-map", "0", "-map", "1", "-c:a", "pcm_s16le")
    codec = "mpeg4" if suffix == "mov" else "ffv1"
    source = clip(suffix, codec, "yuv420p", *maps, rate=NTSC, inputs=tone)
    film = colored(source, target, start=Fraction(1, 5))
    first = film.before.times[6]
    expected = [time - first for time in film.before.times[6:]]
    assert film.after.times == pytest.approx(expected, abs=0.0011)
    assert film.after.times[0] == 0
    audio = film.after.streams_of("audio")[0].packets
    assert 0 <= float(audio[0][0] or 0) <= 0.03


def test_container_that_cannot_hold_the_reel_is_named(
    clip: ClipMaker, colored: Callable[..., ColorizedFilm]
) -> None:
    film = colored(make_source(clip, "mov", "01:00:00:00", Fraction(24)), "mp4")
    assert film.after.properties["timecode"] == "01:00:00:00"
    assert film.result.warnings == (f"not kept: reel name {REEL}, which mp4 cannot hold",)


@pytest.mark.parametrize("suffix", ["mov", "mxf"])
def test_timecode_that_does_not_exist_at_the_rate_is_named(
    clip: ClipMaker, colored: Callable[..., ColorizedFilm], suffix: str
) -> None:
    source = clip("mkv", *CODECS["mkv"], "-metadata", "timecode=01:00:00;00", rate=Fraction(25))
    film = colored(source, suffix, purpose="editing")
    assert "not kept: timecode 01:00:00;00, which is not valid at 25 frames per second" in (
        film.result.warnings
    )


def test_mxf_names_the_rates_that_it_supports(clip: ClipMaker, tmp_path: Path) -> None:
    source = make_source(clip, "mov", "01:00:00:00", Fraction(18))
    with pytest.raises(UsageError, match=r"mxf does not support 18 frames per second, only 23\.9"):
        colorize_film(source, tmp_path / "a.mxf")


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".dpx", ".exr"])
def test_film_becomes_a_scan_with_timecode_and_reel_and_comes_back(
    clip: ClipMaker, flat: Colorizer, tmp_path: Path, suffix: str
) -> None:
    source = make_source(clip, "mov", "00:59:59;24", NTSC)
    frames, options = tmp_path / f"f_%04d{suffix}", ColorizeOptions(start=Fraction(1, 10))
    result = colorize_film(source, frames, options, colorizer=flat)
    assert result.warnings == ()
    read = read_dpx_fields if suffix == ".dpx" else read_exr_fields
    rate = pytest.approx(30000 / 1001, abs=1e-5)
    # 40 in the hexadecimal digits of the frames is the drop-frame flag.
    assert read(tmp_path / f"f_0001{suffix}") == ("00595967", REEL, rate)
    assert read(tmp_path / f"f_0004{suffix}") == ("01000040", REEL, rate)
    for container, start in (("mov", None), ("mxf", None), ("mov", Fraction(1, 10))):
        path = tmp_path / f"back{start}.{container}"
        options = ColorizeOptions(purpose="editing", start=start)
        result = colorize_sequence(frames, path, options, colorizer=flat)
        assert not any("fps" in text for text in result.warnings)
        video = probe(path).video
        timecode = "00:59:59;27" if start is None else "01:00:00;00"
        assert (video.timecode, video.reel, video.rate) == (timecode, REEL, NTSC)


@pytest.mark.slow
def test_dpx_names_what_its_fields_cannot_store(
    clip: ClipMaker, flat: Colorizer, tmp_path: Path
) -> None:
    reel = ("-metadata:s:v", "reel_name=Büro 7")
    source = clip("mov", *CODECS["mov"], "-timecode", "00:59:59;54", *reel, frames=2,
                  rate=Fraction(60000, 1001))  # fmt: skip
    warnings = colorize_film(source, tmp_path / "f_%d.dpx", colorizer=flat).warnings
    assert warnings == (
        "DPX stores the reel name Büro 7 as B?ro 7",
        "the images do not store that the timecode is drop-frame, at this frame rate",
    )
    assert read_dpx_fields(tmp_path / "f_2.dpx")[:2] == ("00595955", "B?ro 7")


def test_images_without_the_fields_name_what_is_lost(
    clip: ClipMaker, flat: Colorizer, tmp_path: Path
) -> None:
    source = make_source(clip, "mov", "01:00:00:00", Fraction(24), frames=2)
    warnings = colorize_film(source, tmp_path / "f_%d.tif", colorizer=flat).warnings
    assert "not kept: timecode 01:00:00:00, which TIFF cannot hold" in warnings
    assert f"not kept: reel name {REEL}, which TIFF cannot hold" in warnings


def test_timecode_counts_from_the_first_number_of_a_sequence(
    clip: ClipMaker, flat: Colorizer, tmp_path: Path
) -> None:
    source = make_source(clip, "mov", "01:00:00:00", Fraction(24), frames=3)
    colorize_film(source, tmp_path / "f_%d.dpx", colorizer=flat)
    (tmp_path / "f_1.dpx").write_bytes(b"damaged")
    options = ColorizeOptions(allow_damaged=True)
    colorize_sequence(tmp_path / "f_%d.dpx", tmp_path / "a.mov", options, colorizer=flat)
    assert read_film(tmp_path / "a.mov").properties["timecode"] == "01:00:00:01"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "codec", "rate", "expected"),
    [
        ("mkv", "ffv1", "18", "18"), ("mkv", "ffv1", "16", "16"), ("mkv", "ffv1", "50/3", "50/3"),
        ("mkv", "ffv1", "60000/1001", "60000/1001"), ("flv", "flv", "30000/1001", "30000/1001"),
        ("ts", "mpeg2video", "24000/1001", "24000/1001"), ("avi", "ffv1", "2997/125", "24000/1001"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("target", ["mov", "mp4"])
def test_constant_rate_is_exact_although_the_source_rounds(
    clip: ClipMaker,
    colored: Callable[..., ColorizedFilm],
    suffix: str,
    codec: str,
    rate: str,
    expected: str,
    target: str,
) -> None:
    source = clip(suffix, codec, "yuv420p", rate=Fraction(rate), frames=31)
    film = colored(source, target, purpose="editing" if target == "mov" else "delivery")
    steps = {b - a for a, b in pairwise(film.after.times)}
    assert steps == {1 / Fraction(expected)}
    assert film.after.properties["rate"] == Fraction(expected)


@pytest.mark.slow
@pytest.mark.parametrize("fps", ["12", "16.67", "18", "23.976", "59.94"])
def test_sequence_has_exactly_the_rate_of_fps(
    clip: ClipMaker, flat: Colorizer, tmp_path: Path, fps: str
) -> None:
    source = make_source(clip, "mov", "01:00:00:00", Fraction(24), frames=5)
    colorize_film(source, tmp_path / "f_%d.png", colorizer=flat)
    rate = parse_frame_rate(fps)
    suffixes = ("mov", "mp4", "mxf") if rate > 23 else ("mov", "mp4")
    for suffix in suffixes:
        path, options = tmp_path / f"a.{suffix}", ColorizeOptions(purpose="editing", fps=rate)
        colorize_sequence(tmp_path / "f_%d.png", path, options, colorizer=flat)
        assert {b - a for a, b in pairwise(read_film(path).times)} == {1 / rate}
        assert probe(path).video.rate == rate
