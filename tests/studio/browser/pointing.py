"""Where the mark of a picture is on the screen."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tests.studio.browser.marks import find_mark

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


PAINTED = """new Promise((resolve) => {
    const paint = () => requestAnimationFrame(() => requestAnimationFrame(resolve));
    const fades = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    setTimeout(paint, fades ? 250 : 0);
})"""
"""Resolves when the picture that was loaded is on the screen: it is painted in the next frame."""


def wait_for_picture(page: Page, key: str = "") -> Locator:
    """Return the canvas of a view as soon as it shows a picture in color.

    Args:
        page: the page.
        key: what the key of the picture must contain, such as its revision.
    """
    canvas = page.locator("picture-canvas").first
    canvas.wait_for(state="visible")
    # The first picture waits until the network is loaded.
    page.wait_for_function(
        """([canvas, key]) => canvas.source?.key.includes(key) && canvas.colorAt(0.5, 0.5)
            && canvas.getAttribute("aria-busy") === "false" """,
        arg=[canvas.element_handle(), key],
        timeout=120_000,
    )
    page.evaluate(PAINTED)
    return canvas


def locate_mark(page: Page, canvas: Locator) -> tuple[float, float]:
    """Return the center of the mark on the screen in CSS pixels.

    The pointer is moved off the picture first, because it draws outlines.
    """
    page.mouse.move(1, 1)
    page.evaluate(PAINTED)
    ratio = page.evaluate("devicePixelRatio")
    box = canvas.bounding_box()
    assert box is not None
    # JPEG takes a fraction of the time of PNG, and moves the center by less than 0.01 pixels.
    data = page.screenshot(type="jpeg", quality=95)
    screenshot = np.asarray(Image.open(io.BytesIO(data)).convert("L")).astype(np.float32)
    left, top = round(box["x"] * ratio), round(box["y"] * ratio)
    right = round((box["x"] + box["width"]) * ratio)
    bottom = round((box["y"] + box["height"]) * ratio)
    x, y = find_mark(screenshot[top:bottom, left:right])
    return (left + x) / ratio, (top + y) / ratio


def point_at(page: Page, canvas: Locator, x: float, y: float, *, click: bool = False) -> None:
    """Move the pointer to a place of the picture, given as fractions, and click it."""
    point = canvas.evaluate("(canvas, [x, y]) => canvas.pictureToClient(x, y)", [x, y])
    page.mouse.move(point["x"], point["y"])
    if click:
        page.mouse.click(point["x"], point["y"])
