"""The rows of films in the database: where a film and its project lie, and its last result."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from vidcolor.studio import audit
from vidcolor.studio.errors import NotFoundError

if TYPE_CHECKING:
    import sqlite3

    from vidcolor.studio.database import Database

VISIT_INTERVAL_S = 15.0
"""Minimum time between two stored visits of a film, in seconds."""


@dataclass(frozen=True, slots=True)
class FilmRow:
    """One film of a studio. Everything that people decide is in its project."""

    id: str
    client: str
    """Client that uploaded it; empty for films of the command line."""
    name: str
    """Name of the file, for display."""
    path: Path
    """The film, or the pattern or folder of an image sequence."""
    project_path: Path
    """The project, which may not exist yet."""
    is_upload: bool
    size: int
    """Size in bytes; 0 if unknown."""
    sha256: str | None
    error: str | None
    """Why the film cannot be opened, on one line."""
    result_path: Path | None
    """The last result that the studio rendered."""
    result_revision: int | None
    """Revision of the project of that result."""
    created: float
    """Time in seconds since 1970, as `visited`."""
    visited: float

    @property
    def viewer(self) -> str | None:
        """The only client that may see the film; None for all, as films of the command line."""
        return self.client if self.is_upload else None

    def is_visible_to(self, client: str) -> bool:
        """Return whether a client may see the film."""
        return self.viewer in (None, client)

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Self:
        """Return the film of a row of the table."""
        result = row["result_path"]
        return cls(
            id=row["id"],
            client=row["client"],
            name=row["name"],
            path=Path(row["path"]),
            project_path=Path(row["project_path"]),
            is_upload=bool(row["is_upload"]),
            size=row["size"],
            sha256=row["sha256"],
            error=row["error"],
            result_path=None if result is None else Path(result),
            result_revision=row["result_revision"],
            created=row["created"],
            visited=row["visited"],
        )


class FilmTable:
    """The table of films. Thread-safe, and safe across processes."""

    def __init__(self, database: Database) -> None:
        """Use a database."""
        self._database = database

    def insert(self, row: FilmRow) -> None:
        """Add a film."""
        result = None if row.result_path is None else str(row.result_path)
        self._database.connection.execute(
            "INSERT INTO films (id, client, name, path, project_path, is_upload, size, sha256,"
            " error, result_path, result_revision, created, visited)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.id, row.client, row.name, str(row.path), str(row.project_path),
                int(row.is_upload), row.size, row.sha256, row.error, result, row.result_revision,
                row.created, row.visited,
            ),
        )  # fmt: skip

    def get(self, film_id: str) -> FilmRow:
        """Return a film.

        Raises:
            NotFoundError: there is none with this id.
        """
        row = self._database.connection.execute(
            "SELECT * FROM films WHERE id = ?", (film_id,)
        ).fetchone()
        if row is None:
            raise NotFoundError("this film does not exist, or was deleted")
        return FilmRow.from_row(row)

    def list_all(self) -> list[FilmRow]:
        """Return all films, the one that was visited last first."""
        rows = self._database.connection.execute("SELECT * FROM films ORDER BY visited DESC, id")
        return [FilmRow.from_row(row) for row in rows]

    def list_visited_since(self, moment: float) -> list[FilmRow]:
        """Return the films that were visited after a time, in seconds since 1970."""
        rows = self._database.connection.execute("SELECT * FROM films WHERE visited > ?", (moment,))
        return [FilmRow.from_row(row) for row in rows]

    def visit(self, row: FilmRow) -> None:
        """Store the time of a visit to a film."""
        now = time.time()
        if now - row.visited > VISIT_INTERVAL_S:
            self._database.connection.execute(
                "UPDATE films SET visited = ? WHERE id = ?", (now, row.id)
            )

    def set_error(self, film_id: str, error: str | None) -> None:
        """Store why a film cannot be opened; None if it can."""
        self._database.connection.execute(
            "UPDATE films SET error = ? WHERE id = ?", (error, film_id)
        )

    def set_result(self, film_id: str, path: Path, revision: int) -> None:
        """Store the last result of a film."""
        self._database.connection.execute(
            "UPDATE films SET result_path = ?, result_revision = ? WHERE id = ?",
            (str(path), revision, film_id),
        )

    def delete(self, film_id: str, audit_event: str, reason: str) -> None:
        """Remove a film from the table, with a line in the audit log."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM films WHERE id = ?", (film_id,))
            audit.record_in(connection, audit_event, film_id, reason)
