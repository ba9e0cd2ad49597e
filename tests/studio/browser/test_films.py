"""What an editor does with a film, in Chromium: by keyboard, and together with another person."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.helpers.films import read_reel, write_gray
from tests.helpers.studio_server import StudioProcess
from tests.studio.browser.conftest import Visitor
from tests.studio.browser.pointing import point_at, wait_for_picture
from tests.studio.browser.server import Session, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.exhaustive]
CUTS = (0, 10, 20, 30)
NUM_FRAMES = 40


@pytest.fixture(scope="module")
def film_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of four shots of ten frames."""
    frames = read_reel(50, 20, (320, 240)) + read_reel(320, 20, (320, 240))
    return write_gray(tmp_path_factory.mktemp("film") / "reel.mkv", frames)


@pytest.fixture(scope="module")
def films(film_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioProcess]:
    """A server that was started with the film."""
    server = StudioProcess(tmp_path_factory.mktemp("studio"), (film_path,)).start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def editor(films: StudioProcess) -> Iterator[Session]:
    """A session that looks at the film beside the browsers."""
    session = Session(films)
    yield session
    session.close()


@pytest.fixture(scope="module")
def film(editor: Session) -> str:
    """The id of the film, with its shots found."""
    (known,) = editor.get("/api/films")["films"]
    state = editor.open_film(known["id"])
    assert [shot["first"] for shot in state["shots"]] == list(CUTS)
    return str(known["id"])


def list_hints(state: dict[str, Any]) -> list[dict[str, Any]]:
    return [hint for shot in state["shots"] for hint in shot["hints"]]


def expect_position(page: Page, shot: int, frame: int) -> None:
    name = re.compile(rf"^shot {shot}.4 · .* frame {frame} ")
    expect(page.get_by_role("button", name=name)).to_be_visible()


def test_a_film_is_decided_by_keyboard(
    editor: Session,
    films: StudioProcess,
    film: str,
    film_path: Path,
    visitor: Callable[..., Visitor],
) -> None:
    def read() -> dict[str, Any]:
        return editor.get(f"/api/films/{film}")

    page = visitor(films).open()
    link = page.get_by_role("link", name=re.compile(r"reel\.mkv"))
    expect(link).to_be_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
        if link.evaluate("(link) => link === document.activeElement"):
            break
    page.keyboard.press("Enter")
    canvas = wait_for_picture(page)
    expect_position(page, 1, 0)

    keys = page.keyboard
    for key, shot, frame in [
        ("ArrowRight", 1, 1),
        ("Shift+ArrowRight", 2, 11),
        ("ArrowLeft", 2, 10),
        ("ArrowDown", 3, 20),
        ("End", 3, 29),
        ("ArrowUp", 3, 20),
        ("ArrowUp", 2, 10),
    ]:
        keys.press(key)
        expect_position(page, shot, frame)
    keys.press("/")
    keys.type("00:00:01:08")
    keys.press("Enter")
    expect_position(page, 4, 33)

    # A hint, without a mouse.
    wait_for_picture(page)
    canvas.focus()
    keys.press("Enter")
    keys.press("Shift+ArrowRight")
    keys.press("Enter")
    (hint,) = wait_for(lambda: list_hints(read()))
    assert hint["frame"] == 33
    assert hint["x"] > 0.5 and abs(hint["y"] - 0.5) < 0.02
    keys.press("Escape")
    keys.press("Control+z")
    wait_for(lambda: not list_hints(read()))

    # Note, approve, next open shot.
    keys.press("ArrowUp")
    keys.press("ArrowUp")
    expect_position(page, 3, 20)
    keys.press("n")
    keys.type("a brown cat")
    keys.press("Escape")
    wait_for(lambda: read()["shots"][2]["note"] == "a brown cat")
    page.locator("picture-canvas").first.focus()
    keys.press("a")
    wait_for(lambda: read()["shots"][2]["state"] == "approved")
    expect_position(page, 4, 35)  # the next open shot is shown by its middle
    keys.press("o")
    expect_position(page, 1, 5)
    keys.press("Home")

    # Split, undo, merge, undo.
    keys.press("ArrowRight")
    keys.press("ArrowRight")
    keys.press("s")
    wait_for(lambda: [shot["first"] for shot in read()["shots"]] == [0, 2, 10, 20, 30])
    keys.press("Control+z")
    wait_for(lambda: len(read()["shots"]) == 4)

    # The project is the only place where decisions are kept.
    project = json.loads((film_path.parent / "reel.vidcolor.json").read_text())
    assert "a brown cat" in json.dumps(project)


