"""What a run tells whoever watches it, and what it ends with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidcolor.errors import VidcolorError

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.progress import Progress
    from vidcolor.training.validation import ValidationMetrics


@dataclass(frozen=True, slots=True)
class StepEvent:
    """An update was made."""

    step: int
    """Updates so far."""
    steps: int | None
    """Of the whole run; None while it is being worked out."""
    pictures_per_s: float
    seconds_left: float | None
    losses: dict[str, float] | None
    """Means since the last report; only now and then."""


class Callback:
    """Is told how a run goes; this one ignores it all."""

    def read(self, progress: Progress) -> None:
        """A picture was read."""

    def said(self, text: str) -> None:
        """Something worth knowing."""

    def stepped(self, event: StepEvent) -> None:
        """An update was made."""

    def measured(self, step: int, figures: ValidationMetrics) -> None:
        """The held-out photographs were measured."""


class TrainingStoppedError(VidcolorError):
    """Asked to stop; the run can go on from its checkpoint."""

    exit_code = 130


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a run ended with."""

    out: Path
    """The weights."""
    folder: Path
    """Checkpoint, log and pictures."""
    steps: int
    seconds: float
    before: ValidationMetrics | None
    """Of the starting weights; None without held-out photographs."""
    after: ValidationMetrics | None
    done_before: bool = False
    """Whether there was nothing left to do."""
