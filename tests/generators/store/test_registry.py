"""Weights by name: pulled from a server that may do anything, imported, listed, verified."""

import hashlib
import http.server
import os
import re
import threading
import time

import pytest
import torch

from tests.helpers.published import state_dict
from vidcolor.errors import DownloadError, UsageError, WeightsError
from vidcolor.generators import load_generator
from vidcolor.generators.store import download, registry
from vidcolor.generators.store.importer import import_weights
from vidcolor.generators.store.registry import Entry, Source

CONTENT = bytes(range(256)) * 4096
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(registry.HOME, str(tmp_path / "home"))
    monkeypatch.setattr(download, "PAUSE_S", 0.01)
    for name in (
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home" / "models"


class Server(http.server.ThreadingHTTPServer):
    """What each path does is in `do`; requests are noted."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.released = threading.Event()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path.rpartition("/")[2]
        wanted = self.headers.get("Range")
        self.server.asked.append((path, wanted))
        getattr(self, path.partition(".")[0].replace("-", "_"))(wanted)

    def send(self, body, status=200, kind="application/octet-stream", length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def good(self, wanted):
        if wanted is None:
            return self.send(CONTENT, ETag='"one"')
        begin = int(re.match(r"bytes=(\d+)-", wanted)[1])
        if begin >= len(CONTENT):
            return self.send(b"", 416)
        where = f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}"
        return self.send(CONTENT[begin:], 206, Content_Range=where)

    def breaking(self, wanted):
        """The first time half of it comes, with the length of the whole."""
        if wanted is None:
            self.send(CONTENT[: len(CONTENT) // 2], length=len(CONTENT), ETag='"one"')
        else:
            self.good(wanted)

    def changed(self, wanted):
        """What was begun is another file by now: the whole comes instead of the rest."""
        if wanted is None:
            self.send(CONTENT[:1000], length=len(CONTENT), ETag='"one"')
        else:
            self.send(CONTENT, ETag='"two"')

    def always_breaking(self, wanted):
        begin = 0 if wanted is None else int(re.match(r"bytes=(\d+)-", wanted)[1])
        part = CONTENT[begin : begin + 100]
        where = f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}"
        status = 200 if wanted is None else 206
        self.send(part, status, length=len(CONTENT) - begin, Content_Range=where)

    def no_ranges(self, wanted):
        """A server that always sends the whole, broken off the first time."""
        first = sum(path == "no-ranges.pth" for path, _ in self.server.asked) == 1
        self.send(CONTENT[:5000] if first else CONTENT, length=len(CONTENT))

    def other(self, _):
        self.send(CONTENT[::-1])

    def page(self, _):
        self.send(b"<!DOCTYPE html><html>Sign in</html>", kind="text/html")

    def disguised(self, _):
        self.send(b"\n<html>Quota exceeded</html>")

    def gone(self, _):
        self.send_error(404)

    def busy(self, wanted):
        """503 twice, then well."""
        if sum(path == "busy.pth" for path, _ in self.server.asked) < 3:
            self.send_error(503)
        else:
            self.good(wanted)

    def moved(self, _):
        self.send(b"", 302, Location=self.server.url("good.pth"))

    def slow(self, _):
        self.send(CONTENT[:100], length=len(CONTENT))
        self.server.released.wait(10)


@pytest.fixture
def server():
    running = Server()
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.released.set()
    running.shutdown()
    running.server_close()


def entry(*sources, name="some"):
    return Entry(name, "eccv16", "Some", "films", "plain", "MIT", "http://nowhere", sources)


def good(server, path, **more):
    return Source(server.url(path), **{"sha256": DIGEST, "bytes": len(CONTENT), **more})


@pytest.mark.parametrize(
    "path",
    ["good.pth", "breaking.pth", "changed.pth", "no-ranges.pth", "busy.pth", "moved.pth"],
)
def test_pull(server, home, path):
    told = []
    got = download.pull(entry(good(server, path)), lambda *said: told.append(said))
    assert got == home / "some.pth"
    assert got.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    record = registry.record_of(got)
    assert (record.sha256, record.stated, record.origin) == (DIGEST, True, server.url(path))
    assert [p.name for p in home.iterdir() if p.name.endswith((".part", ".part.json"))] == []
    asked = len(server.asked)
    assert download.pull(entry(good(server, path))) == got  # it is there
    assert len(server.asked) == asked


def test_it_goes_on_where_it_stopped(server, home):
    with pytest.raises(DownloadError, match="are kept, go on with the same command"):
        download.pull(entry(good(server, "always-breaking.pth")))
    begun = (home / ".some.0.part").stat().st_size
    assert begun == 100 * download.TRIES
    assert not (home / "some.pth").exists()
    download.pull(entry(good(server, "good.pth")))
    assert server.asked[-1] == ("good.pth", f"bytes={begun}-")
    assert (home / "some.pth").read_bytes() == CONTENT


def test_a_part_of_something_else_is_found_out(server, home):
    home.mkdir(parents=True)
    (home / ".some.0.part").write_bytes(b"x" * 1000)
    with pytest.raises(DownloadError, match="something else"):
        download.pull(entry(good(server, "good.pth")))
    download.pull(entry(good(server, "good.pth")))  # what was bad is not kept
    assert (home / "some.pth").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("other.pth", "something else"),
        ("page.pth", "a web page"),
        ("disguised.pth", "a web page"),
        ("gone.pth", "404"),
    ],
)
def test_what_is_not_it_gets_no_name(server, home, path, said):
    with pytest.raises(DownloadError, match=said) as caught:
        download.pull(entry(good(server, path)))
    text = str(caught.value)
    assert "\n" not in text
    # What to do by hand: what to fetch, how to check it, where to put it.
    assert all(words in text for words in (server.url(path), DIGEST, str(home / "some.pth")))
    assert [p.name for p in home.iterdir()] in ([], [".some.lock"])


def test_another_size_is_not_it(server):
    source = good(server, "good.pth", sha256=None, bytes=len(CONTENT) + 1)
    with pytest.raises(DownloadError):
        download.pull(entry(source))


def test_a_silent_server(server, monkeypatch):
    monkeypatch.setattr(download, "STALL_S", 0.2)
    monkeypatch.setattr(download, "TRIES", 2)
    began = time.monotonic()
    with pytest.raises(DownloadError, match="nothing came"):
        download.pull(entry(good(server, "slow.pth")))
    assert time.monotonic() - began < 5


def test_mirrors_are_tried_in_turn(server, home):
    sources = [good(server, path) for path in ("gone.pth", "other.pth", "good.bin")]
    assert download.pull(entry(*sources)) == home / "some.bin"
    assert [path for path, _ in server.asked] == ["gone.pth", "other.pth", "good.bin"]


def test_without_a_stated_digest_it_says_so(server):
    path = download.pull(entry(good(server, "good.pth", sha256=None)))
    assert registry.record_of(path).stated is False


def test_no_network(home):
    source = Source("http://weights.invalid/some.pth", DIGEST)
    with pytest.raises(DownloadError, match=r"fetch http://weights\.invalid/some\.pth elsewhere"):
        download.pull(entry(source))


def test_a_proxy_is_used(server, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "")
    download.pull(entry(Source("http://weights.invalid/good.pth", DIGEST)))
    assert server.asked == [("good.pth", None)]


def test_the_disk_is_too_small(server, monkeypatch):
    from types import SimpleNamespace

    from vidcolor.errors import OutputError

    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(OutputError, match="make room"):
        download.pull(entry(good(server, "good.pth")))


def test_every_entry_is_whole():
    from vidcolor.generators.store.architectures import ARCHITECTURES

    for name, known in registry.registry_entries().items():
        assert registry.check_name(name) == name
        assert known.architecture in (*ARCHITECTURES, "onnx")
        assert known.license and known.task and known.look and known.project.startswith("https://")
        for source in known.sources:
            assert source.url.startswith("https://") and source.suffix in registry.SUFFIXES
            assert source.sha256 is None or re.fullmatch("[0-9a-f]{64}", source.sha256)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "colorization_release_v2-9b330a0b.pth"
    torch.save(state_dict("eccv16"), path)
    return path


def test_import(checkpoint, home):
    from safetensors import safe_open

    path = import_weights(checkpoint, license="BSD-2-Clause")
    assert path == home / "eccv16.safetensors"
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == checkpoint.stat().st_mode & 0o777
    with safe_open(path, "pt") as file:
        said = file.metadata()
    assert (said["architecture"], said["original"]) == ("eccv16", checkpoint.name)
    assert said["original_sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    luma = torch.rand(1, 1, 64, 64) * 100
    ours, theirs = (load_generator(m, "cpu", "fp32") for m in ("eccv16", str(checkpoint)))
    assert torch.equal(ours(luma).ab, theirs(luma).ab)
    assert registry.find_model("eccv16").license == "BSD-2-Clause"
    with pytest.raises(UsageError, match="is here already"):
        import_weights(checkpoint)
    import_weights(checkpoint, force=True)


def test_import_under_a_name_of_ones_own(checkpoint):
    import_weights(checkpoint, name="mine", commercial=False)
    row = registry.find_model("mine")
    assert (row.entry, row.license, row.commercial) == (None, "unknown", False)
    assert load_generator("mine", "cpu", "fp32").name == "mine"


@pytest.mark.parametrize("name", ["embedded", "../up", "a b", "x.pth", "-x", "ä"])
def test_names_that_cannot_be(checkpoint, name):
    with pytest.raises(UsageError, match="name"):
        import_weights(checkpoint, name=name)


def test_import_of_what_is_none(tmp_path, home):
    path = tmp_path / "page.pth"
    path.write_text("<html>")
    with pytest.raises(WeightsError, match="web page"):
        import_weights(path)
    assert not home.exists() or not any(home.iterdir())


def test_import_of_vidcolors_own(home):
    from vidcolor.generators.store.weights import packaged_file

    own = packaged_file("embedded.safetensors")
    path = import_weights(own, name="copy")
    assert path.read_bytes() == own.read_bytes()
    assert load_generator("copy", "cpu", "fp32").accepts_hints


def test_weights_put_there_by_hand(checkpoint, home):
    home.mkdir(parents=True)
    (home / "deoldify-video.pth").write_bytes(checkpoint.read_bytes())  # it is not, but no matter
    assert load_generator("deoldify-video", "cpu", "fp32").name == "deoldify-video"


def test_weights_that_were_changed_since(checkpoint):
    path = import_weights(checkpoint)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="damaged or replaced"):
        load_generator("eccv16", "cpu", "fp32")


def test_names_that_nobody_knows():
    with pytest.raises(WeightsError, match=r"'deoldifi' is unknown.*deoldify-video"):
        load_generator("deoldifi")
    with pytest.raises(WeightsError, match="vidcolor models pull ddcolor"):
        load_generator("ddcolor")


def test_home_is_the_platforms_cache(monkeypatch):
    monkeypatch.delenv(registry.HOME)
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert registry.cache_dir().name == "models" and "vidcolor" in str(registry.cache_dir())
