"""Image sequences: films stored as numbered image files, one file per frame."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from vidcolor.errors import InputError
from vidcolor.media.stills.formats import STILL_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_NUMBER_FIELD = re.compile(r"%(0?)(\d*)d")
"""A number field of a pattern: ``%d`` or ``%06d``."""
_NUMBER = re.compile(r"\d+")
"""A number in a file name, which may be that of a frame."""
_Key: TypeAlias = tuple[str, str, str]
"""What the names of a sequence have in common: the parts before and after the frame number, and the
extension in lower case, because a scan may have both A1.DPX and A2.dpx."""

_MAX_MISSING = 1_000_000
"""Maximum number of missing frames: about 11 hours of film."""


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
        InputError: there are no files, the folder contains more than one sequence, or the numbers
            are no frame numbers.
    """
    files = _find_in_folder(path) if path.is_dir() else _find_by_pattern(path)
    if not files:
        if path.is_dir():
            raise InputError(f"{path}: no images with numbered names such as scan_000001.dpx")
        raise InputError(
            f"{path}: no file matches this pattern; %06d stands for six or more digits, "
            "%d for any number"
        )
    first, last = min(files), max(files)
    if last - first > _MAX_MISSING + len(files):  # they would also exhaust the memory
        raise InputError(
            f"{path}: {len(files)} images are numbered {first} to {last}, as with times instead of "
            "frame numbers; rename them with consecutive numbers"
        )
    return ImageSequence(path, dict(sorted(files.items())))


def _find_by_pattern(pattern: Path) -> dict[int, Path]:
    match = _NUMBER_FIELD.search(pattern.name)
    if match is None or not pattern.parent.is_dir():
        return {}
    # Like in printf, %06d is a minimum width: number 1000000 has seven digits.
    digits = rf"\d{{{int(match[2])},}}" if match[1] and match[2] else r"\d+"
    prefix, tail = pattern.stem[: match.start()], pattern.stem[match.end() :]
    suffix = f"(?i:{re.escape(pattern.suffix)})"
    file_name = re.compile(f"^{re.escape(prefix)}({digits}){re.escape(tail)}{suffix}$")
    files: dict[int, Path] = {}
    for path in sorted(pattern.parent.iterdir()):
        if found := file_name.match(path.name):
            _add_file(files, int(found[1]), path)
    return files


def group_by_pattern(paths: Iterable[Path]) -> dict[Path, dict[int, Path]]:
    """Return the numbered images of one folder by frame number, for each pattern.

    Files are left out if another one has the same number, or if the rest of the name contains
    ``%``.
    """
    patterns: dict[_Key, Path] = {}
    groups: dict[Path, dict[int, Path]] = {}
    for key, number, path in _find_numbered(paths):
        prefix, tail, _ = key
        if "%" not in prefix + tail:
            pattern = patterns.setdefault(key, path.with_name(f"{prefix}%d{tail}{path.suffix}"))
            groups.setdefault(pattern, {}).setdefault(number, path)
    return {pattern: dict(sorted(files.items())) for pattern, files in groups.items()}


def _find_numbered(paths: Iterable[Path]) -> Iterator[tuple[_Key, int, Path]]:
    """Yield the key of its sequence, the frame number and the path of images with numbered names.

    The frame number is the last number in which a name differs from another name: the last but one
    in ``scan_0001_4k.dpx``, but the last one in ``reel2_0001.dpx``.
    """
    names: list[tuple[Path, list[tuple[_Key, int]]]] = []
    for path in paths:
        suffix = path.suffix.lower()
        if suffix in STILL_SUFFIXES and not path.name.startswith("."):
            found = list(_NUMBER.finditer(path.stem))
            keys = [(path.stem[: n.start()], path.stem[n.end() :], suffix) for n in found]
            names.append((path, [(k, int(n[0])) for k, n in zip(keys, found, strict=True)]))
    counts = Counter(key for _, numbers in names for key, _ in numbers)
    for path, numbers in names:
        differing = [item for item in numbers if counts[item[0]] > 1] or numbers
        if differing:
            yield *differing[-1], path


def _find_in_folder(folder: Path) -> dict[int, Path]:
    groups: dict[_Key, dict[int, Path]] = {}
    for key, number, path in _find_numbered(sorted(folder.iterdir())):
        _add_file(groups.setdefault(key, {}), number, path)
    # A single numbered image is a sequence only if the folder has no longer one.
    sequences = {k: v for k, v in groups.items() if len(v) > 1} or groups
    if len(sequences) > 1:
        names = ", ".join(sorted(f"{prefix}%d{tail}{suffix}" for prefix, tail, suffix in sequences))
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
