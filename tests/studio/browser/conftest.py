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

from tests.helpers.studio_server import StudioProcess
from tests.studio.browser.chromium import MISSING, find_chromium
from tests.studio.browser.server import Session

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_MS = 120_000
"""Time that a page may take on a slow machine, in milliseconds: several times the usual one."""
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
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioProcess]:
    """A server that the tests of this process share."""
    server = StudioProcess(tmp_path_factory.mktemp("studio")).start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def session(studio: StudioProcess) -> Iterator[Session]:
    """A session on the shared server, which tests and browsers share."""
    session = Session(studio)
    yield session
    session.close()


class Visitor:
    """A person with one browser, in which no error may be reported."""

    def __init__(
        self, chromium: Browser, server: StudioProcess, session: Session | None, **options: object
    ) -> None:
        options.setdefault("viewport", {"width": 1440, "height": 900})
        # Requests that pass through a service worker cannot be changed by tests.
        options.setdefault("service_workers", "block")
        self.server = server
        self.context: BrowserContext = chromium.new_context(**options)
        self.context.set_default_timeout(TIMEOUT_MS)
        self.errors: list[str] = []
        self.expected: list[str] = []
        """Patterns of the errors that a test causes."""
        if session is not None:
            self.context.add_cookies(session.cookies)

    def open(self, view: str = "#/") -> Page:
        """Open a view in a new tab; without a session, by a link."""
        page = self.context.new_page()
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
        self.context.close()
        unexpected = [
            error
            for error in self.errors
            if not any(re.search(pattern, error) for pattern in self.expected)
        ]
        assert not unexpected, unexpected


@pytest.fixture
def visitor(
    chromium: Browser, studio: StudioProcess, session: Session
) -> Iterator[Callable[..., Visitor]]:
    """A function that returns visitors: ``visitor(device_scale_factor=2)``.

    They share the session of the tests. With ``server=…`` they visit another server, and open a
    session of their own.
    """
    visitors: list[Visitor] = []

    def come(server: StudioProcess | None = None, **options: object) -> Visitor:
        known = None if server else options.pop("session", session)
        visitors.append(Visitor(chromium, server or studio, known, **options))
        return visitors[-1]

    yield come
    for person in visitors:
        person.close()


@pytest.fixture(scope="session")
def samples() -> Path:
    """The directory of the sample films and photos."""
    from tests.helpers.films import REEL

    return REEL.parent
