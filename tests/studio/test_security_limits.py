"""Limits of time, rate and number: slow clients and floods do not keep others out."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest
import uvicorn

from tests.helpers.studio_server import StudioApp
from vidcolor.studio.security.connections import make_protocol
from vidcolor.studio.security.hosts import make_allowed_hosts
from vidcolor.studio.security.rates import name_address
from vidcolor.studio.settings import StudioSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@contextlib.contextmanager
def served(app: StudioApp, settings: StudioSettings) -> Iterator[int]:
    """Serve an application by HTTP in a thread, and return its port."""
    with socket.create_server(("127.0.0.1", settings.port)) as listener:
        config = uvicorn.Config(
            app.app, http=make_protocol(settings), ws="none", lifespan="off", log_config=None
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield settings.port
        server.should_exit = True
        thread.join()


MAX_SECONDS = 20
"""Time in which a loaded machine closes a connection, in seconds."""


@pytest.fixture
def limited(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[StudioApp, int]]:
    """A server with short times and few connections, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    values = {"header_seconds": 0.4, "body_seconds": 0.3, "max_connections": 4}
    values |= getattr(request, "param", {})
    settings = StudioSettings.model_validate({"data_dir": tmp_path, "port": port, **values})
    app = StudioApp(settings)
    with served(app, settings):
        yield app, port
    app.close()


def wait_until_closed(connection: socket.socket, feed: bytes) -> float:
    """Send one byte after the other until the server closes, and return the time in seconds."""
    start = time.monotonic()
    connection.settimeout(0.05)
    while time.monotonic() - start < MAX_SECONDS:
        try:
            if feed:
                connection.sendall(feed)
            if connection.recv(4096) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - start


BEGINNINGS = {
    "silent": (b"", b""),
    "half": (b"GET / HT", b""),
    "one byte at a time": (b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"a"),
}
"""What a connection sends at first, and then again and again."""


def test_connections_without_a_whole_request_are_closed(limited: tuple[StudioApp, int]) -> None:
    def measure(name: str) -> float:
        start, feed = BEGINNINGS[name]
        with socket.create_connection(("127.0.0.1", limited[1])) as connection:
            connection.sendall(start)
            return wait_until_closed(connection, feed)

    with ThreadPoolExecutor(len(BEGINNINGS)) as pool:
        for name, seconds in zip(BEGINNINGS, pool.map(measure, BEGINNINGS), strict=True):
            assert 0.3 < seconds < MAX_SECONDS, name


def test_second_slow_request_of_a_connection_is_closed(limited: tuple[StudioApp, int]) -> None:
    port = limited[1]
    head = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"{head}\r\n".encode())
        assert b"200 OK" in connection.recv(4096)
        time.sleep(0.6)  # longer than the limit; a connection may wait between requests
        connection.sendall(f"{head}X: ".encode())
        assert 0.3 < wait_until_closed(connection, b"a") < MAX_SECONDS


def test_slow_body_is_refused(limited: tuple[StudioApp, int]) -> None:
    app, port = limited
    head = (
        f"POST /api/uploads HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Vidcolor: 1\r\n"
        f"Authorization: Bearer {app.token}\r\nContent-Length: 100\r\n\r\n{{"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(4096)
        assert b" 408 " in answer.splitlines()[0]
        assert wait_until_closed(connection, b"") < MAX_SECONDS


@pytest.mark.parametrize("limited", [{"header_seconds": 600}], indirect=True)
def test_connections_beyond_the_limit_are_closed(limited: tuple[StudioApp, int]) -> None:
    address = ("127.0.0.1", limited[1])
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection(address)) for _ in range(4)]
        extra = stack.enter_context(socket.create_connection(address))
        assert wait_until_closed(extra, b"") < MAX_SECONDS
        for connection in held:
            connection.close()
    deadline = time.monotonic() + MAX_SECONDS
    while True:
        try:
            answer = httpx.get(f"http://127.0.0.1:{limited[1]}/healthz")
            break
        except httpx.TransportError:  # the server has not noticed all ends yet
            assert time.monotonic() < deadline
    assert answer.status_code == 200


