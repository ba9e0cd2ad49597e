"""The command and its process: start, stop, errors, and what survives a restart."""

from __future__ import annotations

import json
import platform
import queue
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.helpers.studio_server import MUTATION, ROOT, StudioApp, StudioProcess
from vidcolor import cli
from vidcolor.cli.studio import StudioOptions
from vidcolor.studio.server import DRAIN_SECONDS
from vidcolor.studio.settings import StudioSettings

HEAP_BYTES = 64 << 20
"""Address space that the GNU C library reserves for the heap of a thread, and its alignment."""


def run_command(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = cli.run(["studio", "--no-browser", *arguments])
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "add --token, or --proxy"),
        (["--host", "192.168.1.5"], "add --token, or --proxy"),
        (["--host", "::"], "add --token, or --proxy"),
        (["--token", "short"], "at least 16 characters"),
        (["--token", "with spaces and ümlauts"], "ASCII"),
        (["--proxy", "studio.example.org"], "write a URL"),
        (["--proxy", "https://example.org/studio"], "host name of its own"),
        (["--host", "no host", "--proxy", "https://example.org"], "is not an address"),
        (["missing.jpg"], "no such file"),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = run_command(
        *arguments, "--port", "0", "--data", str(tmp_path / "d"), capsys=capsys
    )
    assert code in (1, 2)
    assert message in text
    assert text.count("\n") == 1
    assert "Traceback" not in text


def test_port_in_use_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        code, text = run_command("--port", port, "--data", str(tmp_path / "d"), capsys=capsys)
    assert code == 2
    assert text == (
        f"vidcolor: port {port} is in use; choose another --port, or 0 for any free one\n"
    )


def test_data_that_is_a_file_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file"
    path.touch()
    code, text = run_command("--port", "0", "--data", str(path), capsys=capsys)
    assert code == 1
    assert text == f"vidcolor: {path}: is a file; choose another --data\n"


def test_unwritable_data_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = run_command("--port", "0", "--data", "/proc/studio", capsys=capsys)
    assert code == 1
    assert "/proc/studio: cannot be used for data" in text
    assert text.count("\n") == 1


def test_folder_without_pictures_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    (folder / "notes.txt").write_text("x")
    data = str(tmp_path / "d")
    code, text = run_command(str(folder), "--port", "0", "--data", data, capsys=capsys)
    assert code == 1
    assert "contains no film and no photo" in text
    assert text.count("\n") == 1


def test_missing_extra_is_one_line() -> None:
    code = (
        "import sys, importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'limits' else find(name, *a)\n"
        "from vidcolor import cli; sys.exit(cli.run(['studio']))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "pip install 'vidcolor[studio]'" in result.stderr


def test_link_opens_one_browser_once(shared_studio_server: StudioProcess) -> None:
    link = shared_studio_server.link
    with httpx.Client() as first, httpx.Client() as second:
        opened = first.get(link)
        assert opened.status_code == 303
        cookie = opened.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        url = shared_studio_server.base_url
        assert first.get(f"{url}/api/info").status_code == 200
        assert second.get(link).status_code == 401
        assert second.get(f"{url}/api/info").status_code == 401
        assert first.get(link).status_code == 303  # reloaded in the browser that used it
        other = first.post(f"{url}/api/links", headers=MUTATION).json()["url"]
        assert second.get(other).status_code == 303
        assert second.get(f"{url}/api/info").status_code == 200


def test_link_of_another_site_forwards_by_a_page(shared_studio_server: StudioProcess) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    response = httpx.get(shared_studio_server.make_link(), headers=headers)
    assert response.status_code == 200
    assert "http-equiv" in response.text
    assert "set-cookie" in response.headers


def test_server_loads_neither_torch_nor_ffmpeg(shared_studio_server: StudioProcess) -> None:
    with shared_studio_server.client() as client:
        assert client.get("/api/info").json()["still_formats"]
        photo = (ROOT / "samples" / "photo.jpg").read_bytes()
        body = {"name": "photo.jpg", "size": len(photo)}
        upload = client.post("/api/uploads", json=body).json()
        url = f"/api/uploads/{upload['id']}"
        done = client.patch(url, content=photo, headers={"Upload-Offset": "0"}).json()
        assert done["kind"] == "photo"
    assert shared_studio_server.process is not None
    maps = Path(f"/proc/{shared_studio_server.process.pid}/maps").read_text()
    assert not [name for name in ("libtorch", "libavcodec", "cv2", "PIL") if name in maps]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="heaps of the GNU C library")
