"""The console: a progress bar on a terminal, plain lines in a log, JSON lines for scripts."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.cli_runs import REPOSITORY, spawn, spawn_flat
from vidcolor import cli
from vidcolor.cli import console
from vidcolor.cli.console import Console, format_table, to_single_line
from vidcolor.progress import Progress

if TYPE_CHECKING:
    from tests.helpers.clips import ClipMaker


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A list with the time of the monotonic clock, which the test sets."""
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    return now


def progress(done: int, total: int | None = 100) -> Progress:
    return Progress(Path("a/reel.mov"), "colorize", done, total)


def test_log_gets_a_line_every_ten_seconds(
    clock: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    console_ = Console()
    for done in range(26):
        console_.progress(progress(done))
        clock[0] += 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "reel.mov: colorize: 10 of about 100, 1:30 min left (1.0/s)",
        "reel.mov: colorize: 20 of about 100, 1:20 min left (1.0/s)",
    ]


def test_progress_without_a_total_has_no_remaining_time(
    clock: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    console_ = Console()
    for done in (0, 30):
        console_.progress(progress(done, None))
        clock[0] += 15
    assert capfd.readouterr().err == "reel.mov: colorize: 30 (2.0/s)\n"


def test_json_mode_prints_one_progress_event_per_second(
    clock: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    console_ = Console(json_lines=True)
    for done in range(1, 41):
        console_.progress(progress(done, 40))
        clock[0] += 0.25
    out, err = capfd.readouterr()
    events = [json.loads(line) for line in out.splitlines()]
    assert err == ""
    assert [e["done"] for e in events] == [*range(1, 40, 4), 40]
    assert {e["event"] for e in events} == {"progress"}


def test_quiet_mode_prints_no_progress(
    clock: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    console_ = Console(quiet=True)
    for done in range(100):
        console_.progress(progress(done))
        clock[0] += 20
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("columns", [0, 100])
def test_terminal_shows_a_bar_that_is_removed_at_the_end(
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
    assert f"{reel.name}: colorize:" in bar
    assert "frame/s" in bar
    assert "/40" in bar
    assert bar.rsplit("\r", 2)[-2].strip() == "", "the bar is removed at the end"


@pytest.mark.slow
def test_redirected_output_has_no_control_characters(clip: ClipMaker, tmp_path: Path) -> None:
    reel = clip("mp4", "libx264", "yuv420p", "-preset", "ultrafast", frames=40)
    process = spawn_flat("colorize", reel, "-o", "out.mp4", cwd=tmp_path)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err == ""
    assert (out.replace("\n", "")).isprintable()


@pytest.mark.slow
def test_closed_pipe_does_not_stop_the_film(clip: ClipMaker, tmp_path: Path) -> None:
    # As in `vidcolor ... | head -1`: the film is written without an error message.
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
    except OSError:  # Linux reports an error when the other side is closed
        pass
    os.close(terminal)
    return data.decode()


def test_single_line_keeps_printable_characters() -> None:
    assert to_single_line("  two  blanks, ä, 字") == "  two  blanks, ä, 字"
    assert to_single_line("a\nb\x1b[0m\udcff") == r"a b\x1b[0m\udcff"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize(
    ("arguments", "code"), [(["colorize", "--help"], 0), (["probe", "Zürich-字-\x1b.mov"], 1)]
)
def test_characters_that_the_terminal_lacks_are_escaped(
    tmp_path: Path, encoding: str, arguments: list[str], code: int
) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(REPOSITORY)}
    process = spawn(*arguments, cwd=tmp_path, env=environment, encoding=encoding, errors="replace")
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    if code == 0:
        assert "--vividness" in out
    else:
        assert err.startswith("vidcolor: Z")
        assert err.endswith("-\\x1b.mov: no such file\n")
        assert encoding == "ascii" or "Zürich-\\u5b57-" in err


def test_table_aligns_columns() -> None:
    rows = [("name", "size"), ("a", "10"), ("longer", "")]
    assert format_table(rows, right_aligned=(1,)) == ["name    size", "a         10", "longer"]


@pytest.mark.parametrize("streams", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(streams: str) -> None:
    command = shlex.join([sys.executable, "-m", "vidcolor", "models", "list"])
    run = subprocess.run(f"{command} {streams}", shell=True, capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_full_disk_is_no_traceback(
    stream: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, stream, full)
        if stream == "stdout":
            assert cli.run(["models", "list", "--json"]) == 1
            assert capsys.readouterr().err.startswith("vidcolor: standard output: the disk is full")
        else:
            assert cli.run(["probe", "none.mov"]) == 1
