"""Runs of the command line, in this process or in a new process."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]

_FLAT_MAIN = """
import signal
# A shell starts background processes with SIGINT ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.helpers.flat import flat_colorizer
from vidcolor import cli
cli.main(colorizer_factory=lambda options: flat_colorizer())
"""


@dataclass
class Run:
    """The exit code of a command and the lines that it printed."""

    code: int
    out: list[str]
    err: list[str]


def spawn(*arguments: object, cwd: Path, **options: Any) -> subprocess.Popen[str]:
    """Start the installed command in a new process."""
    return start_process([sys.executable, "-m", "vidcolor", *map(str, arguments)], cwd, options)


def spawn_flat(*arguments: object, cwd: Path, **options: Any) -> subprocess.Popen[str]:
    """Start the command with the flat generator in a new process."""
    command = [sys.executable, "-c", _FLAT_MAIN, *map(str, arguments)]
    options = {"env": {**os.environ, "PYTHONPATH": str(REPOSITORY)}, **options}
    return start_process(command, cwd, options)


def start_process(command: list[str], cwd: Path, options: dict[str, Any]) -> subprocess.Popen[str]:
    """Start a command whose output can be read as text."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen(command, cwd=cwd, **options)
