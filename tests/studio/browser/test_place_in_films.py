"""A click on a film hits the frame that is shown, and the pixel under the pointer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.studio.browser.conftest import Visitor
from tests.studio.browser.marks import Mark, write_film
from tests.studio.browser.pointing import locate_mark, wait_for_picture
from tests.studio.browser.server import Session, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.browser]
WIDTH, HEIGHT, FRAMES = 640, 480, 24
MARKS = [Mark(90.5 + 18 * n, 130.5 + 7 * n, 11) for n in range(FRAMES)]
"""The mark is at another place in every frame, so that its place shows which frame it is."""
# A long frame among short ones: time × rate names other frames.
DURATIONS = [1000] * 3 + [9000] + [400] * 12 + [3000] + [1000] * 7
FILMS = {
    "variable rate, rotated by 90": {"durations": DURATIONS, "rotation": 90},
    "plain": {},
    "rotated by 90": {"rotation": 90},
    "rotated by 270": {"rotation": 270},
    "anamorphic": {"sar": 2},
    "interlaced": {"interlaced": True},
    "variable rate": {"durations": DURATIONS},
}
DAILY = "variable rate, rotated by 90"


def list_cases() -> list[pytest.ParameterSet]:
    """Return all films. Daily runs test one of them, which has two difficulties."""
    return [
        pytest.param(name, id=name, marks=() if name == DAILY else pytest.mark.exhaustive)
        for name in FILMS
    ]


@pytest.mark.parametrize("name", list_cases())
def test_a_click_hits_the_frame_and_the_pixel(
    session: Session, visitor: Callable[..., Visitor], tmp_path: Path, name: str
) -> None:
    path = write_film(tmp_path / f"{name}.mp4", WIDTH, HEIGHT, MARKS, **FILMS[name])
    film = session.add_film(path)
    # Until the file is read once more, the size is that of the stored frames.
    state = wait_for(
        lambda: (f := session.get(f"/api/films/{film}"))["variable_rate"] is not None and f
    )
    assert (state["width"], state["height"], state["num_frames"]) == (WIDTH, HEIGHT, FRAMES)

    page = visitor(viewport={"width": 1300, "height": 900}).open(f"#/film/{film}")
    wait_for_picture(page)
    for frame in (17, 4):
        page.keyboard.press("/")
        page.keyboard.type(f"frame {frame}")
        page.keyboard.press("Enter")
        canvas = wait_for_picture(page, f"/{frame}/")
        page.mouse.click(*locate_mark(page, canvas))
        (hint,) = wait_for(lambda: list_hints(session, film))
        assert hint["frame"] == frame
        mark = MARKS[frame]
        tolerance = 0.5 * (2 if "sar" in FILMS[name] else 1)
        assert abs(hint["x"] * WIDTH - mark.x) <= tolerance
        assert abs(hint["y"] * HEIGHT - mark.y) <= 0.5
        page.keyboard.press("Control+z")
        wait_for(lambda: not list_hints(session, film))
    # Files for editing programs count frames.
    page.get_by_role("button", name="Export …").locator("visible=true").click()
    expect(page.get_by_role("button", name="EDL")).to_be_visible()
    is_variable = "durations" in FILMS[name]
    assert page.get_by_text("The frame rate of this film varies").count() == is_variable


def list_hints(session: Session, film: str) -> list[dict]:
    return [hint for shot in session.get(f"/api/films/{film}")["shots"] for hint in shot["hints"]]
