"""Decisions about several shots, each recorded as one change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidcolor.errors import UsageError
from vidcolor.project import edits
from vidcolor.project.approvals import compute_shot_digest, get_state
from vidcolor.project.options import SHOT_OPTIONS
from vidcolor.project.rows import Approval
from vidcolor.project.session import format_now
from vidcolor.schema import suggest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.project.document import ProjectDocument
    from vidcolor.project.rows import Change
    from vidcolor.project.session import ProjectSession
    from vidcolor.shots.detector import Transition

SHOT_FIELDS = ("kind", *SHOT_OPTIONS)
"""Names of what `set_shots` sets."""


def set_shots(
    session: ProjectSession,
    indices: Sequence[int],
    values: dict[str, Any],
    evidence: str | None = None,
) -> Change | None:
    """Set the kind or options of several shots in one change; None for those of the film.

    Raises:
        UsageError: an option is invalid, or cannot be set for one shot.
    """
    for name in values:
        if name not in SHOT_FIELDS:
            raise UsageError(
                f"{session.path}: {name} cannot be set for one shot{suggest(name, SHOT_FIELDS)}"
            )
    values = values if evidence is None else {**values, "evidence": evidence}
    return session.change(
        "set", lambda document: edits.set_shot_fields(document, indices, values), evidence
    )


def set_transitions(
    session: ProjectSession,
    indices: Sequence[int],
    transition: Transition,
    mixed_frames: int | None = None,
    evidence: str | None = None,
) -> Change | None:
    """Change how several shots start, in one change.

    Raises:
        UsageError: the first shot is among them, or `mixed_frames` does not fit.
    """

    def edit(document: ProjectDocument) -> ProjectDocument:
        for index in indices:
            document = edits.set_transition(document, index, transition, mixed_frames)
        return document

    return session.change("set", edit, evidence)


def write_note(
    session: ProjectSession, indices: Sequence[int], text: str | None, evidence: str | None = None
) -> Change | None:
    """Replace the note of several shots in one change; None removes it."""
    values = {"note": text} | ({} if evidence is None else {"evidence": evidence})
    return session.change(
        "note", lambda document: edits.set_shot_fields(document, indices, values), evidence
    )


def approve_shots(
    session: ProjectSession, indices: Sequence[int], evidence: str | None = None
) -> Change | None:
    """Approve several shots as they are now, in one change."""
    document, at = session.document, format_now()
    open_shots = [index for index in indices if get_state(document, index) != "approved"]
    shots = list(document.shots)
    for index in open_shots:
        approval = Approval(by=session.by, at=at, digest=compute_shot_digest(document, index))
        shots[index] = shots[index].replace(approved=approval)
    return session.change(
        "approve", lambda document: document.replace(shots=tuple(shots)), evidence
    )


def reopen_shots(
    session: ProjectSession, indices: Sequence[int], evidence: str | None = None
) -> Change | None:
    """Take back the approval of several shots in one change."""
    return session.change(
        "reopen",
        lambda document: edits.set_shot_fields(document, indices, {"approved": None}),
        evidence,
    )
