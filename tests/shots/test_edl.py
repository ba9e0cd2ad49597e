"""EDL files must be read by editing programs, and read back."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import opentimelineio as otio
import pytest

from vidcolor.errors import UsageError
from vidcolor.shots.detector import Shot
from vidcolor.shots.edl import SourceFilm, format_edl
from vidcolor.shots.shot_list import ShotList, read_shots, write_shots
from vidcolor.timecode import Timecode

if TYPE_CHECKING:
    from pathlib import Path

SHOTS = (
    Shot(0, 50, "start"),
    Shot(50, 130, "dissolve", 24),
    Shot(130, 150, "cut"),
    Shot(150, 200, "fade"),
)
NTSC, NTSC_60 = Fraction(30000, 1001), Fraction(60000, 1001)


def make_film(text: str, rate: Fraction, reel: str | None = "A001C002") -> SourceFilm:
    return SourceFilm("reel.mov", rate, Timecode.parse(text, rate), reel)


def write(path: Path, film: SourceFilm) -> Path:
    write_shots(path, ShotList(SHOTS, 200), film, force=True)
    return path


def test_edl_has_one_event_per_shot() -> None:
    film = SourceFilm("a\nreel.mkv", Fraction(24000, 1001))
    assert format_edl(SHOTS, film).splitlines() == [
        "TITLE: a reel.mkv",
        "FCM: NON-DROP FRAME",
        "",
        "001  AX       V     C        00:00:00:00 00:00:02:02 00:00:00:00 00:00:02:02",
        "* FROM CLIP NAME: a reel.mkv",
        "002  AX       V     C        00:00:02:02 00:00:02:02 00:00:02:02 00:00:02:02",
        "* FROM CLIP NAME: a reel.mkv",
        "002  AX       V     D    024 00:00:02:02 00:00:05:10 00:00:02:02 00:00:05:10",
        "* TO CLIP NAME: a reel.mkv",
        "003  AX       V     C        00:00:05:10 00:00:06:06 00:00:05:10 00:00:06:06",
        "* FROM CLIP NAME: a reel.mkv",
        "004  AX       V     C        00:00:06:06 00:00:08:08 00:00:06:06 00:00:08:08",
        "* FROM CLIP NAME: a reel.mkv",
        "* FADES IN",
    ]


def test_edl_has_the_drop_frame_timecode_and_the_reel_of_the_source() -> None:
    film = make_film("00:59:58;10", NTSC, "A001_C002_1103 (2)")
    assert format_edl(SHOTS[:1], film).splitlines() == [
        "TITLE: reel.mov",
        "FCM: DROP FRAME",
        "",
        "001  A001_C00 V     C        00:59:58;10 01:00:00;00 00:59:58;10 01:00:00;00",
        "* FROM CLIP NAME: reel.mov",
        "* SOURCE FILE: A001_C002_1103 (2)",
    ]


@pytest.mark.parametrize("keep_first", [True, False])
@pytest.mark.parametrize(
    ("timecode", "rate"),
    [
        ("01:00:00:00", Fraction(24)), ("10:59:58:20", Fraction(24000, 1001)),
        ("01:00:00:00", Fraction(25)), ("00:59:58;20", NTSC), ("00:59:58:20", NTSC),
        ("23:59:58:20", Fraction(50)), ("00:08:59;50", NTSC_60), ("00:00:00:00", Fraction(18)),
    ],
)  # fmt: skip
def test_edl_is_read_back(tmp_path: Path, timecode: str, rate: Fraction, keep_first: bool) -> None:
    film = make_film(timecode, rate)
    path = write(tmp_path / "a.edl", film)
    if not keep_first:
        text = path.read_text()
        path.write_text(text[: text.index("\n001")] + text[text.index("\n002") :])
    found = read_shots(path, rate, film.timecode)
    expected = SHOTS if keep_first else (Shot(0, 50, "start"), *SHOTS[1:])
    assert (found.shots, found.num_frames) == (expected, 200)


def test_edl_of_the_whole_film_applies_to_a_trimmed_film(tmp_path: Path) -> None:
    film = make_film("01:00:00;00", NTSC)
    assert film.timecode is not None
    found = read_shots(write(tmp_path / "a.edl", film), NTSC, film.timecode + 140)
    assert found.shots == (Shot(0, 10, "start"), Shot(10, 60, "fade"))


OTHER_PROGRAMS = """TITLE: timeline 1
FCM: NON-DROP FRAME

