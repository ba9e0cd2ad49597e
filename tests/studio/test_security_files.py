"""Hostile uploads to a real server: invalid announcements, parts and files."""

from __future__ import annotations

import io
import zipfile

import pytest

from tests.helpers.studio_server import StudioProcess
from tests.studio.raw_http import check_refused, exchange, make_request
from vidcolor.studio.settings import CHUNK_BYTES

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
def test_invalid_uploads_are_not_started(attacked: StudioProcess, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    answer = exchange(attacked, make_request(attacked, "POST", "/api/uploads", headers, body))
    check_refused(answer)


def begin_upload(attacked: StudioProcess, size: int) -> str:
    with attacked.client() as client:
        response = client.post("/api/uploads", json={"name": "photo.jpg", "size": size})
        assert response.status_code == 201
        return f"/api/uploads/{response.json()['id']}"


@pytest.mark.parametrize("offset", [None, "", "-1", "1", "abc", "9" * 30, "0x0", "0, 0", "١"])
def test_invalid_offsets_are_refused(attacked: StudioProcess, offset: str | None) -> None:
    path = begin_upload(attacked, 1000)
    headers = {"Upload-Offset": offset}
    check_refused(exchange(attacked, make_request(attacked, "PATCH", path, headers, b"a" * 10)))
    with attacked.client() as client:
        assert client.get(path).json()["received"] == 0
        assert client.delete(path).status_code == 204


def test_parts_cannot_exceed_the_announced_size_or_the_limit(
    attacked: StudioProcess,
) -> None:
    path = begin_upload(attacked, 10)
    headers = {"Upload-Offset": "0"}
    check_refused(
        exchange(attacked, make_request(attacked, "PATCH", path, headers, b"a" * 11)),
        (413,),
    )
    large = make_request(attacked, "PATCH", path, headers, bytes(CHUNK_BYTES + 1))
    check_refused(exchange(attacked, large), (413,))


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
def test_files_that_are_no_pictures_are_refused_and_deleted(
    attacked: StudioProcess, kind: str
) -> None:
    data = FILES[kind]
    path = begin_upload(attacked, len(data))
    with attacked.client() as client:
        response = client.patch(path, content=data, headers={"Upload-Offset": "0"})
        assert response.status_code == 415
        assert response.json()["code"] == "unsupported"
        assert client.get(path).status_code == 404
    assert not (attacked.data_dir / "uploads" / path.rpartition("/")[2]).exists()
