"""`vidcolor colorize`: kinds of sources, printed lines, events and results."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from vidcolor import cli
from vidcolor import photo as photo_module
from vidcolor.batch import runner
from vidcolor.fileio import remove_stale_temporaries_once

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


def name_of_result(name: str) -> str:
    return name.replace(".bmp", ".png")  # BMP has no metadata for the provenance


def events(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.out]


def test_kind_and_target_of_each_source_are_printed(
    vidcolor: Vidcolor, film: Callable[[str], Path]
) -> None:
    photo("scan_1.png"), photo("scan_2.png")
    run = vidcolor("colorize", film("reel.mp4"), "scan_%d.png", photo("p.jpg"), "--fps", 18)
    assert run.code == 0
    assert run.err == []
    assert run.out[0] == "reel.mp4 -> reel.color.mp4 (film)"
    assert run.out[1].startswith("reel.color.mp4: 6 frames in ")
    assert run.out[2] == "scan_%d.png -> scan.color.mp4 (sequence)"
    assert run.out[3].startswith("scan.color.mp4: 2 frames in ")
    assert run.out[4].startswith("p.color.jpg: done in ")
    assert [line.split()[-1] for line in run.out[5:8]] == ["source", "reel.mp4", "scan_%d.png"]
    assert run.out[8].startswith("3 done, 0 skipped, 0 failed in ")


def test_option_without_effect_is_reported(
    vidcolor: Vidcolor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDCOLOR_FOR", "archive")  # may be meant for other runs
    run = vidcolor("colorize", photo("p.png"), "--start", "1", "--quality", "90", "--fps", "18")
    assert run.code == 0
    assert run.err == [
        "warning: --start has no effect: it applies to films and image sequences only",
        "warning: --fps has no effect: it applies to image sequences only",
        "warning: --quality has no effect: it applies to JPEG, WebP, AVIF and HEIC results only",
    ]


def test_image_without_suffix_is_a_photo(vidcolor: Vidcolor) -> None:
    photo("p.png").rename("scan")
    assert vidcolor("colorize", "scan").out[0].startswith("scan.color.png: done")


@pytest.mark.slow
def test_folder_structure_is_kept_and_bad_files_do_not_stop_the_run(
    vidcolor: Vidcolor, film: Callable[[str], Path]
) -> None:
    for n, name in enumerate(("a.jpg", "1920/b.png", "1920/deep/c.tif", ".hidden/h.jpg")):
        photo(f"album/{name}", n)
    for name in (".DS_Store.jpg", "old.color.jpg", "1920-color/b.png"):
        photo(f"album/{name}")
    film("album/reel.mp4")
    Path("album/bad.jpg").write_bytes(b"not an image")
    Path("album/list.txt").write_text("not a source")

    first = vidcolor("colorize", "album", "--out-dir", "out")
    assert first.code == 1
    assert first.out[0] == "album -> out (1 film, 4 photos)"
    assert first.out[-1].startswith("4 done, 0 skipped, 1 failed, 5 left out in "), first
    assert len(first.err) == 1
    assert "album/bad.jpg: not a supported image" in first.err[0]
    assert tree("out") == ["1920/b.png", "1920/deep/c.tif", "a.jpg", "reel.mp4"]

    stamps = {p: p.stat().st_mtime_ns for p in Path("out").rglob("*.*")}
    Path("album/bad.jpg").unlink()
    again = vidcolor("colorize", "album", "--out-dir", "out")
    assert again.code == 0
    assert again.out[-1].startswith("0 done, 4 skipped, 0 failed")
    assert {p: p.stat().st_mtime_ns for p in Path("out").rglob("*.*")} == stamps

    changed = vidcolor("colorize", "album", "--out-dir", "out", "--vividness", "0.3")
    assert changed.code == 1, (
        "another recipe is a new task, and no file is overwritten without --force"
    )
    assert all("already exists" in line for line in changed.err)
    forced = vidcolor("colorize", "album", "--out-dir", "out", "--vividness", "0.3", "--force")
    assert forced.out[-1].startswith("4 done, 0 skipped, 0 failed")


def test_source_that_has_changed_is_not_skipped(vidcolor: Vidcolor) -> None:
    source = photo("album/a.png")
    assert vidcolor("colorize", "album").code == 0
    newer = (Path("album-color/a.png").stat().st_mtime + 10,) * 2
    os.utime(source, newer)
    assert "already done" in vidcolor("colorize", "album").out[-1]
    photo("album/a.png", seed=1)
    os.utime(source, newer)
    assert "already exists" in vidcolor("colorize", "album").err[0]


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp", "a.bmp"])
def test_result_of_every_photo_format_is_skipped(vidcolor: Vidcolor, name: str) -> None:
    photo(f"album/{name}")
    assert vidcolor("colorize", "album").code == 0
    assert (
        vidcolor("colorize", "album").out[-1]
        == f"album-color/{name_of_result(name)}: skipped, already done"
    )


@pytest.mark.parametrize("options", [(), ("--work-dir", "work")])
def test_files_of_a_run_that_was_killed_at_its_end_are_removed(
    vidcolor: Vidcolor, options: tuple[str, ...]
) -> None:
    """The result has its final name before the work directory is removed."""
    command = ("colorize", str(photo("a.png")), "-o", "b.png", *options)
    stale = Path(options[-1] if options else ".", ".b.png.vidcolor.vidcolor999999999.partial")
    assert vidcolor(*command).code == 0
    (stale / "segments").mkdir(parents=True)
    remove_stale_temporaries_once.cache_clear()  # that of another process
    assert vidcolor(*command).out == ["b.png: skipped, already done"]
    assert not stale.exists()


def test_current_folder_can_be_colorized(
    vidcolor: Vidcolor, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo("album/a.png")
    monkeypatch.chdir("album")
    assert vidcolor("colorize", ".").code == 0
    assert tree("..") == ["album-color/a.png", "album/a.png"]


def test_results_inside_the_source_folder_are_not_sources(vidcolor: Vidcolor) -> None:
    photo("album/a.png")
    for _ in range(2):
        assert vidcolor("colorize", "album", "--out-dir", "album/done").code == 0
    assert tree("album") == ["a.png", "done/a.png"]


def test_two_sources_with_the_same_stem_get_two_results(
    vidcolor: Vidcolor, film: Callable[[str], Path]
) -> None:
    film("tapes/reel.mp4"), film("tapes/reel.avi")
    assert vidcolor("colorize", "tapes").code == 0
    assert tree("tapes-color") == ["reel.avi.mp4", "reel.mp4"] or tree("tapes-color") == [
        "reel.mp4", "reel.mp4.mp4"]  # fmt: skip


def test_missing_input_does_not_stop_the_others(vidcolor: Vidcolor) -> None:
    run = vidcolor("colorize", "nowhere.mp4", photo("a.png"), "--out-dir", "out")
    assert run.code == 1
    assert run.err == ["vidcolor: nowhere.mp4: no such file"]
    assert tree("out") == ["a.png"]


def test_a_folder_of_film_scans_is_one_film(vidcolor: Vidcolor) -> None:
    from vidcolor.media.stills.dpx import encode_dpx_file

    Path("scan").mkdir()
    for n in (1, 2):
        data = encode_dpx_file(np.full((32, 32, 3), 500, np.uint16), None, 10)
        Path(f"scan/f_{n}.dpx").write_bytes(data)
    run = vidcolor("colorize", "scan")
    assert run.code == 0
    assert "scan -> scan-color/scan.mp4 (sequence)" in run.out
    assert "scan-color/scan.mp4: skipped, already done" in vidcolor("colorize", "scan").out
    assert vidcolor("colorize", "scan", "--fps", 24).out[0] == "scan -> scan.color.mp4 (sequence)"


def test_json_mode_prints_only_events_on_standard_output(
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


def test_what_is_left_out_of_a_folder_is_printed_at_the_end(vidcolor: Vidcolor) -> None:
    photo("album/a.png")
    for name in ("album/b.psd", "album/notes.txt"):
        Path(name).touch()
    run = vidcolor("colorize", "album")
    assert run.code == 0
    assert run.err[-1].startswith("warning: album: left out: 1 .psd, not supported")
    assert any("1 without the extension" in line and "notes.txt" in line for line in run.out)
    again = events(vidcolor("colorize", "album", "--json"))
    left_out = [e["source"] for e in again if e["event"] == "left_out"]
    assert left_out == ["album/b.psd", "album/notes.txt"]
    assert vidcolor("colorize", "album", "--report", "r.json", "--report", "r.html").code == 0
    listed = json.loads(Path("r.json").read_text())["left_out"]
    assert [(e["source"], e["expected"]) for e in listed] == [
        *(("album/b.psd", False), ("album/notes.txt", True))
    ]
    assert "album/notes.txt" in Path("r.html").read_text()


def test_sources_in_color_are_left_out_on_request(vidcolor: Vidcolor) -> None:
    photo("album/a.png")
    Path("album/sub").mkdir()
    colored = np.random.default_rng(0).integers(0, 256, (8, 12, 3)).repeat(8, 0).repeat(8, 1)
    cv2.imwrite("album/sub/b.png", colored)
    run = vidcolor("colorize", "album", "--skip-color")
    assert run.code == 0
    assert any("left out: 1 in color" in line and "(sub/b.png)" in line for line in run.out)
    assert run.out[-1].startswith("1 done, 0 skipped, 0 failed, 1 left out in ")
    again = events(vidcolor("colorize", "album/sub/b.png", "--skip-color", "--json"))
    assert [e["event"] for e in again][-2:] == ["left_out", "summary"]
    assert again[-1]["left_out"] == 1


@pytest.mark.parametrize("arguments", [["--vividness", "9"], ["--nonsense"], []])
def test_usage_error_is_an_event_in_json_mode(vidcolor: Vidcolor, arguments: list[str]) -> None:
    run = vidcolor("colorize", "nowhere.mp4", "--json", *arguments)
    (event,) = events(run)
    assert event["event"] == "failed"
    assert event["exit_code"] == run.code == (2 if arguments else 1)


def test_warnings_are_events(vidcolor: Vidcolor) -> None:
    photo("s_1.png"), photo("s_2.png")
    printed = events(vidcolor("colorize", "s_%d.png", "--json"))
    assert "no --fps given" in next(e for e in printed if e["event"] == "warning")["text"]


def test_quiet_mode_prints_only_warnings_and_errors(vidcolor: Vidcolor) -> None:
    photo("s_1.png"), photo("s_2.png")
    run = vidcolor("colorize", "s_%d.png", "nowhere.mp4", "-q")
    assert run.out == []
    assert [line.split(":")[0] for line in run.err] == ["warning", "vidcolor"]


def test_report_contains_failed_tasks(vidcolor: Vidcolor) -> None:
    Path("bad.png").write_bytes(b"?")
    run = vidcolor("colorize", "bad.png", "--report", "r.json", "--report", "r.html")
    assert run.code == 1
    (result,) = json.loads(Path("r.json").read_text())["results"]
    assert "not a supported image" in result["error"]
    assert "bad.png" in Path("r.html").read_text()


def test_control_characters_in_file_names_are_escaped(vidcolor: Vidcolor) -> None:
    name = "a\x1b[31m\nb\udcff.png"
    photo("a.png").rename(name)
    run = vidcolor("colorize", name)
    assert run.code == 0
    assert len(run.out) == 1
    assert "\x1b" not in run.out[0]


def test_parallel_photos_equal_serial_photos(
    vidcolor: Vidcolor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(6):
        photo(f"album/{n}.png", n)
    parallel = vidcolor("colorize", "album", "--out-dir", "parallel")
    monkeypatch.setattr(runner, "PARALLEL_PHOTOS", 1)
    serial = vidcolor("colorize", "album", "--out-dir", "serial")
    assert [x.split(":")[0] for x in parallel.out[1:-1]] == [f"parallel/{n}.png" for n in range(6)]
    assert [x.split(":")[0] for x in serial.out[1:-1]] == [f"serial/{n}.png" for n in range(6)]
    for n in range(6):
        assert Path(f"parallel/{n}.png").read_bytes() == Path(f"serial/{n}.png").read_bytes()


def test_interruption_gives_exit_code_130(
    vidcolor: Vidcolor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run_task", interrupt)
    run = vidcolor("colorize", photo("a.png"))
    assert run.code == cli.EXIT_INTERRUPTED
    assert run.err == ["vidcolor: interrupted; no partial file was left behind"]


def test_default_photo_target_is_png_if_the_source_format_has_no_metadata() -> None:
    assert photo_module.default_target(Path("a/b.JPG")) == Path("a/b.color.JPG")
    assert photo_module.default_target(Path("a/b.bmp"), Path("out")) == Path("out/b.png")
    assert photo_module.default_target(Path("a/scan")) == Path("a/scan.color.png")


def test_results_among_several_inputs_are_not_sources(vidcolor: Vidcolor) -> None:
    # In the repeated command the shell expands `*.png` to sources and results.
    for name in ("a.png", "b.png", "c.color.png"):  # the last one is a source, not a result
        photo(name)
    assert vidcolor("colorize", "a.png", "b.png", "c.color.png").code == 0
    again = vidcolor("colorize", *sorted(p.name for p in Path().glob("*.png")))
    assert again.code == 0
    assert again.out[-1].startswith("0 done, 3 skipped")
    assert len(list(Path().glob("*.color.color.png"))) == 1


@pytest.mark.slow
def test_damaged_source_is_reported_again_by_a_repeated_run(vidcolor: Vidcolor) -> None:
    photo("album/whole.png")
    photo("album/cut.jpg")
    cut = Path("album/cut.jpg")
    cut.write_bytes(cut.read_bytes()[:-200])
    assert vidcolor("colorize", "album", "--out-dir", "out").code == 1
    assert vidcolor("colorize", "album", "--out-dir", "out").code == 1
    accepted = ("colorize", "album", "--out-dir", "out", "--allow-damaged")
    assert vidcolor(*accepted, "--force").code == 0
    assert vidcolor(*accepted).out[-1].startswith("0 done, 2 skipped")


def test_mark_changes_the_luma_of_the_bottom_left_corner_only(vidcolor: Vidcolor) -> None:
    import cv2

    pixels = np.full((200, 300), 128, np.uint8)
    cv2.imwrite("p.png", pixels)
    assert vidcolor("colorize", "p.png", "-o", "plain.png").code == 0
    assert vidcolor("colorize", "p.png", "-o", "marked.png", "--mark").code == 0
    changed = (cv2.imread("plain.png") != cv2.imread("marked.png")).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert len(rows) > 0
    assert rows.min() > 150 and columns.max() < 100


def test_quality_sets_the_jpeg_quality(vidcolor: Vidcolor) -> None:
    from PIL import Image

    source = photo("p.png")
    tables = []
    for quality in (20, 90):
        target = f"q{quality}.jpg"
        assert vidcolor("colorize", source, "-o", target, "--quality", quality).code == 0
        with Image.open(target) as image:
            tables.append(sum(image.quantization[0]))
    assert tables[0] > 4 * tables[1], "a lower quality quantizes more coarsely"
    run = vidcolor("colorize", source, "-o", "q.jpg", "--quality", 101)
    assert run.code == 2
    assert "'--quality'" in run.err[0]


@pytest.mark.parametrize("option", ["--gray-from", "--grey-from"])
def test_gray_from_selects_the_channel_of_the_luma(vidcolor: Vidcolor, option: str) -> None:
    import cv2

    bgr = np.zeros((40, 60, 3), np.uint8)
    bgr[..., 0], bgr[..., 1], bgr[..., 2] = 40, 90, 160
    cv2.imwrite("p.png", bgr)
    lumas = []
    for channel in ("red", "blue"):
        run = vidcolor("colorize", "p.png", "-o", f"{channel}.png", option, channel)
        assert run.code == 0
        gray = cv2.cvtColor(cv2.imread(f"{channel}.png"), cv2.COLOR_BGR2GRAY)
        lumas.append(float(gray.mean()))
    assert lumas == pytest.approx([160, 40], abs=6)


def test_default_names_contain_color(vidcolor: Vidcolor, film: Callable[[str], Path]) -> None:
    photo("album/p.png")
    assert vidcolor("colorize", film("reel.mp4")).code == 0
    assert vidcolor("colorize", "album").code == 0
    assert Path("reel.color.mp4").exists()
    assert tree("album-color") == ["p.png"]


def test_help_groups_the_options(vidcolor: Vidcolor) -> None:
    run = vidcolor("colorize", "--help")
    assert run.code == 0
    text = "\n".join(run.out)
    for panel in ("Input", "Color", "Time", "Output", "Execution", "Logging"):
        assert f"─ {panel} ─" in text
