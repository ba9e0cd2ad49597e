"""Stills of films, and what is known of their places: exact for every kind of film."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.helpers.clips import ClipMaker, ffmpeg
from tests.helpers.projects import CUT
from tests.helpers.studio_films import FilmStudio, read_picture
from vidcolor.media.preview import DisplayReader
from vidcolor.project.api import Project
from vidcolor.studio.compute.errors import ComputeError
from vidcolor.studio.films import tasks
from vidcolor.studio.films.tasks import encode_picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vidcolor.colorizer import Colorizer
    from vidcolor.imaging.types import Rgb
    from vidcolor.studio.compute.state import ComputeState


@pytest.fixture
def film(studio: FilmStudio, made: Path, tmp_path: Path) -> dict[str, Any]:
    shutil.copytree(made, tmp_path / "reels")
    return studio.film(studio.add(tmp_path / "reels" / "reel.mkv"))


def make_rotated(clip: ClipMaker, folder: Path) -> Path:
    source = clip("mp4", "libx264", "yuv420p", "-qp", "0")
    target = folder / "rotated.mp4"
    ffmpeg("-display_rotation", "90", "-i", str(source), "-c", "copy", str(target))
    return target


TIMECODE = "01:00:00:10"
KINDS: dict[str, Callable[[ClipMaker, Path], Path]] = {
    "variable frame rate": lambda clip, _: clip(
        "mkv",
        "ffv1",
        "yuv420p",
        "-fps_mode",
        "vfr",
        frames=16,
        vf="select='mod(n,3)+not(mod(n,4))'",
    ),
    "rotated": make_rotated,
    "interlaced and anamorphic": lambda clip, _: clip(
        "mp4",
        "libx264",
        "yuv420p",
        "-flags",
        "+ilme+ildct",
        "-qp",
        "0",
        "-timecode",
        TIMECODE,
        vf="setfield=tff,setsar=16/11",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_frames_and_places_are_exact(
    studio: FilmStudio, clip: ClipMaker, tmp_path: Path, flat: Colorizer, kind: str
) -> None:
    made = KINDS[kind](clip, tmp_path)
    source = tmp_path / f"film{made.suffix}"
    shutil.copyfile(made, source)
    film = studio.analyze(studio.add(source))
    reader = DisplayReader(source)
    frames = [frame.rgb(reader.size) for frame in reader.frames()]
    assert (film["width"], film["height"]) == reader.size
    assert film["num_frames"] == len(frames)
    assert film["variable_rate"] == (kind == "variable frame rate")
    assert film["timecode"] == (TIMECODE if "interlaced" in kind else None)
    project = Project.open(tmp_path / "film.vidcolor.json")
    numbers = (0, 3, len(frames) - 1)
    for number in numbers:
        gray = read_picture(studio.still(film["id"], number, view="gray", format="jpeg").content)
        errors = [measure_difference(gray, frame) for frame in frames]
        assert int(np.argmin(errors)) == number
        assert errors[number] < 6
        color = studio.still(film["id"], number).content
        assert color == encode_picture(project.still(number, colorizer=flat), "webp")
    x, y, number = 0.2, 0.3, numbers[1]
    before = project.still(number, colorizer=flat).astype(int)
    film = studio.apply(film, do="add-hint", frame=number, x=x, y=y, color="#2040e0", radius=0.05)
    project.reload()
    after = project.still(number, colorizer=flat).astype(int)
    assert studio.still(film["id"], number).content == encode_picture(
        after.astype(np.uint8), "webp"
    )
    height, width = after.shape[:2]
    column, row = round(x * width - 0.5), round(y * height - 0.5)
    change = after[row, column] - before[row, column]
    assert change[2] - change[0] > 40
    region = studio.get(f"/api/films/{film['id']}/frames/{number}/region?hint=1").json()
    assert any(is_inside(x, y, line) for line in region["outline"])
    # A page may ask for the region of a hint that another page has just removed.
    removed = studio.get(f"/api/films/{film['id']}/frames/{number}/region?hint=2").json()
    assert removed == {"outline": [], "share": 0.0}
    found = studio.get(f"/api/films/{film['id']}/shots/1/tracks?count=2").json()["tracks"][0]
    assert {"frame": number, "x": x, "y": y, "found": True} in found["frames"]


def measure_difference(gray: Rgb, frame: Rgb) -> float:
    """Return the mean difference of the green channels, which are the luma of gray pictures."""
    assert gray.shape == frame.shape
    return float(np.abs(gray[..., 1].astype(int) - frame[..., 1].astype(int)).mean())


def is_inside(x: float, y: float, line: list[list[float]]) -> bool:
    """Return whether a point is inside a closed line (even-odd rule)."""
    inside, (x0, y0) = False, line[-1]
    for x1, y1 in line:
        if (y1 > y) != (y0 > y) and x < x1 + (y - y1) * (x0 - x1) / (y0 - y1):
            inside = not inside
        x0, y0 = x1, y1
    return inside


def test_stills_of_other_shots_stay_in_caches(studio: FilmStudio, film: dict[str, Any]) -> None:
    revs = [shot["rev"] for shot in film["shots"]]
    first = studio.still(film["id"], 1, w=100, rev=revs[0], prefetch=True)
    assert "immutable" in first.headers["cache-control"]
    assert max(read_picture(first.content).shape) == 100
    studio.still(film["id"], CUT, w=100, rev=revs[1], prefetch=True)
    studio.tasks.clear()
    film = studio.apply(film, do="set-shot", shot=1, saturation=0.5)
    studio.tasks.clear()
    other = studio.still(film["id"], CUT, w=100, rev=revs[1], prefetch=True)
    assert "immutable" in other.headers["cache-control"]
    assert studio.tasks == []
    changed = studio.still(film["id"], 1, w=100, rev=revs[0], prefetch=True)
    assert "immutable" not in changed.headers["cache-control"]
    assert changed.content != first.content
    film = studio.apply(film, do="undo")
    studio.tasks.clear()
    again = studio.still(film["id"], 1, w=100, rev=film["shots"][0]["rev"], prefetch=True)
    assert again.content == first.content
    assert studio.tasks == []


def test_gray_stills_survive_every_decision(studio: FilmStudio, film: dict[str, Any]) -> None:
    url = {"view": "gray", "w": 64, "rev": film["source_rev"], "prefetch": True}
    first = studio.still(film["id"], 2, **url)
    assert "immutable" in first.headers["cache-control"]
    assert np.ptp(read_picture(first.content).astype(int), axis=-1).max() <= 2
    film = studio.apply(film, do="set", saturation=0.5)
    studio.tasks.clear()
    assert studio.still(film["id"], 2, **url).content == first.content
    assert studio.tasks == []


@pytest.mark.exhaustive
def test_neighbors_are_made_in_advance(studio: FilmStudio, film: dict[str, Any]) -> None:
    studio.still(film["id"], 5, w=64)
    stills, deadline = studio.settings.data_dir / "stills", time.monotonic() + 60
    while len(list(stills.rglob("*.webp"))) < 5 and time.monotonic() < deadline:
        studio.rest(0.05)
    studio.tasks.clear()
    for frame in (4, 6, 7, 8):
        studio.still(film["id"], frame, w=64, prefetch=True)
    assert studio.tasks == []


def test_colors_of_a_place(studio: FilmStudio, film: dict[str, Any]) -> None:
    url = f"/api/films/{film['id']}/frames/3/colors"
    answer = studio.get(url, params={"x": 1, "y": 1}).json()
    still = read_picture(studio.still(film["id"], 3, format="jpeg").content)
    current = [int(answer["current"][n : n + 2], 16) for n in (1, 3, 5)]
    assert np.abs(still[-2:, -2:].mean((0, 1)) - current).max() < 8
    assert answer["confidence"] == 0.5
    assert answer["colors"] == []  # the generator of the test has no distribution
    for query in ({"x": 1.5, "y": 0}, {"x": 0}, {"x": "nan", "y": 0}):
        assert studio.get(url, params=query).status_code in (400, 422)


def test_a_page_that_is_behind_gets_no_errors(
    studio: FilmStudio, film: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shots move and hints vanish between what a page knows and what it asks for."""

    def track(state: ComputeState, payload: dict[str, Any]) -> dict[str, Any]:
        """Answer without the segmentation network, which takes seconds."""
        document, frame = tasks._open(state, payload).document, payload["frame"]
        rows = document.get_hints(document.find_shot(frame))
        places = [{"hint": row.id, "x": None, "y": None, "found": False} for row in rows]
        rev = tasks._make_rev(state, document, frame)
        return {"frame": frame, "hints": places, "rev": rev}

    monkeypatch.setitem(tasks.TASKS, "film.track", track)
    url = f"/api/films/{film['id']}"
    film = studio.apply(film, do="add-hint", frame=CUT + 2, x=0.5, y=0.5, color="#c03028")
    rev, (first,) = film["shots"][1]["rev"], film["shots"][1]["hints"]

    def read_tracks(number: int) -> dict[str, Any]:
        response = studio.get(f"{url}/shots/{number}/tracks", params={"rev": rev, "count": 2})
        assert response.status_code == 200
        answer: dict[str, Any] = response.json()
        return answer

    known = read_tracks(2)
    assert [track["hint"] for track in known["tracks"]] == [first["id"]]
    assert known["rev"] == rev
    # A hint that is made again has another number.
    film = studio.apply(film, do="remove-hint", id=first["id"])
    film = studio.apply(film, do="add-hint", frame=CUT + 2, x=0.5, y=0.5, color="#c03028")
    (again,) = film["shots"][1]["hints"]
    assert film["shots"][1]["rev"] == rev and again["id"] != first["id"]
    assert [track["hint"] for track in read_tracks(2)["tracks"]] == [again["id"]]
    film = studio.apply(film, do="split", frame=3)
    assert film["shots"][2]["rev"] == rev
    assert [track["hint"] for track in read_tracks(2)["tracks"]] == [again["id"]]
    film = studio.apply(film, do="merge", shot=2)
    film = studio.apply(film, do="merge", shot=1)
    assert read_tracks(2) == {"shot": 2, "rev": None, "tracks": []}
    # The same for what was asked for before the film was changed.
    decisions = studio.services.films.read_decisions(studio.services.films.table.get(film["id"]))
    payload = {
        "project": film["project"], "key": decisions.key, "decisions": decisions.packed, "shot": 1,
        "count": 1, "lowest": 0.0, "shots": [1], "values": {"vividness": 0.5},
    }  # fmt: skip
    assert tasks.find_places(studio.state, payload)["rev"] is None
    tasks.check_shots(studio.state, payload)


