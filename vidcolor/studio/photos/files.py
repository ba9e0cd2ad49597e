"""Where the files of photos are, and their names for people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcolor.studio.names import clean_name, hide_data_dir, replace_paths
from vidcolor.studio.storage import delete_tree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vidcolor.studio.photos.decisions import Decisions
    from vidcolor.studio.photos.rows import PhotoRow
    from vidcolor.studio.settings import StudioSettings


def photo_directory(settings: StudioSettings, photo_id: str) -> Path:
    """Return the directory of the result and of references of a photo."""
    return settings.data_dir / "photos" / photo_id


def archive_path(settings: StudioSettings, archive_id: str) -> Path:
    """Return the path of an archive."""
    return settings.data_dir / "archives" / f"{archive_id}.zip"


def make_result_name(name: str, suffix: str) -> str:
    """Return the name of a result for people: ``NAME.color.EXT``."""
    stem = Path(clean_name(name)).stem or "photo"
    return f"{stem}.color{suffix}"


def make_unique(names: Iterable[str]) -> list[str]:
    """Return names that differ from each other in more than case, by numbers where necessary."""
    taken: set[str] = set()
    unique = []
    for name in names:
        path, number, candidate = Path(name), 1, name
        while candidate.casefold() in taken:
            number += 1
            candidate = f"{path.stem} ({number}){path.suffix}"
        taken.add(candidate.casefold())
        unique.append(candidate)
    return unique


def make_payload(
    settings: StudioSettings, row: PhotoRow, decisions: Decisions, **others: Any
) -> dict[str, Any]:
    """Return what tasks of the compute process need to know of a photo; see `PhotoDecisions`."""
    reference = decisions.reference
    directory = photo_directory(settings, row.id)
    return {
        "path": str(row.path),
        "hints": tuple((hint.x, hint.y, hint.color, hint.radius) for hint in decisions.hints),
        "vividness": decisions.vividness,
        "saturation": decisions.saturation,
        "reference": None if reference is None else str(directory / reference.file),
        **others,
    }


def hide_path(text: str, row: PhotoRow, settings: StudioSettings) -> str:
    """Return a message on one line, with the name of a photo instead of its paths."""
    text = replace_paths(text, (row.path, row.path.parent), row.name)
    return " ".join(hide_data_dir(text, settings.data_dir).split())


def delete_files(settings: StudioSettings, row: PhotoRow) -> None:
    """Delete the files of a photo: its result, and its source if it was uploaded."""
    delete_tree(photo_directory(settings, row.id))
    directory = row.path.parent
    # A file of the command line is never deleted, wherever it is.
    if row.is_upload and directory.parent == settings.uploads_dir:
        delete_tree(directory)
