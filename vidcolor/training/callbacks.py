"""The callback interface of a training run, and the result of the run."""

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
    """State of the run after an optimizer step."""

    step: int
    """Number of steps so far."""
    steps: int | None
    """Number of steps of the whole run; None until it is computed from ``minutes``."""
    images_per_s: float
    """Speed of all processes together."""
    seconds_left: float | None
    """Estimated time until the last step; None while `steps` is None."""
    losses: dict[str, float] | None
    """Mean losses since the last log line; None between log lines."""


class Callback:
    """Base class with empty methods; a subclass overrides those that it needs."""

    def on_progress(self, progress: Progress) -> None:
        """Handle the progress of reading the source images."""

    def on_message(self, text: str) -> None:
        """Handle a message for the user."""

    def on_step(self, event: StepEvent) -> None:
        """Handle the end of an optimizer step."""

    def on_validation(self, step: int, metrics: ValidationMetrics) -> None:
        """Handle the metrics of a validation after a number of steps."""


class TrainingStoppedError(VidcolorError):
    """The run was stopped by a signal; it can resume from its checkpoint."""

    exit_code = 130


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """Result of a training run."""

    out: Path
    """The weights file."""
    folder: Path
    """Directory of the checkpoint, the log and the plots."""
    steps: int
    """Number of optimizer steps."""
    seconds: float
    """Training time over all attempts."""
    before: ValidationMetrics | None
    """Metrics of the initial weights; None without held-out photographs."""
    after: ValidationMetrics | None
    """Metrics of the final weights; None without held-out photographs."""
    already_done: bool = False
    """True if an earlier call had finished the run."""
