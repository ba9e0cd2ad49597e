"""Functions that build HTML elements and escape all text."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Markup(str):
    """A string of HTML, which is not escaped again."""

    __slots__ = ()


def escape(content: object) -> Markup:
    """Return markup unchanged, and any other value as escaped text."""
    if isinstance(content, Markup):
        return content
    return Markup(html.escape(str(content), quote=True))


def join(*content: object) -> Markup:
    """Escape and concatenate texts and markup; None is omitted."""
    return Markup("".join(escape(c) for c in content if c is not None))


def element(tag: str, *content: object, **attributes: object) -> Markup:
    """Return ``<tag ...>content</tag>``.

    Args:
        tag: name of the element.
        content: texts, which are escaped, and markup.
        attributes: attributes by name. Underscores become hyphens and a trailing underscore
            is dropped, as in ``class_`` and ``aria_label``. None omits an attribute.
    """
    return Markup(f"{_start_tag(tag, attributes)}{join(*content)}</{tag}>")


def void_element(tag: str, **attributes: object) -> Markup:
    """Return an element without content, such as ``input``."""
    return _start_tag(tag, attributes)


def jpeg_image(data: bytes, size: tuple[int, int], alt: str, class_: str) -> Markup:
    """Return an ``img`` element that contains its JPEG file.

    Args:
        data: JPEG file.
        size: width and height in pixels.
        alt: alternative text for people who cannot see the image.
        class_: class in the style sheet.
    """
    uri = "data:image/jpeg;base64," + base64.b64encode(data).decode()
    return void_element("img", src=uri, width=size[0], height=size[1], alt=alt, class_=class_)


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    caption: str,
    numeric_columns: Sequence[int] = (),
) -> Markup:
    """Return a table that scrolls horizontally on narrow screens.

    Args:
        headings: headings of the columns.
        rows: rows of cells, which are texts or markup.
        caption: caption, for screen readers only.
        numeric_columns: indices of the columns that are aligned to the right.
    """

    def class_of(column: int) -> str | None:
        return "number" if column in numeric_columns else None

    head = (element("th", h, scope="col", class_=class_of(n)) for n, h in enumerate(headings))
    body = (
        element("tr", *(element("td", cell, class_=class_of(n)) for n, cell in enumerate(row)))
        for row in rows
    )
    markup = element(
        "table",
        element("caption", caption, class_="hidden"),
        element("thead", element("tr", *head)),
        element("tbody", *body),
    )
    return element("div", markup, class_="scroll", tabindex="0", role="region", aria_label=caption)


def _start_tag(tag: str, attributes: dict[str, object]) -> Markup:
    pairs = (
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{tag}{''.join(pairs)}>")
