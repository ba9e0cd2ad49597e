"""The request to colorize one film, and its result."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from vidcolor.film.plan import plan_film, plan_sequence
from vidcolor.film.sources import FrameSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vidcolor.film.plan import FilmPlan
    from vidcolor.film.titles import TitleSpan
    from vidcolor.hints.overlays import LostHint
    from vidcolor.media.sequence import ImageSequence
    from vidcolor.options import ColorizeOptions
    from vidcolor.progress import ProgressCallback
    from vidcolor.provenance import ProjectRevision, Provenance
    from vidcolor.titles.burnt_in import BurntInText
    from vidcolor.uncertainty import ShotUncertainty


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Consecutive shots of a project that are rendered without the others."""

    shots: range
    """Indices of the shots, from 0. They start and end at cuts or fades."""
    frames: range
    """Indices of their frames."""
    added: tuple[int, ...] = ()
    """Indices of shots that were not asked for, but dissolve into those that were."""

    @property
    def numbers(self) -> str:
        """The numbers of the shots, from 1, such as ``12-15``."""
        first, last = self.shots.start + 1, self.shots.stop
        return str(first) if first == last else f"{first}-{last}"

    def describe_added(self) -> list[str]:
        """Return a warning if there are shots that were not asked for."""
        if not self.added:
            return []
        shots = ", ".join(str(index + 1) for index in self.added)
        is_one = len(self.added) == 1
        return [
            f"shot{'' if is_one else 's'} {shots} {'is' if is_one else 'are'} also rendered, "
            "because dissolves connect the shots"
        ]


@dataclass(frozen=True)
class FilmRequest:
    """A film or an image sequence to colorize."""

    source: Path
    """The film, or the pattern or folder of the image sequence."""
    target: Path
    options: ColorizeOptions
    sequence: ImageSequence | None = None
    """The source if it is an image sequence."""
    progress: ProgressCallback | None = None
    project: ProjectRevision | None = None
    """The project whose decisions the options contain."""
    cache: Path | None = None
    """Cache directory of the project: its segments are reused, and each shot is a segment."""
    excerpt: Excerpt | None = None
    """The shots of the project to render; None for the whole film."""

    @property
    def min_segment_s(self) -> Fraction | None:
        """Minimum duration of a segment; see `RenderJob`.

        With a cache, every shot is a segment, so that a change of one shot moves no other segment.
        """
        return None if self.cache is None else Fraction(0)

    @property
    def source_files(self) -> Sequence[Path]:
        """All files of the source. A target that would overwrite one of them is refused."""
        return [self.source] if self.sequence is None else list(self.sequence.files.values())

    def make_plan(self) -> FilmPlan:
        """Probe the source and plan the result."""
        if self.sequence is None:
            return plan_film(self.source, self.target, self.options)
        return plan_sequence(self.sequence, self.target, self.options)

    def make_source(self, plan: FilmPlan) -> FrameSource:
        """Return the description of the source that workers open."""
        media, options = self.sequence or self.source, self.options
        keeps_color = bool(options.trust) or options.titles == "tint"
        return FrameSource(media, plan.video, options.gray_from, keeps_color)


@dataclass(frozen=True, slots=True)
class FilmResult:
    """A finished film and how it was made."""

    source: Path
    target: Path
    num_frames: int
    seconds: float
    """Wall-clock time of the run."""
    warnings: tuple[str, ...]
    damaged: bool
    """True if the source is damaged or truncated; the result holds every frame that could be
    read."""
    provenance: Provenance
    plan: FilmPlan
    shot_uncertainty: tuple[ShotUncertainty, ...] = ()
    """Uncertainty of each shot; empty if the generator has no confidence."""
    titles: tuple[TitleSpan, ...] = ()
    """Title cards and blank leader, which got no color but that of ``--titles tint``."""
    burnt_in_text: tuple[BurntInText, ...] = ()
    """Text at the same place in all frames, such as time code, which got no color."""
    lost_hints: tuple[LostHint, ...] = ()
    """Frames in which the objects of hints are not found."""
    resumed_frames: int = 0
    """Number of frames that an earlier, interrupted run had colorized."""

    @property
    def frames_per_second(self) -> float:
        """Speed of this run; resumed frames are not counted."""
        return (self.num_frames - self.resumed_frames) / self.seconds if self.seconds else 0.0
