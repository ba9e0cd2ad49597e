"""What a command left behind, and the real command in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Run:
    """What a command left behind."""

    code: int
    out: list[str]
    err: list[str]


def spawn(*arguments: object, cwd: Path, **more: Any) -> subprocess.Popen[str]:
    """The real command in a process of its own."""
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
    return subprocess.Popen(
        [sys.executable, "-m", "vidcolor", *map(str, arguments)], cwd=cwd, **more
    )


_FLAT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a script runs with &
from tests.helpers.flat import FlatColorizer
from vidcolor import cli, colorizer
colorizer.Colorizer.of = lambda _: FlatColorizer()
cli.main()
"""


def spawn_flat(*arguments: object, cwd: Path, **more: Any) -> subprocess.Popen[str]:
    """A process of its own, with the generator that costs nothing."""
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
    tests = Path(__file__).parents[2]
    words = [sys.executable, "-c", _FLAT, *map(str, arguments)]
    return subprocess.Popen(words, cwd=cwd, env={**os.environ, "PYTHONPATH": str(tests)}, **more)
