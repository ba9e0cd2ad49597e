"""Shot lists in the format of OpenTimelineIO."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from vidcolor.errors import InputError, UsageError
from vidcolor.shots import otio as module
from vidcolor.shots.detector import Shot
from vidcolor.shots.edl import SourceFilm
from vidcolor.shots.shot_list import ShotList, read_shots, write_shots
from vidcolor.timecode import Timecode

RATE = Fraction(24000, 1001)
SHOTS = (
    Shot(0, 40, "start", kind="title"),
    Shot(40, 100, "dissolve", 9),
    Shot(100, 130, "fade"),
    Shot(130, 200, "cut", kind="picture"),
)


def test_list_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "a.otio"
    film = SourceFilm("reel.mov", RATE, Timecode.parse("01:00:00:00", RATE))
    write_shots(path, ShotList(SHOTS, 200), film)
    assert read_shots(path, RATE) == ShotList(SHOTS, 200)
    clips = otio.adapters.read_from_file(str(path)).video_tracks()[0].find_clips()
    assert [clip.source_range.duration.value for clip in clips] == [44, 56, 30, 70]
    assert clips[0].source_range.start_time.to_timecode() == "01:00:00:00"


def test_reel_name_is_that_of_an_edl_that_is_made_from_the_list(tmp_path: Path) -> None:
    path, reel = tmp_path / "a.otio", "A001 Rolle"
    write_shots(path, ShotList(SHOTS, 200), SourceFilm("reel.mov", RATE, reel=reel))
    timeline = otio.adapters.read_from_file(str(path))
    edl = otio.adapters.write_to_string(timeline, "cmx_3600", rate=float(RATE))
    assert {line[5:15] for line in edl.splitlines() if line[:3].isdigit()} == {reel}
    assert read_shots(path, RATE) == ShotList(SHOTS, 200)


def test_timeline_of_another_program_is_read(tmp_path: Path) -> None:
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    for item, length in ((otio.schema.Clip("a"), 50), (otio.schema.Gap(), 10)):
        time = otio.opentime.RationalTime
        item.source_range = otio.opentime.TimeRange(time(7, 25), time(length, 25))
        track.append(item)
    path = tmp_path / "b.otio"
    otio.adapters.write_to_file(otio.schema.Timeline("edit", tracks=[track]), str(path))
    found = read_shots(path, Fraction(50))
    assert found == ShotList((Shot(0, 100, "start"), Shot(100, 120, "cut")), 120)


@pytest.mark.parametrize("text", ["", "{}", '{"OTIO_SCHEMA": "Clip.1"}', "[1]"])
def test_other_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.otio"
    path.write_text(text)
    with pytest.raises(InputError, match="not a timeline with a video track") as error:
        read_shots(path)
    assert "\n" not in str(error.value)


def test_empty_track_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.otio"
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    otio.adapters.write_to_file(otio.schema.Timeline("edit", tracks=[track]), str(path))
    with pytest.raises(UsageError, match="has no clip"):
        read_shots(path)


def _write_clip(path: Path, clip: otio.schema.Clip) -> Path:
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video, children=[clip])
    otio.adapters.write_to_file(otio.schema.Timeline("edit", tracks=[track]), str(path))
    return path


def _make_range(length: int) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(duration=otio.opentime.RationalTime(length, 25))


def test_unknown_kind_is_refused(tmp_path: Path) -> None:
    metadata = {"vidcolor": {"kind": "credits"}}
    clip = otio.schema.Clip("a", source_range=_make_range(50), metadata=metadata)
    with pytest.raises(UsageError, match="'a': kind must be one of title, picture, got 'credits'"):
        read_shots(_write_clip(tmp_path / "e.otio", clip))


def test_metadata_of_another_program_is_ignored(tmp_path: Path) -> None:
    metadata = {"vidcolor": "a text"}
    clip = otio.schema.Clip("a", source_range=_make_range(50), metadata=metadata)
    assert read_shots(_write_clip(tmp_path / "f.otio", clip)).shots == (Shot(0, 50, "start"),)


def test_clip_without_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'a' has no length; give it a source range"):
        read_shots(_write_clip(tmp_path / "g.otio", otio.schema.Clip("a")))


def test_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentimelineio", None)
    with pytest.raises(UsageError, match="pip install opentimelineio"):
        module.write_otio(tmp_path / "a.otio", SHOTS, SourceFilm("reel.mov"))
    assert not list(tmp_path.iterdir())
