"""Lists of shots: what is written is read back, a person's edits hold, nonsense is explained."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidcolor.errors import InputError, OutputError, UsageError
from vidcolor.media.decode import FilmReader
from vidcolor.media.probe import probe
from vidcolor.shots.detector import Shot
from vidcolor.shots.shot_list import ShotList, find_shots, read_shots, rows_of, write_shots

if TYPE_CHECKING:
    from tests.helpers.clips import ClipMaker

REEL = Path(__file__).parents[2] / "samples" / "reel.mkv"
SHOTS = (
    Shot(0, 50, "start"),
    Shot(50, 130, "dissolve", 24),
    Shot(130, 150, "cut"),
    Shot(150, 200, "fade"),
)
LIST = ShotList(SHOTS, 200, tuple(Fraction(n, 25) for n in (0, 50, 130, 150, 200)))


def written(tmp_path: Path, name: str = "shots.csv", shots: ShotList = LIST) -> Path:
    path = tmp_path / name
    write_shots(path, shots, "reel.mkv", Fraction(25), force=True)
    return path


@pytest.mark.parametrize("name", ["shots.csv", "shots.json", "SHOTS.CSV"])
def test_what_is_written_is_read_back(tmp_path: Path, name: str) -> None:
    found = read_shots(written(tmp_path, name))
    assert (found.shots, found.num_frames) == (SHOTS, 200)


@st.composite
def lists(draw: st.DrawFn) -> ShotList:
    lengths = draw(st.lists(st.integers(1, 500), min_size=1, max_size=12))
    ends = [0, *(int(n) for n in np.cumsum(lengths))]
    shots = [Shot(0, ends[1], "start")]
    for first, last in pairwise(ends[1:]):
        begins = draw(st.sampled_from(["cut", "dissolve", "fade"]))
        mixed = draw(st.integers(0, last - first)) if begins == "dissolve" else 0
        shots.append(Shot(first, last, begins, mixed))
    return ShotList(tuple(shots), ends[-1], tuple(Fraction(n, 24) for n in ends))


@settings(max_examples=40, deadline=None)
@given(shots=lists(), suffix=st.sampled_from([".csv", ".json"]))
def test_any_list_is_read_back(
    shots: ShotList, suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    found = read_shots(written(path.parent, path.name, shots))
    assert (found.shots, found.num_frames) == (shots.shots, shots.num_frames)


@settings(max_examples=40, deadline=None)
@given(shots=lists(), data=st.data())
def test_a_deleted_row_joins_two_shots(
    shots: ShotList, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(tmp_path_factory.getbasetemp(), "edited.csv", shots)
    lines = path.read_text().splitlines()
    count = len(shots.shots)
    if count < 3:
        return
    gone = data.draw(st.integers(1, count - 2))  # neither the first nor the last
    path.write_text("\n".join(lines[: gone + 1] + lines[gone + 2 :]))
    found = read_shots(path)
    kept = [shot for n, shot in enumerate(shots.shots) if n != gone]
    assert [shot.first for shot in found.shots] == [shot.first for shot in kept]
    assert [shot.last for shot in found.shots] == [*(s.first for s in kept[1:]), shots.num_frames]


def test_only_the_first_frames_need_to_be_listed(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("first_frame;begins;last_frame\n0;;\n; ;\n40.0; Cut ;\n70;fade;99\n")
    assert read_shots(path).shots == (
        Shot(0, 40, "start"),
        Shot(40, 70, "cut"),
        Shot(70, 100, "fade"),
    )
    path.write_text("﻿first_frame\n0\n40\n", "utf-8")
    assert [shot.first for shot in read_shots(path).shots] == [0, 40]


def test_the_length_of_the_film_counts() -> None:
    longer, shorter = LIST.of_length(300), LIST.of_length(160)
    assert (longer.num_frames, longer.shots[-1]) == (300, Shot(150, 300, "fade"))
    assert shorter.shots[-1].last == 160
    mixed = ShotList((Shot(0, 10, "start"), Shot(10, 60, "dissolve", 40)), 60)
    assert mixed.of_length(20).shots[-1] == Shot(10, 20, "dissolve", 10)


ROW = "0,start,0\n"
BAD = {
    ROW + "9,cut,0\n5,cut,0": "shot 3 begins at frame 5, not after shot 2",
    ROW + "9,cut,0\n9,cut,0": "not after shot 2",
    ROW + "-3,cut,0": "shot 2: first_frame must be a whole number, 0 or more, not '-3'",
    ROW + "nine,cut,0": "shot 2: first_frame must be a whole number",
    ROW + "nan,cut,0": "shot 2: first_frame must be a whole number",
    ROW + "1e999,cut,0": "shot 2: first_frame must be a whole number",
    ROW + "4.5,cut,0": "shot 2: first_frame must be a whole number",
    ROW + ",cut,0": "shot 2: first_frame must be a whole number",
    ROW + "5,wipe,0": "shot 2: begins with 'wipe'; write one of start, cut, dissolve, fade",
    ROW + "5,dissolve,few": "shot 2: mixed must be a whole number",
    ROW + "5,dissolve,30\n20,cut,0": "shot 2 is mixed for 30 frames and has 15",
    "5,start,0": "shot 1 must begin at frame 0, not 5",
    "": "lists no shots",
}


@pytest.mark.parametrize("rows", BAD)
@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_nonsense_is_explained(tmp_path: Path, rows: str, suffix: str) -> None:
    path = tmp_path / f"bad{suffix}"
    if suffix == ".csv":
        path.write_text("first_frame,begins,mixed\n" + rows)
    else:
        keys = ("first_frame", "begins", "mixed")
        said = [dict(zip(keys, row.split(","), strict=True)) for row in rows.split()]
        path.write_text(json.dumps({"version": 1, "shots": said}))
    with pytest.raises(UsageError) as caught:
        read_shots(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert BAD[rows] in str(caught.value)
    assert "\n" not in str(caught.value)


FILES: dict[str, tuple[bytes, type[Exception]]] = {
    "nothing.csv": (b"", UsageError),
    "other.csv": (b"scene,start\n1,0\n", UsageError),
    "binary.csv": (b"\xff\xfe\x00\x81" * 9, InputError),
    "broken.json": (b'{"shots": [', InputError),
    "deep.json": (b"[" * 100_000, InputError),
    "number.json": (b"7", UsageError),
    "rows.json": (b"[1, 2]", UsageError),
    "later.json": (b'{"version": 2, "shots": []}', UsageError),
    "kinds.json": (b'[{"first_frame": 0}, {"first_frame": 4, "begins": {}}, {}]', UsageError),
    "long.json": (b'[{"first_frame": ' + b"9" * 4000 + b"}]", UsageError),
    "cuts.edl": (b"TITLE: x", UsageError),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_lists(tmp_path: Path, name: str) -> None:
    content, error = FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error) as caught:
        read_shots(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    with pytest.raises(InputError if not name.endswith(".edl") else UsageError):
        read_shots(tmp_path / f"no-{name}")


def test_tables_open_in_spreadsheets(tmp_path: Path) -> None:
    assert written(tmp_path).read_text().splitlines() == [
        "shot,first_frame,last_frame,start,end,begins,mixed",
        "1,0,49,0.0,2.0,start,0",
        "2,50,129,2.0,5.2,dissolve,24",
        "3,130,149,5.2,6.0,cut,0",
        "4,150,199,6.0,8.0,fade,0",
    ]
    document = json.loads(written(tmp_path, "shots.json").read_text())
    assert (document["version"], document["film"], document["frame_rate"]) == (1, "reel.mkv", "25")
    assert document["shots"] == rows_of(LIST)


def test_editing_programs_read_events(tmp_path: Path) -> None:
    path = tmp_path / "cuts.edl"
    write_shots(path, LIST, "a\nreel.mkv", Fraction(24000, 1001))
    assert path.read_text().splitlines() == [
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


def test_nothing_is_overwritten_or_left_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shots.csv"
    path.write_text("mine")
    with pytest.raises(OutputError):
        write_shots(path, LIST, "reel.mkv")
    assert path.read_text() == "mine"
    with pytest.raises(UsageError):
        write_shots(tmp_path / "shots.txt", LIST, "reel.mkv")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="disk is full"):
        write_shots(path, LIST, "reel.mkv", force=True)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_the_sample_reel_has_seven_shots() -> None:
    video = probe(REEL).video
    told: list[int] = []
    found = find_shots(FilmReader(REEL, video, "luma").frames(), video, told.append)
    firsts = [0, 60, 120, 210, 270, 330, 390]
    assert [(s.first, s.begins) for s in found.shots[1:]] == [(n, "cut") for n in firsts[1:]]
    assert found.times == tuple(Fraction(n, 25) for n in (*firsts, 450))
    assert (told, found.num_frames) == (list(range(1, 451)), 450)


def test_times_are_those_of_the_frames(clip: ClipMaker) -> None:
    """Variable rate, and a clock that does not start at 0: the film's time does."""
    video = probe(clip()).video
    stamps = [90 + 7 * n + n % 2 for n in range(60)]
    light = np.random.default_rng(0).integers(16, 235, (2, video.height, video.width), np.uint8)
    frames: Any = [
        SimpleNamespace(pts=pts, duration=7, luma=light[n // 30]) for n, pts in enumerate(stamps)
    ]
    video = replace(video, start_pts=90, time_base=Fraction(1, 100))
    found = find_shots(iter(frames), video)
    assert [shot.first for shot in found.shots] == [0, 30]
    assert found.times == tuple(Fraction(n, 100) for n in (0, 210, 421))
    assert find_shots(iter([]), video) == ShotList((), 0)
