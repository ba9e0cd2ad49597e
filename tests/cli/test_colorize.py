"""`vidcolor colorize`: what it takes things for, what it says, what it leaves."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vidcolor import cli
from vidcolor import photo as photo_module
from vidcolor.batch import runner

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.cli_runs import Run
    from tests.helpers.clips import ClipMaker

    Vidcolor = Callable[..., Run]


def photo(name: str, seed: int = 0) -> Path:
    import cv2

    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(name, np.random.default_rng(seed).integers(0, 255, (40, 60), np.uint8))
    return path


@pytest.fixture
def film(clip: ClipMaker, tmp_path: Path) -> Callable[[str], Path]:
    def make(name: str) -> Path:
        suffix = name.rsplit(".", 1)[1]
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        quick = ("-preset", "ultrafast")
        path.write_bytes(clip(suffix, "libx264", "yuv420p", *quick, frames=6).read_bytes())
        return Path(name)

    return make


def tree(folder: str) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*") if p.is_file())


def events(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.out]


def test_it_says_what_it_takes_things_for(vidcolor: Vidcolor, film: Callable[[str], Path]) -> None:
    photo("scan_1.png"), photo("scan_2.png")
    run = vidcolor("colorize", film("reel.mp4"), "scan_%d.png", photo("p.jpg"), "--fps", 18)
    assert run.code == 0
    assert run.err == []
    assert run.out[0] == "reel.mp4: a film, to reel.color.mp4"
    assert run.out[1].startswith("reel.color.mp4: 6 frames in ")
    assert run.out[2] == "scan_%d.png: a sequence, to scan.color.mp4"
    assert run.out[3].startswith("scan.color.mp4: 2 frames in ")
    assert run.out[4].startswith("p.color.jpg: done in ")
    assert [line.split()[-1] for line in run.out[5:8]] == ["film", "reel.mp4", "scan_%d.png"]
    assert run.out[8].startswith("3 done, 0 done before, 0 failed, in ")


def test_a_picture_without_suffix_is_a_photo(vidcolor: Vidcolor) -> None:
    photo("p.png").rename("scan")
    assert vidcolor("colorize", "scan").out[0].startswith("scan.color.png: done")


def test_a_folder_is_mirrored_repeated_and_survives_bad_files(
    vidcolor: Vidcolor, film: Callable[[str], Path]
) -> None:
    for n, name in enumerate(("a.jpg", "1920/b.png", "1920/deep/c.tif", ".hidden/h.jpg")):
        photo(f"album/{name}", n)
    for name in (".DS_Store.jpg", "old.color.jpg", "1920-color/b.png"):
        photo(f"album/{name}")
    film("album/reel.mp4")
    Path("album/bad.jpg").write_bytes(b"no picture")
    Path("album/list.txt").write_text("not taken")

    first = vidcolor("colorize", "album", "--out-dir", "out")
    assert first.code == 1
    assert first.out[0] == "album: a folder with 1 film and 4 photos, to out"
    assert first.out[-1].startswith("4 done, 0 done before, 1 failed, in "), first
    assert len(first.err) == 1
    assert "album/bad.jpg: not a picture" in first.err[0]
    assert tree("out") == ["1920/b.png", "1920/deep/c.tif", "a.jpg", "reel.mp4"]

    stamps = {p: p.stat().st_mtime_ns for p in Path("out").rglob("*.*")}
    Path("album/bad.jpg").unlink()
    again = vidcolor("colorize", "album", "--out-dir", "out")
    assert again.code == 0
    assert again.out[-1].startswith("0 done, 4 done before, 0 failed")
    assert {p: p.stat().st_mtime_ns for p in Path("out").rglob("*.*")} == stamps

    changed = vidcolor("colorize", "album", "--out-dir", "out", "--vividness", "0.3")
    assert changed.code == 1, "another recipe is not done, and nothing is replaced unasked"
    assert all("exists already" in line for line in changed.err)
    forced = vidcolor("colorize", "album", "--out-dir", "out", "--vividness", "0.3", "--force")
    assert forced.out[-1].startswith("4 done, 0 done before, 0 failed")


def test_a_newer_source_is_not_done(vidcolor: Vidcolor) -> None:
    source = photo("album/a.png")
    assert vidcolor("colorize", "album").code == 0
    target = Path("album-color/a.png")
    os.utime(source, (target.stat().st_mtime + 10,) * 2)
    assert "exists already" in vidcolor("colorize", "album").err[0]


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp", "a.bmp"])
def test_every_kind_of_photo_is_known_again(vidcolor: Vidcolor, name: str) -> None:
    photo(f"album/{name}")
    assert vidcolor("colorize", "album").code == 0
    assert vidcolor("colorize", "album").out[-1].endswith("done before")


def test_the_folder_one_stands_in(vidcolor: Vidcolor, monkeypatch: pytest.MonkeyPatch) -> None:
    photo("album/a.png")
    monkeypatch.chdir("album")
    assert vidcolor("colorize", ".").code == 0
    assert tree("..") == ["album-color/a.png", "album/a.png"]


def test_results_inside_the_folder_are_no_sources(vidcolor: Vidcolor) -> None:
    photo("album/a.png")
    for _ in range(2):
        assert vidcolor("colorize", "album", "--out-dir", "album/done").code == 0
    assert tree("album") == ["a.png", "done/a.png"]


def test_two_sources_of_one_name_get_two_results(
    vidcolor: Vidcolor, film: Callable[[str], Path]
) -> None:
    film("tapes/reel.mp4"), film("tapes/reel.avi")
    assert vidcolor("colorize", "tapes").code == 0
    assert tree("tapes-color") == ["reel.avi.mp4", "reel.mp4"] or tree("tapes-color") == [
        "reel.mp4", "reel.mp4.mp4"]  # fmt: skip


def test_of_several_inputs_a_missing_one_is_passed_over(vidcolor: Vidcolor) -> None:
    run = vidcolor("colorize", "nowhere.mp4", photo("a.png"), "--out-dir", "out")
    assert run.code == 1
    assert run.err == ["vidcolor: nowhere.mp4: no such file"]
    assert tree("out") == ["a.png"]


def test_frames_in_a_folder_ask_for_a_rate(vidcolor: Vidcolor) -> None:
    from vidcolor.media.stills.dpx_exr import dpx_bytes

    Path("scan").mkdir()
    for n in (1, 2):
        data = dpx_bytes(np.full((32, 32, 3), 500, np.uint16), None, 10)
        Path(f"scan/f_{n}.dpx").write_bytes(data)
    run = vidcolor("colorize", "scan")
    assert run.code == 0
    assert "--fps 24" in run.err[0]
    assert vidcolor("colorize", "scan", "--fps", 24).out[0] == (
        "scan: a sequence, to scan.color.mp4"
    )


def test_json_is_all_that_stands_on_standard_output(
    vidcolor: Vidcolor, film: Callable[[str], Path]
) -> None:
    film("album/reel.mp4"), photo("album/a.jpg"), Path("album/bad.png").write_bytes(b"?")
    run = vidcolor("colorize", "album", "--json")
    names = [e["event"] for e in events(run)]
    assert set(names) == {"start", "progress", "done", "failed", "summary"}
    assert names.count("start") == 3
    assert names[-1] == "summary"
    last = events(run)[-1]
    assert (last["done"], last["skipped"], last["failed"]) == (2, 0, 1)
    failed = next(e for e in events(run) if e["event"] == "failed")
    assert failed["source"] == "album/bad.png"
    assert failed["exit_code"] == 1
    assert run.code == 1
    again = [e["event"] for e in events(vidcolor("colorize", "album", "--json"))]
    assert sorted(n for n in again if n != "progress") == [
        *("failed", "skipped", "skipped", "start", "summary")
    ]


@pytest.mark.parametrize("words", [["--vividness", "9"], ["--nonsense"], []])
def test_wrong_usage_is_an_event_too(vidcolor: Vidcolor, words: list[str]) -> None:
    run = vidcolor("colorize", "nowhere.mp4", "--json", *words)
    (event,) = events(run)
    assert event["event"] == "failed"
    assert event["exit_code"] == run.code == (2 if words else 1)


def test_warnings_are_events(vidcolor: Vidcolor) -> None:
    photo("s_1.png"), photo("s_2.png")
    said = [e for e in events(vidcolor("colorize", "s_%d.png", "--json"))]
    assert "no --fps given" in next(e for e in said if e["event"] == "warning")["text"]


def test_quiet_leaves_warnings_and_errors(vidcolor: Vidcolor) -> None:
    photo("s_1.png"), photo("s_2.png")
    run = vidcolor("colorize", "s_%d.png", "nowhere.mp4", "-q")
    assert run.out == []
    assert [line.split(":")[0] for line in run.err] == ["warning", "vidcolor"]


def test_reports_hold_what_failed_too(vidcolor: Vidcolor) -> None:
    Path("bad.png").write_bytes(b"?")
    run = vidcolor("colorize", "bad.png", "--report", "r.json", "--report", "r.html")
    assert run.code == 1
    (result,) = json.loads(Path("r.json").read_text())["results"]
    assert "not a picture" in result["error"]
    assert "bad.png" in Path("r.html").read_text()


def test_names_that_no_terminal_should_obey(vidcolor: Vidcolor) -> None:
    name = "a\x1b[31m\nb\udcff.png"
    photo("a.png").rename(name)
    run = vidcolor("colorize", name)
    assert run.code == 0
    assert len(run.out) == 1
    assert "\x1b" not in run.out[0]


def test_photos_side_by_side_are_those_done_one_by_one(
    vidcolor: Vidcolor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(6):
        photo(f"album/{n}.png", n)
    side = vidcolor("colorize", "album", "--out-dir", "side")
    monkeypatch.setattr(runner, "PHOTOS_AT_ONCE", 1)
    alone = vidcolor("colorize", "album", "--out-dir", "alone")
    assert [x.split(":")[0] for x in side.out[1:-1]] == [f"side/{n}.png" for n in range(6)]
    assert [x.split(":")[0] for x in alone.out[1:-1]] == [f"alone/{n}.png" for n in range(6)]
    for n in range(6):
        assert Path(f"side/{n}.png").read_bytes() == Path(f"alone/{n}.png").read_bytes()


def test_ctrl_c_is_130_and_begins_nothing_more(
    vidcolor: Vidcolor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run_task", stop)
    run = vidcolor("colorize", photo("a.png"))
    assert run.code == cli.INTERRUPTED
    assert run.err == ["vidcolor: stopped; no unfinished file is left behind"]


def test_photo_targets() -> None:
    assert photo_module.default_target(Path("a/b.JPG")) == Path("a/b.color.JPG")
    assert photo_module.default_target(Path("a/b.bmp"), Path("out")) == Path("out/b.png")
    assert photo_module.default_target(Path("a/scan")) == Path("a/scan.color.png")


def test_results_among_several_inputs_are_no_sources(vidcolor: Vidcolor) -> None:
    """As when the shell expands `*.png` a second time."""
    for name in ("a.png", "b.png", "c.color.png"):  # the last only happens to be called so
        photo(name)
    assert vidcolor("colorize", "a.png", "b.png", "c.color.png").code == 0
    again = vidcolor("colorize", *sorted(p.name for p in Path().glob("*.png")))
    assert again.code == 0
    assert again.out[-1].startswith("0 done, 3 done before")
    assert len(list(Path().glob("*.color.color.png"))) == 1


def test_damage_is_not_forgotten_when_a_batch_is_run_again(vidcolor: Vidcolor) -> None:
    photo("album/whole.png")
    photo("album/cut.jpg")
    cut = Path("album/cut.jpg")
    cut.write_bytes(cut.read_bytes()[:-200])
    assert vidcolor("colorize", "album", "--out-dir", "out").code == 1
    assert vidcolor("colorize", "album", "--out-dir", "out").code == 1
    accepted = ("colorize", "album", "--out-dir", "out", "--allow-damaged")
    assert vidcolor(*accepted, "--force").code == 0
    assert vidcolor(*accepted).out[-1].startswith("0 done, 2 done before")
