"""File name extensions of videos and images, and name suffixes of results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.media.animations import CONVERTED_SUFFIXES, find_converted_format, is_animation
from vidcolor.media.containers import is_video_name
from vidcolor.media.stills.formats import STILL_SUFFIXES, is_still

if TYPE_CHECKING:
    from pathlib import Path

_CONVERT, _DEVELOP = "convert the file to TIFF or PNG", "develop the file to a 16-bit TIFF"
UNSUPPORTED_IMAGES = {
    **dict.fromkeys(
        (
            *(".psd", ".psb", ".xcf", ".svg", ".ai", ".eps", ".pdf", ".djvu", ".pcx", ".ico"),
            *(".pam", ".pfm", ".cin", ".sgi", ".jxr", ".wdp", ".hdp", ".jls", ".fits", ".pcd"),
        ),
        _CONVERT,
    ),
    **dict.fromkeys(
        (
            *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".raf"),
            *(".orf", ".rw2", ".pef", ".srw", ".x3f", ".3fr", ".fff", ".iiq", ".erf", ".mef"),
            *(".mos", ".mrw", ".dcr", ".kdc", ".rwl", ".raw"),
        ),
        _DEVELOP,
    ),
}
"""What to do with image formats that cannot be colorized, by extension. FFmpeg reads some of them
as videos of one frame, but the user expects an image as the result."""

ANIMATIONS = frozenset({".gif", ".apng"})
"""Extensions of formats whose files are animations or single images."""
RESULT_SUFFIX = ".color"
"""Suffix of the stem of a result that is written beside its source: ``reel.color.mov``."""
EXCERPT_SUFFIX = ".shots-"
"""Suffix of the stem, before numbers, of an excerpt of a project: ``reel.shots-12-15.mov``."""
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

    The extension decides if it is that of a photo or a video. Otherwise the first bytes decide. A
    GIF, ``.apng``, ``.webp`` or ``.avif`` with several frames is a video.
    """
    suffix = path.suffix.lower()
    if is_photo_name(path) or is_video_name(path):
        is_animated = suffix in CONVERTED_SUFFIXES and find_converted_format(path) is not None
        return is_photo_name(path) and not is_animated
    if suffix in UNSUPPORTED_IMAGES:  # the first bytes of many camera raw files are those of TIFF
        return False
    # FFmpeg reports what is wrong with an unreadable animation.
    return is_still(path) and not (suffix in ANIMATIONS and is_animation(path, if_unreadable=True))
