"""The tables of photos and of their decisions."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcolor.studio.errors import NotFoundError, RequestError
from vidcolor.studio.photos.decisions import Decisions

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from vidcolor.studio.database import Database

MAX_UNDO = 200
"""Maximum number of changes that can be undone."""
_VISIT_SECONDS = 15.0
"""Resolution of the stored time of the last visit."""


@dataclass(frozen=True, slots=True)
class Revision:
    """The decisions of one revision, and the revisions to which undo and redo lead."""

    decisions: Decisions = field(default_factory=Decisions)
    past: tuple[int, ...] = ()
    """Revisions that undo restores, the next one last."""
    future: tuple[int, ...] = ()
    """Revisions that redo restores, the next one last."""

    def follow(self, number: int, decisions: Decisions) -> Revision:
        """Return the revision after this one, whose number is given, with edited decisions."""
        return Revision(decisions, (*self.past, number)[-MAX_UNDO:])

    def dump(self) -> str:
        """Return the text that is stored."""
        decisions = self.decisions.model_dump(mode="json")
        return json.dumps({"decisions": decisions, "past": self.past, "future": self.future})

    @classmethod
    def parse(cls, text: str) -> Revision:
        """Return the revision that was stored."""
        values = json.loads(text)
        return cls(
            Decisions.model_validate(values["decisions"]),
            tuple(values["past"]),
            tuple(values["future"]),
        )


@dataclass(frozen=True, slots=True)
class PhotoRow:
    """One photo, as its row was when it was read."""

    id: str
    client: str
    name: str
    """Name of the file, for people."""
    path: Path
    is_upload: bool
    size: int
    """Size of the file, in bytes."""
    width: int | None
    """Displayed width, in pixels; None until the photo has been examined."""
    height: int | None
    tint: str | None
    """``gray``, ``tinted`` or ``color``; None until the photo has been examined."""
    output: dict[str, Any]
    """Options of the result: ``format`` (extension), ``quality`` and ``mark``."""
    revision: int
    error: str | None
    """Why the photo cannot be read; None if it can, or is not known."""
    result_path: Path | None
    result_revision: int | None
    downloaded: float | None
    created: float
    visited: float

    @property
    def viewer(self) -> str | None:
        """The only client that may see the photo; None for all, as photos of the command line."""
        return self.client if self.is_upload else None

    @property
    def has_result(self) -> bool:
        """Whether a result of the current revision exists."""
        return (
            self.result_path is not None
            and self.result_revision == self.revision
            and self.result_path.is_file()
        )

    def is_visible_to(self, client: str) -> bool:
        """Return whether a client may see the photo."""
        return self.viewer in (None, client)

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> PhotoRow:
        """Convert a row of the table."""
        result = row["result_path"]
        return cls(
            row["id"],
            row["client"],
            row["name"],
            Path(row["path"]),
            bool(row["is_upload"]),
            row["size"],
            row["width"],
            row["height"],
            row["tint"],
            json.loads(row["output"]),
            row["revision"],
            row["error"],
            None if result is None else Path(result),
            row["result_revision"],
            row["downloaded"],
            row["created"],
            row["visited"],
        )


class PhotoTable:
    """Reads and changes photos. Thread-safe, and safe across processes."""

    def __init__(self, database: Database) -> None:
        """Use the tables of a database."""
        self._database = database

    def insert(
        self,
        photo_id: str,
        path: Path,
        name: str,
        client: str,
        is_upload: bool,
        size: int,
        sha256: str,
    ) -> None:
        """Add a photo without decisions."""
        now = time.time()
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO photos (id, client, name, path, is_upload, size, sha256, created, "
                "visited) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (photo_id, client, name, str(path), int(is_upload), size, sha256, now, now),
            )
            _insert_revision(connection, photo_id, 0, "open", Revision())

    def find_source(self, path: Path) -> PhotoRow | None:
        """Return the photo of the command line with a path."""
        row = self._database.connection.execute(
            "SELECT * FROM photos WHERE path = ? AND is_upload = 0", (str(path),)
        ).fetchone()
        return None if row is None else PhotoRow.from_row(row)

    def get(self, photo_id: str) -> PhotoRow:
        """Return a photo.

        Raises:
            NotFoundError: there is none.
        """
        return _get(self._database.connection, photo_id)

    def exists(self, photo_id: str) -> bool:
        """Return whether there is a photo with an id."""
        query = "SELECT 1 FROM photos WHERE id = ?"
        return self._database.connection.execute(query, (photo_id,)).fetchone() is not None

    def list_with_revisions(self, client: str) -> list[tuple[PhotoRow, Revision]]:
        """Return the photos that a client may see with their decisions, the oldest first."""
        # One query, because a photo may be deleted between two.
        rows = self._database.connection.execute(
            "SELECT photos.*, document FROM photos "
            "JOIN photo_changes ON photo = id AND photo_changes.revision = photos.revision "
            "WHERE is_upload = 0 OR client = ? ORDER BY created, photos.rowid",
            (client,),
        )
        return [(PhotoRow.from_row(row), Revision.parse(row["document"])) for row in rows]

    def visit(self, row: PhotoRow) -> None:
        """Store that someone uses a photo now."""
        now = time.time()
        if now - row.visited > _VISIT_SECONDS:
            self._update(row.id, "visited = ?", now)

    def set_examined(self, photo_id: str, width: int, height: int, tint: str) -> None:
        """Store what was found out about a photo."""
        self._update(photo_id, "width = ?, height = ?, tint = ?, error = NULL", width, height, tint)

    def set_error(self, photo_id: str, error: str) -> None:
        """Store why a photo cannot be read."""
        self._update(photo_id, "error = ?", error)

    def set_output(self, photo_id: str, output: dict[str, Any]) -> None:
        """Store other options of the result, which is out of date then."""
        self._update(
            photo_id, "output = ?, result_revision = NULL", json.dumps(output, sort_keys=True)
        )

    def set_downloaded(self, photo_id: str) -> None:
        """Store that the current result was downloaded now."""
        now = time.time()
        self._update(photo_id, "downloaded = ?, visited = ?", now, now)

    def set_result(self, before: PhotoRow, path: Path) -> bool:
        """Store the result of a photo as it was before the work; return whether it still exists.

        If options of the result were changed meanwhile, it is out of date.
        """
        output = json.dumps(before.output, sort_keys=True)
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "UPDATE photos SET result_path = ?, result_revision = CASE WHEN output = ? "
                "THEN ? END, downloaded = NULL WHERE id = ?",
                (str(path), output, before.revision, before.id),
            )
        return cursor.rowcount > 0

    def delete(self, photo_id: str) -> None:
        """Delete a photo with its revisions."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM photos WHERE id = ?", (photo_id,))

    def _update(self, photo_id: str, assignments: str, *values: object) -> None:
        with self._database.transaction() as connection:
            connection.execute(f"UPDATE photos SET {assignments} WHERE id = ?", (*values, photo_id))

    # Revisions

    def get_revision(self, photo_id: str, number: int) -> Revision:
        """Return a revision of a photo."""
        return _get_revision(self._database.connection, photo_id, number)

    def add_revision(
        self,
        photo_id: str,
        expected: int | None,
        do: str,
        edit: Callable[[int, Revision], Revision],
    ) -> tuple[PhotoRow, bool]:
        """Change the decisions of a photo, in one transaction.

        Args:
            photo_id: the photo.
            expected: revision that the client knows; None for any.
            do: name of the change.
            edit: function that returns a `Revision` for the current row and revision.

        Returns:
            The photo, and whether its revision is `expected`. If it is not, nothing is changed.

        Raises:
            NotFoundError: there is no such photo.
        """
        with self._database.transaction() as connection:
            row = _get(connection, photo_id)
            if expected is not None and row.revision != expected:
                return row, False
            current = _get_revision(connection, photo_id, row.revision)
            new = edit(row.revision, current)
            if new.decisions != current.decisions:
                number = row.revision + 1
                _insert_revision(connection, photo_id, number, do, new)
                connection.execute(
                    "UPDATE photos SET revision = ?, visited = ?, downloaded = NULL WHERE id = ?",
                    (number, time.time(), photo_id),
                )
                row = _get(connection, photo_id)
        return row, True

    def restore(self, photo_id: str, number: int, current: Revision, *, redo: bool) -> Revision:
        """Return the revision that takes the last change back, or makes it again.

        Raises:
            RequestError: there is nothing to undo or redo.
        """
        source = current.future if redo else current.past
        if not source:
            raise RequestError(f"there is nothing to {'redo' if redo else 'undo'}")
        decisions = self.get_revision(photo_id, source[-1]).decisions
        # Numbers of hints are never used twice, so that a client can tell hints apart.
        next_id = max(decisions.next_id, current.decisions.next_id)
        decisions = decisions.model_copy(update={"next_id": next_id})
        if redo:
            return Revision(decisions, (*current.past, number), current.future[:-1])
        return Revision(decisions, current.past[:-1], (*current.future, number))


def _get(connection: sqlite3.Connection, photo_id: str) -> PhotoRow:
    row = connection.execute("SELECT * FROM photos WHERE id = ?", (photo_id,)).fetchone()
    if row is None:
        raise NotFoundError("there is no such photo, or no longer")
    return PhotoRow.from_row(row)


def _get_revision(connection: sqlite3.Connection, photo_id: str, number: int) -> Revision:
    row = connection.execute(
        "SELECT document FROM photo_changes WHERE photo = ? AND revision = ?", (photo_id, number)
    ).fetchone()
    if row is None:
        raise NotFoundError("there is no such revision of the photo")
    return Revision.parse(row["document"])


def _insert_revision(
    connection: sqlite3.Connection, photo_id: str, number: int, do: str, revision: Revision
) -> None:
    connection.execute(
        "INSERT INTO photo_changes (photo, revision, at, do, document) VALUES (?, ?, ?, ?, ?)",
        (photo_id, number, time.time(), do, revision.dump()),
    )
