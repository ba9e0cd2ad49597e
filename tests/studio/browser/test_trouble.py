"""A full queue, and a server that is killed, as the page shows them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Route, expect

from tests.helpers.studio_server import StudioProcess
from tests.studio.browser.conftest import Visitor
from tests.studio.browser.pointing import point_at, wait_for_picture
from tests.studio.browser.server import Session, wait_for
from tests.studio.browser.test_photos import SECONDS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="workers are found in /proc"),
]
CONNECTION = r"net::ERR_|503|Failed to fetch|NetworkError"


@pytest.fixture
def server(studio: StudioProcess) -> Iterator[StudioProcess]:
    """The shared server, which a test may kill."""
    yield studio
    assert studio.process is not None
    if studio.process.poll() is not None:
        studio.start()


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


def test_a_full_queue_is_shown_and_tried_again(
    session: Session, visitor: Callable[..., Visitor], samples: Path
) -> None:
    photo = session.add_photo(samples / "sepia.png")
    person = visitor()
    person.expected = ["503"]
    page = person.open(f"#/photo/{photo}")

    def refuse(route: Route) -> None:
        body = {"error": "too many jobs wait; try again later", "code": "busy"}
        route.fulfill(status=503, headers={"Retry-After": "2"}, json=body)

    page.route("**/render", refuse, times=1)
    page.get_by_role("button", name="Download").click()
    page.get_by_role("dialog").get_by_label("Visible mark").check()  # it needs a new result
    page.get_by_role("dialog").get_by_role("button", name="Download").click()
    expect(page.locator("body")).to_contain_text("has too much to do", timeout=SECONDS)
    expect(page.get_by_role("dialog")).to_contain_text("Coloring at full quality")
    with page.expect_download(timeout=SECONDS):
        pass


def test_a_killed_server_loses_nothing(
    server: StudioProcess, session: Session, visitor: Callable[..., Visitor], samples: Path
) -> None:
    photo = session.add_photo(samples / "photo.jpg")
    person = visitor()
    person.expected = [CONNECTION]
    page = person.open(f"#/photo/{photo}")
    canvas = wait_for_picture(page)
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
    state = wait_for(lambda: (p := session.get(f"/api/photos/{photo}"))["saturation"] > 1 and p)
    assert state["error"] is None
    page.goto(f"{server.base_url}/#/")
    expect(page.locator(f'.tile a[href="#/photo/{photo}"]')).to_be_visible()
    alive = [worker for worker in workers if Path(f"/proc/{worker}").exists()]
    wait_for(lambda: not [worker for worker in alive if Path(f"/proc/{worker}").exists()])
