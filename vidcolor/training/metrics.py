"""What a training run reports: metrics, log, events and result."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from vidcolor.errors import OutputError, VidcolorError
from vidcolor.fileio import describe_os_error
from vidcolor.schema import Record

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.progress import Progress

LOG_FILE = "log.jsonl"
"""Name of the log in the run folder."""

Rounded = Annotated[float, AfterValidator(lambda value: round(value, 5))]


class ValidationMetrics(Record):
    """Means over the measured photographs at the default vividness."""

    psnr: Rounded
    """PSNR of the colorized image in dB."""
    gray_psnr: Rounded
    """PSNR of the gray image in dB, the baseline."""
    hinted_psnr: Rounded
    """PSNR of the image that is colorized with ten hints of the true color, in dB."""
    colorfulness: Rounded
    """Colorfulness of the colorized images relative to the ground truth."""
    cross_entropy: Rounded
    """Cross-entropy without class weights in nats."""
    num_images: int
    """Number of measured photographs."""

    @property
    def gain(self) -> float:
        """PSNR over that of the gray image, in dB."""
        return self.psnr - self.gray_psnr


class LogRow(Record):
    """One line of the log: mean losses since the previous line, or the metrics of a validation."""

    step: int
    """Number of steps so far."""
    losses: dict[str, float] | None = None
    rate: float | None = None
    """Learning rate relative to its maximum."""
    seconds: int | None = None
    """Training time over all attempts."""
    metrics: ValidationMetrics | None = None


class MetricsLog:
    """The log of a run in memory and in a file with one JSON object per line.

    A killed run loses at most the last line of the file.
    """

    def __init__(self, path: Path, steps_done: int) -> None:
        """Open the log and drop the rows after the checkpoint that the run resumes from.

        Args:
            path: the file; created if it does not exist.
            steps_done: step of the checkpoint; 0 starts a new log.
        """
        self._path = path
        self.rows = [row for row in read_log(path) if row.step <= steps_done] if steps_done else []
        self._write(self.rows, "w")

    def add(self, row: LogRow) -> None:
        """Append a row."""
        self.rows.append(row)
        self._write([row], "a")

    def _write(self, rows: list[LogRow], mode: str) -> None:
        lines = [json.dumps(row.model_dump(exclude_none=True)) + "\n" for row in rows]
        try:
            with self._path.open(mode, encoding="utf-8") as file:
                file.writelines(lines)
        except OSError as error:
            raise OutputError(f"{self._path}: {describe_os_error(error)}") from error


def read_log(path: Path) -> list[LogRow]:
    """Return the complete rows of a log file; [] if there is no file."""
    rows = []
    lines = path.read_bytes().splitlines() if path.exists() else []
    for line in lines:
        try:
            rows.append(LogRow.model_validate_json(line))
        except ValueError:  # the last line of a killed run
            continue
    return rows


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
