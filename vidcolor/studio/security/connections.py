"""HTTP connections with a limited number, and a limited time for the headers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from vidcolor.studio.settings import StudioSettings


def make_protocol(settings: StudioSettings) -> type[asyncio.Protocol]:
    """Return the protocol of connections of uvicorn, with the limits of a server."""

    class LimitedProtocol(H11Protocol):
        """Closes connections beyond the limit, and those that send headers too slowly."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._header_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > settings.max_connections:
                transport.abort()
                return
            self._start_header_timer()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_header_timer()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                self._stop_header_timer()
            elif self._header_timer is None and not self.transport.is_closing():
                # The first bytes of a further request; uvicorn has stopped its own timer.
                self._start_header_timer()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.conn.trailing_data[0] and self._header_timer is None:
                self._start_header_timer()

        def _start_header_timer(self) -> None:
            self._header_timer = self.loop.call_later(settings.header_seconds, self._time_out)

        def _stop_header_timer(self) -> None:
            if self._header_timer is not None:
                self._header_timer.cancel()
                self._header_timer = None

        def _time_out(self) -> None:
            self._header_timer = None
            if not self.transport.is_closing():
                self.transport.close()

    return LimitedProtocol
