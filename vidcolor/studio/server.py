"""The process of the server: it listens, runs the application, and stops without losing work."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import uvicorn

from vidcolor.studio.app import create_app
from vidcolor.studio.compute.spawning import ignore_current_directory
from vidcolor.studio.logs import open_log
from vidcolor.studio.security.connections import make_protocol
from vidcolor.studio.security.requests import MAX_HEADER_BYTES
from vidcolor.system import reduce_heap_fragmentation

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from vidcolor.studio.discovery import Source
    from vidcolor.studio.services import Services
    from vidcolor.studio.settings import StudioSettings

DRAIN_SECONDS = 20
"""Time that requests have to finish when the server stops, in seconds."""


class StudioServer(uvicorn.Server):
    """Announces that it stops before it waits for requests, so that streams of events end."""

    def __init__(self, config: uvicorn.Config, services: Services) -> None:
        super().__init__(config)
        self._services = services

    async def on_tick(self, counter: int) -> bool:
        """Return whether to stop."""
        if self.should_exit:
            self._services.begin_draining()
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Stop at a signal. That is the usual way to stop, so it is not raised again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = [signal.SIGINT, signal.SIGTERM]
        if hasattr(signal, "SIGHUP"):
            numbers.append(signal.SIGHUP)  # the terminal was closed
        handlers = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Stop after the requests have finished; at the second signal, at once."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True


def run_server(
    settings: StudioSettings,
    listener: socket.socket,
    sources: Sequence[Source],
    *,
    print_log: bool = False,
) -> None:
    """Run a server until a signal stops it.

    Args:
        settings: those of the server, with its final port. The caller has locked its data.
        listener: socket that listens.
        sources: photos and films of the command line.
        print_log: whether the log is also printed on standard error.
    """
    # Otherwise the memory grows under load although its use is constant: about 25 threads handle
    # parts of uploads and lists, and what they free stays in the heaps, 2 MiB more every minute.
    reduce_heap_fragmentation()
    ignore_current_directory()
    open_log(settings.data_dir, also_print=print_log)
    app = create_app(settings, sources)
    config = uvicorn.Config(
        app,
        http=make_protocol(settings),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    StudioServer(config, app.state.services).run(sockets=[listener])
