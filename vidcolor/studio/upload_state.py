"""The state of an upload, and what it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from vidcolor.studio.content import ItemKind

_TABLES: dict[ItemKind, str] = {"photo": "photos", "film": "films"}


class ItemService(Protocol):
    """What uploads need of the photos and of the films."""

    def add(
        self, path: Path, name: str, client: str, is_upload: bool, size: int, sha256: str
    ) -> str:
        """Add a file and return its id. The directory of an upload belongs to the item then."""


@dataclass(frozen=True, slots=True)
class Item:
    """A photo or a film."""

    kind: ItemKind
    id: str

    def to_json(self) -> dict[str, str]:
        """Return the fields of the API."""
        return {"kind": self.kind, "id": self.id}


@dataclass(frozen=True, slots=True)
class Upload:
    """The state of an upload."""

    id: str
    size: int
    """Size of the whole file, in bytes."""
    received: int
    """Number of bytes that have arrived."""
    item: Item | None = None
    """The photo or film that it became; None while parts are missing."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields of the API. A finished upload has `kind` and `id` of its item."""
        fields: dict[str, Any] = {"id": self.id, "received": self.received, "size": self.size}
        return fields if self.item is None else {"upload": self.id, **fields, **self.item.to_json()}


def make_upload(row: sqlite3.Row) -> Upload:
    """Convert a row of the table of uploads."""
    item = None if row["item"] is None else Item(row["item_kind"], row["item"])
    return Upload(row["id"], row["size"], row["received"], item)


def find_item(connection: sqlite3.Connection, client: str, sha256: str, size: int) -> Item | None:
    """Return the photo or film that a client made of the same bytes; None if there is none."""
    for kind, table in _TABLES.items():
        row = connection.execute(
            f"SELECT id FROM {table} WHERE client = ? AND sha256 = ? AND size = ? "
            "AND is_upload = 1",
            (client, sha256, size),
        ).fetchone()
        if row is not None:
            return Item(kind, row["id"])
    return None


def find_item_at(connection: sqlite3.Connection, kind: ItemKind, source: Path) -> Item | None:
    """Return the item that was made of a file before the server was killed."""
    row = connection.execute(
        f"SELECT id FROM {_TABLES[kind]} WHERE path = ?", (str(source),)
    ).fetchone()
    return Item(kind, row["id"]) if row is not None else None