def test_a_still_is_not_replaced_by_that_of_other_decisions(
    studio: FilmStudio, film: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str | None] = []

    async def call(*_: object, key: str | None = None, **__: object) -> None:
        keys.append(key)
        raise ComputeError("not here")

    monkeypatch.setattr(studio.services.compute, "call", call)
    url = f"/api/films/{film['id']}/frames/1?prefetch=true"
    for _ in range(2):
        assert studio.get(url).status_code == 503
        film = studio.apply(film, do="approve", shot=2)
    assert len(set(keys)) == 2 and None not in keys


def test_missing_frames_and_shots_are_named(studio: FilmStudio, film: dict[str, Any]) -> None:
    for path in ("frames/24", "frames/-1", "shots/3/tracks", "shots/0/tracks"):
        response = studio.get(f"/api/films/{film['id']}/{path}")
        assert (response.status_code, response.json()["code"]) == (404, "not-found")
    assert studio.get(f"/api/films/{film['id']}/frames/x").status_code in (400, 422)
    assert studio.get(f"/api/films/{film['id']}/frames/0?view=depth").status_code in (400, 422)


@pytest.mark.slow
@pytest.mark.exhaustive  # it finds objects with the segmentation network, which takes 20 s
def test_review_lists_the_places_of_undecided_shots(
    studio: FilmStudio, film: dict[str, Any]
) -> None:
    film = studio.apply(film, do="approve", shot=1)
    url = f"/api/films/{film['id']}/review?limit=3"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        answer = studio.get(url).json()
        if answer["done"] == answer["total"]:
            break
        studio.rest(0.1)
    assert (answer["done"], answer["total"], answer["error"]) == (1, 1, None)
    assert {place["shot"] for place in answer["places"]} == {2}
    priorities = [place["priority"] for place in answer["places"]]
    assert priorities == sorted(priorities, reverse=True)
    expected = Project.open(film["project"]).review(3, colorizer=studio.colorizer)
    assert [p["at"] for p in answer["places"]] == [p.at for p in expected]
    studio.tasks.clear()
    assert studio.get(url).json()["places"] == answer["places"]
    assert studio.tasks == []
    studio.apply(film, do="set-shot", shot=2, saturation=0)
    assert studio.get(url).json()["total"] == 0
