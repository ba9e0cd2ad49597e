"""`vidcolor project preview`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.projects import write_film

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.cli_runs import Run

PROJECT = "reel.vidcolor.json"


@pytest.fixture
def preview(vidcolor: Callable[..., Run], tmp_path: Path) -> Callable[..., Run]:
    """Run `vidcolor project preview` on the project of a film with two shots."""
    write_film(tmp_path / "reel.mkv")
    assert vidcolor("project", "new", "reel.mkv").code == 0
    return lambda *arguments: vidcolor("project", "preview", PROJECT, *arguments)


def test_preview_of_some_shots_is_written(preview: Callable[..., Run], tmp_path: Path) -> None:
    run = preview("--shots", 2, "--stills", 3, "-o", "sheet.png", "--json")
    assert run.code == 0
    event = json.loads(run.out[-1])
    assert (event["target"], event["shots"], event["stills"]) == ("sheet.png", 1, 3)
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert preview("-o", "page.html").out[-1] == "page.html: 2 stills of 2 shots"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "sheet.gif"), "sheet.gif: unknown format"),
        (("-o", "reel.mkv"), "unknown format"),
        (("-o", "old.html"), "old.html: already exists"),
        (("-o", "a.html", "--shots", "3"), "shot 3 does not exist"),
        ((), "--out"),
    ],
)
def test_unsuitable_arguments_are_one_line(
    arguments: tuple[str, ...], message: str, preview: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "old.html").write_text("old")
    run = preview(*arguments)
    assert run.code == 2
    assert message in run.err[-1]
    assert (tmp_path / "old.html").read_text() == "old"
    assert not (tmp_path / "a.html").exists()


def test_missing_film_is_named(preview: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "reel.mkv").unlink()
    run = preview("-o", "a.html")
    assert (run.code, len(run.err)) == (1, 1)
    assert "reel.mkv" in run.err[0]
    assert not (tmp_path / "a.html").exists()
