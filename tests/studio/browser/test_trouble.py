"""A full queue, and a server that is killed, as the page shows them."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.helpers.studio_server import StudioProcess
from tests.studio.browser.conftest import Visitor
from tests.studio.browser.pointing import point_at, wait_for_picture
from tests.studio.browser.server import Session, wait_for
from tests.studio.browser.test_accessibility import check
from tests.studio.browser.test_photos import SECONDS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="workers are found in /proc"),
]
SEEN_BY_WORKER = """
performance.getEntriesByType("resource")
    .filter((entry) => entry.workerStart && entry.workerFinalSourceType !== "network")
    .map((entry) => `${entry.name} ${entry.workerFinalSourceType}`)
"""
CONNECTION = r"net::ERR_|503|Failed to fetch|NetworkError"


@contextlib.contextmanager
def other_program(port: int) -> Iterator[None]:
    """Run another web server at a port."""
    http = ThreadingHTTPServer(("127.0.0.1", port), SimpleHTTPRequestHandler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield
    http.shutdown()
    http.server_close()


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
        route.fulfill(status=503, headers={"Retry-After": "1"}, json=body)

    page.route("**/render", refuse, times=1)
    page.get_by_role("button", name="Download").click()
    page.get_by_role("dialog").get_by_label("Visible mark").check()  # it needs a new result
    page.get_by_role("dialog").get_by_role("button", name="Download").click()
    expect(page.locator("body")).to_contain_text("has too much to do", timeout=SECONDS)
    expect(page.get_by_role("dialog")).to_contain_text("Coloring at full quality")
    with page.expect_download(timeout=SECONDS):
        pass


def open_with_service_worker(person: Visitor, photo: str) -> Page:
    """Open a photo, and again with the service worker, which leaves everything to the server."""
    page = person.open(f"#/photo/{photo}")
    wait_for_picture(page)
    page.evaluate("async () => { await navigator.serviceWorker.ready; }")
    page.reload()
    wait_for_picture(page)
    assert page.evaluate("navigator.serviceWorker.controller.state") == "activated"
    assert page.evaluate("caches.keys()") == []
    assert page.evaluate(SEEN_BY_WORKER) == [], "the worker sees only the start page"
    return page


def check_reload_without_server(page: Page) -> None:
    page.reload()
    heading = page.get_by_role("heading", name="The studio does not answer")
    expect(heading).to_be_visible(timeout=SECONDS)
    page.get_by_role("button", name="Try now").click()
    expect(heading).to_be_visible(timeout=SECONDS)
    assert check(page, "offline") == []
    assert page.evaluate("document.scripts.length") == 1


def check_links_with_service_worker(page: Page, studio: StudioProcess) -> None:
    """A link works once, and a page of another site gets no session, and no error either."""
    page.context.clear_cookies()
    link = studio.make_link()
    page.goto(link)
    expect(page.get_by_role("button", name="Queue", exact=True)).to_be_visible()
    assert httpx.get(link).status_code == 401
    body = f'<a href="{studio.base_url}/#/">studio</a>'
    page.route("http://other.test/", lambda r: r.fulfill(body=body, content_type="text/html"))
    page.goto("http://other.test/")
    page.get_by_role("link").click()
    expect(page.get_by_role("heading", name="This browser has no access")).to_be_visible()


def test_pages_of_a_killed_server_recover_and_nothing_is_lost(
    studio: StudioProcess, session: Session, visitor: Callable[..., Visitor], samples: Path
) -> None:
    """One page is reloaded while there is no server, and the other one is worked on."""
    photos = [session.add_photo(samples / name) for name in ("sepia.png", "photo.jpg")]
    people = visitor(service_workers="allow"), visitor()
    people[0].expected = [CONNECTION, "401"]
    people[1].expected = [CONNECTION]
    reloaded = open_with_service_worker(people[0], photos[0])
    worked_on = people[1].open(f"#/photo/{photos[1]}")
    canvas = wait_for_picture(worked_on)
    workers = list_workers(studio)

    studio.kill()
    banner = worked_on.get_by_text("The server does not answer")
    point_at(worked_on, canvas, 0.5, 0.8)
    worked_on.get_by_label("Saturation", exact=True).press("ArrowRight")
    expect(banner).to_be_visible(timeout=SECONDS)
    check_reload_without_server(reloaded)
    with pytest.raises(httpx.ConnectError):
        httpx.get(studio.base_url)

    studio.start()
    expect(banner).to_be_hidden(timeout=SECONDS)
    state = wait_for(lambda: (p := session.get(f"/api/photos/{photos[1]}"))["saturation"] > 1 and p)
    assert state["error"] is None
    worked_on.goto(f"{studio.base_url}/#/")
    expect(worked_on.locator(f'.tile a[href="#/photo/{photos[1]}"]')).to_be_visible()
    alive = [worker for worker in workers if Path(f"/proc/{worker}").exists()]
    wait_for(lambda: not [worker for worker in alive if Path(f"/proc/{worker}").exists()])
    worked_on.close()
    wait_for_picture(reloaded)
    assert reloaded.url.endswith(f"#/photo/{photos[0]}")
    check_links_with_service_worker(reloaded, studio)

    # A service worker that another program inherits leaves.
    people[0].expected.append("404")
    studio.kill()
    with other_program(studio.port):
        reloaded.goto(f"{studio.base_url}/")
        expect(reloaded.get_by_role("heading", name="Directory listing")).to_be_visible()
        assert reloaded.evaluate("navigator.serviceWorker.getRegistrations()") == []
