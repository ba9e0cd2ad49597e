"""Makes the pictures of the studio in the documentation, in Chromium: `make images`."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402
from playwright.sync_api import Browser, Page, expect, sync_playwright  # noqa: E402

from tests.helpers.studio_server import StudioProcess  # noqa: E402
from tests.studio.browser.chromium import MISSING, find_chromium  # noqa: E402
from tests.studio.browser.pointing import point_at, wait_for_picture  # noqa: E402
from vidcolor.media.ffmpeg_cli import find_ffmpeg  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

IMAGES = ROOT / "docs" / "images"
SAMPLES = ROOT / "samples"
ALBUM = {"camera": 90, "bird": 240, "cat": 300, "breakfast": 360, "launch": 420, "garden": 30}
"""Photos of the album, with their frames in the sample reel."""
SUIT = "#8c2f39"
HINTS = [(0.12, 0.12, "neutral"), (0.5, 0.75, SUIT), (0.3, 0.94, SUIT)]
"""Hints on the portrait: the wall, and the suit."""
MAX_BYTES = 150_000
WAIT_MS = 240_000


def main() -> None:
    """Make all pictures."""
    path = find_chromium()
    if path is None:
        sys.exit(f"{MISSING}.")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        directory = Path(name)
        film = directory / "reel.mkv"
        shutil.copy(SAMPLES / "reel.mkv", film)
        server = StudioProcess(directory / "empty").start()
        films = StudioProcess(directory / "films", (film,)).start()
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            show_photos(open_context(browser), server, write_album(directory))
            show_film(open_context(browser), films)
        finally:
            browser.close()
            server.kill()
            films.kill()


def open_context(
    browser: Browser, width: int = 1280, height: int = 800, scale: int = 1
) -> BrowserContext:
    """Return a browser window with the dark look."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=scale,
        color_scheme="dark",
        reduced_motion="reduce",
    )
    context.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    return context


def write_album(directory: Path) -> list[Path]:
    """Write the photos of the album: the sample photos, and frames of the sample reel."""
    paths = [directory / "portrait.jpg", directory / "print.png"]
    shutil.copy(SAMPLES / "photo.jpg", paths[0])
    shutil.copy(SAMPLES / "sepia.png", paths[1])
    for name, frame in ALBUM.items():
        paths.append(directory / f"{name}.jpg")
        select = ["-vf", f"select=eq(n\\,{frame})", "-frames:v", "1", "-q:v", "2"]
        command = [find_ffmpeg(), "-v", "error", "-i", SAMPLES / "reel.mkv", *select, paths[-1]]
        subprocess.run([str(part) for part in command], check=True)
    return paths


def save(page: Page, name: str, width: int = 1280) -> None:
    """Write a screenshot as a WebP file of at most `MAX_BYTES`."""
    page.wait_for_timeout(800)
    with Image.open(io.BytesIO(page.screenshot())) as screenshot:
        height = round(screenshot.height * width / screenshot.width)
        picture = screenshot.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    for quality in range(90, 30, -5):
        data = io.BytesIO()
        picture.save(data, "WEBP", quality=quality, method=6)
        if data.tell() <= MAX_BYTES:
            break
    (IMAGES / name).write_bytes(data.getvalue())
    print(f"{name}: {data.tell() // 1000} kB")


def show_photos(context: BrowserContext, server: StudioProcess, album: list[Path]) -> None:
    """Show the first page, an album, and one photo that is corrected."""
    page = context.new_page()
    page.goto(server.make_link())
    expect(page.get_by_role("button", name="Try it on a sample")).to_be_visible()
    save(page, "studio-home.webp")

    page.get_by_label("Add photos or films").locator("visible=false").set_input_files(album)
    ready = page.get_by_role("link").filter(has_text="Ready")
    expect(ready.nth(3)).to_be_visible()
    save(page, "studio-album.webp")
    expect(ready).to_have_count(len(album))

    page.get_by_role("link", name=re.compile("portrait")).click()
    canvas = wait_for_picture(page)
    page.keyboard.press("w")
    page.mouse.move(5, 400)
    save(page, "studio-wipe.webp")
    page.keyboard.press("w")

    for number, (x, y, color) in enumerate(HINTS):
        wait_for_picture(page)
        point_at(page, canvas, x, y, click=True)
        expect(page.get_by_role("button", name=re.compile(rf"^{number + 1} · "))).to_be_visible()
        expect(page.locator(".likely-colors button").first).to_be_visible()
        if color == "neutral":
            page.keyboard.press("x")
        else:
            field = page.get_by_label("Color as #rrggbb or as a name")
            field.fill(color)
            field.press("Enter")
        page.wait_for_timeout(2500)
        page.keyboard.press("Escape")
    wait_for_picture(page)
    point_at(page, canvas, 0.72, 0.82)
    expect(page.locator(".likely-colors button").first).to_be_visible()
    page.wait_for_timeout(1500)
    save(page, "studio-photo.webp")

    assert context.browser is not None
    phone = open_context(context.browser, 390, 844, scale=2)
    phone.add_cookies(context.cookies())
    small = phone.new_page()
    small.goto(page.url)
    wait_for_picture(small)
    save(small, "studio-phone.webp", width=390)


def show_film(context: BrowserContext, server: StudioProcess) -> None:
    """Show a film with decisions, and its review."""
    page = context.new_page()
    page.goto(server.make_link())
    page.get_by_role("link", name=re.compile(r"reel\.mkv")).click()
    canvas = wait_for_picture(page)
    page.keyboard.press("a")
    page.wait_for_timeout(1000)
    page.keyboard.press("/")
    page.keyboard.type("f150")
    page.keyboard.press("Enter")
    wait_for_picture(page)
    point_at(page, canvas, 0.5, 0.75, click=True)
    expect(canvas.locator(".ring")).to_have_count(1)
    page.wait_for_timeout(4000)
    wait_for_picture(page)
    page.mouse.move(5, 400)
    save(page, "studio-film.webp")
    page.get_by_role("link", name="Review", exact=True).click()
    wait_for_picture(page)
    page.wait_for_timeout(8000)
    save(page, "studio-review.webp")


if __name__ == "__main__":
    main()
