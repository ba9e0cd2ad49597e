"""The images of directories, tar shards and films: found, decoded and checked in order."""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from vidcolor.concurrency import map_in_threads
from vidcolor.errors import InputError, OutputError
from vidcolor.fileio import check_url, describe_os_error, is_training_run
from vidcolor.imaging.resize import limit_short_side, resize_area
from vidcolor.media.containers import is_video_name
from vidcolor.media.decode import VideoReader
from vidcolor.media.preview import DisplayReader, render_rgb
from vidcolor.media.preview_image import read_image_rgb
from vidcolor.media.stills.formats import STILL_SUFFIXES, is_still
from vidcolor.shots.cuts import CausalCutDetector
from vidcolor.training.filtering import (
    SHORT_SIDE,
    RejectionReason,
    find_rejection_reason,
    perceptual_hash,
    reduce_image,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vidcolor.imaging.types import FloatArray, Rgb
    from vidcolor.media.decode import Frame

Kind = Literal["image", "shard", "film"]

IMAGE_EXTENSIONS = frozenset(STILL_SUFFIXES) | {".jpe", ".jfif", ".jp2", ".avif", ".gif", ".ppm"}
"""Extensions of image files in directories and shards."""
SHARD_EXTENSIONS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
_PREFETCH = 8
"""Images per core that are decoded in advance."""
MAX_FRAMES = 200
"""Maximum number of frames of one film, so that long films do not dominate the dataset."""
CUT_MARGIN_S = 0.25
"""Time between a cut and the first sampled frame; it avoids splices and the end of dissolves."""
_PROXY_SIDE = 96
"""Short side of the luma copies on which cuts are detected, in pixels."""


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
    reason: RejectionReason | None
    """Reason for the rejection; None for a suitable image."""
    rgb: Rgb | None = None
    """(h, w, 3) uint8 sRGB; None if the image is damaged."""
    file_digest: str = ""
    """Digest of the content of an image file, or of the name and size of a film."""
    hash: int = 0
    """See `perceptual_hash`; 0 for a rejected image."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An image before decoding."""

    name: str
    source: int
    content: Path | bytes | Rgb | RejectionReason
    """An image file, its content, or a frame of a film; or why a film was dropped."""
    file_digest: str = ""
    """Digest of a film; that of an image is computed when it is decoded."""


def find_source_files(sources: Sequence[Path], first: int = 0) -> list[SourceFile]:
    """Return all files of the sources, in an order that depends on names only.

    Directories are searched recursively without following links; hidden files and the folders of
    training runs are skipped. `first` is the number of the first source.

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
            check_url(source)
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


def iterate_photos(files: Iterable[SourceFile]) -> Iterator[Photo]:
    """Decode and check the images of all files on all cores, in the order of the files.

    Decoders release the GIL, so threads suffice. `_PREFETCH` bounds the images in memory.

    Raises:
        InputError: a shard is damaged. A damaged film or image becomes a rejected photo.
        OutputError: the temporary directory is full or missing.
    """
    workers = os.cpu_count() or 1
    return map_in_threads(
        _decode_and_check, _iterate_candidates(files), workers, workers * _PREFETCH
    )


def _iterate_candidates(files: Iterable[SourceFile]) -> Iterator[_Candidate]:
    for file in files:
        if file.kind == "image":
            yield _Candidate(file.name, file.source, file.path)
        elif file.kind == "shard":
            for tar, member in _iterate_shard(file):
                content = tar.extractfile(member)
                if content is not None:
                    yield _Candidate(f"{file.name}/{member.name}", file.source, content.read())
        else:
            yield from _iterate_film(file)


def _iterate_film(file: SourceFile) -> Iterator[_Candidate]:
    # The content of a film is too large to hash.
    digest = _hash(os.fsencode(f"{file.path.name} {file.path.stat().st_size}"))
    try:
        reader = DisplayReader(file.path)
        if reader.video.tint == "gray":
            yield _Candidate(file.name, file.source, "gray")
            return
        for time_s, rgb in sample_film(reader):
            yield _Candidate(f"{file.name} at {time_s:.2f} s", file.source, rgb, digest)
    except InputError:
        yield _Candidate(file.name, file.source, "damaged or unreadable")


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


def _decode_and_check(candidate: _Candidate) -> Photo:
    name, source, content = candidate.name, candidate.source, candidate.content
    if not isinstance(content, str):
        try:
            rgb, digest = _decode(candidate, content)
        except (OutputError, MemoryError):  # the machine is the cause, not the image
            raise
        except Exception:  # decoders raise many types of exceptions for damaged files
            content = "damaged or unreadable"
        else:
            reason = find_rejection_reason(rgb)
            return Photo(name, source, reason, rgb, digest, 0 if reason else perceptual_hash(rgb))
    return Photo(name, source, content)


def _decode(candidate: _Candidate, content: Path | bytes | Rgb) -> tuple[Rgb, str]:
    if isinstance(content, np.ndarray):
        return content, candidate.file_digest
    if isinstance(content, Path):
        return _read_image(content), _hash(content.read_bytes())
    try:
        # A shard and a directory must give the same dataset, so both decode from a file.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "image" + Path(candidate.name).suffix)
            path.write_bytes(content)
            return _read_image(path), _hash(content)
    except OSError as error:
        raise OutputError(f"{tempfile.gettempdir()}: {describe_os_error(error)}") from error


def _read_image(path: Path) -> Rgb:
    return reduce_image(read_image_rgb(path, (SHORT_SIDE, SHORT_SIDE)))


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def sample_film(reader: DisplayReader) -> Iterator[tuple[float, Rgb]]:
    """Yield at most `MAX_FRAMES` frames of a film with their seconds since the first frame.

    Every frame is decoded once. The selection is complete at the end of the film only, so all
    frames are yielded then. Memory is limited by `MAX_FRAMES`, not by the length of the film.

    Raises:
        InputError: the film is damaged, after the frames before the damage.
    """
    frames: list[tuple[float, Rgb]] = []
    step = 1
    damage: InputError | None = None
    try:
        for number, frame in enumerate(_select_frames(reader)):
            if number % step:
                continue
            rgb = reduce_image(render_rgb(frame.av_frame, reader.video, reader.size))
            frames.append((float(frame.pts * reader.video.time_base - reader.origin_s), rgb))
            if len(frames) > MAX_FRAMES:  # the frames that remain are evenly spaced
                del frames[1::2]
                step *= 2
    except InputError as error:
        damage = error
    yield from frames
    if damage is not None:
        raise damage


def _select_frames(reader: DisplayReader) -> Iterator[Frame]:
    """Yield a frame near the start of each shot and, for long shots, one in the second half."""
    # The second frame is the last one at 2, 4, 8, ... times `CUT_MARGIN_S` after the cut. Finding
    # it does not require the length of the shot.
    detector = CausalCutDetector()
    early: Frame | None = None
    late: Frame | None = None
    start, due = 0.0, 0.0
    for frame in VideoReader(reader.path, reader.video).frames():
        time = float(frame.pts * reader.video.time_base)
        if detector.feed(_make_proxy(reader, frame)):
            yield from (f for f in (early, late) if f is not None)
            # The first frame stands for a shot that is shorter than the margin.
            early, late = frame, None
            start, due = time, CUT_MARGIN_S
        elif time - start >= due:
            early, late = (frame, None) if due == CUT_MARGIN_S else (early, frame)
            due *= 2
    yield from (f for f in (early, late) if f is not None)


def _make_proxy(reader: DisplayReader, frame: Frame) -> FloatArray:
    small = resize_area(frame.luma, limit_short_side(frame.luma.shape, _PROXY_SIDE))
    return reader.video.coding.luma_to_unit(small)
