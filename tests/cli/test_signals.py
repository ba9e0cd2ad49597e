"""Interrupted and killed runs: no partial result, and a repeated run starts cleanly."""

from __future__ import annotations

import hashlib
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.helpers.cli_runs import spawn_flat
from tests.helpers.clips import ffmpeg
from vidcolor.media.probe import probe

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    source = "testsrc2=size=320x240:rate=25:duration=40,format=gray,format=yuv420p"
    ffmpeg("-f", "lavfi", "-i", source, "-c:v", "libx264", "-preset", "ultrafast", str(path))
    return path


def start(film: Path, folder: Path, *more: str) -> subprocess.Popen[str]:
    """Start a run and return while it is encoding."""
    process = spawn_flat("colorize", film, "-o", folder / "out.mp4", "--json", *more, cwd=folder)
    assert process.stdout is not None
    for line in process.stdout:
        if '"progress"' in line and '"colorize"' in line:
            break
    assert process.poll() is None
    assert (folder / WORK / "plan.json").exists()
    return process


WORK = "out.mp4.vidcolor"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_removes_the_work_of_an_unfinished_segment(
    number: int, long_film: Path, tmp_path: Path
) -> None:
    # No segment is finished yet, so there is no work to keep.
    before = hashlib.sha256(long_film.read_bytes()).digest()
    process = start(long_film, tmp_path)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "vidcolor: interrupted; no partial file was left behind\n"
    assert '"exit_code": 130' in out.splitlines()[-1]
    assert not list(tmp_path.iterdir())
    assert hashlib.sha256(long_film.read_bytes()).digest() == before


def test_run_after_a_kill_succeeds(long_film: Path, tmp_path: Path) -> None:
    process = start(long_film, tmp_path)
    process.kill()
    process.communicate()
    time.sleep(0.1)
    assert (tmp_path / WORK).exists(), "a killed process cannot remove its files"
    again = spawn_flat("colorize", long_film, "-o", "out.mp4", "--end", 1, cwd=tmp_path)
    _, err = again.communicate(timeout=60)
    assert (again.returncode, err) == (0, "")
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]
    assert probe(tmp_path / "out.mp4").video.num_frames == 25
