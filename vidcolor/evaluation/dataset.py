"""Color originals to judge by: pictures, folders, tar shards and moments of films, one at a time.

Listing reads names only; pixels are decoded when they are wanted, so a thousand originals take no
more memory than one.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.batch.discover import FILM_SUFFIXES, RESULT_FOLDER, RESULT_SUFFIX, is_photo
from vidcolor.errors import InputError
from vidcolor.fileio import is_run_folder
from vidcolor.imaging.text import clock
from vidcolor.media.preview import DisplayReader
from vidcolor.media.preview_still import picture_rgb, picture_rgb_of
from vidcolor.media.stills import STILL_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vidcolor.media.preview import Rgb

TAR_SUFFIX = ".tar"
MIN_SIDE = 32
"""Pixels below which a picture says nothing, and SSIM's window would not fit."""
_GRAY_CODES = 2
"""Channels that never differ by more are gray, and their difference the decoder's rounding."""


@dataclass(frozen=True, slots=True)
class Original:
    """A picture, or a moment of a film, that has its true colors."""

    name: str
    """What it is called in tables: a path below what was named, and the moment of a film."""
    source: Path
    """The file that holds it: a picture, a tar shard or a film."""
    place: PurePosixPath
    """Where the result of it lies in a folder of results."""
    offset: int | None = None
    """Of its bytes in a tar shard."""
    length: int = 0
    time_s: Fraction | None = None
    """Of a film's frame: seconds since the first."""

    @property
    def is_frame(self) -> bool:
        """Whether it is a moment of a film."""
        return self.time_s is not None

    def read(self) -> Rgb:
        """Decode it: upright sRGB, (H, W, 3) uint8.

        Raises:
            InputError: it cannot be read.
        """
        if self.time_s is not None:
            film = _film(self.source)
            return film.at(self.time_s).rgb(film.size)
        if self.offset is None:
            return picture_rgb(self.source)
        with self.source.open("rb") as file:
            file.seek(self.offset)
            return picture_rgb_of(file.read(self.length), f"{self.source}: {self.name}")


def why_unfit(rgb: Rgb) -> str | None:
    """Why a picture, (H, W, 3) uint8, cannot be judged by; None if it can."""
    if min(rgb.shape[:2]) < MIN_SIDE:
        return f"it is smaller than {MIN_SIDE} pixels"
    if np.ptp(rgb, axis=-1).max() <= _GRAY_CODES:
        return "it is gray itself"
    return None


@lru_cache(maxsize=4)
def _film(path: Path) -> DisplayReader:
    """Probed once; frames of one film come one after another."""
    return DisplayReader(path)


def find_originals(paths: Sequence[Path], frames: int, limit: int | None = None) -> list[Original]:
    """List what there is to judge by.

    Args:
        paths: pictures, films, tar shards, and folders of all three.
        frames: moments of each film, the middles of as many equal parts.
        limit: so many in all, evenly spaced; None for every one.

    Raises:
        InputError: a path does not exist or cannot be listed, or there is nothing in them.
    """
    found = [original for path in paths for original in _in(path, frames)]
    if not found:
        raise InputError(f"{paths[0]}: holds no picture and no film")
    if limit is None or limit >= len(found):
        return found
    return [found[(2 * n + 1) * len(found) // (2 * limit)] for n in range(limit)]


def _in(path: Path, frames: int) -> Iterator[Original]:
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if not path.is_dir():
        yield from _of_file(path, PurePosixPath(path.name), frames)
        return
    for inner in sorted(path.rglob("*")):
        place = inner.relative_to(path)
        suffix = inner.suffix.lower()
        known = suffix in STILL_SUFFIXES or suffix in FILM_SUFFIXES or suffix == TAR_SUFFIX
        if known and inner.is_file() and not _is_passed_over(place, path):
            yield from _of_file(inner, PurePosixPath(place.as_posix()), frames)


def _is_passed_over(place: Path, folder: Path) -> bool:
    """Hidden files, and what vidcolor made beside the originals: results, and training runs."""
    if any(part.startswith(".") for part in place.parts) or place.stem.endswith(RESULT_SUFFIX):
        return True
    inner = [folder / parent for parent in place.parents[:-1] if parent.name]
    if any(is_run_folder(p) for p in inner):
        return True
    made = (p for p in inner if p.name.endswith(RESULT_FOLDER))
    return any(p.with_name(p.name.removesuffix(RESULT_FOLDER)).is_dir() for p in made)


def _of_file(path: Path, place: PurePosixPath, frames: int) -> Iterator[Original]:
    if path.suffix.lower() == TAR_SUFFIX:
        yield from _in_tar(path)
    elif is_photo(path):
        yield Original(str(place), path, place)
    else:
        duration = _film(path).duration_s
        for n in range(frames):
            moment = (n + Fraction(1, 2)) * duration / frames
            yield Original(f"{place} {clock(moment)}", path, place, time_s=moment)


def _in_tar(path: Path) -> Iterator[Original]:
    try:
        with tarfile.open(path, "r:") as tar:
            members = [m for m in tar if m.isfile()]
    except (tarfile.TarError, OSError) as error:
        raise InputError(f"{path}: is no plain tar file ({error}); unpack it") from error
    for member in members:
        place = PurePosixPath(member.name)
        if place.suffix.lower() in STILL_SUFFIXES and not place.name.startswith("."):
            yield Original(member.name, path, place, offset=member.offset_data, length=member.size)
