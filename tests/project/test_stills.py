"""Stills: single frames of a project in color."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.projects import CUT, NUM_FRAMES, write_film
from vidcolor.colorizer import Colorizer
from vidcolor.errors import InputError, UsageError
from vidcolor.imaging.types import Rgb
from vidcolor.media.preview import DisplayReader
from vidcolor.options import ColorizeOptions
from vidcolor.project.api import Project


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a film and its project."""
    folder = tmp_path_factory.mktemp("made")
    Project.new(write_film(folder / "reel.mkv"))
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Project:
    shutil.copytree(made, tmp_path / "reels")
    return Project.open(tmp_path / "reels" / "reel.vidcolor.json")


def measure_chroma(rgb: Rgb) -> float:
    """Return the mean difference between the largest and the smallest channel."""
    return float(np.ptp(rgb.astype(int), axis=-1).mean())


def test_a_still_of_uniform_color_is_the_rendered_frame(project: Project, flat: Colorizer) -> None:
    project.shots[1].set(saturation=0.5)
    options = ColorizeOptions(encoder="ffv1")
    project.set(encoder="ffv1")
    target = project.folder / "result.mkv"
    project.render(target, options, colorizer=flat)
    reader = DisplayReader(target)
    rendered = [frame.rgb(reader.size) for frame in reader.frames()]
    for frame in (0, CUT, NUM_FRAMES - 1):
        assert np.array_equal(project.still(frame, colorizer=flat), rendered[frame])


def test_a_still_follows_every_decision(project: Project, flat: Colorizer) -> None:
    before = project.still(0, colorizer=flat)
    other = project.still(CUT, colorizer=flat)
    project.shots[0].set(saturation=0)
    assert measure_chroma(project.still(0, colorizer=flat)) < 0.5 < measure_chroma(before)
    assert np.array_equal(project.still(CUT, colorizer=flat), other)
    project.undo()
    assert np.array_equal(project.still(0, colorizer=flat), before)
    project.shots[0].set(kind="title")
    assert measure_chroma(project.still(0, colorizer=flat)) < 0.5
    project.set(titles="color")
    assert np.array_equal(project.still(0, colorizer=flat), before)


@pytest.mark.slow
def test_a_hint_colors_its_object_in_all_frames_of_its_shot(
    project: Project, flat: Colorizer
) -> None:
    frames = (3, 8, CUT + 1)
    before = [project.still(frame, colorizer=flat).astype(int) for frame in frames]
    project.shots[0].hints.add("50%", "50%", "#2040e0", frame=3, radius="20%")
    after = [project.still(frame, colorizer=flat).astype(int) for frame in frames]
    height, width = before[0].shape[:2]
    for n in (0, 1):
        change = (after[n] - before[n])[height // 2, width // 2]
        assert change[2] > 20 > change[0]
    assert np.array_equal(after[2], before[2])
    assert len(project.make_still(3, colorizer=flat).discs) == 1
    assert not project.make_still(8, colorizer=flat).discs
    project.undo()
    assert np.array_equal(project.still(8, colorizer=flat), before[1])


def test_a_still_fits_into_a_maximum_size(project: Project, flat: Colorizer) -> None:
    height, width = project.still(0, colorizer=flat).shape[:2]
    still = project.make_still(0, max_size=(width // 2, height), colorizer=flat)
    assert (
        still.color.shape
        == still.gray.shape
        == (round(height * (width // 2) / width), width // 2, 3)
    )
    assert project.still(0, max_size=(9999, 9999), colorizer=flat).shape == (height, width, 3)


def test_frames_that_cannot_be_shown_are_named(project: Project, flat: Colorizer) -> None:
    with pytest.raises(UsageError, match=f"frame {NUM_FRAMES} does not exist"):
        project.still(NUM_FRAMES, colorizer=flat)
    project.find_source().unlink()
    with pytest.raises(InputError, match=r"reel\.mkv"):
        project.still(0, colorizer=flat)
