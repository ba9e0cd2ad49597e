"""What there is to learn from: the pictures, tar shards and films among what was named."""

from __future__ import annotations

import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vidcolor.errors import InputError
from vidcolor.fileio import is_run_folder
from vidcolor.media.stills import STILL_SUFFIXES, is_still

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Kind = Literal["picture", "shard", "film"]

PICTURE_SUFFIXES = frozenset(STILL_SUFFIXES) | {".jpe", ".jfif", ".jp2", ".avif", ".gif", ".ppm"}
"""What counts as a picture in a folder or a shard."""
SHARD_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
FILM_SUFFIXES = frozenset(
    (
        *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mxf", ".mpg", ".mpeg", ".m2v"),
        *(".vob", ".ts", ".m2ts", ".mts", ".dv", ".3gp", ".ogv", ".wmv", ".flv", ".y4m"),
    )
)
"""What counts as a film in a folder; a file named by itself may be called anything."""


@dataclass(frozen=True, slots=True)
class Origin:
    """One file that pictures come from."""

    source: int
    """Which of the named sources it belongs to."""
    path: Path
    kind: Kind
    name: str
    """What reports call it: the source's own name and the path inside it."""

    def identity(self) -> list[object]:
        """What changes when the file does, without reading it."""
        status = self.path.stat()
        return [self.kind, str(self.path.absolute()), status.st_size, status.st_mtime_ns]


def find_origins(sources: Sequence[Path], first: int = 0) -> list[Origin]:
    """Everything to look at, in an order that depends on names alone.

    Args:
        sources: folders (searched through and through; hidden files and the folders of training
            runs are left out, links to folders not followed), tar shards, films and pictures.
        first: the number of the first source.

    Raises:
        InputError: a source does not exist or may not be read.
    """
    origins: list[Origin] = []
    for number, source in enumerate(sources, first):
        if source.is_dir():
            origins += _origins_in(source, number)
        elif source.exists():
            kind = _kind_of(source) or ("picture" if is_still(source) else "film")
            origins.append(Origin(number, source, kind, source.name))
        else:
            raise InputError(f"{source}: no such file or folder; name photographs to learn from")
    return origins


def _origins_in(folder: Path, number: int) -> Iterator[Origin]:
    def fail(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from error

    root = folder.name or folder.resolve().name
    for place, folders, files in os.walk(folder, onerror=fail):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and not is_run_folder(Path(place, name))
        )
        for name in sorted(files):
            path = Path(place, name)
            kind = None if name.startswith(".") else _kind_of(path)
            if kind is not None and path.is_file():
                inside = path.relative_to(folder).as_posix()
                yield Origin(number, path, kind, f"{root}/{inside}")


def _kind_of(path: Path) -> Kind | None:
    """What a file is by its name; None if that says nothing."""
    name, suffix = path.name.lower(), path.suffix.lower()
    if name.endswith(SHARD_SUFFIXES):
        return "shard"
    if suffix in PICTURE_SUFFIXES:
        return "picture"
    return "film" if suffix in FILM_SUFFIXES else None


def count_in_shard(shard: Path) -> int:
    """How many pictures a tar shard holds; raises as `pictures_in_shard` does."""
    return sum(1 for _ in _members(shard))


def pictures_in_shard(shard: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every picture in a tar shard, in its order.

    Raises:
        InputError: it is no tar file, or is cut off.
    """
    for tar, member in _members(shard):
        file = tar.extractfile(member)
        if file is not None:
            yield member.name, file.read()


def _members(shard: Path) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    try:
        with tarfile.open(shard) as tar:
            for member in tar:
                name = Path(member.name)
                is_picture = name.suffix.lower() in PICTURE_SUFFIXES
                if member.isfile() and is_picture and not name.name.startswith("."):
                    yield tar, member
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(
            f"{shard}: is not a whole tar file ({error}); get a whole copy, or unpack it "
            "and name the folder"
        ) from error
