"""What differs between operating systems: files, processes and cores.

Where possible, a function asks for a capability and not for the name of the system, so that
`tests/helpers/windows.py` can simulate the rules of Windows on any machine.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import gc
import getpass
import os
import platform
import re
import signal
import sys
import threading
import time
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, NoReturn

IS_WINDOWS = sys.platform == "win32"
IGNORES_CASE = sys.platform in ("win32", "darwin")
"""Whether two names that differ only in case or Unicode normalization are usually one file."""
EXTERNAL_SIGNALS = frozenset(
    getattr(signal, name) for name in ("SIGKILL", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Signals that other processes or the system send. A crash raises others, such as SIGSEGV."""

_ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION = 5, 32
"""Windows error codes. Another program has the file open if the second occurs."""
_UNSUPPORTED = (errno.EINVAL, errno.ENOTSUP)
"""Errors of file systems that cannot flush a file or directory."""
_REPLACE_DELAYS_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Delays between attempts to replace a file that another program has open, in seconds."""
_MALLOC_OPTIONS = (
    # Blocks of at least this size, in bytes, are returned to the system when they are freed. By
    # default, glibc raises this limit to the largest block that was ever freed; later blocks of
    # that size then leave holes in the heaps.
    (-3, 128 << 10),  # M_MMAP_THRESHOLD
    # By default, each thread has a heap of its own, up to eight for each core. What one thread has
    # freed is of no use to the others.
    (-8, 2),  # M_ARENA_MAX
)
"""Options and values of ``mallopt``, from ``malloc.h`` of the GNU C library."""
_WINDOWS_RESERVED = re.compile(
    r'(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[1-9¹²³])\s*(\..*)?$|.*[. ]$|.*[<>:"|?*\x00-\x1f]',
    re.IGNORECASE | re.DOTALL,
)
_MAX_WINDOWS_PATH = 160
"""Length from which paths are extended. Windows allows 260 characters, which must suffice for the
temporary names beside a result and for the files in its work directory."""


# Files


def fsync_path(path: Path) -> None:
    """Flush a file or directory to the disk, as far as the system can."""
    if path.is_dir():
        # Windows does not open directories, and NTFS writes their entries to its journal.
        with contextlib.suppress(PermissionError):
            _fsync(path, os.O_RDONLY)
        return
    try:
        _fsync(path, os.O_RDWR)  # Windows flushes writable handles only
    except PermissionError:  # a read-only file
        _fsync(path, os.O_RDONLY)


def _fsync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:  # some network file systems
            raise
    finally:
        os.close(handle)


def replace_file(source: Path, target: Path) -> None:
    """Rename a file or directory atomically; an existing target file is replaced.

    On Windows, a virus scanner or an indexer may have the file open for a moment. The rename is
    then repeated for at most two seconds.
    """
    for delay_s in _REPLACE_DELAYS_S:
        try:
            source.replace(target)
        except PermissionError as error:
            codes = (_ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION)
            if getattr(error, "winerror", None) not in codes:
                raise
            time.sleep(delay_s)
        else:
            return
    source.replace(target)


def is_reserved_name(name: str) -> bool:
    """Return whether Windows cannot store a file under this name, such as ``nul.mp4`` or ``a:b``.

    Always false on other systems.
    """
    return IS_WINDOWS and bool(_WINDOWS_RESERVED.match(name))


def extend_path(path: Path) -> Path:
    r"""Prefix a long path with ``\\?\`` on Windows, which then accepts up to 32,767 characters."""
    absolute = os.path.abspath(path)  # noqa: PTH100 - after the prefix, ".." is not resolved
    if not IS_WINDOWS or len(absolute) < _MAX_WINDOWS_PATH or absolute.startswith("\\\\?\\"):
        return path
    if absolute.startswith("\\\\"):
        return Path("\\\\?\\UNC\\" + absolute[2:])
    return Path("\\\\?\\" + absolute)


def normalize_path(path: Path) -> str:
    """Return an absolute path as text that is equal for all names of a file.

    Names differ in case on Windows and macOS, and in Unicode normalization on macOS.
    """
    text = str(path.absolute())
    return unicodedata.normalize("NFC", text).casefold() if IGNORES_CASE else text


# Processes


def is_process_running(pid: int) -> bool:
    """Return whether a process exists."""
    if sys.platform == "win32":  # os.kill(pid, 0) would send Ctrl-C there
        import ctypes

        query_limited_information, still_active = 0x1000, 259
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        handle = kernel.OpenProcess(query_limited_information, False, pid)
        if not handle:
            return ctypes.get_last_error() == _ERROR_ACCESS_DENIED
        code = ctypes.c_ulong()
        kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.CloseHandle(handle)
        return code.value == still_active
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # OverflowError: not a process ID
        return False
    except OSError:  # the process exists, but belongs to another user
        return True
    return True


def is_closed_pipe(error: OSError) -> bool:
    """Return whether a write failed because the reader of the pipe has exited, as in `| head`."""
    is_invalid = error.errno == errno.EINVAL and error.filename is None  # the error on Windows
    return isinstance(error, BrokenPipeError) or (IS_WINDOWS and is_invalid)


def ignore_stop_signals(*names: str) -> None:
    """Ignore signals, such as the Ctrl-C of a terminal, in a worker, which its parent ends."""
    for name in names:
        signal.signal(getattr(signal, name), signal.SIG_IGN)


def describe_exit(code: int) -> str:
    """Describe the exit code of a process of `multiprocessing`, e.g. "by SIGKILL"."""
    if code >= 0:
        return f"with exit code {code}"
    name = signal.Signals(-code).name
    memory = " (too little memory for this number of workers?)" if name == "SIGKILL" else ""
    return f"by {name}{memory}"


def get_user_id() -> str:
    """Return what distinguishes the users of a machine."""
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()


# Cores


def list_cores() -> list[int]:
    """Return the CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def bind_to_cores(cores: Sequence[int]) -> None:
    """Bind this process to CPU cores, where the system can (Linux)."""
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


