"""vidcolor colorizes black-and-white films, photos and image sequences.

The public interface consists of `colorize_film`, `colorize_photo` and `colorize_sequence` for
files, `Project` for films with decisions of people, `Colorizer` and `colorize_frames` for images
and films in memory, and `ColorizeOptions`. All failures that a caller can act on derive from
`VidcolorError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidcolor._version import __version__

if TYPE_CHECKING:
    from vidcolor.colorizer import Colorizer
    from vidcolor.errors import VidcolorError
    from vidcolor.film.api import FilmResult, colorize_film, colorize_sequence
    from vidcolor.options import ColorizeOptions, Hint
    from vidcolor.photo import PhotoResult, colorize_photo
    from vidcolor.progress import Progress
    from vidcolor.project.api import Project
    from vidcolor.stream import colorize_frames

_MODULES = {
    "Colorizer": "vidcolor.colorizer",
    "ColorizeOptions": "vidcolor.options",
    "FilmResult": "vidcolor.film.api",
    "Hint": "vidcolor.options",
    "PhotoResult": "vidcolor.photo",
    "Progress": "vidcolor.progress",
    "Project": "vidcolor.project.api",
    "VidcolorError": "vidcolor.errors",
    "colorize_film": "vidcolor.film.api",
    "colorize_frames": "vidcolor.stream",
    "colorize_photo": "vidcolor.photo",
    "colorize_sequence": "vidcolor.film.api",
}

__all__ = [
    "ColorizeOptions",
    "Colorizer",
    "FilmResult",
    "Hint",
    "PhotoResult",
    "Progress",
    "Project",
    "VidcolorError",
    "__version__",
    "colorize_film",
    "colorize_frames",
    "colorize_photo",
    "colorize_sequence",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that ``import vidcolor`` does not load torch."""
    import importlib

    if name not in _MODULES:
        raise AttributeError(f"module 'vidcolor' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
