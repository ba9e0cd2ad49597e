"""Films and projects that are replaced, damaged or removed while the studio shows them."""

from __future__ import annotations

import asyncio
import errno
import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.projects import NUM_FRAMES, write_color_image, write_film
from tests.helpers.studio_films import FilmStudio, read_picture
from vidcolor.errors import InputError
from vidcolor.project.api import Project
from vidcolor.studio.films import jobs as film_jobs
from vidcolor.studio.films import shot_frames

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from vidcolor.colorizer import Colorizer


@pytest.fixture
def source(made: Path, tmp_path: Path) -> Path:
    """A film with a project."""
    shutil.copytree(made, tmp_path / "reels")
    return tmp_path / "reels" / "reel.mkv"


def test_frames_of_a_film_that_replaced_another_are_not_shown(
    studio: FilmStudio, source: Path
) -> None:
    film = studio.film(studio.add(source))
    url = f"/api/films/{film['id']}/frames"
    first = read_picture(studio.still(film["id"], 0, w=100, prefetch=True).content)
    content = source.read_bytes()
    write_film(source, seed=7)
    answer = studio.get(f"{url}/{NUM_FRAMES - 1}?w=100")
    assert answer.status_code == 422
    assert f"{source} has other content than when the project was made" in answer.json()["error"]
    source.unlink()
    answer = studio.get(f"{url}/{NUM_FRAMES - 2}?w=100")
    assert answer.status_code == 422
    assert "its source reel.mkv is missing" in answer.json()["error"]
    source.write_bytes(content)
    last = read_picture(studio.still(film["id"], NUM_FRAMES - 1, w=100).content)
    assert last.shape == first.shape


