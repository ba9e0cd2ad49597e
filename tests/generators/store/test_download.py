"""Downloads from a local HTTP server that simulates faults."""

import hashlib
import http.server
import re
import threading
import time

import pytest

from vidcolor.errors import DownloadError, OutputError
from vidcolor.generators.store import registry
from vidcolor.generators.store.download import RetryPolicy, pull_weights
from vidcolor.generators.store.registry import DownloadSource, RegistryEntry

CONTENT = bytes(range(256)) * 4096
DIGEST = hashlib.sha256(CONTENT).hexdigest()
POLICY = RetryPolicy(pause_s=0.01)


@pytest.fixture(autouse=True)
def no_proxy(cache, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Server(http.server.ThreadingHTTPServer):
    """A server that records its requests, and whose behavior depends on the path."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []
        self.stopped = threading.Event()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}/{path}"

    def count(self, path):
        return sum(requested == path for requested, _ in self.requests)


class Handler(http.server.BaseHTTPRequestHandler):
    """A handler with one method for each path; `range_header` is the Range header or None."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path.rpartition("/")[2]
        range_header = self.headers.get("Range")
        self.server.requests.append((path, range_header))
        getattr(self, path.partition(".")[0].replace("-", "_"))(range_header)

    def send(self, body, status=200, kind="application/octet-stream", length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def good(self, range_header):
        if range_header is None:
            return self.send(CONTENT, ETag='"one"')
        start = int(re.match(r"bytes=(\d+)-", range_header)[1])
        if start >= len(CONTENT):
            return self.send(b"", 416)
        content_range = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        return self.send(CONTENT[start:], 206, Content_Range=content_range)

    def interrupted(self, range_header):
        """Send only half of the file in the first response."""
        if range_header is None:
            self.send(CONTENT[: len(CONTENT) // 2], length=len(CONTENT), ETag='"one"')
        else:
            self.good(range_header)

    def changed(self, range_header):
        """Change the file after the first response, so that the second has the whole file."""
        if range_header is None:
            self.send(CONTENT[:1000], length=len(CONTENT), ETag='"one"')
        else:
            self.send(CONTENT, ETag='"two"')

    def always_interrupted(self, range_header):
        """Send only 100 bytes in each response."""
        start = 0 if range_header is None else int(re.match(r"bytes=(\d+)-", range_header)[1])
        content_range = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        status = 200 if range_header is None else 206
        body, length = CONTENT[start : start + 100], len(CONTENT) - start
        self.send(body, status, length=length, Content_Range=content_range)

    def no_ranges(self, range_header):
        """Ignore the Range header, and interrupt the first response."""
        is_first = self.server.count("no-ranges.pth") == 1
        self.send(CONTENT[:5000] if is_first else CONTENT, length=len(CONTENT))

    def another_file(self, _):
        self.send(CONTENT[::-1])

    def web_page(self, _):
        self.send(b"<!DOCTYPE html><html>Sign in</html>", kind="text/html")

    def disguised_web_page(self, _):
        self.send(b"\n<html>Quota exceeded</html>")

    def gone(self, _):
        self.send_error(404)

    def busy(self, range_header):
        """Send status 503 twice, and then the file."""
        if self.server.count("busy.pth") < 3:
            self.send_error(503)
        else:
            self.good(range_header)

    def moved(self, _):
        self.send(b"", 302, Location=self.server.url("good.pth"))

    def huge(self, _):
        """Announce more bytes than any disk has."""
        self.send(b"x", length=1 << 60)

    def silent(self, _):
        """Send 100 bytes, and then nothing for 10 s."""
        self.send(CONTENT[:100], length=len(CONTENT))
        self.server.stopped.wait(10)


@pytest.fixture
def server():
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.stopped.set()
    server.shutdown()
    server.server_close()


def make_entry(*sources):
    return RegistryEntry(
        "some", "eccv16", "Some", "films", "plain", "MIT", "http://nowhere", sources
    )


def make_source(server, path, **changes):
    facts = {"sha256": DIGEST, "bytes": len(CONTENT), **changes}
    return DownloadSource(server.url(path), **facts)


def pull(*sources, policy=POLICY, **options):
    return pull_weights(make_entry(*sources), policy=policy, **options)


@pytest.mark.parametrize(
    "path",
    ["good.pth", "interrupted.pth", "changed.pth", "no-ranges.pth", "busy.pth", "moved.pth"],
)
def test_file_is_downloaded_and_verified(server, cache, path):
    reports = []
    source = make_source(server, path)
    file = pull(source, report=lambda *report: reports.append(report))
    assert file == cache / "some.pth"
    assert file.read_bytes() == CONTENT
    assert reports[-1] == (len(CONTENT), len(CONTENT))
    record = registry.read_record(file)
    assert (record.sha256, record.digest_verified, record.origin) == (DIGEST, True, source.url)
    assert [p.name for p in cache.iterdir() if p.name.endswith((".part", ".part.json"))] == []


def test_installed_file_is_not_downloaded_again_without_force(server):
    source = make_source(server, "good.pth")
    assert pull(source) == pull(source)
    assert server.count("good.pth") == 1
    pull(source, force=True)
    assert server.count("good.pth") == 2


def test_next_call_resumes_an_interrupted_download(server, cache):
    with pytest.raises(DownloadError, match="are kept, run the same command again to resume"):
        pull(make_source(server, "always-interrupted.pth"))
    received = (cache / ".some.0.part").stat().st_size
    assert received == 100 * POLICY.max_attempts
    assert not (cache / "some.pth").exists()
    pull(make_source(server, "good.pth"))
    assert server.requests[-1] == ("good.pth", f"bytes={received}-")
    assert (cache / "some.pth").read_bytes() == CONTENT


def test_partial_file_of_other_content_is_deleted(server, cache):
    cache.mkdir(parents=True)
    (cache / ".some.0.part").write_bytes(b"x" * 1000)
    with pytest.raises(DownloadError, match="another file"):
        pull(make_source(server, "good.pth"))
    pull(make_source(server, "good.pth"))
    assert (cache / "some.pth").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("another-file.pth", "another file"),
        ("web-page.pth", "a web page"),
        ("disguised-web-page.pth", "a web page"),
        ("gone.pth", "HTTP 404"),
    ],
)
def test_wrong_content_is_not_installed(server, cache, path, message):
    with pytest.raises(DownloadError, match=message) as caught:
        pull(make_source(server, path))
    error = str(caught.value)
    assert "\n" not in error
    # The message has what a manual installation needs: URL, digest and target.
    assert all(part in error for part in (server.url(path), DIGEST, str(cache / "some.pth")))
    assert [p.name for p in cache.iterdir()] in ([], [".some.lock"])


def test_file_of_another_size_is_rejected(server):
    with pytest.raises(DownloadError, match="expected 1048577"):
        pull(make_source(server, "good.pth", sha256=None, bytes=len(CONTENT) + 1))


@pytest.mark.slow
def test_silent_server_times_out(server):
    start = time.monotonic()
    with pytest.raises(DownloadError, match=r"no data for 0\.2 s"):
        pull(make_source(server, "silent.pth"), policy=RetryPolicy(0.2, 2, 0.01))
    assert time.monotonic() - start < 5


def test_sources_are_tried_in_order(server, cache):
    paths = ["gone.pth", "another-file.pth", "good.bin"]
    assert pull(*(make_source(server, path) for path in paths)) == cache / "some.bin"
    assert [path for path, _ in server.requests] == paths


def test_file_without_a_published_digest_is_not_verified(server):
    path = pull(make_source(server, "good.pth", sha256=None))
    assert registry.read_record(path).digest_verified is False


def test_unknown_host_is_not_retried():
    source = DownloadSource("http://weights.invalid/some.pth", DIGEST)
    start = time.monotonic()
    with pytest.raises(DownloadError, match=r"download http://weights\.invalid/some\.pth elsewh"):
        pull(source, policy=RetryPolicy(pause_s=60))
    assert time.monotonic() - start < 30


def test_proxy_variables_of_the_environment_are_used(server, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "")
    pull(DownloadSource("http://weights.invalid/good.pth", DIGEST))
    assert server.requests == [("good.pth", None)]


def test_file_that_does_not_fit_on_the_disk_is_rejected(server):
    with pytest.raises(OutputError, match="MB needed; free some space"):
        pull(make_source(server, "huge.pth", bytes=None))
