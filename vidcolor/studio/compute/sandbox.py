"""Limits of processes that decode files of strangers: memory, CPU time, file size, no network.

Everything here is a second line of defense: decoders refuse oversized images before they allocate
memory, and open nothing but the file itself.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vidcolor.studio.settings import StudioSettings

GIB = 1 << 30
MAX_FILE_BYTES = 256 << 20
"""Maximum size of a file that the compute process writes, in bytes."""
BASE_MEMORY = 6 * GIB
"""Memory of the networks and their activations, and of caches."""
BYTES_PER_PIXEL = 24
"""Memory for each pixel of a photo while it is decoded and composed, in bytes."""
MAX_MEMORY_SHARE = 0.75
"""Maximum share of the memory of the machine that one process may use."""

_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC = 1, 1
_ALLOWED_FAMILIES = (1, 16)
"""AF_UNIX, and AF_NETLINK, by which drivers find devices."""
_IO_URING_SETUP = 425
_MACHINES = {
    "x86_64": (0xC000003E, 41, 317),
    "aarch64": (0xC00000B7, 198, 277),
}
"""Audit number of the architecture, and the numbers of the system calls socket and seccomp."""
_RETURN_ALLOW, _RETURN_EACCES = 0x7FFF0000, 0x00050000 | 13


def get_total_memory() -> int:
    """Return the size of the memory of the machine, in bytes; 8 GiB where that is unknown."""
    if sys.platform != "win32":
        with suppress(OSError, ValueError):
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 8 * GIB


def choose_memory_limit(settings: StudioSettings) -> int:
    """Return the maximum memory of a process that decodes and colorizes photos, in bytes."""
    needed = BASE_MEMORY + BYTES_PER_PIXEL * settings.max_pixels
    return max(2 * GIB, min(needed, int(MAX_MEMORY_SHARE * get_total_memory())))


def limit_memory(size: int) -> None:
    """Make allocations fail that would exceed a size in bytes, as far as the system can."""
    if sys.platform == "win32":
        return
    import resource

    with suppress(ValueError, OSError):
        # Linux counts writable private memory only, which excludes address space that drivers of
        # GPUs and allocators reserve without using it.
        kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
        _lower_limit(kind, size)


def limit_files(size: int) -> None:
    """Limit the size of files that this process writes, in bytes, and write no core dumps."""
    if sys.platform == "win32":
        return
    import resource

    with suppress(ValueError, OSError):
        _lower_limit(resource.RLIMIT_FSIZE, size)
        _lower_limit(resource.RLIMIT_CORE, 0)


def limit_cpu_time(seconds: float | None) -> None:
    """End this process by SIGXCPU when it has used more CPU time from now on; None for no limit.

    The time of all threads counts.
    """
    if sys.platform == "win32":
        return
    import resource

    with suppress(ValueError, OSError):
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = hard
        if seconds is not None:
            usage = resource.getrusage(resource.RUSAGE_SELF)
            soft = int(usage.ru_utime + usage.ru_stime + seconds) + 1
            if hard != resource.RLIM_INFINITY:
                soft = min(soft, hard)
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)


def _lower_limit(kind: int, value: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, hard))


def deny_network() -> bool:
    """Refuse to open sockets other than local ones, for all threads of this process, for ever.

    On Linux the kernel refuses, also for native libraries. Elsewhere, and where the kernel cannot,
    only connections of Python code are refused.

    Returns:
        Whether the kernel refuses.
    """
    if sys.platform == "linux" and _install_filter():
        return True
    sys.addaudithook(_refuse_connection)
    return False


def _refuse_connection(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"):
        family = getattr(arguments[0], "family", None)
        if family is None or int(family) not in _ALLOWED_FAMILIES:
            raise PermissionError("network access is not allowed in this process")


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def _install_filter() -> bool:
    """Install a seccomp filter (see seccomp(2)); return whether that worked."""
    if platform.machine() not in _MACHINES or sys.byteorder != "little":
        return False
    architecture, socket_number, seccomp_number = _MACHINES[platform.machine()]
    code = _assemble_filter(architecture, socket_number)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    result: int = library.syscall(
        ctypes.c_long(seccomp_number),
        ctypes.c_uint(_SECCOMP_SET_MODE_FILTER),
        ctypes.c_uint(_SECCOMP_FILTER_FLAG_TSYNC),
        ctypes.byref(program),
    )
    return result == 0


def _assemble_filter(architecture: int, socket_number: int) -> bytes:
    """Return the instructions of the filter, 8 bytes each (struct sock_filter)."""
    load, jump_equal, jump_greater, give = 0x20, 0x15, 0x35, 0x06
    unix, netlink = _ALLOWED_FAMILIES
    # struct seccomp_data: number of the call at 0, architecture at 4, arguments from 16.
    rows = [
        (load, 0, 0, 4),
        (jump_equal, 0, 8, architecture),  # another ABI has other numbers
        (load, 0, 0, 0),
        (jump_greater, 6, 0, 0x40000000),  # the x32 ABI
        (jump_equal, 5, 0, _IO_URING_SETUP),  # it opens sockets without the call socket
        (jump_equal, 0, 3, socket_number),
        (load, 0, 0, 16),
        (jump_equal, 1, 0, unix),
        (jump_equal, 0, 1, netlink),
        (give, 0, 0, _RETURN_ALLOW),
        (give, 0, 0, _RETURN_EACCES),
    ]
    return b"".join(struct.pack("<HBBI", *row) for row in rows)
