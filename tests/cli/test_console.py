"""A bar for people, lines for logs, objects for scripts."""

from __future__ import annotations

import json
import os
import pty
import termios
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.cli_runs import spawn_flat
from vidcolor.cli import console
from vidcolor.cli.console import Console, clock, one_line
from vidcolor.progress import Progress

if TYPE_CHECKING:
    from tests.helpers.clips import ClipMaker


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that goes where the test says."""
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    return now


def step(done: int, total: int | None = 100) -> Progress:
    return Progress(Path("a/reel.mov"), "color", done, total)


def test_a_log_gets_a_plain_line_every_ten_seconds(
    seconds: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    shown = Console()
    for done in range(26):
        shown.progress(step(done))
        seconds[0] += 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "reel.mov: color: 10 of about 100, 1:30 min left (1.0/s)",
        "reel.mov: color: 20 of about 100, 1:20 min left (1.0/s)",
    ]


def test_a_total_that_nobody_knows(seconds: list[float], capfd: pytest.CaptureFixture[str]) -> None:
    shown = Console()
    for done in (0, 30):
        shown.progress(step(done, None))
        seconds[0] += 15
    assert capfd.readouterr().err == "reel.mov: color: 30 (2.0/s)\n"


def test_scripts_get_one_object_a_second(
    seconds: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    shown = Console(json_lines=True)
    for done in range(1, 41):
        shown.progress(step(done, 40))
        seconds[0] += 0.25
    out, err = capfd.readouterr()
    said = [json.loads(line) for line in out.splitlines()]
    assert err == ""
    assert [e["done"] for e in said] == [*range(1, 40, 4), 40]
    assert {e["event"] for e in said} == {"progress"}


def test_quiet_shows_no_progress(seconds: list[float], capfd: pytest.CaptureFixture[str]) -> None:
    shown = Console(quiet=True)
    for done in range(100):
        shown.progress(step(done))
        seconds[0] += 20
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("columns", [0, 100])
def test_a_terminal_gets_a_bar_that_goes_away(
    clip: ClipMaker, tmp_path: Path, columns: int
) -> None:
    reel = clip("mp4", "libx264", "yuv420p", "-preset", "ultrafast", frames=40)
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, columns))
    process = spawn_flat("colorize", reel, "-o", "out.mp4", cwd=tmp_path, stderr=slave)
    os.close(slave)
    bar = read_all(master)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "\r" not in out
    assert len(out.splitlines()) == 2
    assert f"{reel.name}: color:" in bar
    assert "frame/s" in bar
    assert "/40" in bar
    assert bar.rsplit("\r", 2)[-2].strip() == "", "the bar is wiped away at the end"


def test_a_log_file_never_holds_control_characters(clip: ClipMaker, tmp_path: Path) -> None:
    reel = clip("mp4", "libx264", "yuv420p", "-preset", "ultrafast", frames=40)
    process = spawn_flat("colorize", reel, "-o", "out.mp4", cwd=tmp_path)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err == ""
    assert (out.replace("\n", "")).isprintable()


def test_a_reader_that_leaves_does_not_matter(clip: ClipMaker, tmp_path: Path) -> None:
    """`vidcolor … | head -1`: no complaint, and the film is there all the same."""
    reel = clip("mp4", "libx264", "yuv420p", "-preset", "ultrafast", frames=40)
    end, start = os.pipe()
    process = spawn_flat("colorize", reel, "-o", "out.mp4", cwd=tmp_path, stdout=start)
    os.close(start)
    os.close(end)
    _, err = process.communicate(timeout=60)
    assert err == ""
    assert (tmp_path / "out.mp4").exists()


def read_all(terminal: int) -> str:
    data = b""
    try:
        while chunk := os.read(terminal, 65536):
            data += chunk
    except OSError:  # what Linux says once the other side is closed
        pass
    os.close(terminal)
    return data.decode()


@pytest.mark.parametrize(
    ("seconds_", "text"), [(0.04, "0.0 s"), (42.4, "42 s"), (187, "3:07 min"), (7384, "2:03:04 h")]
)
def test_clock(seconds_: float, text: str) -> None:
    assert clock(seconds_) == text


def test_one_line_keeps_names_as_they_are() -> None:
    assert one_line("  two  blanks, ä, 字") == "  two  blanks, ä, 字"
    assert one_line("a\nb\x1b[0m\udcff") == r"a b\x1b[0m\udcff"
