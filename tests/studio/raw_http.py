"""HTTP requests that are sent byte by byte, and what a server answers to them."""

from __future__ import annotations

import contextlib
import json
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.helpers.studio_server import StudioProcess

TIMEOUT_S = 20


@dataclass(frozen=True)
class Answer:
    """A response; status 0 if the server closed the connection without one."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def exchange(server: StudioProcess, data: bytes) -> Answer:
    """Send bytes on a new connection, and read until the server closes it or has answered."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as connection:
        with contextlib.suppress(OSError):  # the server refuses a request before its end
            connection.sendall(data)
        return read_answer(connection, has_body=not data.startswith(b"HEAD "))


def read_answer(connection: socket.socket, has_body: bool = True) -> Answer:
    received = b""
    try:
        while b"\r\n\r\n" not in received:
            part = connection.recv(65536)
            if not part:
                break
            received += part
        head, _, body = received.partition(b"\r\n\r\n")
        if not head:
            return Answer(0)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0)) if has_body else 0
        while len(body) < length:
            part = connection.recv(65536)
            if not part:
                break
            body += part
    except ConnectionResetError:
        return Answer(0)
    return Answer(int(first.split()[1]), headers, body)


def make_request(
    server: StudioProcess,
    method: str = "GET",
    path: str = "/api/info",
    headers: dict[str, str | None] | None = None,
    body: bytes = b"",
    version: str = "HTTP/1.1",
) -> bytes:
    """Return a request with the token. A header of None is left out."""
    values: dict[str, str | None] = {
        "Host": f"127.0.0.1:{server.port}",
        "Authorization": f"Bearer {server.token}",
        "X-Vidcolor": "1",
        "Content-Length": str(len(body)) if body else None,
        **(headers or {}),
    }
    lines = [f"{method} {path} {version}"]
    lines += [f"{name}: {value}" for name, value in values.items() if value is not None]
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body


def check_refused(answer: Answer, statuses: tuple[int, ...] = tuple(range(400, 500))) -> None:
    """Check that a request was refused without details of the server."""
    assert answer.status in (0, *statuses)
    assert b"Traceback" not in answer.body
    assert b"site-packages" not in answer.body
    assert b"/studio/" not in answer.body
    if answer.headers.get("content-type") == "application/json" and answer.body:
        values = json.loads(answer.body)
        assert values["error"]
        assert "\n" not in values["error"]
        assert values["code"] != "internal"
