"""Whole runs under simulated rules of Windows, with the same results as without them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.cli_runs import spawn
from tests.helpers.windows import run_windows, spawn_windows

if TYPE_CHECKING:
    from subprocess import Popen

    from tests.helpers.clips import ClipMaker

SAMPLES = Path(__file__).parents[1] / "samples"
MODEL = SAMPLES.parent / "models" / "embedded.safetensors"
HINTS = '[{"x": 9, "y": 9, "color": "teal", "frame": 9}]'

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads open files from /proc")


def finish(process: Popen[str]) -> str:
    """Wait for a successful end; return the standard output."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    return out


def run_code(code: str, cwd: Path) -> str:
    """Run Python code in a process that simulates Windows."""
    return finish(
        run_windows(f"from tests.helpers.windows import simulate\nsimulate()\n{code}", cwd=cwd)
    )


def test_open_files_cannot_be_renamed_or_deleted(tmp_path: Path) -> None:
    """The simulation notices handles of Python, of FFmpeg and of memory maps."""
    run_code(
        """
import mmap, os, pathlib
a, b, folder = pathlib.Path("a"), pathlib.Path("b"), pathlib.Path("folder")
folder.mkdir()
for path in (a, b, folder / "c"):
    path.write_bytes(b"1")
with (folder / "c").open() as file:
    mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
with b.open() as file:
    for refused in (lambda: b.unlink(), lambda: a.replace(b), lambda: b.rename("d"),
                    lambda: folder.rename("e"), lambda: os.open(".", os.O_RDONLY),
                    lambda: os.fsync(file.fileno()), lambda: os.link("a", "f")):
        try:
            refused()
        except OSError:
            continue
        raise SystemExit("not refused")
mapped.close()
folder.rename("e")
a.replace(b)
b.unlink()
""",
        tmp_path,
    )
    assert [path.name for path in tmp_path.iterdir()] == ["e"]


def colorize_twice(source: Path, name: str, folder: Path, *options: str) -> None:
    """Compare the results of a command under the rules of Windows and without them."""
    results = []
    for start in (spawn, spawn_windows):
        directory = folder / start.__name__
        directory.mkdir()
        finish(start("colorize", source, "-o", name, "-q", *options, cwd=directory))
        results.append({path.name: path.read_bytes() for path in directory.iterdir()})
    assert results[0] == results[1]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", ("--confidence", "map.mkv", "--hints", "../hints.json")),
        ("a.mkv", ("--workers", "2")),
        ("a_%03d.png", ()),
    ],
)
def test_film_is_the_same(
    name: str, options: tuple[str, ...], clip: ClipMaker, tmp_path: Path
) -> None:
    film = clip("mkv", "libx264", frames=16, vf="setsar=4/3")
    (tmp_path / "hints.json").write_text(HINTS)
    colorize_twice(film, name, tmp_path, *options)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["photo.jpg", pytest.param("sepia.png", marks=pytest.mark.exhaustive)]
)
def test_photo_is_the_same(name: str, tmp_path: Path) -> None:
    colorize_twice(SAMPLES / name, name, tmp_path)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_commands_that_write_files_succeed(
    clip: ClipMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They run one after another in one process, and so must not leave handles open."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    film, photo = clip("mkv", "libx264", frames=16), SAMPLES / "photo.jpg"
    (tmp_path / "hints.json").write_text(HINTS)
    commands = [
        ["colorize", film, "-o", "a.mkv", "--hints", "hints.json", "-q"],
        ["colorize", film, "-o", "a.mkv", "-f", "--report", "r.html", "--report", "r.json"],
        ["recolor", SAMPLES / "sepia.png", "-o", "recolored.png", "-q"],
        ["colorize", film, photo, "--out-dir", "out", "--reference", "recolored.png", "-q"],
        ["colorize", photo, "-o", "nul.jpg"],
        ["shots", film, "-o", "shots.csv", "--sheet", "shots.png"],
        ["compare", film, "a.mkv", "-o", "side.mp4"],
        ["compare", film, "a.mkv", "-o", "sheet.png"],
        ["evaluate", "recolored.png", "-o", "scores.json", "--sheet", "e.png"],
        ["models", "import", MODEL, "--name", "copy"],
        ["colorize", photo, "-o", "copy.jpg", "--model", "copy", "-q"],
        ["probe", film],
        ["jobs", "."],
    ]
    code = f"""
import sys
from vidcolor.cli import run
sys.stdout.reconfigure(errors="backslashreplace")  # as `vidcolor.cli.main` does
for command in {[list(map(str, command)) for command in commands]}:
    print("exit code", run(command), command)
"""
    lines = run_code(code, tmp_path).splitlines()
    failed = [line for line in lines if line.startswith("exit code") and "code 0" not in line]
    assert failed == [f"exit code 2 {list(map(str, commands[4]))}"]
