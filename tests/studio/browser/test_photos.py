"""What a person does with photos, in Chromium."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.studio.browser.conftest import Visitor
from tests.studio.browser.pointing import point_at, wait_for_picture
from tests.studio.browser.server import Session, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.browser]
DRESS = (0.5, 0.8)
"""A place in samples/photo.jpg that is not red by itself."""
SECONDS = 120_000
"""Time that coloring may take on a slow machine, in milliseconds."""
SECOND_PART = 4 << 20
"""Offset of the second part of an upload."""


def choose_files(page: Page, *paths: Path) -> None:
    page.get_by_label("Add photos or films").locator("visible=false").set_input_files(list(paths))


def copy_photo(source: Path, path: Path) -> Path:
    """Copy a JPEG with a comment that no other file has, so that it is no duplicate."""
    data, comment = source.read_bytes(), path.name.encode()
    head = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big")
    path.write_bytes(data[:2] + head + comment + data[2:])
    return path


def read_red(path: Path, place: tuple[float, float]) -> float:
    """Return how much redder than green the surroundings of a place are, in code values."""
    with Image.open(path) as image:
        rgb = np.asarray(image.convert("RGB")).astype(float)
    x, y = round(place[0] * rgb.shape[1]), round(place[1] * rgb.shape[0])
    part = rgb[y - 8 : y + 8, x - 8 : x + 8]
    return float((part[..., 0] - part[..., 1]).mean())


def test_a_photo_is_uploaded_corrected_and_saved(
    session: Session, visitor: Callable[..., Visitor], samples: Path, tmp_path: Path
) -> None:
    page = visitor().open()
    choose_files(page, copy_photo(samples / "photo.jpg", tmp_path / "portrait.jpg"))
    tile = page.get_by_role("link", name=re.compile(r"portrait\.jpg"))
    expect(tile).to_contain_text("Ready", timeout=SECONDS)
    tile.click()
    canvas = wait_for_picture(page)
    photo = page.url.rpartition("/")[2]

    # The likely colors of the place under the pointer, then a hint and another color for it.
    point_at(page, canvas, *DRESS)
    expect(page.locator(".likely-colors button").first).to_be_visible()
    point_at(page, canvas, *DRESS, click=True)
    expect(canvas.get_by_role("button", name=re.compile("Hint 1"))).to_be_visible()
    color = page.get_by_label("Color as #rrggbb or as a name")
    color.fill("#c03028")
    color.press("Enter")
    state = wait_for(lambda: has_hint(session.get(f"/api/photos/{photo}"), "#c03028"))
    assert abs(state["hints"][0]["x"] - DRESS[0]) < 0.002
    assert abs(state["hints"][0]["y"] - DRESS[1]) < 0.002
    canvas = wait_for_picture(page, f":{state['revision']}")
    shown = canvas.evaluate("(canvas, [x, y]) => canvas.colorAt(x, y)", list(DRESS))
    red, green = int(shown[1:3], 16), int(shown[3:5], 16)
    assert red > green + 20, "the picture shows the color"

    slider = page.get_by_label("Saturation", exact=True)
    slider.press("ArrowRight")
    wait_for(lambda: session.get(f"/api/photos/{photo}")["saturation"] > 1)
    page.keyboard.press("Control+z")
    wait_for(lambda: session.get(f"/api/photos/{photo}")["saturation"] == 1)

    page.get_by_role("button", name="Download").click()
    with page.expect_download(timeout=SECONDS) as download:
        page.get_by_role("dialog").get_by_role("button", name="Download").click()
    result = tmp_path / download.value.suggested_filename
    download.value.save_as(result)
    assert result.name == "portrait.color.jpg"
    with Image.open(samples / "photo.jpg") as source, Image.open(result) as image:
        assert image.size == source.size
        assert image.getexif()[0x013B] == source.getexif()[0x013B], "the artist is kept"
    assert read_red(result, DRESS) > 20, "the file has the color"


def has_hint(photo: dict, color: str) -> dict | None:
    """Return a photo if its only hint has a color."""
    return photo if [hint["color"] for hint in photo["hints"]] == [color] else None


def test_a_reload_continues_an_upload(
    session: Session, visitor: Callable[..., Visitor], tmp_path: Path
) -> None:
    noise = np.random.default_rng(5).integers(20_000, 40_000, (900, 900, 3), np.uint16)
    path = tmp_path / "scan 31.tif"
    cv2.imwrite(str(path), noise, [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    assert path.stat().st_size > SECOND_PART
    page = visitor().open()
    expect(page.get_by_role("button", name="Add photos or films")).to_be_visible()
    parts: list[int] = []
    is_reloaded = False

    def pass_part(route: Route) -> None:
        """Let parts pass; before the reload, the second one never arrives."""
        offset = int(route.request.headers.get("upload-offset", -1))
        parts.append(offset)
        if offset < SECOND_PART or is_reloaded:
            route.continue_()

    page.route("**/api/uploads/*", pass_part)
    choose_files(page, path)
    while SECOND_PART not in parts:
        page.wait_for_timeout(50)
    is_reloaded = True
    parts.clear()
    page.reload()
    expect(page.get_by_role("link", name=re.compile("scan 31"))).to_be_visible(timeout=SECONDS)
    assert [offset for offset in parts if offset >= 0] == [SECOND_PART]
    photos = {photo["name"]: photo for photo in session.get("/api/photos")}
    assert photos[path.name]["size"] == path.stat().st_size


def test_a_ring_is_changed_before_its_color_is_known(
    session: Session, visitor: Callable[..., Visitor], samples: Path
) -> None:
    photo = session.add_photo(samples / "sepia.png")
    page = visitor().open(f"#/photo/{photo}")
    canvas = wait_for_picture(page)
    held: list[Route] = []
    page.route("**/colors?*", lambda route: held.append(route))
    ring = canvas.locator(".ring")

    def click(x: float, y: float) -> None:
        point_at(page, canvas, x, y, click=True)
        expect(ring).to_have_count(1)
        wait_for(lambda: page.evaluate("1") and held)

    def answer() -> None:
        colors = [{"color": "#12ab34", "share": 1}]
        while held:
            held.pop().fulfill(json={"colors": colors, "current": "#808080", "confidence": 0.5})

    click(0.4, 0.4)
    page.keyboard.press("Control+z")
    expect(ring).to_have_count(0)
    answer()
    click(0.5, 0.4)
    page.mouse.down()
    point_at(page, canvas, 0.5, 0.5)
    answer()
    state = wait_for(lambda: (p := session.get(f"/api/photos/{photo}"))["hints"] and p)
    point_at(page, canvas, 0.6, 0.6)
    page.mouse.up()
    state = wait_for(lambda: (p := session.get(f"/api/photos/{photo}"))["revision"] > 1 and p)
    (hint,) = state["hints"]
    assert hint["color"] == "#12ab34"
    assert abs(hint["x"] - 0.6) < 0.01 and abs(hint["y"] - 0.6) < 0.01


LONG_NAME = "album of grandmother, summer at the lake, page 31, third row, left.png"
PASTE = """
(data) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], "image.png", { type: "image/png" }));
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer }));
}
"""


def write_reference(path: Path) -> Path:
    """Write a small picture of a red half and a blue half."""
    picture = np.full((48, 64, 3), (160, 60, 40), np.uint8)
    picture[:, 32:] = (40, 60, 160)
    cv2.imwrite(str(path), picture)
    return path


def test_a_reference_is_chosen_pasted_and_removed(
    session: Session, visitor: Callable[..., Visitor], samples: Path, tmp_path: Path
) -> None:
    photo = session.add_photo(samples / "sepia.png")
    reference = write_reference(tmp_path / LONG_NAME)

    def wait_for_reference(name: str | None) -> dict:
        return wait_for(
            lambda: (
                (state := session.get(f"/api/photos/{photo}"))
                and (state["reference"] or {}).get("name") == name
                and state
            )
        )

    person = visitor()
    person.expected = ["409"]
    page = person.open(f"#/photo/{photo}")
    expect(page.get_by_role("heading", name="sepia.png")).to_be_visible()

    def change_elsewhere(route: Route) -> None:
        """Change the photo in another browser, just before the request arrives."""
        revision = session.get(f"/api/photos/{photo}")["revision"]
        session.change(f"photos/{photo}", revision, do="set", saturation=1.5)
        route.continue_()

    page.route("**/reference?*", change_elsewhere, times=1)
    page.locator("photo-panel input[type=file]").set_input_files(reference)
    expect(page.get_by_text("Both changes were kept")).to_be_visible()
    state = wait_for_reference(LONG_NAME)
    assert state["saturation"] == 1.5, "the change of the other browser is kept"
    expect(page.get_by_role("button", name="Remove the reference")).to_be_visible()
    panel = page.locator(".panel-body")
    assert panel.evaluate("(panel) => panel.scrollWidth <= panel.clientWidth"), "cut off"

    page.evaluate(PASTE, base64.b64encode(reference.read_bytes()).decode())
    wait_for_reference("image.png")
    page.get_by_role("button", name="Remove the reference").click()
    wait_for_reference(None)


def test_the_tour_leads_through_on_a_phone(visitor: Callable[..., Visitor]) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = visitor(**phone, reduced_motion="no-preference").open()
    page.get_by_role("button", name="Help").tap()
    page.get_by_role("button", name="Show the three steps").tap()
    tour = page.get_by_role("dialog", name="Three steps")
    canvas = wait_for_picture(page)
    expect(tour).to_contain_text("Tap a thing")
    place = canvas.evaluate("(canvas, [x, y]) => canvas.pictureToClient(x, y)", list(DRESS))
    page.touchscreen.tap(place["x"], place["y"])
    expect(tour).to_contain_text("Choose a color")
    # Playwright taps only what no other element covers.
    page.locator(".likely-colors button").nth(1).tap()
    expect(tour).to_contain_text("Hold a finger")
    tour.get_by_role("button", name="Done").tap()
    expect(tour).to_have_count(0)


def test_files_that_cannot_be_used_are_named(
    visitor: Callable[..., Visitor], tmp_path: Path
) -> None:
    with (tmp_path / "huge.tif").open("wb") as file:
        file.truncate(201 << 20)  # sparse: it takes no space and no time
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    person = visitor()
    person.expected = ["415", "422", "400"]
    page = person.open()
    choose_files(page, *(tmp_path / name for name in ("huge.tif", "notes.txt", "broken.jpg")))
    expect(page.get_by_role("alert")).to_contain_text("notes.txt")
    expect(page.get_by_role("alert")).to_contain_text("the limit is 210 MB")
    expect(page.locator(".tile").filter(has_text="broken.jpg")).to_contain_text(
        "damaged or unsupported", timeout=SECONDS
    )