def set_value(old: str, new: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return change


def make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, tuple[Callable[[Path], None], int, str]] = {
    "typo": (set_value(":", ";"), 422, "{project}: not valid JSON"),
    "newer version": (set_value('"version": ', '"version": 99'), 400, "a later vidcolor wrote"),
    "other kind of file": (lambda path: path.write_text("[]") and None, 400, "not a project"),
    "nested deeply": (lambda path: path.write_text("[" * 100_000) and None, 422, "not valid JSON"),
    "directory": (make_directory, 422, "cannot be read"),
    "removed": (lambda path: path.unlink(), 404, "reel.mkv: is not analyzed yet"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_project_is_one_line_everywhere(
    studio: FilmStudio, source: Path, damage: str
) -> None:
    film = studio.film(studio.add(source))
    project = source.with_name("reel.vidcolor.json")
    content = project.read_text()
    change, status, text = DAMAGES[damage]
    change(project)
    url = f"/api/films/{film['id']}"
    answers: list[httpx.Response] = [
        studio.get(f"{url}/frames/0?w=100"),
        studio.get(f"{url}/log"),
        studio.get(f"{url}/plan"),
        studio.get(f"{url}/review"),
        studio.get(f"{url}/shots/1/tracks"),
        studio.post(f"{url}/shots/1/loop"),
        studio.post(f"{url}/render", json={}),
        studio.change(film, do="note", shot=1, text="x"),
    ]
    for answer in answers:
        assert answer.status_code == status
        error = answer.json()["error"]
        assert text.format(project=project) in error
        assert "\n" not in error
    # The list and the film itself are still shown.
    (listed,) = studio.get("/api/films").json()["films"]
    assert listed["id"] == film["id"]
    shown = studio.film(film["id"])
    assert shown["state"] == ("new" if damage == "removed" else "missing")
    if damage != "removed":
        assert text.format(project=project) in shown["error"]
    if project.is_dir():
        project.rmdir()
    project.write_text(content)
    assert studio.film(film["id"])["state"] == "ready"


def test_film_in_a_folder_without_permission_does_not_hide_others(
    studio: FilmStudio, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = write_film(tmp_path / "other.mkv")
    ids = [studio.add(source), studio.add(other)]
    stat = type(source).stat

    def refuse(path: Path, **options: Any) -> Any:
        if source.parent in path.parents:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(type(source), "stat", refuse)
    shown = {film["id"]: film["state"] for film in studio.get("/api/films").json()["films"]}
    assert shown == dict.fromkeys(ids, "new")
    assert studio.film(ids[0])["state"] == "new"
    assert studio.get(f"/api/films/{ids[0]}/frames/0").status_code == 404


@pytest.mark.parametrize("is_upload", [False, True])
def test_film_that_is_renamed_while_loops_are_made_is_one_line(
    studio: FilmStudio, source: Path, is_upload: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_upload:
        folder = shutil.copytree(source.parent, studio.settings.uploads_dir / "abc")
        source = folder / source.name
        film_id = studio.upload(source, "Reise 1931.mkv")
    else:
        film_id = studio.add(source)
    assert studio.post(f"/api/films/{film_id}/shots/2/loop").status_code == 202
    choose_analysis = shot_frames.choose_analysis

    def rename_and_choose(*arguments: Any) -> Any:
        source.rename(source.with_name("renamed.mkv"))
        return choose_analysis(*arguments)

    monkeypatch.setattr(shot_frames, "choose_analysis", rename_and_choose)
    with pytest.raises(InputError) as error:
        studio.run("loop", film_id)
    name = "Reise 1931.mkv" if is_upload else source
    assert str(error.value) == (
        f"{name}: was moved, renamed or removed while vidcolor used it; put it back, and try again"
    )


def test_reference_needs_room(studio: FilmStudio, source: Path, tmp_path: Path) -> None:
    film = studio.film(studio.add(source))
    image = write_color_image(tmp_path / "color.png").read_bytes()
    storage = studio.services.films.storage
    storage._settings = studio.settings.model_copy(update={"min_free_bytes": 1 << 60})
    answer = studio.post(
        f"/api/films/{film['id']}/references", content=image, headers={"If-Match": "1"}
    )
    assert answer.status_code == 507
    assert not source.with_name("reel.references").exists()


def test_refused_client_keeps_the_image_that_another_one_has_added(
    studio: FilmStudio, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film_id, films = studio.add(source), studio.services.films
    image = write_color_image(tmp_path / "color.png").read_bytes()
    others_are_done, change = threading.Event(), films.change

    def change_later(*arguments: Any) -> None:
        """Make the first of the changes last, if it does not keep the others waiting."""
        monkeypatch.setattr(films, "change", change)
        others_are_done.wait(0.3)
        change(*arguments)

    async def send() -> int:
        url, headers = f"/api/films/{film_id}/references", {"If-Match": "1"}
        answer = await studio._http.post(url, content=image, headers=headers)
        others_are_done.set()
        return answer.status_code

    async def send_twice() -> list[int]:
        return await asyncio.gather(send(), send())

    monkeypatch.setattr(films, "change", change_later)
    assert sorted(studio._runner.run(send_twice())) == [200, 409]
    (row,) = Project.open(source.with_name("reel.vidcolor.json")).references
    assert (source.parent / row.path).read_bytes() == image


def test_number_of_frames_is_limited_whatever_rate_a_header_states(
    tmp_path: Path, flat: Colorizer
) -> None:
    folder = tmp_path / "data" / "uploads" / "abc"
    folder.mkdir(parents=True)
    source = folder / "source.y4m"
    frames = (b"FRAME\n" + bytes(64 * 48)) * 10
    source.write_bytes(b"YUV4MPEG2 W64 H48 F2000000000:1 Cmono\n" + frames)
    limit = 5
    studio = FilmStudio(tmp_path / "data", flat, max_seconds=(limit - 1) / film_jobs.MAX_RATE)
    film_id = studio.upload(source, "reel.y4m")
    with pytest.raises(InputError, match=f"reel.y4m: has more than {limit} frames"):
        studio.run("analyze", film_id)
    assert "frames" in studio.film(film_id)["error"]
    studio.close()
