"""Versions of the software that results depend on, besides source, options and weights."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata

from vidcolor._version import __version__

_OPENCV_PACKAGES = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)


def get_library_versions() -> dict[str, str]:
    """Return the versions of vidcolor, Python, its libraries, FFmpeg and the operating system.

    Versions of Python packages come from their metadata, so torch is not imported.
    """
    return dict(_library_versions())


@cache
def _library_versions() -> tuple[tuple[str, str], ...]:
    from vidcolor.media.ffmpeg_library import get_ffmpeg_versions

    versions = {"vidcolor": __version__, "python": platform.python_version()}
    for name in ("torch", "av", "numpy"):
        versions[name] = _package_version(name)
    opencv = (v for v in map(_package_version, _OPENCV_PACKAGES) if v != "unknown")
    # OpenCV is packaged under several names, and any of them provides cv2.
    versions["opencv"] = next(opencv, "unknown")
    return tuple({**versions, **get_ffmpeg_versions(), "system": platform.platform()}.items())


def _package_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"
