"""File name extensions of videos and images, and name suffixes of results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.media.containers import is_video_name
from vidcolor.media.stills.formats import STILL_SUFFIXES, is_still

if TYPE_CHECKING:
    from pathlib import Path

UNSUPPORTED_IMAGE_EXTENSIONS = frozenset(
    (
        *(".heic", ".heif", ".avif", ".jxl", ".psd", ".pcx", ".svg"),
        *(".pam", ".pfm", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf"),
        *(".rw2", ".pdf", ".ico", ".cin", ".sgi"),
    )
)
"""Extensions of image formats that cannot be colorized. FFmpeg reads some of them as videos of one
frame, but the user expects an image as the result."""

RESULT_SUFFIX = ".color"
"""Suffix of the stem of a result that is written beside its source: ``reel.color.mov``."""
RESULT_FOLDER_SUFFIX = "-color"
"""Suffix of the name of a folder of results beside the folder of sources: ``reels-color``."""


def make_result_path(source: Path, suffix: str, directory: Path | None) -> Path:
    """Return ``NAME.color.EXT`` beside the source, or ``NAME.EXT`` in another directory."""
    name_suffix = RESULT_SUFFIX if directory is None else ""
    return (directory or source.parent) / f"{source.stem}{name_suffix}{suffix}"


def is_photo_name(path: Path) -> bool:
    """Return whether a file name has the extension of a supported photo format."""
    return path.suffix.lower() in STILL_SUFFIXES


def is_photo(path: Path) -> bool:
    """Return whether a file is a photo.

    The extension decides if it is that of a photo or a video. Otherwise the first bytes decide.
    """
    return is_photo_name(path) or (not is_video_name(path) and is_still(path))
