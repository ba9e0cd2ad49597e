"""The SQLite database of the studio: uploads, photos, films, jobs, events and the audit log.

Every method of a service that changes rows does so in one transaction, so that a server which is
killed at any moment leaves no row half-written. Each thread has a connection of its own while it
runs, because a transaction belongs to a connection.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections import deque
from typing import TYPE_CHECKING

from vidcolor.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA_VERSION = 1
_CACHE_KIB = 256
"""Size of the page cache of each connection."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT,
    received INTEGER NOT NULL DEFAULT 0,
    item_kind TEXT CHECK (item_kind IN ('photo', 'film')),
    item TEXT,
    created REAL NOT NULL,
    visited REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS links (
    key_hash TEXT PRIMARY KEY,
    created REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS sessions (
    token_hash TEXT PRIMARY KEY,
    client TEXT NOT NULL,
    created REAL NOT NULL,
    visited REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS photos (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL,
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    is_upload INTEGER NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    width INTEGER,
    height INTEGER,
    tint TEXT,
    output TEXT NOT NULL DEFAULT '{}',
    revision INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    result_path TEXT,
    result_revision INTEGER,
    downloaded REAL,
    created REAL NOT NULL,
    visited REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS photo_changes (
    photo TEXT NOT NULL REFERENCES photos(id) ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    at REAL NOT NULL,
    do TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (photo, revision)
);
CREATE TABLE IF NOT EXISTS films (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL,
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    project_path TEXT NOT NULL,
    is_upload INTEGER NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT,
    error TEXT,
    result_path TEXT,
    result_revision INTEGER,
    created REAL NOT NULL,
    visited REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    part TEXT NOT NULL DEFAULT '',
    name TEXT NOT NULL DEFAULT '',
    options TEXT NOT NULL DEFAULT '{}',
    state TEXT NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'running', 'done', 'failed', 'canceled')),
    priority INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    worker TEXT,
    heartbeat REAL,
    stop TEXT CHECK (stop IN ('cancel', 'remove')),
    progress TEXT,
    result TEXT,
    error TEXT,
    created REAL NOT NULL,
    started REAL,
    finished REAL
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, priority DESC, created);
CREATE INDEX IF NOT EXISTS jobs_by_subject ON jobs (subject, kind);
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    client TEXT,
    type TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS audit (
    at REAL NOT NULL,
    event TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT ''
);
"""


def is_database_failure(error: BaseException) -> bool:
    """Return whether an exception says that the file cannot be read or written.

    Other exceptions of SQLite are faults of the program, such as wrong values.
    """
    return type(error) in (sqlite3.OperationalError, sqlite3.DatabaseError)


class _Loan:
    """A connection that one thread uses. It is idle again when the thread ends."""

    def __init__(self, connection: sqlite3.Connection, idle: deque[sqlite3.Connection]) -> None:
        self.connection, self._idle = connection, idle

    def __del__(self) -> None:
        self._idle.append(self.connection)


class Database:
    """Connections to one database file. Thread-safe, and safe across processes."""

    def __init__(self, path: Path) -> None:
        """Open the database, which is made if it does not exist.

        Raises:
            OutputError: it cannot be read or written, or a newer version has made it.
        """
        self.path = path
        self._local = threading.local()
        self._idle: deque[sqlite3.Connection] = deque()
        """Connections of threads that have ended."""
        try:
            with self.transaction() as connection:
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version > SCHEMA_VERSION:
                    raise OutputError(
                        f"{path}: a newer version of vidcolor has made this file; update vidcolor, "
                        "or choose another --data"
                    )
                connection.executescript(SCHEMA)
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        except sqlite3.Error as error:
            if not is_database_failure(error):
                raise
            raise OutputError(
                f"{path}: cannot be used as the database of the studio ({error}); choose another "
                "--data"
            ) from error

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of this thread, in autocommit mode, with rows that have names."""
        loan: _Loan | None = getattr(self._local, "loan", None)
        if loan is None:
            # The thread pool of the server ends threads that are idle for some seconds and starts
            # others. Without reuse, memory and open files would grow: a connection refers to its
            # cache of statements and that one to it, so that it is closed by the garbage collector,
            # minutes later.
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connect()
            loan = self._local.loan = _Loan(connection, self._idle)
        return loan.connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=30, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        # Up to 40 threads of the pool have one each. By default it keeps 2 MB.
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        return connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what the block changes, or nothing if it raises an exception."""
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            if connection.in_transaction:  # `executescript` commits by itself
                connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # some failures, such as a full disk, end it
                connection.execute("ROLLBACK")
            raise
