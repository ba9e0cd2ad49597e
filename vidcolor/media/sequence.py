"""Image sequences: films stored as numbered image files, one file per frame."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidcolor.errors import InputError
from vidcolor.media.stills.formats import STILL_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_NUMBER_FIELD = re.compile(r"%(0?)(\d*)d")
"""A number field of a pattern: ``%d`` or ``%06d``."""
_NUMBERED_NAME = re.compile(r"^(.*?)(\d+)(\.[^.]+)$")
"""Prefix, frame number and extension of a numbered file."""


@dataclass(frozen=True, slots=True)
class ImageSequence:
    """The numbered image files of one film."""

    path: Path
    """Pattern or folder of the files."""
    files: dict[int, Path]
    """Files by frame number, in rising order."""

    @property
    def first_number(self) -> int:
        """The lowest frame number."""
        return next(iter(self.files))

    @property
    def missing(self) -> list[int]:
        """The frame numbers without a file between the first and the last."""
        numbers = list(self.files)
        return sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))


def is_sequence_pattern(path: Path) -> bool:
    """Return whether a path is a pattern of numbered images, such as ``scan_%06d.dpx``."""
    return bool(_NUMBER_FIELD.search(path.name)) and path.suffix.lower() in STILL_SUFFIXES


def find_sequence(path: Path) -> ImageSequence:
    """Find the files of a pattern (``scan_%06d.dpx``) or a folder. Numbers may be missing.

    FFmpeg's image2 demuxer is not used, because it ends a sequence at a gap without a warning.

    Raises:
        InputError: there are no files, or the folder contains more than one sequence.
    """
    files = _find_in_folder(path) if path.is_dir() else _find_by_pattern(path)
    if not files:
        if path.is_dir():
            raise InputError(f"{path}: no images with numbered names such as scan_000001.dpx")
        raise InputError(
            f"{path}: no file matches this pattern; %06d stands for six or more digits, "
            "%d for any number"
        )
    return ImageSequence(path, dict(sorted(files.items())))


def _find_by_pattern(pattern: Path) -> dict[int, Path]:
    match = _NUMBER_FIELD.search(pattern.name)
    if match is None or not pattern.parent.is_dir():
        return {}
    # Like in printf, %06d is a minimum width: number 1000000 has seven digits.
    digits = rf"\d{{{int(match[2])},}}" if match[1] and match[2] else r"\d+"
    prefix, suffix = pattern.name[: match.start()], pattern.name[match.end() :]
    file_name = re.compile(f"^{re.escape(prefix)}({digits}){re.escape(suffix)}$")
    files: dict[int, Path] = {}
    for path in sorted(pattern.parent.iterdir()):
        if found := file_name.match(path.name):
            _add_file(files, int(found[1]), path)
    return files


def group_by_pattern(paths: Iterable[Path]) -> dict[Path, dict[int, Path]]:
    """Return the numbered images of one folder by frame number, for each pattern.

    Files are left out if another one has the same number, or if a prefix contains ``%``.
    """
    groups: dict[Path, dict[int, Path]] = {}
    for prefix, suffix, number, path in _find_numbered(paths):
        if "%" not in prefix:
            groups.setdefault(path.with_name(f"{prefix}%d{suffix}"), {}).setdefault(number, path)
    return {pattern: dict(sorted(files.items())) for pattern, files in groups.items()}


def _find_numbered(paths: Iterable[Path]) -> Iterator[tuple[str, str, int, Path]]:
    """Yield prefix, suffix, number and path of images with numbered names."""
    for path in paths:
        match = _NUMBERED_NAME.match(path.name)
        if match and path.suffix.lower() in STILL_SUFFIXES and not path.name.startswith("."):
            yield match[1], match[3], int(match[2]), path


def _find_in_folder(folder: Path) -> dict[int, Path]:
    groups: dict[tuple[str, str], dict[int, Path]] = {}
    for prefix, suffix, number, path in _find_numbered(sorted(folder.iterdir())):
        _add_file(groups.setdefault((prefix, suffix.lower()), {}), number, path)
    # A single numbered image is a sequence only if the folder has no longer one.
    sequences = {k: v for k, v in groups.items() if len(v) > 1} or groups
    if len(sequences) > 1:
        names = ", ".join(sorted(f"{prefix}%d{suffix}" for prefix, suffix in sequences))
        raise InputError(f"{folder}: contains several sequences ({names}); give one of these names")
    return next(iter(sequences.values()), {})


def _add_file(files: dict[int, Path], number: int, path: Path) -> None:
    """Add the file of a frame. ``scan_1`` and ``scan_01`` cannot both be frame 1."""
    other = files.setdefault(number, path)
    if other != path:
        raise InputError(f"{path}: has the same frame number as {other.name}; remove one of them")


def format_frame_path(pattern: Path, number: int) -> Path:
    """Insert a frame number into a pattern: ``out_%06d.png`` and 12 give ``out_000012.png``.

    Raises:
        InputError: the pattern has no number field.
    """
    match = _NUMBER_FIELD.search(pattern.name)
    if match is None:
        raise InputError(f"{pattern}: no number field in the file name; add one such as %06d")
    width = int(match[2] or 0) if match[1] else 0
    name = f"{pattern.name[: match.start()]}{number:0{width}d}{pattern.name[match.end() :]}"
    return pattern.with_name(name)
