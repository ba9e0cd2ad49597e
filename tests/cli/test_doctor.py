"""`vidcolor doctor` and `vidcolor --version --verbose` describe this installation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from vidcolor import __version__
from vidcolor.cli import app
from vidcolor.cli.doctor import Check, check_directories, run_checks


@pytest.fixture(scope="module")
def checks() -> dict[str, Check]:
    return {check.name: check for check in run_checks(typer.main.get_command(app))}


def test_every_check_passes_on_a_development_machine(checks) -> None:
    assert [c for c in checks.values() if c.status == "failure"] == []
    expected = {"python", "torch", "weights embedded", "device", "encoder for archive", "fonts"}
    assert expected <= checks.keys()


def test_every_fault_has_a_remedy(checks) -> None:
    assert all(c.remedy for c in checks.values() if c.status != "ok")
    assert "first image" in checks["device"].detail


def test_doctor_prints_one_line_per_check_and_json(vidcolor) -> None:
    run = vidcolor("doctor")
    assert run.code == 0
    assert "ok       encoder for archive: ffv1" in run.out
    assert run.out[-1].startswith("0 failures")
    events = [json.loads(line) for line in vidcolor("doctor", "--json").out]
    assert [e["event"] for e in events][-1] == "summary"
    assert set(events[0]) == {"event", "name", "status", "detail", "remedy"}


@pytest.mark.slow
def test_a_failure_sets_the_exit_code(tmp_path: Path) -> None:
    """A library that cannot be imported is a failure, and the other checks still run."""
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object')")
    code = "from vidcolor.cli import run; import sys; sys.exit(run(['doctor']))"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "failure  cv2: libGL.so.1" in run.stdout
    assert "opencv-python-headless" in run.stdout
    assert "ok       weights embedded" in run.stdout
    assert "Traceback" not in run.stderr


def test_missing_library_is_named(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so.13: cannot open')")
    photo = Path(__file__).parents[2] / "samples" / "photo.jpg"
    run = subprocess.run(
        [sys.executable, "-m", "vidcolor", "colorize", photo, "-o", tmp_path / "a.jpg"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    message = "libcudart.so.13: cannot open; run `vidcolor doctor`, or reinstall vidcolor"
    assert run.stderr == f"vidcolor: {message}\n"


def test_versions_are_listed_without_a_library(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise OSError('libcudart.so.13: cannot open')")
    run = subprocess.run(
        [sys.executable, "-m", "vidcolor", "--version", "--verbose"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "OSError: libcudart.so.13" in run.stdout
    assert "embedded, SHA-256" in run.stdout


def test_a_directory_that_cannot_be_written_is_a_warning() -> None:
    (check,) = [c for c in check_directories(Path("/proc")) if c.name == "work directory"]
    assert check.status == "warning" and check.remedy


def test_a_wrong_configuration_is_a_failure(vidcolor, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "vidcolor.toml"
    monkeypatch.setenv("VIDCOLOR_CONFIG", str(path))
    path.write_text("[colorize]\nvividness = 0.4\n")
    assert f"ok       configuration: {path}: sets 1 options of commands" in vidcolor("doctor").out
    path.write_text("[colorize]\nvivid = 0.4\n")
    run = vidcolor("doctor")
    assert run.code == 1
    (line,) = [line for line in run.out if line.startswith("failure")]
    assert "line 2: unknown key 'vivid'" in line


def test_version_is_one_line_and_verbose_lists_libraries(vidcolor) -> None:
    assert vidcolor("--version").out == [f"vidcolor {__version__}"]
    lines = vidcolor("--version", "--verbose").out
    names = [line.split()[0] for line in lines]
    assert names[:3] == ["vidcolor", "python", "torch"]
    assert {"torch", "av", "numpy", "opencv", "libavcodec", "ffmpeg", "devices", "weights"} <= {
        *names
    }
    assert vidcolor("--verbose", "--version").out == lines
    assert vidcolor("--verbose").code == 2


def test_version_loads_no_library() -> None:
    code = (
        "import sys; from vidcolor.cli import run; run(['--version']);"
        "sys.exit(bool({'torch', 'numpy', 'av', 'cv2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
