"""The models of single shots: which can be chosen, and which are refused."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.helpers.onnx_models import save_color_model
from tests.helpers.projects import CUT
from tests.helpers.studio_films import read_picture
from vidcolor.generators.store.registry import CACHE_VARIABLE
from vidcolor.project.api import Project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.studio_films import FilmStudio


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project of a film. The model ``orange``, which has no vividness, is installed."""
    shutil.copytree(made, tmp_path / "reels")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    (tmp_path / "cache" / "models").mkdir(parents=True)
    save_color_model(tmp_path / "cache" / "models" / "orange.onnx", (30, 20))
    return tmp_path / "reels" / "reel.vidcolor.json"


def test_shot_gets_an_installed_model(studio: FilmStudio, project: Path) -> None:
    film = studio.film(studio.add(project))
    assert (film["model"], film["models"]) == ("embedded", ["embedded", "orange"])
    assert [shot["model"] for shot in film["shots"]] == [None, None]
    before = read_picture(studio.still(film["id"], CUT + 2).content)
    changed = studio.apply(film, do="set-shot", shot=2, model="orange")
    assert [shot["model"] for shot in changed["shots"]] == [None, "orange"]
    assert changed["shots"][0]["rev"] == film["shots"][0]["rev"]
    assert changed["shots"][1]["rev"] != film["shots"][1]["rev"]
    assert Project.open(project).document.shots[1].model == "orange"
    after = read_picture(studio.still(film["id"], CUT + 2).content)
    assert np.abs(np.int16(after) - before).max() > 10
    assert studio.change(film, do="set-shot", shot=2, model=None).status_code == 409
    undone = studio.apply(changed, do="undo")
    assert undone["shots"] == film["shots"]
    redone = studio.apply(undone, do="redo")
    assert studio.apply(redone, do="set-shot", shot=2, model=None)["shots"] == film["shots"]


def test_models_that_the_film_uses_can_be_chosen(
    studio: FilmStudio, project: Path, tmp_path: Path
) -> None:
    own = save_color_model(tmp_path / "own.onnx", (10, 0))
    with Project.edit(project) as opened:
        opened.shots[0].set(model=str(own))
    film = studio.film(studio.add(project))
    assert film["models"] == ["embedded", str(own), "orange"]
    assert studio.apply(film, do="set-shot", shot=2, model=str(own))["shots"][1]["model"] == str(
        own
    )


def test_models_that_cannot_be_used_are_refused(
    studio: FilmStudio, project: Path, tmp_path: Path
) -> None:
    film = studio.film(studio.add(project))
    damaged = tmp_path / "cache" / "models" / "damaged.onnx"
    damaged.write_bytes(b"no model")
    secret = save_color_model(tmp_path / "secret.onnx", (10, 0))
    for model, message in {
        "siggraph17": "run `vidcolor models pull siggraph17` on the server",
        "nonsense": "choose from embedded, ",
        str(secret): "is not installed on the server",
        "embedded+orange": "is not installed on the server",
        "damaged": "damaged.onnx",
    }.items():
        refused = studio.change(film, do="set-shot", shots=[1, 2], model=model)
        assert refused.status_code == 400, model
        assert message in refused.json()["error"]
        assert "\n" not in refused.json()["error"]
    assert Project.open(project).revision == film["revision"]


def test_vividness_and_a_model_without_it_contradict_each_other(
    studio: FilmStudio, project: Path
) -> None:
    film = studio.film(studio.add(project))
    text = "the shot at frame 12: model 'orange' does not support vividness"
    vivid = studio.apply(film, do="set-shot", shot=2, vividness=0.4)
    refused = studio.change(vivid, do="set-shot", shot=2, model="orange")
    assert (refused.status_code, refused.json()["error"].partition(";")[0]) == (400, text)
    orange = studio.apply(vivid, do="set-shot", shot=2, model="orange", vividness=None)
    refused = studio.change(orange, do="set-shot", shot=2, vividness=0.4)
    assert (refused.status_code, refused.json()["error"].partition(";")[0]) == (400, text)
    assert studio.apply(orange, do="set-shot", shot=2, saturation=0.4)["shots"][1]["model"]