001  TAPE1    AA/V  C        01:00:10:00 01:00:12:00 01:00:00:00 01:00:02:00
M2   TAPE1    025.0          01:00:10:00
002  TAPE1    A     C        01:00:10:00 01:00:12:00 01:00:00:00 01:00:02:00
003  TAPE 2   V     C        05:00:00:00 05:00:01:00 01:00:02:00 01:00:03:00
004  TAPE 2   V     C        05:00:01:00 05:00:01:00 01:00:03:00 01:00:03:00
004  TAPE1    B     W001 010 01:00:03:00 01:00:05:00 01:00:03:00 01:00:05:00
* FROM CLIP NAME: A
"""


def test_film_that_was_edited_from_several_reels_has_the_record_timecode(tmp_path: Path) -> None:
    path = tmp_path / "a.edl"
    path.write_text(OTHER_PROGRAMS.replace("NAME: A", "NAME: Bücher"), "latin-1", newline="\r\n")
    found = read_shots(path, Fraction(25), Timecode.parse("09:00:00:00", Fraction(25)))
    assert found.shots == (
        Shot(0, 50, "start"),
        Shot(50, 75, "cut"),
        Shot(75, 125, "dissolve", 10),
    )


@pytest.mark.parametrize(
    ("text", "rate", "message"),
    [
        ("TITLE: x", Fraction(25), "contains no video event"),
        (
            OTHER_PROGRAMS.replace("12:00", "12:30"),
            Fraction(25),
            "line 4: the timecode 01:00:12:30",
        ),
        (OTHER_PROGRAMS.replace("NON-", ""), Fraction(25), "line 4: drop-frame timecode"),
    ],
)
def test_error_names_file_and_line(tmp_path: Path, text: str, rate: Fraction, message: str) -> None:
    path = tmp_path / "a.edl"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_shots(path, rate)
    assert str(caught.value).startswith(f"{path}: ") and message in str(caught.value)
    with pytest.raises(UsageError, match="frame rate of the film is unknown"):
        read_shots(path)


def test_edl_of_another_film_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.edl", make_film("01:00:00:00", Fraction(25)))
    with pytest.raises(UsageError, match="ends at 01:00:08:00, and the film starts at 02:00:00:00"):
        read_shots(path, Fraction(25), Timecode.parse("02:00:00:00", Fraction(25)))


@pytest.mark.parametrize(
    ("timecode", "rate"),
    [
        ("01:00:00:00", Fraction(24)), ("01:00:00:00", Fraction(24000, 1001)),
        ("10:00:00:00", Fraction(25)), ("00:59:58;20", NTSC), ("00:59:58:20", NTSC),
        ("10:00:00:00", Fraction(50)), ("00:59:59;50", NTSC_60), ("00:59:59:50", Fraction(60)),
    ],
)  # fmt: skip
def test_opentimelineio_reads_the_edl(tmp_path: Path, timecode: str, rate: Fraction) -> None:
    to_timecode: Any = otio.opentime.to_timecode
    film = make_film(timecode, rate, "A001_C002_1103")
    path = write(tmp_path / "a.edl", film)
    timeline = otio.adapters.read_from_file(str(path), "cmx_3600", rate=float(rate))
    clips = list(timeline.find_clips())
    assert timeline.name == "reel.mov"
    assert film.timecode is not None
    for clip, shot in zip(clips, SHOTS, strict=True):
        span = clip.source_range
        code = to_timecode(span.start_time, float(rate), film.timecode.drop_frame)
        assert code == str(film.timecode + shot.first)
        assert span.duration.value == shot.end - shot.first
        assert clip.name == "reel.mov"
        assert clip.metadata["cmx_3600"]["reel"] == "A001_C00"
        assert "SOURCE FILE: A001_C002_1103" in clip.metadata["cmx_3600"]["comments"]
    transitions = list(timeline.find_children(descended_from_type=otio.schema.Transition))
    assert [t.out_offset.value for t in transitions] == [24]
    otio.adapters.write_to_file(timeline, str(path), "cmx_3600", rate=float(rate))
    starts = [shot.first for shot in read_shots(path, rate, film.timecode).shots]
    assert starts == [0, 50, 130, 150]
