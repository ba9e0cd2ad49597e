"""Malformed and oversized requests, sent byte by byte to a real server."""

from __future__ import annotations

import zlib

import pytest

from tests.helpers.studio_server import StudioProcess
from tests.studio.raw_http import check_refused, exchange, make_request
from vidcolor.studio.security.bodies import DEFAULT_BYTES


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
def test_malformed_and_oversized_requests_are_refused(
    attacked: StudioProcess, make: object
) -> None:
    assert callable(make)
    check_refused(exchange(attacked, make(attacked)), (*range(400, 500), 501, 505))
