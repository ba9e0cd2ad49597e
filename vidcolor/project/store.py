"""Reading, writing and locking of project files.

Another process may write the same file, and a person may edit it. A file is written only if it
still is the one that was read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from vidcolor.errors import BusyError, ConflictError, InputError, OutputError, UsageError
from vidcolor.fileio import atomic_output, check_not_special, check_url, describe_os_error
from vidcolor.project.checks import check_document
from vidcolor.project.document import dump_document
from vidcolor.project.parsing import parse_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidcolor.project.document import ProjectDocument
    from vidcolor.project.rows import Change

SUFFIX = ".vidcolor.json"
"""Suffix of project files."""
ANALYSIS_FILE = "analysis.json"
"""Name of the analysis of the source in the cache directory; see `project.cache`."""
LOCK_TIMEOUT_S = 5.0
"""Time to wait for another process that changes the same project, in seconds."""
_LOCK_FILE = "project.lock"
"""Name of the lock file. It is not that of work directories, which `vidcolor jobs` lists."""


@dataclass(frozen=True, slots=True)
class StoredProject:
    """A document with the digest of the file that it was read from."""

    document: ProjectDocument
    file_digest: str


def is_project_name(path: Path) -> bool:
    """Return whether a path has the suffix of a project file."""
    return path.name.endswith(SUFFIX)


def cache_path(project: Path) -> Path:
    """Return the cache directory of a project: NAME.vidcolor beside NAME.vidcolor.json."""
    return project.with_name(project.name.removesuffix(".json"))


def check_project_path(path: Path) -> None:
    """Check the name of a project file.

    Raises:
        UsageError: it has another suffix.
    """
    if not is_project_name(path) or path.name == SUFFIX:
        raise UsageError(f"{path}: a project must be named NAME{SUFFIX}")


def read_project(path: Path) -> StoredProject:
    """Read and check a project file.

    Raises:
        InputError: it cannot be read, or is not JSON.
        UsageError: it is not a project, or a row is invalid.
    """
    data = _read_file(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file; a project is JSON, encoded as UTF-8") from None
    document = parse_document(path, text)
    check_document(str(path), document)
    return StoredProject(document, _digest(data))


def write_project(
    path: Path, document: ProjectDocument, read_digest: str | None, *, force: bool = False
) -> str:
    """Write a project file atomically; return its digest.

    Args:
        path: the file, which the caller has locked.
        document: its new content.
        read_digest: digest of the file when it was read; None for a new file.
        force: replace an existing file by a new one.

    Raises:
        ConflictError: the file is no longer the one that was read.
        OutputError: it cannot be written, or a new file exists already.
    """
    data = dump_document(document).encode()
    if read_digest is not None:
        _check_unchanged(path, document, read_digest)
    with atomic_output(path, force=force or read_digest is not None) as partial:
        partial.write_bytes(data)
        if read_digest is not None:
            with contextlib.suppress(OSError):  # some file systems have no modes
                partial.chmod(path.stat().st_mode & 0o777)
    return _digest(data)


def _check_unchanged(path: Path, document: ProjectDocument, read_digest: str) -> None:
    try:
        data = _read_file(path)
    except InputError as error:
        raise ConflictError(f"{error}; it was there when it was opened") from None
    if _digest(data) == read_digest:
        return
    others: list[Change] = []
    with contextlib.suppress(UnicodeDecodeError, InputError, UsageError):
        known = {(c.revision, c.at, c.by, c.do) for c in document.history}
        current = parse_document(path, data.decode("utf-8-sig")).history
        others = [c for c in current if (c.revision, c.at, c.by, c.do) not in known]
    made = ", ".join(f"{c.do} by {c.by} (revision {c.revision})" for c in others[-3:])
    raise ConflictError(
        f"{path}: was changed since it was opened: {made or 'edited by hand'}; nothing was "
        "written; open it again and repeat the change"
    )


@contextlib.contextmanager
def lock_project(path: Path) -> Iterator[None]:
    """Lock a project against other processes that change it; the lock lies in the cache directory.

    Raises:
        BusyError: another process holds the lock for `LOCK_TIMEOUT_S`.
        OutputError: the directory cannot be written.
    """
    lock = _acquire_lock(path, cache_path(path))
    try:
        yield
    finally:
        lock.release()


def _acquire_lock(path: Path, cache: Path) -> FileLock:
    if path.parent.is_dir() and not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: cannot be changed: {path.parent} is read-only")
    while True:
        try:
            cache.mkdir(exist_ok=True)
            lock = FileLock(cache / _LOCK_FILE, timeout=LOCK_TIMEOUT_S)
            lock.acquire()
        except Timeout:
            raise BusyError(
                f"{path}: another process is changing this project; try again when it is finished"
            ) from None
        except FileNotFoundError:
            if not path.parent.is_dir():
                raise InputError(f"{path}: no such file") from None
            continue  # the cache was removed meanwhile
        except OSError as error:
            raise OutputError(f"{path}: {describe_os_error(error)}") from None
        if (cache / _LOCK_FILE).exists():
            return lock
        lock.release()  # the lock file belongs to a directory that was removed meanwhile


def _read_file(path: Path) -> bytes:
    check_url(path)
    check_not_special(path)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
