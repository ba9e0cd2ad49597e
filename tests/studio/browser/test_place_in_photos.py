"""The place under the pointer is the place in the source: photos at every zoom and pixel ratio."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.studio.browser.conftest import Visitor
from tests.studio.browser.marks import Mark, write_photo
from tests.studio.browser.pointing import locate_mark, wait_for_picture
from tests.studio.browser.server import Session, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.browser]
WIDTH, HEIGHT = 1200, 800
MARK = Mark(857.5, 271.5, 30)
SCREENS = {
    "100 %": (1, 1.0),
    "67 %": (1, 0.67),
    "200 %": (1, 2.0),
    "ratio 2, 67 %": (2, 0.67),
    "ratio 1.25, 80 %": (1.25, 0.8),
    "ratio 3": (3, 1.0),
}
"""Device pixel ratio of the screen, and zoom of the browser.

Zooming changes the ratio that the page sees, and the number of CSS pixels of its window. The tests
set both.
"""


ZOOM = """async (canvas, [x, y]) => {
    const sharp = new Promise((resolve) => {
        canvas.addEventListener("loaded", ({ detail }) => {
            if (detail.isSharp && detail.view === "color") resolve();
        });
        setTimeout(resolve, 3000); // what is shown may be sharp enough
    });
    canvas.zoomTo("one", { x, y });
    await sharp;
}"""
"""Zoom to 1:1 around a place, and wait for the sharp picture, which follows after a rest."""


def open_screen(visitor: Callable[..., Visitor], ratio: float, zoom: float) -> Visitor:
    """Return a visitor with a screen of 1440 × 900 physical units."""
    viewport = {"width": round(1440 / zoom), "height": round(900 / zoom)}
    return visitor(viewport=viewport, device_scale_factor=ratio * zoom)


@pytest.fixture(scope="module")
def photo(session: Session, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a photo with a mark, which EXIF turns by 90 degrees."""
    path = tmp_path_factory.mktemp("photos") / "mark.jpg"
    return session.add_photo(write_photo(path, WIDTH, HEIGHT, MARK, orientation=6))


def read_hint(session: Session, photo: str) -> tuple[float, float]:
    """Return the place of the only hint in source pixels, and remove the hint."""
    state = wait_for(lambda: (p := session.get(f"/api/photos/{photo}"))["hints"] and p)
    (hint,) = state["hints"]
    session.change(f"photos/{photo}", state["revision"], do="reset")
    return hint["x"] * state["width"], hint["y"] * state["height"]


def list_cases() -> list[pytest.ParameterSet]:
    """Return all screens. Daily runs test one of them, which has the most unusual scale."""
    return [
        pytest.param(*screen, id=name, marks=() if name == "67 %" else pytest.mark.exhaustive)
        for name, screen in SCREENS.items()
    ]


@pytest.mark.parametrize(("ratio", "zoom"), list_cases())
def test_a_click_hits_the_pixel_under_the_pointer(
    session: Session, visitor: Callable[..., Visitor], photo: str, ratio: float, zoom: float
) -> None:
    page = open_screen(visitor, ratio, zoom).open(f"#/photo/{photo}")
    canvas = wait_for_picture(page)
    scale = canvas.evaluate("(canvas) => canvas.scale")
    page.mouse.click(*locate_mark(page, canvas))
    x, y = read_hint(session, photo)
    assert abs(x - MARK.x) <= 1 / scale and abs(y - MARK.y) <= 1 / scale

    # One picture pixel on one device pixel, and moved.
    wait_for_picture(page)
    canvas.evaluate(ZOOM, [(MARK.x + 70) / WIDTH, (MARK.y - 20) / HEIGHT])
    page.mouse.click(*locate_mark(page, wait_for_picture(page)))
    x, y = read_hint(session, photo)
    assert abs(x - MARK.x) <= 0.5 and abs(y - MARK.y) <= 0.5


@pytest.mark.exhaustive
@pytest.mark.parametrize("orientation", [1, 5, 8])
def test_a_click_hits_photos_that_exif_turns(
    session: Session, visitor: Callable[..., Visitor], tmp_path: Path, orientation: int
) -> None:
    mark = Mark(640.5, 150.5, 12)
    photo = session.add_photo(write_photo(tmp_path / "turned.jpg", 900, 600, mark, orientation))
    page = visitor(viewport={"width": 1300, "height": 900}).open(f"#/photo/{photo}")
    canvas = wait_for_picture(page)
    state = session.get(f"/api/photos/{photo}")
    assert (state["width"], state["height"]) == (900, 600)
    page.mouse.click(*locate_mark(page, canvas))
    x, y = read_hint(session, photo)
    assert abs(x - mark.x) <= 0.5 and abs(y - mark.y) <= 0.5
