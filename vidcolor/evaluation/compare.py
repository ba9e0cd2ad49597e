"""Two films or two pictures in one, to be looked at: which of the ways, by what is named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import InputError, UsageError
from vidcolor.evaluation.compare_films import compare_films
from vidcolor.evaluation.compare_options import CompareOptions, Comparison
from vidcolor.evaluation.contact_sheet import SHEET_FORMATS, compare_pictures, contact_sheet
from vidcolor.media.stills import STILL_SUFFIXES

if TYPE_CHECKING:
    from vidcolor.progress import ProgressCallback

__all__ = [
    "CompareOptions",
    "Comparison",
    "compare",
    "compare_films",
    "compare_pictures",
    "contact_sheet",
]

FILM_FORMATS = (".mp4", ".m4v", ".mov", ".mkv", ".webm")


def compare(
    a: Path | str,
    b: Path | str,
    out: Path | str,
    options: CompareOptions | None = None,
    *,
    progress: ProgressCallback | None = None,
) -> Comparison:
    """Compare two films, or two pictures, in the way that the result's name asks for.

    Args:
        a: the original.
        b: what became of it.
        out: a film's name for `compare_films`; a picture's for `contact_sheet` of two films or
            `compare_pictures` of two pictures.
        options: the defaults if None.
        progress: called after every frame of a film.

    Raises:
        InputError: a source is missing or cannot be read.
        UsageError: one is a film and the other a picture; the target exists, or its suffix is
            unknown or asks for a film of two pictures.
        OutputError: the result cannot be written.
    """
    a, b, out = Path(a), Path(b), Path(out)
    suffix = out.suffix.lower()
    if suffix not in SHEET_FORMATS and suffix not in FILM_FORMATS:
        choices = ", ".join((*SHEET_FORMATS, *FILM_FORMATS))
        raise UsageError(f"{out}: cannot tell what to write; end the name in one of {choices}")
    if _are_pictures(a, b):
        if suffix in FILM_FORMATS:
            raise UsageError(f"{out}: two pictures make no film; name the result .png or .jpg")
        return compare_pictures(a, b, out, options)
    if suffix in FILM_FORMATS:
        return compare_films(a, b, out, options, progress=progress)
    return contact_sheet(a, b, out, options)


def _are_pictures(a: Path, b: Path) -> bool:
    """True for two pictures, False for two films; by their names."""
    for path in (a, b):
        if not path.exists():
            raise InputError(f"{path}: no such file")
    kinds = [path.suffix.lower() in STILL_SUFFIXES for path in (a, b)]
    if kinds[0] != kinds[1]:
        said = ["a picture" if k else "a film" for k in kinds]
        raise UsageError(f"{a} is {said[0]} and {b} is {said[1]}; compare like with like")
    return kinds[0]
