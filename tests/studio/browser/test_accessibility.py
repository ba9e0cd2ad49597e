"""No view has a serious violation of axe-core, or is cut off: wide and narrow, dark and light."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.studio.browser.conftest import Visitor
from tests.studio.browser.pointing import point_at, wait_for_picture
from tests.studio.browser.server import Session

pytestmark = [pytest.mark.slow, pytest.mark.browser]
SCREENS = {
    "1440 px, dark": {"color_scheme": "dark"},
    "390 px, light": {
        "viewport": {"width": 390, "height": 844},
        "color_scheme": "light",
        "has_touch": True,
    },
}


CUT_OFF = """
() => [...document.querySelectorAll("main, dialog, .panel-body, .drawer-body")]
  .filter((box) => box.scrollWidth > box.clientWidth + 1)
  .map((box) => `${box.localName}.${box.className} is wider than its place`)
"""


@pytest.fixture(scope="module")
def photo(session: Session, samples: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a photo with a hint and a long name."""
    name = "album of grandmother, summer at the lake, page 31, third row, left.jpg"
    path = tmp_path_factory.mktemp("photos") / name
    shutil.copy(samples / "photo.jpg", path)
    photo = session.add_photo(path)
    revision = session.get(f"/api/photos/{photo}")["revision"]
    session.change(f"photos/{photo}", revision, do="add-hint", x=0.5, y=0.8, color="#884422")
    return photo


@pytest.fixture
def decided_film(session: Session, film: str) -> Iterator[str]:
    """The id of the film while it has a hint and an approved shot."""
    revision = session.get(f"/api/films/{film}")["revision"]
    hint = {"frame": 0, "x": 0.5, "y": 0.8, "color": "#884422"}
    state = session.change(f"films/{film}", revision, do="add-hint", **hint)
    state = session.change(f"films/{film}", state["revision"], do="approve", shot=2)
    yield film
    for _ in ("approve", "add-hint"):
        revision = session.get(f"/api/films/{film}")["revision"]
        session.change(f"films/{film}", revision, do="undo")


def check(page: Page, place: str) -> list[str]:
    """Return the serious violations, and what is cut off, as lines."""
    cut_off = [f"{place}: {line}" for line in page.evaluate(CUT_OFF)]
    violations = Axe().run(page).response["violations"]
    return cut_off + [
        f"{place}: {violation['id']}: {node['target']}: {node['failureSummary']}"
        for violation in violations
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def check_message(page: Page, place: str, strip: str) -> list[str]:
    """Show a message; return a line if it covers a strip of shots or photos."""
    page.evaluate("document.dispatchEvent(new CustomEvent('toast', { detail: { text: 'Saved' } }))")
    message, below = (page.locator(name).last.bounding_box() for name in (".toast", strip))
    page.locator(".toast").get_by_role("button").last.click()
    if message is None or below is None:  # a narrow page has no strip of photos
        return []
    is_above = message["y"] + message["height"] <= below["y"]
    is_below = message["y"] >= below["y"] + below["height"]
    return [] if is_above or is_below else [f"{place}: a message covers the strip"]


def close_dialog(page: Page) -> None:
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS.keys())
def test_no_view_has_a_serious_violation(
    session: Session, visitor: Callable[..., Visitor], photo: str, decided_film: str, screen: dict
) -> None:
    person = visitor(**screen)
    page = person.open()
    expect(page.get_by_role("link", name=re.compile("grandmother"))).to_be_visible()
    found = check(page, "home")
    page.keyboard.press("q")
    expect(page.get_by_role("complementary", name="Queue")).to_be_visible()
    found += check(page, "queue")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    found += check(page, "help")
    close_dialog(page)

    page.goto(f"{person.server.base_url}/#/photo/{photo}")
    canvas = wait_for_picture(page)
    point_at(page, canvas, 0.4, 0.4)
    expect(page.locator(".likely-colors button").first).to_be_visible()
    found += check(page, "photo") + check_message(page, "photo", "photo-strip")
    page.keyboard.press("d")
    expect(page.get_by_role("dialog")).to_be_visible()
    found += check(page, "download")
    close_dialog(page)

    page.goto(f"{person.server.base_url}/#/film/{decided_film}")
    wait_for_picture(page)
    found += check(page, "film") + check_message(page, "film", ".film-timeline")
    for key, name in (("/", "go to"), ("r", "render"), ("", "export")):
        if key:
            page.keyboard.press(key)
        else:
            page.get_by_role("button", name="Export …").locator("visible=true").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        if name == "render":  # the contrast of the button is checked as soon as it is enabled
            expect(page.locator(".dialog-actions > .is-primary")).to_be_enabled()
        found += check(page, name)
        close_dialog(page)

    page.goto(f"{person.server.base_url}/#/review/{decided_film}")
    wait_for_picture(page)
    found += check(page, "review")
    assert not found, "\n".join(found)


def test_a_first_visit_and_a_deleted_photo_are_explained(visitor: Callable[..., Visitor]) -> None:
    person = visitor(session=None)
    person.expected = ["404"]
    person.context.route("**/api/films", lambda route: route.fulfill(json={"films": []}))
    page = person.open()
    expect(page.get_by_role("button", name="Try it on a sample")).to_be_visible()
    found = check(page, "welcome")
    page.goto(f"{person.server.base_url}/#/photo/AAAAAAAAAAAAAAAAAAAAAA")
    expect(page.get_by_role("alert")).to_contain_text("no longer here")
    found += check(page, "missing photo")
    assert not found, "\n".join(found)
