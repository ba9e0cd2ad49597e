"""The images of directories, tar shards and films: found, decoded and checked in order."""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from vidcolor.concurrency import map_in_threads
from vidcolor.errors import InputError, OutputError
from vidcolor.fileio import describe_os_error, is_training_run
from vidcolor.media.containers import is_video_name
from vidcolor.media.preview_image import read_image_rgb
from vidcolor.media.stills.formats import STILL_SUFFIXES, is_still
from vidcolor.training.films import GrayFilmError, sample_film
from vidcolor.training.filtering import find_rejection_reason, perceptual_hash, reduce_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vidcolor.imaging.types import Rgb
    from vidcolor.training.filtering import RejectionReason

Kind = Literal["image", "shard", "film"]

IMAGE_EXTENSIONS = frozenset(STILL_SUFFIXES) | {".jpe", ".jfif", ".jp2", ".avif", ".gif", ".ppm"}
"""Extensions of image files in directories and shards."""
SHARD_EXTENSIONS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
"""Extensions of tar shards."""
_PREFETCH = 8
"""Images per core that are decoded in advance."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that contains training images."""

    source: int
    """Number of the source that contains the file."""
    path: Path
    kind: Kind
    name: str
    """Name in reports: the name of the source and the path inside it."""


@dataclass(frozen=True, slots=True)
class Photo:
    """An image of a source, decoded and checked."""

    name: str
    source: int
    rgb: Rgb
    """(h, w, 3) uint8 sRGB; empty if the image is damaged."""
    file_digest: str = ""
    """Digest of the content of an image file, or of the name and size of a film."""
    reason: RejectionReason | None = None
    """Reason for the rejection; None for a suitable image."""
    hash: int = 0
    """See `perceptual_hash`; 0 for a rejected image."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An image before decoding."""

    name: str
    source: int
    content: Path | bytes | Rgb | Exception
    """An image file, its content, a frame of a film, or the reason why a film ended."""
    file_digest: str = ""
    """Digest of a film; that of an image is computed when it is decoded."""


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
                yield SourceFile(
                    number, path, kind, f"{root}/{path.relative_to(folder).as_posix()}"
                )


def _kind_from_name(path: Path) -> Kind | None:
    suffix = path.suffix.lower()
    if path.name.lower().endswith(SHARD_EXTENSIONS):
        return "shard"
    if suffix in IMAGE_EXTENSIONS:
        return "image"
    return "film" if is_video_name(path) else None


def count_images(files: Sequence[SourceFile]) -> int | None:
    """Return the number of images; None if there are films, whose shots are not counted yet.

    Raises:
        InputError: a shard is damaged.
    """
    if any(file.kind == "film" for file in files):
        return None
    return sum(sum(1 for _ in _iterate_shard(f)) if f.kind == "shard" else 1 for f in files)


def iterate_photos(files: Iterable[SourceFile], short_side: int) -> Iterator[Photo]:
    """Decode and check the images of all files on all cores, in the order of the files.

    Decoders release the GIL, so threads suffice. `_PREFETCH` bounds the images in memory.

    Args:
        files: the source files.
        short_side: maximum short side of the images, in pixels.

    Raises:
        InputError: a shard is damaged. A damaged film or image becomes a rejected photo.
        OutputError: the temporary directory is full or missing.
    """
    workers = os.cpu_count() or 1
    decode = partial(_decode_and_check, short_side=short_side)
    candidates = _iterate_candidates(files, short_side)
    return map_in_threads(decode, candidates, workers, workers * _PREFETCH)


def _iterate_candidates(files: Iterable[SourceFile], short_side: int) -> Iterator[_Candidate]:
    for file in files:
        if file.kind == "image":
            yield _Candidate(file.name, file.source, file.path)
        elif file.kind == "shard":
            for tar, member in _iterate_shard(file):
                content = tar.extractfile(member)
                if content is not None:
                    yield _Candidate(f"{file.name}/{member.name}", file.source, content.read())
        else:
            # The content of a film is too large to hash.
            digest = _hash(os.fsencode(f"{file.path.name} {file.path.stat().st_size}"))
            try:
                for time_s, rgb in sample_film(file.path, short_side):
                    name = f"{file.name} at {time_s:.2f} s"
                    yield _Candidate(name, file.source, rgb, digest)
            except (GrayFilmError, InputError) as error:
                yield _Candidate(file.name, file.source, error)


def _iterate_shard(file: SourceFile) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Yield the open shard with each of its image files."""
    try:
        with tarfile.open(file.path) as tar:
            for member in tar:
                name = Path(member.name)
                is_image = name.suffix.lower() in IMAGE_EXTENSIONS
                if member.isfile() and is_image and not name.name.startswith("."):
                    yield tar, member
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(
            f"{file.path}: not a complete tar file ({error}); use an undamaged copy, or unpack it "
            "and use the directory"
        ) from error


def _decode_and_check(candidate: _Candidate, short_side: int) -> Photo:
    try:
        rgb, digest = _decode(candidate, short_side)
    except (OutputError, MemoryError):  # the machine is the cause, not the image
        raise
    except Exception as error:  # decoders raise many types of exceptions for damaged files
        reason: RejectionReason | None
        reason = "gray" if isinstance(error, GrayFilmError) else "damaged or unreadable"
        return Photo(candidate.name, candidate.source, np.zeros((0, 0, 3), np.uint8), "", reason)
    reason = find_rejection_reason(rgb)
    value = 0 if reason else perceptual_hash(rgb)
    return Photo(candidate.name, candidate.source, rgb, digest, reason, value)


def _decode(candidate: _Candidate, short_side: int) -> tuple[Rgb, str]:
    """Return the reduced image and the digest of its file."""
    content = candidate.content
    if isinstance(content, Exception):
        raise content
    if isinstance(content, np.ndarray):
        return content, candidate.file_digest
    if isinstance(content, Path):
        return _read_image(content, short_side), _hash(content.read_bytes())
    try:
        # A shard and a directory must give the same dataset, so both decode from a file.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "image" + Path(candidate.name).suffix)
            path.write_bytes(content)
            return _read_image(path, short_side), _hash(content)
    except OSError as error:
        raise OutputError(f"{tempfile.gettempdir()}: {describe_os_error(error)}") from error


def _read_image(path: Path, short_side: int) -> Rgb:
    return reduce_image(read_image_rgb(path, (short_side, short_side)), short_side)


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
