"""Results appear under their final name only when they are complete and on the disk."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
from functools import lru_cache
from typing import TYPE_CHECKING

from vidcolor.errors import InputError, OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_LEFTOVER = re.compile(r"^\..*\.vidcolor(\d+)\.partial")
_LONGEST_NAME = 200
"""Bytes of a file name that leave room for the marks of a temporary file (255 is usual)."""


LARGEST_TEXT = 16 << 20
"""Bytes of a file that a person has written."""
RUN_SUFFIX = ".train"
"""Ends the name of the folder that a training run keeps beside its weights."""
_OF_A_RUN = ("photographs.csv", "log.jsonl", "checkpoint.safetensors", "cache")


def is_run_folder(path: Path) -> bool:
    """Whether a folder is a training run's own, so that its plots and sheets are no sources."""
    return path.suffix == RUN_SUFFIX and any((path / name).exists() for name in _OF_A_RUN)


def check_target(target: Path, sources: Iterable[Path], force: bool) -> None:
    """Refuse a target that would destroy something, or that nobody could write.

    Raises:
        UsageError: it is a source (by any name or link), or exists and `force` is not set.
        OutputError: its directory does not exist and cannot be made, or is not writable.
    """
    for source in sources:
        if same_file(source, target):
            raise UsageError(f"{target}: is the source itself; name another output")
    if target.is_dir():
        raise UsageError(f"{target}: is a directory; name a file in it, or use --out-dir")
    if target.exists() and not force:
        raise UsageError(f"{target}: exists already; choose another name or say --force")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{target.parent}: cannot be made ({error.strerror})") from error
    if not os.access(target.parent, os.W_OK | os.X_OK) or not _can_create_in(target.parent):
        raise OutputError(f"{target.parent}: is not writable; choose another place for the output")


def text_of(path: Path, kind: str) -> str:
    """What a person has written into a small file.

    Args:
        path: UTF-8, with or without a byte order mark.
        kind: what it is, for messages: ``a list of hints``.

    Raises:
        InputError: it cannot be read, is larger than `LARGEST_TEXT`, or is no text.
    """
    try:
        if path.stat().st_size > LARGEST_TEXT:
            raise InputError(f"{path}: is too large for {kind}; is it the right file?")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no text; {kind} is JSON or CSV, saved as UTF-8") from None


def file_identity(path: Path) -> tuple[int, int] | None:
    """What two names of one file have in common; None if there is no such file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def check_companion(path: Path, source: Path, result: Path, force: bool) -> None:
    """`check_target` for a file that comes with a result and must be another one."""
    if same_file(path, result):
        raise UsageError(f"{path}: is the result itself; name another file for --confidence")
    check_target(path, [source], force)


def refuse_overwriting(read: Iterable[Path], written: Iterable[Path]) -> None:
    """Keep what is read beside the sources, hints and references, from being written.

    Raises:
        UsageError: a file of the one kind is one of the other, by any name or link.
    """
    written = list(written)
    for path in read:
        for target in written:
            if same_file(path, target):
                raise UsageError(f"{target}: is read by the same command; name another output")


def same_file(a: Path, b: Path) -> bool:
    """Whether two names are of one file, or would be."""
    try:
        return a.samefile(b)
    except OSError:
        return a.absolute() == b.absolute()


def _can_create_in(directory: Path) -> bool:
    """Whether a file can really be made there: mount options and ACLs know more than mode bits."""
    probe = directory / f".vidcolor-{os.getpid()}.probe"
    try:
        probe.touch()
        probe.unlink(missing_ok=True)  # another thread of ours may have asked the same
    except OSError as error:
        return error.errno == errno.ENOSPC  # said later, with what was lacking
    return True


@contextlib.contextmanager
def atomic_output(
    target: Path, force: bool = True, before: Callable[[Path], None] | None = None
) -> Iterator[Path]:
    """A temporary path beside `target`; renamed to it when the block ends well, else removed.

    What is written is flushed to the disk before the rename, so that even a power cut leaves
    either the whole result or none. Leftovers of processes that died are cleared away.

    Args:
        target: the final name.
        force: replace a file that has that name by then; else it stays, and this fails.
        before: called with the complete file just before it is given its name.

    Raises:
        OutputError: the disk is full, the system refuses the write, or somebody else made the
            target meanwhile.
    """
    partial = leftover_name(target)
    _clear_once(target.parent)
    try:
        yield partial
        sync(partial)
        if before is not None:
            before(partial)
        publish(partial, target, force)
        sync(target.parent)
    except FileExistsError as error:
        raise OutputError(
            f"{target}: was made by somebody else meanwhile and is left as it is; "
            "choose another name or say --force"
        ) from error
    except OSError as error:
        raise OutputError(f"{target}: {describe_os_error(error)}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def publish(partial: Path, target: Path, force: bool) -> None:
    """Give a finished file its name, in one step.

    Raises:
        FileExistsError: without `force`, a file has that name.
        OSError: the system refuses it; with `errno.EXDEV`, the two are on different disks.
    """
    if not force:
        try:
            os.link(partial, target)  # unlike a rename, it fails if there is one
        except FileExistsError:
            raise
        except OSError:
            if target.exists():  # a file system without hard links
                raise FileExistsError(errno.EEXIST, "exists", str(target)) from None
        else:
            return
    partial.replace(target)


def describe_os_error(error: OSError) -> str:
    """A system error as a phrase that says what to do where we know."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; make room and run the same command again"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "cannot be written here (no permission, or a read-only file system)"
    return f"cannot be written ({error.strerror or error})"


def sync(path: Path) -> None:
    """Flush a file or directory to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems
            raise
    finally:
        os.close(handle)


def _partial_stem(target: Path) -> str:
    """How the temporary files of a target begin; shorter than any file system's limit."""
    name = target.name
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return f".{name}"


def leftover_name(path: Path) -> Path:
    """What a file or folder is called as long as it must not be found under its name.

    If this process dies, another clears it away: see `clear_leftovers`.
    """
    return path.with_name(f"{_partial_stem(path)}.vidcolor{os.getpid()}.partial")


@lru_cache(maxsize=256)
def _clear_once(directory: Path) -> None:
    """`clear_leftovers`, once: a folder may hold 100,000 frames."""
    clear_leftovers(directory)


def clear_leftovers(directory: Path) -> None:
    """Remove what processes that died left in a directory."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(directory):
            match = _LEFTOVER.search(entry.name)
            if not match or _is_running(int(match[1])):
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    (directory / entry.name).unlink()


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
