"""The source of a project: it is identified by its content and found where it was moved to."""

from __future__ import annotations

import hashlib
import itertools
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.errors import InputError, VidcolorError
from vidcolor.fileio import check_source, compute_source_digest
from vidcolor.imaging.geometry import rotate_size
from vidcolor.media.extensions import is_photo
from vidcolor.media.sequence import find_sequence, is_sequence_pattern
from vidcolor.project.rows import SourceRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vidcolor.film.analysis import FilmAnalysis
    from vidcolor.media.probe import VideoInfo

_MAX_SEARCHED_FILES = 10_000
"""Maximum number of files beside a project of which the sizes are compared."""


@dataclass(frozen=True, slots=True)
class SourceContent:
    """Size and digest of the files of a source."""

    size: int
    digest: str


def is_sequence(source: Path) -> bool:
    """Return whether a source is a pattern or folder of numbered images."""
    return source.is_dir() or (is_sequence_pattern(source) and not source.exists())


def list_source_files(source: Path) -> Sequence[Path]:
    """Return the files of a film or an image sequence.

    Raises:
        InputError: there are none, or the source is a photo.
    """
    if is_sequence(source):
        return list(find_sequence(source).files.values())
    check_source(source)
    if is_photo(source):
        raise InputError(f"{source}: a photo has no shots; give a film or an image sequence")
    return [source]


def read_content(source: Path) -> SourceContent:
    """Return size and digest of a source.

    Raises:
        InputError: the source cannot be read.
    """
    try:
        files = list_source_files(source)
        size = sum(path.stat().st_size for path in files)
        return SourceContent(size, compute_source_digest(files))
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror})") from None


def make_source_row(
    source: Path, folder: Path, video: VideoInfo, analysis: FilmAnalysis
) -> SourceRow:
    """Describe an analyzed source for a project file in `folder`."""
    content = read_content(source)
    width, height = rotate_size((video.width, video.height), video.geometry.quarter_turns)
    return SourceRow(
        kind="sequence" if is_sequence(source) else "film",
        name=source.name or source.resolve().name,
        path=to_stored_path(source, folder),
        size=content.size,
        digest=content.digest,
        num_frames=analysis.num_frames,
        frames_digest=compute_frames_digest(analysis),
        width=width,
        height=height,
        rate=None if video.rate is None else str(video.rate),
    )


def compute_frames_digest(analysis: FilmAnalysis) -> str:
    """Return a digest of the luma checksums of all frames: 32 hex digits.

    It stays the same when a film is copied into another container.
    """
    return hashlib.sha256(np.asarray(analysis.checksums, "<u4").tobytes()).hexdigest()[:32]


# Paths


def to_stored_path(path: Path, folder: Path) -> str:
    """Return a path as a project stores it: relative to its folder if they are on one drive."""
    absolute = path.absolute()  # keeps links, which may be meant to change
    try:
        return Path(os.path.relpath(absolute, folder.absolute())).as_posix()
    except ValueError:  # drives of Windows have no common folder
        return absolute.as_posix()


def from_stored_path(text: str, folder: Path) -> Path:
    """Return the path that a project in `folder` stores, relative to the current directory."""
    path = folder / PurePosixPath(text)
    return Path(os.path.normpath(path))


# Search


def find_source(row: SourceRow, folder: Path, project: Path) -> Path:
    """Return the source of a project, wherever it lies beside the project or at its path.

    A file is accepted only if size and digest match. A film that was renamed is found by its
    content in the folder of the project and in that of its path.

    Raises:
        InputError: it is missing, or has other content.
    """
    changed = None
    for path in _list_candidates(row, folder):
        try:
            if not is_sequence(path) and path.stat().st_size != row.size:
                changed = changed or (path if path.exists() else None)
                continue
            content = read_content(path)
        except (OSError, VidcolorError):
            continue
        if (content.size, content.digest) == (row.size, row.digest):
            return path
        changed = changed or path
    for path in _search_renamed(row, folder):
        return path
    remedy = f"`vidcolor project relink {project} FILM`"
    if changed is not None:
        raise InputError(
            f"{project}: its source {changed} has other content than when the project was made; "
            f"put that film back, or name a copy of it: {remedy}"
        )
    raise InputError(
        f"{project}: its source {row.name} is missing (was {row.path}); to name it, run {remedy}"
    )


def _list_candidates(row: SourceRow, folder: Path) -> list[Path]:
    """Return the paths at which the source may lie, the most likely one first."""
    paths = [from_stored_path(row.path, folder), folder / row.name]
    return list(dict.fromkeys(paths))


def _search_renamed(row: SourceRow, folder: Path) -> Iterator[Path]:
    """Yield the files with the content of a film, among all near the project."""
    if row.kind != "film":
        return
    folders = dict.fromkeys((folder, from_stored_path(row.path, folder).parent))
    for searched in folders:
        for path in _list_files(searched):
            try:
                if path.stat().st_size == row.size and path.is_file():
                    content = compute_source_digest([path])
                    if content == row.digest:
                        yield path
            except OSError:
                continue


def _list_files(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in itertools.islice(entries, _MAX_SEARCHED_FILES)]
    except OSError:
        return []
    return [folder / name for name in sorted(names)]
