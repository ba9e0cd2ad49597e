"""Discovery of the image files, tar shards and films in the sources of a training run."""

from __future__ import annotations

import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vidcolor.errors import InputError
from vidcolor.fileio import is_training_run
from vidcolor.media.containers import is_video_name
from vidcolor.media.stills.registry import STILL_SUFFIXES, is_still

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Kind = Literal["image", "shard", "film"]

IMAGE_EXTENSIONS = frozenset(STILL_SUFFIXES) | {".jpe", ".jfif", ".jp2", ".avif", ".gif", ".ppm"}
"""Extensions of image files in directories and shards."""
SHARD_EXTENSIONS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
"""Extensions of tar shards."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that contains training images."""

    source: int
    """Number of the source that contains the file."""
    path: Path
    kind: Kind
    name: str
    """Name in reports: the name of the source and the path inside it."""

    def identity(self) -> list[object]:
        """Return JSON values that change when the file changes, without reading it."""
        status = self.path.stat()
        return [self.kind, str(self.path.absolute()), status.st_size, status.st_mtime_ns]


def find_source_files(sources: Sequence[Path], first: int = 0) -> list[SourceFile]:
    """Return all files of the sources, in an order that depends on names only.

    Args:
        sources: directories, tar shards, films and image files. Directories are searched
            recursively without following links; hidden files and the folders of training runs are
            skipped.
        first: number of the first source.

    Raises:
        InputError: a source does not exist or cannot be read.
    """
    files: list[SourceFile] = []
    for number, source in enumerate(sources, first):
        if source.is_dir():
            files += _find_in_directory(source, number)
        elif source.exists():
            kind = _kind_from_name(source) or ("image" if is_still(source) else "film")
            files.append(SourceFile(number, source, kind, source.name))
        else:
            raise InputError(f"{source}: no such file or directory")
    return files


def _find_in_directory(folder: Path, number: int) -> Iterator[SourceFile]:
    """Yield the files with training images below a directory, sorted by name."""

    def fail(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from error

    root = folder.name or folder.resolve().name
    for directory, subdirectories, files in os.walk(folder, onerror=fail):
        # `os.walk` visits the remaining subdirectories in this order.
        subdirectories[:] = sorted(
            name
            for name in subdirectories
            if not name.startswith(".") and not is_training_run(Path(directory, name))
        )
        for name in sorted(files):
            path = Path(directory, name)
            kind = None if name.startswith(".") else _kind_from_name(path)
            if kind is not None and path.is_file():
                inside = path.relative_to(folder).as_posix()
                yield SourceFile(number, path, kind, f"{root}/{inside}")


def _kind_from_name(path: Path) -> Kind | None:
    """Return the kind of a file by its extension, or None for an unknown extension."""
    name, suffix = path.name.lower(), path.suffix.lower()
    if name.endswith(SHARD_EXTENSIONS):
        return "shard"
    if suffix in IMAGE_EXTENSIONS:
        return "image"
    return "film" if is_video_name(path) else None


def count_shard_images(shard: Path) -> int:
    """Return the number of images in a tar shard.

    Raises:
        InputError: the file is not a tar file, or is truncated.
    """
    return sum(1 for _ in _iterate_members(shard))


def iterate_shard(shard: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of every image in a tar shard, in the order of the shard.

    Raises:
        InputError: the file is not a tar file, or is truncated.
    """
    for tar, member in _iterate_members(shard):
        file = tar.extractfile(member)
        if file is not None:
            yield member.name, file.read()


def _iterate_members(shard: Path) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Yield the open shard with each of its image files."""
    try:
        with tarfile.open(shard) as tar:
            for member in tar:
                name = Path(member.name)
                is_image = name.suffix.lower() in IMAGE_EXTENSIONS
                if member.isfile() and is_image and not name.name.startswith("."):
                    yield tar, member
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(
            f"{shard}: not a complete tar file ({error}); use an undamaged copy, or unpack it and "
            "use the directory"
        ) from error
