"""Events over HTTP: all of them arrive, and a failure of the endpoint does not stop the run."""

from __future__ import annotations

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from vidcolor.cli import event_sender
from vidcolor.cli.event_sender import EventSender


@pytest.fixture
def endpoint():
    """Serve HTTP; return the address and the events that arrive, with their headers."""
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append({"headers": dict(self.headers), **json.loads(body)})
            self.send_response(500 if self.path == "/broken" else 204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", received
    server.shutdown()
    server.server_close()


def test_events_of_a_film_are_sent(vidcolor, clip, endpoint):
    address, received = endpoint
    source = clip("mkv", frames=12)
    run = vidcolor("colorize", source, "-o", "a.mp4", "--progress-url", f"http://u:p@{address}/x")
    assert run.code == 0 and not run.err
    assert run.out[-1].startswith("a.mp4: 12 frames")
    names = [e["event"] for e in received]
    assert names[0] == "start" and names[-2:] == ["done", "summary"]
    stages = {e["stage"]: e for e in received if e["event"] == "progress"}
    assert stages["colorize"]["done"] == 12
    assert stages["colorize"]["eta_s"] == 0
    assert stages["colorize"]["fps"] > 0
    assert stages["colorize"]["bytes_written"] == stages["colorize"]["bytes_expected"] > 0
    assert stages["join"]["bytes_expected"] > 0
    assert received[0]["headers"]["Authorization"] == "Basic dTpw"
    assert vidcolor("colorize", "no.mp4", "--progress-url", f"http://{address}/x").code == 1
    assert received[-1]["event"] == "failed" and "no such file" in received[-1]["error"]


def test_endpoint_that_fails_is_named_once(vidcolor, clip, endpoint):
    address, _ = endpoint
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        unused = closed.getsockname()[1]
    source = clip("mkv", frames=3)
    for number, url in enumerate((f"http://{address}/broken", f"http://127.0.0.1:{unused}/")):
        run = vidcolor("colorize", source, "-o", f"{number}.mp4", "--progress-url", url)
        assert run.code == 0
        assert len(run.err) == 1 and "the run continues, and these events are lost" in run.err[0]


def test_endpoint_that_hangs_does_not_delay_the_run(monkeypatch):
    monkeypatch.setattr(event_sender, "TIMEOUT_S", 0.2)
    warnings = []
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        sender = EventSender(f"http://127.0.0.1:{silent.getsockname()[1]}", warnings.append)
        start = time.monotonic()
        for n in range(5000):
            sender.send({"event": "warning", "text": str(n)})
        sender.close()
        assert time.monotonic() - start < 2
    assert "timed out" in warnings[0]


@pytest.mark.parametrize("url", ["ftp://host/x", "localhost:80", "http://", "http://h:port/"])
def test_other_urls_are_refused(vidcolor, url):
    run = vidcolor("colorize", "a.png", "--progress-url", url)
    assert run.code == 2
    assert "is not an HTTP URL; write http://host:port/path" in run.err[0]
