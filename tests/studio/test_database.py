"""Connections to the database, which belong to threads."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from vidcolor.studio.database import Database

if TYPE_CHECKING:
    from pathlib import Path


def connect_in_thread(database: Database) -> sqlite3.Connection:
    """Return the connection of a thread that has ended."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: database.connection).result()


def test_threads_that_run_have_connections_of_their_own(tmp_path: Path) -> None:
    database, barrier = Database(tmp_path / "studio.db"), threading.Barrier(4)

    def connect(_: int) -> sqlite3.Connection:
        barrier.wait()
        assert database.connection is database.connection
        return database.connection

    with ThreadPoolExecutor(4) as pool:
        connections = list(pool.map(connect, range(4)))
    assert len({id(connection) for connection in (database.connection, *connections)}) == 5


def test_connection_of_a_thread_that_has_ended_is_used_again(tmp_path: Path) -> None:
    database = Database(tmp_path / "studio.db")
    first = connect_in_thread(database)
    assert first is not database.connection
    assert all(connect_in_thread(database) is first for _ in range(20))
    assert first.execute("SELECT count(*) FROM jobs").fetchone()[0] == 0


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO photo_changes VALUES ('no photo', 0, 0, '', '')",  # the commit fails
        "INSERT OR ROLLBACK INTO links VALUES (NULL, NULL)",  # ends the transaction, as a full disk
    ],
)
def test_failed_transaction_leaves_a_usable_connection(statement: str, tmp_path: Path) -> None:
    database = Database(tmp_path / "studio.db")

    def fail() -> None:
        with database.transaction() as connection:
            connection.execute("PRAGMA defer_foreign_keys = ON")
            connection.execute("INSERT INTO links VALUES ('a', 0)")
            connection.execute(statement)

    with pytest.raises(sqlite3.IntegrityError):
        fail()
    with database.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM links").fetchone()[0] == 0
