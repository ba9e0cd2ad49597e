"""The audit log: what was uploaded, downloaded and deleted, when and why, without file names."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

    from vidcolor.studio.database import Database

MAX_LINES = 100_000
"""Number of lines that are kept; the oldest are removed."""


def record(database: Database, event: str, subject: str, detail: str = "") -> None:
    """Append one line.

    Args:
        database: the database of the server.
        event: what happened, such as ``photo-deleted``.
        subject: id of the upload, photo, film or session.
        detail: the reason, without file names and content.
    """
    record_in(database.connection, event, subject, detail)


def record_in(connection: sqlite3.Connection, event: str, subject: str, detail: str = "") -> None:
    """Append one line in the transaction of the caller."""
    connection.execute(
        "INSERT INTO audit (at, event, subject, detail) VALUES (?, ?, ?, ?)",
        (time.time(), event, subject, detail),
    )


def record_owner_in(connection: sqlite3.Connection, subject: str, client: str) -> None:
    """Record, in the transaction of the caller, which client may see the lines of an upload."""
    record_in(connection, "owner", subject, client)


def list_lines(
    database: Database, limit: int = 200, client: str | None = None
) -> list[dict[str, object]]:
    """Return the newest lines, the newest first: `at` (Unix time), `event`, `subject`, `detail`.

    Args:
        database: the database of the server.
        limit: maximum number of lines.
        client: client whose uploads the lines concern; None for all lines.
    """
    rows = database.connection.execute(
        "SELECT at, event, subject, detail FROM audit WHERE event != 'owner' AND (?1 IS NULL OR "
        "subject IN (SELECT subject FROM audit WHERE event = 'owner' AND detail = ?1)) "
        "ORDER BY rowid DESC LIMIT ?2",
        (client, limit),
    )
    return [dict(row) for row in rows]


def remove_old_lines(database: Database) -> None:
    """Keep the newest `MAX_LINES` lines."""
    database.connection.execute(
        "DELETE FROM audit WHERE rowid <= (SELECT MAX(rowid) FROM audit) - ?", (MAX_LINES,)
    )
