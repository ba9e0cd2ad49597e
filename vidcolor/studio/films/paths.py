"""Where the files of films lie: projects, results, stills and loops."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from vidcolor.errors import UsageError, VidcolorError
from vidcolor.project.api import default_project_path
from vidcolor.project.store import ANALYSIS_FILE, SUFFIX, cache_path, read_project
from vidcolor.studio.films.still_cache import MAX_DISK_BYTES, StillCache

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
    return settings.data_dir / "films" / film_id / path.name


def _belongs_to(project: Path, source: Path) -> bool:
    """Return whether a project is probably that of a source."""
    try:
        row = read_project(project).document.source
        is_same_size = not source.is_file() or source.stat().st_size == row.size
    except (OSError, VidcolorError):  # the error is reported when the film is opened
        return True
    return row.name == source.name or is_same_size


def is_analyzed(row: FilmRow) -> bool:
    """Return whether a film has a project and the cache of its analysis."""
    is_saved = (cache_path(row.project_path) / ANALYSIS_FILE).exists()
    return is_saved and row.project_path.exists()


def hide_path(text: str, row: FilmRow) -> str:
    """Return a message with the name of an uploaded film instead of its paths on the server."""
    if not row.is_upload:
        return text
    for path in (row.project_path, row.path):
        text = text.replace(str(path), row.name)
    return text.replace(f"{row.path.parent}{os.sep}", "")
