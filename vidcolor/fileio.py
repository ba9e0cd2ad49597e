"""File input and output: checks of targets, atomic output, durable writes, text and hashes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import InputError, OutputError, UsageError
from vidcolor.system import (
    ERROR_SHARING_VIOLATION,
    extend_path,
    fsync_path,
    is_process_running,
    is_reserved_name,
    normalize_path,
    replace_file,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_TEMPORARY_NAME = re.compile(r"^\..*\.vidcolor(\d+)\.partial")
_URL = re.compile(r"([a-z][a-z0-9+.-]+:)/+(.+)", re.IGNORECASE)
_STANDARD_STREAM = re.compile(r"-|(pipe|fd):\d*", re.IGNORECASE)
MAX_NAME_BYTES = 255
"""Maximum length of a file name on common file systems."""
_MAX_STEM_BYTES = 200
"""Maximum length of a file name inside a temporary name."""

_DIGEST_BYTES = 1 << 20
"""Number of bytes at each end of a file that `compute_source_digest` reads."""
MAX_TEXT_BYTES = 16 << 20
"""Maximum size of a hint file, job list or shot list."""
TRAINING_RUN_SUFFIX = ".train"
"""Suffix of a training run's directory, which lies beside its weights."""
_TRAINING_RUN_ENTRIES = ("photographs.csv", "log.jsonl", "checkpoint.pt", "cache")


def is_training_run(path: Path) -> bool:
    """Return whether a directory belongs to a training run.

    The images in such a directory are plots and sheets, which are not to be colorized.
    """
    has_entry = any((path / name).exists() for name in _TRAINING_RUN_ENTRIES)
    return path.suffix == TRAINING_RUN_SUFFIX and has_entry


# Checks of inputs and outputs


def check_source(path: Path) -> None:
    """Check that a path is an existing file or directory.

    Raises:
        InputError: it does not exist, is a URL, is a pipe, device or socket, or its directory may
            not be read.
    """
    check_url(path)
    try:
        exists = path.exists()
    except OSError as error:  # of the permissions of a directory
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if not exists:
        raise InputError(f"{path}: no such file")
    check_not_special(path)


def check_url(path: Path) -> None:
    """Check that a path is neither a URL nor a name of standard input.

    Raises:
        InputError: it is one, and no file has this name.
    """
    if _is_standard_stream(path):
        raise InputError(f"{path}: vidcolor reads files; write standard input to a file first")
    if (url := _find_url(path)) and url.lower().startswith("file:"):
        raise InputError(f"{path}: is a URL; name the file by its path")
    if url:
        raise InputError(f"{url}: vidcolor reads files; download it first")


def check_target_url(path: Path) -> None:
    """Check that the path of an output is neither a URL nor a name of standard output.

    Raises:
        UsageError: it is one, and no file has this name.
    """
    if _is_standard_stream(path):
        raise UsageError(f"{path}: vidcolor writes files, not standard output; name a path")
    if url := _find_url(path):
        raise UsageError(f"{url}: vidcolor writes files; name a path")


def _is_standard_stream(path: Path) -> bool:
    """Return whether a path is what other programs call standard input or output."""
    return bool(_STANDARD_STREAM.fullmatch(str(path))) and not path.exists()


def _find_url(path: Path) -> str | None:
    """Return the URL that a path was made from and that lost a slash; None if it is a file."""
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    match = _URL.match(path.as_posix())
    return f"{match[1]}//{match[2]}" if match and not path.exists() else None


def join_path(folder: Path, text: str) -> Path:
    """Return a path that a file in `folder` names, such as a job list.

    Raises:
        InputError: the text is a URL.
    """
    check_url(Path(text))
    return folder / text


def check_not_special(path: Path) -> None:
    """Check that a path is not a pipe, device or socket, which could block forever.

    Raises:
        InputError: it is one of them.
    """
    if _is_special(path):
        raise InputError(f"{path}: is a pipe, device or socket; save its data to a file first")


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


