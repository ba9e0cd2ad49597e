"""vidcolor: a black-and-white film goes in, the same film in color comes out.

The public interface: `colorize_film`, `colorize_photo`, `colorize_sequence` for files, `Colorizer`
for pictures in memory, `ColorizeOptions` for what is wanted of either, and `VidcolorError`, which
every failure that a caller can act on derives from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vidcolor.colorizer import Colorizer
    from vidcolor.errors import VidcolorError
    from vidcolor.film.pipeline import FilmResult, colorize_film
    from vidcolor.film.sequence import colorize_sequence
    from vidcolor.options import ColorizeOptions, Hint
    from vidcolor.photo import PhotoResult, colorize_photo
    from vidcolor.progress import Progress

_HOMES = {
    "Colorizer": "vidcolor.colorizer",
    "ColorizeOptions": "vidcolor.options",
    "FilmResult": "vidcolor.film.pipeline",
    "Hint": "vidcolor.options",
    "PhotoResult": "vidcolor.photo",
    "Progress": "vidcolor.progress",
    "VidcolorError": "vidcolor.errors",
    "colorize_film": "vidcolor.film.pipeline",
    "colorize_photo": "vidcolor.photo",
    "colorize_sequence": "vidcolor.film.sequence",
}

__all__ = [
    "ColorizeOptions",
    "Colorizer",
    "FilmResult",
    "Hint",
    "PhotoResult",
    "Progress",
    "VidcolorError",
    "__version__",
    "colorize_film",
    "colorize_photo",
    "colorize_sequence",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import vidcolor` itself loads no torch."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module 'vidcolor' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
