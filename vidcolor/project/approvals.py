"""The state of a shot: open, approved, or changed since it was approved."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Literal

from vidcolor.project.options import SHOT_OPTIONS, select_color_options

if TYPE_CHECKING:
    from vidcolor.project.document import ProjectDocument

ShotState = Literal["open", "approved", "changed"]
_DIGEST_LENGTH = 12
_HINT_FIELDS = ("frame", "x", "y", "color", "radius", "unit")


def get_state(document: ProjectDocument, index: int) -> ShotState:
    """Return the state of a shot.

    An approved shot counts as changed while anything that its color depends on differs from what
    was approved. If the change is taken back, it is approved again.
    """
    approval = document.shots[index].approved
    if approval is None:
        return "open"
    if approval.digest in (None, compute_shot_digest(document, index)):
        return "approved"
    return "changed"


def is_kept_gray(document: ProjectDocument, index: int) -> bool:
    """Return whether a person has decided that a shot gets no color: its saturation is 0."""
    saturation = document.shots[index].saturation
    if saturation is None:
        saturation = document.options.get("saturation", 1)
    return saturation == 0


def compute_shot_digest(document: ProjectDocument, index: int) -> str:
    """Return a digest of all decisions that the color of a shot depends on."""
    span, row = document.spans[index], document.shots[index]
    is_last = index + 1 == len(document.spans)
    mixed_at_end = 0 if is_last else document.spans[index + 1].mixed_frames
    references = (*document.get_references(index), *document.get_references(None))
    values: dict[str, Any] = {
        "source": document.source.frames_digest,
        "options": select_color_options(document.options),
        "frames": [span.first, span.end, span.transition, span.mixed_frames, mixed_at_end],
        "settings": [getattr(row, name) for name in ("kind", *SHOT_OPTIONS)],
        "hints": [
            [getattr(hint, name) for name in _HINT_FIELDS] for hint in document.get_hints(index)
        ],
        "references": [(reference.path, reference.frame) for reference in references],
    }
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]
