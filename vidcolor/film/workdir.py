"""The work directory of a film: its analysis and its finished segments until they are joined.

::

    reel.color.mp4.vidcolor/     beside the result, or below --work-dir
        lock                      locked by the process that renders
        plan.json                 fingerprints, analysis, index of overlays; see `film.resume`
        overlays.bin              color that hints and references give to frames
        segments/00000/000/       video.mp4, confidence.mp4 or numbered images of a part
        segments/00000/done.json  written last: sizes and digests of the files of all parts
        segments/00001.partial/   finished parts of an unfinished segment; see `film.parts`
        progress.json             for `vidcolor status`
        published.json            the files that have their final names
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from filelock import FileLock, Timeout
from pydantic import with_config

from vidcolor.errors import BusyError, OutputError
from vidcolor.fileio import (
    MAX_NAME_BYTES,
    atomic_output,
    check_target_url,
    describe_os_error,
    sha256_file,
    shorten_name,
    temporary_path,
)
from vidcolor.schema import STORED, dump_json, load_json
from vidcolor.system import fsync_path
from vidcolor.uncertainty import ShotUncertainty

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

SUFFIX = ".vidcolor"
"""Suffix of work directories."""
PLAN_FILE = "plan.json"
"""Name of the file with a `film.resume.SavedPlan`."""
PROGRESS_FILE = "progress.json"
"""Name of the file with a `ProgressRecord`."""
_LOCK, _PUBLISHED = "lock", "published.json"
_SEGMENTS, _DONE, _PARTIAL = "segments", "done.json", ".partial"
_LOCK_TIMEOUT_S = 0.5
"""Time to wait for the lock, in seconds. It is not 0, because `is_locked` also takes the lock."""


def work_path(target: Path, root: Path | None) -> Path:
    """Return the path of a result's work directory: in `root`, or else beside the result."""
    suffix = SUFFIX
    if root is not None:
        check_target_url(root)
        # The digest distinguishes results of the same name in different directories.
        absolute = os.fsencode(target.parent.resolve() / target.name)
        suffix = f"-{hashlib.sha256(absolute).hexdigest()[:8]}{SUFFIX}"
    name = shorten_name(target.name, MAX_NAME_BYTES - len(suffix))  # that of "." is empty
    return (root or target.parent) / f"{name}{suffix}"


def is_work_dir(path: Path) -> bool:
    """Return whether a path is a work directory."""
    return path.name.endswith(SUFFIX) and path.is_dir() and (path / _LOCK).exists()


@with_config(STORED)
@dataclass(frozen=True, slots=True)
class ProgressRecord:
    """The progress of the current stage, for `vidcolor status`."""

    source: str
    """Absolute path of the source."""
    stage: str
    """See `Progress.stage`."""
    started_s: float
    """Start of the stage, in seconds since 1970."""
    updated_s: float
    """Time of this record, in seconds since 1970."""
    first: int = 0
    """Value of `done` at the first report: frames of a resumed run do not count as its speed."""
    done: int = 0
    """Number of finished frames in this stage."""
    total: int | None = None
    """Number of frames in this stage; None if unknown."""


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """The part of a saved plan that is read from plans of any version."""

    source: str | None = None
    num_segments: int | None = None
    fingerprint: dict[str, Any] = field(default_factory=dict)


@with_config(STORED)
@dataclass(frozen=True, slots=True)
class SegmentResult:
    """The files of a finished segment or part, and the warnings and statistics of its frames."""

    reorder_depths: dict[str, int]
    """Depth of frame reordering in each film, by name; see `media.concat.measure_reordering`."""
    files: dict[str, tuple[int, str]]
    """Size in bytes and SHA-256 of each file, by its path below the directory."""
    warnings: tuple[str, ...] = ()
    uses_source_color: bool | None = None
    """Whether any color of the source was kept; None if the source's color was ignored."""
    shot_uncertainty: tuple[ShotUncertainty, ...] = ()
    """Uncertainty of each shot; empty if the generator has no confidence."""


