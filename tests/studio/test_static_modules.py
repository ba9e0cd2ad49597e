"""Modules of the studio's pages: which are loaded ahead, and how long browsers keep them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from vidcolor.studio.versioned_files import STATIC, VersionedFiles

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.studio_server import StudioApp

MODULES = (STATIC / "js").resolve()
IMPORT = re.compile(r"""^(?:import|export)\b[^;]*?["'](\.[^"']+)["'];""", re.MULTILINE)
LATER_IMPORT = re.compile(r"""(?:=> |await )import\("(\.[^"]+)"\)""")
VIEWS = ("home", "photo", "film", "review")
NOT_IMPORTED = {
    *("theme.js", "types.js", "film/types.js"),
    *("upload/hash-worker.js", "upload/sha256.js"),
}
"""A script of the start page, types, and modules of a worker."""


def _find_imports(name: str, pattern: re.Pattern[str]) -> list[str]:
    """Return the paths that a module imports, relative to js/."""
    file = MODULES / name
    found = pattern.findall(file.read_text(encoding="utf-8"))
    return [(file.parent / path).resolve().relative_to(MODULES).as_posix() for path in found]


def _list_imports(name: str) -> set[str]:
    """Return the paths of a module and of all that it imports statically, relative to js/."""
    found, waiting = set[str](), [name]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _find_imports(path, IMPORT)
    return found


def _list_common() -> set[str]:
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    return set(re.findall(r'rel="modulepreload" href="\{static\}/js/([^"]+)"', page))


def _list_ahead(part: str) -> set[str]:
    """Return what preload.js loads for a view, or for the dialogs."""
    text = (MODULES / "preload.js").read_text(encoding="utf-8")
    match = re.search(rf"\b{part}: \[(.*?)\]", text, re.DOTALL)
    assert match, f"preload.js has no list for {part}"
    return set(re.findall(r'"([^"]+)"', match[1]))


def test_start_page_names_modules_of_all_views() -> None:
    assert _list_common() == _list_imports("main.js") - {"main.js"}


@pytest.mark.parametrize("view", VIEWS)
def test_modules_of_a_view_are_loaded_ahead(view: str) -> None:
    modules = _list_imports(f"views/{view}.js") - _list_common() - {"main.js"}
    assert _list_ahead(view) == modules


def test_modules_of_dialogs_are_loaded_after_the_first_view() -> None:
    """Otherwise a dialog could not be opened while the server does not answer."""
    ahead = _list_common().union({"main.js"}, *(_list_ahead(view) for view in VIEWS))
    dialogs = _list_ahead("dialogs")
    assert not dialogs & ahead
    names = {path.relative_to(MODULES).as_posix() for path in MODULES.rglob("*.js")}
    assert names - ahead - dialogs == NOT_IMPORTED
    later = {path for name in ahead for path in _find_imports(name, LATER_IMPORT)}
    assert set().union(*map(_list_imports, later)) <= ahead | dialogs


def test_browsers_keep_the_files_of_a_version_for_ever(studio_app: StudioApp) -> None:
    page = studio_app.get("/")
    assert page.headers["cache-control"] == "no-cache", "it names the version"
    addresses = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    assert len(addresses) > 10
    for address in addresses:
        response = studio_app.get(address)
        assert response.status_code == 200
        assert "immutable" in response.headers["cache-control"]
        is_script = address.endswith(".js")
        assert ("text/javascript" in response.headers["content-type"]) == is_script
    other = re.sub(r"/static/\w+/", f"/static/{'0' * 16}/", addresses[0])
    assert studio_app.get(other).status_code == 404
    assert studio_app.get(f"{addresses[0]}/../../../app.py").status_code in (400, 404)


def test_a_change_of_any_file_makes_another_version(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<script src="{static}/js/a.js"></script>')
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "a.js").write_text("let a = 1;")
    before = VersionedFiles(tmp_path)
    assert f"/static/{before.version}/js/a.js" in before.start_page
    (tmp_path / "js" / "a.js").write_text("let a = 2;")
    after = VersionedFiles(tmp_path)
    assert after.version != before.version
    assert before.make_response(before.version, "js/a.js").body == b"let a = 1;"