def test_threads_of_the_server_share_two_heaps(shared_studio_server: StudioProcess) -> None:
    """Otherwise each thread has one, and its memory grows for as long as it is used."""
    with shared_studio_server.client() as client, ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: client.get("/api/jobs").raise_for_status(), range(100)))
    assert shared_studio_server.process is not None
    maps = Path(f"/proc/{shared_studio_server.process.pid}/maps").read_text()
    areas = re.findall(r"^(\w+)-(\w+) rw-p .*\n\2-(\w+) ---p", maps, re.MULTILINE)
    sizes = [(int(start, 16) % HEAP_BYTES, int(end, 16) % HEAP_BYTES) for start, _, end in areas]
    assert sizes.count((0, 0)) <= 1  # the first heap is not reserved in advance


def test_every_option_reaches_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[StudioSettings] = []
    monkeypatch.setattr(
        "vidcolor.studio.server.run_server",
        lambda settings, listener, sources, print_log: received.append(settings),
    )
    expected = {
        "data_dir": tmp_path / "d", "host": "localhost", "token": "t" * 16,
        "proxy": "https://studio.example.org", "keep_minutes": 7.5, "workers": 3,
        "model": "other", "device": "cpu", "engine": "ray", "ray_address": "head:6379",
    }  # fmt: skip
    options = {("data" if name == "data_dir" else name): v for name, v in expected.items()}
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    assert cli.run(["studio", "--no-browser", "--port", "0", *arguments]) == 0
    (settings,) = received
    assert {name: getattr(settings, name) for name in expected} == expected
    assert settings.port > 0
    defaults = StudioSettings(data_dir=tmp_path)
    assert all(getattr(defaults, name) != value for name, value in expected.items())
    own = {*StudioOptions.model_fields, "model", "device", "engine", "ray_address"}
    assert own - {"browser", "port"} == set(options)


def test_link_is_opened_in_the_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: queue.Queue[str] = queue.Queue()
    monkeypatch.setattr("vidcolor.studio.server.run_server", lambda *_, **__: None)
    monkeypatch.setattr("webbrowser.open", lambda url: opened.put(url) or True)
    assert cli.run(["studio", "--port", "0", "--data", str(tmp_path)]) == 0
    assert opened.get(timeout=10).startswith("http://127.0.0.1:")
    assert cli.run(["studio", "--port", "0", "--data", str(tmp_path), "--no-browser"]) == 0
    assert opened.empty()


def test_sessions_links_and_uploads_survive_a_crash(shared_studio_server: StudioProcess) -> None:
    studio_server = shared_studio_server
    token, link = studio_server.token, studio_server.make_link()
    photo = (ROOT / "samples" / "photo.jpg").read_bytes()
    with httpx.Client(base_url=studio_server.base_url, headers=MUTATION) as browser:
        assert browser.get(studio_server.make_link()).status_code == 303
        upload = browser.post("/api/uploads", json={"name": "photo.jpg", "size": len(photo)}).json()
        url = f"/api/uploads/{upload['id']}"
        browser.patch(url, content=photo[:5000], headers={"Upload-Offset": "0"})
        studio_server.restart()
        assert studio_server.token == token
        assert browser.get(url).json()["received"] == 5000
        assert browser.get("/api/photos").json() == []
        offset = {"Upload-Offset": "5000"}
        assert browser.patch(url, content=photo[5000:], headers=offset).json()["kind"] == "photo"
    with httpx.Client(base_url=studio_server.base_url) as other:
        assert other.get(link).status_code == 303


