"""Discovery of tasks: kinds, targets, patterns, folders and contradictory arguments."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.stills import PROVENANCE
from vidcolor.batch.discover import LeftOut, discover
from vidcolor.batch.manifest import read_job_list
from vidcolor.errors import InputError, UsageError
from vidcolor.media.probe import probe
from vidcolor.media.stills.formats import detect_format
from vidcolor.media.stills.registry import read_still, write_still
from vidcolor.options import ColorizeOptions, Hint

OPTIONS = ColorizeOptions()
AT_24_FPS = ColorizeOptions(fps=Fraction(24))


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def describe(*inputs: str, out: str | None = None, options: ColorizeOptions = OPTIONS) -> list[str]:
    tasks = discover([Path(i) for i in inputs], Path(out) if out else None, None, options)
    return [f"{task.kind} {task.source} {task.target}" for task in tasks]


def test_each_input_has_its_kind_and_default_target() -> None:
    touch("reel.mp4", "p.JPG", "s/f_1.png", "s/f_2.png", "a%d.mp4")
    assert describe("reel.mp4") == ["film reel.mp4 reel.color.mp4"]
    assert describe("p.JPG") == ["photo p.JPG p.color.JPG"]
    assert describe("s/f_%d.png") == ["sequence s/f_%d.png s/f.color.mp4"]
    assert describe("a%d.mp4") == ["film a%d.mp4 a%d.color.mp4"]
    assert describe("s", options=AT_24_FPS) == ["sequence s s.color.mp4"]
    assert describe("s", out="film.mkv") == ["sequence s film.mkv"]
    assert describe("s", out="o_%d.png") == ["sequence s o_%d.png"]
    assert describe("s", out="elsewhere") == [
        "photo s/f_1.png elsewhere/f_1.png", "photo s/f_2.png elsewhere/f_2.png"]  # fmt: skip


def test_existing_folder_with_a_dot_in_its_name_is_an_output_folder() -> None:
    touch("s/f_1.png", "out.v2/keep")
    assert describe("s", out="out.v2") == ["photo s/f_1.png out.v2/f_1.png"]


def test_hidden_files_and_results_are_not_sources() -> None:
    touch("a/x.png", "a/.x.png", "a/.git/x.png", "a/y.color.png", "a/b/x.png", "a/b-color/x.png")
    touch("a/lone-color/x.png", "a/notes.txt")
    assert [line.split()[1] for line in describe("a")] == [
        "a/x.png", "a/b/x.png", "a/lone-color/x.png"]  # fmt: skip


@pytest.mark.parametrize("folder", [".", "../{name}", "{absolute}", "./"])
def test_result_folder_does_not_depend_on_the_spelling_of_the_source(
    folder: str, tmp_path: Path
) -> None:
    touch("x.png")
    path = Path(folder.format(name=tmp_path.name, absolute=tmp_path))
    (task,) = discover([path], None, None, OPTIONS)
    assert task.target.resolve() == tmp_path.parent / f"{tmp_path.name}-color" / "x.png"


def test_film_scans_in_a_folder_are_image_sequences() -> None:
    touch("b/r1/s_1.dpx", "b/r1/s_2.dpx", "b/r1/notes.txt", "b/r2/2k/x.09.EXR", "b/r2/2k/x.10.EXR")
    touch("b/r3/k_1.dpx", "b/r3/k_2.dpx", "b/r3/m_1.dpx", "b/r3/m_2.dpx", "b/r3/p.png")
    assert describe("b", out="o") == [
        "sequence b/r1 o/r1.mp4",
        "sequence b/r2/2k o/r2/2k.mp4",
        "sequence b/r3/k_%d.dpx o/r3/k.mp4",
        "sequence b/r3/m_%d.dpx o/r3/m.mp4",
        "photo b/r3/p.png o/r3/p.png",
    ]
    assert describe("b/r1") == ["sequence b/r1 b/r1-color/r1.mp4"]
    touch("b/r1.mp4")
    assert describe("b", out="o")[:2] == [
        "film b/r1.mp4 o/r1.mp4", "sequence b/r1 o/r1.sequence.mp4"]  # fmt: skip


def test_a_source_keeps_the_target_of_its_own_name() -> None:
    touch("a/scan.png", "a/scan.bmp", "a/scan.tga")
    assert describe("a", out="o") == [
        "photo a/scan.bmp o/scan.bmp.png",
        "photo a/scan.png o/scan.png",
        "photo a/scan.tga o/scan.tga.png",
    ]
    Path("a/scan.png").unlink()
    assert describe("a", out="o")[0] == "photo a/scan.bmp o/scan.png"


def test_contradictory_arguments_are_refused() -> None:
    touch("x.png", "y.png", "a/x.png", "file")
    with pytest.raises(UsageError, match="cannot be used together"):
        discover([Path("x.png")], Path("o.png"), Path("d"), OPTIONS)
    with pytest.raises(UsageError, match="use --out-dir"):
        describe("x.png", "y.png", out="o.png")
    with pytest.raises(UsageError, match="is the output of both"):
        discover([Path("x.png"), Path("a/x.png")], None, Path("d"), OPTIONS)
    with pytest.raises(UsageError, match="file: is a file"):
        discover([Path("x.png")], None, Path("file"), OPTIONS)
    with pytest.raises(InputError, match=r"none\.png: no such file"):
        describe("none.png")


def test_input_that_is_named_twice_is_one_task() -> None:
    touch("x.png", "a/y.png")
    inputs = [Path("x.png"), Path("x.png").absolute(), Path("none.png"), Path("a"), Path("a/y.png")]
    tasks = discover(inputs, None, Path("d"), OPTIONS)
    assert [str(task.source) for task in tasks] == ["x.png", "none.png", "a/y.png"]
    Path("jobs.csv").write_text("input,output,mark\nx.png,o.png,no\nx.png,o.png,yes\n")
    with pytest.raises(UsageError, match=r"o\.png: is the output of .*with two sets of options"):
        read_job_list(Path("jobs.csv"), None, OPTIONS)
    Path("jobs.csv").write_text("input,output,mark\nno.png,a.png,no\nno.png,b.png,yes\n")
    assert len(read_job_list(Path("jobs.csv"), None, OPTIONS)) == 2


def test_glob_pattern_is_expanded_and_must_match() -> None:
    touch("reels/a.png", "reels/deep/b.png")
    assert [t.split()[1] for t in describe("reels/**/*.png")] == ["reels/a.png", "reels/deep/b.png"]
    with pytest.raises(InputError, match=r"reels/\*\.avi: no file matches this pattern"):
        describe("reels/*.avi")


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("reels/*.png", ["reels/a.png"]),
        ("reels/**/*.png", ["reels/a.png"]),
        ("reels/.*.png", ["reels/._a.png"]),
        ("reels/.old/*.png", ["reels/.old/b.png"]),
        ("./reels/../reels/*.png", ["reels/../reels/a.png"]),
    ],
)
def test_glob_pattern_matches_hidden_names_like_a_shell(pattern: str, matches: list[str]) -> None:
    touch("reels/a.png", "reels/._a.png", "reels/.old/b.png")  # macOS writes ._a.png
    assert [t.split()[1] for t in describe(pattern)] == matches


def test_each_task_has_only_the_hints_for_its_source() -> None:
    touch("album/a.png", "album/b.png")
    hint = Hint(x=1, y=2, color="teal", file="a.png")
    options = ColorizeOptions(hints=(hint,))
    first, second = discover([Path("album")], None, None, options)
    assert first.options == options
    assert second.options == options.replace(hints=None)


@pytest.mark.parametrize("name", ["a.mp4", "a.png", "a.xyz", "s/a_1.png"])
def test_pipes_are_refused_without_waiting(name: str) -> None:
    touch("s/a_2.png")
    os.mkfifo(name)
    with pytest.raises(InputError, match="is a pipe, device or socket"):
        discover([Path(name)], None, None, OPTIONS)
    with pytest.raises(InputError, match="is a pipe, device or socket"):
        detect_format(Path(name))
    with pytest.raises(InputError, match="is a pipe, device or socket"):
        probe(Path(name))


def test_urls_are_refused_also_as_patterns() -> None:
    for url in ("https://example.org/a.mp4?x=[1]", "https://example.org/a_%d.png"):
        with pytest.raises(InputError, match="download it first"):
            discover([Path(url)], None, None, OPTIONS)


def test_everything_left_out_of_a_folder_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    touch("a/x.png", "a/.x.png", "a/.git/x", "a/y.color.png", "a/b/x.XCF", "a/b-color/x.png")
    touch("a/song.MOD", "a/x.mp4.vidcolor/plan", "other/x.png", "a/locked/x.png", "a/x.gif")
    touch("a/x.psd", "a/x.NEF", "a/@eaDir/x.png/THUMB.png", "a/$RECYCLE.BIN/x.png")
    Path("a/M.MOD").write_bytes(b"\0\0\1\xba")
    Path("a/gone.mp4").symlink_to("nowhere.mp4")
    Path("a/gone").symlink_to("nowhere")
    Path("a/link").symlink_to("../other")
    os.mkfifo("a/pipe.mp4")
    scandir = os.scandir

    def scan(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)
    left_out: list[LeftOut] = []
    tasks = discover([Path("a")], None, None, OPTIONS, left_out)
    assert [(task.kind, str(task.source)) for task in tasks] == [
        ("film", "a/M.MOD"), ("photo", "a/x.png")]  # fmt: skip
    reasons = {str(item.path): item.reason.partition(";")[0] for item in left_out}
    assert reasons == {
        "a/.git": "hidden",
        "a/.x.png": "hidden",
        "a/b/x.XCF": ".xcf, not supported",
        "a/x.NEF": ".nef, not supported",
        "a/x.psd": ".psd, not supported",
        "a/x.gif": ".gif",
        "a/gone": "broken link",
        "a/gone.mp4": "broken link",
        "a/b-color": "from an earlier run",
        "a/y.color.png": "with the name of a result",
        "a/link": "linked",
        "a/@eaDir": "of the system, with thumbnails or deleted files",
        "a/$RECYCLE.BIN": "of the system, with thumbnails or deleted files",
        "a/locked": "unreadable: Permission denied",
        "a/pipe.mp4": "no regular file",
        "a/song.MOD": ".mod, but no MPEG film, as camcorders write",
        "a/x.mp4.vidcolor": "with unfinished work",
    }


def test_result_in_a_folder_is_distinguished_from_a_file_with_such_a_name() -> None:
    touch("a/x.png")
    for name in ("made.color.png", "other.color.png"):
        Image.new("L", (8, 8), 90).save(f"a/{name}")
    source = read_still(Path("a/other.color.png"))
    zero = np.zeros((8, 8), np.float32)
    write_still(Path("a/made.color.png"), source, zero, zero, provenance=PROVENANCE)
    left_out: list[LeftOut] = []
    discover([Path("a")], None, None, OPTIONS, left_out)
    assert {item.path.name: item.reason.partition(";")[0] for item in left_out} == {
        "made.color.png": "from an earlier run",
        "other.color.png": "with the name of a result",
    }


def test_animations_in_a_folder_are_films() -> None:
    touch("a/x.png")
    frames = [Image.new("L", (8, 8), level) for level in (0, 255)]
    frames[0].save("a/moving.webp", save_all=True, append_images=frames[1:])
    frames[0].save("a/still.webp")
    tasks = discover([Path("a")], None, None, OPTIONS)
    assert [(task.kind, str(task.target)) for task in tasks] == [
        ("film", "a-color/moving.mp4"),
        ("photo", "a-color/still.webp"),
        ("photo", "a-color/x.png"),
    ]


def test_folder_without_sources_names_what_it_contains() -> None:
    touch(*(f"a/{n:02}.cr2" for n in range(10)))
    with pytest.raises(InputError, match=r"10 \.cr2, .*16-bit .*00\.cr2, .*07\.cr2 and 2 more"):
        discover([Path("a")], None, None, OPTIONS)
