"""Many films at once: lists, patterns, what came of them, and what is unfinished."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from tests.helpers.checks import read_film
from vidcolor.batch.manifest import read_job_list
from vidcolor.errors import UsageError
from vidcolor.film import segments
from vidcolor.film.pipeline import colorize_film
from vidcolor.film.workdir import WorkDir, work_path
from vidcolor.media.probe import probe
from vidcolor.options import ColorizeOptions


@pytest.fixture
def reels(clip, tmp_path):
    folder = tmp_path / "reels"
    folder.mkdir()
    for name in ("mill", "harbor", "fair"):
        made = clip("mkv", "libx264", "yuv420p", frames=20, vf=f"drawbox=x={len(name)}")
        (folder / f"{name}.mkv").write_bytes(made.read_bytes())
    return folder


@pytest.fixture
def unfinished(reels, flat, tmp_path, monkeypatch):
    """A film that was stopped after one of two segments."""
    monkeypatch.setattr(segments, "LEAST_S", Fraction(0))
    shots = tmp_path / "shots.csv"
    shots.write_text("first_frame,last_frame\n0,9\n10,19\n")

    def stop(step):
        if step.stage == "color" and step.done == 15:
            raise KeyboardInterrupt

    target = tmp_path / "out" / "mill.mp4"
    with pytest.raises(KeyboardInterrupt):
        options = ColorizeOptions(shots=shots)
        colorize_film(reels / "mill.mkv", target, options, colorizer=flat, progress=stop)
    return target


def test_a_job_list(vidcolor, reels, tmp_path):
    """Options of each film's own; one film that fails, and one that is not there."""
    (reels / "broken.mov").write_text("x")
    listed = reels / "night.csv"
    listed.write_text(
        "\ufeffinput;output;end;for\nmill.mkv;;0.2;\nharbor.mkv;o/two.mov;;editing\n"
        "broken.mov;;;\nnone.mkv;;;\nf*.mkv;;;archive\n"
    )
    run = vidcolor("colorize", "--job-list", listed, "--out-dir", "out", "--report", "night.json")
    assert run.code == 1
    assert [line.split()[0] for line in run.out[-6:-1]] == [
        "done", "done", "failed", "failed", "done",
    ]  # fmt: skip
    assert run.out[-1].startswith("3 done, 0 done before, 2 failed")
    assert len(run.err) == 2
    assert len(read_film(tmp_path / "out" / "mill.mkv").frames) == 5
    assert probe(reels / "o" / "two.mov").video.codec == "prores"
    assert probe(tmp_path / "out" / "fair.mkv").video.codec == "ffv1"
    results = json.loads((tmp_path / "night.json").read_text())["results"]
    assert [bool(r["error"]) for r in results] == [False, False, True, True, False]
    again = vidcolor("colorize", "--job-list", listed, "--out-dir", "out")
    assert again.out[-1].startswith("0 done, 3 done before, 2 failed")


def test_a_job_list_as_json(reels):
    listed = reels / "night.json"
    rows = [
        {"input": "mill.mkv", "vividness": 0.3, "per-frame": True, "encoder-option": {"crf": 20}},
        {"input": "fair.mkv", "start": "0:00.1", "encoder_options": "crf=9 preset=slow"},
    ]
    listed.write_text(json.dumps({"jobs": rows}))
    one, two = read_job_list(listed, None, ColorizeOptions(saturation=0.5))
    assert one.options == ColorizeOptions(
        saturation=0.5, vividness=0.3, per_frame=True, encoder_options=(("crf", "20"),)
    )
    assert two.options == ColorizeOptions(
        saturation=0.5, start=Fraction(1, 10), encoder_options=(("crf", "9"), ("preset", "slow"))
    )
    assert two.target == reels / "fair.color.mkv"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("output\nx.mp4\n", "row 1: names no input"),
        ("input,vivid\nmill.mkv,1\n", "row 1: 'vivid' is no option of a film"),
        ("input,vividness\nmill.mkv,3\n", "row 1: vividness must lie between 0 and 1"),
        ("input,for\nmill.mkv,fun\n", "row 1: purpose cannot be 'fun'"),
        ("input,end\nfair.mkv,\nmill.mkv,soon\n", "row 2: end cannot be 'soon'"),
        ("input,mark\nmill.mkv,perhaps\n", "row 1: mark cannot be 'perhaps'"),
        ("input,device\nmill.mkv,cpu\n", "'device' is no option of a film"),
        ("input\nmill.mkv,x\n", "more cells than there are columns"),
        ("input,output\nmill.mkv,a.mp4\nfair.mkv,a.mp4\n", "would both be written to"),
        ("input\n", "lists nothing"),
    ],
)
def test_a_job_list_that_makes_no_sense(reels, text, said):
    listed = reels / "night.csv"
    listed.write_text(text)
    with pytest.raises(UsageError, match=said):
        read_job_list(listed, None, ColorizeOptions())


