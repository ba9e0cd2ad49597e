"""What an editor does with a film, in Chromium: by keyboard, and together with another person."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.studio.browser.conftest import Visitor
from tests.studio.browser.pointing import point_at, wait_for_picture
from tests.studio.browser.server import Session, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.browser]
CUTS = [0, 10, 20, 30]
NUM_FRAMES = 40
HAS_FOCUS = "document.activeElement.matches('picture-canvas')"


def list_cuts(state: dict[str, Any]) -> list[int]:
    return [shot["first"] for shot in state["shots"]]


def list_hints(state: dict[str, Any]) -> list[dict[str, Any]]:
    return [hint for shot in state["shots"] for hint in shot["hints"]]


def expect_position(page: Page, shot: int, frame: int) -> None:
    name = re.compile(rf"^shot {shot}.4 · .* frame {frame} ")
    expect(page.get_by_role("button", name=name)).to_be_visible()


def test_a_film_is_decided_by_keyboard(
    session: Session,
    film: str,
    film_path: Path,
    visitor: Callable[..., Visitor],
) -> None:
    def read() -> dict[str, Any]:
        return session.get(f"/api/films/{film}")

    assert list_cuts(read()) == CUTS
    page = visitor(session=None).open()  # it sees no uploads of other tests
    link = page.get_by_role("link", name=re.compile(r"reel\.mkv"))
    expect(link).to_be_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
        if link.evaluate("(link) => link === document.activeElement"):
            break
    page.keyboard.press("Enter")
    wait_for_picture(page)
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
    for text in ("f35", "00:00:01:08", "1:08"):
        keys.press("/")
        keys.type(text)
        keys.press("Enter")
        expect_position(page, 4, 35 if text == "f35" else 33)

    # A hint, without a mouse: the picture has the focus. Then another of the likely colors.
    wait_for_picture(page)
    keys.press("Enter")
    keys.press("Shift+ArrowRight")
    colors = page.locator(".likely-colors button")
    expect(colors.nth(1)).to_be_visible()
    expect(colors.nth(1)).to_have_attribute("title", re.compile(r"^[a-z]+( #[0-9a-f]{6})? · \d"))
    keys.press("Enter")
    (hint,) = wait_for(lambda: list_hints(read()))
    assert hint["frame"] == 33
    assert hint["x"] > 0.5 and abs(hint["y"] - 0.5) < 0.02
    keys.press("2")
    (other,) = wait_for(lambda: [h for h in list_hints(read()) if h["color"] != hint["color"]])
    assert other["color"] != "neutral"
    keys.press("Escape")
    # What was made again can be taken back again.
    for key, colored in (("z", hint), ("Shift+z", other), ("z", hint)):
        keys.press(f"Control+{key}")
        wait_for(lambda: [h["color"] for h in list_hints(read())] == [colored["color"]])  # noqa: B023
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
    assert page.evaluate(HAS_FOCUS)
    keys.press("a")
    wait_for(lambda: read()["shots"][2]["state"] == "approved")
    expect_position(page, 4, 35)  # the next open shot is shown by its middle
    keys.press("o")
    expect_position(page, 1, 5)
    keys.press("Home")

    # Split, undo.
    keys.press("ArrowRight")
    keys.press("ArrowRight")
    keys.press("s")
    wait_for(lambda: list_cuts(read()) == [0, 2, 10, 20, 30])
    keys.press("Control+z")
    wait_for(lambda: list_cuts(read()) == CUTS)
    expect_position(page, 1, 2)

    # A boundary that was moved just now counts before the approval.
    keys.press("ArrowDown")
    keys.press(".")
    keys.press(".")
    expect(page.locator(".strip-popover")).to_contain_text("moved by +2")
    keys.press("a")
    wait_for(lambda: read()["shots"][1]["state"] == "approved")
    assert list_cuts(read()) == [0, 12, 20, 30]
    expect(page.locator(".strip-popover")).to_be_hidden()
    keys.press("Control+z")
    keys.press("Control+z")
    wait_for(lambda: list_cuts(read()) == CUTS)

    # The project is the only place where decisions are kept.
    project = json.loads((film_path.parent / "reel.vidcolor.json").read_text())
    assert "a brown cat" in json.dumps(project)


def test_a_film_is_reviewed_by_keyboard(
    session: Session, film: str, visitor: Callable[..., Visitor]
) -> None:
    def read() -> dict[str, Any]:
        return session.get(f"/api/films/{film}")

    page = visitor().open(f"#/review/{film}")
    wait_for_picture(page)
    expect(page.get_by_text("shot 1/4")).to_be_visible()
    page.keyboard.press("n")
    page.keyboard.type("a green rabbit")
    page.keyboard.press("Enter")
    page.keyboard.press("a")
    wait_for(lambda: read()["shots"][0]["state"] == "approved")
    assert read()["shots"][0]["note"] == "a green rabbit"
    expect(page.get_by_text("shot 2/4")).to_be_visible()
    page.keyboard.press("Control+z")
    wait_for(lambda: read()["shots"][0]["state"] == "open")
    page.keyboard.press("f")
    expect_position(page, 2, 15)


def test_a_click_and_a_note_count_although_the_person_goes_on(
    session: Session, film: str, visitor: Callable[..., Visitor]
) -> None:
    def read() -> dict[str, Any]:
        return session.get(f"/api/films/{film}")

    page = visitor().open()
    page.evaluate(f"location.hash = '#/film/{film}'")
    canvas = wait_for_picture(page)
    held: list[Route] = []
    page.route("**/colors?*", lambda route: held.append(route))
    known = {hint["id"] for hint in list_hints(read())}
    point_at(page, canvas, 0.3, 0.7, click=True)
    wait_for(lambda: page.evaluate("1") and held)
    page.mouse.move(1, 1)
    colors = [{"color": "#12ab34", "share": 1}]
    for route in held:  # requests for other places may have ended
        route.fulfill(json={"colors": colors, "current": "#808080", "confidence": 0.5})
    (hint,) = wait_for(lambda: [h for h in list_hints(read()) if h["id"] not in known])
    assert hint["color"] == "#12ab34", "the most likely color of the place"
    page.keyboard.press("Control+z")
    wait_for(lambda: {h["id"] for h in list_hints(read())} == known)

    page.keyboard.press("n")
    page.keyboard.press("Control+a")  # earlier tests may have left a note
    page.keyboard.type("not yet saved")
    page.go_back()
    expect(page.get_by_role("link", name=re.compile(r"reel\.mkv")).first).to_be_visible()
    state = wait_for(lambda: (s := read())["shots"][0]["note"] == "not yet saved" and s)
    session.change(f"films/{film}", state["revision"], do="undo")


def test_two_people_see_the_decisions_of_each_other(
    session: Session, film: str, visitor: Callable[..., Visitor]
) -> None:
    people = visitor(), visitor(session=None, color_scheme="dark")
    for person in people:
        person.expected = ["409.*/changes"]  # a page may not know the last revision yet
    first, second = (person.open(f"#/film/{film}") for person in people)
    canvas = wait_for_picture(first)
    other = wait_for_picture(second)
    number = len(list_hints(session.get(f"/api/films/{film}")))
    point_at(first, canvas, 0.3, 0.7, click=True)
    wait_for(lambda: len(list_hints(session.get(f"/api/films/{film}"))) == number + 1)
    expect(canvas.locator(".ring")).to_have_count(1)
    expect(other.locator(".ring")).to_have_count(1)
    # Both change the film, without a conflict: they decide on different shots.
    second.keyboard.press("ArrowDown")
    expect_position(second, 2, 10)
    second.get_by_role("button", name="Leave gray").click()
    wait_for(lambda: session.get(f"/api/films/{film}")["shots"][1]["saturation"] == 0)
    assert second.evaluate(HAS_FOCUS), "the next key would press the button again"
    first.keyboard.press("Control+z")
    wait_for(lambda: len(list_hints(session.get(f"/api/films/{film}"))) == number)
    expect(other.locator(".ring")).to_have_count(0)
    assert session.get(f"/api/films/{film}")["shots"][1]["saturation"] == 0


def test_a_conflict_shows_both_changes(
    session: Session, film: str, visitor: Callable[..., Visitor]
) -> None:
    def change_before(route: Route) -> None:
        revision = session.get(f"/api/films/{film}")["revision"]
        session.change(f"films/{film}", revision, do="set-shot", shot=1, vividness=0.25)
        route.continue_()

    person = visitor()
    person.expected = ["409.*/changes"]
    page = person.open(f"#/film/{film}")
    wait_for_picture(page)
    page.route("**/changes", change_before, times=1)
    page.locator("#slider-saturation").focus()
    page.keyboard.press("ArrowRight")
    dialog = page.get_by_role("dialog", name="Two changes of one shot")
    expect(dialog).to_contain_text("vividness 0.25")
    expect(dialog).to_contain_text("saturation 1.01")
    dialog.get_by_role("button", name="Make my change as well").press("Enter")
    wait_for(lambda: session.get(f"/api/films/{film}")["shots"][0]["saturation"] == 1.01)
    assert session.get(f"/api/films/{film}")["shots"][0]["vividness"] == 0.25


def test_a_typo_in_the_project_is_named_until_it_is_corrected(
    film: str, film_path: Path, visitor: Callable[..., Visitor]
) -> None:
    project = film_path.with_name("reel.vidcolor.json")
    right = project.read_text()
    person = visitor()
    person.expected = ["400", "422"]  # stills that were asked for meanwhile
    page = person.open(f"#/film/{film}")
    wait_for_picture(page)
    notice = page.locator(".film-notice")
    project.write_text(right.replace('"hints"', '"hintz"', 1))
    expect(notice).to_contain_text("reel.vidcolor.json: unknown key 'hintz'")
    expect_position(page, 1, 0)
    project.write_text(right)
    expect(notice).to_be_hidden()


def test_reference_is_for_a_shot_or_for_the_film(
    session: Session,
    film: str,
    tmp_path: Path,
    visitor: Callable[..., Visitor],
) -> None:
    picture = tmp_path / "postcard.png"
    colors = Image.linear_gradient("L").resize((96, 64))
    Image.merge("RGB", (colors, colors.rotate(180), colors)).save(picture)
    page = visitor().open(f"#/film/{film}")
    wait_for_picture(page)
    page.keyboard.press("ArrowDown")
    for scope in ("shot", "film"):
        page.locator('input[type="file"][accept]').first.set_input_files(picture)
        dialog = page.get_by_role("dialog", name="Add a reference picture")
        expect(dialog.get_by_role("radio").first).to_be_focused()
        if scope == "film":
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        page.keyboard.type("a letter of 1917")
        page.keyboard.press("Enter")
        expect(page.locator(".film-row-text")).to_have_count(1 if scope == "shot" else 2)
    state = session.get(f"/api/films/{film}")
    found = [row["frame"] for row in state["shots"][1]["references"] + state["references"]]
    assert found == [10, None]
    names = page.locator(".film-row-name").all_inner_texts()
    assert names == [picture.name] * 2
    assert page.evaluate(HAS_FOCUS)
    for _ in found:
        page.keyboard.press("Control+z")
    expect(page.locator(".film-row-text")).to_have_count(0)


NAME_COLORS = """async (colors) => {
    const main = document.querySelector('script[src$="main.js"]').src;
    const { nameNearestColor } = await import(main.replace("main.js", "photo/colors.js"));
    return colors.map(nameNearestColor);
}"""


def test_files_for_other_programs_are_saved(
    film: str,
    film_path: Path,
    tmp_path: Path,
    visitor: Callable[..., Visitor],
) -> None:
    person = visitor()
    person.expected = ["422"]
    page = person.open(f"#/film/{film}")
    wait_for_picture(page)
    page.get_by_role("button", name="Export …").locator("visible=true").click()
    dialog = page.get_by_role("dialog", name="Export")
    expect(dialog.get_by_role("button", name="EDL")).to_be_focused()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "reel.edl"
    assert "FROM CLIP NAME: reel.mkv" in download.value.path().read_text()
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Save the project").press("Enter")
    assert download.value.suggested_filename == "reel.vidcolor.json"
    hidden = film_path.rename(tmp_path / "reel.mkv")
    dialog.get_by_role("button", name="CSV").press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("reel.mkv")
    hidden.rename(film_path)
    # Names of colors, for screen readers and people who do not see them.
    names = page.evaluate(NAME_COLORS, ["#4682b4", "#483113", "#373632", "#3b5f8a"])
    assert names == ["steelblue", "saddlebrown #483113", "dimgray #373632", "steelblue #3b5f8a"]


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
STEP = """async ([key, times]) => {
    const canvas = document.querySelector("picture-canvas");
    for (let n = 0; n < times; n += 1) {
        const loaded = new Promise((resolve) => {
            canvas.addEventListener("loaded", resolve, { once: true });
            setTimeout(resolve, 3000);
        });
        document.dispatchEvent(new KeyboardEvent("keydown", { key }));
        await loaded;
    }
}"""


@pytest.mark.exhaustive
def test_scrubbing_keeps_the_memory_flat_and_then_the_page_rests(
    film: str, visitor: Callable[..., Visitor]
) -> None:
    person = visitor()
    person.context.add_init_script(COUNT_BITMAPS)
    page = person.open(f"#/film/{film}")
    wait_for_picture(page)
    page.get_by_role("radio", name="Before").click()  # gray stills are made fast
    inspector = person.context.new_cdp_session(page)
    inspector.send("Performance.enable")

    def scrub() -> None:
        for key in ("ArrowRight", "ArrowLeft"):
            page.evaluate(STEP, [key, NUM_FRAMES - 1])

    def measure() -> dict[str, float]:
        metrics = inspector.send("Performance.getMetrics")["metrics"]
        return {metric["name"]: metric["value"] for metric in metrics}

    def measure_memory() -> tuple[float, float]:
        """Return the used heap in bytes, and the number of nodes."""
        page.wait_for_timeout(300)
        inspector.send("HeapProfiler.collectGarbage")
        values = measure()
        return values["JSHeapUsedSize"], values["Nodes"]

    scrub()
    heap, nodes = measure_memory()
    scrub()
    new_heap, new_nodes = measure_memory()
    bitmaps = page.evaluate("window.bitmaps")
    assert bitmaps["created"] > 3 * NUM_FRAMES
    assert bitmaps["open"] <= 24, "pictures are not released"
    assert new_heap < heap + 500_000, "the heap grows"
    assert new_nodes < nodes + 200, "elements are left behind"

    def is_at_rest() -> bool:
        before = measure()
        page.wait_for_timeout(1000)
        after = measure()
        busy = after["TaskDuration"] - before["TaskDuration"]
        return busy < 0.05 and after["RecalcStyleCount"] == before["RecalcStyleCount"]

    wait_for(is_at_rest)
