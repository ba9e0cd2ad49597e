"""One-time links and the sessions that they open. The database only stores hashes of both."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidcolor.studio import audit
from vidcolor.studio.database import Database

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.studio.settings import StudioSettings

API_CLIENT = "api"
"""Client of requests with the token instead of a session."""
LINK_SECONDS = 24 * 3600
"""Time in which a link can be opened."""
SESSION_SECONDS = 30 * 24 * 3600
"""Time after the last request after which a session ends."""
_VISIT_SECONDS = 60
"""Resolution of the stored time of the last request."""
_TOKEN_FILE = "token"
_MAX_LINKS = 1000


def make_id() -> str:
    """Return a random id of 128 bits as URL-safe text of 22 characters."""
    return secrets.token_urlsafe(16)


def hash_secret(secret: str) -> str:
    """Return what the database stores of a secret: its SHA-256. Secrets have 128 bits or more."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def load_token(settings: StudioSettings) -> str:
    """Return the token of API clients: the given one, or a random one that the data keeps."""
    if settings.token is not None:
        return settings.token
    path = settings.data_dir / _TOKEN_FILE
    if path.is_file() and (text := path.read_text(encoding="ascii", errors="replace").strip()):
        return text
    token = secrets.token_urlsafe(24)
    _write_private(path, token + "\n")
    return token


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)


@dataclass(frozen=True, slots=True)
class Entrance:
    """How browsers and programs get into a server."""

    url: str
    """Address of the server."""
    link: str
    """One-time link for the first browser."""
    token: str
    """Token of API clients."""


def make_entrance(settings: StudioSettings) -> Entrance:
    """Return a new link and the token of a server, which does not need to run yet.

    Args:
        settings: those of the server, with its final port.
    """
    sessions = Sessions(settings, Database(settings.database_path))
    return Entrance(settings.base_url, sessions.make_link(), sessions.token)


class Sessions:
    """Who may use the server. Thread-safe."""

    def __init__(self, settings: StudioSettings, database: Database) -> None:
        self.token = load_token(settings)
        self._base_url = settings.base_url
        self._token_hash = hash_secret(self.token)
        self._database = database
        self._lock = threading.Lock()
        self._clients: dict[str, tuple[str, float]] = {}
        """Client, and time of the last stored visit, by hash of the session token."""

    def make_link(self) -> str:
        """Return the URL of a new one-time link."""
        key, now = secrets.token_urlsafe(24), time.time()
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM links WHERE created < ?", (now - LINK_SECONDS,))
            connection.execute(
                "DELETE FROM links WHERE key_hash NOT IN "
                "(SELECT key_hash FROM links ORDER BY created DESC LIMIT ?)",
                (_MAX_LINKS - 1,),
            )
            connection.execute("INSERT INTO links VALUES (?, ?)", (hash_secret(key), now))
        return f"{self._base_url}/open?key={key}"

    def open_link(self, key: str) -> str | None:
        """Use up a link, and return the token of a new session; None if the link is not valid."""
        now = time.time()
        with self._database.transaction() as connection:
            deleted = connection.execute(
                "DELETE FROM links WHERE key_hash = ? AND created >= ?",
                (hash_secret(key), now - LINK_SECONDS),
            )
            if deleted.rowcount != 1:
                return None
            return self._open_session(now)

    def log_in(self, token: str) -> str | None:
        """Return the token of a new session for the token of the server; None for a wrong one."""
        if not self.is_api_token(token):
            return None
        with self._database.transaction():
            return self._open_session(time.time())

    def _open_session(self, now: float) -> str:
        token, client = secrets.token_urlsafe(24), make_id()
        connection = self._database.connection
        connection.execute("DELETE FROM sessions WHERE visited < ?", (now - SESSION_SECONDS,))
        connection.execute(
            "INSERT INTO sessions VALUES (?, ?, ?, ?)", (hash_secret(token), client, now, now)
        )
        audit.record_in(connection, "session-opened", client)
        return token

    def is_api_token(self, token: str) -> bool:
        """Return whether this is the token of API clients."""
        return hmac.compare_digest(hash_secret(token), self._token_hash)

    def find_client(self, session_token: str) -> str | None:
        """Return the client of a session, and note its visit; None if there is no such session."""
        key, now = hash_secret(session_token), time.time()
        with self._lock:
            known = self._clients.get(key)
        if known is not None and now - known[1] < _VISIT_SECONDS:
            return known[0]
        row = self._database.connection.execute(
            "SELECT client FROM sessions WHERE token_hash = ? AND visited >= ?",
            (key, now - SESSION_SECONDS),
        ).fetchone()
        if row is None:
            with self._lock:
                self._clients.pop(key, None)
            return None
        self._database.connection.execute(
            "UPDATE sessions SET visited = ? WHERE token_hash = ?", (now, key)
        )
        with self._lock:
            self._clients[key] = row["client"], now
        return str(row["client"])

    def close_session(self, session_token: str) -> None:
        """End a session; its cookie is of no use any more."""
        key = hash_secret(session_token)
        with self._lock:
            self._clients.pop(key, None)
        self._database.connection.execute("DELETE FROM sessions WHERE token_hash = ?", (key,))
