"""What a preview shows of each shot: its decisions, and some of its frames."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING

from vidcolor.project.preview.marks import draw_marks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vidcolor.colorizer import Colorizer
    from vidcolor.imaging.types import Rgb
    from vidcolor.project.api import Project
    from vidcolor.project.approvals import ShotState
    from vidcolor.project.views import ProjectShot


@dataclass(frozen=True, slots=True)
class PreviewStill:
    """A frame of a shot."""

    frame: int
    time_s: float | None
    """Time from the start of the film, in seconds; None if the frame rate is unknown."""
    gray: Rgb
    """The source with outlines of the least certain regions and the hints of the frame."""
    color: Rgb
    """The still in color, without marks."""
    num_hints: int
    num_regions: int


@dataclass(frozen=True, slots=True)
class PreviewShot:
    """A shot with its decisions and some of its frames."""

    number: int
    first: int
    last: int
    """Last frame, inclusive."""
    state: ShotState
    decisions: tuple[str, ...]
    """Kind, settings, hints and references of the shot."""
    note: str | None
    evidence: str | None
    stills: tuple[PreviewStill, ...]


def choose_frames(shot: ProjectShot, count: int) -> tuple[int, ...]:
    """Return the frames of a shot that are shown, in order.

    They are the middle frames of equal parts of the frames that show this shot alone. Frames with
    hints take the places of the nearest ones.
    """
    first, end = shot.span.mixed_range.stop, shot.end
    length = max(end - first, 1)
    count = min(count, length)
    frames = [min(first, end - 1) + (2 * n + 1) * length // (2 * count) for n in range(count)]
    hinted = dict.fromkeys(hint.frame for hint in shot.hints)
    for frame in islice(hinted, count):
        free = [n for n, other in enumerate(frames) if other not in hinted]
        if frame not in frames and free:
            frames[min(free, key=lambda n: abs(frames[n] - frame))] = frame
    return tuple(sorted(set(frames)))


def make_preview_shot(
    project: Project,
    shot: ProjectShot,
    frames: Sequence[int],
    size: tuple[int, int],
    colorizer: Colorizer | None,
) -> PreviewShot:
    """Return what a preview shows of a shot, with stills of a maximum width and height."""
    row, rate = shot.row, project.document.source.rate
    start = project.options.start or Fraction(0)
    stills = []
    for frame in frames:
        still = project.make_still(frame, max_size=size, colorizer=colorizer)
        time_s = None if rate is None else float(start + frame / Fraction(rate))
        gray = draw_marks(still.gray, still.regions, still.discs, still.size)
        stills.append(
            PreviewStill(frame, time_s, gray, still.color, len(still.discs), len(still.regions))
        )
    return PreviewShot(
        number=shot.number,
        first=shot.first,
        last=shot.end - 1,
        state=shot.state,
        decisions=tuple(_list_decisions(project, shot)),
        note=row.note,
        evidence=row.evidence,
        stills=tuple(stills),
    )


def _list_decisions(project: Project, shot: ProjectShot) -> Iterator[str]:
    row = shot.row
    if row.kind is not None:
        yield row.kind
    for name in ("vividness", "saturation"):
        if (value := getattr(row, name)) is not None:
            yield f"{name} {value:g}"
    for noun, count in (("hint", len(shot.hints)), ("reference", len(shot.references))):
        if count:
            yield f"{count} {noun}{'' if count == 1 else 's'}"
    if not len(shot.references) and any(r.frame is None for r in project.references):
        yield "references without a frame are shown where they match this shot"
