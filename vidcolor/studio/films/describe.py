"""A film as JSON: what the project says, and nothing else."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from vidcolor._version import __version__
from vidcolor.hints.discs import DEFAULT_RADIUS
from vidcolor.hints.io import is_keep, parse_color
from vidcolor.project.approvals import compute_shot_digest, get_state, is_kept_gray
from vidcolor.project.describe import count_decisions, find_evidence, summarize_changes
from vidcolor.project.history import find_undone, merge_changes
from vidcolor.project.options import make_options
from vidcolor.studio.names import find_given_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vidcolor.project.document import ProjectDocument
    from vidcolor.project.rows import Change, ProjectHint, ProjectReference, SourceRow

REV_LENGTH = 12
"""Number of characters of the revision of a shot."""
SHOWN_OPTIONS = (
    "vividness", "saturation", "titles", "purpose", "mark", "range", "sound", "encoder", "pix_fmt",
)  # fmt: skip
"""Options of the whole film that the studio shows and can change."""
NEUTRAL, KEEP = "neutral", "keep"
_IGNORED_FIELDS = {
    "shots": ("note", "evidence", "approved"),
    "hints": ("evidence", "by", "at"),
    "references": ("evidence", "by", "at"),
}
"""Fields that the color of a film does not depend on."""


def make_shot_rev(document: ProjectDocument, index: int, model: str) -> str:
    """Return a text that changes only when a picture of a shot may change.

    `model` is the model that the server uses. The frames of a dissolve depend on both of its shots.
    """
    shots, parts = document.shots, [__version__, str(document.options.get("model", model))]
    parts.append(compute_shot_digest(document, index))
    if shots[index].mixed_frames:
        parts.append(compute_shot_digest(document, index - 1))
    if index + 1 < len(shots) and shots[index + 1].mixed_frames:
        parts.append(compute_shot_digest(document, index + 1))
    return _digest(" ".join(parts))


def make_source_rev(source: SourceRow) -> str:
    """Return a text that changes only when the gray pictures of a film change."""
    return _digest(f"{__version__} {source.frames_digest} {source.digest}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:REV_LENGTH]


def dump_shot_revs(document: ProjectDocument, model: str) -> bytes:
    """Return the revisions of all shots, as JSON."""
    return _dump([make_shot_rev(document, n, model) for n in range(len(document.shots))])


def describe_document(document: ProjectDocument, name: str, revs: Sequence[str]) -> bytes:
    """Return the part of a film that its project determines, as JSON.

    `name` starts messages, and `revs` are the revisions of the shots.
    """
    source, options = document.source, make_options(document.options, name)
    stored = options.to_json()
    done, undone = find_undone(document.history)
    values = {
        "revision": document.revision,
        "num_frames": source.num_frames,
        "rate": source.rate,
        "kind": source.kind,
        "model": stored["model"],
        "options": {name: stored[name] for name in SHOWN_OPTIONS},
        "shots": [describe_shot(document, n, rev) for n, rev in enumerate(revs)],
        "references": [describe_reference(row) for row in document.get_references(None)],
        "num_decisions": count_decisions(document),
        "can_undo": bool(done),
        "can_redo": bool(undone),
        "source_rev": make_source_rev(source),
    }
    return _dump(values)


def _dump(values: Any) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


def describe_shot(document: ProjectDocument, index: int, rev: str) -> dict[str, Any]:
    """Return a shot as JSON."""
    row, span = document.shots[index], document.spans[index]
    state = get_state(document, index)
    is_gray = state != "changed" and is_kept_gray(document, index)
    return {
        "number": index + 1,
        "first": span.first,
        "end": span.end,
        "boundary": span.boundary,
        "transition": span.transition,
        "mixed_frames": span.mixed_frames,
        "state": "gray" if is_gray else state,
        "is_approved": state == "approved",
        "approved_by": None if row.approved is None else row.approved.by,
        "kind": row.kind,
        "vividness": row.vividness,
        "saturation": row.saturation,
        "model": row.model,
        "note": row.note,
        "evidence": row.evidence,
        "rev": rev,
        "hints": [describe_hint(hint, document.source) for hint in document.get_hints(index)],
        "references": [describe_reference(item) for item in document.get_references(index)],
    }


def describe_hint(row: ProjectHint, source: SourceRow) -> dict[str, Any]:
    """Return a hint as JSON, with its place and radius in fractions."""
    x, y, radius = row.x, row.y, row.radius
    if not (row.unit == "fraction" and isinstance(x, float) and isinstance(y, float)):
        hint = row.to_hint(f"hint {row.id}")
        x, y, radius = hint.x, hint.y, hint.radius
        if not hint.in_fractions:  # a pixel index denotes the center of the pixel
            x, y = (x + 0.5) / source.width, (y + 0.5) / source.height
            radius = radius and radius / min(source.width, source.height)
    return {
        "id": row.id,
        "frame": row.frame,
        "x": x,
        "y": y,
        "color": normalize_color(row.color),
        "radius": radius or DEFAULT_RADIUS,
        "evidence": row.evidence,
        "by": row.by,
    }


def normalize_color(color: str) -> str:
    """Return a color of a hint as ``#rrggbb``, ``neutral`` or ``keep``."""
    if is_keep(color):
        return KEEP
    if color.strip().lower() == NEUTRAL:
        return NEUTRAL
    rgb = parse_color(color)
    return color if rgb is None else "#{:02x}{:02x}{:02x}".format(*rgb)


def describe_reference(row: ProjectReference) -> dict[str, Any]:
    """Return a reference as JSON."""
    return {
        "id": row.id,
        "frame": row.frame,
        "name": find_given_name(row.path),
        "evidence": row.evidence,
        "by": row.by,
    }


def describe_log(history: Sequence[Change], limit: int) -> list[dict[str, Any]]:
    """Return the last changes as JSON, the newest first."""
    return [
        {
            "revision": change.revision,
            "at": change.at,
            "by": change.by,
            "do": change.do,
            "evidence": find_evidence(change),
            "summary": summarize_changes(change.changes),
            "undoes": change.undoes,
            "redoes": change.redoes,
        }
        for change in reversed(history[-limit:] if limit else history)
    ]


def is_outdated(history: Sequence[Change], revision: int) -> bool:
    """Return whether a change after a revision has changed what a rendering depends on."""
    later = merge_changes(change.changes for change in history if change.revision > revision)
    return any(_affects_color(table, rows) for table, rows in later.items())


def _affects_color(table: str, rows: Mapping[str, Any]) -> bool:
    if table in ("source", "detected"):  # the frames of a source never change
        return False
    ignored = _IGNORED_FIELDS.get(table, ())
    return any(
        not isinstance(change, dict) or any(field not in ignored for field in change)
        for change in rows.values()
    )
