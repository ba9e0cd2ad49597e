"""Runs over several films: job lists, patterns, summaries, reports and unfinished work."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

import pytest

from tests.helpers.checks import read_film
from tests.helpers.cli_runs import spawn
from vidcolor.film.api import colorize_film
from vidcolor.film.workdir import WorkDir, work_path
from vidcolor.media.probe import probe
from vidcolor.options import ColorizeOptions


@pytest.fixture
def reels(clip, tmp_path):
    """A folder of three different films of 20 frames."""
    folder = tmp_path / "reels"
    folder.mkdir()
    for name in ("mill", "harbor", "fair"):
        film = clip("mkv", "libx264", "yuv420p", frames=20, vf=f"drawbox=x={len(name)}")
        (folder / f"{name}.mkv").write_bytes(film.read_bytes())
    return folder


def interrupt_film(reels, target, colorizer, **options):
    """Interrupt the colorization of a film after one of two segments."""
    shots = reels.parent / "shots.csv"
    shots.write_text("first_frame,last_frame\n0,9\n10,19\n")

    def interrupt(progress):
        if progress.stage == "colorize" and progress.done == 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        colorize_film(
            reels / "mill.mkv", target, ColorizeOptions(shots=shots, **options),
            colorizer=colorizer, progress=interrupt,
        )  # fmt: skip


@pytest.fixture
def unfinished(reels, flat, tmp_path, short_segments):
    """The target of an interrupted film."""
    target = tmp_path / "out" / "mill.mp4"
    interrupt_film(reels, target, flat)
    return target


@pytest.mark.slow
def test_job_list_rows_have_their_own_options_and_failures(vidcolor, reels, tmp_path):
    (reels / "broken.mov").write_text("x")
    job_list = reels / "jobs.csv"
    job_list.write_text(
        "\ufeffinput;output;end;for;vividness\nmill.mkv;;0.2;;\nharbor.mkv;o/two.mov;;editing;0.1\n"
        "broken.mov;;;;\nnone.mkv;;;;0.9\nf*.mkv;;;archive;\n"
    )
    arguments = ("colorize", "--job-list", job_list, "--out-dir", "out", "--vividness", 0.5)
    run = vidcolor(*arguments, "--report", "r.json")
    assert run.code == 1
    assert [line.split()[0] for line in run.out[-6:-1]] == [
        "done", "done", "failed", "failed", "done",
    ]  # fmt: skip
    assert run.out[-1].startswith("3 done, 0 skipped, 2 failed in ")
    assert len(run.err) == 2
    assert len(read_film(tmp_path / "out" / "mill.mkv").frames) == 5
    assert probe(reels / "o" / "two.mov").video.codec == "prores"
    assert probe(tmp_path / "out" / "fair.mkv").video.codec == "ffv1"
    results = json.loads((tmp_path / "r.json").read_text())["results"]
    assert [bool(r["error"]) for r in results] == [False, False, True, True, False]
    options = [(r["options"]["end"], r["options"]["purpose"], r["options"]["vividness"])
               for r in results]  # fmt: skip
    assert options == [
        ("1/5", "delivery", 0.5),
        (None, "editing", 0.1),
        (None, "delivery", 0.5),
        (None, "delivery", 0.9),
        (None, "archive", 0.5),
    ]
    again = vidcolor(*arguments)
    assert again.out[-1].startswith("0 done, 3 skipped, 2 failed in ")


@pytest.mark.slow
def test_glob_patterns_are_expanded(vidcolor, reels, tmp_path):
    (reels / "deep").mkdir()
    (reels / "fair.mkv").rename(reels / "deep" / "fair.mkv")
    run = vidcolor("colorize", "reels/**/*.mkv", "--out-dir", "out", "--end", 0.2)
    assert run.code == 0
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {"mill.mkv", "harbor.mkv", "fair.mkv"}
    run = vidcolor("colorize", "reels/*.avi")
    assert (run.code, run.err) == (
        1, ["vidcolor: reels/*.avi: no file matches this pattern"])  # fmt: skip


def test_missing_input_is_a_usage_error(vidcolor):
    run = vidcolor("colorize")
    assert run.code == 2
    assert "--job-list" in run.err[0]


@pytest.mark.slow
def test_results_of_parallel_films_are_printed_in_order(vidcolor, reels, tmp_path, monkeypatch):
    from vidcolor.film.engines import select

    monkeypatch.setattr(select, "max_concurrent_films", lambda _: 3)
    run = vidcolor("colorize", reels, "--out-dir", "out", "--json")
    assert run.code == 0
    events = [json.loads(line) for line in run.out]
    done = [Path(e["source"]).name for e in events if e["event"] == "done"]
    assert done == ["fair.mkv", "harbor.mkv", "mill.mkv"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == done


@pytest.mark.slow
def test_jobs_and_status_show_and_remove_unfinished_work(vidcolor, unfinished, tmp_path):
    directory = work_path(unfinished, None)
    run = vidcolor("jobs", "out")
    assert run.code == 0
    assert "out/mill.mp4.vidcolor: interrupted, 1 of 2 segments finished" in run.out[0]
    (event,) = (json.loads(line) for line in vidcolor("jobs", "--json").out)
    assert (event["segments_done"], event["num_segments"], event["is_running"]) == (1, 2, False)
    assert event["target"] == str(unfinished)
    assert vidcolor("status", unfinished).out[3] == "segments  1 of 2 finished"
    assert json.loads(vidcolor("status", directory, "--json").out[0])["stage"] == "colorize"
    with WorkDir(directory).locked():
        assert "running, colorize: " in vidcolor("jobs").out[0]
        run = vidcolor("jobs", "--remove")
        assert run.code == 1
        assert run.err[0].endswith("mill.mp4.vidcolor: skipped: in use by another process")
    assert directory.exists()
    run = vidcolor("jobs", "--remove")
    assert run.code == 0
    assert list((tmp_path / "out").iterdir()) == []
    assert vidcolor("jobs").out == ["no unfinished work"]
    assert vidcolor("status", unfinished).code == 1


def test_work_directory_in_a_folder_is_not_a_source(vidcolor, unfinished, tmp_path):
    (tmp_path / "out" / "other.mkv").write_bytes((tmp_path / "reels" / "fair.mkv").read_bytes())
    run = vidcolor("colorize", "out", "--end", 0.2)
    assert (run.code, run.out[0]) == (0, "out -> out-color (1 film)")


def test_resumed_frames_are_printed(vidcolor, unfinished, tmp_path):
    arguments = ("colorize", "reels/mill.mkv", "-o", unfinished, "--shots", "shots.csv")
    run = vidcolor(*arguments, "--resume", "only")
    assert run.code == 0
    assert "20 frames (10 from an earlier run) in " in run.out[-1]
    run = vidcolor(*arguments, "--resume", "only", "--force")
    assert run.code == 2
    assert "no unfinished work" in run.err[0]


def test_film_is_resumed_from_its_work_dir(vidcolor, reels, flat, short_segments, tmp_path):
    target, scratch = tmp_path / "mill.mp4", tmp_path / "scratch"
    interrupt_film(reels, target, flat, work_dir=scratch)
    assert [p.name for p in scratch.iterdir()] == [work_path(target, scratch).name]
    arguments = ("colorize", "reels/mill.mkv", "-o", target, "--shots", "shots.csv")
    assert vidcolor(*arguments, "--resume", "only").code == 2
    run = vidcolor(*arguments, "--resume", "only", "--work-dir", "scratch")
    assert run.code == 0
    assert "(10 from an earlier run)" in run.out[-1]
    assert not list(scratch.iterdir())


def test_work_dir_does_not_change_the_result(vidcolor, reels, tmp_path):
    plain = ("colorize", "reels/mill.mkv", "--end", 0.2)
    assert vidcolor(*plain, "-o", "a.mp4").code == 0
    run = vidcolor(*plain, "-o", "b.mp4", "--work-dir", "scratch")
    assert run.code == 0
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert list((tmp_path / "scratch").iterdir()) == []
    assert not (tmp_path / "b.mp4.vidcolor").exists()


@pytest.mark.slow
def test_threads_limits_the_cores_of_a_worker(reels, tmp_path):
    process = spawn(
        "colorize", "reels/mill.mkv", "--threads", 1, "--end", 0.1, "-o", "out.mkv", cwd=tmp_path
    )
    num_cores = set()
    while process.poll() is None:
        with contextlib.suppress(OSError):  # a process may exit at any time
            for children in Path(f"/proc/{process.pid}/task").glob("*/children"):
                for pid in children.read_text().split():
                    num_cores.add(len(os.sched_getaffinity(int(pid))))
        time.sleep(0.1)
    _, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert 1 in num_cores, "the worker process runs on one core"
    assert len(read_film(tmp_path / "out.mkv").frames) == 3


@pytest.mark.slow
def test_confidence_of_a_folder_and_of_a_job_list_is_a_directory(vidcolor, reels, tmp_path):
    (reels / "broken.mov").write_text("x")
    run = vidcolor("colorize", reels, "--out-dir", "out", "--confidence", "maps")
    assert run.code == 1  # only because of the broken film
    names = sorted(path.name for path in (tmp_path / "maps").iterdir())
    assert names == ["fair.confidence.mkv", "harbor.confidence.mkv", "mill.confidence.mkv"]
    assert len(read_film(tmp_path / "maps" / "fair.confidence.mkv").frames) == 20
    again = vidcolor("colorize", reels, "--out-dir", "out", "--confidence", "maps")
    assert "0 done, 3 skipped, 1 failed" in again.out[-1]
    (tmp_path / "jobs.csv").write_text("input\nreels/fair.mkv\nreels/mill.mkv\n")
    arguments = ("--job-list", "jobs.csv", "--out-dir", "listed", "--confidence", "listed-maps")
    assert vidcolor("colorize", *arguments).code == 0
    assert len(list((tmp_path / "listed-maps").iterdir())) == 2
