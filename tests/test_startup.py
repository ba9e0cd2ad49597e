"""The command line starts without heavy libraries, so that `vidcolor --help` answers at once."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("library", ["torch", "cv2", "av", "numpy", "PIL"])
def test_command_line_imports_no_heavy_library(library: str) -> None:
    code = f"import sys, vidcolor, vidcolor.cli; sys.exit({library!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
