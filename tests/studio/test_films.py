"""Films of the studio: what the API shows is what the project says."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from tests.helpers.projects import CUT, NUM_FRAMES, make_document, write_color_image, write_film
from tests.helpers.studio_films import FilmStudio
from vidcolor.project.api import Project
from vidcolor.project.rows import ProjectHint
from vidcolor.project.session import get_user_name
from vidcolor.project.store import write_project
from vidcolor.studio import audit
from vidcolor.studio.films import watcher
from vidcolor.studio.films.describe import describe_document, dump_shot_revs

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.colorizer import Colorizer


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """The path of the project of a film of the command line."""
    shutil.copytree(made, tmp_path / "reels")
    return tmp_path / "reels" / "reel.vidcolor.json"


@pytest.fixture
def film(studio: FilmStudio, path: Path) -> dict[str, Any]:
    return studio.film(studio.add(path.with_name("reel.mkv")))


def test_film_of_the_command_line_gets_its_project_beside_it(
    studio: FilmStudio, tmp_path: Path
) -> None:
    source = write_film(tmp_path / "new.mkv")
    film_id = studio.add(source)
    assert studio.add(source) == film_id
    assert studio.film(film_id)["state"] == "new"
    opened = studio.request("POST", f"/api/films/{film_id}/open")
    assert (opened.status_code, opened.json()["state"]) == (202, "analyzing")
    assert studio.run("analyze", film_id)["shots"] == 2
    film = studio.film(film_id)
    assert (film["state"], film["num_frames"], film["rate"]) == ("ready", NUM_FRAMES, "25")
    assert [(s["first"], s["end"]) for s in film["shots"]] == [(0, CUT), (CUT, NUM_FRAMES)]
    assert Project.open(tmp_path / "new.vidcolor.json").revision == film["revision"] == 1
    assert studio.request("DELETE", f"/api/films/{film_id}").status_code == 400
    assert studio.request("POST", f"/api/films/{film_id}/open").status_code == 200


def test_films_with_the_same_stem_have_own_projects(studio: FilmStudio, path: Path) -> None:
    other = write_film(path.with_name("reel.avi"), seed=5)
    first, second = studio.add(path.with_name("reel.mkv")), studio.add(other)
    assert studio.film(first)["state"] == "ready"
    assert studio.analyze(second)["project"] == str(path.with_name("reel.avi.vidcolor.json"))
    assert studio.add(path) == first


def test_project_in_a_read_only_folder_lies_in_the_data_directory(
    studio: FilmStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_film(tmp_path / "new.mkv")
    monkeypatch.setattr("vidcolor.studio.films.paths.os.access", lambda *_: False)
    film_id = studio.add(source)
    monkeypatch.undo()
    film = studio.analyze(film_id)
    assert film["state"] == "ready"
    assert film["project"].startswith(str(studio.settings.data_dir))
    assert film["project"] in film["notice"]
    assert not (tmp_path / "new.vidcolor.json").exists()


def test_hint_is_a_change_of_the_project(
    studio: FilmStudio, film: dict[str, Any], path: Path
) -> None:
    added = studio.apply(
        film, do="add-hint", frame=CUT + 1, x=0.25, y=1, color="Steelblue", radius=0.1,
        evidence="letter of 1931", by="anna",
    )  # fmt: skip
    (shown,) = added["shots"][1]["hints"]
    assert shown == {
        "id": 1, "frame": CUT + 1, "x": 0.25, "y": 1.0, "color": "#4682b4", "radius": 0.1,
        "evidence": "letter of 1931", "by": "anna",
    }  # fmt: skip
    assert added["shots"][0]["rev"] == film["shots"][0]["rev"]
    assert added["shots"][1]["rev"] != film["shots"][1]["rev"]
    moved = studio.apply(added, do="move-hint", id=1, x=0.5, y=0.5)
    recolored = studio.apply(moved, do="set-hint", id=1, color="keep", radius=0.05)
    project = Project.open(path)
    (hint,) = project.hints
    assert (hint.x, hint.y, hint.color, hint.radius) == (0.5, 0.5, "keep", 0.05)
    assert hint.evidence == "letter of 1931"
    last = project.history[-1]
    assert (last.do, last.by) == ("set-hint", get_user_name())
    undone = studio.apply(recolored, do="undo")
    assert undone["shots"][1]["hints"] == moved["shots"][1]["hints"]
    redone = studio.apply(undone, do="redo")
    assert redone["shots"][1]["rev"] == recolored["shots"][1]["rev"]
    removed = studio.apply(redone, do="remove-hint", id=1)
    assert removed["shots"][1]["rev"] == film["shots"][1]["rev"]
    changes = studio.get(f"/api/films/{film['id']}/log?limit=2").json()["changes"]
    assert [c["do"] for c in changes] == ["remove-hint", "redo"]
    assert len(studio.get(f"/api/films/{film['id']}/log?limit=0").json()["changes"]) == 7


def test_hint_of_the_shell_in_pixels_is_shown_and_changed_in_fractions(
    studio: FilmStudio, film: dict[str, Any], path: Path
) -> None:
    with Project.edit(path) as project:
        project.hints.add(15, 7, "#ff0000", frame=3, radius=6)
    width, height = film["width"], film["height"]
    film = studio.film(film["id"])
    (hint,) = film["shots"][0]["hints"]
    assert (hint["x"], hint["y"]) == (15.5 / width, 7.5 / height)
    assert hint["radius"] == 6 / min(width, height)
    film = studio.apply(film, do="set-hint", id=1, radius=0.25)
    assert film["shots"][0]["hints"][0] == {**hint, "radius": 0.25}
    film = studio.apply(film, do="move-hint", id=1, x=0.5, y=0.25, frame=4)
    assert film["shots"][0]["hints"][0] == {
        **hint, "x": 0.5, "y": 0.25, "frame": 4, "radius": 0.25
    }  # fmt: skip


def test_decisions_about_shots(studio: FilmStudio, film: dict[str, Any]) -> None:
    revs = [shot["rev"] for shot in film["shots"]]
    film = studio.apply(film, do="note", shot=1, text="the dress is brown")
    film = studio.apply(film, do="approve", shots=[1, 2])
    assert [shot["state"] for shot in film["shots"]] == ["approved", "approved"]
    assert [shot["rev"] for shot in film["shots"]] == revs
    film = studio.apply(film, do="set-shot", shot=2, saturation=0)
    assert [shot["state"] for shot in film["shots"]] == ["approved", "changed"]
    film = studio.apply(film, do="reopen", shot=2)
    assert film["shots"][1]["state"] == "gray"
    assert film["shots"][0]["note"] == "the dress is brown"
    film = studio.apply(film, do="set-shot", shot=2, saturation=None)
    assert film["shots"][1]["state"] == "open"
    film = studio.apply(film, do="split", frame=6)
    assert [shot["first"] for shot in film["shots"]] == [0, 6, CUT]
    film = studio.apply(film, do="move", shot=2, frame=4)
    film = studio.apply(film, do="set-shot", shot=3, transition="dissolve", mixed_frames=4)
    assert [shot["boundary"] for shot in film["shots"]] == [0, 4, CUT + 2]
    before = [shot["rev"] for shot in film["shots"]]
    film = studio.apply(film, do="set-shot", shot=3, vividness=0.4)
    # The frames of the dissolve belong to both shots.
    assert [a != b["rev"] for a, b in zip(before, film["shots"], strict=True)] == [
        False,
        True,
        True,
    ]
    film = studio.apply(film, do="merge", shot=1)
    assert [shot["first"] for shot in film["shots"]] == [0, CUT]
    film = studio.apply(film, do="set", saturation=0.5, purpose="archive")
    assert (film["options"]["saturation"], film["options"]["purpose"]) == (0.5, "archive")
    assert studio.apply(film, do="set", saturation=None)["options"]["saturation"] == 1


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"do": "add-hint", "frame": 0, "x": 1.01, "y": 0, "color": "red"}, "x:"),
        ({"do": "add-hint", "frame": 0, "x": 0, "y": 0, "color": "reddish"}, "color"),
        ({"do": "add-hint", "frame": 999, "x": 0, "y": 0, "color": "red"}, "frame 999"),
        ({"do": "set-hint", "id": 7, "color": "red"}, "no hint 7"),
        ({"do": "set-shot", "shot": 3, "vividness": 1}, "shot 3 does not exist"),
        ({"do": "set-shot", "vividness": 1}, "shot or shots"),
        ({"do": "set-shot", "shot": 1, "vividness": 2}, "vividness"),
        ({"do": "set", "model": "/tmp/weights.pth"}, "model"),
        ({"do": "undo"}, "nothing to undo"),
        ({"do": "merge", "shot": 2}, "shot 3 does not exist"),
        ({"do": "explode"}, "explode"),
        ({}, "do"),
    ],
)
def test_impossible_changes_are_refused(
    studio: FilmStudio, film: dict[str, Any], path: Path, change: dict[str, Any], text: str
) -> None:
    before = path.read_bytes()
    response = studio.change(film, **change)
    assert response.status_code == 400, response.text
    assert response.json()["code"] == "bad-request"
    assert text in response.json()["error"]
    assert path.read_bytes() == before


def test_project_that_the_shell_has_changed_is_a_conflict_and_is_shown(
    studio: FilmStudio, film: dict[str, Any], path: Path
) -> None:
    with Project.edit(path, by="berta") as project:
        project.shots[0].set(vividness=0.2)
    response = studio.change(film, do="set-shot", shot=1, vividness=0.9)
    assert response.status_code == 409
    answer = response.json()
    assert answer["code"] == "conflict"
    assert "set by berta" in answer["error"]
    assert answer["current"]["shots"][0]["vividness"] == 0.2
    # An edit by hand counts as well, although it has no line in the history of the file.
    text = path.read_text().replace('"vividness": 0.2', '"vividness": 0.3')
    path.write_text(text)
    assert studio.change(answer["current"], do="approve", shot=1).status_code in (200, 409)
    film = studio.film(film["id"])
    assert film["shots"][0]["vividness"] == 0.3
    studio.apply(film, do="approve", shot=2)
    assert "edit" in [change.do for change in Project.open(path).history]
    assert studio.change(film, do="approve", shot=1).status_code == 409


def test_browsers_learn_of_changes_in_the_shell(
    studio: FilmStudio, film: dict[str, Any], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "INTERVAL_S", 0.02)
    watch = watcher.ProjectWatcher(
        studio.services.films.table, studio.services.films.opened, studio.services.events
    )
    watch.start()
    try:
        deadline = time.monotonic() + 60
        while not watch._signatures and time.monotonic() < deadline:  # it has looked once
            time.sleep(0.01)
        with Project.edit(path) as project:
            project.shots[0].set(vividness=0.2)
        while time.monotonic() < deadline:
            rows = studio.services.database.connection.execute(
                "SELECT data FROM events WHERE type = 'film'"
            ).fetchall()
            if rows:
                break
            time.sleep(0.02)
    finally:
        watch.close()
    assert [json.loads(row["data"]) for row in rows] == [{"id": film["id"], "revision": 2}]


def test_project_that_cannot_be_read_is_described(
    studio: FilmStudio, film: dict[str, Any], path: Path
) -> None:
    path.write_text("{}")
    broken = studio.film(film["id"])
    assert broken["state"] == "missing"
    assert "not a project" in broken["error"]
    response = studio.change(film, do="approve", shot=1)
    assert response.status_code == 400


def test_uploaded_film_belongs_to_its_client_and_is_deleted_completely(
    studio: FilmStudio, tmp_path: Path
) -> None:
    folder = studio.settings.uploads_dir / "abc"
    folder.mkdir(parents=True)
    source = write_film(folder / "source.mkv")
    film_id = studio.upload(source, "Großmutter.mkv")
    assert studio.services.jobs.find(film_id, "analyze") is not None
    studio.run("analyze", film_id)
    film = studio.film(film_id)
    assert (film["is_upload"], film["name"], film["project"]) == (True, "Großmutter.mkv", None)
    assert film["expires"] > time.time()
    studio.still(film_id, 0, w=64)
    hidden = studio.upload(source, "other.mkv", client="someone else")
    assert studio.get(f"/api/films/{hidden}").status_code == 404
    assert [f["id"] for f in studio.get("/api/films").json()["films"]] == [film_id]
    studio.services.films.table.delete(hidden, "film-deleted", "test")
    stills = studio.settings.data_dir / "stills" / film_id
    assert list(stills.iterdir())
    assert studio.request("DELETE", f"/api/films/{film_id}").status_code == 204
    assert not folder.exists()
    assert not stills.exists()
    assert studio.get(f"/api/films/{film_id}").status_code == 404
    line = audit.list_lines(studio.services.database)[0]
    assert (line["event"], line["subject"]) == ("film-deleted", film_id)


def test_analysis_refuses_films_beyond_the_limits_without_their_paths(
    tmp_path: Path, flat: Colorizer
) -> None:
    folder = tmp_path / "data" / "uploads" / "abc"
    folder.mkdir(parents=True)
    source = write_film(folder / "source.mkv")
    limits = (({"max_frame_pixels": 100}, "pixels"), ({"max_seconds": 0.5}, "longer than"))
    for options, text in limits:
        studio = FilmStudio(tmp_path / "data", flat, **options)
        film_id = studio.upload(source, "reel.mkv")
        with pytest.raises(Exception, match=text) as error:
            studio.run("analyze", film_id)
        assert str(tmp_path) not in str(error.value)
        film = studio.film(film_id)
        assert text in film["error"]
        studio.close()


def test_reference_is_checked_and_kept_beside_the_project(
    studio: FilmStudio, film: dict[str, Any], path: Path, tmp_path: Path
) -> None:
    url = f"/api/films/{film['id']}/references"
    headers = {"If-Match": "1"}
    gray = cv2.imencode(".png", np.full((32, 32, 3), 90, np.uint8))[1].tobytes()
    refused = studio.request("POST", url, params={"frame": 3}, content=gray, headers=headers)
    assert refused.status_code == 422
    html = b"<html>" + bytes(100)
    assert studio.request("POST", url, content=html, headers=headers).status_code == 415
    folder = path.with_name("reel.references")
    assert not folder.exists()
    color = write_color_image(tmp_path / "color.png").read_bytes()
    values = {"name": "../Müller & Söhne 1931.PNG", "frame": 3, "evidence": "postcard"}
    added = studio.request("POST", url, params=values, content=color, headers=headers)
    assert added.status_code == 200, added.text
    (reference,) = added.json()["shots"][0]["references"]
    assert (reference["frame"], reference["evidence"]) == (3, "postcard")
    stored = f"Müller & Söhne 1931-{hashlib.sha256(color).hexdigest()[:12]}.png"
    assert reference["name"] == "Müller & Söhne 1931.png"
    (row,) = Project.open(path).references
    assert row.path == f"reel.references/{stored}"
    assert stored in str(studio.get(f"/api/films/{film['id']}/log").json()["changes"][0])
    assert (path.parent / row.path).read_bytes() == color
    late = studio.request("POST", url, params={"frame": 4}, content=color, headers=headers)
    assert late.status_code == 409
    assert (path.parent / row.path).exists()
    film = studio.apply(added.json(), do="remove-reference", id=reference["id"])
    assert film["shots"][0]["references"] == []
    assert studio.apply(film, do="undo")["shots"][0]["references"] == [reference]


HOSTILE_NAMES = {
    "../../x.png": "x",
    "..\\..\\x.png": "x",
    "/etc/passwd": "passwd",
    "..": "unnamed",
    ".png": "png",
    ". .png": "reference",
    "a\0\r\nb.png": "ab",
    "x\u202egnp.exe": "xgnp",
    "\u200fصورة\u200e.png": "صورة",
    "a" * 300 + ".png": "a" * 120,
    "é" * 300: "é" * 60,
    "映" * 300: "映" * 40,
    'a:b<c>|?*"%03d.png': "a_b_c______03d",
}
"""Names of references that clients send, and the start of the names that are stored."""


def test_hostile_names_of_references_are_stored_beside_the_project(
    studio: FilmStudio, film: dict[str, Any], path: Path, tmp_path: Path
) -> None:
    url = f"/api/films/{film['id']}/references"
    for number, (name, start) in enumerate(HOSTILE_NAMES.items()):
        color = write_color_image(tmp_path / "color.png").read_bytes() + bytes([number])
        digest = hashlib.sha256(color).hexdigest()[:12]
        headers, query = {"If-Match": str(film["revision"])}, {"name": name, "frame": number}
        added = studio.request("POST", url, params=query, content=color, headers=headers)
        assert added.status_code == 200, added.text
        film = added.json()
        (stored,) = {row.path for row in Project.open(path).references if row.frame == number}
        assert stored == f"reel.references/{start}-{digest}.png"
        assert (path.parent / stored).read_bytes() == color
    for name in ("", "a" * 1001):
        headers, query = {"If-Match": str(film["revision"])}, {"name": name}
        refused = studio.request("POST", url, params=query, content=color, headers=headers)
        assert refused.status_code == 400
        assert "name" in refused.json()["error"]


def test_references_with_equal_names_or_contents_are_kept_apart_or_once(
    studio: FilmStudio, film: dict[str, Any], path: Path, tmp_path: Path
) -> None:
    url = f"/api/films/{film['id']}/references"
    color = write_color_image(tmp_path / "color.png").read_bytes()
    other = color + b"other"
    for frame, (name, content) in enumerate(
        (("card.png", color), ("card.png", other), ("again.png", color), ("x.png", other))
    ):
        query = {"name": name, "frame": frame}
        headers = {"If-Match": str(film["revision"])}
        added = studio.request("POST", url, params=query, content=content, headers=headers)
        assert added.status_code == 200, added.text
        film = added.json()
    rows = {row.frame: path.parent / row.path for row in Project.open(path).references}
    assert [rows[frame].read_bytes() for frame in range(4)] == [color, other, color, other]
    assert sorted(path.with_name("reel.references").iterdir()) == sorted({rows[0], rows[1]})
    assert all(file.name.startswith("card-") for file in rows.values())


def test_large_project_is_described_quickly(studio: FilmStudio, tmp_path: Path) -> None:
    starts = range(0, 50_000, 100)
    hints = tuple(
        ProjectHint(id=n + 1, frame=25 * n, x=0.5, y=0.25, color="#7a4632", unit="fraction")
        for n in range(2000)
    )
    document = make_document(*starts, num_frames=50_000).replace(hints=hints)
    path = tmp_path / "large.vidcolor.json"
    write_project(path, document, None)
    started = time.process_time()
    revs = json.loads(dump_shot_revs(document, "embedded"))
    data = json.loads(describe_document(document, "large", revs))
    assert time.process_time() - started < 0.3
    assert len(data["shots"]) == 500
    assert sum(len(shot["hints"]) for shot in data["shots"]) == 2000
    film_id = studio.add(path)
    film = studio.film(film_id)  # its source is missing, which does not matter here
    started = time.process_time()
    again = studio.get(f"/api/films/{film_id}")
    assert time.process_time() - started < 0.15
    assert len(again.json()["shots"]) == len(film["shots"]) == 500


def test_server_loads_neither_torch_nor_ffmpeg() -> None:
    code = (
        "import sys; import vidcolor.studio.api.films, vidcolor.studio.films.service; "
        "print(sorted({'torch', 'av', 'cv2'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_several_hints_are_one_change(studio: FilmStudio, film: dict[str, Any]) -> None:
    hints = [{"frame": 3, "x": x, "y": 0.5, "color": "keep", "radius": 0.05} for x in (0.25, 0.75)]
    changed = studio.apply(film, do="add-hints", hints=hints)
    assert changed["revision"] == film["revision"] + 1
    found = [{name: row[name] for name in hints[0]} for row in changed["shots"][0]["hints"]]
    assert found == hints
    assert studio.apply(changed, do="undo")["shots"][0]["hints"] == []
    for wrong in ([], [*hints, {"frame": 3, "x": 2, "y": 0, "color": "keep"}]):
        response = studio.change(changed, do="add-hints", hints=wrong)
        assert response.status_code in (400, 422)
