"""The request to colorize one film, and its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vidcolor.film.plan import FilmPlan
    from vidcolor.film.sources import FrameSource
    from vidcolor.media.sequence import ImageSequence
    from vidcolor.options import ColorizeOptions
    from vidcolor.progress import ProgressCallback
    from vidcolor.provenance import Provenance
    from vidcolor.uncertainty import ShotUncertainty


@dataclass(frozen=True)
class FilmRequest:
    """A film or an image sequence to colorize."""

    source: Path
    """The film, or the pattern or folder of the image sequence."""
    target: Path
    source_files: Sequence[Path]
    """All files of the source. A target that would overwrite one of them is refused."""
    options: ColorizeOptions
    make_plan: Callable[[], FilmPlan]
    """Probes the source and plans the result."""
    make_source: Callable[[FilmPlan], FrameSource]
    """Returns the description of the source that workers open."""
    sequence: ImageSequence | None = None
    """The source if it is an image sequence."""
    progress: ProgressCallback | None = None


@dataclass(frozen=True, slots=True)
class FilmResult:
    """A finished film and how it was made."""

    source: Path
    target: Path
    num_frames: int
    """Number of frames of the result."""
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
    resumed_frames: int = 0
    """Number of frames that an earlier, interrupted run had colorized."""

    @property
    def frames_per_second(self) -> float:
        """Speed of this run; resumed frames are not counted."""
        return (self.num_frames - self.resumed_frames) / self.seconds if self.seconds else 0.0
