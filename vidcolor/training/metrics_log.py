"""The log of a run: one JSON object a line, so that a killed run loses its last line at most."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vidcolor.errors import OutputError
from vidcolor.fileio import describe_os_error
from vidcolor.training.plots import Line, Panel, draw_curves
from vidcolor.training.validation import ValidationMetrics

if TYPE_CHECKING:
    from pathlib import Path

FILE = "log.jsonl"
_LOSSES = {
    "rebalanced": "rebalanced cross-entropy",
    "cross_entropy": "plain",
    "divergence": "from the start",
}
_PICTURES = {"picture": "log of the mean square error"}
_COLORS = {
    "agreement": "true color that was painted (share)",
    "variation": "blotches (a*b* units)",
}
_OPPONENTS = {"discriminator": "discriminator", "deception": "generator"}


class MetricsLog:
    """Losses and figures by step, kept on disk and drawn.

    Attributes:
        rows: what was logged: ``{"step": 40, "losses": {…}, "rate": …}`` and
            ``{"step": 40, "figures": {…}}``.
    """

    def __init__(self, path: Path, steps_done: int) -> None:
        """Open the log, without what was logged after the checkpoint that a run goes on from.

        Args:
            path: the file; made if there is none.
            steps_done: of the checkpoint; 0 begins a new log.
        """
        self._path = path
        self.rows = [r for r in _read(path) if r["step"] <= steps_done] if steps_done else []
        self._write("".join(json.dumps(row) + "\n" for row in self.rows), "w")

    def add(self, step: int, **values: Any) -> None:
        """Log something that was seen after `step` steps."""
        row = {"step": step, **values}
        self.rows.append(row)
        self._write(json.dumps(row) + "\n", "a")

    def figures(self) -> list[tuple[int, ValidationMetrics]]:
        """All measurements, by step."""
        return _figures(self.rows)

    def draw(self, path: Path) -> None:
        """Draw the curves; nothing if there is nothing yet."""
        measured = self.figures()
        draw_curves(
            path,
            [
                Panel("Loss while training (nats)", self._lines(_LOSSES)),
                Panel("Painted pictures while training", self._lines(_PICTURES)),
                Panel("Color while training", self._lines(_COLORS)),
                Panel("Discriminator and generator (hinge)", self._lines(_OPPONENTS)),
                Panel(
                    "Held-out photographs: PSNR (dB)",
                    [
                        Line("ours", [(s, f.psnr) for s, f in measured], True),
                        Line("gray", [(s, f.gray_psnr) for s, f in measured]),
                        Line("with 10 hints", [(s, f.hinted_psnr) for s, f in measured], True),
                    ],
                ),
                Panel(
                    "Held-out photographs: colorfulness (% of the truth's)",
                    [Line("ours", [(s, 100 * f.colorfulness) for s, f in measured], True)],
                ),
            ],
        )

    def _lines(self, names: dict[str, str]) -> list[Line]:
        rows = [row for row in self.rows if "losses" in row]
        return [
            Line(label, [(r["step"], r["losses"][n]) for r in rows if n in r["losses"]])
            for n, label in names.items()
        ]

    def _write(self, text: str, mode: str) -> None:
        try:
            with self._path.open(mode, encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise OutputError(f"{self._path}: {describe_os_error(error)}") from error


def read_figures(path: Path) -> list[tuple[int, ValidationMetrics]]:
    """All measurements of a log, by step; none if there is no log."""
    return _figures(_read(path))


def _figures(rows: list[dict[str, Any]]) -> list[tuple[int, ValidationMetrics]]:
    return [(r["step"], ValidationMetrics(**r["figures"])) for r in rows if "figures" in r]


def _read(path: Path) -> list[dict[str, Any]]:
    """The lines that are whole."""
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    for line in lines:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows
