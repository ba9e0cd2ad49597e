"""Comparison of folders: files of the same name are compared, and all others are listed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import InputError
from vidcolor.media.containers import is_video_name
from vidcolor.media.extensions import RESULT_SUFFIX, is_photo_name

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class FolderMatch:
    """The files of two or three folders that belong together, and those without a counterpart."""

    matches: dict[Path, tuple[Path, ...]] = field(default_factory=dict)
    """The files of each comparison, one of each folder, by their path without extension."""
    unpaired: tuple[tuple[Path, Path], ...] = ()
    """Each file without a counterpart in every other folder, after its folder."""


def match_folders(folders: Sequence[Path]) -> FolderMatch:
    """Pair the films and photos of folders by their paths without ``.color`` and extension.

    If a folder has several files of one such name, those of equal names are paired.

    Raises:
        InputError: no file has a counterpart.
    """
    found = [_find_files(folder) for folder in folders]
    matches: dict[Path, tuple[Path, ...]] = {}
    used: set[Path] = set()
    for key, candidates in found[0].items():
        for path in candidates:
            partners = [_choose(path, candidates, files.get(key, [])) for files in found[1:]]
            if all(partner is not None for partner in partners):
                files = (path, *(partner for partner in partners if partner is not None))
                name = key if len(candidates) == 1 else key.with_name(path.name)
                matches[name] = files
                used.update(files)
    unpaired = tuple(
        (folder, path)
        for folder, files in zip(folders, found, strict=True)
        for paths in files.values()
        for path in paths
        if path not in used
    )
    if not matches:
        others = " and ".join(map(str, folders[1:]))
        raise InputError(f"{folders[0]}: no film and no photo has a counterpart in {others}")
    return FolderMatch(matches, unpaired)


def _choose(path: Path, candidates: Sequence[Path], others: Sequence[Path]) -> Path | None:
    """Return the counterpart of a file among the files of the same name in another folder."""
    if len(candidates) == len(others) == 1:
        return others[0]
    names = {path.name, f"{path.stem}{RESULT_SUFFIX}{path.suffix}"}
    same = [other for other in others if other.name in names]
    return same[0] if len(same) == 1 else None


def _find_files(folder: Path) -> dict[Path, list[Path]]:
    """Return the films and photos below a folder by their relative path without extension."""
    found: dict[Path, list[Path]] = {}
    for parent, folders, names in os.walk(folder):
        # Work directories contain parts of films.
        folders[:] = sorted(
            n for n in folders if not (n.startswith(".") or n.endswith(".vidcolor"))
        )
        for name in sorted(names):
            path = Path(parent, name)
            if name.startswith(".") or not (is_photo_name(path) or is_video_name(path)):
                continue
            key = path.relative_to(folder).with_name(path.stem.removesuffix(RESULT_SUFFIX))
            found.setdefault(key, []).append(path)
    return found
