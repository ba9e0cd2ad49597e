"""The work directory of a film: its plan and its finished segments, kept until the film is joined.

::

    reel.color.mp4.vidcolor/     beside the result, or below --work-dir
        lock                      held by whoever is at work
        plan.json                 what was wanted, what was seen, what was decided
        pins.f16                  a person's hints, led through the film
        segments/00000/           picture.mp4, confidence.mp4 or numbered pictures
        segments/00000/done.json  written last: sizes and digests of the files beside it
        progress.json             for `vidcolor status`
        placed.json               which files have been given their final names
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from vidcolor.digests import sha256_file
from vidcolor.errors import BusyError, OutputError
from vidcolor.fileio import atomic_output, clear_leftovers, describe_os_error, leftover_name, sync
from vidcolor.film.segment import Rendered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SUFFIX = ".vidcolor"
"""Ends the name of a work directory."""
_PLAN, _LOCK, _PROGRESS, _PLACED, _DONE = (
    "plan.json", "lock", "progress.json", "placed.json", "done.json",
)  # fmt: skip
_SEGMENTS = "segments"
_PATIENCE_S = 0.5
"""Seconds to wait for a claim: somebody may only have looked whether there is one."""
_BEING_MADE = ".partial"


def work_path(target: Path, root: Path | None) -> Path:
    """Where a result's work directory is.

    Args:
        target: the result.
        root: the directory of all work directories; None for beside the result.
    """
    if root is None:
        return target.with_name(f"{target.name}{SUFFIX}")
    whole = os.fsencode(target.parent.resolve() / target.name)
    return root / f"{target.name}-{hashlib.sha256(whole).hexdigest()[:8]}{SUFFIX}"


def is_work_dir(path: Path) -> bool:
    """Whether a directory is a work directory."""
    return path.name.endswith(SUFFIX) and path.is_dir() and (path / _LOCK).exists()


def find_work_dirs(folder: Path) -> list[Path]:
    """All work directories at and below a folder, in order of their names."""
    if is_work_dir(folder):
        return [folder]
    found = []
    for place, folders, _ in os.walk(folder):
        here = folder.__class__(place)
        found += [here / name for name in folders if is_work_dir(here / name)]
        folders[:] = [name for name in folders if not name.endswith(SUFFIX)]
    return sorted(found)


@dataclass(frozen=True, slots=True)
class WorkState:
    """How far the work in a directory is."""

    path: Path
    source: str | None
    """None, like what follows, where it died before that was written."""
    target: str | None
    is_running: bool
    stage: str
    """Of `Progress`: what is being done, or was when it ended."""
    done: int
    """Frames of that stage."""
    total: int | None
    speed: float
    """Frames a second."""
    segments_done: int
    num_segments: int | None
    bytes: int
    """On the disk."""
    changed_s: float
    """When it last moved, in seconds since 1970."""


@dataclass(slots=True)
class WorkDir:
    """One work directory; what changes it needs `claimed`."""

    path: Path
    _is_removed: bool = False

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Be the only one at work in it. The system lets go of the claim of whoever dies.

        Raises:
            BusyError: somebody else is.
            OutputError: it cannot be made.
        """
        lock = self._lock()
        self._is_removed = False
        try:
            yield
        finally:
            if not self._is_removed:  # or what is called so now is somebody else's
                with contextlib.suppress(FileNotFoundError):  # a person may have deleted it
                    if {entry.name for entry in self.path.iterdir()} <= {_LOCK}:
                        self.remove()
            lock.release()

    def _lock(self) -> FileLock:
        while True:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                lock = FileLock(self.path / _LOCK, timeout=_PATIENCE_S)
                lock.acquire()
            except Timeout:
                raise BusyError(
                    f"{self.path}: another vidcolor is at work there; wait until it is done"
                ) from None
            except FileNotFoundError:
                continue  # its owner has just removed it
            except OSError as error:
                raise OutputError(f"{self.path}: {describe_os_error(error)}") from error
            if (self.path / _LOCK).exists():
                return lock
            lock.release()  # what was locked is the lock of a directory that has been removed

    def is_claimed(self) -> bool:
        """Whether somebody is at work in it now."""
        lock = FileLock(self.path / _LOCK, timeout=0)
        try:
            lock.acquire()
        except (Timeout, OSError):
            return True
        lock.release()
        return False

    # the plan

    def read_plan(self) -> dict[str, Any] | None:
        """What was written as plan; None if there is none, or none that can be read."""
        return self._read(_PLAN)

    def write_plan(self, plan: dict[str, Any]) -> None:
        """Keep a plan; what there is of segments is thought to be of it from now on."""
        self._write(_PLAN, plan)

    def begin_anew(self) -> None:
        """Forget the plan and all that was made by it."""
        if self._is_removed or not self.path.exists():
            return
        for entry in list(self.path.iterdir()):
            if entry.name != _LOCK:
                _delete(entry)

    # segments

    def folder(self, number: int) -> Path:
        """Where a finished segment lies."""
        return self.path / _SEGMENTS / f"{number:05d}"

    def place_to_render(self, number: int) -> Path:
        """An empty folder in which a segment is made; see `adopt`."""
        folder = self.folder(number).with_suffix(_BEING_MADE)
        _delete(folder)
        folder.mkdir(parents=True)
        return folder

    def adopt(self, number: int, rendered: Rendered) -> None:
        """Count what was made in `place_to_render` as done."""
        made, final = self.folder(number).with_suffix(_BEING_MADE), self.folder(number)
        _write_json(made / _DONE, rendered.to_json())
        sync(made)
        _delete(final)
        made.replace(final)
        sync(final.parent)

    def record(self, number: int, verify: bool = True) -> Rendered | None:
        """What became of a segment; None if it is not done, or not what it was any more.

        Args:
            number: of the segment.
            verify: whether to compare its files with sizes and digests; else they may be gone.
        """
        folder = self.folder(number)
        said = _read_json(folder / _DONE)
        try:
            rendered = Rendered.from_json(said or {})
            for name, (size, digest) in rendered.files.items() if verify else ():
                path = folder / name
                if path.stat().st_size != size or sha256_file(path) != digest:
                    return None
        except (ValueError, KeyError, TypeError, OSError):
            return None
        return rendered

    def recorded(self) -> set[int]:
        """Numbers of the segments that say that they are done."""
        with contextlib.suppress(OSError):
            names = [p.name for p in (self.path / _SEGMENTS).iterdir()]
            return {int(n) for n in names if n.isdigit()}
        return set()

    def clear_unfinished(self) -> None:
        """Remove segments that somebody died over."""
        with contextlib.suppress(OSError):
            for entry in list((self.path / _SEGMENTS).iterdir()):
                if entry.suffix == _BEING_MADE:
                    _delete(entry)

    # the end

    def write_placed(self, made: Path, final: Path) -> None:
        """Note that a finished file is about to be given its name, as that cannot be undone.

        Args:
            made: the file as it is called now.
            final: as it will be called.
        """
        marks = self._read(_PLACED) or {}
        self._write(_PLACED, {**marks, str(final.absolute()): _mark(made)})

    def placed(self, final: Path) -> bool:
        """Whether a file is the one that was noted so."""
        mark = (self._read(_PLACED) or {}).get(str(final.absolute()))
        try:
            return mark is not None and _mark(final) == mark
        except OSError:
            return False

    def write_placing(self, pattern: Path) -> None:
        """Note that numbered pictures are about to be moved to their places."""
        marks = self._read(_PLACED) or {}
        self._write(_PLACED, {**marks, str(pattern.absolute()): []})

    def placing(self, pattern: Path) -> bool:
        """Whether that was noted."""
        return (self._read(_PLACED) or {}).get(str(pattern.absolute())) == []

    def remove(self) -> None:
        """Remove it, in one step as far as others can see."""
        grave = leftover_name(self.path)
        _delete(grave)
        self._is_removed = True
        with contextlib.suppress(FileNotFoundError):
            self.path.replace(grave)
            _delete(grave)

    # for those who watch

    def tell(self, progress: dict[str, Any]) -> None:
        """Write how far the work is; whatever hinders that does not hinder the work."""
        with contextlib.suppress(OSError):
            partial = self.path / f".{_PROGRESS}"
            partial.write_text(json.dumps(progress), "utf-8")
            partial.replace(self.path / _PROGRESS)

    def state(self) -> WorkState:
        """What is known of it, whoever is at work in it."""
        plan, told = self.read_plan() or {}, self._read(_PROGRESS) or {}
        settings = plan.get("settings") or {}
        return WorkState(
            path=self.path,
            source=plan.get("source") or told.get("source"),
            target=settings.get("target"),
            is_running=self.is_claimed(),
            stage=str(told.get("stage", "look")),
            done=int(told.get("done", 0)),
            total=told.get("total"),
            speed=_speed(told),
            segments_done=len(self.recorded()),
            num_segments=plan.get("num_segments"),
            bytes=self.size(),
            changed_s=float(told.get("at", self.path.stat().st_mtime)),
        )

    def size(self) -> int:
        """Bytes of all its files."""
        total = 0
        with contextlib.suppress(FileNotFoundError):  # it goes on while we look
            for path in self.path.rglob("*"):
                if path.is_file():
                    total += path.stat().st_size
        return total

    def _read(self, name: str) -> dict[str, Any] | None:
        return _read_json(self.path / name)

    def _write(self, name: str, said: dict[str, Any]) -> None:
        with atomic_output(self.path / name) as partial:
            _write_json(partial, said)


def remove_stale(folders: Iterable[Path]) -> None:
    """Remove what processes that died left in folders where results and work directories lie."""
    for folder in folders:
        if folder.is_dir():
            clear_leftovers(folder)


def _speed(told: dict[str, Any]) -> float:
    """Frames a second, of what `tell` wrote."""
    took = float(told.get("at", 0)) - float(told.get("began", 0))
    return (int(told.get("done", 0)) - int(told.get("first") or 0)) / took if took > 0 else 0.0


def _mark(path: Path) -> list[int]:
    """What a file keeps when it is given another name."""
    status = path.stat()
    return [status.st_ino, status.st_size, status.st_mtime_ns]


def _write_json(path: Path, said: dict[str, Any]) -> None:
    with path.open("w", encoding="utf-8") as file:
        json.dump(said, file)
        file.flush()
        os.fsync(file.fileno())


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        said = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) else None


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