@cache
def get_cpu_flags() -> frozenset[str]:
    """Return the x86 feature flags that Linux reports; empty on other machines and systems."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return frozenset()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())


# Interpreter and C library


def reduce_heap_fragmentation() -> None:
    """Keep the memory of a process small in which many threads use blocks of many sizes.

    Only has an effect with the GNU C library (most Linux systems), and only if the process has not
    started threads yet. Processes that it starts are not affected.
    """
    if sys.platform == "win32":
        return
    import ctypes

    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        for option, value in _MALLOC_OPTIONS:
            set_option(option, value)


@contextlib.contextmanager
def paused_garbage_collection() -> Iterator[None]:
    """Do not collect garbage while libraries load, and never scan what they have created.

    The collector would scan the modules of torch about 20 times while they load, and again when the
    process exits. That takes a third of the time of the import.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def exit_process(code: int) -> NoReturn:
    """End this process without freeing its objects one by one.

    With torch loaded, that takes as long as a tenth of its import. As usual, threads that are not
    daemons finish and functions that are registered for the exit run before. Under a profiler or
    a debugger, which continues after SystemExit, the process ends in the usual way.
    """
    if "torch" not in sys.modules or _is_observed():
        sys.exit(code)
    with contextlib.suppress(KeyboardInterrupt):
        threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


def _is_observed() -> bool:
    """Return whether a profiler, a debugger or an interactive session runs this program."""
    monitoring: Any = getattr(sys, "monitoring", None)  # Python 3.12; has six tools at most
    tools = () if monitoring is None else map(monitoring.get_tool, range(6))
    hooks = (sys.getprofile(), sys.gettrace(), *tools)
    return any(hook is not None for hook in hooks) or bool(sys.flags.inspect)
