"""Projects of which single shots have a model of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest

from tests.helpers.films import read_lab, read_planes
from tests.helpers.onnx_models import save_color_model
from tests.helpers.projects import CUT, NUM_FRAMES, write_film
from vidcolor.errors import VidcolorError
from vidcolor.options import ColorizeOptions
from vidcolor.project.api import Project

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.imaging.types import Rgb

AB = (30, 20)
"""a*, b* of the model of the second shot for white; darker gray has proportionally less."""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The project of a film with two shots; the second one has a model without confidence."""
    project = Project.new(write_film(tmp_path / "reel.mkv"))
    project.set(purpose="archive")
    model = save_color_model(tmp_path / "orange.onnx", AB)
    project.shots[1].set(model=str(model))
    return project


def read_model(film: Path) -> str:
    with av.open(str(film)) as container:
        return container.metadata["VIDCOLOR_MODEL"]


def convert_to_lab(pixels: Rgb) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def test_each_shot_has_the_color_of_its_model(project: Project, tmp_path: Path) -> None:
    target, options = tmp_path / "a.mkv", ColorizeOptions(force=True)
    project.render(target, options)
    source, mixed = read_planes(project.find_source()), read_planes(target)
    assert read_model(target).startswith("embedded, ")

    project.shots[1].set(model=None)
    assert project.render(target, options).resumed_frames == CUT, "only its shot is rendered"
    plain = read_planes(target)
    assert read_model(target) == "embedded"
    project.undo()
    assert project.render(target, options).resumed_frames == NUM_FRAMES

    for before, after in zip(source, mixed, strict=True):
        assert np.array_equal(before[0], after[0])
    for number in range(CUT):
        assert np.array_equal(mixed[number][1:], plain[number][1:])
    project.render(target, options)
    for pixels in (read_lab(target)[CUT], convert_to_lab(project.still(CUT))):
        ab = np.median(pixels[..., 1:], axis=(0, 1))
        assert np.allclose(ab, np.multiply(AB, np.median(pixels[..., 0])) / 100, atol=2)


def test_workers_load_the_models_of_shots(project: Project, tmp_path: Path) -> None:
    alone = tmp_path / "alone.mkv"
    project.render(alone)
    project.clean()
    target = tmp_path / "workers.mkv"
    project.render(target, ColorizeOptions(workers=2))
    assert target.read_bytes() == alone.read_bytes()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": "nothing"}, "the shot at frame 12: .*nothing"),
        ({"vividness": 0.5}, "the shot at frame 12: model .* does not support vividness"),
    ],
)
def test_shot_with_a_fault_is_named(project: Project, values: dict[str, str], message: str) -> None:
    project.shots[1].set(**values)
    with pytest.raises(VidcolorError, match=message):
        project.render()
    with pytest.raises(VidcolorError):
        project.still(CUT)


def test_vividness_of_the_film_does_not_apply_to_a_model_without_it(project: Project) -> None:
    before = project.still(CUT), project.still(0)
    project.set(vividness=1.0)
    assert np.array_equal(project.still(CUT), before[0])
    assert not np.array_equal(project.still(0), before[1])