@dataclass(slots=True)
class WorkDir:
    """One work directory. Every method that changes it requires `locked`."""

    path: Path
    _is_removed: bool = False
    """True after `remove`. The path may then belong to another process."""

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Create and lock the directory. The system releases the lock when the process exits.

        Raises:
            BusyError: another process holds the lock.
            OutputError: the directory cannot be created.
        """
        lock = self._acquire_lock()
        self._is_removed = False
        try:
            yield
        finally:
            # After a removal, another process may already have created a directory of this name.
            is_empty = not self._is_removed and self._is_empty()
            if is_empty:
                self.remove()
            lock.release()
            if is_empty and not self._is_removed:  # on Windows; see `remove`
                with contextlib.suppress(OSError):
                    (self.path / _LOCK).unlink(missing_ok=True)
                    self.path.rmdir()

    def _is_empty(self) -> bool:
        with contextlib.suppress(FileNotFoundError):  # deleted by the user meanwhile
            return {entry.name for entry in self.path.iterdir()} <= {_LOCK}
        return False

    def _acquire_lock(self) -> FileLock:
        """Create the directory and lock it, even if another process removes it meanwhile."""
        while True:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                lock = FileLock(self.path / _LOCK, timeout=_LOCK_TIMEOUT_S)
                lock.acquire()
            except Timeout:
                raise BusyError(
                    f"{self.path}: in use by another process; wait until it is finished"
                ) from None
            except FileNotFoundError:
                continue  # another process has just removed the directory
            except OSError as error:
                if isinstance(error, FileExistsError) and not self.path.is_file():
                    continue  # another process has removed the directory during the call
                raise OutputError(f"{self.path}: {describe_os_error(error)}") from error
            if (self.path / _LOCK).exists():
                return lock
            lock.release()  # the lock file belongs to a directory that was removed meanwhile

    def is_locked(self) -> bool:
        """Return whether a process holds the lock."""
        lock = FileLock(self.path / _LOCK, timeout=0)
        try:
            lock.acquire()
        except (Timeout, OSError):
            return True
        # If the directory was removed meanwhile, the lock has created it again.
        with contextlib.suppress(OSError):
            if self._is_empty():
                (self.path / _LOCK).unlink()
                self.path.rmdir()
        lock.release()
        return False

    # Files

    def read(self, name: str, model: type[T]) -> T | None:
        """Return the validated content of a JSON file; None if it is missing or damaged."""
        return _read_json(self.path / name, model)

    def write(self, name: str, value: object, model: type | None = None) -> None:
        """Save a value of a type that `read` can validate as a JSON file, atomically."""
        with atomic_output(self.path / name) as partial:
            partial.write_text(dump_json(value, model), "utf-8")

    def reset(self) -> None:
        """Remove the plan and all segments."""
        if self._is_removed or not self.path.exists():
            return
        for entry in list(self.path.iterdir()):
            if entry.name != _LOCK:
                _delete(entry)

    # Segments

    def segment_dir(self, number: int) -> Path:
        """Return the directory of a finished segment."""
        return self.path / _SEGMENTS / f"{number:05d}"

    def create_segment_dir(self, number: int) -> Path:
        """Create a directory for a segment's parts; `commit` renames it when all are finished.

        Finished parts of an interrupted run stay in it.
        """
        folder = self._partial_dir(number)
        folder.mkdir(parents=True, exist_ok=True)
        _remove_unfinished_parts(folder)
        return folder

    def _partial_dir(self, number: int) -> Path:
        return self.segment_dir(number).with_suffix(_PARTIAL)

    def commit(self, number: int, result: SegmentResult) -> None:
        """Turn the directory from `create_segment_dir` into a finished segment, atomically."""
        commit_folder(self.segment_dir(number), result)

    def read_result(self, number: int, verify: bool = True) -> SegmentResult | None:
        """Return the result of a segment; None if it is unfinished or damaged.

        `verify` compares sizes and digests of its files; otherwise they may be missing.
        """
        return _read_result(self.segment_dir(number), verify)

    def finished_segments(self) -> set[int]:
        """Return the numbers of all committed segments, without verifying their files."""
        with contextlib.suppress(OSError):
            names = [p.name for p in (self.path / _SEGMENTS).iterdir()]
            return {int(n) for n in names if n.isdigit()}
        return set()

    def verify_parts(self, number: int) -> tuple[int, bool]:
        """Compare the finished parts of an unfinished segment with their digests.

        Damaged parts and those after them are removed.

        Returns:
            The number of finished parts, and whether any was damaged.
        """
        folder = self._partial_dir(number)
        paths = [part_dir(folder, n) for n in range(len(finished_parts(folder)))]
        for n, path in enumerate(paths):
            if _read_result(path, verify=True) is None:
                for damaged in paths[n:]:
                    _delete(damaged)
                return n, True
        return len(paths), False

    def has_finished_work(self) -> bool:
        """Return whether any segment or part is finished."""
        with contextlib.suppress(OSError):
            for entry in (self.path / _SEGMENTS).iterdir():
                if entry.name.isdigit() or finished_parts(entry):
                    return True
        return False

    def remove_incomplete(self) -> None:
        """Remove segments and parts that were not committed."""
        with contextlib.suppress(OSError):
            for entry in list((self.path / _SEGMENTS).iterdir()):
                if entry.suffix == _PARTIAL:
                    _remove_unfinished_parts(entry)
                    if not any(entry.iterdir()):
                        _delete(entry)

    # Publication of the result

    def mark_published(self, target: Path, partial: Path | None = None) -> None:
        """Record that a result is about to get its final name, which cannot be undone.

        `partial` is a film under its temporary name; None for an image sequence.
        """
        stamp = [] if partial is None else _stat_file(partial)
        published = {**self._read_published(), str(target.absolute()): stamp}
        self.write(_PUBLISHED, published, dict[str, list[int]])

    def is_published(self, target: Path) -> bool:
        """Return whether `target` is the film, or an image sequence, that was recorded."""
        stamp = self._read_published().get(str(target.absolute()))
        with contextlib.suppress(OSError):
            return stamp == [] or (stamp is not None and stamp == _stat_file(target))
        return False

    def _read_published(self) -> dict[str, list[int]]:
        return self.read(_PUBLISHED, dict[str, list[int]]) or {}

    def remove(self) -> None:
        """Remove the directory. It is renamed first, so that it disappears atomically."""
        trash = temporary_path(self.path)
        _delete(trash)
        try:
            self.path.replace(trash)
        except PermissionError:  # Windows does not rename a directory whose lock file is open
            self.reset()
            return
        except FileNotFoundError:
            pass
        self._is_removed = True
        _delete(trash)

    # Progress

    def write_progress(self, progress: ProgressRecord) -> None:
        """Save the progress for `vidcolor status`; errors are ignored."""
        with contextlib.suppress(OSError):
            # A rename, so that `vidcolor status` never reads half a file. It is not synced, because
            # it need not survive a crash.
            partial = self.path / f".{PROGRESS_FILE}"
            partial.write_text(dump_json(progress), "utf-8")
            partial.replace(self.path / PROGRESS_FILE)


def part_dir(folder: Path, number: int) -> Path:
    """Return the directory of a finished part in the directory of its segment."""
    return folder / f"{number:03d}"


def finished_parts(folder: Path) -> list[SegmentResult]:
    """Return the finished parts of a segment, without verifying their files."""
    results: list[SegmentResult] = []
    while (result := _read_result(part_dir(folder, len(results)), verify=False)) is not None:
        results.append(result)
    return results


def create_folder(final: Path) -> Path:
    """Create an empty directory, which `commit_folder` will rename to `final`."""
    folder = final.with_suffix(_PARTIAL)
    _delete(folder)
    folder.mkdir(parents=True)
    return folder


def commit_folder(final: Path, result: SegmentResult) -> None:
    """Store the result in the directory that will be `final`, and rename it, atomically."""
    partial = final.with_suffix(_PARTIAL)
    (partial / _DONE).write_text(dump_json(result), "utf-8")
    fsync_path(partial / _DONE)
    fsync_path(partial)
    # A directory can be renamed to the name of an empty directory only.
    _delete(final)
    partial.replace(final)
    fsync_path(final.parent)


def _remove_unfinished_parts(folder: Path) -> None:
    """Remove everything from the directory of an unfinished segment except its finished parts."""
    names = {part_dir(folder, number).name for number in range(len(finished_parts(folder)))}
    for entry in list(folder.iterdir()):
        if entry.name not in names:
            _delete(entry)


def _read_result(folder: Path, verify: bool) -> SegmentResult | None:
    """Return the result in a committed directory; see `WorkDir.read_result`."""
    result = _read_json(folder / _DONE, SegmentResult)
    if result is None or not verify:
        return result
    with contextlib.suppress(OSError):
        for name, (size, digest) in result.files.items():
            path = folder / name
            if path.stat().st_size != size or sha256_file(path) != digest:
                return None
        return result
    return None


def _stat_file(path: Path) -> list[int]:
    """Return values that a rename does not change: inode, size and modification time."""
    status = path.stat()
    return [status.st_ino, status.st_size, status.st_mtime_ns]


def _read_json(path: Path, model: type[T]) -> T | None:
    """Return the validated content of a JSON file; None if it is missing or damaged."""
    try:
        return load_json(model, path.read_bytes())
    except (OSError, ValueError):
        return None


def _delete(path: Path) -> None:
    """Delete a file or a directory if it exists; errors are ignored."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