def test_patterns(vidcolor, reels, tmp_path):
    (reels / "deep").mkdir()
    (reels / "fair.mkv").rename(reels / "deep" / "fair.mkv")
    run = vidcolor("colorize", "reels/**/*.mkv", "--out-dir", "out", "--end", 0.2)
    assert run.code == 0
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {"mill.mkv", "harbor.mkv", "fair.mkv"}
    run = vidcolor("colorize", "reels/*.avi")
    assert (run.code, run.err) == (1, ["vidcolor: reels/*.avi: nothing is called so"])


def test_nothing_named(vidcolor):
    run = vidcolor("colorize")
    assert run.code == 2
    assert "--job-list" in run.err[0]


def test_films_at_once(vidcolor, reels, tmp_path, monkeypatch):
    """Two workers: films overlap, what is said stays in order."""
    from vidcolor.film import engines

    monkeypatch.setattr(engines, "films_at_once", lambda _: 3)
    run = vidcolor("colorize", reels, "--out-dir", "out", "--json")
    assert run.code == 0
    events = [json.loads(line) for line in run.out]
    done = [Path(e["source"]).name for e in events if e["event"] == "done"]
    assert done == ["fair.mkv", "harbor.mkv", "mill.mkv"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == done


def test_jobs_and_status(vidcolor, unfinished, tmp_path):
    work = work_path(unfinished, None)
    run = vidcolor("jobs", "out")
    assert run.code == 0
    assert "out/mill.mp4.vidcolor: waiting, 1 of 2 segments finished" in run.out[0]
    (event,) = (json.loads(line) for line in vidcolor("jobs", "--json").out)
    assert (event["segments_done"], event["num_segments"], event["is_running"]) == (1, 2, False)
    assert event["target"] == str(unfinished)
    said = vidcolor("status", unfinished).out
    assert said[3] == "segments  1 of 2 finished"
    assert json.loads(vidcolor("status", work, "--json").out[0])["stage"] == "color"
    with WorkDir(work).claimed():
        assert "running, color: " in vidcolor("jobs").out[0]
        run = vidcolor("jobs", "--remove")
        assert run.code == 1
        assert "somebody is at work on it" in run.err[0]
    assert work.exists()
    run = vidcolor("jobs", "--remove")
    assert run.code == 0
    assert list((tmp_path / "out").iterdir()) == []
    assert vidcolor("jobs").out == ["no unfinished work"]
    assert vidcolor("status", unfinished).code == 1


def test_a_folder_with_unfinished_work_in_it(vidcolor, unfinished, tmp_path):
    """It is no source."""
    (tmp_path / "out" / "other.mkv").write_bytes((tmp_path / "reels" / "fair.mkv").read_bytes())
    run = vidcolor("colorize", "out", "--end", 0.2)
    assert (run.code, run.out[0]) == (0, "out: a folder with 1 film, to out-color")


def test_resume_is_told(vidcolor, unfinished, tmp_path):
    words = ("colorize", "reels/mill.mkv", "-o", unfinished, "--shots", "shots.csv")
    run = vidcolor(*words, "--resume", "only")
    assert run.code == 0
    assert "(10 of them by an earlier run)" in run.out[-1]
    run = vidcolor(*words, "--resume", "only", "--force")
    assert run.code == 2
    assert "there is no unfinished work" in run.err[0]
