"""Files about a film for other programs: the list of its shots, and its project."""

from __future__ import annotations

import importlib.util
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from vidcolor.errors import VidcolorError
from vidcolor.project.store import SUFFIX
from vidcolor.studio.names import clean_name

if TYPE_CHECKING:
    from vidcolor.project.api import Project
    from vidcolor.studio.films.rows import FilmRow

ListFormat = Literal["edl", "csv", "json", "otio"]
"""Formats of shot lists, those of `vidcolor project shots --out`."""


def list_shot_list_formats() -> list[str]:
    """Return the formats that can be written; one needs a library."""
    has_otio = importlib.util.find_spec("opentimelineio") is not None
    return [name for name in get_args(ListFormat) if name != "otio" or has_otio]


def make_export_name(row: FilmRow, suffix: str) -> str:
    """Return the name of a file about a film for people, such as ``NAME.edl``."""
    if not row.is_upload:
        return clean_name(f"{row.project_path.name.removesuffix(SUFFIX)}{suffix}")
    return clean_name(f"{row.name.rpartition('.')[0] or row.name}{suffix}")


def format_shot_list(project: Project, list_format: ListFormat, film_name: str | None) -> bytes:
    """Return the list of the shots as ``vidcolor project shots --out`` writes it.

    Args:
        project: the project of a film that is analyzed.
        list_format: format of the list.
        film_name: name of the film in the list; None for that of its file.

    Raises:
        InputError: the source is missing.
        UsageError: a library for the format is not installed.
    """
    from vidcolor.project.exchange import list_shots  # imports FFmpeg, which the server must not
    from vidcolor.shots.shot_list import write_shots

    shots, film = list_shots(project)
    if film_name is not None:
        film = replace(film, name=film_name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"shots.{list_format}"
        try:
            write_shots(path, shots, film)
        except VidcolorError as error:
            raise type(error)(str(error).replace(str(path), path.name)) from error
        return path.read_bytes()
