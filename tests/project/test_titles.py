"""Titles that are recognized among the shots of a project."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.films import read_reel, write_gray
from tests.helpers.title_cards import make_card
from vidcolor.project.api import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The project of a film with a title card of 12 frames before 12 frames of a picture."""
    card = [np.uint8(16 + 219 * make_card(size=(160, 120), seed=n)) for n in range(12)]
    return Project.new(write_gray(tmp_path / "reel.mkv", [*card, *read_reel(0, 12)]))


def test_recognized_titles_are_listed_unless_a_person_decides(project: Project) -> None:
    titles = project.find_titles()
    assert list(titles) == [0]
    assert 0.5 < titles[0] <= 1
    project.shots[0].set(kind="picture")
    assert project.find_titles() == {}
    project.undo()
    project.set(titles="color")
    assert project.find_titles() == {}
    project.undo()
    project.clean()
    assert project.find_titles() == {}, "nothing is decoded for it"
