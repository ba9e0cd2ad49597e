"""A click on a film hits the frame that is shown, and the pixel under the pointer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.studio.browser.conftest import Visitor
from tests.studio.browser.marks import Mark, write_film
from tests.studio.browser.pointing import locate_mark, wait_for_picture
from tests.studio.browser.server import Session, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.exhaustive]
WIDTH, HEIGHT, FRAMES = 640, 480, 24
MARKS = [Mark(90.5 + 18 * n, 130.5 + 7 * n, 11) for n in range(FRAMES)]
"""The mark is at another place in every frame, so that its place shows which frame it is."""
FILMS = {
    "plain": {},
    "rotated by 90": {"rotation": 90},
    "rotated by 270": {"rotation": 270},
    "anamorphic": {"sar": 2},
    "interlaced": {"interlaced": True},
    # A long frame among short ones: time × rate names other frames.
    "variable rate": {"durations": [1000] * 3 + [9000] + [400] * 12 + [3000] + [1000] * 7},
}


def list_cases() -> list[pytest.ParameterSet]:
    """Return all films. Daily runs test the turned one and the one of variable rate."""
    daily = ("rotated by 90", "variable rate")
    return [
        pytest.param(options, id=name, marks=() if name in daily else pytest.mark.exhaustive)
        for name, options in FILMS.items()
    ]


@pytest.mark.parametrize("options", list_cases())
def test_a_click_hits_the_frame_and_the_pixel(
    session: Session, visitor: Callable[..., Visitor], tmp_path: Path, options: dict
) -> None:
    path = write_film(tmp_path / "film.mp4", WIDTH, HEIGHT, MARKS, **options)
    film = session.add_film(path)
    state = session.get(f"/api/films/{film}")
    assert (state["width"], state["height"], state["num_frames"]) == (WIDTH, HEIGHT, FRAMES)

    page = visitor(viewport={"width": 1300, "height": 900}).open(f"#/film/{film}")
    wait_for_picture(page)
    for frame in (17, 4):
        page.keyboard.press("/")
        page.keyboard.type(f"frame {frame}")
        page.keyboard.press("Enter")
        page.wait_for_timeout(300)
        canvas = wait_for_picture(page)
        page.mouse.click(*locate_mark(page, canvas))
        hint = read_hint(session, film)
        assert hint["frame"] == frame
        mark = MARKS[frame]
        tolerance = 0.5 * (2 if options.get("sar") else 1)
        assert abs(hint["x"] * WIDTH - mark.x) <= tolerance
        assert abs(hint["y"] * HEIGHT - mark.y) <= 0.5


def read_hint(session: Session, film: str) -> dict:
    """Return the only hint of a film, and remove it."""

    def find() -> dict | None:
        state = session.get(f"/api/films/{film}")
        hints = [hint for shot in state["shots"] for hint in shot["hints"]]
        return {"state": state, "hint": hints[0]} if hints else None

    found = wait_for(find)
    session.change(f"films/{film}", found["state"]["revision"], do="undo")
    return found["hint"]
