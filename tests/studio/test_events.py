"""Events: the log, its readers, and the stream of server-sent events."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from vidcolor.studio import events as events_module
from vidcolor.studio.database import Database
from vidcolor.studio.errors import LimitError
from vidcolor.studio.events import (
    KEEP_ROWS,
    MAX_WAITING,
    Event,
    EventLog,
    ReplayError,
    stream_events,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.helpers.studio_server import StudioProcess

PUBLISH_CODE = """
import sys; from pathlib import Path
from vidcolor.studio.database import Database
from vidcolor.studio.events import EventLog
EventLog(Database(Path(sys.argv[1]))).publish("photo", {"id": "from-worker", "revision": 1})
"""


class CountingDatabase(Database):
    """Counts how often the thread of the log uses the database."""

    num_uses = 0

    @property
    def connection(self) -> Any:
        """The connection of this thread."""
        self.num_uses += threading.current_thread().name == "events"
        return super().connection


@pytest.fixture
def database(tmp_path: Path) -> CountingDatabase:
    return CountingDatabase(tmp_path / "studio.db")


@pytest.fixture
def log(database: CountingDatabase) -> EventLog:
    return EventLog(database)


def run(log: EventLog, test: Callable[[], Awaitable[None]]) -> None:
    """Run a coroutine while the log passes events on."""

    async def run_test() -> None:
        log.start()
        try:
            async with asyncio.timeout(60):
                await test()
        finally:
            await log.close()

    asyncio.run(run_test())


def accept_all(event: Event) -> bool:
    return True


async def read_stream(log: EventLog, client: str, after: int | None, count: int) -> list[str]:
    """Return the first blocks of a stream, split into events."""
    blocks: list[str] = []
    stream = stream_events(log, client, after, heartbeat_s=0.2)
    async for chunk in stream:
        blocks += [block for block in chunk.decode().split("\n\n") if block]
        if len(blocks) >= count:
            await stream.aclose()
    return blocks


def test_events_of_this_and_of_other_processes_arrive(
    log: EventLog, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        monkeypatch.setattr(
            events_module, "POLL_S", 600
        )  # those of this process do not wait for a poll
        with log.subscribe(accept_all) as subscription:
            log.publish("photo", {"id": "ü", "revision": 3}, "c")
            event = await subscription.next(30)
            assert event is not None
            monkeypatch.undo()
            log.notify()
            assert (event.type, event.client, event.data) == (
                "photo", "c", {"id": "ü", "revision": 3},
            )  # fmt: skip
            command = [sys.executable, "-c", PUBLISH_CODE, str(database.path)]
            await asyncio.to_thread(subprocess.run, command, check=True)
            event = await subscription.next(5)
            assert event is not None
            assert event.data["id"] == "from-worker"

    run(log, test)


def test_event_appears_with_its_transaction_only(log: EventLog, database: Database) -> None:
    with pytest.raises(RuntimeError), database.transaction():
        log.publish("film", {"id": "rolled-back"})
        raise RuntimeError
    with database.transaction():
        log.publish("film", {"id": "committed"})
    assert [event.data["id"] for event in log.read(0, 100)] == ["committed"]


def test_stream_has_only_events_of_its_client(log: EventLog) -> None:
    async def test() -> None:
        task = asyncio.create_task(read_stream(log, "a", None, 4))
        while not log.num_subscriptions:
            await asyncio.sleep(0.01)
        for client in ("b", "a", None):
            log.publish("job", {"id": str(client)}, client)
        await asyncio.sleep(0.25)
        log.publish("deleted", {"id": "x"})
        blocks = await task
        assert blocks[0] == "retry: 2000\nid: 0\nevent: ready\ndata: {}"
        assert blocks[1] == 'id: 2\nevent: job\ndata: {"id":"a"}'
        assert blocks[2] == 'id: 3\nevent: job\ndata: {"id":"None"}'
        assert set(blocks[3:]) <= {":", 'id: 4\nevent: deleted\ndata: {"id":"x"}'}
        assert log.num_subscriptions == 0

    run(log, test)


def test_stream_sends_heartbeats_and_ends_when_the_server_drains(log: EventLog) -> None:
    async def test() -> None:
        task = asyncio.create_task(read_stream(log, "a", None, 10_000))
        await asyncio.sleep(0.5)
        log.publish("film", {"id": "last"})
        log.drain()
        blocks = await asyncio.wait_for(task, 5)
        assert blocks.count(":") >= 1
        assert (await read_stream(log, "a", None, 10_000))[0].endswith("event: ready\ndata: {}")

    run(log, test)


def test_reader_that_reconnects_misses_nothing(log: EventLog, database: Database) -> None:
    async def test() -> None:
        for number in range(1, 6):
            log.publish("photo", {"id": str(number)}, "a" if number % 2 else "b")
        blocks = await read_stream(log, "a", 2, 3)
        assert blocks == [
            "retry: 2000\nid: 2\nevent: ready\ndata: {}",
            'id: 3\nevent: photo\ndata: {"id":"3"}',
            'id: 5\nevent: photo\ndata: {"id":"5"}',
        ]
        # A number of another database, or one whose successors were removed.
        assert "event: reset" in (await read_stream(log, "a", 99, 1))[0]
        database.connection.execute("DELETE FROM events WHERE seq < 4")
        assert "id: 5\nevent: reset" in (await read_stream(log, "a", 2, 1))[0]
        assert "event: ready" in (await read_stream(log, "a", 3, 1))[0]

    run(log, test)


def test_old_events_are_removed(
    log: EventLog, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as connection:
        connection.executemany(
            "INSERT INTO events (at, type, data) VALUES (?, 'photo', '{}')",
            [(time.time(),)] * (KEEP_ROWS + 300),
        )
    for _ in range(200):
        last = log.publish("photo", {})
    num_rows = database.connection.execute("SELECT count(*) FROM events").fetchone()[0]
    assert KEEP_ROWS <= num_rows < KEEP_ROWS + 200
    with pytest.raises(ReplayError):
        log.read(1, last)
    monkeypatch.setattr(events_module, "KEEP_SECONDS", -1)
    for _ in range(200):
        log.publish("photo", {})
    assert database.connection.execute("SELECT count(*) FROM events").fetchone()[0] < 200


def test_many_readers_do_not_read_the_database_more_often(
    log: EventLog, database: CountingDatabase
) -> None:
    async def test() -> None:
        uses: list[int] = []
        received = 0
        for num_readers in (1, 100):
            tasks = [
                asyncio.create_task(read_stream(log, "a", None, 21)) for _ in range(num_readers)
            ]
            while log.num_subscriptions < num_readers:
                await asyncio.sleep(0.01)
            before = database.num_uses
            for number in range(20):
                log.publish("photo", {"id": str(number)})
                await asyncio.sleep(0.01)
            for blocks in await asyncio.gather(*tasks):
                received += sum("event: photo" in block for block in blocks)
            uses.append(database.num_uses - before)
        assert received >= 101 * 19
        assert uses[1] <= uses[0] + 20
        await asyncio.sleep(0.3)
        idle = database.num_uses
        await asyncio.sleep(0.5)
        assert database.num_uses == idle  # without readers

    run(log, test)


def test_slow_reader_is_disconnected(log: EventLog) -> None:
    async def test() -> None:
        with log.subscribe(accept_all) as subscription:
            for number in range(MAX_WAITING + 50):
                log.publish("photo", {"id": str(number)})
            received = 0
            await asyncio.sleep(0.5)
            while await subscription.next(5) is not None:
                received += 1
            assert MAX_WAITING < received < MAX_WAITING + 50 + 1
            assert await subscription.next(5) is None

    run(log, test)


def test_number_of_readers_of_a_client_is_limited(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "MAX_SUBSCRIPTIONS_OF_CLIENT", 1)

    async def test() -> None:
        log.check_room("a")
        with log.subscribe(accept_all, "a"):
            with pytest.raises(LimitError, match="close some"):
                log.check_room("a")
            log.check_room("b")
        log.check_room("a")

    run(log, test)


def test_stream_over_http(shared_studio_server: StudioProcess) -> None:
    server = shared_studio_server
    with server.client() as client:
        with client.stream("GET", "/api/events") as response:
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")
            assert response.headers["x-accel-buffering"] == "no"
            assert "no-cache" in response.headers["cache-control"]
            lines = response.iter_lines()
            assert next(lines).startswith("retry: ")
            number = int(next(lines).partition("id: ")[2])
            log = EventLog(Database(server.data_dir / "studio.db"))
            log.publish("photo", {"id": "a", "revision": 1}, "other client")
            log.publish("photo", {"id": "b", "revision": 1}, "api")
            while "data" not in (line := next(lines)) or "{}" in line:
                pass
            assert line == 'data: {"id":"b","revision":1}'
        missed = client.stream("GET", "/api/events", headers={"Last-Event-ID": str(number)})
        with missed as response:
            text = ""
            for chunk in response.iter_text():
                text += chunk
                if '"b"' in text:
                    break
            assert '"a"' not in text
        wrong = client.get("/api/events", headers={"Last-Event-ID": "x"})
        assert wrong.status_code == 400
    assert httpx.get(f"{server.base_url}/api/events").status_code in (401, 403)
