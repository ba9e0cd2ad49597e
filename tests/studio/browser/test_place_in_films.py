"""A click on a film hits the frame that is shown, and the pixel under the pointer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.helpers.studio_server import StudioProcess
from tests.studio.browser.conftest import Visitor
from tests.studio.browser.marks import Mark, write_film
from tests.studio.browser.pointing import locate_mark, wait_for_picture
from tests.studio.browser.server import Session, wait_for
from vidcolor.project.api import Project

pytestmark = [pytest.mark.slow, pytest.mark.browser]
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
DAILY = ("rotated by 90", "variable rate")


@pytest.fixture(scope="module")
def studio(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StudioProcess]:
    """A server with the films of the tests that run, instead of the one that other tests share."""
    folder = tmp_path_factory.mktemp("films")
    tests = [item for item in request.session.items if item.path == request.path]
    names = [item.callspec.params["name"] for item in tests]  # without those left out
    paths = tuple(
        write_film(folder / f"{name}.mp4", WIDTH, HEIGHT, MARKS, **FILMS[name]) for name in names
    )
    for path in paths:
        Project.new(path)
    server = StudioProcess(tmp_path_factory.mktemp("studio"), paths).start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def session(studio: StudioProcess) -> Iterator[Session]:
    """A session that the tests and their browsers share."""
    session = Session(studio)
    yield session
    session.close()


def list_cases() -> list[pytest.ParameterSet]:
    """Return all films. Daily runs test the turned one and the one of variable rate."""
    return [
        pytest.param(name, id=name, marks=() if name in DAILY else pytest.mark.exhaustive)
        for name in FILMS
    ]


@pytest.mark.parametrize("name", list_cases())
def test_a_click_hits_the_frame_and_the_pixel(
    session: Session, visitor: Callable[..., Visitor], name: str
) -> None:
    ids = {film["name"]: film["id"] for film in session.get("/api/films")["films"]}
    film = ids[f"{name}.mp4"]
    state = session.get(f"/api/films/{film}")
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


def list_hints(session: Session, film: str) -> list[dict]:
    return [hint for shot in session.get(f"/api/films/{film}")["shots"] for hint in shot["hints"]]
