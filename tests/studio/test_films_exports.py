"""Files about a film for other programs: what the studio sends is what the command line writes."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, get_args
from urllib.parse import unquote

import pytest

from vidcolor.project.api import Project
from vidcolor.project.exchange import export_shots
from vidcolor.shots.shot_list import SUFFIXES
from vidcolor.studio.films.exports import ListFormat

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tests.helpers.studio_films import FilmStudio

FORMATS = get_args(ListFormat)


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    """The project of a film, of which the second shot is a title that starts with a dissolve."""
    shutil.copytree(made, tmp_path / "reels")
    path = tmp_path / "reels" / "reel.vidcolor.json"
    with Project.edit(path) as opened:
        opened.shots[1].set(kind="title")
        opened.shots[1].set_transition("dissolve", 4)
    return path


def get_name(response: httpx.Response) -> str:
    kind, _, name = response.headers["content-disposition"].partition("; filename*=utf-8''")
    assert kind == "attachment"
    return unquote(name)


def test_all_formats_of_the_command_line_are_offered() -> None:
    assert {f".{name}" for name in FORMATS} == set(SUFFIXES)


@pytest.mark.parametrize("list_format", FORMATS)
def test_shot_list_is_that_of_the_command_line(
    studio: FilmStudio, project: Path, tmp_path: Path, list_format: str
) -> None:
    expected = tmp_path / f"reel.{list_format}"
    export_shots(Project.open(project), expected)  # what `vidcolor project shots --out` calls
    film_id = studio.add(project.with_name("reel.mkv"))
    response = studio.get(f"/api/films/{film_id}/shots.{list_format}")
    assert response.status_code == 200, response.text
    assert response.content == expected.read_bytes()
    assert get_name(response) == expected.name
    assert response.headers["content-type"] == "application/octet-stream"
    assert studio.get(f"/api/films/{film_id}/shots.xml").status_code == 400


def test_files_of_an_upload_have_its_name(studio: FilmStudio, project: Path) -> None:
    folder = studio.settings.uploads_dir / "abc"
    shutil.copytree(project.parent, folder)
    for path in list(folder.glob("reel*")):
        path.rename(path.with_name(path.name.replace("reel", "source", 1)))
    film_id = studio.upload(folder / "source.mkv", 'Reise "1931".mkv')
    response = studio.get(f"/api/films/{film_id}/shots.edl")
    assert get_name(response) == 'Reise "1931".edl'
    assert 'TITLE: Reise "1931".mkv' in response.text
    assert "source" not in response.text
    response = studio.get(f"/api/films/{film_id}/project")
    assert get_name(response) == 'Reise "1931".vidcolor.json'
    # Beside the film, under whatever name, it works on the command line.
    (folder / "source.vidcolor.json").unlink()
    (copy := folder / "wedding.vidcolor.json").write_bytes(response.content)
    (folder / "source.mkv").rename(folder / "wedding.mkv")
    opened = Project.open(copy)
    assert opened.find_source() == folder / "wedding.mkv"
    assert opened.document.shots[1].kind == "title"


def test_list_of_a_film_that_is_gone_is_refused_in_one_line(
    studio: FilmStudio, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film_id = studio.add(project.with_name("reel.mkv"))
    monkeypatch.setitem(sys.modules, "opentimelineio", None)
    refused = studio.get(f"/api/films/{film_id}/shots.otio")
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("shots.otio: needs the library OpenTimelineIO")
    project.with_name("reel.mkv").unlink()
    refused = studio.get(f"/api/films/{film_id}/shots.edl")
    assert refused.status_code == 422
    assert "reel.mkv" in refused.json()["error"]
    project.unlink()
    assert studio.get(f"/api/films/{film_id}/project").status_code == 404
