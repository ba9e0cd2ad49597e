"""A real Chromium in front of a real `vidcolor studio`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.helpers.films import REEL, read_reel, write_gray
from tests.helpers.studio_server import StudioProcess
from tests.studio.browser.chromium import MISSING, find_chromium
from tests.studio.browser.server import Session
from vidcolor.project.api import Project

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_MS = 120_000
"""Time that a page may take on a slow machine, in milliseconds: several times the usual one."""
STORAGE = "local_storage,indexeddb,cache_storage"
"""What one visitor would leave to the next one."""
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile }) =>
    console.error("policy violation:", violatedDirective, blockedURI, sourceFile));
"""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser of this process."""
    path = find_chromium()
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        # The sandbox of Chromium needs rights that containers do not have.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def film_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of four shots of ten frames, with its project."""
    frames = read_reel(50, 290, (320, 240))
    path = write_gray(tmp_path_factory.mktemp("film") / "reel.mkv", frames[:20] + frames[-20:])
    Project.new(path)
    return path


@pytest.fixture(scope="session")
def studio(film_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioProcess]:
    """A server that was started with the film. The tests of this process share it."""
    server = StudioProcess(tmp_path_factory.mktemp("studio"), (film_path,)).start()
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def running_studio(studio: StudioProcess) -> None:
    """Start the server again if an earlier test has killed it."""
    assert studio.process is not None
    if studio.process.poll() is not None:
        studio.start()


@pytest.fixture(scope="session")
def session(studio: StudioProcess) -> Iterator[Session]:
    """A session on the shared server, which tests and browsers share."""
    session = Session(studio)
    yield session
    session.close()


def make_context(chromium: Browser, session: Session | None, **options: object) -> BrowserContext:
    """Return a context of the browser, with the cookies of a session."""
    options.setdefault("viewport", {"width": 1440, "height": 900})
    # Requests that pass through a service worker cannot be changed by tests.
    options.setdefault("service_workers", "block")
    # Each frame of an animation is drawn by the CPU that the networks need.
    options.setdefault("reduced_motion", "reduce")
    context = chromium.new_context(**options)
    context.set_default_timeout(TIMEOUT_MS)
    if session is not None:
        context.add_cookies(session.cookies)
    return context


@pytest.fixture(scope="session")
def shared_context(chromium: Browser, session: Session) -> BrowserContext:
    """A context for one visitor after another: the compiled modules stay in its cache.

    Compared with a new context, a page takes half the CPU time.
    """
    return make_context(chromium, session)


class Visitor:
    """A person with one browser, in which no error may be reported."""

    def __init__(
        self, context: BrowserContext, server: StudioProcess, *, is_shared: bool = False
    ) -> None:
        """Use a context; one that is shared is left without pages, and starts without data."""
        self.context, self.server, self._is_shared = context, server, is_shared
        self.errors: list[str] = []
        self.expected: list[str] = []
        """Patterns of the errors that a test causes."""

    def open(self, view: str = "#/") -> Page:
        """Open a view in a new tab; without a session, by a link."""
        page = self.context.new_page()
        if self._is_shared and len(self.context.pages) == 1:
            storage = {"origin": self.server.base_url, "storageTypes": STORAGE}
            self.context.new_cdp_session(page).send("Storage.clearDataForOrigin", storage)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.errors.append(f"exception: {error}"))
        page.add_init_script(REPORT_VIOLATIONS)
        if not self.context.cookies():
            page.goto(self.server.make_link())
        page.goto(f"{self.server.base_url}/{view}")
        return page

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def close(self) -> None:
        """Close the browser, and fail if a page reported errors that were not expected."""
        if self._is_shared:
            for page in self.context.pages:
                page.close()
        else:
            self.context.close()
        unexpected = [
            error
            for error in self.errors
            if not any(re.search(pattern, error) for pattern in self.expected)
        ]
        assert not unexpected, unexpected


@pytest.fixture
def visitor(
    chromium: Browser, studio: StudioProcess, session: Session, shared_context: BrowserContext
) -> Iterator[Callable[..., Visitor]]:
    """A function that returns visitors: ``visitor(device_scale_factor=2)``.

    They share the session of the tests; with ``session=None``, they open one of their own.
    """
    visitors: list[Visitor] = []

    def come(**options: object) -> Visitor:
        if not options and not visitors:
            visitors.append(Visitor(shared_context, studio, is_shared=True))
        else:
            known = options.pop("session", session)
            visitors.append(Visitor(make_context(chromium, known, **options), studio))
        return visitors[-1]

    yield come
    for person in visitors:
        person.close()


@pytest.fixture(scope="session")
def film(session: Session) -> str:
    """The id of the film, whose shots are detected."""
    (known,) = [film for film in session.get("/api/films")["films"] if not film["is_upload"]]
    session.open_film(known["id"])
    return str(known["id"])


@pytest.fixture(scope="session")
def samples() -> Path:
    """The directory of the sample films and photos."""
    return REEL.parent
