"""Hints that are moved, recolored, or found in other frames of their shot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.projects import make_document
from vidcolor.errors import UsageError
from vidcolor.project.api import Project
from vidcolor.project.approvals import is_kept_gray
from vidcolor.project.store import read_project, write_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    path = tmp_path / "reel.vidcolor.json"
    write_project(path, make_document(0, 40), None)
    return Project.open(path, by="anna")


def test_a_change_of_a_hint_is_one_change(project: Project) -> None:
    hint = project.hints.add(10, 20, "#ff0000", frame=3, radius=5, evidence="letter")
    project.by = "berta"
    change = project.hints.set(hint.id, color="keep", evidence="museum")
    assert change is not None
    assert (change.do, change.by) == ("set-hint", "berta")
    assert change.changes["hints"] == {
        "1": {"color": ["#ff0000", "keep"], "evidence": ["letter", "museum"]}
    }
    (row,) = project.hints
    assert (row.color, row.evidence, row.by, row.radius) == ("keep", "museum", "anna", 5)
    project.undo()
    assert list(project.hints) == [hint]
    assert project.hints.set(hint.id, color="#ff0000") is None
    assert project.hints.set(hint.id, radius=None) is not None
    project.save()
    assert read_project(project.path).document.hints[0].radius is None


def test_a_moved_hint_keeps_a_radius_of_the_same_unit(project: Project) -> None:
    project.hints.add(10, 20, "red", frame=3, radius=5)
    project.hints.move(1, 12, 20)
    (row,) = project.hints
    assert (row.x, row.radius) == (12, 5)
    project.hints.move(1, 0.5, 0.25, frame=41, unit="fraction")
    (row,) = project.hints
    assert (row.frame, row.x, row.radius, row.unit) == (41, 0.5, None, "fraction")
    assert len(project.shots[1].hints) == 1


@pytest.mark.parametrize(
    ("values", "text"),
    [({"x": 700}, "outside"), ({"color": "reddish"}, "reddish"), ({"frame": 100}, "frame 100")],
)
def test_impossible_changes_of_hints_are_refused(
    project: Project, values: dict[str, object], text: str
) -> None:
    project.hints.add(10, 20, "red", frame=3)
    with pytest.raises(UsageError, match=text):
        project.hints.set(1, **values)
    with pytest.raises(UsageError, match="no hint 2; there are 1"):
        project.hints.move(2, 0, 0)
    assert len(project.history) == 2


def test_shots_without_saturation_are_kept_gray(project: Project) -> None:
    project.shots[0].set(saturation=0)
    assert [is_kept_gray(project.document, n) for n in (0, 1)] == [True, False]
    project.set(saturation=0)
    project.shots[0].set(saturation=0.5)
    assert [is_kept_gray(project.document, n) for n in (0, 1)] == [False, True]