def check_target(target: Path, sources: Iterable[Path], force: bool) -> None:
    """Check that an output file can be written without loss of a source or an existing file.

    Missing parent directories are created.

    Raises:
        UsageError: the target is a source (by any name or link), a directory, a pipe, device or
            socket, a name that Windows reserves, a URL, or a file that exists although `force` is
            not set.
        OutputError: its name is too long, or its directory cannot be created or is not writable.
    """
    for source in sources:
        if is_same_file(source, target):
            raise UsageError(f"{target}: is the source itself; choose another output")
    check_target_url(target)
    if is_reserved_name(target.name):
        raise UsageError(f"{target}: Windows does not allow this file name; choose another output")
    path = extend_path(target)
    try:
        is_directory = path.is_dir()
    except OSError as error:  # such as a name that is too long
        raise OutputError(f"{target}: {describe_os_error(error)}") from error
    if is_directory:
        raise UsageError(f"{target}: is a directory; name a file in it or use --out-dir")
    if _is_special(path):
        raise UsageError(f"{target}: is a pipe, device or socket; write to a file")
    if path.exists() and not force:
        raise UsageError(f"{target}: already exists; choose another name or use --force")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        file = next((p for p in target.parents if extend_path(p).is_file()), target.parent)
        raise OutputError(f"{file}: is a file and no directory; choose another output") from error
    except OSError as error:
        raise OutputError(f"{target.parent}: cannot be created ({error.strerror})") from error
    if not os.access(path.parent, os.W_OK | os.X_OK) or not _can_create_file(path.parent):
        raise OutputError(f"{target.parent}: is not writable; choose another directory")


def compute_source_digest(paths: Sequence[Path]) -> str:
    """Return a digest that identifies the files of a source: 32 hex digits.

    It covers the sizes of all files, and the first and last MiB of the first and last file, because
    reading a film completely would take long.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.stat().st_size} ".encode())
    for path in dict.fromkeys((paths[0], paths[-1])):
        with path.open("rb") as file:
            digest.update(file.read(_DIGEST_BYTES))
            file.seek(max(file.tell(), path.stat().st_size - _DIGEST_BYTES))
            digest.update(file.read(_DIGEST_BYTES))
    return digest.hexdigest()[:32]


def compute_content_digest(path: Path) -> str:
    """Return a digest of all bytes of a file: 32 hex digits.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def check_confidence_target(path: Path, source: Path, target: Path, force: bool) -> None:
    """Check the target of a confidence map, which must not be the target of the result.

    Raises:
        UsageError, OutputError: see `check_target`.
    """
    if is_same_file(path, target):
        raise UsageError(f"{path}: is also the output; choose another name for --confidence")
    check_target(path, [source], force)


def check_suffix(path: Path, suffixes: Iterable[str], kind: str) -> None:
    """Check the suffix of an output; `kind` is its kind in the message.

    Raises:
        UsageError: the suffix is not supported.
    """
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"{path}: unknown {kind} format; use {', '.join(suffixes)}")


def check_inputs_not_overwritten(inputs: Iterable[Path], outputs: Iterable[Path]) -> None:
    """Check that no output would overwrite an input such as a hint file or a reference.

    Raises:
        UsageError: an input and an output are the same file, by any name or link.
    """
    outputs = list(outputs)
    for path in inputs:
        for target in outputs:
            if is_same_file(path, target):
                raise UsageError(
                    f"{target}: is also an input of this command; choose another output"
                )


def is_same_file(a: Path, b: Path) -> bool:
    """Return whether two paths refer to the same file, or are equal if one does not exist."""
    try:
        return a.samefile(b)
    except OSError:
        return normalize_path(a) == normalize_path(b)


def get_file_identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode number, which identify a file; None if it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _can_create_file(directory: Path) -> bool:
    """Try to create a file, because mount options and ACLs can forbid what mode bits permit."""
    probe = directory / f".vidcolor-{os.getpid()}.probe"
    try:
        probe.touch()
        probe.unlink(missing_ok=True)  # another thread may have probed the same directory
    except OSError as error:
        # A full disk is reported when the output is written, together with the space it needs.
        return error.errno == errno.ENOSPC
    return True


# Reading


