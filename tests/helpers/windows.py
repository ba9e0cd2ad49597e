"""The rules of Windows for files and processes, simulated on Linux.

`simulate` changes `os`, `signal` and `vidcolor.system` of this process for good, so it runs in a
process of its own (`spawn_windows`). Which files are open is read from /proc, so that handles of
FFmpeg, OpenCV and mapped memory count too, and those of child processes.

- Directories cannot be opened, and read-only handles cannot be flushed.
- A file that is open cannot be renamed, replaced or deleted, nor can a directory that contains it.
- A directory cannot replace another one. There are no hard or symbolic links.
- SIGKILL, SIGHUP, os.getuid, os.fork and the affinity of processes do not exist.
- Reserved names and paths of more than 259 characters without prefix are refused.
- The console has the code page 1252.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import io
import multiprocessing.popen_fork
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.helpers.cli_runs import start_process

REPOSITORY = Path(__file__).parents[2]
VARIABLE = "SIMULATE_WINDOWS"
PREFIX = "\\\\?\\"
MAX_PATH = 260
LINK_ERROR, ACCESS_DENIED, SHARING_VIOLATION, INVALID_NAME, TOO_LONG = 1, 5, 32, 123, 206

_MAIN = """
from tests.helpers.windows import simulate
simulate()
from vidcolor.cli import main
main()
"""
_real_listdir, _real_readlink = os.listdir, os.readlink


def spawn_windows(*arguments: object, cwd: Path) -> subprocess.Popen[str]:
    """Start the command in a process that simulates Windows."""
    return run_windows(_MAIN, *arguments, cwd=cwd)


def run_windows(code: str, *arguments: object, cwd: Path) -> subprocess.Popen[str]:
    """Start Python code in a new process with a console of code page 1252.

    Worker processes of `multiprocessing` simulate Windows too; see `tests/helpers/windows_site`.
    """
    site = Path(__file__).with_name("windows_site")
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(site), str(REPOSITORY))),
        "PYTHONIOENCODING": "cp1252",
        VARIABLE: "1",
    }
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return start_process(command, cwd, {"env": env, "encoding": "cp1252"})


def simulate() -> None:
    """Change this process; see the module."""
    from vidcolor import system

    number = signal.SIGKILL
    multiprocessing.popen_fork.Popen.kill = lambda self: self._send_signal(number)
    for module, names in (
        (os, ("getuid", "fork", "sched_getaffinity", "sched_setaffinity")),
        (signal, ("SIGKILL", "SIGHUP")),
    ):
        for name in names:
            delattr(module, name)
    system.IS_WINDOWS = system.IGNORES_CASE = True  # type: ignore[misc]
    system.EXTERNAL_SIGNALS = frozenset({signal.SIGTERM})
    shutil._use_fd_functions = False  # type: ignore[attr-defined]
    for name in ("stat", "lstat", "mkdir", "scandir", "access", "listdir", "chmod", "utime"):
        setattr(os, name, _translate(getattr(os, name)))
    os.open = _translate(_refuse_directories(os.open))
    io.open = _translate(io.open)
    os.fsync = _refuse_read_only(os.fsync)
    os.unlink = os.remove = _translate(_refuse_open_files(os.unlink))
    os.rmdir = _translate(_refuse_open_files(os.rmdir))
    os.replace = os.rename = _translate(
        _refuse_open_files(_refuse_directory_targets(os.replace)), 2
    )
    os.link = os.symlink = _refuse_links


def open_paths(pids: tuple[int, ...] = ()) -> set[str]:
    """Return the paths that this process and its children have open or mapped."""
    paths: set[str] = set()
    for pid in pids or (os.getpid(), *_list_children()):
        folder = f"/proc/{pid}/fd"
        with contextlib.suppress(OSError):
            for entry in _real_listdir(folder):
                with contextlib.suppress(OSError):
                    paths.add(_real_readlink(f"{folder}/{entry}"))
        with contextlib.suppress(OSError), open(f"/proc/{pid}/maps", encoding="utf-8") as maps:  # noqa: PTH123
            paths |= {line.split(maxsplit=5)[-1].strip() for line in maps if "/" in line}
    return paths


def _list_children() -> Iterator[int]:
    for task in _real_listdir("/proc/self/task"):
        with (
            contextlib.suppress(OSError),
            open(f"/proc/self/task/{task}/children", encoding="ascii") as file,  # noqa: PTH123
        ):
            yield from map(int, file.read().split())


def make_error(code: int, number: int, path: object) -> OSError:
    """Return the exception that Python raises on Windows for an error code of the system."""
    error = OSError(number, f"Windows error {code}", str(path))
    error.winerror = code
    return error


def _translate(function: Callable[..., Any], num_paths: int = 1) -> Callable[..., Any]:
    """Check the names in paths and remove the prefix of long paths."""

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        paths = map(_translate_path, arguments[:num_paths])
        return function(*paths, *arguments[num_paths:], **options)

    return call


def _translate_path(argument: Any) -> Any:
    from vidcolor.system import is_reserved_name

    if not isinstance(argument, str | os.PathLike):
        return argument
    path = os.fspath(argument)
    if not isinstance(path, str) or path.startswith(("/dev/", "/proc/")):
        return argument
    if path.startswith(PREFIX):
        return path.removeprefix(PREFIX)
    name = os.path.basename(path)  # noqa: PTH119
    if is_reserved_name(name) and name not in (".", ".."):
        raise make_error(INVALID_NAME, errno.EINVAL, path)
    if len(os.path.abspath(path)) >= MAX_PATH:  # noqa: PTH100
        raise make_error(TOO_LONG, errno.ENOENT, path)
    return argument


def _refuse_directories(function: Callable[..., int]) -> Callable[..., int]:
    def call(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        is_anonymous = flags & os.O_TMPFILE == os.O_TMPFILE  # a temporary file in the directory
        if not isinstance(path, int) and os.path.isdir(path) and not is_anonymous:  # noqa: PTH112
            raise make_error(ACCESS_DENIED, errno.EACCES, path)
        return function(path, flags, *arguments, **options)

    return call


def _refuse_read_only(function: Callable[[int], None]) -> Callable[[int], None]:
    def call(handle: int) -> None:
        if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        function(handle)

    return call


def _refuse_open_files(function: Callable[..., None]) -> Callable[..., None]:
    def call(*paths: Any, **options: Any) -> None:
        opened = open_paths()
        for path in paths:
            real = os.path.realpath(path)
            if any(name == real or name.startswith(f"{real}/") for name in opened):
                raise make_error(SHARING_VIOLATION, errno.EACCES, path)
        function(*paths, **options)

    return call


def _refuse_directory_targets(function: Callable[..., None]) -> Callable[..., None]:
    def call(source: Any, target: Any) -> None:
        if os.path.isdir(target):  # noqa: PTH112
            raise make_error(ACCESS_DENIED, errno.EACCES, target)
        function(source, target)

    return call


def _refuse_links(source: Any, target: Any, *_: Any, **__: Any) -> None:
    raise make_error(LINK_ERROR, errno.EINVAL, target)
