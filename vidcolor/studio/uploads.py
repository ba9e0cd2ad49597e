"""Uploads: files that arrive in parts, and that may be interrupted and resumed at any time.

An upload is a row of the database and a directory under a name that the server makes. Its bytes are
in the file ``partial`` of this directory. When the last byte is there and the hash agrees, the file
is renamed and handed over to the photos or the films; no one sees it before.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from vidcolor.studio import audit
from vidcolor.studio.content import ItemKind, detect_content
from vidcolor.studio.errors import (
    ApiError,
    LimitError,
    NotFoundError,
    RequestError,
    TooLargeError,
)
from vidcolor.studio.links import make_id
from vidcolor.studio.names import clean_name
from vidcolor.studio.storage import Storage, convert_failure, delete_tree
from vidcolor.studio.upload_state import (
    Item,
    ItemService,
    Upload,
    find_item,
    find_item_at,
    make_upload,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from vidcolor.studio.database import Database
    from vidcolor.studio.events import EventLog
    from vidcolor.studio.settings import StudioSettings

_PARTIAL = "partial"
_CANCEL_WAIT_S = 10.0
"""Time for which a cancellation waits for a part that is being written, in seconds."""


class UploadService:
    """Receives files. Its methods are thread-safe."""

    def __init__(
        self,
        settings: StudioSettings,
        database: Database,
        events: EventLog,
        photos: ItemService,
        films: ItemService,
    ) -> None:
        self._settings = settings
        self._database = database
        self._events = events
        self._items: dict[ItemKind, ItemService] = {"photo": photos, "film": films}
        self._storage = Storage(settings, database)
        self._limits = {"photo": settings.max_photo_bytes, "film": settings.max_film_bytes}
        self._lock = threading.Condition()
        self._busy: set[str] = set()
        """Uploads of which a part is being written."""
        self._hashers: dict[str, tuple[int, Any]] = {}
        """Number of hashed bytes, and the hash object, of uploads since the start."""

    def finish_complete(self) -> None:
        """Hand over complete files that a full queue, or the end of the server, has delayed."""
        rows = self._database.connection.execute(
            "SELECT id FROM uploads WHERE item IS NULL AND received = size"
        ).fetchall()
        for row in rows:
            with contextlib.suppress(ApiError), self._reserved(row["id"]):
                self._finish(row["id"])

    def create(
        self,
        client: str,
        name: str,
        size: int,
        sha256: str | None = None,
        kind: ItemKind | None = None,
    ) -> Upload | Item:
        """Begin an upload.

        Args:
            client: the session, or "api".
            name: name of the file for people.
            size: size of the file, in bytes.
            sha256: its SHA-256, in hex, so that a file that is here already is not sent again.
            kind: what the client believes it to be; decides which limit of the size applies.

        Returns:
            The upload, which may have bytes already if it was interrupted; or the photo or film if
            the client has uploaded the same file before.

        Raises:
            TooLargeError: the file is larger than the server accepts.
            LimitError: the client has too many files.
            StorageError: the disk, or the share of the studio, is full.
        """
        limit = self._limits[kind] if kind else max(self._limits.values())
        if size > limit:
            raise TooLargeError(f"the file has {size} bytes; at most {limit} are accepted")
        if sha256 is not None and (
            item := find_item(self._database.connection, client, sha256, size)
        ):
            return item
        now = time.time()
        with self._database.transaction() as connection:
            if sha256 is not None:
                row = connection.execute(
                    "SELECT * FROM uploads WHERE client = ? AND sha256 = ? AND size = ? "
                    "AND item IS NULL",
                    (client, sha256, size),
                ).fetchone()
                if row is not None:
                    return make_upload(row)
            self._check_count(connection, client)
            self._storage.check_room(connection, size)
            upload_id = make_id()
            connection.execute(
                "INSERT INTO uploads (id, client, name, size, sha256, created, visited) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (upload_id, client, clean_name(name), size, sha256, now, now),
            )
            audit.record_owner_in(connection, upload_id, client)
        try:
            self._directory(upload_id).mkdir(parents=True)
        except OSError as error:
            self._database.connection.execute("DELETE FROM uploads WHERE id = ?", (upload_id,))
            raise convert_failure(error) from error
        return Upload(upload_id, size, 0)

    def _check_count(self, connection: sqlite3.Connection, client: str) -> None:
        count = connection.execute(
            "SELECT (SELECT COUNT(*) FROM uploads WHERE client = :client AND item IS NULL) + "
            "(SELECT COUNT(*) FROM photos WHERE client = :client AND is_upload = 1) + "
            "(SELECT COUNT(*) FROM films WHERE client = :client AND is_upload = 1)",
            {"client": client},
        ).fetchone()[0]
        if count >= self._settings.max_uploads:
            raise LimitError(
                f"{count} files are here already, which is the limit; download and delete some",
                retry_after=60,
            )

    def get(self, client: str, upload_id: str) -> Upload:
        """Return the state of an upload of a client.

        Raises:
            NotFoundError: the client has no such upload, or no longer.
        """
        return make_upload(self._find_row(client, upload_id))

    def _find_row(self, client: str, upload_id: str) -> sqlite3.Row:
        row: sqlite3.Row | None = self._database.connection.execute(
            "SELECT * FROM uploads WHERE id = ? AND client = ?", (upload_id, client)
        ).fetchone()
        if row is None:
            raise NotFoundError("there is no such upload; begin it again")
        return row

    def append(self, client: str, upload_id: str, offset: int, data: bytes) -> Upload:
        """Write a part of the file, and hand the file over after the last one.

        A part that arrives again has no effect if its bytes are there already.

        Args:
            client: client that began the upload.
            upload_id: id of the upload.
            offset: position of the part, which is the number of bytes that have arrived.
            data: the bytes.

        Raises:
            NotFoundError: the client has no such upload.
            ApiError: the part belongs to another position, which `current` states; or the disk is
                full; or the whole file is damaged or no photo and no film. In the last two cases
                the upload is deleted.
        """
        with self._reserved(upload_id):
            row = self._find_row(client, upload_id)
            upload = make_upload(row)
            if upload.item is not None:
                return upload
            if upload.received == upload.size:  # the file could not be handed over before
                return Upload(upload_id, upload.size, upload.size, self._finish(upload_id))
            if offset != upload.received:
                raise ApiError(
                    f"the next part begins at byte {upload.received}",
                    status=409,
                    code="conflict",
                    current=upload.to_json(),
                )
            received = offset + len(data)
            if received > upload.size:
                raise TooLargeError(f"the file has {upload.size} bytes, and {received} arrived")
            self._write(upload_id, offset, data)
            self._database.connection.execute(
                "UPDATE uploads SET received = ?, visited = ? WHERE id = ?",
                (received, time.time(), upload_id),
            )
            if received < upload.size:
                return Upload(upload_id, upload.size, received)
            return Upload(upload_id, upload.size, received, self._finish(upload_id))

    @contextlib.contextmanager
    def _reserved(self, upload_id: str, wait_s: float = 0.0) -> Iterator[None]:
        """Let only one thread work on an upload; wait for another one up to a time in seconds."""
        with self._lock:
            if not self._lock.wait_for(lambda: upload_id not in self._busy, wait_s):
                raise ApiError(
                    "another part of this upload is being written", status=409, code="busy"
                )
            self._busy.add(upload_id)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(upload_id)
                self._lock.notify_all()

    def _write(self, upload_id: str, offset: int, data: bytes) -> None:
        try:
            path = self._directory(upload_id) / _PARTIAL
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.seek(offset)
                file.write(data)
        except OSError as error:
            raise convert_failure(error) from error
        hashed, hasher = self._hashers.get(upload_id, (0, None))
        if offset == 0:
            hashed, hasher = 0, hashlib.sha256()
        if hasher is not None and hashed == offset:
            hasher.update(data)
            self._hashers[upload_id] = offset + len(data), hasher

    def _finish(self, upload_id: str) -> Item:
        """Check a complete file, and make it a photo or a film."""
        row = self._database.connection.execute(
            "SELECT * FROM uploads WHERE id = ?", (upload_id,)
        ).fetchone()
        directory = self._directory(upload_id)
        source = next(directory.glob("source.*"), None)  # renamed before the server was killed
        try:
            path = source or directory / _PARTIAL
            digest = self._pop_digest(upload_id, path, row["size"])
            if row["sha256"] not in (None, digest):
                raise RequestError("the bytes that arrived differ from the file; send it again")
            content = detect_content(path)
            if row["size"] > (limit := self._limits[content.kind]):
                raise TooLargeError(f"the {content.kind} is larger than {limit} bytes")
        except ApiError as error:
            self.delete_row(upload_id, f"refused ({error.code})")
            raise
        except OSError as error:
            self.delete_row(upload_id, "unreadable")
            raise convert_failure(error) from error
        if source is None:
            source = path.rename(directory / f"source{content.suffix}")
        item = find_item_at(self._database.connection, content.kind, source)
        if item is None:
            service = self._items[content.kind]
            item_id = service.add(source, row["name"], row["client"], True, row["size"], digest)
            item = Item(content.kind, item_id)
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE uploads SET item_kind = ?, item = ?, visited = ? WHERE id = ?",
                (item.kind, item.id, time.time(), upload_id),
            )
            audit.record_owner_in(connection, item.id, row["client"])
            audit.record_in(connection, f"{item.kind}-uploaded", item.id)
        self._events.publish("upload", {"upload": upload_id, **item.to_json()}, row["client"])
        return item

    def _pop_digest(self, upload_id: str, path: Path, size: int) -> str:
        """Return the SHA-256 of a complete file, which is read again after a restart only."""
        hashed, hasher = self._hashers.pop(upload_id, (0, None))
        if path.stat().st_size != size:
            raise RequestError("the upload is incomplete on the disk; send it again")
        if hasher is not None and hashed == size:
            return str(hasher.hexdigest())
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def cancel(self, client: str, upload_id: str) -> None:
        """Delete an upload that is not finished, on behalf of its client.

        Raises:
            NotFoundError: the client has no such upload.
        """
        # A page that gives up closes the request with the last part, which may still be written.
        with self._reserved(upload_id, _CANCEL_WAIT_S):
            row = self._find_row(client, upload_id)
            if row["item"] is None:
                self.delete_row(upload_id, "canceled")

    def delete_abandoned(self, before: float) -> int:
        """Delete unfinished uploads without a new part since a time, and forget finished ones.

        Args:
            before: Unix time.

        Returns:
            The number of unfinished uploads that were deleted.
        """
        rows = self._database.connection.execute(
            "SELECT id, item FROM uploads WHERE visited < ?", (before,)
        ).fetchall()
        count = 0
        for row in rows:
            if row["item"] is not None:
                self._database.connection.execute("DELETE FROM uploads WHERE id = ?", (row["id"],))
                continue
            with contextlib.suppress(ApiError), self._reserved(row["id"]):
                self.delete_row(row["id"], "abandoned")
                count += 1
        return count

    def delete_row(self, upload_id: str, reason: str) -> None:
        """Delete an unfinished upload and its directory, with a line in the audit log."""
        self._hashers.pop(upload_id, None)
        delete_tree(self._directory(upload_id))
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM uploads WHERE id = ?", (upload_id,))
            audit.record_in(connection, "upload-deleted", upload_id, reason)

    def _directory(self, upload_id: str) -> Path:
        return self._settings.uploads_dir / upload_id
