"""What a server needs for itself alone: its data directory and its port."""

from __future__ import annotations

import contextlib
import errno
import socket
from typing import TYPE_CHECKING

from vidcolor.errors import OutputError, UsageError
from vidcolor.studio.jobs.locks import lock_data_dir

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BACKLOG = 256


@contextlib.contextmanager
def locked_data_dir(path: Path) -> Iterator[None]:
    """Make the data directory, and keep other servers from using it during the block.

    Raises:
        OutputError: the directory cannot be made or written.
        BusyError: another server uses it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)
        lock = lock_data_dir(path)
    except FileExistsError:
        raise OutputError(f"{path}: is a file; choose another --data") from None
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be used for data ({error.strerror}); choose another --data"
        ) from error
    try:
        yield
    finally:
        lock.release()


def bind_socket(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address.

    Raises:
        UsageError: the port is in use, or the address does not belong to this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise UsageError(f"--host: {host}: is not an address ({error.strerror})") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise UsageError(
                f"port {port} is in use; choose another --port, or 0 for any free one"
            ) from None
        raise UsageError(f"{host}:{port}: cannot listen there ({error.strerror})") from None
    listener.set_inheritable(False)
    return listener
