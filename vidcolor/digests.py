"""What identifies a result: digests of files, versions of libraries."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING

from vidcolor import __version__
from vidcolor.errors import VidcolorError

if TYPE_CHECKING:
    from pathlib import Path

_OPENCV = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
_BLOCK = 1 << 20


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    from vidcolor.media.preview import ffmpeg_libraries

    found = {"vidcolor": __version__, "python": platform.python_version()}
    for name in ("torch", "av", "numpy"):
        found[name] = _installed(name)
    found["opencv"] = next((v for v in map(_installed, _OPENCV) if v != "unknown"), "unknown")
    return tuple({**found, **ffmpeg_libraries(), "system": platform.platform()}.items())


def versions() -> dict[str, str]:
    """What a result depends on besides source, options and weights. Imports none of it."""
    return dict(_versions())


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"


def sha256_file(path: Path) -> str:
    """SHA-256 of a file, read in blocks: 64 hex digits.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def sha256_of(path: Path) -> str | None:
    """SHA-256 of a file, or of a sequence's names and digests; None if it cannot be read.

    A sequence's digest is what ``sha256sum NAMES… | sha256sum`` prints in its folder.
    """
    try:
        if path.is_file():
            return sha256_file(path)
        from vidcolor.media.sequence import find_sequence

        files = find_sequence(path).files.values()
        lines = "".join(f"{sha256_file(f)}  {f.name}\n" for f in files)
    except (OSError, VidcolorError):
        return None
    return hashlib.sha256(lines.encode()).hexdigest()