def test_two_people_see_the_decisions_of_each_other(
    editor: Session, films: StudioProcess, film: str, visitor: Callable[..., Visitor]
) -> None:
    people = visitor(films), visitor(films, color_scheme="dark")
    for person in people:
        person.expected = ["409"]  # a page may not know the last revision yet
    first, second = (person.open(f"#/film/{film}") for person in people)
    canvas = wait_for_picture(first)
    other = wait_for_picture(second)
    number = len(list_hints(editor.get(f"/api/films/{film}")))
    point_at(first, canvas, 0.3, 0.7, click=True)
    wait_for(lambda: len(list_hints(editor.get(f"/api/films/{film}"))) == number + 1)
    expect(canvas.locator(".ring")).to_have_count(1)
    expect(other.locator(".ring")).to_have_count(1, timeout=10_000)
    # Both change the film, without a conflict: they decide on different shots.
    second.keyboard.press("ArrowDown")
    expect_position(second, 2, 10)
    second.get_by_role("button", name="Leave gray").click()
    wait_for(lambda: editor.get(f"/api/films/{film}")["shots"][1]["saturation"] == 0)
    first.keyboard.press("Control+z")
    wait_for(lambda: len(list_hints(editor.get(f"/api/films/{film}"))) == number)
    expect(other.locator(".ring")).to_have_count(0)
    assert editor.get(f"/api/films/{film}")["shots"][1]["saturation"] == 0


COUNT_BITMAPS = """
const create = window.createImageBitmap;
const close = ImageBitmap.prototype.close;
window.bitmaps = { created: 0, open: 0 };
window.createImageBitmap = async (...source) => {
    const bitmap = await create.apply(window, source);
    window.bitmaps.created += 1;
    window.bitmaps.open += 1;
    return bitmap;
};
ImageBitmap.prototype.close = function () {
    if (this.width) window.bitmaps.open -= 1;
    close.call(this);
};
"""


def test_scrubbing_keeps_the_memory_flat(
    films: StudioProcess, film: str, visitor: Callable[..., Visitor]
) -> None:
    person = visitor(films)
    person.context.add_init_script(COUNT_BITMAPS)
    page = person.open(f"#/film/{film}")
    wait_for_picture(page)
    inspector = person.context.new_cdp_session(page)
    inspector.send("Performance.enable")

    def scrub(times: int) -> None:
        for _ in range(times):
            for key in ("ArrowRight",) * 39 + ("ArrowLeft",) * 39:
                page.keyboard.press(key)
                page.wait_for_timeout(8)

    def measure() -> tuple[float, float]:
        """Return the used heap in bytes, and the number of nodes."""
        page.wait_for_timeout(500)
        inspector.send("HeapProfiler.collectGarbage")
        metrics = inspector.send("Performance.getMetrics")["metrics"]
        values = {metric["name"]: metric["value"] for metric in metrics}
        return values["JSHeapUsedSize"], values["Nodes"]

    scrub(1)
    heap, nodes = measure()
    scrub(3)
    new_heap, new_nodes = measure()
    bitmaps = page.evaluate("window.bitmaps")
    assert bitmaps["created"] > 40
    assert bitmaps["open"] <= 24, "pictures are not released"
    assert new_heap < heap + 1_000_000, "the heap grows"
    assert new_nodes < nodes + 200, "elements are left behind"