def test_body_with_a_low_rate_is_refused(tmp_path: Path) -> None:
    app = StudioApp(StudioSettings(data_dir=tmp_path, body_seconds=0.2))
    upload = app.post("/api/uploads", json={"name": "a.jpg", "size": 1000}).json()

    sent = 0

    async def drip() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            yield b"a"
            sent += 1
            await asyncio.sleep(0.02)

    response = app.request(
        "PATCH", f"/api/uploads/{upload['id']}", content=drip(), headers={"Upload-Offset": "0"}
    )
    assert response.status_code == 408
    assert sent < 100
    assert app.get(f"/api/uploads/{upload['id']}").json()["received"] == 0
    app.close()


def test_floods_of_one_client_do_not_keep_others_out(tmp_path: Path) -> None:
    app = StudioApp(StudioSettings(data_dir=tmp_path, requests_per_minute=30))
    statuses = [app.get("/api/info").status_code for _ in range(40)]
    assert statuses[:30] == [200] * 30
    assert statuses[30:] == [429] * 10
    refused = app.get("/api/info")
    assert int(refused.headers["retry-after"]) > 0
    assert refused.json()["code"] == "quota"
    token = {"Authorization": f"Bearer {app.token}"}
    assert app.get("/api/info", headers=token).status_code == 200
    assert app.get("/healthz").status_code == 200
    app.close()


def test_many_wrong_tokens_are_answered_with_429(tmp_path: Path) -> None:
    app = StudioApp(StudioSettings(data_dir=tmp_path))
    wrong = {"Authorization": "Bearer guess"}
    statuses = [app.get("/api/info", headers=wrong).status_code for _ in range(25)]
    assert statuses == [401] * 20 + [429] * 5
    right = {"Authorization": f"Bearer {app.token}"}
    assert app.get("/api/info", headers=right).status_code == 200  # same machine
    app.close()


def test_guesses_through_a_proxy_block_the_address_that_guesses(tmp_path: Path) -> None:
    proxy = "https://studio.example.org"
    app = StudioApp(StudioSettings(data_dir=tmp_path, proxy=proxy))

    def get(token: str, address: str) -> int:
        headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": f"1.1.1.1, {address}"}
        return app.get("/api/info", headers=headers).status_code

    assert [get("guess", "203.0.113.5") for _ in range(21)] == [401] * 20 + [429]
    assert get(app.token, "203.0.113.5") == 429
    assert get(app.token, "203.0.113.6") == 200
    app.close()


def test_proxy_sets_secure_cookies_and_allows_its_origin(tmp_path: Path) -> None:
    proxy = "https://studio.example.org"
    app = StudioApp(StudioSettings(data_dir=tmp_path, proxy=proxy))
    link = app.post("/api/links", headers={"Origin": proxy}).json()["url"]
    assert link.startswith(f"{proxy}/open?key=")
    cookie = app.get(link).headers["set-cookie"]
    assert cookie.startswith("__Host-vidcolor=")
    assert "Secure" in cookie
    wrong = app.post("/api/links", headers={"Origin": "http://studio.example.org.evil.example"})
    assert wrong.status_code == 403
    app.close()


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("192.168.1.5:8765", True),
        ("[fe80::1]:8765", True),
        ("localhost:8765", True),
        ("192.168.1.5:80", False),
        ("192.168.1.5", False),
        ("evil.example:8765", False),
        ("192.168.1.5.evil.example:8765", False),
        ("[::1].evil.example:8765", False),
    ],
)
def test_server_on_all_addresses_answers_addresses_but_no_names(
    host: str, allowed: bool, tmp_path: Path
) -> None:
    settings = StudioSettings(data_dir=tmp_path, host="0.0.0.0", token="x" * 16)
    assert make_allowed_hosts(settings).allows_host(host) is allowed


def test_address_is_the_network_of_ipv6() -> None:
    assert name_address("2001:db8::1") == name_address("2001:db8::2")
    assert name_address("2001:db8::1") != name_address("2001:db8:0:1::1")
    assert name_address("203.0.113.5") == "203.0.113.5"


def test_person_may_type_the_token(tmp_path: Path) -> None:
    app = StudioApp(StudioSettings(data_dir=tmp_path))
    headers = {"X-Vidcolor": "", "Cookie": ""}
    wrong = app.post("/open", data={"token": "guess"}, headers=headers)
    assert wrong.status_code == 401
    assert "This token is wrong." in wrong.text
    right = app.post("/open", data={"token": app.token}, headers=headers)
    assert right.status_code == 303
    assert "HttpOnly" in right.headers["set-cookie"]
    foreign = {**headers, "Origin": "https://evil.example"}
    assert app.post("/open", data={"token": app.token}, headers=foreign).status_code == 403
    app.close()
