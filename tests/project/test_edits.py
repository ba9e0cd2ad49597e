"""Edits of projects, and undoing any sequence of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.projects import make_document
from vidcolor.errors import UsageError
from vidcolor.project import decisions, edits
from vidcolor.project.approvals import get_state
from vidcolor.project.describe import find_corrections
from vidcolor.project.document import ProjectDocument, dump_document
from vidcolor.project.parsing import parse_document
from vidcolor.project.session import ProjectSession
from vidcolor.project.store import StoredProject
from vidcolor.project.views import HintList, ReferenceList, ShotSequence
from vidcolor.shots.detector import Shot

PATH = Path("a.vidcolor.json")


def open_session(document: ProjectDocument) -> ProjectSession:
    return ProjectSession(PATH, StoredProject(document, ""), "anna")


def dump_decisions(session: ProjectSession) -> str:
    """Return the text of a project without its history."""
    return dump_document(session.document.replace(history=()))


def firsts(document: ProjectDocument) -> list[int]:
    return [row.first for row in document.shots]


@given(frame=st.integers(1, 99))
def test_split_and_merge_change_nothing(frame: int) -> None:
    before = edits.set_shot_fields(
        make_document(0, 40), [0, 1], {"vividness": 0.3, "note": "mill", "evidence": "letter"}
    )
    if frame == 40:
        return
    split = edits.split_shot(before, frame)
    index = split.index_of(frame)
    assert index
    assert split.shots[index].vividness == 0.3
    assert edits.merge_shots(split, index - 1, index) == before


@given(frame=st.integers(1, 99))
def test_move_and_move_back_change_nothing(frame: int) -> None:
    before = make_document(0, 40)
    if frame != 40:
        moved = edits.move_boundary(before, 1, frame)
        assert firsts(moved) == [0, frame]
        assert edits.move_boundary(moved, 1, 40) == before


def make_random_change(session: ProjectSession, kind: int, a: int, b: int) -> None:
    """Make one change, which may be impossible."""
    count = len(session.document.shots)
    shot = ShotSequence(session)[a % count]
    hints = [hint.id for hint in session.document.hints]
    if kind == 0:
        session.change("split", lambda document: edits.split_shot(document, a))
    elif kind == 1:
        shot.merge()
    elif kind == 2:
        shot.move(b)
    elif kind == 3:
        HintList(session).add(a, b, "keep" if b % 2 else "#7a4632", frame=b, evidence="letter")
    elif kind == 4 and hints:
        HintList(session).remove(hints[a % len(hints)])
    elif kind == 5:
        shot.set(vividness=(b % 10) / 10 if b % 3 else None)
    elif kind == 6:
        shot.write_note(f"note {b}" if b % 2 else None)
    elif kind == 7:
        decisions.approve_shots(session, range(0, count, 2))
    elif kind == 8:
        shot.set_transition("dissolve" if a % 2 else "fade", 1 + a % 4 if a % 2 else None)
    elif kind == 9:
        ReferenceList(session).add(COLOR_IMAGE, frame=b)


COLOR_IMAGE = Path(__file__).parents[2] / "samples" / "sepia.png"
CHANGES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 99), st.integers(0, 99)), max_size=8)


@settings(max_examples=60)
@given(changes=CHANGES)
def test_undoing_and_redoing_any_changes_is_exact(changes: list[tuple[int, int, int]]) -> None:
    session = open_session(make_document(0, 30, 60))
    states = [dump_decisions(session)]
    for change in changes:
        revision = session.revision
        try:
            make_random_change(session, *change)
        except UsageError:
            assert session.revision == revision, "an impossible change records nothing"
            continue
        if session.revision > revision:
            states.append(dump_decisions(session))
        assert session.get_revision(session.revision).shots == session.document.shots
    for state in reversed(states[:-1]):
        session.undo()
        assert dump_decisions(session) == state
    for state in states[1:]:
        session.redo()
        assert dump_decisions(session) == state
    text = dump_document(session.document)
    assert dump_document(parse_document(PATH, text)) == text


def test_hints_stay_in_their_frames_when_shots_change() -> None:
    session = open_session(make_document(0, 40))
    shots = ShotSequence(session)
    shots[0].hints.add("10%", "20%", "red", frame=35)
    shots[0].split(30)
    assert [len(shot.hints) for shot in shots] == [0, 1, 0]
    shots[1].move(38)
    assert [len(shot.hints) for shot in shots] == [1, 0, 0]
    shots[0].merge()
    assert [len(shot.hints) for shot in shots] == [1, 0]
    for expected in ([1, 0, 0], [0, 1, 0], [1, 0]):
        session.undo()
        assert [len(shot.hints) for shot in shots] == expected


def test_merged_shot_keeps_texts_and_names_what_it_drops() -> None:
    document = edits.set_shot_fields(make_document(0, 40), [0], {"note": "a"})
    document = edits.set_shot_fields(document, [1], {"note": "b", "saturation": 0.5})
    assert edits.list_dropped_settings(document.shots) == ["saturation 0.5"]
    merged = edits.merge_shots(document, 0, 1).shots[0]
    assert (merged.note, merged.saturation) == ("a; b", None)


def test_approval_counts_while_the_decisions_are_those_that_were_approved() -> None:
    session = open_session(make_document(0, 40))
    first, second = ShotSequence(session)
    decisions.approve_shots(session, [0, 1])
    hint = first.hints.add(5, 5, "red", frame=3)
    assert [first.state, second.state] == ["changed", "approved"]
    HintList(session).remove(hint.id)
    assert first.state == "approved"
    first.write_note("a note does not change the color")
    assert first.state == "approved"
    second.move(41)
    assert [get_state(session.document, index) for index in (0, 1)] == ["changed", "changed"]
    first.reopen()
    assert first.state == "open"


def make_shots(*starts: int) -> list[Shot]:
    ends = [*starts[1:], 100]
    return [Shot(a, b, "cut" if a else "start") for a, b in zip(starts, ends, strict=True)]


def test_corrections_survive_new_detection() -> None:
    document = make_document(0, 20, 40, 60, 80)
    document = edits.merge_shots(document, 0, 1)  # 20
    document = edits.move_boundary(document, 2, 65)  # 60
    document = edits.split_shot(document, 90)
    document = edits.set_shot_fields(document, [1], {"note": "kept"})
    again = edits.set_detected(document, make_shots(0, 21, 42, 59, 70, 80), tolerance=3)
    assert firsts(again) == [0, 42, 65, 70, 80, 90]
    assert again.shots[1].note == "kept"
    assert [first for first, _ in find_corrections(again)] == [21, 59, 65, 90]


def test_boundaries_of_approved_shots_survive_new_detection() -> None:
    session = open_session(make_document(0, 20, 40))
    ShotSequence(session)[1].approve()
    again = edits.set_detected(session.document, make_shots(0, 70), tolerance=3)
    assert firsts(again) == [0, 20, 40, 70]


def test_list_of_shots_keeps_decisions() -> None:
    document = edits.set_shot_fields(make_document(0, 40), [1], {"vividness": 0.2})
    replaced = edits.replace_shots(document, make_shots(0, 10, 40, 50))
    assert [row.vividness for row in replaced.shots] == [None, None, 0.2, 0.2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2", [1]), ("1-3", [0, 1, 2]), ("3, 1-2", [0, 1, 2]), ("all", [0, 1, 2])],
)
def test_shot_numbers_are_parsed(text: str, expected: list[int]) -> None:
    assert edits.parse_shot_numbers(text, make_document(0, 30, 60)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4", "shot 4 does not exist; the film has 3 shots"),
        ("0", "shot 0 does not exist"),
        ("1-99999999", "shot 99999999 does not exist"),
        ("3-1", "write 1-3"),
        ("x", "does not name shots"),
    ],
)
def test_wrong_shot_numbers_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        edits.parse_shot_numbers(text, make_document(0, 30, 60))


def test_undo_of_a_revision_is_refused_where_later_ones_depend_on_it() -> None:
    session = open_session(make_document(0, 40))
    shot = ShotSequence(session)[0].split(20)
    shot.write_note("mill")
    with pytest.raises(
        UsageError, match=r"revision 2 \(split\) cannot be undone: the shot at frame 20"
    ):
        session.undo(2)
    with pytest.raises(UsageError, match="made the project"):
        session.undo(1)
    with pytest.raises(UsageError, match="no revision 9"):
        session.undo(9)
    with pytest.raises(UsageError, match="nothing to redo"):
        session.redo()
