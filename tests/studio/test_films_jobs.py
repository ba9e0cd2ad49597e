"""Jobs of films: rendering, what it would do, and loops of single shots."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from tests.helpers.projects import CUT, NUM_FRAMES, write_film
from tests.helpers.studio_films import FilmStudio
from vidcolor.errors import UsageError
from vidcolor.media.preview import DisplayReader
from vidcolor.studio.films.loops import choose_loop_size

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def film(studio: FilmStudio, made: Path, tmp_path: Path) -> dict[str, Any]:
    shutil.copytree(made, tmp_path / "reels")
    return studio.film(studio.add(tmp_path / "reels" / "reel.mkv"))


def render(studio: FilmStudio, film: dict[str, Any], **options: Any) -> dict[str, Any]:
    response = studio.request("POST", f"/api/films/{film['id']}/render", json=options)
    assert response.status_code == 202, response.text
    return studio.run("render", film["id"])


def get_plan(studio: FilmStudio, film: dict[str, Any]) -> list[tuple[list[int], list[str]]]:
    response = studio.get(f"/api/films/{film['id']}/plan")
    assert response.status_code == 200, response.text
    return [(s["shots"], s["reasons"]) for s in response.json()["segments"]]


def test_rendering_and_its_plan(studio: FilmStudio, film: dict[str, Any], tmp_path: Path) -> None:
    assert studio.get(f"/api/films/{film['id']}/result").status_code == 404
    never = ["not rendered before"]
    assert get_plan(studio, film) == [([1, 1], never), ([2, 2], never)]
    result = render(studio, film, purpose="archive")
    target = tmp_path / "reels" / "reel.color.mkv"
    assert (result["path"], result["frames"]) == (str(target), NUM_FRAMES)
    film = studio.film(film["id"])
    assert film["options"]["purpose"] == "archive"
    assert film["result"] == {
        "revision": 2, "bytes": target.stat().st_size, "name": target.name, "path": str(target),
        "is_stale": False, "reports": ["html", "json"],
    }  # fmt: skip
    assert get_plan(studio, film) == [([1, 1], []), ([2, 2], [])]
    film = studio.apply(film, do="note", shot=2, text="blue")
    assert not film["result"]["is_stale"]
    film = studio.apply(film, do="set-shot", shot=2, saturation=0.5)
    assert film["result"]["is_stale"]
    assert get_plan(studio, film) == [([1, 1], []), ([2, 2], ["settings of the shot"])]
    assert not studio.apply(film, do="undo")["result"]["is_stale"]
    before = target.read_bytes()
    (report,) = studio.get(f"/api/films/{film['id']}/report.json").json()["results"]
    assert (report["target"], report["project"]["revision"]) == (str(target), 2)
    assert report["options"]["purpose"] == "archive"
    downloaded = studio.get(f"/api/films/{film['id']}/result")
    assert downloaded.content == before
    assert 'filename="reel.color.mkv"' in downloaded.headers["content-disposition"]
    film = studio.apply(studio.film(film["id"]), do="redo")
    render(studio, film)  # replaces the result of the studio
    assert target.read_bytes() != before
    assert not studio.film(film["id"])["result"]["is_stale"]


def test_other_files_are_not_replaced_without_permission(
    studio: FilmStudio, film: dict[str, Any], tmp_path: Path
) -> None:
    target = tmp_path / "reels" / "reel.color.mov"
    target.write_bytes(b"mine")
    with pytest.raises(UsageError, match="not from this studio"):
        render(studio, film, container=".mov")
    assert target.read_bytes() == b"mine"
    assert render(studio, film, container=".mov", replace=True)["path"] == str(target)
    assert target.read_bytes() != b"mine"
    with pytest.raises(UsageError, match="not a format of films"):
        render(studio, film, container="/../../x.mkv")
    response = studio.request(
        "POST", f"/api/films/{film['id']}/render", json={"target": "/tmp/x.mkv"}
    )
    assert response.status_code in (400, 422)


def test_result_of_an_upload_has_its_name_and_no_path(studio: FilmStudio) -> None:
    folder = studio.settings.uploads_dir / "abc"
    folder.mkdir(parents=True)
    film_id = studio.upload(write_film(folder / "source.mkv"), "Reise 1931.mkv")
    studio.run("analyze", film_id)
    result = render(studio, studio.film(film_id))
    assert result["path"] is None
    assert str(folder) not in str(result)
    assert studio.film(film_id)["result"]["name"] == "Reise 1931.color.mkv"
    disposition = studio.get(f"/api/films/{film_id}/result").headers["content-disposition"]
    assert "Reise%201931.color.mkv" in disposition or "Reise 1931.color.mkv" in disposition
    for suffix in ("html", "json"):
        report = studio.get(f"/api/films/{film_id}/report.{suffix}")
        assert report.headers["content-disposition"].startswith("attachment")
        assert "Reise 1931.mkv" in report.text
        assert str(folder) not in report.text


def test_loops_show_every_frame_of_a_shot_as_the_film_will(
    studio: FilmStudio, film: dict[str, Any], tmp_path: Path
) -> None:
    film = studio.apply(film, do="set-shot", shot=2, saturation=0.7)
    url = f"/api/films/{film['id']}/shots/2/loop"
    assert studio.get(f"{url}.mp4").status_code == 404
    first, again = studio.request("POST", url), studio.request("POST", url)
    assert (first.status_code, again.status_code) == (202, 202)
    studio.services.database.connection.execute("UPDATE jobs SET state = 'running'")
    running = studio.request("POST", url)
    assert first.json()["id"] == again.json()["id"] == running.json()["id"]
    result = studio.run("loop", film["id"])
    rev = film["shots"][1]["rev"]
    times = [n / 25 for n in range(NUM_FRAMES - CUT)]
    assert result == {"shot": 2, "rev": rev, "times": pytest.approx(times, abs=0.001)}
    ready = {"ready": True, "rev": rev, "times": result["times"]}
    assert studio.request("POST", url).json() == ready
    film = studio.apply(film, do="set", encoder="ffv1", purpose="archive")
    target = render(studio, film)["path"]
    rendered = [frame.rgb((96, 64)) for frame in DisplayReader(tmp_path / target).frames()][CUT:]
    for suffix, codec in (("mp4", "h264"), ("webm", "vp9")):
        for view in ("color", "gray"):
            path = tmp_path / f"{view}.{suffix}"
            # The encoder of the result does not change the loops.
            path.write_bytes(studio.services.films.cache.locate(
                film["id"], f"loop {rev} {view}", f".{suffix}"
            ).read_bytes())  # fmt: skip
            with av.open(str(path)) as container:
                stream = container.streams.video[0]
                context = stream.codec_context
                assert (context.name, context.pix_fmt) == (codec, "yuv420p")
                assert context.color_range == 1  # limited
            frames = [frame.rgb((96, 64)) for frame in DisplayReader(path).frames()]
            assert len(frames) == len(rendered)
            for frame, expected in zip(frames, rendered, strict=True):
                chroma = float(np.ptp(frame.astype(int), axis=-1).mean())
                if view == "gray":
                    assert chroma < 4
                else:
                    assert np.abs(frame.astype(int) - expected.astype(int)).mean() < 8
                    assert chroma > 8
    # It still plays after the shot was changed.
    film = studio.apply(studio.film(film["id"]), do="set-shot", shot=2, saturation=0.9)
    assert film["shots"][1]["rev"] != rev
    served = studio.get(f"{url}.mp4", params={"rev": rev}, headers={"Range": "bytes=0-99"})
    assert (served.status_code, served.headers["x-revision"]) == (206, rev)
    assert studio.get(f"{url}.mp4").status_code == 404


def test_size_of_loops_is_even_and_limited() -> None:
    assert choose_loop_size((1920, 1080)) == (1138, 640)
    assert choose_loop_size((721, 577)) == (720, 576)
    assert choose_loop_size((40, 8000)) == (4, 640)
    assert choose_loop_size((1, 1)) == (2, 2)
