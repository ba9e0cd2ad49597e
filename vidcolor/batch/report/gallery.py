"""Previews on a page: the original slides over the colored picture."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from vidcolor.batch.report.markup import Markup, element, void

if TYPE_CHECKING:
    from vidcolor.batch.report.previews import Preview


def gallery(pictures: list[Preview], name: str) -> Markup:
    """Sliders for some moments of what is called `name`."""
    tall = all(p.size[1] > p.size[0] for p in pictures)
    kind = "gallery single" if len(pictures) == 1 else "gallery"
    return element(
        "div",
        *(_slider(p, name) for p in pictures),
        class_=f"{kind} tall" if tall else kind,
    )


def _slider(preview: Preview, name: str) -> Markup:
    """Before and after in one place; without script both show half."""
    where = f"{name} at {preview.caption}" if preview.caption else name
    stage = element(
        "div",
        image(preview.after, preview.size, f"In color: {where}", "after"),
        image(preview.before, preview.size, f"Original: {where}", "before"),
        element("span", class_="line", aria_hidden="true"),
        element("span", "Original", class_="name left", aria_hidden="true"),
        element("span", "Colored", class_="name right", aria_hidden="true"),
        void(
            "input",
            type="range",
            min=0,
            max=100,
            value=50,
            aria_label=f"How much of the original is shown, {where}",
        ),
        class_="stage",
    )
    caption = element("figcaption", preview.caption) if preview.caption else None
    return element("figure", stage, caption)


def image(data: bytes, size: tuple[int, int], alt: str, kind: str) -> Markup:
    """A JPEG inside the page.

    Args:
        data: the file.
        size: width and height in pixels.
        alt: what it shows, for those who cannot see it.
        kind: its class in the style sheet.
    """
    uri = "data:image/jpeg;base64," + base64.b64encode(data).decode()
    return void("img", src=uri, width=size[0], height=size[1], alt=alt, class_=kind)
