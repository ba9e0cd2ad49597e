"""The modules of the studio's pages that are loaded ahead are those that its views import."""

from __future__ import annotations

import re

import pytest

from vidcolor.studio.app import STATIC

IMPORT = re.compile(r"""^(?:import|export)\b[^;]*?["'](\.[^"']+)["'];""", re.MULTILINE)


def _list_imports(name: str) -> set[str]:
    """Return the paths of a module and of all that it imports statically, relative to js/."""
    root, found, waiting = (STATIC / "js").resolve(), set[str](), [name]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        file = root / path
        for imported in IMPORT.findall(file.read_text(encoding="utf-8")):
            waiting.append((file.parent / imported).resolve().relative_to(root).as_posix())
    return found


def _list_common() -> set[str]:
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    return set(re.findall(r'rel="modulepreload" href="/js/([^"]+)"', page))


def test_start_page_names_modules_of_all_views() -> None:
    assert _list_common() == _list_imports("main.js") - {"main.js"}


@pytest.mark.parametrize("view", ["home", "photo", "film", "review"])
def test_modules_of_a_view_are_loaded_ahead(view: str) -> None:
    text = (STATIC / "js/preload.js").read_text(encoding="utf-8")
    match = re.search(rf"\b{view}: \[(.*?)\]", text, re.DOTALL)
    assert match, f"preload.js has no list for {view}"
    listed = set(re.findall(r'"([^"]+)"', match[1]))
    assert listed == _list_imports(f"views/{view}.js") - _list_common() - {"main.js"}
