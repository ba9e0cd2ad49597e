"""Answers that arrive late, in another order, or when what they are about is gone.

Each test runs modules of the pages in Chromium with answers that it holds back.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route

from tests.helpers.studio_server import StudioProcess
from tests.studio.browser.conftest import Visitor, make_context
from tests.studio.browser.server import Session, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.browser]
COLORS = {"5": (200, 40, 40), "6": (40, 40, 200), "7": (40, 200, 40)}
"""Colors of the stills of frames."""
LOAD = """async (path) => {
    const main = document.querySelector('script[src$="main.js"]').src;
    return import(main.replace("main.js", path));
}"""
"""The module with a path, as the page has loaded it."""
FAKE = """
const load = %s;
const film = (revision, values = {}) => ({
    id: "f", name: "reel", revision, num_frames: 20, options: {}, can_undo: true, can_redo: true,
    shots: [{ number: 1, first: 0, end: 20, state: "open", hints: [], references: [], rev: "r" }],
    ...values,
});
const withHints = (revision, ...ids) => {
    const state = film(revision);
    const hint = (id) => ({ id, frame: 3, x: id / 10, y: 0.5, color: "#ff0000", radius: null });
    state.shots[0].hints = ids.map(hint);
    return state;
};
/** Answers that arrive when the test says so. */
const hold = () => {
    const calls = [];
    const ask = (...values) => new Promise((resolve) => void calls.push({ values, resolve }));
    return { calls, ask };
};
const rest = () => new Promise((resolve) => void setTimeout(resolve, 0));
const until = async (condition) => {
    while (!condition()) await rest();
};
const theirs = async () => "theirs";
"""
SCENARIOS = {
    "a film that changes while it is read is read again": """
        const { FilmStore } = await load("film/film-store.js");
        const { calls, ask } = hold();
        const store = new FilmStore("f", { getFilm: ask }, theirs);
        void store.load();
        void store.load(); // an event, while the first answer is on its way
        calls[0].resolve(film(5));
        await rest();
        calls[1]?.resolve(film(6));
        await rest();
        return [store.film.revision, 6];""",
    "an older answer about a reference does not take back a later change": """
        const { FilmStore } = await load("film/film-store.js");
        const store = new FilmStore("f", {}, theirs);
        store.accept(film(8));
        store.acceptOwn(film(7), { do: "add-reference" });
        return [store.film.revision, 8];""",
    "changes of a hint that is gone, and more undos than changes, are not sent": """
        const { FilmStore } = await load("film/film-store.js");
        const sent = [];
        const change = async (_, { do: verb }) => {
            sent.push(verb);
            return { film: film(2, { can_undo: false }) };
        };
        const store = new FilmStore("f", { change }, theirs);
        store.accept(withHints(1, 4));
        const all = [{ do: "undo" }, { do: "undo" }, { do: "set-hint", id: 4, color: "#00ff00" },
            { do: "remove-hint", id: 4 }, { do: "move-hint", id: -9, x: 0, y: 0 }];
        await Promise.all(all.map((request) => store.change(request)));
        return [sent, ["undo"]];""",
    "a change of another person does not count as the redo that was asked for": """
        const { FilmStore } = await load("film/film-store.js");
        const asked = [];
        const change = async () => ({ current: film(2), isRepeated: false });
        const decide = async ({ mine }) => (asked.push(mine.do), "theirs");
        const store = new FilmStore("f", { change }, decide);
        store.accept(film(1));
        await store.change({ do: "redo" });
        return [asked, ["redo"]];""",
    "all hints of a stroke get their numbers": """
        const { FilmStore } = await load("film/film-store.js");
        const sent = [];
        const change = async (_, request) => {
            sent.push([request.do, request.id]);
            return { film: withHints(sent.length + 1, 7, 8) };
        };
        const store = new FilmStore("f", { change }, theirs);
        store.accept(film(1));
        const hints = [7, 8].map((id) => ({ frame: 3, x: id / 10, y: 0.5, color: "keep" }));
        void store.change({ do: "add-hints", hints });
        const second = store.shown.shots[0].hints[1].id;
        await store.change({ do: "remove-hint", id: second });
        return [sent.at(-1), ["remove-hint", 8]];""",
    "an older answer does not replace a photo": """
        const { PhotoStore } = await load("photo/photo-store.js");
        const photo = (revision) => ({ id: "p", revision, hints: [], saturation: revision,
            can_undo: true });
        const { calls, ask } = hold();
        window.fetch = async (...values) => Response.json(await ask(...values));
        const store = new PhotoStore("p", theirs);
        void store.load();
        await until(() => calls[0]);
        calls[0].resolve(photo(1));
        await until(() => store.photo);
        const refreshed = store.refresh();
        const changed = store.change({ do: "set", saturation: 2 });
        await until(() => calls[2]);
        calls[2].resolve(photo(2));
        await changed;
        calls[1].resolve(photo(1));
        await refreshed;
        return [store.photo.revision, 2];""",
    "more undos of a photo than changes are not sent": """
        const { PhotoStore } = await load("photo/photo-store.js");
        let sent = 0;
        window.fetch = async (path) => {
            sent += path.endsWith("/changes");
            return Response.json({ id: "p", revision: sent, hints: [], can_undo: !sent });
        };
        const store = new PhotoStore("p", theirs);
        await store.load();
        await Promise.all([1, 2, 3].map(() => store.change({ do: "undo" })));
        await store.change({ do: "remove-hint", id: 4 });
        return [sent, 1];""",
    "a job that ends, and a photo that is deleted, while everything is read": """
        const { library } = await load("library.js");
        const { serverEvents } = await load("events.js");
        const { calls, ask } = hold();
        window.fetch = async (path) => Response.json(await ask(path));
        const job = { id: "j", kind: "render", subject: "f", created: 1, state: "running" };
        const photo = { id: "p", name: "p", revision: 0, hints: [], width: 1 };
        const answers = { photos: [photo], films: [], jobs: [job], info: {} };
        const loaded = library.load();
        await until(() => calls.length === 3);
        const emit = (type, detail) =>
            serverEvents.dispatchEvent(new CustomEvent(type, { detail }));
        emit("job", { ...job, state: "done" });
        emit("deleted", { id: "p" });
        for (const { values: [path], resolve } of calls) resolve(answers[path.split("/").at(-1)]);
        await loaded;
        return [[library.jobs.get("j").state, library.photos.size], ["done", 0]];""",
}


@pytest.fixture(scope="module")
def page(chromium: Browser, studio: StudioProcess, session: Session) -> Iterator[Page]:
    """A page of the studio, whose modules the tests use."""
    visitor = Visitor(make_context(chromium, session), studio)
    page = visitor.open()
    page.get_by_role("button", name="Queue", exact=True).wait_for()
    yield page
    visitor.close()


@pytest.mark.parametrize("name", SCENARIOS)
def test_late_answers_are_put_in_order(page: Page, name: str) -> None:
    body = f"async () => {{ {FAKE % LOAD} const real = window.fetch; try {{ {SCENARIOS[name]} }} "
    result, expected = page.evaluate(f"{body} finally {{ window.fetch = real; }} }}")
    assert result == expected


SHOW = (
    f"async (frame) => {{ const load = {LOAD};"
    + """
    await load("components/picture-canvas.js");
    let canvas = document.querySelector("picture-canvas");
    if (!canvas) {
        canvas = document.createElement("picture-canvas");
        canvas.style = "position: fixed; z-index: 9; inset: 100px auto auto 100px; "
            + "width: 400px; height: 300px";
        document.body.append(canvas);
    }
    const urlFor = ({ width }) => `/still/${frame}?w=${width}`;
    canvas.source = { width: 400, height: 300, key: `film/${frame}`, urlFor };
}"""
)
CANVAS = "document.querySelector('picture-canvas')"


def encode(color: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(file, "PNG")
    return file.getvalue()


def test_the_frame_that_was_asked_for_last_is_shown(page: Page) -> None:
    held: dict[str, Route] = {}

    def answer(route: Route) -> None:
        frame = route.request.url.split("/")[-1].split("?")[0]
        if frame == "5":
            route.fulfill(body=encode(COLORS[frame]), content_type="image/png")
        else:
            held[frame] = route

    def show(*frames: str) -> None:
        for frame in frames:
            page.evaluate(SHOW, frame)

    def release(frame: str) -> None:
        wait_for(lambda: page.evaluate("1") and frame in held)
        held.pop(frame).fulfill(body=encode(COLORS[frame]), content_type="image/png")
        page.evaluate("fetch('/still/5').then((answer) => answer.blob())")  # it arrives later
        page.evaluate("new Promise((resolve) => void setTimeout(resolve, 50))")

    def expect_color(frame: str) -> None:
        color = "#{:02x}{:02x}{:02x}".format(*COLORS[frame])
        page.wait_for_function(f"() => {CANVAS}.colorAt(0.5, 0.5) === '{color}'")

    page.route("**/still/*", answer)
    show("5")
    expect_color("5")
    # Forth, and back to a frame that is loaded: the other one arrives later.
    show("6", "5")
    release("6")
    expect_color("5")
    # Forth twice, and back to a frame that is on its way: the other one arrives first.
    show("6", "7", "6")
    release("7")
    release("6")
    expect_color("6")
    page.evaluate(f"{CANVAS}.remove()")
    page.unroute("**/still/*")


RING = """([id]) => {
    const canvas = document.querySelector("picture-canvas");
    window.moved ??= [];
    canvas.addEventListener("hint-moved", (event) => void window.moved.push(event.detail));
    canvas.hints = [{ id, x: 0.5, y: 0.5, color: "#00ff00", radius: 0.05 }];
}"""


def test_a_ring_is_dragged_while_its_hint_gets_a_number(page: Page) -> None:
    body = encode(COLORS["5"])
    page.route("**/still/*", lambda route: route.fulfill(body=body, content_type="image/png"))
    page.evaluate(SHOW, "5")
    page.evaluate(RING, ["-1"])
    page.locator("picture-canvas .ring").wait_for()
    page.mouse.move(300, 250)
    page.mouse.down()
    page.mouse.move(320, 250)
    ring = page.locator("picture-canvas .ring").element_handle()
    page.evaluate(f"{CANVAS}.renameHint?.('-1', '7')")
    page.evaluate(RING, ["7"])
    page.mouse.move(340, 250)
    page.wait_for_function("() => document.querySelector('.ring')?.dataset.hint === '7'")
    assert ring.evaluate("(ring) => ring.isConnected"), "the focus would be lost"
    page.mouse.up()
    moved = page.evaluate("window.moved")
    page.evaluate(f"{CANVAS}.remove()")
    page.unroute("**/still/*")
    assert [hint["id"] for hint in moved[:1]] == ["7"]
    assert moved[0]["x"] > 0.55


FILM: dict[str, Any] = {
    "id": "f", "name": "reel.mkv", "revision": 1, "num_frames": 20, "width": 400, "height": 300,
    "rate": 24, "options": {}, "references": [], "source_rev": "s",
    "shots": [{"number": 1, "first": 0, "end": 20, "state": "open", "hints": [], "references": [],
               "rev": "r"}],
}  # fmt: skip
DISPATCH = (
    f"async ([type, detail]) => {{ const load = {LOAD};"
    + """
    const { serverEvents } = await load("events.js");
    serverEvents.dispatchEvent(new CustomEvent(type, { detail }));
    await new Promise((resolve) => void setTimeout(resolve, 50));
}"""
)


@pytest.mark.parametrize("view", ["review", "film"])
def test_requests_end_with_a_film_that_is_deleted(page: Page, view: str) -> None:
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        if "/frames/" in route.request.url:
            route.fulfill(body=encode(COLORS["5"]), content_type="image/png")
        else:
            route.fulfill(json={**FILM, "places": [], "done": 1, "total": 1})

    path = re.compile("/api/films/f(/|$)")
    page.route(path, answer)
    page.evaluate(f"location.hash = '#/{view}/f'")
    page.wait_for_function(f"() => {CANVAS}?.colorAt(0.5, 0.5)")
    page.evaluate(DISPATCH, ["deleted", {"id": "f"}])
    page.get_by_text("The film was deleted").wait_for()
    asked.clear()
    page.keyboard.press("Control+z")
    page.keyboard.press("ArrowRight")
    page.evaluate(DISPATCH, ["film", {"id": "f", "revision": 2}])
    page.unroute(path)
    page.evaluate("location.hash = '#/'")
    assert asked == [], "there is nothing to ask for"
