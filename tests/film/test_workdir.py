"""Work directories: paths, locks, finished segments and published files."""

from __future__ import annotations

import json
import os

import pytest

from vidcolor.errors import BusyError, OutputError
from vidcolor.fileio import sha256_file
from vidcolor.film.status import find_work_dirs, read_state
from vidcolor.film.workdir import (
    PLAN_FILE,
    ProgressRecord,
    SegmentResult,
    WorkDir,
    is_work_dir,
    work_path,
)


@pytest.fixture
def work(tmp_path):
    work = WorkDir(work_path(tmp_path / "out.mp4", None))
    with work.locked():
        yield work


def commit_segment(work, number, data=b"frames"):
    folder = work.create_segment_dir(number)
    (folder / "video.mp4").write_bytes(data)
    files = {"video.mp4": (len(data), sha256_file(folder / "video.mp4"))}
    work.commit(number, SegmentResult({"video": 0}, files))


def test_work_directory_is_beside_the_result_or_below_the_root(tmp_path):
    target = tmp_path / "a" / "out.mp4"
    assert work_path(target, None) == tmp_path / "a" / "out.mp4.vidcolor"
    below = work_path(target, tmp_path / "root")
    assert below.parent == tmp_path / "root"
    assert below != work_path(tmp_path / "b" / "out.mp4", tmp_path / "root")


@pytest.mark.parametrize("has_root", [False, True])
def test_work_directory_of_a_result_with_the_longest_name_can_be_created(tmp_path, has_root):
    root = tmp_path / "root" if has_root else None
    paths = [work_path(tmp_path / f"{letter * 251}.mp4", root) for letter in "ab"]
    assert paths[0] != paths[1]
    for path in paths:
        with WorkDir(path).locked():
            assert path.name.endswith(".vidcolor")


@pytest.mark.slow
def test_lock_is_exclusive_and_released(work):
    assert work.is_locked()
    assert is_work_dir(work.path)
    with pytest.raises(BusyError, match="in use by another process"), WorkDir(work.path).locked():
        pass


def test_unused_work_directory_is_removed(tmp_path):
    work = WorkDir(tmp_path / "out.mp4.vidcolor")
    with work.locked():
        assert find_work_dirs(tmp_path) == [work.path]
    assert not work.path.exists()


def test_file_in_place_of_the_directory_is_an_error(tmp_path):
    path = tmp_path / "out.mp4.vidcolor"
    path.touch()
    with pytest.raises(OutputError, match=r"\.vidcolor: cannot be"), WorkDir(path).locked():
        pass


def test_query_of_a_removed_directory_does_not_create_it(tmp_path):
    work = WorkDir(tmp_path / "out.mp4.vidcolor")
    assert not work.is_locked()
    assert not work.path.exists()


def test_only_committed_segments_are_finished(work):
    commit_segment(work, 3)
    partial = work.create_segment_dir(4)
    assert work.finished_segments() == {3}
    assert work.read_result(3).files["video.mp4"][0] == 6
    assert work.read_result(4) is None
    work.remove_incomplete()
    assert not partial.exists()
    assert work.finished_segments() == {3}


def test_damaged_segment_has_no_result(work):
    commit_segment(work, 0)
    (work.segment_dir(0) / "video.mp4").write_bytes(b"fra_es")
    assert work.read_result(0) is None
    assert work.read_result(0, verify=False) is not None


def test_committed_segment_replaces_an_older_one(work):
    commit_segment(work, 0, b"old")
    commit_segment(work, 0, b"new!")
    assert (work.segment_dir(0) / "video.mp4").read_bytes() == b"new!"


def test_published_file_is_recognized_after_its_rename_only(work, tmp_path):
    partial, target = tmp_path / "partial", tmp_path / "out.mp4"
    partial.write_bytes(b"film")
    work.mark_published(target, partial)
    assert not work.is_published(target)
    partial.rename(target)
    assert work.is_published(target)
    os.utime(target, (1, 1))
    assert not work.is_published(target)


def test_names_that_are_not_utf8_are_recorded(work, tmp_path):
    target = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    target.write_bytes(b"film")
    work.mark_published(target, target)
    assert work.is_published(target)
    work.write_progress(ProgressRecord(str(target), "join", 0, 0))
    assert read_state(work.path).source == str(target)


def test_reset_keeps_the_lock_only(work):
    commit_segment(work, 0)
    (work.path / PLAN_FILE).write_text("{}")
    work.reset()
    assert [p.name for p in work.path.iterdir()] == ["lock"]


def test_state_is_read_without_the_lock(work):
    plan = {"source": "film.mkv", "num_segments": 2, "fingerprint": {"target": "o.mp4"}}
    (work.path / PLAN_FILE).write_text(json.dumps(plan))
    commit_segment(work, 0)
    work.write_progress(ProgressRecord("film.mkv", "colorize", 10.0, 20.0, 5, 25, 40))
    state = read_state(work.path)
    assert (state.source, state.target, state.is_running) == ("film.mkv", "o.mp4", True)
    assert (state.stage, state.done, state.total) == ("colorize", 25, 40)
    assert (state.segments_done, state.num_segments) == (1, 2)
    assert state.frames_per_second == 2.0
    assert state.size_bytes > 0
