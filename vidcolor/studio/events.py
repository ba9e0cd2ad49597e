"""Events: what changed, from every process of a studio to every browser that listens.

Events are rows in the database, so that a browser which reconnects receives what it missed, and
worker processes publish in the transaction that makes the change. One thread of the server reads
new rows and passes them on, however many browsers listen.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vidcolor.studio.errors import LimitError, UnavailableError
from vidcolor.studio.logs import log_exception

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from vidcolor.studio.database import Database

    Accept = Callable[["Event"], bool]

KEEP_SECONDS = 600.0
"""Time for which events are kept, in seconds."""
KEEP_ROWS = 10_000
"""Number of events that are kept."""
POLL_S = 0.1
"""Interval at which the events of other processes are read while a browser listens, in seconds."""
MAX_WAITING = 1000
"""Number of events that may wait for a slow reader. It is then disconnected, and may resume."""
MAX_SUBSCRIPTIONS, MAX_SUBSCRIPTIONS_OF_CLIENT = 1000, 200
"""Number of readers at a time, of all clients and of one."""
HEARTBEAT_S = 15.0
"""Time without events after which a comment is sent, in seconds, so that proxies do not close the
connection, and the server notices readers that have gone."""
RETRY_MS = 2000
"""Time after which a browser reconnects, in milliseconds."""
FAILURE_PAUSE_S = 1.0
"""Time after which events are read again when the database could not be read, in seconds."""
_PRUNE_INTERVAL = 200
"""Number of events between two removals of old ones."""
_BATCH = 1000


class ReplayError(Exception):
    """Events that a reader missed were removed, so that it must read the current state instead."""


@dataclass(frozen=True)
class Event:
    """One event. The data are encoded once, however many browsers receive them."""

    seq: int
    """Number of the event; later events have greater numbers."""
    type: str
    """What changed: ``job``, ``photo``, ``film``, ``upload`` or ``deleted``."""
    client: str | None
    """Client that may see the event; None for all."""
    text: str
    """Data as JSON on one line."""

    @cached_property
    def data(self) -> dict[str, Any]:
        """The data of the event."""
        data: dict[str, Any] = json.loads(self.text)
        return data

    @cached_property
    def frame(self) -> bytes:
        """The event in the format of server-sent events."""
        return f"id: {self.seq}\nevent: {self.type}\ndata: {self.text}\n\n".encode()


@dataclass(eq=False)
class Subscription:
    """Receives the events that one reader accepts. Belongs to the event loop that made it."""

    accept: Accept
    client: str | None
    """Client that reads; None for the server itself."""
    loop: asyncio.AbstractEventLoop
    start: int
    """Number of the last event before the subscription."""
    _queue: asyncio.Queue[Event | None] = field(default_factory=asyncio.Queue)
    _has_ended: bool = False

    async def next(self, timeout: float | None = None) -> Event | None:
        """Return the next event, or None if the subscription has ended.

        Raises:
            TimeoutError: no event within `timeout` seconds.
        """
        if self._has_ended and self._queue.empty():
            return None
        return await asyncio.wait_for(self._queue.get(), timeout)

    def take(self) -> list[Event]:
        """Return the events that wait."""
        events = []
        while not self._queue.empty():
            event = self._queue.get_nowait()
            if event is None:
                self._queue.put_nowait(None)
                break
            events.append(event)
        return events

    def put(self, events: list[Event]) -> None:
        """Pass events on; runs in the event loop."""
        if self._has_ended:
            return
        for event in events:
            if self.accept(event):
                self._queue.put_nowait(event)
        if self._queue.qsize() > MAX_WAITING:
            self.end()

    def end(self) -> None:
        """End the subscription after the events that wait; runs in the event loop."""
        if not self._has_ended:
            self._has_ended = True
            self._queue.put_nowait(None)


class EventLog:
    """Publishes events in any process, and passes them on in the server. Thread-safe."""

    def __init__(self, database: Database) -> None:
        """Use the table of a database; only `publish` works before `start`."""
        self._database = database
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._subscriptions: set[Subscription] = set()
        self._last = 0
        """Number of the last event that was passed on; requires the lock."""
        self._is_closed = False
        self._is_draining = False
        self._thread: threading.Thread | None = None

    # Any process

    def publish(self, type: str, data: dict[str, Any], client: str | None = None) -> int:
        """Store an event, in the open transaction of this thread if there is one.

        Args:
            type: see `Event.type`.
            data: JSON values.
            client: the only client that may see the event; None for all.

        Returns:
            The number of the event.
        """
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        connection = self._database.connection
        cursor = connection.execute(
            "INSERT INTO events (at, client, type, data) VALUES (?, ?, ?, ?)",
            (time.time(), client, type, text),
        )
        seq = cursor.lastrowid or 0
        if seq % _PRUNE_INTERVAL == 0:
            self._prune(connection, seq)
        self.notify()
        return seq

    def publish_revision(self, type: str, item_id: str, revision: int, client: str | None) -> None:
        """Store that a photo or film has a revision; see `publish`."""
        self.publish(type, {"id": item_id, "revision": revision}, client)

    def notify(self) -> None:
        """Pass events on at once; called after a transaction that has published some."""
        self._wake.set()

    @staticmethod
    def _prune(connection: sqlite3.Connection, seq: int) -> None:
        connection.execute(
            "DELETE FROM events WHERE seq <= ? OR at < ?",
            (seq - KEEP_ROWS, time.time() - KEEP_SECONDS),
        )

    # Server

    def start(self) -> None:
        """Start passing events on to subscriptions."""
        self._thread = threading.Thread(target=self._pass_on, name="events", daemon=True)
        self._thread.start()

    def drain(self) -> None:
        """End all subscriptions, and every new one at once, because the server stops."""
        self._is_draining = True
        with self._lock:
            for subscription in self._subscriptions:
                _call_in_loop(subscription, subscription.end)

    async def close(self) -> None:
        """End all subscriptions and the thread."""
        self.drain()
        self._is_closed = True
        self._wake.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    @property
    def num_subscriptions(self) -> int:
        """Number of readers."""
        return len(self._subscriptions)

    def check_room(self, client: str) -> None:
        """Check that one more reader is served.

        Raises:
            UnavailableError: there are too many readers.
            LimitError: the client has too many.
        """
        with self._lock:
            clients = [subscription.client for subscription in self._subscriptions]
        if len(clients) >= MAX_SUBSCRIPTIONS:
            raise UnavailableError("the server has too many readers of events; try again later")
        if clients.count(client) >= MAX_SUBSCRIPTIONS_OF_CLIENT:
            raise LimitError(
                f"this client reads events {MAX_SUBSCRIPTIONS_OF_CLIENT} times at once; close some"
            )

    @contextlib.contextmanager
    def subscribe(self, accept: Accept, client: str | None = None) -> Iterator[Subscription]:
        """Receive new events in the running event loop.

        Args:
            accept: returns whether the reader receives an event.
            client: client that reads, for `check_room`; None for the server itself.
        """
        loop = asyncio.get_running_loop()
        with self._lock:
            if not self._subscriptions:
                self._last = self._find_newest()
            subscription = Subscription(accept, client, loop, self._last)
            self._subscriptions.add(subscription)
        try:
            if self._is_draining:
                subscription.end()
            self._wake.set()  # the thread polls from now on
            yield subscription
        finally:
            with self._lock:
                self._subscriptions.discard(subscription)

    def read(self, after: int, until: int) -> list[Event]:
        """Return the events after one number and up to another.

        Raises:
            ReplayError: some of them were removed.
        """
        row = self._database.connection.execute("SELECT min(seq) AS seq FROM events").fetchone()
        oldest = until + 1 if row["seq"] is None else row["seq"]
        if after > until or after < oldest - 1:
            raise ReplayError("events were removed; read the current state")
        return self._read(after, until - after)

    def _find_newest(self) -> int:
        # Not max(seq): the newest row may have been removed.
        row = self._database.connection.execute(
            "SELECT seq FROM sqlite_sequence WHERE name = 'events'"
        ).fetchone()
        return row["seq"] if row else 0

    def _read(self, after: int, limit: int) -> list[Event]:
        rows = self._database.connection.execute(
            "SELECT seq, type, client, data FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
            (after, limit),
        )
        return [Event(row["seq"], row["type"], row["client"], row["data"]) for row in rows]

    def _pass_on(self) -> None:
        while not self._is_closed:
            self._wake.wait(POLL_S if self._subscriptions else None)
            self._wake.clear()
            try:
                self._pass_on_batch()
            except sqlite3.Error as error:  # a thread that ended would silence all browsers
                log_exception("events-not-read", error)
                time.sleep(FAILURE_PAUSE_S)

    def _pass_on_batch(self) -> None:
        with self._lock:
            if not self._subscriptions:
                return
            events = self._read(self._last, _BATCH)
            if not events:
                return
            self._last = events[-1].seq
            for subscription in self._subscriptions:
                _call_in_loop(subscription, subscription.put, events)
        if len(events) == _BATCH:
            self._wake.set()


async def stream_events(
    events: EventLog, client: str, after: int | None = None, heartbeat_s: float = HEARTBEAT_S
) -> AsyncIterator[bytes]:
    """Yield the events that a client may see in the format of server-sent events.

    The first event is ``ready``, or ``reset`` if events after the given one were removed.

    Args:
        events: source of the events.
        client: client that reads.
        after: number of the last event that the client knows; None for new events only.
        heartbeat_s: time without events after which a comment is sent, in seconds.
    """

    def is_visible(event: Event) -> bool:
        return event.client is None or event.client == client

    with events.subscribe(is_visible, client) as subscription:
        first, missed = "ready", list[Event]()
        if after is not None:
            try:
                missed = await asyncio.to_thread(events.read, after, subscription.start)
            except ReplayError:
                first = "reset"
        number = subscription.start if after is None or first == "reset" else after
        yield f"retry: {RETRY_MS}\nid: {number}\nevent: {first}\ndata: {{}}\n\n".encode()
        if missed:
            yield b"".join(event.frame for event in missed if is_visible(event))
        while True:
            try:
                event = await subscription.next(heartbeat_s)
            except TimeoutError:
                yield b":\n\n"
                continue
            if event is None:
                return
            yield b"".join(each.frame for each in (event, *subscription.take()))


def _call_in_loop(subscription: Subscription, function: Callable[..., None], *args: Any) -> None:
    with contextlib.suppress(RuntimeError):  # the loop of the reader was closed
        subscription.loop.call_soon_threadsafe(function, *args)
