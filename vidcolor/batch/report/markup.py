"""HTML from Python: whatever is not markup already is escaped."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def escaped(content: object) -> Markup:
    """Markup as it is; everything else with its special characters escaped."""
    if isinstance(content, Markup):
        return content
    return Markup(html.escape(str(content), quote=True))


def join(*content: object) -> Markup:
    """Several pieces, one after the other; None is left out."""
    return Markup("".join(escaped(c) for c in content if c is not None))


def element(tag: str, *content: object, **attributes: object) -> Markup:
    """``<tag …>content</tag>``.

    Args:
        tag: the element's name.
        content: texts (escaped) and markup.
        attributes: by name; underscores become hyphens and a trailing one is dropped, so that
            ``class_`` and ``aria_label`` can be said. None leaves an attribute out.
    """
    return Markup(f"{_opening(tag, attributes)}{join(*content)}</{tag}>")


def void(tag: str, **attributes: object) -> Markup:
    """An element without content, such as ``img``."""
    return _opening(tag, attributes)


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[object]],
    caption: str,
    numeric: Sequence[int] = (),
) -> Markup:
    """A table that scrolls by itself on narrow screens.

    Args:
        heads: what its columns are called.
        rows: their cells: texts and markup.
        caption: what it is called to those who cannot see it.
        numeric: columns whose cells are set to the right.
    """

    def kind(column: int) -> str | None:
        return "number" if column in numeric else None

    top = (element("th", h, scope="col", class_=kind(n)) for n, h in enumerate(heads))
    body = (
        element("tr", *(element("td", cell, class_=kind(n)) for n, cell in enumerate(row)))
        for row in rows
    )
    whole = element(
        "table",
        element("caption", caption, class_="hidden"),
        element("thead", element("tr", *top)),
        element("tbody", *body),
    )
    return element("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)


def _opening(tag: str, attributes: dict[str, object]) -> Markup:
    said = (
        f' {name.rstrip("_").replace("_", "-")}="{escaped(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{tag}{''.join(said)}>")
