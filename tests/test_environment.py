"""Versions of the software that results depend on."""

from __future__ import annotations

import subprocess
import sys

import vidcolor
from vidcolor.environment import get_library_versions


def test_version_of_every_library_is_found() -> None:
    versions = get_library_versions()
    assert versions["vidcolor"] == vidcolor.__version__
    assert {"python", "torch", "av", "numpy", "opencv", "libavcodec", "system"} <= set(versions)
    assert "unknown" not in versions.values()


def test_caller_cannot_change_the_cached_versions() -> None:
    get_library_versions().clear()
    assert get_library_versions()


def test_versions_are_read_without_importing_torch() -> None:
    code = (
        "import sys; from vidcolor import environment; environment.get_library_versions(); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
