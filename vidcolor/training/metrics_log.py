"""The log of a training run: losses and validation metrics, one JSON object per line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vidcolor.errors import OutputError
from vidcolor.fileio import describe_os_error
from vidcolor.training.plots import Curve, Panel, draw_curves
from vidcolor.training.validation import ValidationMetrics

if TYPE_CHECKING:
    from pathlib import Path

FILE = "log.jsonl"
"""Name of the log in the run folder."""
_DISTRIBUTION_LOSSES = {
    "rebalanced": "rebalanced cross-entropy",
    "cross_entropy": "cross-entropy",
    "distillation": "distillation",
}
"""Losses of the first panel by name, with their labels; the next three are the other panels."""
_IMAGE_LOSSES = {"image": "log mean square error"}
_COLOR_LOSSES = {
    "matched_colorfulness": "matched colorfulness (share)",
    "variation": "excess variation (a*b* units)",
}
_ADVERSARIAL_LOSSES = {"discriminator": "discriminator", "generator": "generator"}


class MetricsLog:
    """Losses and validation metrics by step, in memory and in a file.

    A killed run loses at most the last line of the file.

    Attributes:
        rows: ``{"step": 40, "losses": {…}, "rate": …}`` and ``{"step": 40, "metrics": {…}}``.
    """

    def __init__(self, path: Path, steps_done: int) -> None:
        """Open the log and drop the rows after the checkpoint that the run resumes from.

        Args:
            path: the file; created if it does not exist.
            steps_done: step of the checkpoint; 0 starts a new log.
        """
        self._path = path
        self.rows = [r for r in _read_rows(path) if r["step"] <= steps_done] if steps_done else []
        self._write("".join(json.dumps(row) + "\n" for row in self.rows), "w")

    def add(self, step: int, **values: Any) -> None:
        """Append a row.

        Args:
            step: number of steps so far.
            values: JSON values, either ``losses`` with ``rate`` and ``seconds``, or ``metrics``.
        """
        row = {"step": step, **values}
        self.rows.append(row)
        self._write(json.dumps(row) + "\n", "a")

    def metrics(self) -> list[tuple[int, ValidationMetrics]]:
        """Return all validation metrics with their steps."""
        return _metrics_of_rows(self.rows)

    def draw(self, path: Path) -> None:
        """Plot all curves to a PNG file; does nothing for an empty log."""
        validations = self.metrics()
        draw_curves(
            path,
            [
                Panel("Training loss (nats)", self._curves(_DISTRIBUTION_LOSSES)),
                Panel("Image loss", self._curves(_IMAGE_LOSSES)),
                Panel("Color of the predictions", self._curves(_COLOR_LOSSES)),
                Panel("Adversarial losses (hinge)", self._curves(_ADVERSARIAL_LOSSES)),
                Panel(
                    "Validation: PSNR (dB)",
                    [
                        Curve("colorized", [(s, m.psnr) for s, m in validations], True),
                        Curve("gray", [(s, m.gray_psnr) for s, m in validations]),
                        Curve("with 10 hints", [(s, m.hinted_psnr) for s, m in validations], True),
                    ],
                ),
                Panel(
                    "Validation: colorfulness (% of the ground truth)",
                    [Curve("colorized", [(s, 100 * m.colorfulness) for s, m in validations], True)],
                ),
            ],
        )

    def _curves(self, labels: dict[str, str]) -> list[Curve]:
        rows = [row for row in self.rows if "losses" in row]
        return [
            Curve(label, [(r["step"], r["losses"][n]) for r in rows if n in r["losses"]])
            for n, label in labels.items()
        ]

    def _write(self, text: str, mode: str) -> None:
        try:
            with self._path.open(mode, encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise OutputError(f"{self._path}: {describe_os_error(error)}") from error


def read_metrics(path: Path) -> list[tuple[int, ValidationMetrics]]:
    """Return all validation metrics of a log file with their steps; [] if there is no file."""
    return _metrics_of_rows(_read_rows(path))


def _metrics_of_rows(rows: list[dict[str, Any]]) -> list[tuple[int, ValidationMetrics]]:
    return [(r["step"], ValidationMetrics(**r["metrics"])) for r in rows if "metrics" in r]


def _read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the complete lines of a log file."""
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    for line in lines:
        try:
            rows.append(json.loads(line))
        except ValueError:  # the last line of a killed run
            continue
    return rows