def test_second_server_on_the_same_data_is_refused(
    shared_studio_server: StudioProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(shared_studio_server.data_dir)
    code, text = run_command("--port", "0", "--data", data, capsys=capsys)
    assert code == 1
    assert "another vidcolor studio uses this directory" in text


def test_draining_server_is_not_ready(studio_app: StudioApp) -> None:
    assert studio_app.get("/healthz").json() == {"status": "ok"}
    assert studio_app.get("/readyz").status_code == 200
    studio_app.services.draining.set()
    assert studio_app.get("/healthz").status_code == 200
    assert studio_app.get("/readyz").status_code == 503
    response = studio_app.post("/api/uploads", json={"name": "a.jpg", "size": 1})
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0


def test_logs_and_metrics_have_no_names_and_ids(tmp_path: Path) -> None:
    from vidcolor.studio.logs import open_log

    settings = StudioSettings(data_dir=tmp_path)
    open_log(tmp_path, also_print=False)
    app = StudioApp(settings)
    upload = app.post("/api/uploads", json={"name": "grandmother.jpg", "size": 10}).json()
    app.get(f"/api/uploads/{upload['id']}")
    app.get("/secret-name.jpg")
    metrics = app.get("/metrics").text
    log = (tmp_path / "logs" / "studio.log").read_text()
    app.close()
    for text in (log, metrics):
        assert "grandmother" not in text
        assert "secret-name" not in text
        assert upload["id"] not in text
        assert "/api/uploads/{upload_id}" in text
    assert 'vidcolor_items{kind="upload"} 1.0' in metrics
    assert {json.loads(line)["event"] for line in log.splitlines()} == {"request"}


def test_static_files_are_revalidated(studio_app: StudioApp) -> None:
    first = studio_app.get("/pages/pages.css")
    assert first.headers["cache-control"] == "no-cache"
    again = studio_app.get("/pages/pages.css", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


def test_description_of_the_api_loads_nothing_from_other_hosts(studio_app: StudioApp) -> None:
    page = studio_app.get("/api/docs")
    assert page.status_code == 200
    assert "//" not in page.text.replace("<!doctype", "")
    paths = studio_app.get("/api/openapi.json").json()["paths"]
    assert "patch" in paths["/api/uploads/{upload_id}"]
    assert "script-src 'self'" in page.headers["content-security-policy"]


def test_server_in_a_folder_of_strangers(tmp_path: Path) -> None:
    """It shows and keeps the files, imports nothing, and SIGTERM ends streams of events."""
    folder, marker = tmp_path / "strangers", tmp_path / "imported"
    folder.mkdir()
    for name in ("json", "pickle", "numpy", "socket"):
        (folder / f"{name}.py").write_text(f"open({str(marker)!r}, 'w').close()")
    for name in ("photo.jpg", "reel.mkv"):
        (folder / name).write_bytes((ROOT / "samples" / name).read_bytes())
    before = {path: path.read_bytes() for path in folder.iterdir()}
    code = f"import sys; sys.path[0] = {str(ROOT)!r}; from vidcolor.cli import main; main()"
    command = [sys.executable, "-c", code, "studio", "--no-browser", "--json", "--port=0"]
    with subprocess.Popen(
        [*command, "--data", str(tmp_path / "data"), "photo.jpg", "reel.mkv"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            event = json.loads(process.stdout.readline())
            headers = {"Authorization": f"Bearer {event['token']}"}
            with httpx.Client(base_url=event["url"], headers=headers, timeout=60) as client:
                (film,) = client.get("/api/films").json()["films"]
                (photo,) = client.get("/api/photos").json()
                assert (photo["name"], film["name"]) == ("photo.jpg", "reel.mkv")
                assert not photo["is_upload"]
                # The compute process answers.
                assert client.get(f"/api/photos/{photo['id']}").json()["width"] == 640
                with client.stream("GET", "/api/events") as stream:
                    assert stream.status_code == 200
                    start = time.monotonic()
                    process.terminate()
                    assert process.wait(60) == 0
                    assert time.monotonic() - start < DRAIN_SECONDS
        finally:
            process.kill()
    assert not marker.exists()
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    log = (tmp_path / "data" / "logs" / "studio.log").read_text()
    assert not [line for line in log.splitlines() if json.loads(line)["level"] == "error"]
