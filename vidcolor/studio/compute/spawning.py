"""How the processes of a studio are started: with the modules of this one, and no others."""

from __future__ import annotations

import os
import sys


def ignore_current_directory() -> None:
    """Let this process start only processes that import nothing from the current directory.

    It may hold files of strangers, such as a folder of photos with a file ``pickle.py``.
    """
    os.environ["PYTHONSAFEPATH"] = "1"


def make_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module; see `make_environment`."""
    return [sys.executable, "-P", "-m", module, *arguments]


def make_environment() -> dict[str, str]:
    """Return the environment of a process that imports what this one can import."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**os.environ, "PYTHONPATH": path}
