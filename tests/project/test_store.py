"""Project files: reading, writing, hand edits, versions and other processes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from tests.helpers.projects import make_document, write_color_image
from vidcolor.errors import BusyError, ConflictError, InputError, OutputError, UsageError
from vidcolor.fileio import atomic_output
from vidcolor.project import store
from vidcolor.project.api import Project
from vidcolor.project.document import ProjectDocument, dump_document
from vidcolor.project.edits import add_rows
from vidcolor.project.parsing import parse_document
from vidcolor.project.rows import Change
from vidcolor.project.store import cache_path, lock_project, read_project, write_project

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = Path(__file__).parents[2] / "docs" / "schemas" / "project.json"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A project file with three shots, a hint and a note."""
    path = tmp_path / "reel.vidcolor.json"
    write_project(path, make_document(0, 30, 60), None)
    with Project.open(path, by="anna") as project:
        project.shots[1].hints.add("41%", "63%", "#7a4632", evidence="museum no. 1931-7")
        project.shots[1].write_note("the dress is brown")
    return path


def edit_text(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_file_has_one_decision_on_each_line(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert '  {"first": 30, "note": "the dress is brown"},' in lines
    assert sum('"evidence": "museum no. 1931-7"' in line for line in lines) == 2, "and its change"
    before = set(lines)
    with Project.open(path, by="ben") as project:
        project.shots[2].set(vividness=0.4)
    new = [line for line in path.read_text().splitlines() if line not in before]
    assert len(new) == 4, "the revision, the shot, the comma of the change before, and the change"


def test_file_is_valid(path: Path, tmp_path: Path) -> None:
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    with Project.open(path) as project:
        project.set(vividness=0.3, purpose="archive", encoder_options="level=3 crf=18")
        project.shots[0].approve()
        project.references.add(write_color_image(tmp_path / "painted.png"), frame=2)
    document = json.loads(path.read_text())
    assert not list(validator.iter_errors(document))
    document["options"]["vividness"] = "high"
    document["shots"][0]["transition"] = "wipe"
    assert len(list(validator.iter_errors(document))) == 2


def test_unknown_fields_are_kept(path: Path) -> None:
    edit_text(path, '"first": 30', '"first": 30, "grade": {"lift": 1}')
    edit_text(path, '"frame": 45', '"frame": 45, "seen_by": ["ben"]')
    edit_text(path, '"kind": "film"', '"kind": "film", "archive": "M-17"')
    edit_text(path, ' "shots": [', ' "studio": {"zoom": 2},\n "shots": [')
    with Project.open(path) as project:
        project.shots[1].set(saturation=0.5)
    document = json.loads(path.read_text())
    assert document["shots"][1]["grade"] == {"lift": 1}
    assert document["hints"][0]["seen_by"] == ["ben"]
    assert document["source"]["archive"] == "M-17"
    assert document["studio"] == {"zoom": 2}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"note":', '"noet":', r"shot 2: unknown key 'noet'; did you mean 'note'"),
        ('"color": "#7a4632"', '"color": "redd"', r"hint 1: 'redd' is not a color"),
        ('"frame": 45', '"frame": -4', r"hint 1: frame must be 0 or more, got -4"),
        ('"frame": 45', '"farme": 45', r"hint 1: unknown key 'farme'; did you mean 'frame'"),
        ('"frame": 45', '"frame": 100', r"hint 1: frame 100 does not exist; the film has 100"),
        ('"x": "41%"', '"x": "141%"', r"hint 1: 141%, 63% is outside the frame"),
        ('"first": 30', '"first": "x"', r"shot 2: first must be an integer, got 'x'"),
        ('"first": 30', '"first": 60', r"shot 2 and shot 3 both start at frame 60"),
        ('"first": 30', '"first": 30, "vividness": 7', r"vividness must be in \[0, 1\], got 7"),
        ('"first": 30', '"first": 30, "mark": true', r"mark cannot be set for one shot"),
        ('"first": 30', '"first": 30, "transition": "wipe"', r"one of start, cut, dissolve, fade"),
        ('{"first": 60}', '{"first": 600}', r"starts at frame 600, but the film has 100 frames"),
        ('"options": {}', '"options": {"satturation": 1}', r"did you mean 'saturation'"),
        ('"options": {}', '"options": {"saturation": 9}', r"must be in \[0, 3\], got 9"),
        ('"options": {}', '"options": {"device": "cpu"}', r"a project has no option 'device'"),
        ('"hints": [', '"hnits": [', r"unknown key 'hnits'; did you mean 'hints'"),
        ('"version": 1', '"version": 2', r"a later vidcolor wrote"),
        ('"version": 1', '"version": "1"', r"version '1' is not supported"),
        ('"format": "vidcolor project"', '"format": "x"', r"not a project"),
        ('"revision": 2, "at"', '"revision": 9, "at"', r"revisions in history do not rise"),
        ('"num_frames": 100', '"num_frames": 0', r"source: num_frames must be 1 or more"),
        (
            '"do": "note", "changes"',
            '"do": "note", "changes": 4, "x"',
            r"change 3: changes must be",
        ),
    ],
)
def test_hand_edit_with_a_fault_is_refused(path: Path, old: str, new: str, message: str) -> None:
    edit_text(path, old, new)
    text = path.read_text()
    with pytest.raises(UsageError, match=message) as error:
        Project.open(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    assert path.read_text() == text


def test_fault_is_named_with_its_line(path: Path) -> None:
    edit_text(path, '{"first": 60}', '{"first": 60, "vividness": 7}')
    lines = path.read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if '"vividness": 7' in text)
    with pytest.raises(UsageError, match=rf"json: line {line}: shot 3: vividness must"):
        Project.open(path)
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4))
    with pytest.raises(UsageError, match=r"json: line \d+: shot 3: vividness must"):
        Project.open(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON: Expecting property name"),
        ('{"format": "vidcolor project", "version": 1, "version": 1}', "'version' is given twice"),
        ("<<<<<<< HEAD", "not valid JSON"),
    ],
)
def test_text_that_is_not_json_is_refused(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        Project.open(path)


def test_edit_by_hand_is_recorded_and_can_be_undone(path: Path) -> None:
    before = path.read_text()
    edit_text(path, '"first": 30, "note"', '"first": 32, "vividness": 0.2, "note"')
    with Project.open(path) as project:
        assert [change.do for change in project.history] == ["new", "add-hint", "note", "edit"]
        assert project.shots[1].first == 32
        project.shots[0].write_note("added later")
    with Project.open(path) as project:
        assert [change.revision for change in project.history] == [1, 2, 3, 4, 5]
        project.undo()
        change, undone = project.undo()
        assert (change.undoes, undone.do) == (4, "edit")
    shots = json.loads(before)["shots"]
    assert json.loads(path.read_text())["shots"] == shots


def test_change_of_another_person_is_not_overwritten(path: Path) -> None:
    mine, other = Project.open(path, by="anna"), Project.open(path, by="ben")
    other.shots[0].set(vividness=0.9)
    other.save()
    mine.shots[2].set(vividness=0.1)
    with pytest.raises(ConflictError, match=r"set by ben \(revision 4\)"):
        mine.save()
    assert [shot.row.vividness for shot in Project.open(path).shots] == [0.9, None, None]
    mine.reload()
    mine.shots[2].set(vividness=0.1)
    mine.save()
    assert [shot.row.vividness for shot in Project.open(path).shots] == [0.9, None, 0.1]


def test_hand_edit_and_removal_while_open_are_not_overwritten(path: Path) -> None:
    project = Project.open(path)
    project.shots[0].write_note("mine")
    edit_text(path, "the dress is brown", "the dress is red")
    with pytest.raises(ConflictError, match="edited by hand"):
        project.save()
    path.unlink()
    with pytest.raises(InputError, match="no such file"):
        project.save()
    assert not path.exists()


LOCKER = """
import sys, time
from pathlib import Path
from vidcolor.project.store import lock_project
with lock_project(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.mark.slow
def test_other_process_waits_until_the_lock_is_free(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", LOCKER, str(path), "1.5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        monkeypatch.setattr(store, "LOCK_TIMEOUT_S", 0.1)
        with pytest.raises(BusyError, match="is changing this project"), Project.edit(path):
            pass
        monkeypatch.setattr(store, "LOCK_TIMEOUT_S", 30.0)
        with Project.edit(path) as project:
            project.shots[0].write_note("after the other process")
    assert Project.open(path).shots[0].row.note == "after the other process"


def test_lock_survives_removal_of_the_cache(path: Path) -> None:
    with lock_project(path):
        assert cache_path(path).is_dir()
    Project.open(path).clean()
    assert not cache_path(path).exists()
    with Project.open(path) as project:
        project.shots[0].write_note("works")


def test_failed_block_writes_nothing(path: Path) -> None:
    text = path.read_text()
    with pytest.raises(ZeroDivisionError), Project.open(path) as project:
        project.shots[0].write_note("lost")
        _ = 1 / 0
    with pytest.raises(ZeroDivisionError), Project.edit(path) as project:
        project.shots[0].write_note("lost")
        _ = 1 / 0
    assert path.read_text() == text


def test_file_that_cannot_be_written_is_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = path.read_text()

    def fail(target: Path, force: bool = True) -> Any:
        raise OutputError(f"{target}: the disk is full")

    monkeypatch.setattr(store, "atomic_output", fail)
    project = Project.open(path)
    project.shots[0].write_note("more")
    with pytest.raises(OutputError, match="the disk is full"):
        project.save()
    assert project.has_unsaved_changes
    assert path.read_text() == text
    monkeypatch.setattr(store, "atomic_output", atomic_output)
    project.save()
    assert not project.has_unsaved_changes


def test_link_is_kept(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "other" / "link.vidcolor.json"
    link.parent.mkdir()
    link.symlink_to(path)
    with Project.open(link) as project:
        project.shots[0].write_note("through the link")
    assert link.is_symlink()
    assert Project.open(path).shots[0].row.note == "through the link"


def test_earlier_version_is_migrated() -> None:
    document = make_document(0, 30)
    values = json.loads(dump_document(document))
    values["version"], values["cuts"] = 0, values.pop("shots")

    def rename(old: dict[str, Any]) -> dict[str, Any]:
        return {"shots" if key == "cuts" else key: value for key, value in old.items()}

    migrations: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {0: rename}
    migrated = parse_document(Path("a"), json.dumps(values), migrations)
    assert dump_document(migrated) == dump_document(document)


def make_large_document() -> ProjectDocument:
    """Return a project with 2,000 shots and 5,000 hints, each added by one change."""
    document = make_document(*range(0, 260_000, 130), num_frames=260_000)
    stamp = {"by": "anna", "at": "2026-01-01T00:00:00Z", "evidence": "museum no. 1931-7"}
    rows = [
        {"frame": 51 * n, "x": "41.25%", "y": "63.5%", "color": "#7a4632", **stamp}
        for n in range(5000)
    ]
    document = add_rows(document, "hints", rows)
    changes = [
        Change(
            revision=n,
            at="2026-01-01T00:00:00Z",
            by="anna",
            do="add-hint",
            changes={"hints": {str(hint.id): [None, hint.to_json()]}},
        )
        for n, hint in enumerate(document.hints, 2)
    ]
    return document.replace(history=(*document.history, *changes))


@pytest.mark.slow
def test_project_of_a_long_film_is_small_and_opens_fast(tmp_path: Path) -> None:
    path = tmp_path / "reel.vidcolor.json"
    write_project(path, make_large_document(), None)
    assert path.stat().st_size < 5e6
    start = time.process_time()
    project = Project.open(path)
    assert time.process_time() - start < 2, "1 s on an idle machine"
    assert (len(project.shots), len(project.hints)) == (2000, 5000)
    project.shots[1999].write_note("last")
    project.save()
    assert read_project(path).document.revision == 5002
