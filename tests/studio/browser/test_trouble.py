"""A full queue, and a server that is killed, as the page shows them."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from playwright.sync_api import expect

from tests.helpers.studio_server import StudioProcess
from tests.studio.browser.conftest import Visitor
from tests.studio.browser.pointing import point_at, wait_for_picture
from tests.studio.browser.server import wait_for
from tests.studio.browser.test_photos import SECONDS, choose_files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="workers are found in /proc"),
]
CONNECTION = r"net::ERR_|503|Failed to fetch|NetworkError"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioProcess]:
    """A server that these tests stop and kill."""
    server = StudioProcess(tmp_path_factory.mktemp("studio")).start()
    yield server
    server.kill()


def list_workers(server: StudioProcess) -> list[int]:
    """Return the process ids of the workers that render, which are children of the server."""
    assert server.process is not None
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            status = (directory / "status").read_text()
            command = (directory / "cmdline").read_bytes()
        except OSError:  # it ended meanwhile
            continue
        is_child = re.search(rf"^PPid:\t{server.process.pid}$", status, re.MULTILINE)
        if is_child and b"studio.jobs.worker" in command:
            found.append(int(directory.name))
    return found


def fill_queue(server: StudioProcess) -> list[str]:
    """Submit tiny photos until the queue is full, and return the ids of their jobs."""
    jobs: list[str] = []
    with server.client() as client:
        for number in range(1000):
            picture = np.full((8, 8), number % 200, np.uint8)
            picture[0] = number // 200
            data = cv2.imencode(".png", picture)[1].tobytes()
            answer = client.post("/api/photos", params={"name": f"{number}.png"}, content=data)
            if answer.status_code == 503:
                assert int(answer.headers["Retry-After"]) > 0
                return jobs
            jobs.append(answer.raise_for_status().json()["job"]["id"])
    raise AssertionError("the queue has no limit")


def test_a_full_queue_is_shown_and_tried_again(
    server: StudioProcess, visitor: Callable[..., Visitor], samples: Path
) -> None:
    workers = wait_for(lambda: list_workers(server))
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    try:
        jobs = fill_queue(server)
        assert len(jobs) >= 100
        person = visitor(server)
        person.expected = ["503"]
        page = person.open()
        choose_files(page, samples / "sepia.png")
        tile = page.locator(".tile").filter(has_text="sepia.png")
        expect(tile).to_contain_text("New", timeout=SECONDS)
        page.get_by_role("button", name="Download").click()
        page.get_by_role("dialog").get_by_role("button", name="Download").click()
        expect(page.locator("body")).to_contain_text("has too much to do", timeout=SECONDS)
        with server.client() as client:
            for job in jobs:
                client.post(f"/api/jobs/{job}/cancel").raise_for_status()
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
    with page.expect_download(timeout=SECONDS) as download:
        expect(tile).to_contain_text("Ready", timeout=SECONDS)
    assert download.value.suggested_filename == "sepia.color.png"


def test_a_killed_server_loses_nothing(
    server: StudioProcess, visitor: Callable[..., Visitor], samples: Path
) -> None:
    person = visitor(server)
    person.expected = [CONNECTION]
    page = person.open()
    choose_files(page, samples / "photo.jpg")
    tile = page.get_by_role("link", name=re.compile(r"photo\.jpg"))
    tile.click(timeout=SECONDS)
    canvas = wait_for_picture(page)
    photo = page.url.rpartition("/")[2]
    workers = list_workers(server)
    server.kill()
    banner = page.get_by_text("The server does not answer")
    point_at(page, canvas, 0.5, 0.8)
    page.get_by_label("Saturation", exact=True).press("ArrowRight")
    expect(banner).to_be_visible(timeout=SECONDS)
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.base_url)
    server.start()
    expect(banner).to_be_hidden(timeout=SECONDS)
    request = page.context.request
    state = wait_for(
        lambda: (
            (p := request.get(f"{server.base_url}/api/photos/{photo}").json())["saturation"] > 1
            and p
        )
    )
    assert state["error"] is None
    page.goto(f"{server.base_url}/#/")
    expect(page.locator(".tile").filter(has_text="photo.jpg")).to_be_visible()
    alive = [worker for worker in workers if Path(f"/proc/{worker}").exists()]
    wait_for(lambda: not [worker for worker in alive if Path(f"/proc/{worker}").exists()])
