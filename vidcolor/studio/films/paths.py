"""Where the files of films lie: projects, results, stills and loops."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, NamedTuple

from vidcolor.errors import UsageError, VidcolorError
from vidcolor.project.api import default_project_path
from vidcolor.project.store import ANALYSIS_FILE, SUFFIX, cache_path, read_project
from vidcolor.studio.films.still_cache import MAX_DISK_BYTES, StillCache
from vidcolor.studio.names import SHOWN_DIRECTORY, hide_data_dir, replace_paths

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from vidcolor.project.api import Project
    from vidcolor.project.rows import SourceRow
    from vidcolor.studio.films.rows import FilmRow
    from vidcolor.studio.settings import StudioSettings

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".mxf")
"""Suffixes of results that can be requested."""
LoopView = Literal["color", "gray"]
LOOP_VIEWS: tuple[LoopView, ...] = ("color", "gray")
LOOP_SUFFIXES = (".mp4", ".webm")
"""Containers of loops: H.264, and VP9 for browsers without it."""
_CACHE_SHARE = 0.1
"""Maximum share of the space for uploads that stills and loops may use."""


def open_still_cache(settings: StudioSettings) -> StillCache:
    """Return the cache of the stills and loops of a server."""
    limit = min(MAX_DISK_BYTES, int(settings.max_disk_bytes * _CACHE_SHARE))
    return StillCache(settings.data_dir / "stills", limit)


def locate_loop(cache: StillCache, film_id: str, rev: str, view: str, suffix: str) -> Path:
    """Return the path of a loop of a shot, which depends on the revision of the shot."""
    return cache.locate(film_id, f"loop {rev} {view}", suffix)


def make_source_key(source: SourceRow) -> str:
    """Return what the facts of `describe_source` are kept under; the file is JSON."""
    return f"source {source.digest}"


def choose_target(project: Project, suffix: str | None) -> Path:
    """Return the path of the result of a film: NAME.color.EXT beside its project.

    Raises:
        InputError: the source is missing.
        UsageError: the suffix is not that of a film.
    """
    from vidcolor.project.render import make_target  # imports FFmpeg, which the server must not

    if suffix is not None and suffix not in SUFFIXES:
        raise UsageError(f"{suffix!r} is not a format of films; use one of {', '.join(SUFFIXES)}")
    target = make_target(project.path, project.document, project.find_source())
    return target if suffix is None else target.with_suffix(suffix)


def choose_project_path(
    source: Path, used: Collection[Path], settings: StudioSettings, film_id: str
) -> Path:
    """Return the path for the project of a film of the command line.

    It is beside the film, as that of ``vidcolor project new``. If that directory is read-only, it
    is in the data directory. If another film has that project, the name contains the extension.
    """
    path = default_project_path(source)
    if path in used or (path.exists() and not _belongs_to(path, source)):
        path = path.with_name(f"{source.name}{SUFFIX}")
    if path.exists() or os.access(path.parent, os.W_OK):
        return path
    return settings.data_dir / SHOWN_DIRECTORY / film_id / path.name


def _belongs_to(project: Path, source: Path) -> bool:
    """Return whether a project is probably that of a source."""
    try:
        row = read_project(project).document.source
        is_same_size = not source.is_file() or source.stat().st_size == row.size
    except (OSError, VidcolorError):  # the error is reported when the film is opened
        return True
    return row.name == source.name or is_same_size


class Signature(NamedTuple):
    """What differs if a file was changed."""

    mtime_ns: int
    size: int
    """In bytes."""
    inode: int


def read_signature(path: Path) -> Signature | None:
    """Return the signature of a file; None if it is missing.

    A file in a folder that cannot be read counts as missing, so that one film on a drive that was
    removed does not hide all others.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return Signature(status.st_mtime_ns, status.st_size, status.st_ino)


def has_project(row: FilmRow) -> bool:
    """Return whether a film has a project."""
    return read_signature(row.project_path) is not None


def is_analyzed(row: FilmRow) -> bool:
    """Return whether a film has a project and the cache of its analysis."""
    analysis = cache_path(row.project_path) / ANALYSIS_FILE
    return has_project(row) and read_signature(analysis) is not None


def hide_path(text: str, row: FilmRow, settings: StudioSettings) -> str:
    """Return a message without paths in the data directory, and with the name of an upload."""
    if row.is_upload:
        text = replace_paths(text, (row.project_path, row.path), row.name)
        text = text.replace(f"{row.path.parent}{os.sep}", "")
        text = replace_paths(text, (row.path.parent,), row.name)
    return hide_data_dir(text, settings.data_dir)
