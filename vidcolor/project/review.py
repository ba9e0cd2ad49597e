"""The places of a film where a person's decision about color helps most."""

from __future__ import annotations

import heapq
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from vidcolor.errors import UsageError
from vidcolor.progress import Progress
from vidcolor.project.approvals import get_state, is_kept_gray
from vidcolor.project.stills import ProjectStills
from vidcolor.project.views import ShotSequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from vidcolor.colorizer import Colorizer
    from vidcolor.progress import ProgressCallback
    from vidcolor.project.document import ProjectDocument
    from vidcolor.project.places import LikelyColor
    from vidcolor.project.still_renderer import StillRenderer
    from vidcolor.project.views import ProjectShot

DEFAULT_COUNT = 10
"""Number of places by default."""


@dataclass(frozen=True, slots=True)
class ReviewPlace:
    """A place in a frame of a film, and what the generator knows about its color."""

    shot: int
    """Number of the shot, from 1."""
    frame: int
    """Number of the middle frame of the shot, from 0."""
    x: float
    """Distance from the left edge, as a fraction of the displayed width."""
    y: float
    """Distance from the top edge, as a fraction of the displayed height."""
    num_frames: int
    """Number of frames of the shot."""
    area: float
    """Area of the object at this place, as a fraction of the frame."""
    confidence: float
    """Mean confidence on the object, 0 to 1."""
    priority: float
    """`Place.priority` multiplied by `num_frames`."""
    colors: tuple[LikelyColor, ...]
    """Likely colors by decreasing probability; empty if the generator has no distribution."""

    @property
    def at(self) -> str:
        """The position as the option ``--at`` takes it."""
        return f"{self.x:.1%},{self.y:.1%}"

    @property
    def color(self) -> str:
        """The most likely color; ``COLOR`` if the generator has no distribution."""
        return self.colors[0].color if self.colors else "COLOR"

    def to_json(self) -> dict[str, Any]:
        """Return the values for JSON."""
        values = asdict(self)
        for name in ("x", "y", "area", "confidence", "priority"):
            values[name] = round(values[name], 4)
        values["colors"] = [
            {"color": item.color, "share": round(item.share, 3)} for item in self.colors
        ]
        return {**values, "at": self.at}


def rank_places(
    document: ProjectDocument,
    indices: Iterable[int],
    renderer: StillRenderer,
    count: int = DEFAULT_COUNT,
    progress: Callable[[int, int], None] | None = None,
) -> list[ReviewPlace]:
    """Return the places of highest priority: uncertainty × area × time on screen.

    Approved shots, titles and shots without saturation are left out, and objects that have a hint.
    The middle frame of each shot is examined.

    Args:
        document: the content of the project.
        indices: the shots to examine.
        renderer: reads and predicts the frames.
        count: maximum number of places.
        progress: called after each shot with their number and that of all.

    Raises:
        UsageError: the count is not positive, or the generator does not estimate its confidence.
        InputError: the source has changed.
    """
    if count < 1:
        raise UsageError(f"count must be at least 1, got {count}")
    renderer.colorizer.check_has_confidence()
    indices = [
        index
        for index in indices
        if get_state(document, index) != "approved" and not is_kept_gray(document, index)
    ]
    best: list[ReviewPlace] = []
    for done, index in enumerate(indices, 1):
        lowest = best[-1].priority if len(best) == count else 0.0
        found = _find_in_shot(document, index, renderer, count, lowest)
        best = heapq.nsmallest(count, [*best, *found], key=lambda p: (-p.priority, p.frame))
        if progress is not None:
            progress(done, len(indices))
    return best


def _find_in_shot(
    document: ProjectDocument,
    index: int,
    renderer: StillRenderer,
    count: int,
    lowest: float,
) -> list[ReviewPlace]:
    """Return places of a shot; none if all of them have at most the priority `lowest`."""
    review = ShotReview(document, index, renderer)
    # The segmentation of an image takes longer than everything else.
    return [] if review.max_priority <= lowest else review.find(count)


class ShotReview:
    """The examination of one shot, which can be done in parts."""

    def __init__(self, document: ProjectDocument, index: int, renderer: StillRenderer) -> None:
        """Examine the middle frame of the shot with an index, from 0.

        Raises:
            UsageError: the generator does not estimate its confidence.
            InputError: the source has changed.
        """
        from vidcolor.project.places import PlaceFinder

        renderer.colorizer.check_has_confidence()
        span = document.spans[index]
        self._shot, self._num_frames = index + 1, span.end - span.first
        self._frame = (span.mixed_range.stop + span.end) // 2
        examined, self._finder = renderer.examine(document, self._frame), None
        if examined is not None:
            self._finder = PlaceFinder(
                examined.prediction, examined.embedding, renderer.colorizer, examined.decided
            )

    @property
    def max_priority(self) -> float:
        """Upper limit of the priority of any place; 0 for a title."""
        return 0.0 if self._finder is None else self._finder.max_priority * self._num_frames

    def advance(self, count: int) -> bool:
        """Do a part of the work of `find`; see `PlaceFinder.advance`."""
        return self._finder is None or self._finder.advance(count)

    def find(self, count: int) -> list[ReviewPlace]:
        """Return up to `count` places by decreasing priority."""
        places = () if self._finder is None else self._finder.find(count)
        return [
            ReviewPlace(
                self._shot, self._frame, place.x, place.y, self._num_frames, place.area,
                place.confidence, place.priority * self._num_frames, place.colors,
            )
            for place in places
        ]  # fmt: skip


def make_command(project: Path, place: ReviewPlace) -> str:
    """Return the command that adds a hint at a place."""
    import shlex

    return (
        f"vidcolor project add-hint {shlex.quote(str(project))} --frame {place.frame} "
        f"--at {place.at} --color '{place.color}'"
    )


class ProjectReview(ProjectStills):
    """The methods of a project that show where decisions help."""

    def review(
        self,
        count: int = DEFAULT_COUNT,
        shots: Sequence[ProjectShot] | None = None,
        *,
        colorizer: Colorizer | None = None,
        progress: ProgressCallback | None = None,
    ) -> list[ReviewPlace]:
        """Return the places where a hint helps most: uncertainty × area × time on screen.

        Approved shots, titles and shots without saturation are left out, and objects that have a
        hint. The middle frame of each shot is examined.

        Args:
            count: maximum number of places.
            shots: the shots to examine; None for all.
            colorizer: the generator; None to load that of the project at the first call.
            progress: called after each shot.

        Returns:
            Places by decreasing priority, each with the colors that the generator considers likely.

        Raises:
            InputError: the source is missing, or has changed.
            UsageError: the generator does not estimate its confidence, or the count is not
                positive.
        """
        renderer = self.open_renderer(colorizer)
        indices = [shot.index for shot in (ShotSequence(self) if shots is None else shots)]

        def report(done: int, total: int) -> None:
            if progress is not None:
                progress(Progress(self.path, "analyze", done, total))

        return rank_places(self.document, indices, renderer, count, report)
