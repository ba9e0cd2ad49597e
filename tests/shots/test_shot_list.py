"""Tests of shot list files: round trips, edits by a person, and error messages."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidcolor.errors import InputError, OutputError, UsageError
from vidcolor.shots.detector import Shot
from vidcolor.shots.edl import SourceFilm
from vidcolor.shots.shot_list import (
    ShotList,
    describe_variable_rate,
    format_rows,
    read_shots,
    write_shots,
)
from vidcolor.timecode import Timecode

SHOTS = (
    Shot(0, 50, "start"),
    Shot(50, 130, "dissolve", 24),
    Shot(130, 150, "cut"),
    Shot(150, 200, "fade"),
)
FILM = SourceFilm("reel.mkv", Fraction(25))
LIST = ShotList(SHOTS, 200, tuple(Fraction(n, 25) for n in (0, 50, 130, 150, 200)))


def write(directory: Path, name: str = "shots.csv", shots: ShotList = LIST) -> Path:
    path = directory / name
    write_shots(path, shots, FILM, force=True)
    return path


@pytest.mark.parametrize("name", ["shots.csv", "shots.json", "SHOTS.CSV"])
def test_written_list_is_read_back(tmp_path: Path, name: str) -> None:
    found = read_shots(write(tmp_path, name))
    assert (found.shots, found.num_frames) == (SHOTS, 200)


@st.composite
def shot_lists(draw: st.DrawFn) -> ShotList:
    lengths = draw(st.lists(st.integers(1, 500), min_size=1, max_size=12))
    ends = [0, *(int(n) for n in np.cumsum(lengths))]
    shots = [Shot(0, ends[1], "start")]
    for first, end in pairwise(ends[1:]):
        transition = draw(st.sampled_from(["cut", "dissolve", "fade"]))
        mixed_frames = draw(st.integers(0, end - first)) if transition == "dissolve" else 0
        shots.append(Shot(first, end, transition, mixed_frames))
    return ShotList(tuple(shots), ends[-1], tuple(Fraction(n, 24) for n in ends))


@settings(max_examples=40)
@given(shots=shot_lists(), suffix=st.sampled_from([".csv", ".json"]))
def test_any_list_is_read_back(
    shots: ShotList, suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(tmp_path_factory.getbasetemp(), f"any{suffix}", shots)
    found = read_shots(path)
    assert (found.shots, found.num_frames) == (shots.shots, shots.num_frames)


@settings(max_examples=40)
@given(shots=shot_lists().filter(lambda shots: len(shots.shots) > 2), data=st.data())
def test_deleted_row_joins_two_shots(
    shots: ShotList, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(tmp_path_factory.getbasetemp(), "edited.csv", shots)
    lines = path.read_text().splitlines()
    deleted = data.draw(st.integers(1, len(shots.shots) - 2))  # neither the first nor the last
    path.write_text("\n".join(lines[: deleted + 1] + lines[deleted + 2 :]))
    found = read_shots(path).shots
    kept = [shot for n, shot in enumerate(shots.shots) if n != deleted]
    assert [shot.first for shot in found] == [shot.first for shot in kept]
    assert [shot.end for shot in found] == [*(s.first for s in kept[1:]), shots.num_frames]


def test_only_first_frame_is_required(tmp_path: Path) -> None:
    path = tmp_path / "minimal.csv"
    path.write_text("First frame;TRANSITION;last-frame\n0;;\n; ;\n40.0; Cut ;\n70;fade;99\n")
    assert read_shots(path).shots == (
        Shot(0, 40, "start"),
        Shot(40, 70, "cut"),
        Shot(70, 100, "fade"),
    )
    path.write_text("first_frame,note\n0,\n40,the mill\n")
    assert [shot.first for shot in read_shots(path).shots] == [0, 40]
    path.write_text("\ufefffirst_frame\n0\n40\n", "utf-8")
    assert [shot.first for shot in read_shots(path).shots] == [0, 40]


def test_last_shot_ends_at_the_end_of_the_film() -> None:
    longer, shorter = LIST.with_length(300), LIST.with_length(160)
    assert (longer.num_frames, longer.shots[-1]) == (300, Shot(150, 300, "fade"))
    assert shorter.shots[-1].end == 160
    dissolve = ShotList((Shot(0, 10, "start"), Shot(10, 60, "dissolve", 40)), 60)
    assert dissolve.with_length(20).shots[-1] == Shot(10, 20, "dissolve", 10)


START = "0,start,0\n"
INVALID_ROWS = {
    START + "9,cut,0\n5,cut,0": "shot 3 starts at frame 5, not after the start of shot 2",
    START + "9,cut,0\n9,cut,0": "not after the start of shot 2",
    START + "-3,cut,0": "shot 2: first_frame must be an integer of at least 0, got '-3'",
    START + "nine,cut,0": "shot 2: first_frame must be an integer",
    START + "nan,cut,0": "shot 2: first_frame must be an integer",
    START + "1e999,cut,0": "shot 2: first_frame must be an integer",
    START + "4.5,cut,0": "shot 2: first_frame must be an integer",
    START + ",cut,0": "shot 2: first_frame is missing",
    START + "5,wipe,0": "shot 2: transition must be one of start, cut, dissolve, fade, got 'wipe'",
    START + "5,dissolve,few": "shot 2: mixed_frames must be an integer",
    START + "5,dissolve,30\n20,cut,0": "shot 2 has 30 mixed frames but only 15 frames",
    START + "5,cut,4": "shot 2 has 4 mixed frames but starts without a dissolve; set transition to",
    "0,start,3": "shot 1 has 3 mixed frames but starts without a dissolve; set mixed_frames to 0",
    "5,start,0": "shot 1 must start at frame 0, not at frame 5",
    "": "contains no shots",
}


@pytest.mark.parametrize("rows", INVALID_ROWS)
@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_error_names_file_and_row(tmp_path: Path, rows: str, suffix: str) -> None:
    path = tmp_path / f"bad{suffix}"
    columns = ("first_frame", "transition", "mixed_frames")
    if suffix == ".csv":
        path.write_text(",".join(columns) + "\n" + rows)
    else:
        shots = [dict(zip(columns, row.split(","), strict=True)) for row in rows.split()]
        path.write_text(json.dumps({"version": 1, "shots": shots}))
    with pytest.raises(UsageError) as caught:
        read_shots(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert INVALID_ROWS[rows] in str(caught.value)
    assert "\n" not in str(caught.value)


INVALID_FILES: dict[str, tuple[bytes, type[Exception]]] = {
    "empty.csv": (b"", UsageError),
    "columns.csv": (b"scene,start\n1,0\n", UsageError),
    "typo.csv": (b"first_frame,transitoin\n0,start\n", UsageError),
    "typo.json": (b'[{"first_frame": 0, "mixed_frame": 3}]', UsageError),
    "binary.csv": (b"\xff\xfe\x00\x81" * 9, InputError),
    "broken.json": (b'{"shots": [', InputError),
    "deep.json": (b"[" * 100_000, InputError),
    "number.json": (b"7", UsageError),
    "rows.json": (b"[1, 2]", UsageError),
    "version.json": (b'{"version": 2, "shots": []}', UsageError),
    "types.json": (b'[{"first_frame": 0}, {"first_frame": 4, "transition": {}}, {}]', UsageError),
    "long.json": (b'[{"first_frame": ' + b"9" * 4000 + b"}]", UsageError),
}


@pytest.mark.parametrize("name", INVALID_FILES)
def test_error_names_a_file_that_is_not_a_shot_list(tmp_path: Path, name: str) -> None:
    content, error = INVALID_FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error) as caught:
        read_shots(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "error"), [("no.csv", InputError), ("no.json", InputError), ("no.edl", InputError)]
)
def test_missing_file_is_an_error(tmp_path: Path, name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_shots(tmp_path / name)


def test_csv_and_json_have_one_row_per_shot(tmp_path: Path) -> None:
    assert write(tmp_path).read_text().splitlines() == [
        "shot,first_frame,last_frame,start,end,transition,mixed_frames,kind",
        "1,0,49,0.0,2.0,start,0,",
        "2,50,129,2.0,5.2,dissolve,24,",
        "3,130,149,5.2,6.0,cut,0,",
        "4,150,199,6.0,8.0,fade,0,",
    ]
    document = json.loads(write(tmp_path, "shots.json").read_text())
    assert (document["version"], document["film"], document["frame_rate"]) == (1, "reel.mkv", "25")
    assert document["shots"] == format_rows(LIST)


@pytest.mark.parametrize("name", ["shots.csv", "shots.json"])
def test_kinds_of_shots_are_read_back(tmp_path: Path, name: str) -> None:
    first, second, *others = SHOTS
    shots = (replace(first, kind="title"), replace(second, kind="picture"), *others)
    write_shots(tmp_path / name, replace(LIST, shots=shots), FILM)
    assert read_shots(tmp_path / name).shots == shots


def test_unknown_kind_is_an_error_that_names_the_shot(tmp_path: Path) -> None:
    path = tmp_path / "shots.csv"
    path.write_text("first_frame,kind\n0,card\n")
    with pytest.raises(UsageError, match=r"shot 1: kind must be .*title.*picture"):
        read_shots(path)


def test_json_names_timecode_and_reel_of_the_film(tmp_path: Path) -> None:
    path, rate = tmp_path / "shots.json", Fraction(25)
    film = SourceFilm("reel.mkv", rate, Timecode.parse("01:00:00:00", rate), "A001")
    write_shots(path, LIST, film)
    document = json.loads(path.read_text())
    assert (document["timecode"], document["reel"]) == ("01:00:00:00", "A001")
    assert read_shots(path).shots == SHOTS


@pytest.mark.parametrize(
    ("name", "seconds", "is_named"),
    [
        ("a.edl", ("0.5", "1.501", "2.999", "4.54"), False),  # rounded, and a longer last frame
        ("a.edl", ("0.5", "1.5", "3.5", "4.5"), True),
        ("a.otio", ("0.5", "1.5", "3.5", "4.5"), True),
        ("a.csv", ("0.5", "1.5", "3.5", "4.5"), False),
    ],
)
def test_variable_frame_rate_is_named(name: str, seconds: tuple[str, ...], is_named: bool) -> None:
    """A list for editing programs counts frames; the others have the times, too."""
    shots = (Shot(0, 24, "start"), Shot(24, 60, "cut"), Shot(60, 96, "cut"))
    shot_list = ShotList(shots, 96, tuple(map(Fraction, seconds)))
    film = SourceFilm("reel.mkv", Fraction(24))
    warnings = describe_variable_rate(Path(name), shot_list, film)
    assert bool(warnings) == is_named
    assert all("frame rate of the film varies" in text for text in warnings)


def test_existing_list_is_kept_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "shots.csv"
    path.write_text("edited")
    with pytest.raises(OutputError):
        write_shots(path, LIST, FILM)
    assert path.read_text() == "edited"


def test_unknown_format_is_an_error_and_no_file_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"use \.csv, \.json, \.edl"):
        write_shots(tmp_path / "shots.txt", LIST, FILM)
    assert not list(tmp_path.iterdir())


def test_full_disk_leaves_no_partial_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shots.csv"
    path.write_text("edited")

    def raise_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", raise_full)
    with pytest.raises(OutputError, match="disk is full"):
        write_shots(path, LIST, FILM, force=True)
    assert path.read_text() == "edited"
    assert list(tmp_path.iterdir()) == [path]
