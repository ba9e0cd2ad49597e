"""Hostile requests, sent byte by byte to a real server: none succeeds, none makes a traceback."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.helpers.studio_server import StudioProcess
from vidcolor.studio.security.bodies import DEFAULT_BYTES
from vidcolor.studio.settings import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_S = 20


@dataclass(frozen=True)
class Answer:
    """A response; status 0 if the server closed the connection without one."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@pytest.fixture(scope="module")
def server(shared_studio_server: StudioProcess) -> Iterator[StudioProcess]:
    """The attacked server. Afterwards it still answers, and has logged no unexpected error."""
    yield shared_studio_server
    with shared_studio_server.client() as client:
        assert client.get("/api/info").status_code == 200
        assert client.get("/api/uploads/x").status_code == 404
    log = (shared_studio_server.data_dir / "logs" / "studio.log").read_text()
    assert [line for line in log.splitlines() if json.loads(line)["level"] == "error"] == []
    assert not [line for line in shared_studio_server.errors if "Traceback" in line]


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


def test_honest_request_succeeds(server: StudioProcess) -> None:
    assert exchange(server, make_request(server)).status == 200


TRAVERSALS = [
    "/../pyproject.toml",
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/..%2f..%2f..%2fetc%2fpasswd",
    "/%252e%252e/%252e%252e/etc/passwd",
    "/..%5c..%5cetc%5cpasswd",
    "/..\\..\\etc\\passwd",
    "/....//....//etc/passwd",
    "//etc/passwd",
    "/pages/../app.py",
    "/pages/..%2fapp.py",
    "/pages/%2e%2e/app.py",
    "/pages//app.py",
    "/pages/.git/config",
    "/.env",
    "/css/%00base.css",
    "/css/base.css%00.jpg",
    "/%c0%ae%c0%ae/etc/passwd",
    "/file:///etc/passwd",
    "/static/../settings.py",
    "/js/../../app.py",
    "/api/uploads/../../etc/passwd",
    "/api/uploads/..%2f..%2fetc%2fpasswd",
    "/api/uploads/....%2f%2fetc",
    "/api/photos/..%2f..%2fstudio.db/image",
    "/api/photos/%2e%2e/image",
    "/api/films/..%5c..%5cstudio.db/frames/0",
    "/api/archives/..%2fstudio.db",
    "/api/jobs/'%20OR%201=1--",
    "/api/uploads/'%20OR%20'1'='1",
    "/studio.db",
    "/uploads/",
    "/logs/studio.log",
    "/token",
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_leads_out_of_the_server(server: StudioProcess, path: str) -> None:
    check_refused(exchange(server, make_request(server, path=path)))


FOREIGN_HOSTS = [
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1.evil.example:{port}",
    "localhost.evil.example:{port}",
    "127.0.0.1:{port}.evil.example",
    "127.0.0.1:{port}@evil.example",
    "evil.example#127.0.0.1:{port}",
    "127.0.0.1",
    "127.0.0.1:1",
    "127.0.0.2:{port}",
    "0.0.0.0:{port}",
    "[::ffff:127.0.0.1]:{port}",
    "2130706433:{port}",
    "0x7f.1:{port}",
    "",
    None,
]


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_rebound_names_are_refused(server: StudioProcess, host: str | None) -> None:
    value = None if host is None else host.format(port=server.port)
    check_refused(exchange(server, make_request(server, headers={"Host": value})), (400, 421))


def test_two_host_headers_are_refused(server: StudioProcess) -> None:
    data = make_request(server).replace(b"\r\n\r\n", b"\r\nHost: evil.example\r\n\r\n")
    check_refused(exchange(server, data), (400,))


def test_absolute_address_of_another_host_is_refused(server: StudioProcess) -> None:
    check_refused(exchange(server, make_request(server, path="http://evil.example/api/info")))


FOREIGN_SITES: list[dict[str, str | None]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "https://127.0.0.1:{port}"},
    {"Origin": "http://localhost:{port}.evil.example"},
    {"Origin": "http://evil.example:{port}"},
    {"Origin": "file://"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    {"X-Vidcolor": None},
    {"X-Vidcolor": "0"},
    {"X-Vidcolor": None, "Content-Type": "text/plain"},
    {"X-Vidcolor": None, "Content-Type": "application/x-www-form-urlencoded"},
    {"X-Vidcolor": None, "Content-Type": "multipart/form-data; boundary=x"},
    {"X-Vidcolor": None, "X-HTTP-Method-Override": "GET"},
]


@pytest.mark.parametrize("headers", FOREIGN_SITES, ids=str)
def test_requests_of_other_sites_change_nothing(
    server: StudioProcess, headers: dict[str, str | None]
) -> None:
    filled = {k: v and v.format(port=server.port) for k, v in headers.items()}
    data = make_request(server, "POST", "/api/links", filled, b"{}")
    check_refused(exchange(server, data), (403,))


def test_pages_of_other_sites_cannot_read(server: StudioProcess) -> None:
    answer = exchange(server, make_request(server, headers={"Origin": "https://evil.example"}))
    check_refused(answer, (403,))
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT", "PROPFIND", "BREW", "get"])
def test_other_methods_are_refused(server: StudioProcess, method: str) -> None:
    headers = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x"}
    answer = exchange(server, make_request(server, method, headers=headers))
    check_refused(answer)
    assert not [name for name in answer.headers if name.startswith("access-control")]


FORGED: list[dict[str, str | None]] = [
    {"Authorization": None},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer "},
    {"Authorization": "Bearer x"},
    {"Authorization": "Bearer {token}x"},
    {"Authorization": "Bearer {token} {token}"},
    {"Authorization": "Basic {token}"},
    {"Authorization": "Bearer \u00e9\u00e9"},
    {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhcGkifQ."},
    {"Authorization": None, "Cookie": "vidcolor-{port}=forged"},
    {"Authorization": None, "Cookie": "vidcolor-{port}={token}"},
    {"Authorization": None, "Cookie": "vidcolor-{port}='; DROP TABLE sessions--"},
    {"Authorization": None, "Cookie": "=;;;=\u00e9; vidcolor-{port}"},
    {"Authorization": None, "X-Forwarded-For": "127.0.0.1"},
    {"Authorization": None, "X-Forwarded-Host": "127.0.0.1:{port}", "X-Forwarded-User": "root"},
]


@pytest.mark.parametrize("headers", FORGED, ids=str)
def test_forged_credentials_are_refused(
    server: StudioProcess, headers: dict[str, str | None]
) -> None:
    filled = {k: v and v.format(port=server.port, token=server.token) for k, v in headers.items()}
    check_refused(exchange(server, make_request(server, headers=filled)), (400, 401, 429))


@pytest.mark.parametrize(
    "path",
    [
        "/open",
        "/open?key=",
        "/open?key=guess",
        "/open?key=%00",
        "/open?key=' OR 1=1--".replace(" ", "%20"),
        "/open?key=" + "A" * 5000,
        "/open?key=a&key=b",
        "/metrics",
    ],
    ids=lambda path: path[:30],
)
def test_links_cannot_be_guessed(server: StudioProcess, path: str) -> None:
    answer = exchange(server, make_request(server, path=path, headers={"Authorization": None}))
    check_refused(answer)
    assert "set-cookie" not in answer.headers


def test_head_request_does_not_use_up_a_link(server: StudioProcess) -> None:
    path = server.make_link().removeprefix(server.base_url)
    no_token = {"Authorization": None}
    check_refused(exchange(server, make_request(server, "HEAD", path, no_token)))
    assert exchange(server, make_request(server, "GET", path, no_token)).status == 303


def many_headers(server: StudioProcess) -> bytes:
    return make_request(server, headers={f"X-{i}": "1" for i in range(200)})


def huge_header(server: StudioProcess) -> bytes:
    return make_request(server, headers={"X-Large": "a" * 100_000})


def endless_header_line(server: StudioProcess) -> bytes:
    return b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000


def long_path(server: StudioProcess) -> bytes:
    return make_request(server, path="/api/photos/" + "a" * 5000)


def long_query(server: StudioProcess) -> bytes:
    return make_request(server, path="/api/info?" + "a=1&" * 4000)


def negative_length(server: StudioProcess) -> bytes:
    return make_request(server, "POST", "/api/uploads", {"Content-Length": "-1"})


def two_lengths(server: StudioProcess) -> bytes:
    data = make_request(server, "POST", "/api/uploads", {"Content-Length": "2"}, b"{}")
    return data.replace(b"\r\n\r\n", b"\r\nContent-Length: 40\r\n\r\n", 1)


def length_and_chunks(server: StudioProcess) -> bytes:
    headers = {"Transfer-Encoding": "chunked", "Content-Length": "2"}
    return make_request(
        server, "POST", "/api/uploads", headers, b"0\r\n\r\nGET /healthz HTTP/1.1\r\n"
    )


def unknown_transfer_encoding(server: StudioProcess) -> bytes:
    return make_request(server, "POST", "/api/uploads", {"Transfer-Encoding": "gzip"}, b"{}")


def invalid_chunk(server: StudioProcess) -> bytes:
    headers = {"Transfer-Encoding": "chunked", "Content-Length": None}
    return make_request(server, "POST", "/api/uploads", headers, b"zz\r\n{}\r\n")


def invalid_version(server: StudioProcess) -> bytes:
    return make_request(server, version="HTTP/9.9")


def http_2_preface(server: StudioProcess) -> bytes:
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(64)


def tls_hello(server: StudioProcess) -> bytes:
    return b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)


def header_injection(server: StudioProcess) -> bytes:
    return make_request(server, headers={"X-A": "1\nX-B: 2\x00"})


def space_before_colon(server: StudioProcess) -> bytes:
    return make_request(server, headers={"Host ": "evil.example"})


def websocket(server: StudioProcess) -> bytes:
    headers = {
        "Authorization": None,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
        "Sec-WebSocket-Version": "13",
    }
    return make_request(server, path="/api/events", headers=headers)


def announced_bomb(server: StudioProcess) -> bytes:
    return make_request(server, "POST", "/api/uploads", {"Content-Length": str(1 << 40)})


def json_bomb(server: StudioProcess) -> bytes:
    return make_request(server, "POST", "/api/uploads", {}, b"[" * (DEFAULT_BYTES - 1))


def large_json(server: StudioProcess) -> bytes:
    body = b'{"name":"' + b"a" * DEFAULT_BYTES + b'","size":1}'
    return make_request(server, "POST", "/api/uploads", {}, body)


def large_chunks(server: StudioProcess) -> bytes:
    headers = {"Transfer-Encoding": "chunked", "Content-Length": None}
    part = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    return make_request(server, "POST", "/api/uploads", headers, part * 8 + b"0\r\n\r\n")


def gzip_bomb(server: StudioProcess) -> bytes:
    body = zlib.compress(bytes(1 << 20))
    return make_request(server, "POST", "/api/uploads", {"Content-Encoding": "gzip"}, body)


def range_flood(server: StudioProcess) -> bytes:
    ranges = ",".join(f"{i}-{i + 1}" for i in range(0, 2000, 2))
    return make_request(server, path="/pages/pages.css", headers={"Range": f"bytes={ranges}"})


def overlapping_ranges(server: StudioProcess) -> bytes:
    ranges = ",".join(["0-"] * 90)
    return make_request(server, path="/pages/pages.css", headers={"Range": f"bytes={ranges}"})


def inverted_range(server: StudioProcess) -> bytes:
    return make_request(server, path="/pages/pages.css", headers={"Range": "bytes=9-1"})


def range_beyond_end(server: StudioProcess) -> bytes:
    headers = {"Range": "bytes=99999999999999999999-"}
    return make_request(server, path="/pages/pages.css", headers=headers)


def post_to_static_file(server: StudioProcess) -> bytes:
    return make_request(server, "PUT", "/pages/pages.css", {}, b"body{}")


def long_event_id(server: StudioProcess) -> bytes:
    headers = {"Last-Event-ID": "9" * 5000}
    return make_request(server, path="/api/events", headers=headers)


@pytest.mark.parametrize(
    "make",
    [
        many_headers, huge_header, endless_header_line, long_path, long_query, negative_length,
        two_lengths, length_and_chunks, unknown_transfer_encoding, invalid_chunk, invalid_version,
        http_2_preface, tls_hello, header_injection, space_before_colon, websocket, announced_bomb,
        json_bomb, large_json, large_chunks, gzip_bomb, range_flood, overlapping_ranges,
        inverted_range, range_beyond_end, post_to_static_file, long_event_id,
    ],
    ids=lambda make: make.__name__,
)  # fmt: skip
def test_malformed_and_oversized_requests_are_refused(server: StudioProcess, make: object) -> None:
    assert callable(make)
    check_refused(exchange(server, make(server)), (*range(400, 500), 501, 505))


BODIES = [
    b"",
    b"null",
    b"[]",
    b"{",
    b"\xff\xfe{}",
    b'{"name":"a.jpg"}',
    b'{"name":"","size":1}',
    b'{"name":"a.jpg","size":0}',
    b'{"name":"a.jpg","size":-5}',
    b'{"name":"a.jpg","size":1e400}',
    b'{"name":"a.jpg","size":NaN}',
    b'{"name":"a.jpg","size":"many"}',
    b'{"name":"a.jpg","size":99999999999999999999999}',
    b'{"name":"a.jpg","size":' + b"9" * 5000 + b"}",
    b'{"name":{"$ne":1},"size":1}',
    b'{"name":"\\ud800","size":1}',
    b'{"name":"a.jpg","size":1,"sha256":"../../etc/passwd"}',
    b'{"name":"a.jpg","size":1,"kind":"exe"}',
    b'{"name":"a.mov","size":1099511627776,"kind":"film"}',
    b'{"name":"a.jpg","size":1073741824,"kind":"photo"}',
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:50]))
def test_invalid_uploads_are_not_started(server: StudioProcess, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    answer = exchange(server, make_request(server, "POST", "/api/uploads", headers, body))
    check_refused(answer)


def begin_upload(server: StudioProcess, size: int, name: str = "photo.jpg") -> str:
    with server.client() as client:
        response = client.post("/api/uploads", json={"name": name, "size": size})
        assert response.status_code == 201
        return f"/api/uploads/{response.json()['id']}"


@pytest.mark.parametrize("offset", [None, "", "-1", "1", "abc", "9" * 30, "0x0", "0, 0", "١"])
def test_invalid_offsets_are_refused(server: StudioProcess, offset: str | None) -> None:
    path = begin_upload(server, 1000)
    headers = {"Upload-Offset": offset}
    check_refused(exchange(server, make_request(server, "PATCH", path, headers, b"a" * 10)))
    with server.client() as client:
        assert client.get(path).json()["received"] == 0
        assert client.delete(path).status_code == 204


def test_parts_cannot_exceed_the_announced_size_or_the_limit(server: StudioProcess) -> None:
    path = begin_upload(server, 10)
    headers = {"Upload-Offset": "0"}
    check_refused(exchange(server, make_request(server, "PATCH", path, headers, b"a" * 11)), (413,))
    large = make_request(server, "PATCH", path, headers, bytes(CHUNK_BYTES + 1))
    check_refused(exchange(server, large), (413,))


def test_uploads_of_other_clients_are_invisible(server: StudioProcess) -> None:
    path = begin_upload(server, 10)
    link = server.make_link().removeprefix(server.base_url)
    opened = exchange(server, make_request(server, path=link, headers={"Authorization": None}))
    cookie = opened.headers["set-cookie"].partition(";")[0]
    for method in ("GET", "PATCH", "DELETE"):
        headers = {"Authorization": None, "Cookie": cookie, "Upload-Offset": "0"}
        body = b"a" if method == "PATCH" else b""
        check_refused(exchange(server, make_request(server, method, path, headers, body)), (404,))


def make_zip_with_traversal() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../../../tmp/evil.jpg", b"\xff\xd8\xff")
    return buffer.getvalue()


FILES = {
    "svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "svg without declaration": b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>',
    "svg after a comment": b"<!-- x --><svg/>",
    "svg with a byte order mark": b"\xef\xbb\xbf<svg/>",
    "html": b"<!DOCTYPE html><script>alert(1)</script>",
    "html in lower case": b"  \n<html><body onload=alert(1)>",
    "zip": make_zip_with_traversal(),
    "ffconcat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "concat list": b"file '/etc/passwd'\nfile 'http://evil.example/x'\n",
    "hls": b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
    "hls with a byte order mark": b"\xef\xbb\xbf#EXTM3U\nhttp://evil.example/x.ts\n",
    "dash": b'<?xml version="1.0"?><MPD><BaseURL>file:///etc/passwd</BaseURL></MPD>',
    "dash without declaration": b"<MPD><BaseURL>http://evil.example/</BaseURL></MPD>",
    "sdp": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 1234 RTP/AVP 96\r\n",
    "playlist": b"[playlist]\nFile1=/etc/passwd\n",
    "pdf": b"%PDF-1.7\n%\xe2\xe3",
    "elf": b"\x7fELF\x02\x01\x01" + bytes(100),
    "exe": b"MZ\x90\x00" + bytes(100),
    "script": b"#!/bin/sh\nrm -rf /\n",
    "gzip": b"\x1f\x8b\x08\x00" + bytes(100),
    "pickle": b"\x80\x04\x95cos\nsystem\n",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "mvg": b"push graphic-context\nimage over 0,0 0,0 '|ls'\n",
    "text": b"hello",
    "zeros": bytes(1000),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("name", ["photo.jpg", "film.mp4"])
def test_files_that_are_no_pictures_are_refused_and_deleted(
    server: StudioProcess, kind: str, name: str
) -> None:
    data = FILES[kind]
    path = begin_upload(server, len(data), name)
    with server.client() as client:
        response = client.patch(path, content=data, headers={"Upload-Offset": "0"})
        assert response.status_code == 415
        assert response.json()["code"] == "unsupported"
        assert client.get(path).status_code == 404
    assert not (server.data_dir / "uploads" / path.rpartition("/")[2]).exists()