def read_text(path: Path, description: str, decoding_errors: str = "strict") -> str:
    """Read a small text file that a person has written.

    Args:
        path: UTF-8, with or without a byte order mark.
        description: kind of file for messages, for example ``a hint file``.
        decoding_errors: ``replace`` to read text of other encodings of which only ASCII matters.

    Raises:
        InputError: the file cannot be read, is larger than `MAX_TEXT_BYTES`, or is not text.
    """
    check_url(path)
    if not path.is_relative_to("/dev/fd") and path != Path("/dev/stdin"):  # a shell writes to these
        check_not_special(path)
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise InputError(f"{path}: too large for {description}; check the file name")
        return path.read_text(encoding="utf-8-sig", errors=decoding_errors)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(
            f"{path}: not a text file; {description} is JSON or CSV, encoded as UTF-8"
        ) from None


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits, reading it in blocks.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# Atomic output


@contextlib.contextmanager
def atomic_output(
    target: Path, force: bool = True, before_rename: Callable[[Path], None] | None = None
) -> Iterator[Path]:
    """Provide a temporary path beside `target` and rename it when the block succeeds.

    The data is flushed to the disk before the rename. After a power failure, the result is
    therefore either complete or missing. If the block fails, the temporary file is removed.
    Temporary files of killed processes are removed as well.

    Args:
        force: replace a file that exists at that time; otherwise fail.
        before_rename: called with the temporary path when the file is complete.

    Raises:
        OutputError: the disk is full, the system refuses the write, or another process created the
            target meanwhile.
    """
    final = extend_path(target)
    partial = temporary_path(final)
    remove_stale_temporaries_once(final.parent)
    try:
        yield partial
        fsync_path(partial)
        if before_rename is not None:
            before_rename(partial)
        publish(partial, final, force)
        fsync_path(final.parent)
    except FileExistsError as error:
        raise OutputError(
            f"{target}: was created by another process; choose another name or use --force"
        ) from error
    except OSError as error:
        raise OutputError(f"{target}: {describe_os_error(error)}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def publish(partial: Path, target: Path, force: bool) -> None:
    """Rename a finished file to its final name atomically.

    Raises:
        FileExistsError: the target exists and `force` is not set.
        OSError: the system refuses; `errno.EXDEV` if the paths are on different file systems.
    """
    if not force:
        try:
            os.link(partial, target)  # unlike a rename, this fails if the target exists
        except FileExistsError:
            raise
        except OSError:
            if target.exists():  # the file system has no hard links
                raise FileExistsError(errno.EEXIST, "exists", str(target)) from None
        else:
            return
    replace_file(partial, target)


def describe_os_error(error: OSError) -> str:
    """Return a message about a failed write, with advice if the cause is known."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; free some space and run the same command again"
    if getattr(error, "winerror", None) == ERROR_SHARING_VIOLATION:
        return "is open in another program; close it there and run the same command again"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "cannot be written here (no permission, or a read-only file system)"
    if error.errno == errno.ENAMETOOLONG:
        return "the name is too long for this file system; choose a shorter output name"
    return f"cannot be written ({error.strerror or error})"


# Temporary names


def temporary_path(path: Path) -> Path:
    """Return the hidden path of a file or directory until it is complete.

    The name contains the process id. If this process is killed, a later one removes the file; see
    `remove_stale_temporaries`.
    """
    name = shorten_name(path.name, _MAX_STEM_BYTES)
    return path.with_name(f".{name}.vidcolor{os.getpid()}.partial")


def shorten_name(name: str, max_bytes: int) -> str:
    """Return a file name, or its digest of 64 characters if it has more bytes than `max_bytes`."""
    encoded = os.fsencode(name)
    return name if len(encoded) <= max_bytes else hashlib.sha256(encoded).hexdigest()


def remove_stale_temporaries(directory: Path) -> None:
    """Remove temporary files and directories of processes that no longer run."""
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            match = _TEMPORARY_NAME.search(entry.name)
            if not match or is_process_running(int(match[1])):
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    (directory / entry.name).unlink()


remove_stale_temporaries_once = lru_cache(maxsize=256)(remove_stale_temporaries)
"""Does so once per directory, because listing 100,000 frames is slow."""
