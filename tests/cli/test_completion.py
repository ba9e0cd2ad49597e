"""Shells complete commands, options, their values, models and files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

VIDCOLOR = "import sys; from vidcolor.cli import main; sys.argv[0] = 'vidcolor'; main()"


def complete(line: str) -> list[str]:
    """Return what bash offers at the end of a line."""
    words = line.split(" ")
    variables = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    return _run({**variables, "_VIDCOLOR_COMPLETE": "complete_bash"}).split()


def _run(variables: dict[str, str]) -> str:
    environment = {**os.environ, **variables, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", VIDCOLOR],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("vidcolor col", {"colorize"}),
        ("vidcolor models ", {"list", "pull", "show", "verify"}),
        ("vidcolor evaluate f", {"film"}),
        ("vidcolor colorize --gray", {"--gray-from"}),
        ("vidcolor colorize --for ", {"delivery", "editing", "archive"}),
        ("vidcolor colorize --device c", {"cpu", "cuda"}),
        ("vidcolor colorize --model ddcolor-t", {"ddcolor-tiny"}),
        ("vidcolor colorize --model embedded+ecc", {"embedded+eccv16"}),
        ("vidcolor models pull sigg", {"siggraph17"}),
        ("vidcolor config show co", {"colorize", "compare", "config"}),
        ("vidcolor config show evaluate ", {"film"}),
    ],
)
def test_values_are_completed(line: str, expected: set[str]) -> None:
    assert expected <= set(complete(line))


def test_files_are_left_to_the_shell() -> None:
    """The scripts complete file names where vidcolor offers nothing."""
    assert complete("vidcolor colorize re") == []
    assert complete("vidcolor colorize --hints h") == []
    assert "-o default" in script("bash")


def script(shell: str) -> str:
    return _run({"_VIDCOLOR_COMPLETE": f"source_{shell}"})


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_valid(shell: str) -> None:
    text = script(shell)
    assert "_VIDCOLOR_COMPLETE=complete_" in text
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=text, text=True, check=True)


@pytest.mark.parametrize("shell", ["powershell", "pwsh"])
def test_powershell_has_a_script(shell: str) -> None:
    assert "Register-ArgumentCompleter -Native -CommandName vidcolor" in script(shell)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("bash", ".bash_completions/vidcolor.sh"),
        ("zsh", ".zfunc/_vidcolor"),
        ("fish", ".config/fish/completions/vidcolor.fish"),
    ],
)
def test_completion_is_installed_for_the_running_shell(
    shell: str, file: str, tmp_path: Path
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    program = tmp_path / "program.py"
    program.write_text(VIDCOLOR)
    subprocess.run(
        [shell, "-c", f"'{sys.executable}' '{program}' --install-completion; true"],
        env={**os.environ, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        capture_output=True,
    )
    assert "_VIDCOLOR_COMPLETE=complete_" in (tmp_path / file).read_text()
